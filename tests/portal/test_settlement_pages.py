"""Pages of settlements in process: what they tell, what may be done from them, by whom, and what they cost."""

from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from api.filters import PublicIdFilter
from events.models import Audit
from onboarding.models import Merchant
from payments import services
from payments.models import Settlement, SettlementSchedule, Transfer
from payments.portal.filters import SettlementPanel
from tenancy.actors import system
from tenancy.roles import Role
from tenancy.services import update_application
from tenancy.transactions import transaction
from tests.factories.payments import make_bank_account
from tests.factories.tenancy import PASSWORD
from tests.portal.pages import CONFIRM, rows, text_of
from tests.portal.settled import SETTLEMENTS, SettledShop, page_of
from tests.portal.shop import hidden_of

pytestmark = pytest.mark.django_db

MINUS = "\N{MINUS SIGN}"
NONE = "\N{EN DASH} None"
RETURNS_R02 = {"account_number": "123120007"}


@pytest.fixture
def shop() -> SettledShop:
    return SettledShop()


def both(answer: Any) -> Any:
    """The rows of a list, each with its cells."""
    return zip(answer.context["resources"], answer.context["rows"], strict=True)


def schedule_of(shop: SettledShop) -> str:
    return f"/dashboard/merchants/{shop.merchant.public_id}/settlement-schedule/"


def test_list_tells_status_net_and_flags(shop: SettledShop) -> None:
    shop.closed(10_000, fee=300)
    shop.accrued(2_550)

    answer = shop.browser(Role.ADMIN).get(SETTLEMENTS)

    page = text_of(answer)
    assert "Own Bakery Accruing 25.50 USD 1 Due" in page
    assert "Own Bakery Awaiting approval First payout New bank account 97.00 USD of 100.00 USD 1" in page
    assert "First payout" in page
    assert 'title="Nothing was paid to this merchant in this currency before."' in answer.content.decode()
    assert "2 settlements" in page


def test_filters_narrow_the_list(shop: SettledShop) -> None:
    closed, accruing = shop.closed(10_000, fee=300), shop.accrued(2_550)
    client = shop.browser()

    found = {
        query: [row.pk for row in client.get(f"{SETTLEMENTS}?{query}").context["resources"]]
        for query in (
            "status=PENDING", "amount=100", "amount.gte=30", "amount.lt=30", "processor=DUMMY_V1", "processor=VISA_V1",
            "currency=eur", f"merchant_id={shop.merchant.public_id}", f"id={closed.public_id}", "q=own",
            f"q={accruing.public_id}", "q=other",
        )
    }  # fmt: skip

    one, other = [accruing.pk], [closed.pk]
    assert list(found.values()) == [
        one,
        other,
        other,
        one,
        one + other,
        [],
        [],
        one + other,
        other,
        one + other,
        one,
        [],
    ]


def test_every_filter_has_a_label_and_every_id_says_so() -> None:
    filters = SettlementPanel.base_filters

    assert [name for name, found in filters.items() if not found._label or "_" in found._label] == []
    assert [
        name for name, found in filters.items() if isinstance(found, PublicIdFilter) and not found.extra["help_text"]
    ] == []


def test_page_adds_up_what_it_comes_to(shop: SettledShop) -> None:
    shop.paid(10_000, fee=300)
    charge = rows(Transfer)[0]
    shop.refund(charge, 4_000)
    shop.decided(shop.closed(), "ACCEPTED")
    settlement = shop.accrued(2_550, fee=50)
    shop.refund(rows(Transfer)[-1], 100)
    settlement = shop.accrued()

    page = text_of(shop.browser(Role.PLATFORM).get(page_of(settlement)))

    parts = (
        "Sales 1 25.50 USD",
        f"Refunds and bank returns 1 {MINUS}1.00 USD",
        f"Carried over from an earlier settlement 1 {MINUS}40.00 USD",
        f"Before fees 3 {MINUS}15.50 USD",
        f"Fees {NONE} {MINUS}0.50 USD",
        f"Net {NONE} {MINUS}16.00 USD",
    )
    assert " ".join(parts) in page


def test_page_of_a_paid_one_tells_where_the_money_is(shop: SettledShop) -> None:
    settlement = shop.paid(10_000, fee=300)
    (deposit,) = shop.deposits()
    assert deposit.expected_on is not None

    answer = shop.browser(Role.PLATFORM).get(page_of(settlement))

    page = text_of(answer)
    assert f"On its way to Bank account •••• 0016 The bank should have it on {deposit.expected_on:%A}" in page
    assert f'<code title="{deposit.trace_id}">' in answer.content.decode()
    assert f"/dashboard/deposits/{deposit.public_id}/" in answer.content.decode()
    assert f"/dashboard/transfers/{deposit.public_id}/" not in answer.content.decode()
    assert "Settlements to pay" in page
    assert (answer.context["close_url"], answer.context["pay_url"], answer.context["decide_url"]) == ("", "", "")
    shop.pass_time(timedelta(days=5).total_seconds())
    later = text_of(shop.browser(Role.PLATFORM).get(page_of(settlement)))
    assert "Paid to Bank account •••• 0016 It should be on the bank account since" in later
    assert "97.00 USD Paid Bank account" in later
    transfer = text_of(shop.browser(Role.PLATFORM).get(f"/dashboard/transfers/{deposit.public_id}/"))
    assert "Deposit of 97.00 USD" in transfer
    assert f"Pays {settlement.public_id}" in transfer


def test_page_follows_a_deposit_until_it_is_sent(shop: SettledShop) -> None:
    settlement = shop.decided(shop.closed(10_000), "ACCEPTED")
    client = shop.browser()

    before = client.get(page_of(settlement))
    unchanged = client.get(before.context["following"]["url"], headers={"HX-Request": "true"})
    shop.work()
    after = client.get(before.context["following"]["url"], headers={"HX-Request": "true"})

    assert "Being paid to Bank account •••• 0016" in text_of(before)
    assert unchanged.status_code == 204
    assert (after.status_code, after.context["following"]) == (200, None)


def test_returned_deposit_is_told_and_paid_again() -> None:
    shop = SettledShop(account=RETURNS_R02, sandbox_profile="finix-2026")
    settlement = shop.paid(10_000)
    shop.pass_time()
    other = make_bank_account(shop.identity, account_number="123456")
    client = shop.browser(Role.PLATFORM)

    page = client.get(page_of(settlement))
    assert "The bank returned the deposit: 100.00 USD is to be paid R02" in text_of(page)
    back = next(row for row in rows(Transfer) if row.subtype == "SYSTEM")
    transfers = client.get("/dashboard/transfers/")
    signs = {row.pk: MINUS in cells["cells"][0] for row, cells in both(transfers)}
    assert (signs[shop.deposits()[0].pk], signs[back.pk]) == (True, False)
    assert "Returned deposit of 100.00 USD" in text_of(client.get(f"/dashboard/transfers/{back.public_id}/"))
    pay = page.context["pay_url"]
    form = client.get(pay)
    assert [key for key, _ in form.context["form"]["destination"].field.choices] == [
        other.public_id, shop.bank_account.public_id,
    ]  # fmt: skip
    told = hidden_of(form) | {"amount": "60.00", "destination": other.public_id}
    look = client.post(pay, {**told, "step": "review"}, follow=True)
    assert "Pay 60.00 USD? To Bank account •••• 3456" in text_of(look)
    assert len(shop.deposits()) == 1
    for _ in range(2):
        answer = client.post(pay, {**told, "step": "pay"}, follow=True)
    shop.work()

    assert "40.00 USD is still to be paid" in text_of(answer)
    assert [(row.amount, row.subtype) for row in shop.deposits()] == [
        (10_000, "SETTLEMENT_MERCHANT"), (6_000, "SPLIT_PAYOUT"),
    ]  # fmt: skip
    assert shop.again(settlement).unfunded_amount == 4_000


@pytest.mark.parametrize(
    ("told", "error"),
    [
        ({"amount": "100.01"}, "At most 100.00 USD is still to be paid."),
        ({"amount": "0"}, "An amount above 0 is needed."),
        ({"amount": "ten"}, "Enter an amount like 1,250.00."),
        ({"destination": "PInone"}, "Choose one of the list."),
        ({"left": "9000"}, "100.00 USD is still to be paid now, not 90.00 USD as when this page was shown."),
    ],
)
def test_payment_that_cannot_be_is_refused_in_the_form(told: dict[str, str], error: str) -> None:
    shop = SettledShop(account=RETURNS_R02, sandbox_profile="finix-2026")
    settlement = shop.paid(10_000)
    shop.pass_time()
    client = shop.browser(Role.PLATFORM)
    pay = f"{page_of(settlement)}pay/"
    form = hidden_of(client.get(pay)) | {"amount": "10.00", "destination": shop.bank_account.public_id, "step": "pay"}

    answer = client.post(pay, form | told)

    assert error in text_of(answer)
    assert len(shop.deposits()) == 1


def test_where_no_part_is_paid_the_whole_is() -> None:
    shop = SettledShop(account=RETURNS_R02, sandbox_profile="finix-2026", allow_split_payouts=False)
    settlement = shop.paid(10_000)
    shop.pass_time()
    client = shop.browser(Role.PLATFORM)
    pay = f"{page_of(settlement)}pay/"
    form = hidden_of(client.get(pay)) | {"amount": "10.00", "destination": shop.bank_account.public_id, "step": "pay"}

    answer = client.post(pay, form)
    client.post(pay, form | {"amount": "100.00"})

    assert "All 100.00 USD is paid at once: the processor lets no part of it be." in text_of(answer)
    assert [deposit.amount for deposit in shop.deposits()] == [10_000, 10_000]


def test_payment_asks_for_a_proof_and_keeps_what_was_filled_in() -> None:
    shop = SettledShop(account=RETURNS_R02, sandbox_profile="finix-2026")
    settlement = shop.paid(10_000)
    shop.pass_time()
    client = shop.browser(Role.PLATFORM)
    pay = f"{page_of(settlement)}pay/"
    told = hidden_of(client.get(pay)) | {"amount": "60.00", "destination": shop.bank_account.public_id}
    with time_machine.travel(timezone.now() + timedelta(minutes=6), tick=True):
        asked = [client.get(pay), *(client.post(pay, told | {"step": step}) for step in ("review", "pay"))]
        nothing = len(shop.deposits())
        (address,) = parse_qs(urlsplit(asked[-1]["Location"]).query)["next"]
        back = client.post(CONFIRM, {"password": PASSWORD, "next": address})
        review = client.get(back["Location"])
        client.post(pay, hidden_of(review) | {"step": "pay"})

    assert [answer["Location"].partition("?")[0] for answer in asked] == [CONFIRM] * 3
    assert nothing == 1
    assert "Pay 60.00 USD?" in text_of(review)
    assert [deposit.amount for deposit in shop.deposits()] == [10_000, 6_000]


def test_settlement_is_closed_once(shop: SettledShop) -> None:
    settlement = shop.accrued(10_000)
    client = shop.browser(Role.PLATFORM)
    address = client.get(page_of(settlement)).context["close_url"]
    look = client.get(address)
    key = look.context["key"]

    answers = [client.post(address, {"key": key}, follow=True) for _ in range(2)]

    assert "Close the settlement now?" in text_of(look)
    assert ["Waits for a decision" in text_of(answer) for answer in answers] == [True, True]
    assert shop.again(settlement).status == "AWAITING_APPROVAL"
    with transaction(by=system()):
        assert Audit.objects.filter(action="close_settlement").count() == 1
    again = client.post(address, {"key": "another"})
    assert "The settlement is awaiting approval; it was closed already." in text_of(again)


def test_chosen_transfers_leave_it_all_or_none(shop: SettledShop) -> None:
    settlement = shop.closed(10_000, 2_550, 5_000)
    first, second, third = rows(Transfer)
    client = shop.browser()
    address = f"{page_of(settlement)}remove/"
    assert client.get(page_of(settlement)).content.decode().count('class="row-select"') == 3

    look = client.get(address, {"selected": [first.public_id, third.public_id]})
    assert "Net now 175.50 USD Taken out 150.00 USD Net afterwards 25.50 USD" in text_of(look)
    assert shop.again(settlement).entry_count == 3
    told = {"key": look.context["key"], "selected": [first.public_id, third.public_id]}
    for _ in range(2):
        answer = client.post(address, told, follow=True)
        assert "Settlement of 25.50 USD" in text_of(answer)
    gone = client.post(address, {"key": "new", "selected": [second.public_id, first.public_id]})

    assert "Not all of them are in the settlement any more. Nothing was removed" in text_of(gone)
    assert (shop.again(settlement).entry_count, shop.again(settlement).total_amount) == (1, 2_550)
    assert shop.accrued().total_amount == 15_000


@pytest.mark.parametrize(
    ("selected", "told"),
    [([], "Tick the box of one or more transfers"), (["TRx", "x"], "Tick the box"), (["TRx"] * 101, "At most 100")],
)
def test_nothing_is_removed_where_nothing_can_be(shop: SettledShop, selected: list[str], told: str) -> None:
    settlement = shop.closed(10_000)
    client = shop.browser()

    for answer in (
        client.get(f"{page_of(settlement)}remove/", {"selected": selected}),
        client.post(f"{page_of(settlement)}remove/", {"selected": selected, "key": "k"}),
    ):
        assert (answer.status_code, told in text_of(answer)) == (200, True)
    assert shop.again(settlement).entry_count == 1


def test_decided_settlement_lets_nothing_go(shop: SettledShop) -> None:
    settlement = shop.paid(10_000)
    (sale, _) = rows(Transfer)
    client = shop.browser()
    page = client.get(page_of(settlement))

    answer = client.post(f"{page_of(settlement)}remove/", {"selected": [sale.public_id], "key": "k"})

    assert "row-select" not in page.content.decode()
    assert "nothing leaves it any more" in text_of(answer)
    assert shop.again(settlement).entry_count == 1


def test_tags_are_replaced(shop: SettledShop) -> None:
    settlement = shop.accrued(10_000)
    client = shop.browser()
    address = f"{page_of(settlement)}edit/"
    key = hidden_of(client.get(address))["key"]

    refused = client.post(address, {"key": key, "tags": "no colon"})
    long = client.post(address, {"key": key, "tags": f"{'x' * 41}: y"})
    answer = client.post(address, {"key": key, "tags": "run: 7\nbook: A"}, follow=True)

    assert "Each line is a name, a colon and a value." in text_of(refused)
    assert "A key has at most 40 characters" in text_of(long)
    assert "The tags were saved." in text_of(answer)
    assert shop.again(settlement).tags == {"run": "7", "book": "A"}


def test_what_is_ready_is_settled_now(shop: SettledShop) -> None:
    shop.sale(10_000, fee=300)
    merchant = f"/dashboard/merchants/{shop.merchant.public_id}/"
    client = shop.browser()
    assert "Settle now" not in text_of(client.get(merchant))
    shop.pass_time()
    assert f'href="{merchant}settle/"' in client.get(merchant).content.decode()

    look = client.get(f"{merchant}settle/")
    assert "1 transfer 97.00 USD" in text_of(look)
    told = {"key": look.context["key"], "currency": "USD"}
    answers = [client.post(f"{merchant}settle/", told, follow=True) for _ in range(2)]

    assert ["Settlement of 97.00 USD" in text_of(answer) for answer in answers] == [True, True]
    assert "1 entry was taken in. The settlement is paid once it is closed and approved." in text_of(answers[0])
    assert len(rows(Settlement)) == 1
    assert "Nothing of the merchant is ready to settle." in text_of(client.get(f"{merchant}settle/"))
    update_application(
        application=shop.application, values={"settlement_enabled": False}, by=system(), at=timezone.now()
    )
    assert "Settlements are switched off" in text_of(client.get(f"{merchant}settle/"))


def test_what_was_taken_out_is_not_ready_for_the_same_settlement(shop: SettledShop) -> None:
    settlement = shop.accrued(10_000, 2_000)
    removed = rows(Transfer)[0]
    services.remove_transfers(settlement=settlement, transfer_ids=[removed.pk], by=system(), at=timezone.now())
    merchant = f"/dashboard/merchants/{shop.merchant.public_id}/"
    client = shop.browser()

    look = client.get(f"{merchant}settle/")
    answer = client.post(f"{merchant}settle/", {"key": "k", "currency": "USD"}, follow=True)

    assert "Settle now" not in text_of(client.get(merchant))
    assert "Nothing of the merchant is ready to settle." in text_of(look)
    assert "Nothing more was ready." in text_of(answer)
    services.close_settlement(settlement=settlement, by=system(), at=timezone.now())
    assert "1 transfer 100.00 USD" in text_of(client.get(f"{merchant}settle/"))


def test_merchant_keeps_a_schedule_of_its_own_or_follows(shop: SettledShop) -> None:
    settlement = shop.accrued(10_000)
    client = shop.browser(Role.PLATFORM)
    application = f"/dashboard/applications/{shop.application.public_id}/settlement-schedule/"
    for page in (schedule_of(shop), application):
        assert client.get(page).status_code == 200

    def save(page: str, **told: str) -> str:
        key = hidden_of(client.get(page))["key"]
        days = {"weekday": "1", "monthday": "1"}
        return text_of(client.post(page, {"key": key, **days, **told}, follow=True))

    assert "The schedule was saved." in save(application, frequency="MANUAL")
    assert shop.again(settlement).closes_at is None
    assert "Closes by hand" in text_of(client.get(page_of(settlement)))
    assert "As for the whole application: by hand" in text_of(client.get(schedule_of(shop)))
    save(schedule_of(shop), frequency="WEEKLY", weekday="3")
    closes_at = shop.again(settlement).closes_at
    assert closes_at is not None
    assert (closes_at.isoweekday(), closes_at.hour) == (3, 0)
    save(application, frequency="MONTHLY", monthday="31")
    assert shop.again(settlement).closes_at == closes_at
    merchant = text_of(client.get(f"/dashboard/merchants/{shop.merchant.public_id}/"))
    assert "Settlement schedule set to Every week on Wednesday" in merchant
    save(schedule_of(shop), frequency="APPLICATION")
    assert [(row.merchant_id, row.frequency, row.day) for row in _schedules()] == [(None, "MONTHLY", 31)]
    closes_at = shop.again(settlement).closes_at
    assert closes_at is not None
    assert closes_at.day >= 28
    with transaction(by=system()):
        assert Audit.objects.filter(action="set_settlement_schedule").count() == 4


def test_schedule_without_a_choice_is_refused(shop: SettledShop) -> None:
    client = shop.browser(Role.PLATFORM)

    for told, error in (
        ({}, "Choose one."),
        ({"frequency": "YEARLY"}, "Choose one of the list."),
        ({"frequency": "WEEKLY", "weekday": ""}, "Choose a day."),
    ):
        assert error in text_of(client.post(schedule_of(shop), {"key": "k", **told}))
    assert _schedules() == []


def test_due_settlement_stays_due(shop: SettledShop) -> None:
    settlement = shop.accrued(10_000)
    now = shop.application.business_time(timezone.now())
    with transaction(by=system()):
        Settlement.objects.filter(pk=settlement.pk).update(closes_at=now)
    client = shop.browser(Role.PLATFORM)

    client.post(schedule_of(shop), {"key": "k", "frequency": "MANUAL"})

    assert shop.again(settlement).closes_at == now


def _schedules() -> list[SettlementSchedule]:
    with transaction(by=system()):
        return list(SettlementSchedule.objects.order_by("merchant_id"))


PLATFORM_ONLY = {Role.ADMIN, Role.PLATFORM}


@pytest.mark.parametrize("role", list(Role))
def test_who_may_do_what(shop: SettledShop, role: Role) -> None:
    settlement = shop.accrued(10_000)
    foreign = SettledShop("Foreign")
    theirs = foreign.accrued(2_000)
    client = shop.browser(role)
    page, is_platform, is_merchant = page_of(settlement), role in PLATFORM_ONLY, role == Role.MERCHANT
    merchant = f"/dashboard/merchants/{shop.merchant.public_id}/"
    expected = {
        SETTLEMENTS: 200,
        page: 200,
        f"{page}close/": 200 if is_platform else 403,
        f"{page}pay/": 200 if is_platform else 403,
        f"{page}remove/": 403 if is_merchant else 200,
        f"{page}edit/": 403 if is_merchant else 200,
        f"{merchant}settle/": 403 if is_merchant else 200,
        f"{merchant}settlement-schedule/": 200 if is_platform else 403,
        f"/dashboard/applications/{shop.application.public_id}/settlement-schedule/": 200 if is_platform else 403,
        page_of(theirs): 200 if is_platform else 404,
        f"{page_of(theirs)}remove/": 403 if is_merchant else 200 if is_platform else 404,
        f"{SETTLEMENTS}STnonsense/": 404,
    }

    found = {address: client.get(address).status_code for address in expected}

    assert found == expected
    sees = {row.pk for row in client.get(SETTLEMENTS).context["resources"]}
    assert sees == ({settlement.pk, theirs.pk} if is_platform else {settlement.pk})


def test_merchant_is_told_no_flags_and_no_ledger_of_others(shop: SettledShop) -> None:
    settlement = shop.closed(10_000)
    client = shop.browser(Role.MERCHANT)

    pages = [client.get(address) for address in (SETTLEMENTS, page_of(settlement))]

    for page in pages:
        assert "First payout" not in text_of(page)
        assert "FIRST_PAYOUT" not in text_of(page)
    assert "A person of the platform looks at it before it is paid." in text_of(pages[1])
    assert ["Settlements to pay" in text_of(page) for page in pages] == [False, True]
    shop.decided(settlement, "ACCEPTED")
    shop.work()
    assert "Clearing at the processor" not in text_of(client.get(page_of(settlement)))
    for act in ("close", "pay", "remove", "edit"):
        assert client.post(f"{page_of(settlement)}{act}/", {"key": "k"}).status_code == 403


def test_merchant_sees_its_own_alone(shop: SettledShop) -> None:
    other = SettledShop.beside(shop)
    settlement = other.accrued(2_000)
    client = shop.browser(Role.MERCHANT)

    assert client.get(page_of(settlement)).status_code == 404
    assert client.get(SETTLEMENTS).context["resources"] == []


def test_entries_are_paged(shop: SettledShop) -> None:
    settlement = shop.accrued(*range(1_000, 1_026))
    client = shop.browser()

    first = client.get(page_of(settlement))
    second = client.get(f"{page_of(settlement)}{first.context['older_url']}")

    assert (len(first.context["rows"]), len(second.context["rows"])) == (25, 1)
    assert {row["key"] for row in first.context["rows"]}.isdisjoint({row["key"] for row in second.context["rows"]})
    assert "26 entries" in text_of(second)


def test_cost_does_not_grow_with_rows(shop: SettledShop) -> None:
    client = shop.browser(Role.ADMIN)
    settlement = shop.accrued(1_000)
    for address in (SETTLEMENTS, page_of(settlement)):
        client.get(address)
    costs = {}
    for count in ("one", "three"):
        for name, address in (("list", SETTLEMENTS), ("page", page_of(settlement))):
            with CaptureQueriesContext(connection) as queries:
                client.get(address)
            costs[name, count] = len(queries)
        SettledShop("Birch").accrued(1_000)
        SettledShop("Cedar").accrued(1_000)
        shop.accrued(1_000, 2_000)

    assert costs["list", "one"] == costs["list", "three"] <= 27
    assert costs["page", "one"] == costs["page", "three"] <= 31


def test_empty_list_teaches(shop: SettledShop) -> None:
    assert "No settlement yet" in text_of(shop.browser().get(SETTLEMENTS))


def test_rejected_one_tells_why_and_what_was_in_it(shop: SettledShop) -> None:
    settlement = shop.decided(shop.closed(10_000), "REJECTED", "The shop is closed")

    answer = shop.browser().get(page_of(settlement))

    assert "Rejected The shop is closed. Nothing was paid" in text_of(answer)
    assert len(answer.context["rows"]) == 1
    assert "Before fees 1 100.00 USD" in text_of(answer)


def test_merchant_without_settlements_to_come_offers_none() -> None:
    shop = SettledShop()
    with transaction(by=system()):
        Merchant.objects.filter(pk=shop.merchant.pk).update(settlement_enabled=False)
    shop.sale(1_000)
    shop.pass_time()

    assert "Settle now" not in text_of(shop.browser().get(f"/dashboard/merchants/{shop.merchant.public_id}/"))


def test_partner_posts_in_vain_what_is_the_platforms(shop: SettledShop) -> None:
    settlement = shop.accrued(10_000)
    client = shop.browser(Role.PARTNER)

    assert client.post(f"{page_of(settlement)}close/", {"key": "k"}).status_code == 403
    assert client.post(page_of(settlement), {"take": "yes"}).status_code == 403
    assert shop.again(settlement).status == "PENDING"
