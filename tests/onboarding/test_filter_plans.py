"""Each documented filter has an index behind it, asserted on plans over 20,000 rows of two applications."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection, connections
from django.http import QueryDict
from pytest_django import DjangoDbBlocker

from onboarding.filters import IdentityFilter, IdentitySearch
from onboarding.models import Identity
from tenancy.actors import Actor, system
from tenancy.transactions import transaction
from tests.databases import database_of_its_own
from tests.factories.tenancy import make_application

ROWS = """
INSERT INTO identity (id, tags, created_at, updated_at, application_id, title, first_name, last_name, email,
    business_name, business_type, doing_business_as, default_statement_descriptor, max_transaction_amount,
    ach_max_transaction_amount, annual_card_volume, has_accepted_credit_cards_previously, tax_id_provided,
    business_tax_id_provided, dob_provided)
SELECT gen_random_uuid(), jsonb_build_object('order', n::text, 'plan', 'gold'), moment, moment, application,
    'Title ' || mod(n, 500),
    'First ' || mod(n, 2000), 'Last ' || mod(n, 2000), n || '@domain' || mod(n, 2000) || '.example', 'Business ' || n,
    CASE WHEN mod(n, 100) = 0 THEN 'CORPORATION' WHEN mod(n, 2) = 0 THEN 'PARTNERSHIP' END, 'Trade ' || n, 'D' || n,
    0, 0, 0, false, false, false, false
FROM unnest(%s::uuid[]) AS application, generate_series(1, 10000) AS n,
    LATERAL (SELECT timestamptz '2019-01-01' + n * interval '1 hour' AS moment) AS made
"""


@pytest.fixture(scope="module")
def partner(template_database: str, django_db_blocker: DjangoDbBlocker) -> Iterator[Actor]:
    """Loaded once, committed and analyzed, as the planner finds rows in production."""
    with database_of_its_own(template_database, django_db_blocker):
        application, login = make_application()
        other, _ = make_application("Other")
        with transaction(by=system()), connection.cursor() as cursor:
            cursor.execute("SET LOCAL statement_timeout = 0")  # this many at once, on a machine that is busy
            cursor.execute(ROWS, [[application.pk, other.pk]])
        with connections["owner"].cursor() as cursor:
            cursor.execute("VACUUM ANALYZE identity, identity_tag")
        yield login.actor


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for inner in plan.get("Plans", []):
        yield from nodes(inner)


INDEXES = {
    "": "identity_of_application",
    "id=IDpcdriNfwBZwB5EMG52nMQV": "identity_pkey",
    "business_name=Business%2077": "identity_business_name",
    "business_type=CORPORATION": "identity_business_type",
    "doing_business_as=Trade%2077": "identity_doing_business_as",
    "email=77@domain77.example": "identity_email",
    "email=domain77.example": "identity_email_domain",
    "first_name=first%2077": "identity_first_name",
    "last_name=last%2077": "identity_last_name",
    "title=title%2077": "identity_title",
    "default_statement_descriptor=D77": "identity_descriptor",
    "created_at.gte=2019-06-15": "identity_of_application",
    "created_at.lte=2019-06-15": "identity_of_application",
    "created_at.gte=2019-06-15&created_at.lte=2019-06-15": "identity_of_application",
    "updated_at.gte=2019-06-15&updated_at.lte=2019-06-15": "identity_updated",
}


@pytest.mark.parametrize("query", INDEXES)
def test_filter_is_answered_by_its_index(partner: Actor, query: str) -> None:
    with transaction(by=partner):
        rows = IdentityFilter(QueryDict(query), Identity.objects.visible_to(partner)).apply()
        explained = rows.order_by("-created_at", "-id")[:21].explain(format="json")
    (plan,) = json.loads(explained)

    scans = [(node["Node Type"], node.get("Index Name")) for node in nodes(plan["Plan"]) if "Scan" in node["Node Type"]]
    index = INDEXES[query]
    assert scans in ([("Index Scan", index)], [("Bitmap Heap Scan", None), ("Bitmap Index Scan", index)])


def test_every_filter_has_an_index() -> None:
    filters = {query.partition("=")[0].partition(".")[0] for query in INDEXES} - {""}

    declared = {name.partition("__")[0] for name in IdentityFilter.base_filters}
    assert declared - filters == {"tags", "application_id"}  # those of tags stand below; an application is in sight


def indexes_of(partner: Actor, query: str) -> set[str | None]:
    """The indexes of a plan; None is among them where a table is read whole, or in its order."""
    with transaction(by=partner):
        rows = IdentitySearch(QueryDict(query), Identity.objects.visible_to(partner)).qs
        explained = rows.order_by("-created_at", "-id")[:21].explain(format="json")
    (plan,) = json.loads(explained)
    scans = [node for node in nodes(plan["Plan"]) if "Scan" in node["Node Type"]]
    return {node.get("Index Name") for node in scans if node["Node Type"] != "Bitmap Heap Scan"}


@pytest.mark.parametrize(
    "query", ["tags.key=order&tags.value=77", "tags.value=77", "tags.key=nothing", "tags.key=plan&tags.value=silver"]
)
def test_tags_of_few_are_found_by_their_index(partner: Actor, query: str) -> None:
    assert indexes_of(partner, query) == {"identity_tag_pkey", "identity_pkey"}


@pytest.mark.parametrize("query", ["tags.key=order", "tags.value=gold", "tags.key=plan&tags.value=gold"])
def test_tags_of_many_are_found_by_reading_on(partner: Actor, query: str) -> None:
    assert indexes_of(partner, query) == {"identity_of_application"}


@pytest.mark.parametrize("text", ["business 77", "TRADE 77", "first 1999", "zzz", "77@domain77"])
def test_beginnings_are_found_by_the_indexes_of_what_may_begin_so(partner: Actor, text: str) -> None:
    assert indexes_of(partner, f"q={text}") == {
        "identity_business_begins", "identity_trade_begins", "identity_first_name", "identity_last_name",
        "identity_email",
    }  # fmt: skip


def test_identities_of_every_application_come_from_an_index(partner: Actor) -> None:
    by = system()
    with transaction(by=by):
        explained = Identity.objects.visible_to(by).order_by("-created_at", "-id")[:21].explain(format="json")

    (plan,) = json.loads(explained)
    assert {node.get("Index Name") for node in nodes(plan["Plan"])} & {"identity_newest", "identity_of_application"}
