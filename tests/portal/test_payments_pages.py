"""Pages of transfers in process: who sees what, what each state says, and what a sale by hand does and does not do."""

import re
from html import unescape
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from api.filters import PublicIdFilter
from onboarding.models import Merchant
from payments.models import Transfer
from payments.portal.filters import TransferPanel
from providers import attempts
from providers.models import Attempt
from providers.sandbox import faults
from tenancy import services as tenancy
from tenancy.actors import system
from tenancy.roles import Role
from tenancy.transactions import transaction
from tests.factories.onboarding import make_merchant_identity
from tests.factories.payments import make_bank_account, make_card, make_merchant, make_processor, make_sale
from tests.factories.tenancy import make_application
from tests.portal.pages import browser, text_of
from tests.portal.shop import TRANSFERS as LIST
from tests.portal.shop import Shop, page_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def shop() -> Shop:
    return Shop()


def transfers() -> list[Transfer]:
    with transaction(by=system()):
        return list(Transfer.objects.order_by("created_at", "id"))


def listed(answer: Any) -> list[int]:
    return [transfer.amount for transfer in answer.context["resources"]]


# --- the list


def test_list_shows_amounts_in_units_newest_first(shop: Shop) -> None:
    shop.sale(1250)
    shop.sale(123456)

    answer = shop.browser().get(LIST)

    assert listed(answer) == [123456, 1250]
    page = text_of(answer)
    assert "1,234.56 USD Succeeded Own Bakery Visa •••• 0006" in page
    assert "2 transfers" in page


@pytest.mark.parametrize(("role", "amounts"), [
    (Role.ADMIN, [300, 200, 100]), (Role.PLATFORM, [300, 200, 100]), (Role.PARTNER, [200, 100]), (Role.MERCHANT, [100]),
])  # fmt: skip
def test_each_role_sees_its_own(shop: Shop, role: Role, amounts: list[int]) -> None:
    shop.sale(100)
    sibling = make_merchant(make_merchant_identity(shop.application, doing_business_as="Sibling"))
    make_sale(sibling, shop.card, amount=200)
    Shop("Foreign").sale(300)

    answer = shop.browser(role).get(LIST)

    assert listed(answer) == amounts
    labels = [column["label"] for column in answer.context["columns"]]
    assert ("Application" in labels) == (role in Role.of_the_platform())
    assert all(len(row["cells"]) == len(labels) for row in answer.context["rows"])


def test_foreign_and_siblings_transfers_are_not_there(shop: Shop) -> None:
    foreign = Shop("Foreign").sale()
    sibling = make_sale(make_merchant(make_merchant_identity(shop.application)), shop.card)
    partner, merchant = shop.browser(), shop.browser(Role.MERCHANT)

    assert partner.get(page_of(foreign)).status_code == 404
    assert [merchant.get(page_of(transfer)).status_code for transfer in (foreign, sibling)] == [404, 404]
    assert partner.get(page_of(sibling)).status_code == 200


@pytest.mark.parametrize(
    ("query", "amounts"),
    [
        ("amount=12.50", [1250]),
        ("amount=12.5", [1250]),
        ("amount=$12.50", [1250]),
        ("amount=1,234.56", [123456]),
        ("amount=1250", []),
        ("amount.gte=12.50", [123456, 1250]),
        ("amount.gt=12.50", [123456]),
        ("amount.lt=12.50", [102]),
        ("amount.lte=12.50", [102, 1250]),
        ("amount.gte=0&amount.lte=2", [102]),
        ("state=FAILED", [102]),
        ("state=succeeded", [123456, 1250]),
        ("instrument_card_last4=0006", [102, 123456, 1250]),
        ("instrument_card_last4=0007", []),
        ("instrument_brand_type=VISA", [102, 123456, 1250]),
        ("instrument_type=BANK_ACCOUNT", []),
        ("merchant_identity_name=own+bakery", [102, 123456, 1250]),
        ("merchant_id=MU7", []),
        ("tags.key=order", [123456]),
        ("tags.key=order&tags.value=1001", [123456]),
        ("q=0006", [102, 123456, 1250]),
        ("q=nothing", []),
    ],
)
def test_filters_narrow_the_list_with_amounts_in_units(shop: Shop, query: str, amounts: list[int]) -> None:
    shop.sale(1250)
    shop.sale(123456, tags={"order": "1001"})
    shop.sale(102)

    answer = shop.browser().get(f"{LIST}?{query}")

    assert (answer.status_code, listed(answer)) == (200, amounts)


def test_filters_by_ids_find_what_they_name(shop: Shop) -> None:
    transfer = shop.sale()
    make_sale(make_merchant(make_merchant_identity(shop.application)), shop.card)
    client = shop.browser()

    for query in (
        f"id={transfer.public_id}",
        f"q={transfer.public_id}",
        f"q={transfer.trace_id}",
        f"trace_id={transfer.trace_id}",
        f"merchant_id={shop.merchant.public_id}",
        f"merchant_identity_id={shop.identity.public_id}",
    ):
        assert [row.pk for row in client.get(f"{LIST}?{query}").context["resources"]] == [transfer.pk], query


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("amount=twelve", "Enter an amount like 1,250.00."),
        ("amount.gte=12.5055", "At most 3 decimal places."),
        ("amount.lt=-1", "Must be at least 0."),
        ("amount=99999999999999", "At most 13 digits."),
        ("state=LOST", "Choose one of the list."),
    ],
)
def test_filter_that_cannot_be_read_says_so_beside_itself(shop: Shop, query: str, message: str) -> None:
    shop.sale()

    answer = shop.browser().get(f"{LIST}?{query}")

    assert listed(answer) == []
    assert message in text_of(answer)
    assert '<details class="menu" open>' in answer.content.decode()


def test_every_filter_has_a_label_and_every_id_says_so() -> None:
    filters = TransferPanel.base_filters

    assert [name for name, found in filters.items() if not found._label or "_" in found._label] == []
    unsaid = [
        name
        for name, found in filters.items()
        if isinstance(found, PublicIdFilter) and not (found._label.endswith(" id") and found.extra.get("help_text"))
    ]
    assert unsaid == []


def test_panel_begins_with_what_one_looks_for_most(shop: Shop) -> None:
    form = shop.browser().get(LIST).context["filter_form"]

    assert list(form.fields)[:4] == ["q", "state", "instrument_brand_type", "amount"]
    assert set(form.fields) == set(TransferPanel.base_filters)


def test_list_is_read_in_pages_from_either_side(shop: Shop) -> None:
    for amount in range(1000, 1027):
        shop.sale(amount)
    client = shop.browser()

    first = client.get(LIST)
    second = client.get(LIST + first.context["older_url"])
    back = client.get(LIST + second.context["newer_url"])

    assert listed(first) == list(range(1026, 1001, -1))
    assert (listed(second), listed(back)) == ([1001, 1000], listed(first))


@pytest.mark.parametrize("role", [Role.ADMIN, Role.MERCHANT])
def test_list_costs_the_same_for_one_row_and_for_three(shop: Shop, role: Role) -> None:
    client = shop.browser(role)
    shop.sale()
    client.get(LIST)  # the first request of a process checks its surroundings as well
    with CaptureQueriesContext(connection) as one:
        client.get(LIST)
    shop.sale(card=make_card(shop.buyer))
    shop.sale(card=make_card(shop.buyer))
    with CaptureQueriesContext(connection) as three:
        client.get(LIST)

    assert len(three) == len(one)


def test_empty_list_teaches_and_offers_only_what_one_may_do(shop: Shop) -> None:
    partner, merchant = (text_of(shop.browser(role).get(LIST)) for role in (Role.PARTNER, Role.MERCHANT))

    assert "No transfer yet" in partner
    assert "New sale" in partner
    assert "No transfer yet" in merchant
    assert "New sale" not in merchant
    assert "Your balance 0.00 USD" in merchant


def test_merchant_reads_its_balance_and_no_other(shop: Shop) -> None:
    shop.sale(1250, fee=50)
    shop.sale(1000)
    shop.sale(102)
    make_sale(make_merchant(make_merchant_identity(shop.application)), shop.card, amount=7700)

    page = text_of(shop.browser(Role.MERCHANT).get(LIST))

    assert "Your balance 22.00 USD" in page
    assert "Owed by the processor" not in page
    assert "Kept as fees" not in page


def test_balances_of_one_merchant_stand_over_its_transfers(shop: Shop) -> None:
    shop.sale(1250, fee=50)
    client = shop.browser()

    page = text_of(client.get(f"{LIST}?merchant_id={shop.merchant.public_id}"))

    assert (
        "Balance of Own Bakery Owed by the processor 12.50 USD Owed to the merchant 12.00 USD Kept as fees 0.50 USD"
    ) in page
    assert "Owed by" not in text_of(client.get(LIST))
    foreign = Shop("Foreign")
    foreign.sale()
    assert "Owed by" not in text_of(client.get(f"{LIST}?merchant_id={foreign.merchant.public_id}"))


def test_transactions_come_first(shop: Shop) -> None:
    client = shop.browser(Role.MERCHANT)

    assert [head["label"] for head in client.get(LIST).context["navigation"]][:2] == ["", "TRANSACTIONS"]


# --- one transfer


def test_page_of_a_sale_that_succeeded(shop: Shop) -> None:
    transfer = shop.sale(1250, fee=50, tags={"order": "1001"})

    answer = shop.browser().get(page_of(transfer))

    page = text_of(answer)
    assert "Sale of 12.50 USD Succeeded" in page
    assert answer.context["notice"] is None
    assert "Left for the merchant 12.00 USD" in page
    assert "Clearing at the processor" in page
    assert "Sum 12.50 USD 12.50 USD" in page
    assert "order 1001" in page
    assert transfer.trace_id in page
    assert "hx-get" not in answer.content.decode()
    assert answer.context["again_url"] == ""


def test_ledger_balances_for_whoever_sees_all_legs(shop: Shop) -> None:
    transfer = shop.sale(1250, fee=50)

    partner = shop.browser().get(page_of(transfer)).context
    merchant = shop.browser(Role.MERCHANT).get(page_of(transfer)).context

    assert [leg["account"] for leg in partner["ledger"]] == [
        "Clearing at the processor",
        "Merchant balance",
        "Partner fees",
    ]
    ((debit, credit),) = partner["ledger_sums"]
    assert debit == credit
    assert [leg["account"] for leg in merchant["ledger"]] == ["Merchant balance"]
    assert merchant["ledger_sums"] == []


@pytest.mark.parametrize(
    ("amount", "code", "reason"),
    [(102, "GENERIC_DECLINE", "The payment was declined."), (193, "INSUFFICIENT_FUNDS", "There is not enough money")],
)
def test_page_of_a_decline_says_why_in_words(shop: Shop, amount: int, code: str, reason: str) -> None:
    transfer = shop.sale(amount)

    answer = shop.browser().get(page_of(transfer))

    page = text_of(answer)
    assert answer.context["notice"]["level"] == "error"
    assert "Declined. The card was not charged." in page
    assert reason in page
    assert code in page
    assert "Nothing was posted" in page
    assert "Left for the merchant" not in page
    assert answer.context["again_url"] == f"{shop.form_url()}?source={shop.card.public_id}"


def test_page_of_a_sale_that_was_not_sent_says_it_is_safe(shop: Shop) -> None:
    faults.arrange(application_id=shop.application.pk, kind="UNREACHABLE", operation="sell")
    transfer = shop.sale()

    page = text_of(shop.browser().get(page_of(transfer)))

    assert transfer.state == Transfer.State.FAILED
    assert "Not carried out. The card was not charged." in page
    assert "It is safe to charge again." in page


def test_page_of_a_sale_in_a_batch_waits_for_it() -> None:
    shop = Shop(card_sale_submission_method="batch")
    transfer = shop.sale()

    answer = shop.browser().get(page_of(transfer))

    assert transfer.state == Transfer.State.PENDING
    assert answer.context["notice"]["level"] == "info"
    assert "carries it out with its next batch. Do not charge again." in text_of(answer)
    assert 'hx-trigger="every 2s"' in answer.content.decode()


@pytest.mark.parametrize("role", list(Role))
def test_page_of_an_unknown_outcome_says_not_to_charge_again(shop: Shop, role: Role) -> None:
    faults.arrange(application_id=shop.application.pk, kind="TIMEOUT_AFTER", operation="sell", times=1)
    transfer = shop.sale()

    answer = shop.browser(role).get(page_of(transfer))

    assert transfer.state == Transfer.State.PENDING
    assert answer.context["notice"]["level"] == "warning"
    page = text_of(answer)
    assert "The provider has not answered. Do not charge again yet; we keep asking." in page
    assert "Nothing is posted yet." in page
    assert answer.context["again_url"] == ""
    assert ("At the provider" in page) == (role != Role.MERCHANT)


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("OTHER_AMOUNT", "The provider's answer cannot be relied on: it speaks of another amount or currency."),
        ("MALFORMED", "The provider's answer cannot be relied on: it cannot be read."),
        ("ERROR_AFTER", "The provider answered with an error of its own."),
    ],
)
def test_page_says_what_is_wrong_with_an_answer_that_came(shop: Shop, kind: str, reason: str) -> None:
    faults.arrange(application_id=shop.application.pk, kind=kind, operation="sell", times=1)
    transfer = shop.sale()

    page = text_of(shop.browser(Role.MERCHANT).get(page_of(transfer)))

    assert transfer.state == Transfer.State.PENDING
    assert f"{reason} Do not charge again yet; we keep asking." in page


@pytest.mark.parametrize(
    "code",
    ["OTHER_TRANSFER", "SELF_CONTRADICTORY", "UNKNOWN_STATE", "CANNOT_BE_STORED", "NO_NEWS", "FORGOTTEN",
     "ADAPTER_FAILED", "CANNOT_BE_ASKED"],
)  # fmt: skip
def test_every_doubt_has_a_sentence_of_its_own(shop: Shop, code: str) -> None:
    faults.arrange(application_id=shop.application.pk, kind="TIMEOUT_BEFORE", operation="sell", times=1)
    transfer = shop.sale()
    with transaction(by=system()):
        Attempt.objects.filter(resource_id=transfer.pk).update(code=code)

    answer = shop.browser().get(page_of(transfer))

    assert "has not answered" not in answer.context["notice"]["text"]
    assert "so nothing is sent twice until that is known" in answer.context["attempts"][0]["detail"]


def test_page_says_when_nobody_asks_any_more(shop: Shop) -> None:
    faults.arrange(application_id=shop.application.pk, kind="TIMEOUT_BEFORE", operation="sell", times=1)
    transfer = shop.sale()
    with transaction(by=system()):
        Attempt.objects.filter(resource_id=transfer.pk).update(next_check_at=None)

    page = text_of(shop.browser().get(page_of(transfer)))

    assert "The provider has not answered. We have stopped asking." in page
    assert "we keep asking" not in page


@pytest.mark.parametrize("role", [Role.PARTNER, Role.MERCHANT])
def test_page_follows_a_pending_transfer_until_it_is_decided(shop: Shop, role: Role) -> None:
    faults.arrange(application_id=shop.application.pk, kind="TIMEOUT_AFTER", operation="sell", times=1)
    transfer = shop.sale()
    client = shop.browser(role)
    followed = client.get(page_of(transfer)).context["following"]["url"]

    before = client.get(followed, headers={"HX-Request": "true"})
    _resolve(transfer)
    after = client.get(followed, headers={"HX-Request": "true"})

    assert (before.status_code, before.content) == (204, b"")
    assert (after.status_code, after.context["following"]) == (200, None)
    assert "Succeeded" in text_of(after)


def test_links_lead_only_where_one_may_go(shop: Shop) -> None:
    transfer = shop.sale()

    partner = _links(shop.browser().get(page_of(transfer)))
    merchant = _links(shop.browser(Role.MERCHANT).get(page_of(transfer)))

    assert set(partner) == {"Merchant", "Identity", "Card", "Application"}
    assert all(partner.values())
    assert {label for label, url in merchant.items() if url} == {"Merchant", "Identity"}


@pytest.mark.parametrize("role", list(Role))
def test_every_link_of_a_transfer_opens(shop: Shop, role: Role) -> None:
    transfer = shop.sale()
    client = shop.browser(role)

    statuses = {
        label: client.get(url).status_code for label, url in _links(client.get(page_of(transfer))).items() if url
    }

    assert set(statuses.values()) == {200}


def test_merchant_sees_the_card_masked(shop: Shop) -> None:
    page = text_of(shop.browser(Role.MERCHANT).get(page_of(shop.sale())))

    assert "Visa •••• 0006" in page
    assert "Sean Green" not in page


@pytest.mark.parametrize("role", list(Role))
def test_providers_own_words_are_for_the_platform(shop: Shop, role: Role) -> None:
    answer = shop.browser(role).get(page_of(shop.sale()))

    is_platform = role in Role.of_the_platform()
    assert ("The provider's own words" in text_of(answer)) == is_platform
    assert ("approval_code" in answer.content.decode()) == is_platform
    assert bool(answer.context["copy"]) == is_platform


# --- a sale by hand


def test_review_says_what_will_happen_and_charges_nothing(shop: Shop) -> None:
    client = shop.browser()

    answer = client.post(shop.form_url(), shop.form(client, step="review", fee="0.50", tags="order: 1001"), follow=True)

    assert [status for _, status in answer.redirect_chain] == [302]
    page = text_of(answer)
    assert "Charges 12.50 USD to Visa •••• 0006 for Own Bakery." in page
    assert "Left for the merchant 12.00 USD" in page
    assert "order 1001" in page
    assert transfers() == []


def test_reviewed_sale_is_charged_as_it_was_shown(shop: Shop) -> None:
    client = shop.browser()
    told = shop.form(client, step="review", fee="0.50", tags="order: 1001\ntable: 7", statement_descriptor="RYE")
    review = client.post(shop.form_url(), told, follow=True).content.decode()
    hidden = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', review))

    answer = client.post(shop.form_url(), {**{name: unescape(text) for name, text in hidden.items()}, "step": "charge"})

    (transfer,) = transfers()
    assert answer["Location"] == page_of(transfer)
    assert (transfer.state, transfer.amount, transfer.fee, transfer.statement_descriptor, transfer.tags) == (
        "SUCCEEDED",
        1250,
        50,
        "RYE",
        {"order": "1001", "table": "7"},
    )
    assert "The card was charged for Own Bakery." in text_of(client.get(answer["Location"]))


def test_step_back_after_the_charge_shows_the_review_and_charges_nothing_again(shop: Shop) -> None:
    client = shop.browser()
    form = shop.form(client, step="review")
    address = client.post(shop.form_url(), form)["Location"]
    client.post(shop.form_url(), form | {"step": "charge"})

    back = client.get(address)
    client.post(shop.form_url(), form | {"step": "charge"})

    assert back.status_code == 200
    assert "Charges 12.50 USD to Visa •••• 0006" in text_of(back)
    assert len(transfers()) == 1


def test_review_that_is_too_long_for_an_address_is_shown_at_once(shop: Shop) -> None:
    client = shop.browser()
    tags = "\n".join(f"tag{number}: {'x' * 200}" for number in range(12))

    answer = client.post(shop.form_url(), shop.form(client, step="review", tags=tags))

    assert answer.status_code == 200
    assert "Charges 12.50 USD" in text_of(answer)


@pytest.mark.parametrize("change", ["amount=twelve", "source=PInope", "key="])
def test_address_of_a_review_is_judged_as_the_form_is(shop: Shop, change: str) -> None:
    client = shop.browser()
    name, _, value = change.partition("=")
    form = shop.form(client, step="review")
    query = {**form, name: value}

    answer = client.get(shop.form_url(), query)

    assert list(answer.context["form"].errors) == [name]
    assert "Review sale" in text_of(answer)


def test_change_leads_back_to_the_filled_form(shop: Shop) -> None:
    client = shop.browser()

    answer = client.post(shop.form_url(), shop.form(client, step="edit"))

    assert answer.context["form"]["amount"].value() == "12.50"
    assert "Review sale" in text_of(answer)
    assert transfers() == []


def test_form_that_is_sent_twice_charges_once(shop: Shop) -> None:
    client = shop.browser()
    form = shop.form(client)

    answers = [client.post(shop.form_url(), form) for _ in range(2)]

    (transfer,) = transfers()
    assert [answer["Location"] for answer in answers] == [page_of(transfer)] * 2
    assert "Nothing was charged a second time." in text_of(client.get(page_of(transfer)))


def test_form_of_a_decline_that_is_sent_twice_shows_the_decline(shop: Shop) -> None:
    client = shop.browser()
    form = shop.form(client, amount="1.02")

    answers = [client.post(shop.form_url(), form) for _ in range(2)]

    (transfer,) = transfers()
    assert [answer["Location"] for answer in answers] == [page_of(transfer)] * 2


def test_sent_form_with_other_values_is_asked_about_first(shop: Shop) -> None:
    client = shop.browser()
    form = shop.form(client)
    client.post(shop.form_url(), form)

    answer = client.post(shop.form_url(), form | {"amount": "20"})

    (transfer,) = transfers()
    assert "This form was sent before with other values" in text_of(answer)
    assert f'href="{page_of(transfer)}"' in answer.content.decode()
    key = answer.context["form"]["key"].value()
    client.post(shop.form_url(), form | {"amount": "20", "key": key})
    assert [transfer.amount for transfer in transfers()] == [1250, 2000]


def test_security_code_is_asked_for_beside_the_charge_where_it_is_needed(shop: Shop) -> None:
    client = shop.browser()
    card = make_card(shop.buyer, security_code=None)
    form = shop.form(client, source=card.public_id, step="review")
    control = re.compile(r'<input[^>]*name="security_code"[^>]*>')
    assert control.search(client.post(shop.form_url(), form, follow=True).content.decode()) is None
    with transaction(by=system()):
        Merchant.objects.filter(pk=shop.merchant.pk).update(card_cvv_required=True)
    charge = form | {"step": "charge"}

    review = client.post(shop.form_url(), form | {"security_code": "112"}, follow=True)
    refused = client.post(shop.form_url(), charge)
    unread = [client.post(shop.form_url(), charge | {"security_code": code}) for code in ("12", "12345", "abc")]

    address = review.redirect_chain[0][0]
    assert "112" not in address
    shown = [control.findall(answer.content.decode()) for answer in (review, refused, *unread)]
    assert all(len(found) == 1 and "value=" not in found[0] for found in shown)
    assert all('autocomplete="cc-csc"' in found[0] and " required" in found[0] for found in shown)
    assert "Charges 12.50 USD to" in text_of(refused)
    assert "this card was entered without one" in text_of(refused)
    assert [list(answer.context["form"].errors) for answer in unread] == [["security_code"]] * 3
    assert transfers() == []

    done, again = (client.post(shop.form_url(), charge | {"security_code": "112"}) for _ in range(2))
    without = client.post(shop.form_url(), charge)

    (transfer,) = transfers()
    assert (transfer.state, {answer["Location"] for answer in (done, again, without)}) == (
        "SUCCEEDED", {page_of(transfer)},
    )  # fmt: skip


def test_security_code_comes_through_no_page_where_money_is_real(shop: Shop, settings: Any) -> None:
    client = shop.browser()
    form = shop.form(client, source=make_card(shop.buyer, security_code=None).public_id, step="review")
    with transaction(by=system()):
        Merchant.objects.filter(pk=shop.merchant.pk).update(card_cvv_required=True)
    settings.IS_LIVE = True

    answer = client.post(shop.form_url(), form)

    assert "this card was entered without one" in text_of(answer)
    assert 'name="security_code"' not in answer.content.decode()


def test_decline_leads_to_its_page(shop: Shop) -> None:
    client = shop.browser()

    answer = client.post(shop.form_url(), shop.form(client, amount="1.02"), follow=True)

    assert answer.status_code == 200
    assert "Declined. The card was not charged." in text_of(answer)


def test_unknown_outcome_leads_to_its_page(shop: Shop) -> None:
    faults.arrange(application_id=shop.application.pk, kind="TIMEOUT_AFTER", operation="sell", times=1)
    client = shop.browser()

    answer = client.post(shop.form_url(), shop.form(client), follow=True)

    assert "Do not charge again yet" in text_of(answer)
    assert "was charged for" not in text_of(answer)


@pytest.mark.parametrize(
    ("changes", "field", "message"),
    [
        ({"amount": ""}, "amount", "This field is required."),
        ({"amount": "0"}, "amount", "An amount above 0 is needed."),
        ({"amount": "-5"}, "amount", "greater than or equal to 0"),
        ({"amount": "12.505"}, "amount", "USD has 2 decimal places."),
        ({"amount": "twelve"}, "amount", "Enter an amount like 1,250.00."),
        ({"amount": "NaN"}, "amount", "Enter an amount like 1,250.00."),
        ({"amount": "99999999999"}, "amount", "no more than 10 digits before the decimal point"),
        ({"currency": "EUR"}, "currency", "Select a valid choice."),
        ({"source": ""}, "source", "Choose a card, or name one by its id."),
        ({"source": "PInope"}, "source", "Select a valid choice."),
        ({"source_id": "ID123"}, "source_id", "An id that begins with PI is needed"),
        ({"source_id": "PI7RFzRDqGDwVtW9hGsLkFJy"}, "source_id", "was not found"),
        ({"fee": "12.51"}, "fee", "The fee is at most the amount"),
        ({"fee": "0.001"}, "fee", "USD has 2 decimal places."),
        ({"statement_descriptor": "X" * 21}, "statement_descriptor", "at most 20 characters"),
        ({"tags": "order 1001"}, "tags", "as name: value"),
        ({"tags": f"{'k' * 41}: x"}, "tags", "A key has at most 40 characters"),
        ({"key": ""}, "key", "This field is required."),
    ],
)
@pytest.mark.parametrize("step", ["review", "charge"])
def test_form_refuses_beside_the_field(
    shop: Shop, step: str, changes: dict[str, str], field: str, message: str
) -> None:
    client = shop.browser()

    answer = client.post(shop.form_url(), shop.form(client, **changes) | {"step": step})

    errors = answer.context["form"].errors
    assert list(errors) == [field]
    assert message in errors[field][0]
    assert transfers() == []


@pytest.mark.parametrize("step", ["review", "charge"])
def test_form_refuses_what_is_no_card_or_belongs_elsewhere(shop: Shop, step: str) -> None:
    client = shop.browser(Role.ADMIN)
    account = make_bank_account(shop.buyer)
    foreign = Shop("Foreign").card

    answers = [
        client.post(shop.form_url(), shop.form(client, source_id=source.public_id) | {"step": step})
        for source in (account, foreign)
    ]

    messages = [answer.context["form"].errors["source_id"][0] for answer in answers]
    assert messages[0] == "A sale is charged to a payment card: the processor debits no bank accounts"
    assert "was not found" in messages[1]
    assert transfers() == []


def test_form_takes_another_card_by_its_id(shop: Shop) -> None:
    client = shop.browser()
    other = make_card(shop.buyer, number="5200828282828210")

    client.post(shop.form_url(), shop.form(client, source_id=other.public_id))

    assert [transfer.source_id for transfer in transfers()] == [other.pk]


def test_form_offers_enabled_cards_of_the_application_with_the_named_one_chosen(shop: Shop) -> None:
    Shop("Foreign")
    make_bank_account(shop.buyer)
    newer = make_card(shop.buyer)

    form = shop.browser(Role.ADMIN).get(f"{shop.form_url()}?source={shop.card.public_id}").context["form"]

    assert [value for value, _ in form.fields["source"].choices] == ["", shop.card.public_id, newer.public_id]
    assert form["source"].value() == shop.card.public_id
    alike = "Visa •••• 0006, Sean Green, expires 12/2040"
    assert [label for _, label in form.fields["source"].choices[1:]] == [
        f"{alike}, added {card.created_at.day} {card.created_at:%b %Y}, {card.public_id}" for card in (shop.card, newer)
    ]


def test_card_that_no_other_reads_like_is_told_in_short(shop: Shop) -> None:
    form = shop.browser().get(shop.form_url()).context["form"]

    assert form.fields["source"].choices[1][1] == "Visa •••• 0006, Sean Green, expires 12/2040"


def test_list_names_what_was_paid_with_and_tells_of_deposits(shop: Shop) -> None:
    shop.sale(1250)

    answer = shop.browser(Role.MERCHANT).get(LIST)

    assert [column["label"] for column in answer.context["columns"]][3] == "Paid with"
    assert "What buyers paid you, what went back, and what was paid out to you." in text_of(answer)


@pytest.mark.parametrize("query", ["?source=PInope", "?source=ID1", ""])
def test_form_ignores_a_card_that_is_none(shop: Shop, query: str) -> None:
    form = shop.browser().get(f"{shop.form_url()}{query}").context["form"]

    assert form["source"].value() == ""


def test_merchant_that_cannot_take_payments_is_told_before_anything_is_typed(shop: Shop) -> None:
    tenancy.update_application(
        application=shop.application, values={"processing_enabled": False}, by=system(), at=timezone.now()
    )

    page = text_of(shop.browser().get(shop.form_url()))

    assert "No sale is possible now" in page
    assert "Processing is switched off for the application." in page
    assert "Review sale" not in page


def test_processing_that_is_switched_off_meanwhile_refuses_the_charge(shop: Shop) -> None:
    client = shop.browser()
    form = shop.form(client)
    tenancy.update_application(
        application=shop.application, values={"processing_enabled": False}, by=system(), at=timezone.now()
    )

    answer = client.post(shop.form_url(), form)

    assert answer.context["form"].non_field_errors() == ["Processing is switched off for the application."]
    assert transfers() == []


def test_only_merchant_is_not_asked_for(shop: Shop) -> None:
    client = shop.browser()

    assert client.get(f"{LIST}new/")["Location"] == shop.form_url()
    assert client.get(f"{LIST}new/?source={shop.card.public_id}")["Location"] == (
        f"{shop.form_url()}?source={shop.card.public_id}"
    )


def test_choice_lists_merchants_that_can_take_payments(shop: Shop) -> None:
    make_merchant(make_merchant_identity(shop.application, doing_business_as="Second"))
    make_merchant(make_merchant_identity(shop.application, doing_business_as="Held", business_tax_id="000000002"))
    foreign = Shop("Foreign")
    partner, admin = shop.browser(), shop.browser(Role.ADMIN)

    def names(client: Client, query: str = "") -> list[str]:
        return [row["cells"][0] for row in client.get(f"{LIST}new/{query}").context["rows"]]

    assert len(names(partner)) == 2
    assert len(names(admin)) == 3
    assert admin.get(f"{LIST}new/?source={foreign.card.public_id}")["Location"].startswith(foreign.form_url())
    assert partner.get(f"{LIST}new/?source={foreign.card.public_id}").status_code == 404
    assert partner.get(f"{LIST}new/?merchant={foreign.merchant.public_id}").status_code == 404
    assert partner.get(f"{LIST}new/?merchant={shop.merchant.public_id}")["Location"] == shop.form_url()
    assert partner.get(foreign.form_url()).status_code == 404


def test_choice_without_merchants_teaches() -> None:
    application = make_application("Empty")[0]

    page = text_of(browser(Role.PARTNER, application).get(f"{LIST}new/"))

    assert "No merchant can take payments yet" in page
    assert "Provision Merchant" in page


def test_form_without_cards_teaches() -> None:
    application = make_application("Bare")[0]
    make_processor(application)
    merchant = make_merchant(make_merchant_identity(application))

    answer = browser(Role.PARTNER, application).get(f"{LIST}new/{merchant.public_id}/")

    assert "No card yet" in text_of(answer)
    assert f'href="/dashboard/applications/{application.public_id}/identities/"' in answer.content.decode()
    assert "Review sale" not in text_of(answer)


@pytest.mark.parametrize("method", ["get", "post"])
def test_merchant_may_not_sell_and_is_told_the_permission(shop: Shop, method: str) -> None:
    client = shop.browser(Role.MERCHANT)

    for path in (f"{LIST}new/", shop.form_url()):
        answer = getattr(client, method)(path)
        assert answer.status_code == 403
        assert "transfers.create" in answer.content.decode()


def test_test_amounts_are_told_in_a_sandbox_only(shop: Shop, settings: Any) -> None:
    client = shop.browser()

    sandbox = text_of(client.get(shop.form_url()))
    settings.IS_LIVE = True
    live = text_of(client.get(shop.form_url()))

    assert "1.02, 1.93 and 1.94 are declined, and so are 8,899.86 and 8,899.87" in sandbox
    assert "1.02" not in live


def test_new_sale_is_offered_on_the_pages_of_merchant_and_card(shop: Shop) -> None:
    partner, merchant = shop.browser(), shop.browser(Role.MERCHANT)
    links = _links(partner.get(page_of(shop.sale())))

    assert f'href="{shop.form_url()}"' in partner.get(links["Merchant"]).content.decode()
    assert f'href="{LIST}new/?source={shop.card.public_id}"' in partner.get(links["Card"]).content.decode()
    assert "/transfers/new/" not in merchant.get(links["Merchant"]).content.decode()


@pytest.mark.parametrize(
    "changes",
    [
        {"merchant": {"processing_enabled": False}},
        {"application": {"processing_enabled": False}},
        {"application": {"enabled": False}},
        {"processor": {"enabled": False}},
        {"merchant": {"processor": "VISA_V1"}},
    ],
)
def test_new_sale_is_offered_nowhere_for_a_merchant_that_cannot_sell(shop: Shop, changes: dict[str, Any]) -> None:
    other = make_merchant(make_merchant_identity(shop.application))
    make_merchant(make_merchant_identity(Shop("Foreign").application))
    client = shop.browser(Role.ADMIN)
    offered = f'href="{shop.form_url()}"'
    place = f"/dashboard/merchants/{shop.merchant.public_id}/"
    assert offered in client.get(place).content.decode()

    with transaction(by=system()):
        for name, values in changes.items():
            row = shop.merchant if name == "merchant" else getattr(shop, name)
            type(row).objects.filter(pk=row.pk).update(**values)

    assert offered not in client.get(place).content.decode()
    assert offered not in client.get(f"{LIST}new/").content.decode()
    assert "No sale is possible now" in text_of(client.get(shop.form_url()))
    assert ("application" in changes or "processor" in changes) or (
        f"{LIST}new/{other.public_id}/" in client.get(f"{LIST}new/").content.decode()
    )


def _links(answer: Any) -> dict[str, str]:
    return {party["label"]: party["url"] for party in answer.context["parties"]}


def _resolve(transfer: Transfer) -> None:
    """What the worker does once the time for it has come."""
    with transaction(by=system()):
        attempt = Attempt.objects.get(resource_id=transfer.pk)
    attempts.resolve(attempt.pk, attempt.application_id)
