"""Each documented filter of transfers has an index behind it: plans over 20,000 rows of two applications."""

from collections.abc import Iterator

import pytest
from django.db import connection, connections
from django.db.models import Q
from django.http import QueryDict
from pytest_django import DjangoDbBlocker

from onboarding.models import Identity, Merchant, PaymentInstrument
from payments.filters import TransferFilter
from payments.models import Transfer, TransferBatch
from tenancy.actors import Actor, system
from tenancy.models import Application, Processor
from tenancy.transactions import transaction
from tests.databases import database_of_its_own
from tests.factories.onboarding import make_identity, make_merchant_identity
from tests.factories.payments import make_bank_account, make_merchant, make_processor, make_sale
from tests.factories.tenancy import make_application
from tests.onboarding.test_filter_plans import BY_MOMENT, OF_EVERY_ROW, multiply, scans_of

PARTIES = 400
NTH = "md5(one.application_id::text || {})::uuid"
"""The key of the n-th merchant, and of its identity, instrument and batch."""
SOME = NTH.format(f"(1 + mod(n, {PARTIES}))")
IS_DEBIT, IS_ACCOUNT, GIVES_BACK = "mod(n, 50) > 1", "mod(n, 100) = 7", "mod(n, 50) = 1"
OF_EVERY_PARTY = OF_EVERY_ROW | {"id": NTH.format("n")}
PARTY_ROWS = {
    "identity": {"doing_business_as": "'Trade ' || n", "business_name": "'Business ' || n"},
    "payment_instrument": {"fingerprint": "'FPR' || n"},
    "merchant": {"mid": "'MID' || n", "verification_id": "NULL"},
    "transfer_batch": {},
}
TRANSFERS = {
    "merchant_id": SOME,
    "merchant_identity_id": SOME,
    "processor_id": "CASE WHEN mod(n, 200) = 9 THEN"
    " (SELECT id FROM processor WHERE application_id = one.application_id AND processor = 'VISA_V1')"
    " ELSE one.processor_id END",
    "type": f"CASE WHEN {IS_DEBIT} THEN 'DEBIT' WHEN {GIVES_BACK} THEN 'REVERSAL' ELSE 'CREDIT' END",
    "source_id": f"CASE WHEN {IS_DEBIT} THEN {SOME} END",
    "destination_id": f"CASE WHEN NOT ({IS_DEBIT}) THEN {SOME} END",
    "parent_id": f"CASE WHEN {GIVES_BACK} THEN one.id END",
    "batch_id": f"CASE WHEN {IS_ACCOUNT} THEN {SOME} END",
    "state": "CASE WHEN mod(n, 100) = 3 THEN 'PENDING' ELSE 'SUCCEEDED' END",
    "amount": "n",
    "statement_descriptor": "'D' || mod(n, 500)",
    "trace_id": "'FNX' || n",
    "idempotency_id": "'K' || n",
    "idempotency_operation": "'POST transfers'",
    "ready_to_settle_at": "timestamptz '2019-01-01' + n * interval '1 hour'",
    "instrument_type": f"CASE WHEN {IS_ACCOUNT} THEN 'BANK_ACCOUNT' ELSE 'PAYMENT_CARD' END",
    "instrument_name": "'Holder ' || mod(n, 2000)",
    "instrument_last_four": "lpad(mod(n, 5000)::text, 4, '0')",
    "instrument_bin": f"CASE WHEN NOT ({IS_ACCOUNT}) THEN (400000 + mod(n, 500))::text END",
    "instrument_brand": f"CASE WHEN {IS_ACCOUNT} THEN NULL WHEN mod(n, 200) = 9 THEN 'JCB' ELSE 'VISA' END",
}
INDEXES = dict.fromkeys(BY_MOMENT, "of_tenant") | {
    "updated_at.gte=2019-06-15&updated_at.lte=2019-06-15": "updated",
    "id=TRpcdriNfwBZwB5EMG52nMQV": "pkey",
    "merchant_id={MU}": "of_merchant",
    "merchant_mid=MID77": "of_merchant",
    "merchant_identity_id={ID}": "of_identity",
    "merchant_identity_name=TRADE%2077": "of_identity",
    "merchant_processor_id={PR}": "of_processor",
    "amount=77": "amount",
    "amount.gt=9990": "amount",
    "amount.gte=9990": "amount",
    "amount.lt=20": "amount",
    "lte=20": "amount",
    "state=PENDING": "state",
    "type=CREDIT": "type",
    "type=REFUNDS": "type",
    "trace_id=FNX77": "trace",
    "idempotency_id=K77": "idempotency_id",
    "statement_descriptor=D77": "descriptor",
    "ready_to_settle_at.gte=2019-06-15&ready_to_settle_at.lte=2019-06-15": "ready",
    "instrument_type=BANK_ACCOUNT": "paid_with",
    "instrument_name=Holder%2077": "holder",
    "instrument_brand_type=JCB": "brand",
    "instrument_bin=400077": "bin",
    "instrument_card_last4=0077": "last_four",
    "instrument_account_last4=0107": "last_four",
    "batch_id={BT}": "of_batch",
}
ENDS = {"transfer_of_source", "transfer_of_destination"}


@pytest.fixture(scope="module")
def partner(template_database: str, django_db_blocker: DjangoDbBlocker) -> Iterator[Actor]:
    """Loaded once, committed and analyzed, as the planner finds rows in production."""
    with database_of_its_own(template_database, django_db_blocker):
        application, login = make_application()
        other, _ = make_application("Other")
        for one in (application, other):
            make_shop(one)
        with transaction(by=system()), connection.cursor() as cursor:
            cursor.execute("SET LOCAL statement_timeout = 0")  # this many at once, on a machine that is busy
            for table, rows in PARTY_ROWS.items():
                multiply(cursor, table, OF_EVERY_PARTY | rows, PARTIES)
            multiply(cursor, "transfer", OF_EVERY_ROW | TRANSFERS)
        with connections["owner"].cursor() as cursor:
            cursor.execute("VACUUM ANALYZE identity, merchant, payment_instrument, transfer, transfer_tag")
        yield login.actor


def make_shop(application: Application) -> None:
    """One row of everything; a sale of a bank account opens a batch."""
    make_processor(application, can_debit_bank_account=True)
    make_processor(application, Processor.Name.VISA_V1)
    merchant = make_merchant(make_merchant_identity(application), "DUMMY_V1")
    make_sale(merchant, make_bank_account(make_identity(application)))


def asked(query: str, partner: Actor) -> str:
    """The query with ids of rows that are there."""
    with transaction(by=partner):
        mine = Merchant.objects.visible_to(partner).get(mid="MID77")
        processor = Processor.objects.visible_to(partner).get(processor=Processor.Name.VISA_V1)
        found = {
            "MU": mine.public_id,
            "ID": Identity.objects.visible_to(partner).get(pk=mine.pk).public_id,
            "BT": TransferBatch.objects.visible_to(partner).get(pk=mine.pk).public_id,
            "PR": processor.public_id,
        }
    return query.format_map(found)


def indexes_of(query: str, partner: Actor) -> set[str | None]:
    """The indexes of a plan; None is among them where a table is read whole."""
    query = asked(query, partner)
    with transaction(by=partner):
        rows = TransferFilter(QueryDict(query), Transfer.objects.visible_to(partner)).apply()
    return {index for kind, index in scans_of(rows, partner) if kind != "Bitmap Heap Scan"}


@pytest.mark.parametrize("query", INDEXES)
def test_filter_is_answered_by_its_index(partner: Actor, query: str) -> None:
    assert indexes_of(query, partner) == {f"transfer_{INDEXES[query]}"}


def test_every_filter_has_an_index() -> None:
    asked_for = {name.partition("=")[0].partition(".")[0] for query in INDEXES for name in query.split("&")}
    declared = {name.partition("__")[0] for name in TransferFilter.base_filters}

    # Fingerprints and tags stand below; an application is in sight.
    assert declared - asked_for == {"application_id", "instrument_fingerprint", "tags"}


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
