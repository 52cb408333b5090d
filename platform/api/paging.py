"""Both page forms of the contract over one keyset order: newest first, ties by id.

Offset form: `offset`, `limit`, `sort`, and `page` with a count. Cursor form: `after_cursor`, `before_cursor`, `page`
with `next_cursor` while there is more. Which one answers is told by the list and the `Finix-Version` header.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any
from urllib.parse import urlencode

from django.db.models import F, QuerySet
from rest_framework.request import Request

from api.errors import BadRequest
from resources.keyset import beyond, read_window
from resources.lookup import find

CURSOR_VERSION = "2022-02-01"
MAX_LIMIT = 100
MAX_OFFSET = 1_000_000
COUNTED = 10_000
"""Up to here a count is exact; beyond, it says at least that one more page exists."""


class PageForm(Enum):
    OFFSET = "offset"
    CURSOR = "cursor"


@dataclass(frozen=True)
class Page:
    """One page of rows, with `page` and the `_links` that go with it (hrefs without scheme and host)."""

    rows: list[Any]
    page: dict[str, Any]
    links: dict[str, str]


def page_form(request: Request, *, always_offset: bool) -> PageForm:
    """Which form answers: a cursor in the query decides, then the list, then the version header."""
    query = request.query_params
    if "after_cursor" in query or "before_cursor" in query:
        if "offset" in query:
            raise BadRequest("A cursor and an offset exclude each other.", field="offset")
        return PageForm.CURSOR
    if always_offset or request.headers.get("Finix-Version") != CURSOR_VERSION:
        return PageForm.OFFSET
    return PageForm.CURSOR


def read_page(
    filtered: QuerySet[Any],
    request: Request,
    *,
    visible: QuerySet[Any],
    sortable: Iterable[str],
    always_offset: bool = False,
) -> Page:
    """Read one page in the form that the request asks for.

    `visible` is what the actor may see, before filters: a cursor need not match the filters. Raises BadRequest for a
    wrong parameter, NotVisible for a cursor that is unknown, foreign or of another resource.
    """
    if page_form(request, always_offset=always_offset) is PageForm.CURSOR:
        return _cursor_page(filtered, request, visible)
    return _offset_page(filtered, request, sortable)


def _offset_page(queryset: QuerySet[Any], request: Request, sortable: Iterable[str]) -> Page:
    query = request.query_params
    limit = _number(query, "limit", "pageSize", default=20, lowest=1, highest=MAX_LIMIT)
    if "pageNumber" in query and "offset" not in query:
        offset = limit * _number(query, "pageNumber", default=0, lowest=0, highest=MAX_OFFSET // limit)
    else:
        offset = _number(query, "offset", default=0, lowest=0, highest=MAX_OFFSET)
    sort = _sort(query.getlist("sort"), set(sortable))
    ordered = queryset.order_by(*(F(name).desc() if down else F(name).asc() for name, down in sort))
    rows = list(ordered[offset : offset + limit + 1])
    count, is_exact = _count(queryset, offset, len(rows))
    path, shared = request.path, _other_parameters(query)

    def href(at: int) -> str:
        pairs = [
            *shared,
            ("offset", at),
            ("limit", limit),
            *(("sort", f"{n},{'desc' if d else 'asc'}") for n, d in sort),
        ]
        return f"{path}?{urlencode(pairs, safe=',')}"

    links = {"self": href(offset)}
    if len(rows) > limit and offset + limit <= MAX_OFFSET:
        links["next"] = href(offset + limit)
    if is_exact and count:
        links["last"] = href((count - 1) // limit * limit)
    return Page(rows[:limit], {"offset": offset, "limit": limit, "count": count}, links)


def _cursor_page(queryset: QuerySet[Any], request: Request, visible: QuerySet[Any]) -> Page:
    query = request.query_params
    limit = _number(query, "limit", default=100, lowest=1, highest=MAX_LIMIT)
    sort = query.getlist("sort")
    is_ascending = not _sort(sort, {"created_at"}, unique=())[0][1]
    after, before = query.get("after_cursor"), query.get("before_cursor")
    backwards = bool(before and not after)
    older = is_ascending == backwards
    window = queryset
    if cursor := after or before:
        window = queryset.filter(beyond(find(visible, cursor), older=older))
    rows, has_more = read_window(window, older=older, limit=limit)
    if backwards and rows:
        rows.reverse()
        has_more = queryset.filter(beyond(rows[-1], older=not older)).exists()
    page: dict[str, Any] = {"limit": limit}
    links = {"self": request.path}
    if has_more and rows:
        page["next_cursor"] = rows[-1].public_id
        told = [*_other_parameters(query), *(("sort", text) for text in sort)]
        pairs = [*told, ("limit", limit), ("after_cursor", rows[-1].public_id)]
        links["next"] = f"{request.path}?{urlencode(pairs, safe=',')}"
    return Page(rows, page, links)


def _count(queryset: QuerySet[Any], offset: int, seen: int) -> tuple[int, bool]:
    """How many rows there are, and whether that is exact. While more exist it is at least offset + rows + 1."""
    counted = queryset.order_by().values("pk")[: COUNTED + 1].count()
    if counted <= COUNTED:
        return counted, True
    return max(counted, offset + seen if seen else 0), False


def _sort(values: list[str], sortable: set[str], unique: tuple[str, ...] = ("id",)) -> list[tuple[str, bool]]:
    """`sort=field,asc|desc` as (field, descending), what is unique last. Raises BadRequest."""
    allowed = sortable.union(unique)
    found: list[tuple[str, bool]] = []
    for text in values:
        name, _, direction = text.partition(",")
        if name not in allowed or direction.lower() not in {"", "asc", "desc"}:
            raise BadRequest(f"Sort by one of {', '.join(sorted(allowed))}, `,asc` or `,desc`.", field="sort")
        if name not in dict(found):
            found.append((name, direction.lower() == "desc"))
    if not found:
        found = [("created_at", True)]
    found += [(name, found[-1][1]) for name in unique if name not in dict(found)]
    return found


def _number(query: Mapping[str, str], *names: str, default: int, lowest: int, highest: int) -> int:
    for name in names:
        text = query.get(name)
        if text is None or text == "":
            continue
        if not (text.isascii() and text.isdigit() and len(text) <= 10 and lowest <= int(text) <= highest):
            raise BadRequest(f"{name} is a whole number from {lowest} to {highest}.", field=name)
        return int(text)
    return default


_PAGING = {"offset", "limit", "sort", "pageNumber", "pageSize", "after_cursor", "before_cursor"}


def _other_parameters(query: Any) -> list[tuple[str, str]]:
    return [(name, value) for name, values in query.lists() if name not in _PAGING for value in values]
