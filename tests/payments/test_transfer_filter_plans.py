"""Each documented filter of transfers has an index behind it: plans over 20,000 rows of two applications."""

from collections.abc import Iterator

import pytest
from django.db.models import Q
from django.http import QueryDict
from pytest_django import DjangoDbBlocker

from onboarding.models import PaymentInstrument
from payments.filters import TransferFilter
from payments.models import Transfer
from tenancy.actors import Actor
from tenancy.transactions import transaction
from tests.onboarding.test_filter_plans import scans_of
from tests.payments import filter_rows
from tests.payments.filter_rows import IS_ACCOUNT, PAYMENTS, SOME, asked, names_in

IS_DEBIT, GIVES_BACK = "mod(n, 50) > 1", "mod(n, 50) = 1"
TRANSFERS = PAYMENTS | {
    "type": f"CASE WHEN {IS_DEBIT} THEN 'DEBIT' WHEN {GIVES_BACK} THEN 'REVERSAL' ELSE 'CREDIT' END",
    "source_id": f"CASE WHEN {IS_DEBIT} THEN {SOME} END",
    "destination_id": f"CASE WHEN NOT ({IS_DEBIT}) THEN {SOME} END",
    "parent_id": f"CASE WHEN {GIVES_BACK} THEN one.id END",
    "batch_id": f"CASE WHEN {IS_ACCOUNT} THEN {SOME} END",
    "idempotency_operation": "'POST transfers'",
    "ready_to_settle_upon": f"CASE WHEN {IS_DEBIT} THEN 'RECONCILIATION' END",
    "ready_to_settle_at": f"CASE WHEN {IS_DEBIT} THEN timestamptz '2019-01-01' + n * interval '1 hour' END",
    "instrument_type": f"CASE WHEN {IS_ACCOUNT} THEN 'BANK_ACCOUNT' ELSE 'PAYMENT_CARD' END",
    "instrument_bin": f"CASE WHEN NOT ({IS_ACCOUNT}) THEN (400000 + mod(n, 500))::text END",
    "instrument_brand": f"CASE WHEN {IS_ACCOUNT} THEN NULL WHEN mod(n, 200) = 9 THEN 'JCB' ELSE 'VISA' END",
}
INDEXES = filter_rows.INDEXES | {
    "id=TRpcdriNfwBZwB5EMG52nMQV": "pkey",
    "type=CREDIT": "type",
    "type=REFUNDS": "type",
    "statement_descriptor=D77": "descriptor",
    "ready_to_settle_at.gte=2019-06-15&ready_to_settle_at.lte=2019-06-15": "ready",
    "instrument_type=BANK_ACCOUNT": "paid_with",
    "instrument_account_last4=0107": "last_four",
    "batch_id={BT}": "of_batch",
}
ENDS = {"transfer_of_source", "transfer_of_destination"}


@pytest.fixture(scope="module")
def partner(template_database: str, django_db_blocker: DjangoDbBlocker) -> Iterator[Actor]:
    with filter_rows.loaded(template_database, django_db_blocker, {"transfer": TRANSFERS}) as actor:
        yield actor


def indexes_of(query: str, partner: Actor) -> set[str | None]:
    query = asked(query, partner)
    with transaction(by=partner):
        rows = TransferFilter(QueryDict(query), Transfer.objects.visible_to(partner)).apply()
    return filter_rows.indexes_of(rows, partner)


@pytest.mark.parametrize("query", INDEXES)
def test_filter_is_answered_by_its_index(partner: Actor, query: str) -> None:
    assert indexes_of(query, partner) == {f"transfer_{INDEXES[query]}"}


def test_every_filter_has_an_index() -> None:
    declared = {name.partition("__")[0] for name in TransferFilter.base_filters}

    # Fingerprints and tags stand below; an application is in sight.
    assert declared - names_in(INDEXES) == {"application_id", "instrument_fingerprint", "tags"}


def test_fingerprint_is_found_at_either_end(partner: Actor) -> None:
    assert indexes_of("instrument_fingerprint=FPR77", partner) == ENDS


@pytest.mark.parametrize(
    ("query", "index"), [("tags.key=order&tags.value=77", "tag_pkey"), ("tags.key=order", "of_tenant")]
)
def test_tags_are_found_by_their_index_or_by_reading_on(partner: Actor, query: str, index: str) -> None:
    expected = {"transfer_tag_pkey", "transfer_pkey"} if index == "tag_pkey" else {f"transfer_{index}"}

    assert indexes_of(query, partner) == expected


@pytest.mark.parametrize(
    "query",
    [
        "state=PENDING&amount.lte=50", "merchant_mid=MID77&type=DEBIT&instrument_brand_type=VISA",
        "instrument_type=BANK_ACCOUNT&merchant_identity_name=trade%2077&state=SUCCEEDED",
    ],
)  # fmt: skip
def test_several_at_once_read_no_table_whole(partner: Actor, query: str) -> None:
    indexes = indexes_of(query, partner)

    assert indexes
    assert None not in indexes


def test_lists_below_an_instrument_and_a_transfer_have_theirs(partner: Actor) -> None:
    with transaction(by=partner):
        instrument = PaymentInstrument.objects.visible_to(partner).get(fingerprint="FPR77")
        parent = Transfer.objects.visible_to(partner).filter(type="REVERSAL").values_list("parent", flat=True)[:1].get()
        below = Transfer.objects.visible_to(partner).filter(Q(source=instrument) | Q(destination=instrument))
        given_back = Transfer.objects.visible_to(partner).filter(parent=parent)

    assert {index for _, index in scans_of(below, partner)} - {None} == ENDS
    assert {index for _, index in scans_of(given_back, partner)} - {None} == {"transfer_of_parent"}
