"""What is in batches: how many transfers, and what they come to."""

import uuid
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

from django.db.models import Case, Count, F, Q, QuerySet, Sum, When
from django.utils.html import format_html_join
from django.utils.safestring import SafeString

from payments.models import Transfer
from portal.design.values import money
from tenancy.actors import Actor

_OVER = (Transfer.State.FAILED, Transfer.State.CANCELED)
_CURRENCY = "USD"  # of a batch that nothing moves in


@dataclass
class Contents:
    """What is in a batch: how many transfers, and by currency what they come to, refunds taken off."""

    count: int = 0
    sums: dict[str, int] = field(default_factory=dict)

    @property
    def by_currency(self) -> list[tuple[str, int]]:
        return sorted(self.sums.items()) or [(_CURRENCY, 0)]

    @property
    def total(self) -> SafeString:
        return format_html_join(" ", "{}", ((money(amount, currency),) for currency, amount in self.by_currency))


def contents_of(batches: Mapping[uuid.UUID, uuid.UUID], *, by: Actor) -> Mapping[uuid.UUID, Contents]:
    """How many transfers are in each, and what they come to; what failed is counted and moves nothing.

    `batches` are keys of batches, with those of their applications.
    """
    found: dict[uuid.UUID, Contents] = defaultdict(Contents)
    signed = Case(When(type=Transfer.Type.DEBIT, then=F("amount")), default=-F("amount"))
    grouped = inside(batches, by).values("batch_id", "currency")
    for group in grouped.annotate(count=Count("id"), sum=Sum(signed, filter=~Q(state__in=_OVER))):
        contents = found[group["batch_id"]]
        contents.count += group["count"]
        if group["sum"] is not None:
            contents.sums[group["currency"]] = group["sum"]
    return found


def inside(batches: Mapping[uuid.UUID, uuid.UUID], by: Actor) -> QuerySet[Transfer]:
    """The transfers of these batches, by the index that begins with their applications."""
    return Transfer.objects.visible_to(by).filter(application_id__in=set(batches.values()), batch_id__in=set(batches))
