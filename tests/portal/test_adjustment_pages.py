"""Crediting and debiting a merchant by hand: the form, the look before the act, and what pages tell of it."""

from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
import time_machine
from django.test import Client
from django.utils import timezone

from payments.models import Transfer
from tenancy.models import Processor
from tenancy.roles import Role
from tests.factories.payments import make_merchant, make_processor
from tests.portal.pages import CONFIRM, browser, rows, text_of
from tests.portal.shop import TRANSFERS, Shop, hidden_of, page_of

pytestmark = pytest.mark.django_db

CREDIT, DEBIT = "MERCHANT_CREDIT_ADJUSTMENT", "MERCHANT_DEBIT_ADJUSTMENT"
MINUS = "\N{MINUS SIGN}"


@pytest.fixture
def shop() -> Shop:
    return Shop()


def form_url(shop: Shop) -> str:
    return f"/dashboard/merchants/{shop.merchant.public_id}/adjust/"


def filled(client: Client, shop: Shop, **changes: str) -> dict[str, str]:
    key = client.get(form_url(shop)).context["form"]["key"].value()
    told = {"key": key, "operation_key": CREDIT, "amount": "7.00", "currency": "USD", "reason": "Goodwill"}
    return told | {"step": "adjust"} | changes


def adjustments() -> list[Transfer]:
    return [transfer for transfer in rows(Transfer) if transfer.is_adjustment]


def test_merchant_leads_to_the_form_for_who_may(shop: Shop) -> None:
    page = f"/dashboard/merchants/{shop.merchant.public_id}/"

    assert form_url(shop) in shop.browser(Role.PLATFORM).get(page).content.decode()
    assert form_url(shop) not in shop.browser(Role.PARTNER).get(page).content.decode()


@pytest.mark.parametrize(
    ("key", "verb", "after"), [(CREDIT, "Credit 7.00 USD?", "19.50 USD"), (DEBIT, "Debit 7.00 USD?", "5.50 USD")]
)
def test_review_says_what_will_be_owed_and_posts_nothing(shop: Shop, key: str, verb: str, after: str) -> None:
    shop.sale(1250)
    client = shop.browser(Role.PLATFORM)

    look = client.post(form_url(shop), filled(client, shop, operation_key=key, step="review"), follow=True)

    words = text_of(look)
    assert verb in words
    assert f"Owed to the merchant now 12.50 USD {'Given' if key == CREDIT else 'Taken'}" in words
    assert f"Owed to it afterwards {after} Reason Goodwill" in words
    assert adjustments() == []
    client.post(form_url(shop), hidden_of(look) | {"step": "adjust"})
    assert [(made.subtype, made.amount, made.tags) for made in adjustments()] == [
        (key, 700, {"adjustment_reason": "Goodwill"})
    ]


def test_sent_twice_adjusts_once(shop: Shop) -> None:
    client = shop.browser(Role.PLATFORM)
    told = filled(client, shop)

    first, second = client.post(form_url(shop), told), client.post(form_url(shop), told)

    (made,) = adjustments()
    assert first.status_code == second.status_code == 302
    assert first["Location"] == second["Location"] == page_of(made)
    assert "Nothing was done a second time" in text_of(client.get(page_of(made)))


def test_adjustment_asks_for_a_proof(shop: Shop) -> None:
    client = shop.browser(Role.PLATFORM)
    told = filled(client, shop)

    with time_machine.travel(timezone.now() + timedelta(minutes=6), tick=True):
        answers = [client.get(form_url(shop)), client.post(form_url(shop), told)]

    assert {answer["Location"].partition("?")[0] for answer in answers} == {CONFIRM}
    assert adjustments() == []
    (address,) = parse_qs(urlsplit(answers[1]["Location"]).query)["next"]
    assert "Credit 7.00 USD?" in text_of(client.get(address))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"amount": "0"}, "An amount above 0 is needed."),
        ({"amount": ""}, "This field is required."),
        ({"amount": "7.005"}, "2 decimal places"),
        ({"currency": "CAD"}, "Choose one of the list."),
        ({"operation_key": ""}, "Choose one of the two."),
        ({"operation_key": "PUSH_TO_CARD"}, "Choose one of the two."),
        ({"reason": " "}, "This field is required."),
        ({"reason": "x" * 201}, "At most 200 characters"),
    ],
)
def test_form_refuses_beside_the_field(shop: Shop, changes: dict[str, str], said: str) -> None:
    client = shop.browser(Role.PLATFORM)

    answer = client.post(form_url(shop), filled(client, shop, **changes))

    assert answer.status_code == 200
    assert said in text_of(answer)
    assert adjustments() == []


@pytest.mark.parametrize("role", [Role.PARTNER, Role.MERCHANT])
@pytest.mark.parametrize("method", ["get", "post"])
def test_who_may_not_adjust_is_told_the_permission(shop: Shop, role: Role, method: str) -> None:
    answer = getattr(shop.browser(role), method)(form_url(shop))

    assert answer.status_code == 403
    assert "transfers.adjust" in text_of(answer)


def test_merchant_at_visa_v1_has_nothing_to_adjust(shop: Shop) -> None:
    make_processor(shop.application, Processor.Name.VISA_V1)
    recipient = make_merchant(shop.buyer, processor=Processor.Name.VISA_V1)

    answer = browser(Role.ADMIN).get(f"/dashboard/merchants/{recipient.public_id}/adjust/")

    assert "never settled, so there is nothing to adjust" in text_of(answer)
    assert "Review adjustment" not in text_of(answer)


@pytest.mark.parametrize("role", list(Role))
def test_page_of_an_adjustment_tells_which_way_and_why(shop: Shop, role: Role) -> None:
    admin = shop.browser(Role.ADMIN)
    admin.post(form_url(shop), filled(admin, shop, operation_key=DEBIT, reason="A terminal that was not sent back"))
    (made,) = adjustments()
    reader = shop.browser(role)

    page = text_of(reader.get(page_of(made)))

    assert "Debit adjustment of 7.00 USD" in page
    assert "Reason A terminal that was not sent back Amount 7.00 USD Type Debit adjustment" in page
    assert f"{MINUS}7.00 USD" in text_of(reader.get(TRANSFERS))
    assert "Statement descriptor" not in page
    assert "Trace id" not in page
    for offered in ("Refund", "New sale with"):
        assert offered not in page
