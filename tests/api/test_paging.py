"""Both page forms, as finix-api.md 2 writes them."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import transaction as database
from hypothesis import given, settings
from hypothesis import strategies as st

from api import paging
from onboarding.models import Identity
from tenancy.actors import system
from tenancy.transactions import transaction
from tests.api.conftest import Tenant, errors_of
from tests.conftest import ApiClient

CURSOR = {"Finix-Version": "2022-02-01"}
HERE = "http://testserver"
START = datetime(2020, 1, 1, tzinfo=UTC)


def add_rows(tenant: Tenant, seconds: list[int], **columns: Any) -> list[Identity]:
    """Identities of moments of our choice, older than any that fixtures made."""
    rows = [
        Identity(
            application=tenant.application,
            created_at=START + timedelta(seconds=second),
            first_name=f"n{second}",
            **columns,
        )
        for second in seconds
    ]
    with transaction(by=system()):
        return Identity.objects.bulk_create(rows)


def newest_first(tenant: Tenant) -> list[str]:
    with transaction(by=tenant.partner.actor):
        rows = list(Identity.objects.visible_to(tenant.partner.actor))
    return [row.public_id for row in sorted(rows, key=lambda row: (row.created_at, row.pk), reverse=True)]


def ids_of(body: dict[str, Any]) -> list[str]:
    (rows,) = body["_embedded"].values()
    return [row["id"] for row in rows]


@pytest.fixture
def rows(own: Tenant) -> list[str]:
    """The ids of five identities that the list shows, newest first; two of them of one moment."""
    add_rows(own, [1, 2, 2])
    found = newest_first(own)
    assert len(found) == 5
    return found


@pytest.mark.parametrize(
    ("query", "shown", "page", "links"),
    [
        ("", slice(0, 5), (0, 20, 5), {"self": (0, 20), "last": (0, 20)}),
        ("limit=2", slice(0, 2), (0, 2, 5), {"self": (0, 2), "next": (2, 2), "last": (4, 2)}),
        ("limit=2&offset=2", slice(2, 4), (2, 2, 5), {"self": (2, 2), "next": (4, 2), "last": (4, 2)}),
        ("limit=2&offset=4", slice(4, 5), (4, 2, 5), {"self": (4, 2), "last": (4, 2)}),
        ("limit=2&offset=3", slice(3, 5), (3, 2, 5), {"self": (3, 2), "last": (4, 2)}),
        ("limit=5", slice(0, 5), (0, 5, 5), {"self": (0, 5), "last": (0, 5)}),
        ("offset=5", slice(0, 0), (5, 20, 5), {"self": (5, 20), "last": (0, 20)}),
        ("offset=1000000", slice(0, 0), (1000000, 20, 5), {"self": (1000000, 20), "last": (0, 20)}),
        ("pageSize=2&pageNumber=1", slice(2, 4), (2, 2, 5), {"self": (2, 2), "next": (4, 2), "last": (4, 2)}),
        ("pageSize=2&pageNumber=0", slice(0, 2), (0, 2, 5), {"self": (0, 2), "next": (2, 2), "last": (4, 2)}),
        ("pageNumber=1", slice(0, 0), (20, 20, 5), {"self": (20, 20), "last": (0, 20)}),
        (
            "limit=3&pageSize=1&offset=1&pageNumber=9",
            slice(1, 4),
            (1, 3, 5),
            {"self": (1, 3), "next": (4, 3), "last": (3, 3)},
        ),
        ("limit=&offset=", slice(0, 5), (0, 20, 5), {"self": (0, 20), "last": (0, 20)}),
    ],
)
def test_offset_page(
    *,
    partner: ApiClient,
    rows: list[str],
    query: str,
    shown: slice,
    page: tuple[int, ...],
    links: dict[str, tuple[int, int]],
) -> None:
    body = partner.get(f"/identities?{query}").json()

    assert list(body) == ["_embedded", "_links", "page"]
    assert ids_of(body) == rows[shown]
    assert body["page"] == dict(zip(("offset", "limit", "count"), page, strict=True))
    sort = "sort=created_at,desc&sort=id,desc"
    assert body["_links"] == {
        rel: {"href": f"{HERE}/identities?offset={offset}&limit={limit}&{sort}"}
        for rel, (offset, limit) in links.items()
    }


@pytest.mark.parametrize(
    ("query", "shown", "limit", "following"),
    [
        ("", slice(0, 5), 100, None),
        ("limit=2", slice(0, 2), 2, 1),
        ("limit=2&after_cursor={1}", slice(2, 4), 2, 3),
        ("limit=2&after_cursor={3}", slice(4, 5), 2, None),
        ("limit=2&after_cursor={4}", slice(0, 0), 2, None),
        ("limit=3&after_cursor={1}", slice(2, 5), 3, None),  # the last page is full
        ("limit=2&before_cursor={4}", slice(2, 4), 2, 3),
        ("limit=2&before_cursor={1}", slice(0, 1), 2, 0),
        ("limit=2&before_cursor={0}", slice(0, 0), 2, None),
        ("limit=1&after_cursor={0}&before_cursor={4}", slice(1, 2), 1, 1),
        ("limit=4&after_cursor=", slice(0, 4), 4, 3),
        ("limit=4&before_cursor=", slice(0, 4), 4, 3),
        ("offset=3&pageNumber=2&pageSize=1", slice(0, 5), 100, None),  # alone they are ignored
        ("sort=created_at,desc", slice(0, 5), 100, None),
        ("sort=created_at,asc", slice(None, None, -1), 100, None),
        ("sort=created_at", slice(None, None, -1), 100, None),
        ("sort=created_at,asc&limit=2", slice(4, 2, -1), 2, 3),
        ("sort=created_at,asc&limit=3&after_cursor={2}", slice(1, None, -1), 3, None),
        ("sort=created_at,asc&limit=1&before_cursor={2}", slice(3, 2, -1), 1, 3),
    ],
)
def test_cursor_page(
    partner: ApiClient, rows: list[str], *, query: str, shown: slice, limit: int, following: int | None
) -> None:
    body = partner.get(f"/identities?{query.format(*rows)}", **CURSOR).json()

    page, links = {"limit": limit}, {"self": {"href": f"{HERE}/identities"}}
    if following is not None:
        sort = "sort=created_at,asc&" if "asc" in query else ""
        page |= {"next_cursor": rows[following]}
        links |= {"next": {"href": f"{HERE}/identities?{sort}limit={limit}&after_cursor={rows[following]}"}}
    assert list(body) == ["_embedded", "_links", "page"]
    assert (ids_of(body), body["page"], body["_links"]) == (rows[shown], page, links)


@pytest.mark.parametrize("version", ["2018-01-01", "2021-01-01", "2099-01-01", "latest", "", "\x00"])
def test_version_that_is_not_known_is_the_base_version(partner: ApiClient, rows: list[str], version: str) -> None:
    page = partner.get("/identities", **{"Finix-Version": version}).json()["page"]

    assert page == {"offset": 0, "limit": 20, "count": 5}


def test_cursor_in_the_query_chooses_its_form_on_any_list(partner: ApiClient, rows: list[str]) -> None:
    body = partner.get(f"/identities?after_cursor={rows[2]}").json()

    assert (ids_of(body), body["page"]) == (rows[3:], {"limit": 100})


def test_users_are_always_listed_by_offset(partner: ApiClient, own: Tenant) -> None:
    body = partner.get("/users", **CURSOR).json()

    assert body["page"] == {"offset": 0, "limit": 20, "count": 2}
    users = [own.merchant.user.public_id, own.partner.user.public_id]
    assert ids_of(body) == users
    assert ids_of(partner.get(f"/users?after_cursor={users[0]}").json()) == users[1:]


@pytest.mark.parametrize("version", [{}, CURSOR])
@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("limit=0", "limit"),
        ("limit=101", "limit"),
        ("limit=-1", "limit"),
        ("limit=1.5", "limit"),
        ("limit=1e1", "limit"),
        ("limit=ten", "limit"),
        ("limit=%00", "limit"),
        ("limit=٢", "limit"),
        ("limit=%2B1", "limit"),
        ("limit=99999999999999999999", "limit"),
        ("sort=name,desc", "sort"),
        ("sort=tags,desc", "sort"),
        ("sort=application__name,asc", "sort"),
        ("sort=-created_at", "sort"),
        ("sort=created_at,upwards", "sort"),
        ("sort=?", "sort"),
        ("sort=", "sort"),
    ],
)
def test_wrong_parameter_is_400_in_both_forms(
    partner: ApiClient, rows: list[str], version: dict[str, str], query: str, field: str
) -> None:
    answer = partner.get(f"/identities?{query}", **version)

    assert answer.status_code == 400
    (error,) = errors_of(answer)
    assert (error["code"], error["field"]) == ("BAD_REQUEST", field)


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("offset=-1", "offset"),
        ("offset=1000001", "offset"),
        ("offset=99999999999999999999", "offset"),
        ("offset=x", "offset"),
        ("pageSize=0", "pageSize"),
        ("pageSize=101", "pageSize"),
        ("pageNumber=-1", "pageNumber"),
        ("pageNumber=50001", "pageNumber"),  # of 20 rows each: beyond the last offset
        ("pageNumber=10001&pageSize=100", "pageNumber"),
        ("offset=0&after_cursor=IDx", "offset"),
        ("offset=0&before_cursor=IDx", "offset"),
    ],
)
def test_wrong_offset_is_400(partner: ApiClient, rows: list[str], query: str, field: str) -> None:
    answer = partner.get(f"/identities?{query}")

    assert (answer.status_code, errors_of(answer)[0]["field"]) == (400, field)


@pytest.mark.parametrize("sort", ["updated_at,desc", "id,asc", "id", "created_at,asc&sort=id,asc"])
def test_cursor_form_sorts_by_creation_only(partner: ApiClient, rows: list[str], sort: str) -> None:
    answer = partner.get(f"/identities?sort={sort}", **CURSOR)

    error = {"code": "BAD_REQUEST", "message": "Sort by one of created_at, `,asc` or `,desc`.", "field": "sort"}
    assert (answer.status_code, errors_of(answer)) == (400, [error])


@pytest.mark.parametrize("side", ["after_cursor", "before_cursor"])
def test_cursor_out_of_sight_is_404(partner: ApiClient, own: Tenant, foreign: Tenant, side: str) -> None:
    absent = "ID" + "3" * 21
    cursors = [foreign.identity.public_id, own.application.public_id, absent, "nonsense", "ID\x00"]

    answers = [partner.get(f"/identities?{side}={cursor}") for cursor in cursors]

    assert [answer.status_code for answer in answers] == [404] * 5
    assert [errors_of(answer) for answer in answers] == [
        [{"code": "NOT_FOUND", "message": f"`{cursor}` was not found"}] for cursor in cursors
    ]


def test_cursor_need_not_match_the_filters(partner: ApiClient, own: Tenant) -> None:
    older, cursor, _ = add_rows(own, [1, 2, 3])
    query = "created_at.lte=2020-01-01T00:00:01.5"

    after = partner.get(f"/identities?{query}&after_cursor={cursor.public_id}").json()
    before = partner.get(f"/identities?{query}&before_cursor={cursor.public_id}").json()

    assert (ids_of(after), after["page"]) == ([older.public_id], {"limit": 100})
    assert (ids_of(before), before["page"]) == ([], {"limit": 100})


def test_last_page_before_a_cursor_that_the_filter_leaves_out_has_no_next(partner: ApiClient, own: Tenant) -> None:
    cursor, newer = add_rows(own, [1, 2])
    query = "created_at.gte=2020-01-01T00:00:02&created_at.lte=2020-01-02"

    body = partner.get(f"/identities?{query}&before_cursor={cursor.public_id}").json()

    assert (ids_of(body), body["page"]) == ([newer.public_id], {"limit": 100})


@pytest.mark.parametrize(
    ("sort", "order"),
    [
        ("sort=created_at,asc", [1, 2, 3]),
        ("sort=created_at", [1, 2, 3]),
        ("sort=created_at,DESC", [3, 2, 1]),
        ("sort=updated_at,asc", [3, 1, 2]),
        ("sort=updated_at,desc&sort=created_at,asc", [1, 2, 3]),
        ("sort=created_at,desc&sort=created_at,asc", [3, 2, 1]),
    ],
)
def test_offset_form_sorts_by_the_allowed_fields(partner: ApiClient, own: Tenant, sort: str, order: list[int]) -> None:
    first, second = add_rows(own, [1, 2], updated_at=START + timedelta(days=1))
    (third,) = add_rows(own, [3], updated_at=START)
    names = {first.public_id: 1, second.public_id: 2, third.public_id: 3}

    body = partner.get(f"/identities?{sort}&created_at.lte=2020-01-02").json()

    assert [names[found] for found in ids_of(body)] == order


def test_ties_are_broken_by_id_in_the_direction_of_the_sort(partner: ApiClient, own: Tenant) -> None:
    rows = sorted(row.pk for row in add_rows(own, [1] * 7))
    ids = [Identity(pk=key).public_id for key in rows]

    def listed(sort: str) -> list[str]:
        return ids_of(partner.get(f"/identities?created_at.lte=2020-01-02&sort=created_at,{sort}").json())

    assert (listed("asc"), listed("desc")) == (ids, ids[::-1])


@pytest.mark.parametrize("version", [{}, CURSOR])
def test_links_keep_the_filters_and_lead_to_the_rest(partner: ApiClient, own: Tenant, version: dict[str, str]) -> None:
    add_rows(own, [1, 2, 3], title="Frau Dr. & Söhne=1")
    query = "title=Frau+Dr.+%26+S%C3%B6hne%3D1&created_at.gte=2020-01-01&unknown=x"
    whole = ids_of(partner.get(f"/identities?{query}").json())

    body = partner.get(f"/identities?{query}&limit=1", **version).json()
    seen = ids_of(body)
    while "next" in body["_links"]:
        assert "unknown=x" in body["_links"]["next"]["href"]
        body = partner.get(body["_links"]["next"]["href"].removeprefix(HERE), **version).json()
        seen += ids_of(body)

    assert (len(whole), seen) == (3, whole)


@pytest.mark.parametrize(
    ("query", "count", "links"),
    [
        ("limit=1", 3, ["self", "next"]),  # more than two are not counted, but there is a page after this one
        ("limit=1&offset=2", 4, ["self", "next"]),
        ("limit=2&offset=1", 4, ["self", "next"]),
        ("limit=2&offset=3", 5, ["self"]),
        ("limit=1&offset=4", 5, ["self"]),
        ("limit=1&offset=9", 3, ["self"]),
    ],
)
def test_count_is_bounded_and_still_tells_of_more(
    partner: ApiClient, rows: list[str], monkeypatch: pytest.MonkeyPatch, *, query: str, count: int, links: list[str]
) -> None:
    monkeypatch.setattr(paging, "COUNTED", 2)

    body = partner.get(f"/identities?{query}").json()

    assert (body["page"]["count"], list(body["_links"])) == (count, links)


def test_count_is_exact_up_to_its_bound(partner: ApiClient, rows: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paging, "COUNTED", 5)

    body = partner.get("/identities?limit=1").json()

    assert (body["page"]["count"], list(body["_links"])) == (5, ["self", "next", "last"])


def test_no_link_leads_beyond_the_last_offset(
    partner: ApiClient, rows: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paging, "MAX_OFFSET", 2)

    assert "next" in partner.get("/identities?limit=1&offset=1").json()["_links"]
    assert "next" not in partner.get("/identities?limit=1&offset=2").json()["_links"]


@pytest.mark.parametrize("version", [{}, CURSOR])
def test_empty_list_keeps_its_one_key(admin: ApiClient, db: None, version: dict[str, str]) -> None:
    body = admin.get("/merchant_profiles", **version).json()

    assert body["_embedded"] == {"merchant_profiles": []}
    assert body["page"] == ({"limit": 100} if version else {"offset": 0, "limit": 20, "count": 0})
    assert list(body["_links"]) == ["self"]


def test_walking_the_pages_shows_every_row_once_and_in_order(own: Tenant, partner: ApiClient) -> None:
    @settings(max_examples=30, deadline=None)
    @given(
        seconds=st.lists(st.integers(0, 3), max_size=12),  # few moments, so that many are equal
        limit=st.integers(1, 5),
        is_ascending=st.booleans(),
        is_backwards=st.booleans(),
    )
    def walk(seconds: list[int], limit: int, is_ascending: bool, is_backwards: bool) -> None:
        undo = database.savepoint()
        add_rows(own, seconds)
        expected = newest_first(own)[:: -1 if is_ascending else 1]
        query = f"limit={limit}&sort=created_at,{'asc' if is_ascending else 'desc'}"

        pages = list(_backwards(partner, query, expected[-1]) if is_backwards else _forwards(partner, query))

        shown = [row for page in (pages[::-1] if is_backwards else pages) for row in page]
        assert shown == (expected[:-1] if is_backwards else expected)
        assert all(len(page) == limit for page in pages[:-1])
        database.savepoint_rollback(undo)

    walk()


def _forwards(client: ApiClient, query: str) -> Iterator[list[str]]:
    body = client.get(f"/identities?{query}", **CURSOR).json()
    yield ids_of(body)
    while cursor := body["page"].get("next_cursor"):
        body = client.get(f"/identities?{query}&after_cursor={cursor}", **CURSOR).json()
        yield ids_of(body)


def _backwards(client: ApiClient, query: str, cursor: str) -> Iterator[list[str]]:
    while found := ids_of(client.get(f"/identities?{query}&before_cursor={cursor}").json()):
        yield found
        cursor = found[0]
