"""Filters of lists: dotted names, moments and days, values in any case, ids, tags."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from onboarding.models import Identity
from tenancy.actors import system
from tenancy.transactions import transaction
from tests.api.conftest import Tenant, errors_of
from tests.conftest import ApiClient

MONDAY = datetime(2019, 6, 10, tzinfo=UTC)


@pytest.fixture
def week(own: Tenant, partner: ApiClient) -> Any:
    """Seven identities, one at the first instant of each day; finds their numbers by a query."""
    rows = [
        Identity(
            application=own.application,
            title=str(day),
            created_at=MONDAY + timedelta(days=day),
            updated_at=MONDAY - timedelta(days=day),
            tags={"day": str(day), "kind": "even" if day % 2 == 0 else "odd"},
            business_type="CORPORATION" if day < 2 else None,
        )
        for day in range(7)
    ]
    with transaction(by=system()):
        Identity.objects.bulk_create(rows)

    def find(query: str) -> list[int]:
        path = f"/identities?created_at.lte=2019-12-31&sort=created_at,asc&limit=100&{query}"
        body = partner.get(path).json()
        assert body["page"]["count"] == len(body["_embedded"]["identities"])
        return [int(row["entity"]["title"]) for row in body["_embedded"]["identities"]]

    return find


@pytest.mark.parametrize(
    ("query", "days"),
    [
        ("", [0, 1, 2, 3, 4, 5, 6]),
        ("created_at.gte=2019-06-15", [5, 6]),
        ("created_at.gte=2019-06-15T00:00:00Z", [5, 6]),
        ("created_at.gte=2019-06-15T00:00:00.000001Z", [6]),
        ("created_at.gte=2019-06-15T02:00:00%2B02:00", [5, 6]),
        ("created_at.created_at.gte=2019-06-15", [5, 6]),  # as the document misprints it
        ("updated_at.gte=2019-06-09", [0, 1]),
        ("updated_at.lte=2019-06-04", [6]),
        ("updated_at.lte=2019-06-05T00:00:00", [5, 6]),
        ("created_at.gte=&updated_at.lte=", [0, 1, 2, 3, 4, 5, 6]),
        ("business_type=CORPORATION", [0, 1]),
        ("business_type=corporation", [0, 1]),
        ("business_type=ALL", [0, 1, 2, 3, 4, 5, 6]),
        ("business_type=all", [0, 1, 2, 3, 4, 5, 6]),
        ("tags.key=day&tags.value=3", [3]),
        ("tags.key=kind&tags.value=odd", [1, 3, 5]),
        ("tags.value=odd", [1, 3, 5]),
        ("tags.value=3", [3]),
        ("tags.key=day", [0, 1, 2, 3, 4, 5, 6]),
        ("tags.key=day&tags.value=odd", []),
        ("tags.key=nothing", []),
        ("title=3&business_type=CORPORATION", []),
        ("title=1&business_type=CORPORATION", [1]),
        ("id=nonsense", []),
        ("id=APx", []),
        ("application_id=nonsense", []),
    ],
)
def test_filter_finds(week: Any, query: str, days: list[int]) -> None:
    assert week(query) == days


def test_day_alone_is_the_whole_day(own: Tenant, partner: ApiClient) -> None:
    with transaction(by=system()):
        for moment in (MONDAY, MONDAY + timedelta(days=1, microseconds=-1), MONDAY + timedelta(days=1)):
            Identity.objects.create(application=own.application, created_at=moment)

    count = partner.get("/identities?created_at.gte=2019-06-10&created_at.lte=2019-06-10").json()["page"]["count"]

    assert count == 2


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("created_at.gte=yesterday", "created_at.gte"),
        ("created_at.lte=2019-02-30", "created_at.lte"),
        ("updated_at.gte=%00", "updated_at.gte"),
        ("created_at.gte=9999-12-31T23:59:59-14:00", "created_at.gte"),
        ("business_type=BANK", "business_type"),
        ("business_type=%00", "business_type"),
        ("title=%00", "title"),
        ("tags.key=%00", "tags.key"),
        ("title=" + "x" * 201, "title"),
        ("id=" + "x" * 65, "id"),
    ],
)
def test_wrong_value_is_400_and_names_the_parameter(partner: ApiClient, query: str, field: str) -> None:
    answer = partner.get(f"/identities?{query}")

    assert answer.status_code == 400
    (error,) = errors_of(answer)
    assert (error["code"], error["field"]) == ("BAD_REQUEST", field)
