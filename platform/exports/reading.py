"""Reading a list page by page, by position: each page is a short transaction, and memory holds one page at a time."""

import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import TextField
from django.db.models.functions import Cast

from exports.columns import Column
from exports.listings import Listing
from resources.keyset import beyond
from tenancy.actors import Actor
from tenancy.transactions import transaction

ROWS_AT_A_TIME = 5_000

_PLACE = (Cast("created_at", TextField()), Cast("pk", TextField()))
"""As text: that of the last row alone is needed as it is."""


@dataclass(frozen=True)
class Position:
    """Where a reader of a list stands: behind this row."""

    created_at: datetime
    pk: uuid.UUID


@dataclass(frozen=True)
class Page:
    rows: list[tuple[str | None, ...]]
    last: Position | None
    has_more: bool


def read_page(listing: Listing, query: str, *, by: Actor, after: Position | None, limit: int = ROWS_AT_A_TIME) -> Page:
    """The rows behind a position; call it in a transaction. Raises UnreadableFilters."""
    columns = listing.columns_for(by)
    is_older = not listing.is_oldest_first
    found = listing.narrowed(query, by)
    if after is not None:
        found = found.filter(beyond(after, older=is_older))
    order = ("-created_at", "-pk") if is_older else ("created_at", "pk")
    read = [column.read() for column in columns]
    selected = found.order_by(*order).values_list(*_PLACE, *(one for group in read for one in group))
    rows = list(selected[: limit + 1])
    has_more = len(rows) > limit
    del rows[limit:]
    if not rows:
        return Page([], None, has_more=False)
    return Page(_cells(columns, [len(group) for group in read], rows, by), _position(*rows[-1][:2]), has_more)


def read_all(listing: Listing, query: str, *, by: Actor) -> Iterator[list[tuple[str | None, ...]]]:
    """All rows, a page at a time, with no transaction open while the caller does something with them."""
    after: Position | None = None
    while True:
        with transaction(by=by, plans_anew=True):
            page = read_page(listing, query, by=by, after=after)
        yield page.rows
        if not page.has_more:
            return
        after = page.last


def _position(created_at: str, pk: str) -> Position:
    return Position(datetime.fromisoformat(created_at), uuid.UUID(pk))


def _cells(
    columns: Sequence[Column], widths: Sequence[int], rows: Sequence[Sequence[Any]], by: Actor
) -> list[tuple[str | None, ...]]:
    values = list(zip(*rows, strict=True))
    texts, at = [], 2  # behind the two that tell the position
    for column, width in zip(columns, widths, strict=True):
        texts.append(column.texts(by, *values[at : at + width]))
        at += width
    return list(zip(*texts, strict=True))
