"""Paging by position instead of by number: the order (created_at, id), read from either side of a row."""

from typing import Any, TypeVar

from django.db.models import Model, Q, QuerySet

Row = TypeVar("Row", bound=Model)


def beyond(row: Any, *, older: bool) -> Q:
    """What lies on one side of a row in the order (created_at, id)."""
    side = "lt" if older else "gt"
    inclusive = Q(**{f"created_at__{side}e": row.created_at})  # a plain bound on the index's first column
    strictly = Q(**{f"created_at__{side}": row.created_at})
    return inclusive & (strictly | Q(created_at=row.created_at, **{f"id__{side}": row.pk}))


def read_window(queryset: QuerySet[Row], *, older: bool, limit: int) -> tuple[list[Row], bool]:
    """The first rows in one direction, and whether there are more behind them."""
    order = ("-created_at", "-id") if older else ("created_at", "id")
    rows = list(queryset.order_by(*order)[: limit + 1])
    return rows[:limit], len(rows) > limit
