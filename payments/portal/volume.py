"""What was sold, given back and paid out by day: one grouped query for all charts of a page."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from django.db.models import Count, Expression, ExpressionWrapper, Q, Sum, fields
from django.db.models.functions import TruncDate
from django.urls import reverse
from django.utils.http import urlencode

from payments.forms.amounts import amount_in_words
from payments.models import Transfer
from payments.portal.deposit_filters import SENT
from portal.charts import Series, bar_chart
from portal.design.values import money
from tenancy.actors import Actor

State, Type = Transfer.State, Transfer.Type


@dataclass
class Volume:
    """By day of UTC, in minor units of one currency; `sold` and `failed` count sales."""

    currency: str
    sales: Counter[date] = field(default_factory=Counter)
    refunds: Counter[date] = field(default_factory=Counter)
    deposits: Counter[date] = field(default_factory=Counter)
    sold: int = 0
    failed: int = 0
    count: int = 0


def volumes(days: Sequence[date], *, by: Actor) -> list[Volume]:
    """Of each currency in which something moved, that with most transfers first; call it in a transaction.

    Deposits that failed or came back are no deposits. Money to and from cards is nobody's sale.
    """
    start = datetime.combine(days[0], time.min, UTC)
    end = datetime.combine(days[-1], time.min, UTC) + timedelta(days=1)
    made = Transfer.objects.visible_to(by).filter(created_at__gte=start, created_at__lt=end)
    grouped = (
        made.order_by()
        .annotate(
            on=TruncDate("created_at", tzinfo=UTC),
            is_deposit_row=_is(Q(subtype__in=Transfer.DEPOSITS)),
            is_settled=_is(Q(ready_to_settle_upon__isnull=False)),
            has_come_back=_is(Q(returned_at__isnull=False)),
        )
        .values("on", "currency", "type", "state", "is_deposit_row", "is_settled", "has_come_back")
        .annotate(n=Count("pk"), total=Sum("amount"))
    )
    found: dict[str, Volume] = {}
    for row in grouped:
        _add(found.setdefault(row["currency"], Volume(row["currency"])), row)
    return sorted(found.values(), key=lambda volume: (-volume.count, volume.currency))


def sales_chart(volume: Volume, days: Sequence[date]) -> dict[str, Any]:
    return _chart(
        "Sales and refunds by day",
        volume,
        days,
        [
            Series(name, [amounts[on] for on in days], [_transfers(volume, kind, State.SUCCEEDED, [on]) for on in days])
            for name, amounts, kind in (
                ("Sales", volume.sales, Type.DEBIT),
                ("Refunds and bank returns", volume.refunds, Type.REVERSAL),
            )
        ],
    )


def deposits_chart(volume: Volume, days: Sequence[date]) -> dict[str, Any]:
    told = {"currency": volume.currency, "state": SENT}
    urls = [f"{reverse('payments:deposits')}?{urlencode(told | period([on]))}" for on in days]
    return _chart("Deposits by day", volume, days, [Series("Deposits", [volume.deposits[on] for on in days], urls)])


def failed_sales_url(volume: Volume, days: Sequence[date]) -> str:
    """The list of those that `failed` counts."""
    return _transfers(volume, Type.DEBIT, State.FAILED, days)


def period(days: Sequence[date]) -> dict[str, str]:
    """What lists are narrowed by to rows of these days, the first to the last."""
    return {"created_at.gte": days[0].isoformat(), "created_at.lte": days[-1].isoformat()}


def _chart(title: str, volume: Volume, days: Sequence[date], series: Sequence[Series]) -> dict[str, Any]:
    currency = volume.currency
    return bar_chart(
        title,
        days,
        series,
        shown=lambda amount: money(amount, currency),
        told=lambda amount: amount_in_words(amount, currency),
    )


def _add(volume: Volume, row: Mapping[str, Any]) -> None:
    on, total, succeeded = row["on"], row["total"], row["state"] == State.SUCCEEDED
    volume.count += row["n"]
    if row["is_deposit_row"]:
        if row["state"] in {State.PENDING, State.SUCCEEDED} and not row["has_come_back"]:
            volume.deposits[on] += total
    elif row["is_settled"] and row["type"] == Type.DEBIT:
        volume.sold += row["n"] if succeeded else 0
        volume.failed += row["n"] if row["state"] == State.FAILED else 0
        volume.sales[on] += total if succeeded else 0
    elif row["is_settled"] and row["type"] == Type.REVERSAL and succeeded:
        volume.refunds[on] += total


def _transfers(volume: Volume, kind: Transfer.Type, state: Transfer.State, days: Sequence[date]) -> str:
    told = {"type": kind.value, "state": state.value, "currency": volume.currency, "never_settled": "false"}
    return f"{reverse('payments:transfers')}?{urlencode(told | period(days))}"


def _is(condition: Q) -> Expression:
    return ExpressionWrapper(condition, output_field=fields.BooleanField())
