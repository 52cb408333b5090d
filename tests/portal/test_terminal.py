"""The virtual terminal in process: a card is charged or held, a bank account charged, each after a look at it."""

from typing import Any

import pytest
from django.test import Client

from onboarding.models import Merchant
from payments.models import HOLD_LASTS, Authorization, Transfer
from providers.sandbox import faults
from tenancy.actors import system
from tenancy.roles import Role
from tenancy.transactions import transaction
from tests.factories.payments import make_bank_account, make_card
from tests.portal.pages import rows, text_of
from tests.portal.shop import TRANSFERS, Shop, hidden_of, page_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def shop() -> Shop:
    return Shop()


@pytest.fixture
def bank_shop() -> Shop:
    return Shop(can_debit_bank_account=True)


def hold_form(shop: Shop, client: Client, **changes: str) -> dict[str, str]:
    return shop.form(client, **({"purpose": "hold", "step": "hold", "fee": "0.50"} | changes))


def authorizations() -> list[Authorization]:
    found: list[Authorization] = rows(Authorization)
    return found


def transfers() -> list[Transfer]:
    found: list[Transfer] = rows(Transfer)
    return found


def test_form_begins_with_a_charge_unless_it_is_led_to_a_hold(shop: Shop) -> None:
    client = shop.browser()

    plain = client.get(shop.form_url()).context["form"]
    led = client.get(f"{TRANSFERS}new/?purpose=hold&source={shop.card.public_id}", follow=True).context["form"]

    assert (plain["purpose"].value(), led["purpose"].value()) == ("charge", "hold")
    assert led["source"].value() == shop.card.public_id


def test_review_of_a_hold_says_until_when_and_holds_nothing(shop: Shop) -> None:
    client = shop.browser()

    answer = client.post(shop.form_url(), hold_form(shop, client, step="review"), follow=True)

    page = text_of(answer)
    assert "Hold 12.50 USD?" in page
    assert "Holds 12.50 USD on Visa •••• 0006 for Own Bakery until " in page
    assert "Nothing is charged before it is captured." in page
    assert authorizations() == []


def test_reviewed_hold_is_made_as_it_was_shown(shop: Shop) -> None:
    client = shop.browser()
    told = hold_form(shop, client, step="review", tags="order: 1001", statement_descriptor="RYE")
    review = client.post(shop.form_url(), told, follow=True)

    answer = client.post(shop.form_url(), hidden_of(review) | {"step": "hold"})

    (hold,) = authorizations()
    assert answer["Location"] == page_of(hold)
    assert (hold.state, hold.amount, hold.fee, hold.statement_descriptor, hold.tags) == (
        "SUCCEEDED", 1250, 50, "RYE", {"order": "1001"},
    )  # fmt: skip
    assert hold.expires_at - hold.created_at == HOLD_LASTS
    assert transfers() == []
    assert "12.50 USD is held for Own Bakery. Capture it to be paid." in text_of(client.get(answer["Location"]))


@pytest.mark.parametrize(("purpose", "step"), [("hold", "charge"), ("charge", "hold"), ("", "hold")])
def test_button_that_says_something_else_than_the_form_does_nothing(shop: Shop, purpose: str, step: str) -> None:
    client = shop.browser()

    answer = client.post(shop.form_url(), hold_form(shop, client, purpose=purpose, step=step), follow=True)

    assert "?" in answer.request["QUERY_STRING"] or "step=review" in answer.request["QUERY_STRING"]
    assert (authorizations(), transfers()) == ([], [])


def test_hold_that_is_sent_twice_holds_once(shop: Shop) -> None:
    client = shop.browser()
    form = hold_form(shop, client)

    answers = [client.post(shop.form_url(), form) for _ in range(2)]

    (hold,) = authorizations()
    assert [answer["Location"] for answer in answers] == [page_of(hold)] * 2
    assert "Nothing was held a second time." in text_of(client.get(page_of(hold)))


@pytest.mark.parametrize("first", ["charge", "hold"])
def test_form_that_did_one_does_not_do_the_other_unasked(shop: Shop, first: str) -> None:
    client = shop.browser()
    form = hold_form(shop, client)
    second = {"charge": "hold", "hold": "charge"}[first]
    client.post(shop.form_url(), form | {"purpose": first, "step": first})

    answer = client.post(shop.form_url(), form | {"purpose": second, "step": second})

    (made,) = [*authorizations(), *transfers()]
    assert "This form was sent before with other values" in text_of(answer)
    assert f'href="{page_of(made)}"' in answer.content.decode()


def test_declined_hold_leads_to_its_page(shop: Shop) -> None:
    client = shop.browser()

    answer = client.post(shop.form_url(), hold_form(shop, client, amount="1.93"), follow=True)

    assert "Declined. Nothing is held." in text_of(answer)
    assert "is held for" not in text_of(answer)


def test_hold_of_unknown_outcome_leads_to_its_page(shop: Shop) -> None:
    faults.arrange(application_id=shop.application.pk, kind="TIMEOUT_AFTER", operation="authorise", times=1)
    client = shop.browser()

    answer = client.post(shop.form_url(), hold_form(shop, client), follow=True)

    assert "Do not hold or charge again yet" in text_of(answer)


def test_security_code_is_asked_for_beside_a_hold_where_it_is_needed(shop: Shop) -> None:
    client = shop.browser()
    form = hold_form(shop, client, source=make_card(shop.buyer, security_code=None).public_id)
    with transaction(by=system()):
        Merchant.objects.filter(pk=shop.merchant.pk).update(card_cvv_required=True)

    without, done = (client.post(shop.form_url(), form | {"security_code": code}) for code in ("", "112"))

    (hold,) = authorizations()
    assert "this card was entered without one" in text_of(without)
    assert 'autocomplete="cc-csc"' in without.content.decode()
    assert done["Location"] == page_of(hold)


# --- bank accounts


def test_bank_accounts_are_offered_where_the_processor_debits_them(bank_shop: Shop, shop: Shop) -> None:
    account = bank_shop.account()
    shop.account()
    make_bank_account(bank_shop.identity)  # which the merchant is paid out to
    client = bank_shop.browser()

    form = client.get(bank_shop.form_url()).context["form"]
    other = shop.browser().get(shop.form_url()).context["form"]

    assert form.fields["source"].choices == [
        ("", "Choose a card or bank account"),
        ("Cards", [(bank_shop.card.public_id, "Visa •••• 0006, Sean Green, expires 12/2040")]),
        ("Bank accounts", [(account.public_id, "Bank account •••• 0016, Alice")]),
    ]
    assert len(other.fields["source"].choices) == 2
    place = f"/dashboard/payment-instruments/{account.public_id}/"
    assert f'href="{TRANSFERS}new/?source={account.public_id}"' in client.get(place).content.decode()


def test_charge_of_a_bank_account_waits_for_the_batch(bank_shop: Shop) -> None:
    client = bank_shop.browser()
    form = bank_shop.form(client, source=bank_shop.account().public_id)

    review = client.post(bank_shop.form_url(), form | {"step": "review"}, follow=True)
    answer = client.post(bank_shop.form_url(), form, follow=True)

    assert "Charges 12.50 USD to Bank account •••• 0016 for Own Bakery. It is pending until" in text_of(review)
    (transfer,) = transfers()
    assert transfer.state == Transfer.State.PENDING
    assert "Waiting at the provider" in text_of(answer)


@pytest.mark.parametrize("step", ["review", "hold"])
def test_bank_account_is_not_held(bank_shop: Shop, step: str) -> None:
    client = bank_shop.browser()
    form = hold_form(bank_shop, client, source=bank_shop.account().public_id, step=step)

    answer = client.post(bank_shop.form_url(), form)

    assert answer.context["form"].errors == {"source": ["An authorization needs a payment card"]}
    assert authorizations() == []


@pytest.mark.parametrize(("config", "words"), [
    ({}, "It is charged now."), ({"card_sale_submission_method": "batch"}, "pending until the processor's next batch"),
])  # fmt: skip
def test_review_says_when_a_card_is_charged(config: dict[str, Any], words: str) -> None:
    shop = Shop(**config)
    client = shop.browser()

    assert words in text_of(client.post(shop.form_url(), shop.form(client, step="review"), follow=True))


def test_merchant_may_not_hold(shop: Shop) -> None:
    answer = shop.browser(Role.MERCHANT).post(shop.form_url(), {"purpose": "hold", "step": "hold"})

    assert answer.status_code == 403
    assert "transfers.create" in answer.content.decode()
