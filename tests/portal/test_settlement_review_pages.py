"""The review queue of settlements in process (WF-10): who may open it, what a preview promises, what many words do."""

from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from api.filters import PublicIdFilter
from events.models import Audit
from onboarding.models import Merchant, PaymentInstrument, ReviewItem
from onboarding.services import update_merchant
from payments import services
from payments.models import Settlement, Transfer
from payments.portal import settlement_reviews
from payments.portal.filters import WaitingSettlementPanel
from tenancy.actors import Origin, system
from tenancy.models import Person
from tenancy.roles import Role
from tenancy.services import person_actor, update_application
from tenancy.transactions import transaction
from tests.factories.payments import make_bank_account
from tests.factories.tenancy import PASSWORD, make_person
from tests.portal.exports import ask, content_of, sheet, taken
from tests.portal.pages import CONFIRM, rows, text_of
from tests.portal.settled import DECIDE, DECIDED, QUEUE, SettledShop, page_of
from tests.portal.test_review_pages import hold

pytestmark = pytest.mark.django_db

WHY = "The goods were never sent."


@pytest.fixture
def shop() -> SettledShop:
    return SettledShop()


@pytest.fixture
def waiting(shop: SettledShop) -> list[Settlement]:
    """Two that wait, oldest first, of 97.00 and 25.50 USD."""
    return [shop.closed(10_000, fee=300), shop.closed(2_550)]


@pytest.fixture
def person() -> Person:
    return make_person("ada@example.org", Role.ADMIN)


@pytest.fixture
def admin(person: Person) -> Client:
    client = Client()
    client.force_login(person)
    return client


def ids_of(shop: SettledShop, settlements: list[Settlement]) -> list[str]:
    return [shop.item(settlement).public_id for settlement in settlements]


def preview(client: Client, action: str, selected: list[str], **told: str) -> Any:
    answer = client.get(DECIDE, {"action": action, "selected": selected, **told})
    assert answer.status_code == 200
    return answer


def shown_by(answer: Any) -> dict[str, Any]:
    """What a browser sends of a preview that nobody touched."""
    able = [row for row in answer.context["rows"] if not row["why_not"]]
    hidden = {name: value for row in able for name, value in row["hidden"].items()}
    return {
        "action": answer.context["action"],
        "key": answer.context["form"]["key"].value(),
        "selected": [row["public_id"] for row in able],
        "reason": "",
        **hidden,
    }


def statuses(shop: SettledShop, settlements: list[Settlement]) -> list[str]:
    return [str(shop.again(settlement).status) for settlement in settlements]


def test_queue_is_for_the_platform(shop: SettledShop, waiting: list[Settlement]) -> None:
    for role in Role:
        client = shop.browser(role)
        expected = 200 if role in Role.of_the_platform() else 403
        found = [client.get(place).status_code for place in (QUEUE, DECIDED, f"{DECIDE}?action=approve")]
        assert found == [expected] * 3
    partner = shop.browser(Role.PARTNER)
    refused = partner.post(DECIDE, {"action": "approve", "selected": ids_of(shop, waiting), "key": "k"})
    assert (refused.status_code, "review.decide" in refused.content.decode()) == (403, True)
    assert statuses(shop, waiting) == ["AWAITING_APPROVAL"] * 2
    assert QUEUE not in partner.get(page_of(waiting[0])).content.decode()


def test_queue_and_that_of_merchants_keep_apart(shop: SettledShop, waiting: list[Settlement], admin: Client) -> None:
    item = hold(shop.application, "Alder")
    shop.decided(waiting[1], "REJECTED", WHY)

    merchants, settlements = admin.get("/dashboard/review/merchants/"), admin.get(QUEUE)

    assert [row["cells"][0] for row in merchants.context["rows"]] == ["Alder"]
    assert [row["label"] for row in settlements.context["rows"]] == ["Own Bakery, 97.00 USD"]
    assert (merchants.context["tabs"][0]["count"], settlements.context["tabs"][0]["count"]) == (1, 1)
    assert admin.get("/dashboard/review/merchants/decided/").context["rows"] == []
    assert len(admin.get(DECIDED).context["rows"]) == 1
    theirs = shop.item(waiting[0]).public_id
    assert admin.get(f"/dashboard/review/merchants/{theirs}/").status_code == 404
    assert preview(admin, "approve", [item.public_id]).context["rows"] == []
    foreign = admin.get(f"/dashboard/review/merchants/decide/?action=approve&selected={theirs}")
    assert foreign.context["rows"] == []
    assert "Waits for review" not in text_of(admin.get(f"/dashboard/merchants/?q={shop.merchant.public_id}"))


def test_navigation_counts_what_waits(shop: SettledShop, waiting: list[Settlement], admin: Client) -> None:
    page = admin.get(QUEUE).content.decode()

    assert 'id="waiting-review-settlements"' in page
    assert 'id="waiting-review-merchants"' not in page


def test_list_is_oldest_first_with_flags(shop: SettledShop, waiting: list[Settlement], admin: Client) -> None:
    answer = admin.get(QUEUE)

    assert [row["label"] for row in answer.context["rows"]] == ["Own Bakery, 97.00 USD", "Own Bakery, 25.50 USD"]
    assert waiting[0].public_id in text_of(answer)
    page = answer.content.decode()
    assert 'title="Nothing was paid to this merchant in this currency before."' in page
    assert page.count('class="row-select"') == 2


def test_filters_narrow_the_queue(shop: SettledShop, waiting: list[Settlement], admin: Client) -> None:
    shop.refund(shop.sale(1_000), 1_000)
    refunded = rows(Transfer)[0]
    shop.refund(refunded, 5_000)
    negative = shop.closed()
    first, second, third = (shop.item(settlement).pk for settlement in (*waiting, negative))

    found = {
        query: {row.pk for row in admin.get(f"{QUEUE}?{query}").context["resources"]}
        for query in (
            "flag=FIRST_PAYOUT", "flag=NEGATIVE_NET", "flag=OPEN_DISPUTES", "amount=100", "amount.gte=30",
            "amount.lte=25.50", "currency=usd", "currency=EUR", "processor_type=DUMMY_V1", "processor_type=VISA_V1",
            "outcome=MANUAL_REVIEW", f"q={waiting[1].public_id}", "q=own", "created_at.gte=2999-01-01",
            f"application_id={shop.application.public_id}",
        )
    }  # fmt: skip

    every = {first, second, third}
    assert list(found.values()) == [
        every, {third}, set(), {first}, {first}, {second, third}, every, set(), every, set(), set(), {second}, every,
        set(), every,
    ]  # fmt: skip


def test_every_filter_has_a_label_and_every_id_says_so() -> None:
    filters = WaitingSettlementPanel.base_filters

    assert [name for name, found in filters.items() if not found._label or "_" in found._label] == []
    assert [
        name for name, found in filters.items() if isinstance(found, PublicIdFilter) and not found.extra["help_text"]
    ] == []


def test_preview_tells_what_will_happen_and_the_total(
    shop: SettledShop, waiting: list[Settlement], admin: Client
) -> None:
    page = text_of(preview(admin, "approve", ids_of(shop, waiting)))

    assert "Approve 2 settlements?" in page
    assert "97.00 USD is paid to Bank account •••• 0016." in page
    assert "25.50 USD is paid to Bank account •••• 0016." in page
    assert "Net in USD 122.50 USD With a flag 2" in page
    rejecting = text_of(preview(admin, "reject", ids_of(shop, waiting)))
    assert rejecting.count("Is cancelled; its 1 entry is free for the next settlement.") == 2
    assert statuses(shop, waiting) == ["AWAITING_APPROVAL"] * 2


def test_many_are_approved_once(shop: SettledShop, waiting: list[Settlement], admin: Client, person: Person) -> None:
    told = shown_by(preview(admin, "approve", ids_of(shop, waiting)))

    answers = [admin.post(DECIDE, told) for _ in range(2)]

    for answer in answers:
        assert "2 settlements approved What is paid of each stands below." in text_of(answer)
        assert "97.00 USD is being paid to Bank account •••• 0016." in text_of(answer)
    assert statuses(shop, waiting) == ["APPROVED"] * 2
    assert [deposit.amount for deposit in shop.deposits()] == [9_700, 2_550]
    assert admin.get(QUEUE).context["rows"] == []
    decided = text_of(admin.get(DECIDED))
    assert decided.count("Approved 97.00 USD") == 1
    assert person.name in decided
    with transaction(by=system()):
        assert Audit.objects.filter(action="review_settlement").count() == 2


def test_rejection_needs_a_reason_for_each(shop: SettledShop, waiting: list[Settlement], admin: Client) -> None:
    told = shown_by(preview(admin, "reject", ids_of(shop, waiting)))
    own_reason = f"reason_{told['selected'][0]}"

    refused = admin.post(DECIDE, told)
    answer = admin.post(DECIDE, told | {"reason": WHY, own_reason: "This one only."})

    assert "Say why: the merchants read it." in text_of(refused)
    assert "2 settlements rejected What was in them is free again." in text_of(answer)
    assert statuses(shop, waiting) == ["CANCELLED"] * 2
    assert [shop.again(settlement).reason for settlement in waiting] == ["This one only.", WHY]
    assert shop.accrued().total_amount == 12_550


def test_partial_failure_stays_visible(shop: SettledShop, waiting: list[Settlement], admin: Client) -> None:
    told = shown_by(preview(admin, "approve", ids_of(shop, waiting)))
    shop.decided(waiting[0], "REJECTED", WHY)

    answer = admin.post(DECIDE, told)

    assert "1 of 2 settlements approved" in text_of(answer)
    assert "Not done This settlement was rejected already, by test." in text_of(answer)
    assert statuses(shop, waiting) == ["CANCELLED", "APPROVED"]


def test_nothing_is_approved_that_was_not_shown(shop: SettledShop, waiting: list[Settlement], admin: Client) -> None:
    shop.sale(4_000)
    third = shop.closed(1_000)
    told = shown_by(preview(admin, "approve", ids_of(shop, [third])))
    removed = rows(Transfer)[-1]
    services.remove_transfers(settlement=third, transfer_ids=[removed.pk], by=system("test"), at=timezone.now())

    answer = admin.post(DECIDE, told)

    assert "Something left the settlement since this page was shown" in text_of(answer)
    assert (statuses(shop, [third]), shop.deposits()) == (["AWAITING_APPROVAL"], [])


def test_account_that_was_shown_is_paid(shop: SettledShop, admin: Client) -> None:
    settlement = shop.closed(10_000)
    told = shown_by(preview(admin, "approve", ids_of(shop, [settlement])))
    make_bank_account(shop.identity, account_number="123456")

    admin.post(DECIDE, told)

    (deposit,) = shop.deposits()
    assert deposit.destination_id == shop.bank_account.pk


def test_account_that_is_gone_is_not_replaced(shop: SettledShop, admin: Client) -> None:
    settlement = shop.closed(10_000)
    told = shown_by(preview(admin, "approve", ids_of(shop, [settlement])))
    make_bank_account(shop.identity, account_number="123456")
    with transaction(by=system()):
        PaymentInstrument.objects.filter(pk=shop.bank_account.pk).update(enabled=False)

    answer = admin.post(DECIDE, told)

    assert "is no bank account of the merchant in USD that can be used" in text_of(answer)
    assert shop.deposits() == []


@pytest.mark.parametrize(
    ("prepare", "reason"),
    [
        ("no account", "The merchant has no bank account in USD that the settlement could be paid to."),
        ("merchant off", "Settlements are switched off for this merchant."),
        ("application off", "Settlements are switched off for all merchants of Own."),
    ],
)
def test_preview_leaves_out_what_cannot_be_paid(shop: SettledShop, admin: Client, prepare: str, reason: str) -> None:
    settlement = shop.closed(10_000)
    off = {"settlement_enabled": False}
    if prepare == "no account":
        with transaction(by=system()):
            PaymentInstrument.objects.filter(pk=shop.bank_account.pk).update(enabled=False)
    elif prepare == "merchant off":
        update_merchant(merchant=shop.merchant, values=off, by=system(), at=timezone.now())
    else:
        update_application(application=shop.application, values=off, by=system(), at=timezone.now())

    answer = preview(admin, "approve", ids_of(shop, [settlement]))

    assert f"Left out. {reason}" in text_of(answer)
    assert "Nothing to approve" in text_of(answer)
    assert "Reject Own Bakery?" in text_of(preview(admin, "reject", ids_of(shop, [settlement])))


@pytest.mark.parametrize("action", ["approve", "reject"])
@pytest.mark.parametrize("net", [None, "", "lots", "9" * 5_000])
def test_word_that_does_not_say_what_was_shown_is_refused(
    shop: SettledShop, waiting: list[Settlement], admin: Client, action: str, net: str | None
) -> None:
    (item,) = ids_of(shop, waiting[:1])
    told = {"action": action, "selected": [item], "key": "k", "reason": WHY}

    answer = admin.post(DECIDE, told if net is None else {**told, f"net_{item}": net})

    assert "Not done" in text_of(answer)
    assert statuses(shop, waiting[:1]) == ["AWAITING_APPROVAL"]


def test_negative_net_is_approved_without_a_deposit(shop: SettledShop, admin: Client) -> None:
    shop.paid(10_000)
    shop.refund(rows(Transfer)[0], 4_000)
    settlement = shop.closed()

    look = preview(admin, "approve", ids_of(shop, [settlement]))
    answer = admin.post(DECIDE, shown_by(look))

    assert "Nothing is paid; \N{MINUS SIGN}40.00 USD is carried into the next settlement." in text_of(look)
    assert "1 settlement approved What is paid of it stands below." in text_of(answer)
    assert "being paid" not in text_of(answer)
    assert (statuses(shop, [settlement]), len(shop.deposits())) == (["APPROVED"], 1)
    assert "is carried over" in text_of(admin.get(page_of(settlement)))


def test_who_closed_it_does_not_approve_it_where_two_are_asked_for(
    shop: SettledShop, admin: Client, person: Person
) -> None:
    update_application(
        application=shop.application, values={"maker_checker_enabled": True}, by=system(), at=timezone.now()
    )
    settlement = services.close_settlement(
        settlement=shop.accrued(10_000), by=person_actor(person, origin=Origin()), at=timezone.now()
    )

    look = preview(admin, "approve", ids_of(shop, [settlement]))
    page = admin.get(page_of(settlement))
    other = shop.browser(Role.PLATFORM)
    told = shown_by(preview(other, "approve", ids_of(shop, [settlement])))
    forced = admin.post(DECIDE, told | {"key": "k"})

    why = "You sent this settlement to review. The application asks for two people: somebody else has to decide."
    assert f"Left out. {why}" in text_of(look)
    assert ("Somebody else has to decide" in text_of(page), page.context["decide_url"]) == (True, "")
    assert why in text_of(forced)
    answer = other.post(DECIDE, told)
    assert "1 settlement approved" in text_of(answer)


def test_account_in_another_currency_is_not_the_one_to_pay(shop: SettledShop, admin: Client) -> None:
    settlement = shop.closed(10_000)
    newer = make_bank_account(shop.identity, account_number="123456")
    with transaction(by=system()):
        PaymentInstrument.objects.filter(pk=newer.pk).update(currency="CAD")

    look = preview(admin, "approve", ids_of(shop, [settlement]))

    assert "100.00 USD is paid to Bank account •••• 0016." in text_of(look)


def test_approval_asks_for_a_proof_and_keeps_the_reason(
    shop: SettledShop, waiting: list[Settlement], admin: Client
) -> None:
    told = shown_by(preview(admin, "approve", ids_of(shop, waiting))) | {"reason": "Looked at twice."}
    address = f"{DECIDE}?action=approve&selected={told['selected'][0]}"
    with time_machine.travel(timezone.now() + timedelta(minutes=6), tick=True):
        asked, sent = admin.get(address), admin.post(DECIDE, told)
        rejecting = preview(admin, "reject", ids_of(shop, waiting))
        nothing = (statuses(shop, waiting), shop.deposits())
        back = admin.post(CONFIRM, {"password": PASSWORD, "next": parse_qs(urlsplit(sent["Location"]).query)["next"]})
        again = admin.get(back["Location"])
        answer = admin.post(DECIDE, shown_by(again) | {"reason": again.context["form"]["reason"].value()})

    assert asked["Location"] == f"{CONFIRM}?{urlencode({'next': address})}"
    assert nothing == (["AWAITING_APPROVAL"] * 2, [])
    assert rejecting.context["able"] == 2
    assert again.context["able"] == 2
    assert "2 settlements approved" in text_of(answer)
    assert {shop.item(settlement).reason for settlement in waiting} == {"Looked at twice."}


def test_all_that_match_are_still_all_after_a_proof(
    shop: SettledShop, waiting: list[Settlement], admin: Client
) -> None:
    matching = f"{DECIDE}?action=approve&all=yes&amount.gte=30"
    told = shown_by(admin.get(matching))
    with time_machine.travel(timezone.now() + timedelta(minutes=6), tick=True):
        sent = admin.post(matching, told)

    (address,) = parse_qs(urlsplit(sent["Location"]).query)["next"]
    assert parse_qs(urlsplit(address).query) == {"action": ["approve"], "all": ["yes"], "amount.gte": ["30"]}


def test_all_that_match_are_shown_and_counted(
    shop: SettledShop, admin: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    settlements = [shop.closed(1_000 + number) for number in range(4)]
    other = SettledShop("Foreign").closed(90_000)
    matching = f"{DECIDE}?action=approve&all=yes&amount.lte=100"

    whole = admin.get(matching)
    monkeypatch.setattr(settlement_reviews, "AT_ONCE", 3)
    bounded = admin.get(matching)
    admin.post(matching, shown_by(bounded))

    assert [row["public_id"] for row in whole.context["rows"]] == ids_of(shop, settlements)
    assert "Net in USD 40.06 USD" in text_of(whole)
    assert "4 settlements match. These are the 3 that wait longest" in text_of(bounded)
    assert statuses(shop, settlements) == ["APPROVED"] * 3 + ["AWAITING_APPROVAL"]
    assert statuses(shop, [other]) == ["AWAITING_APPROVAL"]


def test_all_with_a_wrong_filter_is_nothing(shop: SettledShop, waiting: list[Settlement], admin: Client) -> None:
    answer = admin.get(f"{DECIDE}?action=approve&all=yes&amount.lte=much")

    assert answer.context["rows"] == []
    assert statuses(shop, waiting) == ["AWAITING_APPROVAL"] * 2


def test_one_is_taken_into_review_and_put_back(shop: SettledShop, admin: Client, person: Person) -> None:
    settlement = shop.closed(10_000)

    taken = admin.post(page_of(settlement), {"take": "yes"}, follow=True)
    back = admin.post(page_of(settlement), {"take": "no"}, follow=True)

    assert f"{person.name} has taken it into review." in text_of(taken)
    assert "waits for anybody again" in text_of(back)
    assert shop.item(settlement).outcome == ReviewItem.Outcome.PENDING


def test_too_many_are_refused(admin: Client) -> None:
    answer = admin.get(DECIDE, {"action": "approve", "selected": ["RKx"] * 201}, follow=True)

    assert "At most 200 settlements are decided on at once. Nothing was done; tick fewer." in text_of(answer)


def test_odd_things_sent_do_no_harm(shop: SettledShop, admin: Client) -> None:
    settlement = shop.closed(10_000)
    (item,) = ids_of(shop, [settlement])

    for told in (
        {"action": "fund", "selected": [item]},
        {"action": "approve", "selected": []},
        {"action": "approve", "selected": ["RKx", settlement.public_id], "key": "k"},
        {"action": "approve", "selected": [item], "key": ""},
        {"action": "approve", "selected": [item], "key": "k", f"net_{item}": "9999"},
        {
            "action": "approve",
            "selected": [item],
            "key": "k",
            f"net_{item}": "10000",
            f"destination_{item}": shop.card.public_id,
        },
    ):
        assert admin.post(DECIDE, told).status_code in {200, 302}
    assert (statuses(shop, [settlement]), shop.deposits()) == (["AWAITING_APPROVAL"], [])


def test_cost_does_not_grow_with_rows(shop: SettledShop, admin: Client) -> None:
    one, selected = shop.closed(1_000), []
    costs = {}
    for count in ("one", "three"):
        selected = [item.public_id for item in rows(ReviewItem)]
        for name, address in (
            ("queue", QUEUE),
            ("preview", f"{DECIDE}?action=approve&selected=" + "&selected=".join(selected)),
        ):
            with CaptureQueriesContext(connection) as queries:
                admin.get(address)
            costs[name, count] = len(queries)
        for name in ("Birch", "Cedar"):
            SettledShop(name).closed(1_000)

    assert costs["queue", "one"] == costs["queue", "three"]
    assert costs["preview", "one"] == costs["preview", "three"]
    assert shop.again(one).status == "AWAITING_APPROVAL"


def test_empty_queue_teaches(shop: SettledShop, admin: Client) -> None:
    assert "Nothing waits" in text_of(admin.get(QUEUE))
    assert "Nothing decided yet" in text_of(admin.get(DECIDED))
    with transaction(by=system()):
        assert Merchant.objects.count() == 1


def test_file_of_a_queue_tells_what_its_rows_do(shop: SettledShop) -> None:
    """Of those that wait and of those that were decided on."""
    settlement = shop.closed(10_000, 2_500, fee=300)
    client = shop.browser(Role.PLATFORM)

    (waiting,) = taken(client, "waiting-settlements")
    labels, row = sheet(content_of(ask(client, "waiting-settlements", form="XLSX")))
    shop.decided(settlement, "ACCEPTED")
    (decided,) = taken(client, "decided-settlements")

    for told in (waiting, decided):
        assert told["Settlement id"] == settlement.public_id
        amounts = (told["Before fees"], told["Fees"], told["Net"], told["Currency"])
        assert amounts == ("125.00", "6.00", "119.00", "USD")
        assert told["Flags"] == '["FIRST_PAYOUT", "BANK_ACCOUNT_CHANGED"]'
    assert row[labels.index("Net")] == 119


@pytest.mark.parametrize(
    "changes",
    [{"net": None}, {"net": "1e308"}, {"net": "9" * 5000}, {"destination": None}, {"destination": "x" * 300}],
    ids=["no net", "no number", "too long a number", "no account", "no id"],
)
def test_approval_without_what_was_shown_pays_nothing(
    shop: SettledShop, admin: Client, changes: dict[str, str | None]
) -> None:
    settlement = shop.closed(10_000)
    told = shown_by(preview(admin, "approve", ids_of(shop, [settlement])))
    (item,) = ids_of(shop, [settlement])
    for name, value in changes.items():
        told.pop(f"{name}_{item}")
        told |= {f"{name}_{item}": value} if value else {}

    answer = admin.post(DECIDE, told)

    assert "Nothing was done." in text_of(answer)
    assert (statuses(shop, [settlement]), shop.deposits()) == (["AWAITING_APPROVAL"], [])


def test_link_that_does_not_say_yes_selects_nothing(shop: SettledShop, admin: Client) -> None:
    shop.closed(10_000)

    answer = admin.get(f"{DECIDE}?action=approve&all=0")

    assert answer.context["rows"] == []
