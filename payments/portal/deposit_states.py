"""Where a deposit is, in the same words on every page and in every file."""

from datetime import UTC, date

from django.db.models import (
    Case,
    DateTimeField,
    ExpressionWrapper,
    OuterRef,
    QuerySet,
    Subquery,
    TextChoices,
    Value,
    When,
)
from django.db.models.functions import TruncDate
from django.urls import reverse
from django.utils import timezone
from django.utils.safestring import SafeString

from payments.models import Transfer
from portal.design.states import badge
from tenancy.models import Application


class Standing(TextChoices):
    """What the bank has taken is on its way until the day on which it should be there."""

    ON_ITS_WAY = "ON_ITS_WAY", "On its way"
    PAID = "PAID", "Paid"
    RETURNED = "RETURNED", "Returned"
    FAILED = "FAILED", "Failed"


_TONES = {
    Standing.ON_ITS_WAY: "info",
    Standing.PAID: "positive",
    Standing.RETURNED: "negative",
    Standing.FAILED: "negative",
}


def page_of(deposit: Transfer) -> str:
    return reverse("payments:deposit", args=[deposit.public_id])


def standing_of(deposit: Transfer) -> Standing:
    """Its application is joined."""
    if deposit.returned_at is not None:
        return Standing.RETURNED
    if deposit.has_failed:
        return Standing.FAILED
    is_due = deposit.expected_on is not None and deposit.expected_on <= _today(deposit)
    return Standing.PAID if deposit.has_succeeded and is_due else Standing.ON_ITS_WAY


def with_standing(deposits: QuerySet[Transfer]) -> QuerySet[Transfer]:
    """The same as a column, `standing`, for what reads many."""
    offset = Application.objects.filter(pk=OuterRef("application_id")).values("clock_offset")
    now = ExpressionWrapper(Value(timezone.now()) + Subquery(offset), output_field=DateTimeField())
    return deposits.annotate(
        standing=Case(
            When(returned_at__isnull=False, then=Value(Standing.RETURNED)),
            When(state__in=[Transfer.State.FAILED, Transfer.State.CANCELED], then=Value(Standing.FAILED)),
            When(
                state=Transfer.State.SUCCEEDED, expected_on__lte=TruncDate(now, tzinfo=UTC), then=Value(Standing.PAID)
            ),
            default=Value(Standing.ON_ITS_WAY),
        )
    )


def standing_badge(standing: str) -> SafeString:
    return badge(standing, tone=_TONES[Standing(standing)], label=Standing(standing).label)


def state_badge(deposit: Transfer) -> SafeString:
    """Its application is joined."""
    return standing_badge(standing_of(deposit))


def _today(deposit: Transfer) -> date:
    return deposit.application.business_time(timezone.now()).date()
