"""The same of authorizations and settlements: an index behind each of their filters."""

from collections.abc import Iterator

import pytest
from django.http import QueryDict
from pytest_django import DjangoDbBlocker

from payments.filters import AuthorizationFilter
from payments.models import Authorization, Settlement
from payments.portal.filters import SettlementPanel
from payments.settlement_filters import SettlementFilter
from tenancy.actors import Actor
from tenancy.transactions import transaction
from tests.onboarding.test_filter_plans import BY_MOMENT, OF_EVERY_ROW
from tests.payments import filter_rows
from tests.payments.filter_rows import AT_VISA, PAYMENTS, SOME, asked, names_in

AUTHORIZATIONS = PAYMENTS | {
    "source_id": SOME,
    "is_void": "mod(n, 100) = 5",
    "void_state": "CASE WHEN mod(n, 100) = 5 THEN 'SUCCEEDED' ELSE 'UNATTEMPTED' END",
    "state": "CASE WHEN mod(n, 100) = 3 THEN 'PENDING' ELSE 'SUCCEEDED' END",
}
SETTLEMENTS = OF_EVERY_ROW | {
    "merchant_id": SOME,
    "identity_id": SOME,
    "processor_id": AT_VISA,
    "status": "CASE WHEN mod(n, 100) = 3 THEN 'CANCELLED' ELSE 'AWAITING_APPROVAL' END",
    "reason": "'Looks like a test'",
    "closed_at": "timestamptz '2019-01-01' + n * interval '1 hour'",
    "total_amount": "n",
    "total_fee": "0",
}
OF_AUTHORIZATIONS = filter_rows.INDEXES | {
    "id=AUpcdriNfwBZwB5EMG52nMQV": "pkey",
    "is_void=true": "void",
}
OF_SETTLEMENTS = dict.fromkeys(BY_MOMENT, "of_tenant") | {
    "updated_at.gte=2019-06-15&updated_at.lte=2019-06-15": "updated",
    "id=STpcdriNfwBZwB5EMG52nMQV": "pkey",
    "merchant_id={MU}": "of_merchant",
    "identity_id={ID}": "of_identity",
    "processor=VISA_V1": "of_processor",
    "status=CANCELLED": "status",
    "amount=77": "amount",
    "amount.gt=9990": "amount",
    "amount.gte=9990": "amount",
    "amount.lt=20": "amount",
    "amount.lte=20": "amount",
}


@pytest.fixture(scope="module")
def partner(template_database: str, django_db_blocker: DjangoDbBlocker) -> Iterator[Actor]:
    tables = {"card_authorization": AUTHORIZATIONS, "settlement": SETTLEMENTS}
    with filter_rows.loaded(template_database, django_db_blocker, tables) as actor:
        yield actor


@pytest.mark.parametrize("query", OF_AUTHORIZATIONS)
def test_authorizations_are_found_by_an_index(partner: Actor, query: str) -> None:
    read = QueryDict(asked(query, partner))
    with transaction(by=partner):
        rows = AuthorizationFilter(read, Authorization.objects.visible_to(partner)).apply()

    (index,) = filter_rows.indexes_of(rows, partner)

    assert str(index).removeprefix("card_").removeprefix("authorization_") == OF_AUTHORIZATIONS[query]


@pytest.mark.parametrize("query", OF_SETTLEMENTS)
def test_settlements_are_found_by_an_index(partner: Actor, query: str) -> None:
    read = QueryDict(asked(query, partner))
    with transaction(by=partner):
        rows = SettlementFilter(read, Settlement.objects.visible_to(partner)).apply()

    assert filter_rows.indexes_of(rows, partner) == {f"settlement_{OF_SETTLEMENTS[query]}"}


@pytest.mark.parametrize("query", [query for query in OF_SETTLEMENTS if query.startswith("amount")])
def test_settlements_of_an_amount_in_units_are_found_by_an_index(partner: Actor, query: str) -> None:
    """As the portal asks: of the places that other currencies have, what is above may be found by the currency."""
    name, _, cents = query.partition("=")
    read = QueryDict(f"{name}={int(cents) / 100}")
    with transaction(by=partner):
        rows = SettlementPanel(read, Settlement.objects.visible_to(partner)).apply()

    assert {"settlement_amount"} <= filter_rows.indexes_of(rows, partner) <= {
        "settlement_amount", "settlement_of_merchant",
    }  # fmt: skip


def test_every_filter_has_an_index() -> None:
    authorizations = {name.partition("__")[0] for name in AuthorizationFilter.base_filters}
    settlements = {name.partition("__")[0] for name in SettlementFilter.base_filters}

    # All authorizations are of cards; an application is in sight; a transfer is found by its key, tags by terms.
    assert authorizations - names_in(OF_AUTHORIZATIONS) == {
        "application_id", "instrument_type", "instrument_account_last4", "tags",
    }  # fmt: skip
    assert settlements - names_in(OF_SETTLEMENTS) == {
        "application_id", "currency", "transfer_id", "funding_transfer_id", "tags",
    }  # fmt: skip
