"""Each documented filter has an index behind it, asserted on plans over 20,000 rows of two applications."""

import json
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest
from django.db import connection, connections
from django.db.backends.utils import CursorWrapper
from django.db.models import Model, QuerySet
from django.http import QueryDict
from pytest_django import DjangoDbBlocker

from api.filters import ListFilter
from onboarding.filters import (
    IdentityFilter,
    IdentitySearch,
    InstrumentFilter,
    InstrumentSearch,
    MerchantFilter,
    MerchantSearch,
)
from onboarding.models import Identity, Merchant, PaymentInstrument
from onboarding.portal.identities import IdentityList
from onboarding.portal.instruments import InstrumentList
from onboarding.portal.merchants import MerchantList
from portal.views import ListPage
from tenancy.actors import Actor, system
from tenancy.models import Application, Processor
from tenancy.transactions import transaction
from tests.databases import database_of_its_own
from tests.factories.onboarding import make_merchant_identity
from tests.factories.payments import make_card, make_merchant, make_processor
from tests.factories.tenancy import make_application

# What differs from row to row, by column; `n` counts the rows of each application.
MOMENT = "timestamptz '2019-01-01' + n * interval '1 hour'"
OF_EVERY_ROW = {
    "id": "gen_random_uuid()",
    "tags": "jsonb_build_object('order', n::text, 'plan', 'gold')",
    "created_at": MOMENT,
    "updated_at": MOMENT,
}
IDENTITIES = {
    "title": "'Title ' || mod(n, 500)",
    "first_name": "'First ' || mod(n, 2000)",
    "last_name": "'Last ' || mod(n, 2000)",
    "email": "n || '@domain' || mod(n, 2000) || '.example'",
    "business_name": "'Business ' || n",
    "business_type": "CASE WHEN mod(n, 100) = 0 THEN 'CORPORATION' WHEN mod(n, 2) = 0 THEN 'PARTNERSHIP' END",
    "doing_business_as": "'Trade ' || n",
    "default_statement_descriptor": "'D' || n",
    "is_at_processor": "mod(n, 1000) <> 0",
}
IS_ACCOUNT = "mod(n, 100) = 0"
INSTRUMENTS = {
    "fingerprint": "'FPR' || n",
    "name": "'Holder ' || n",
    "last_four": "lpad(mod(n, 5000)::text, 4, '0')",
    "enabled": "mod(n, 100) <> 1",
    "type": f"CASE WHEN {IS_ACCOUNT} THEN 'BANK_ACCOUNT' ELSE type END",
    "bank_code": f"CASE WHEN {IS_ACCOUNT} THEN (122105000 + mod(n, 50))::text END",
    "account_type": f"CASE WHEN {IS_ACCOUNT} THEN 'SAVINGS' END",
    "bin": f"CASE WHEN NOT {IS_ACCOUNT} THEN (400000 + mod(n, 500))::text END",
    "brand": f"CASE WHEN {IS_ACCOUNT} THEN NULL WHEN mod(n, 200) = 7 THEN 'JCB' ELSE 'VISA' END",
    "expiration_month": "1 + mod(n, 12)",
    "expiration_year": "2030 + mod(n, 50)",
}
IS_OPEN = "mod(n, 100) <> 3"
MERCHANTS = {
    "verification_id": "NULL",
    "onboarding_state": f"CASE WHEN {IS_OPEN} THEN onboarding_state ELSE 'REJECTED' END",
    "processing_enabled": IS_OPEN,
    "settlement_enabled": IS_OPEN,
    "processor": "CASE WHEN mod(n, 200) = 9 THEN 'VISA_V1' ELSE processor END",
    "enabled_processor_id": "CASE WHEN mod(n, 200) = 9 THEN"
    " (SELECT id FROM processor WHERE application_id = one.application_id AND processor = 'VISA_V1')"
    " ELSE enabled_processor_id END",
    "mid": "'MID' || n",
    "mcc": "(4000 + mod(n, 300))::text",
    "merchant_name": "'Shop ' || n",
}


class Listed(NamedTuple):
    """A list of the API and the portal's, with rows made of one that the factories made."""

    model: type[Model]
    filters: type[ListFilter[Any]]
    search: type[ListFilter[Any]]
    rows: dict[str, str]
    in_order: str


LISTS = {
    "identity": Listed(Identity, IdentityFilter, IdentitySearch, IDENTITIES, "of_application"),
    "payment_instrument": Listed(PaymentInstrument, InstrumentFilter, InstrumentSearch, INSTRUMENTS, "of_tenant"),
    "merchant": Listed(Merchant, MerchantFilter, MerchantSearch, MERCHANTS, "of_application"),
}
TAGGED = ["identity", "payment_instrument"]


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
            for table, listed in LISTS.items():
                multiply(cursor, table, OF_EVERY_ROW | listed.rows)
        with connections["owner"].cursor() as cursor:
            cursor.execute(
                "VACUUM ANALYZE identity, identity_tag, payment_instrument, payment_instrument_tag, merchant"
            )
        yield login.actor


def make_shop(application: Application) -> None:
    """One row of everything, and the processors that others are told to be at."""
    identity = make_merchant_identity(application)
    make_processor(application)
    make_processor(application, Processor.Name.VISA_V1)
    make_card(identity)
    make_merchant(identity, "DUMMY_V1")


def multiply(cursor: CursorWrapper, table: str, differing: dict[str, str], count: int = 10_000) -> None:
    """So many rows for each application, the same in all columns but these."""
    cursor.execute(
        "SELECT column_name FROM information_schema.columns WHERE table_name = %s AND is_generated = 'NEVER'", [table]
    )
    columns = [name for (name,) in cursor.fetchall()]
    chosen = ", ".join(differing.get(name, f"one.{name}") for name in columns)
    first = f"(SELECT DISTINCT ON (application_id) * FROM {table} ORDER BY application_id, created_at DESC)"
    rows = f"SELECT {chosen} FROM {first} AS one, generate_series(1, {count}) AS n ORDER BY one.application_id, n"
    cursor.execute(f"INSERT INTO {table} ({', '.join(columns)}) {rows}")


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for inner in plan.get("Plans", []):
        yield from nodes(inner)


def scans_of(rows: QuerySet[Any], by: Actor) -> list[tuple[str, str | None]]:
    """How the first page of a list reads its tables: kind of scan, and index."""
    with transaction(by=by):
        explained = rows.order_by("-created_at", "-id")[:21].explain(format="json")
    (plan,) = json.loads(explained)
    return [(node["Node Type"], node.get("Index Name")) for node in nodes(plan["Plan"]) if "Scan" in node["Node Type"]]


def indexes_of(partner: Actor, table: str, query: str) -> set[str | None]:
    """The indexes of a plan; None is among them where a table is read whole."""
    listed = LISTS[table]
    with transaction(by=partner):  # tags are counted before the rows are found
        rows = listed.search(QueryDict(query), listed.model._default_manager.visible_to(partner)).qs
    return {index for kind, index in scans_of(rows, partner) if kind != "Bitmap Heap Scan"}


BY_MOMENT = [
    "",
    "created_at.gte=2019-06-15",
    "created_at.lte=2019-06-15",
    "created_at.gte=2019-06-15&created_at.lte=2019-06-15",
]
INDEXES = {
    "identity": {
        "updated_at.gte=2019-06-15&updated_at.lte=2019-06-15": "updated",
        "id=IDpcdriNfwBZwB5EMG52nMQV": "pkey",
        "business_name=Business%2077": "business_name",
        "business_type=CORPORATION": "business_type",
        "doing_business_as=Trade%2077": "doing_business_as",
        "email=77@domain77.example": "email",
        "email=domain77.example": "email_domain",
        "first_name=first%2077": "first_name",
        "last_name=last%2077": "last_name",
        "title=title%2077": "title",
        "default_statement_descriptor=D77": "descriptor",
    },
    "payment_instrument": {
        "updated_at.gte=2019-06-15&updated_at.lte=2019-06-15": "updated",
        "id=PIpcdriNfwBZwB5EMG52nMQV": "pkey",
        "type=BANK_ACCOUNT": "type",
        "name=Holder%2077": "name",
        "last_four=0077": "last_four",
        "last4=0077": "last_four",
        "account_last4=0100": "last_four",
        "account_routing_number=122105000": "bank_code",
        "bin=400077": "bin",
        "brand=JCB": "brand",
        "expiration_month=3&expiration_year=2032": "expiration",
        "expiration_year=2100": "expiration",
        "fingerprint=FPR77": "print",
        "enabled=false": "disabled",
        "owner_identity_id=IDpcdriNfwBZwB5EMG52nMQV": "of_identity",
        "identity_id=IDpcdriNfwBZwB5EMG52nMQV": "of_identity",
    },
    "merchant": {
        "updated_at.gte=2019-06-15&updated_at.lte=2019-06-15": "updated",
        "id=MUpcdriNfwBZwB5EMG52nMQV": "pkey",
        "identity_id=IDpcdriNfwBZwB5EMG52nMQV": "of_identity",
        "onboarding_state=REJECTED": "state",
        "processor=VISA_V1": "processor",
        "processor_id=PRpcdriNfwBZwB5EMG52nMQV": "enabled_processor",
        "mid=MID77": "mid",
        "merchant_name=Shop%2077": "name",
        "mcc=4077": "mcc",
        "processing_enabled=false": "processing",
        "settlement_enabled=false": "settlement",
    },
}
for table, listed in LISTS.items():
    INDEXES[table] |= dict.fromkeys(BY_MOMENT, listed.in_order)


@pytest.mark.parametrize(("table", "query"), [(table, query) for table, found in INDEXES.items() for query in found])
def test_filter_is_answered_by_its_index(partner: Actor, table: str, query: str) -> None:
    listed = LISTS[table]
    with transaction(by=partner):
        rows = listed.filters(QueryDict(query), listed.model._default_manager.visible_to(partner)).apply()
    scans = scans_of(rows, partner)

    index = f"{table}_{INDEXES[table][query]}"
    assert scans in ([("Index Scan", index)], [("Bitmap Heap Scan", None), ("Bitmap Index Scan", index)])


@pytest.mark.parametrize("table", LISTS)
def test_every_filter_has_an_index(table: str) -> None:
    filters = {name.partition("=")[0].partition(".")[0] for query in INDEXES[table] for name in query.split("&")}

    declared = {name.partition("__")[0] for name in LISTS[table].filters.base_filters}
    # Those of tags stand below; an application is in sight.
    assert declared - (filters - {""}) - {"application_id", "application"} == ({"tags"} if table in TAGGED else set())


@pytest.mark.parametrize("table", TAGGED)
@pytest.mark.parametrize(
    "query", ["tags.key=order&tags.value=77", "tags.value=77", "tags.key=nothing", "tags.key=plan&tags.value=silver"]
)
def test_tags_of_few_are_found_by_their_index(partner: Actor, table: str, query: str) -> None:
    assert indexes_of(partner, table, query) == {f"{table}_tag_pkey", f"{table}_pkey"}


@pytest.mark.parametrize("table", TAGGED)
@pytest.mark.parametrize("query", ["tags.key=order", "tags.value=gold", "tags.key=plan&tags.value=gold"])
def test_tags_of_many_are_found_by_reading_on(partner: Actor, table: str, query: str) -> None:
    assert indexes_of(partner, table, query) == {f"{table}_{LISTS[table].in_order}"}


BEGINNINGS = {
    "identity": {"business_begins", "trade_begins", "first_name", "last_name", "email"},
    "payment_instrument": {"last_four", "name_begins"},
    "merchant": {"mid", "name_begins"},
}


@pytest.mark.parametrize(
    ("table", "text"),
    [
        *(("identity", text) for text in ("business 77", "TRADE 77", "first 1999", "zzz", "77@domain77")),
        *(("payment_instrument", text) for text in ("holder 77", "HOLDER 777", "0077", "zzz")),
        *(("merchant", text) for text in ("shop 77", "SHOP 777", "MID77", "zzz")),
    ],
)
def test_beginnings_are_found_by_the_indexes_of_what_may_begin_so(partner: Actor, table: str, text: str) -> None:
    assert indexes_of(partner, table, f"q={text}") == {f"{table}_{name}" for name in BEGINNINGS[table]}


def test_businesses_that_no_processor_has_are_found_by_their_index(partner: Actor) -> None:
    indexes = indexes_of(partner, "identity", "at_processor=not_yet")

    assert {index for index in indexes if index and index.startswith("identity")} == {"identity_not_at_processor"}


@pytest.mark.parametrize("table", LISTS)
def test_rows_of_every_application_come_from_an_index(partner: Actor, table: str) -> None:
    del partner
    by = system()
    with transaction(by=by):
        rows = LISTS[table].model._default_manager.visible_to(by)
    indexes = {index for _, index in scans_of(rows, by)}

    assert indexes & {f"{table}_newest", f"{table}_{LISTS[table].in_order}"}


@pytest.mark.parametrize("page", [IdentityList, InstrumentList, MerchantList])
def test_pages_join_no_second_table_with_a_policy(partner: Actor, page: type[ListPage]) -> None:
    """Joined, the planner takes a list for a few rows, and sorts all of it: among 150,000 that took 1,600 ms."""
    shown = page()
    shown.actor = partner

    assert shown.visible().query.select_related is False
