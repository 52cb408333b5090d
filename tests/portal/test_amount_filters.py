"""Amounts that are looked for in units: each row's own currency says how many decimal places a unit has."""

import pytest
from django.utils import timezone

from payments import services
from tenancy.actors import system
from tenancy.roles import Role
from tests.factories.payments import make_authorization
from tests.portal.exports import taken
from tests.portal.settled import QUEUE, SETTLEMENTS, SettledShop
from tests.portal.shop import TRANSFERS

pytestmark = pytest.mark.django_db

CURRENCIES = {1500: "JPY", 150_000: "USD", 1_500_000: "KWD", 1_234: "KWD"}
AS_SHOWN = [
    ("amount=1500", [1500, 150_000, 1_500_000]),
    ("amount=1.234", [1_234]),
    ("amount=1500.001", []),
    ("amount.gte=1499.999", [1500, 150_000, 1_500_000]),
    ("amount.gte=1500.001", []),
    ("amount.gt=1500", []),
    ("amount.gt=1499.5", [1500, 150_000, 1_500_000]),
    ("amount.lt=1500", [1_234]),
    ("amount.lt=1500.5", [1_234, 1500, 150_000, 1_500_000]),
    ("amount.lte=1500", [1_234, 1500, 150_000, 1_500_000]),
    ("amount.lte=1.233", []),
]


@pytest.fixture
def shop() -> SettledShop:
    return SettledShop(default_currencies=["USD", "JPY", "KWD"])


def closed(shop: SettledShop, amount: int, currency: str) -> None:
    shop.sale(amount, currency=currency)
    shop.pass_time()
    by = system("test")
    found = services.create_settlement(merchant=shop.merchant, currency=currency, by=by, at=timezone.now())
    services.close_settlement(settlement=found, by=by, at=timezone.now())


@pytest.mark.parametrize(("query", "amounts"), AS_SHOWN)
def test_transfers_are_found_by_what_their_currency_calls_it(shop: SettledShop, query: str, amounts: list[int]) -> None:
    for amount, currency in CURRENCIES.items():
        shop.sale(amount, currency=currency)

    answer = shop.browser(Role.PARTNER).get(f"{TRANSFERS}?{query}")
    found = taken(shop.browser(Role.PARTNER), "transfers", query)

    assert sorted(row.amount for row in answer.context["resources"]) == sorted(amounts)
    assert len(found) == len(amounts)


@pytest.mark.parametrize(("query", "amounts"), AS_SHOWN)
def test_settlements_and_their_queue_are_found_so(shop: SettledShop, query: str, amounts: list[int]) -> None:
    for amount, currency in CURRENCIES.items():
        closed(shop, amount, currency)
    client = shop.browser(Role.ADMIN)

    settlements = client.get(f"{SETTLEMENTS}?{query}").context["resources"]
    waiting = client.get(f"{QUEUE}?{query}").context["resources"]

    assert sorted(row.total_amount for row in settlements) == sorted(amounts)
    if query.partition("=")[0] in {"amount", "amount.gte", "amount.lte"}:  # those that the queue has
        assert len(waiting) == len(amounts)


def test_authorizations_are_found_so(shop: SettledShop) -> None:
    make_authorization(shop.merchant, shop.card, amount=1_234, currency="KWD")
    make_authorization(shop.merchant, shop.card, amount=1_234)

    listed = shop.browser(Role.PARTNER).get("/dashboard/authorizations/?amount=1.234").context["resources"]

    assert [(row.amount, row.currency) for row in listed] == [(1_234, "KWD")]
