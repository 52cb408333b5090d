"""10,000 payments of each of two applications, made by SQL, so that the planner chooses as it would in production."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from django.db import connection, connections
from django.db.models import QuerySet
from django.utils import timezone
from pytest_django import DjangoDbBlocker

from onboarding.models import Identity, Merchant
from payments.models import TransferBatch
from payments.services import create_settlement
from tenancy.actors import Actor, system
from tenancy.models import Application, Processor
from tenancy.services import update_application
from tenancy.transactions import transaction
from tests.databases import database_of_its_own
from tests.factories.onboarding import make_identity, make_merchant_identity
from tests.factories.payments import (
    make_authorization,
    make_bank_account,
    make_card,
    make_merchant,
    make_processor,
    make_sale,
)
from tests.factories.tenancy import make_application
from tests.onboarding.test_filter_plans import BY_MOMENT, OF_EVERY_ROW, multiply, scans_of

PARTIES = 400
NTH = "md5(one.application_id::text || {})::uuid"
"""The key of the n-th merchant, and of its identity, instrument and batch."""
SOME = NTH.format(f"(1 + mod(n, {PARTIES}))")
AT_VISA = (
    "CASE WHEN mod(n, 200) = 9 THEN"
    " (SELECT id FROM processor WHERE application_id = one.application_id AND processor = 'VISA_V1')"
    " ELSE one.processor_id END"
)
IS_ACCOUNT = "mod(n, 100) = 7"
_OF_EVERY_PARTY = OF_EVERY_ROW | {"id": NTH.format("n")}
_PARTY_ROWS: dict[str, dict[str, str]] = {
    "identity": {"doing_business_as": "'Trade ' || n", "business_name": "'Business ' || n"},
    "payment_instrument": {"fingerprint": "'FPR' || n"},
    "merchant": {"mid": "'MID' || n", "verification_id": "NULL"},
    "transfer_batch": {},
}
PAYMENTS = OF_EVERY_ROW | {
    "merchant_id": SOME,
    "merchant_identity_id": SOME,
    "processor_id": AT_VISA,
    "state": "CASE WHEN mod(n, 100) = 3 THEN 'PENDING' ELSE 'SUCCEEDED' END",
    "amount": "n",
    "statement_descriptor": "'D' || mod(n, 500)",
    "trace_id": "'FNX' || n",
    "idempotency_id": "'K' || n",
    "instrument_name": "'Holder ' || mod(n, 2000)",
    "instrument_last_four": "lpad(mod(n, 5000)::text, 4, '0')",
    "instrument_bin": "(400000 + mod(n, 500))::text",
    "instrument_brand": "CASE WHEN mod(n, 200) = 9 THEN 'JCB' ELSE 'VISA' END",
}
INDEXES = dict.fromkeys(BY_MOMENT, "of_tenant") | {
    "updated_at.gte=2019-06-15&updated_at.lte=2019-06-15": "updated",
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
    "trace_id=FNX77": "trace",
    "idempotency_id=K77": "idempotency_id",
    "instrument_name=Holder%2077": "holder",
    "instrument_brand_type=JCB": "brand",
    "instrument_bin=400077": "bin",
    "instrument_card_last4=0077": "last_four",
}
"""The index behind each filter that transfers and authorizations have in common, without its table's name."""


@contextmanager
def loaded(template: str, blocker: DjangoDbBlocker, tables: Mapping[str, Mapping[str, str]]) -> Iterator[Actor]:
    """The partner of the first application. Committed and analyzed; the rows of each table tell of what they differ."""
    with database_of_its_own(template, blocker):
        application, login = make_application()
        other, _ = make_application("Other")
        for one in (application, other):
            _make_shop(one)
        with transaction(by=system()), connection.cursor() as cursor:
            cursor.execute("SET LOCAL statement_timeout = 0")  # this many at once, on a machine that is busy
            for table, rows in _PARTY_ROWS.items():
                multiply(cursor, table, _OF_EVERY_PARTY | rows, PARTIES)
            for table, columns in tables.items():
                multiply(cursor, table, dict(columns))
        with connections["owner"].cursor() as cursor:
            cursor.execute("VACUUM ANALYZE")
        yield login.actor


def _make_shop(application: Application) -> None:
    """One row of everything; a sale of a bank account opens a batch."""
    make_processor(application, can_debit_bank_account=True)
    make_processor(application, Processor.Name.VISA_V1)
    update_application(
        application=application,
        values={"ready_to_settle_upon": "SUCCESSFUL_CAPTURE"},
        by=system("test"),
        at=timezone.now(),
    )
    merchant = make_merchant(make_merchant_identity(application), "DUMMY_V1")
    buyer = make_identity(application)
    account, card = make_bank_account(buyer), make_card(buyer)
    make_authorization(merchant, card)
    make_sale(merchant, card)
    create_settlement(merchant=merchant, currency="USD", by=system("test"), at=timezone.now())
    make_sale(merchant, account)


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


def indexes_of(rows: QuerySet[Any], partner: Actor) -> set[str | None]:
    """The indexes of a plan; None is among them where a table is read whole."""
    return {index for kind, index in scans_of(rows, partner) if kind != "Bitmap Heap Scan"}


def names_in(indexes: Mapping[str, str]) -> set[str]:
    """The filters that queries ask by."""
    return {name.partition("=")[0].partition(".")[0] for query in indexes for name in query.split("&")}
