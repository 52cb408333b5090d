"""When what has accrued is closed by itself."""

import uuid
from calendar import monthrange
from datetime import datetime, time, timedelta

from django.db.models import F

from onboarding.models import Merchant
from payments.models import Settlement, SettlementSchedule
from resources.errors import FieldError
from tenancy.actors import Actor
from tenancy.models import Application
from tenancy.roles import Permission
from tenancy.transactions import act

Frequency = SettlementSchedule.Frequency
_DAYS = {Frequency.WEEKLY: 7, Frequency.MONTHLY: 31}
"""How many days there are to choose from."""


def set_schedule(
    *, of: Merchant | Application, frequency: str | None, by: Actor, at: datetime, day: int | None = None
) -> SettlementSchedule | None:
    """Say when settlements of a merchant close by themselves, or those of all merchants of an application that have no
    rule of their own; without a frequency the rule is taken away.

    What accrues now closes by the new rule, unless it is due already. Raises FieldError for a day that there is not.
    """
    is_merchant = isinstance(of, Merchant)
    by.require(Permission.MANAGE_MERCHANTS if is_merchant else Permission.MANAGE_APPLICATIONS)
    application_id = of.application_id if isinstance(of, Merchant) else of.pk
    rule = _judged(application_id, of.pk if is_merchant else None, frequency, day)
    with act("set_settlement_schedule", by=by, at=at, application_id=application_id, resource=of.handle) as current:
        row = type(of).objects.visible_to(by).select_for_update().get(pk=of.pk)
        before = rule_of(row)
        if rule is not None:
            SettlementSchedule.objects.bulk_create(
                [rule],
                update_conflicts=True,
                unique_fields=["application", "merchant"],
                update_fields=["frequency", "day"],
            )
        elif before is not None:
            before.delete()
        changes = {"settlement_schedule": [str(before) if before else None, str(rule) if rule else None]}
        if changes["settlement_schedule"][0] == changes["settlement_schedule"][1]:
            return rule
        _reschedule(row, at)
        current.record(f"{row.KIND}.updated", row, application_id=application_id, changes=changes)
    return rule


def rule_of(whose: Merchant | Application) -> SettlementSchedule | None:
    """The rule of its own that a merchant or an application has; call it in a transaction."""
    if isinstance(whose, Merchant):
        return SettlementSchedule.objects.filter(application_id=whose.application_id, merchant=whose).first()
    return SettlementSchedule.objects.filter(application_id=whose.pk, merchant=None).first()


def _judged(
    application_id: uuid.UUID, merchant_id: uuid.UUID | None, frequency: str | None, day: int | None
) -> SettlementSchedule | None:
    if frequency is None:
        return None
    if frequency not in Frequency.values:
        raise FieldError("frequency", f"`{frequency}` is not one of {', '.join(Frequency.values)}")
    days = _DAYS.get(Frequency(frequency))
    if days and not (day and 1 <= day <= days):
        raise FieldError("day", f"A day from 1 to {days} is needed")
    return SettlementSchedule(
        application_id=application_id, merchant_id=merchant_id, frequency=frequency, day=day if days else None
    )


def _reschedule(whose: Merchant | Application, at: datetime) -> None:
    """Let what accrues now close by the rule that holds now; each row is locked, and looked at again, as it is written.

    A settlement that is opened at this very moment may still close once by the earlier rule.
    """
    if isinstance(whose, Merchant):
        application = Application.objects.get(pk=whose.application_id)
        schedule = schedule_of(whose)
        accruing = Settlement.objects.filter(application=application, merchant=whose)
    else:
        application = whose
        schedule = rule_of(whose) or SettlementSchedule(application=whose)
        own = SettlementSchedule.objects.filter(application=whose, merchant__isnull=False).values("merchant_id")
        accruing = Settlement.objects.filter(application=application).exclude(merchant_id__in=own)
    now = application.business_time(at)
    accruing = accruing.filter(status=Settlement.Status.PENDING).exclude(closes_at__lte=now)
    accruing.update(closes_at=next_close(schedule, now))


def schedule_of(merchant: Merchant) -> SettlementSchedule:
    """The merchant's own rule, its application's, or every day; call it in a transaction."""
    rules = SettlementSchedule.objects.filter(application_id=merchant.application_id)
    own = rules.filter(merchant_id__in=[merchant.pk]) | rules.filter(merchant=None)
    found = own.order_by(F("merchant_id").asc(nulls_last=True)).first()
    return found or SettlementSchedule(application_id=merchant.application_id)


def next_close(schedule: SettlementSchedule, after: datetime) -> datetime | None:
    """The first midnight UTC after a moment at which the rule closes; None where somebody closes by hand.

    A day that the month lacks is its last.
    """
    if schedule.frequency == Frequency.MANUAL:
        return None
    midnight = datetime.combine(after.date(), time(), tzinfo=after.tzinfo) + timedelta(days=1)
    while not _closes(schedule, midnight):
        midnight += timedelta(days=1)
    return midnight


def _closes(schedule: SettlementSchedule, midnight: datetime) -> bool:
    if schedule.frequency == Frequency.WEEKLY:
        return midnight.isoweekday() == schedule.day
    if schedule.frequency == Frequency.MONTHLY:
        last = monthrange(midnight.year, midnight.month)[1]
        return midnight.day == min(schedule.day or 1, last)
    return True
