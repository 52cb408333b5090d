"""Accrual: what is ready to settle becomes an entry of the settlement that the merchant's money gathers in."""

import logging
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from django.db import InterfaceError, OperationalError, connection
from psycopg.errors import DeadlockDetected, LockNotAvailable, QueryCanceled

from onboarding.models import Merchant
from payments.models import Settlement, SettlementEntry
from payments.services.schedules import next_close, schedule_of
from providers.crash import crash_point
from resources import ids
from tenancy.actors import Actor
from tenancy.transactions import Act, outcome, transaction

logger = logging.getLogger(__name__)

_OF_ONE = (LockNotAvailable, QueryCanceled, DeadlockDetected)
"""What the database says of a row that is held, or of too much at once, and not of itself."""

AT_ONCE = 5_000
"""How many entries one transaction makes."""

# Who is refunding one of them just now holds it; it comes with the next round. What was taken out of this settlement by
# hand waits for the next one.
_TAKE = """
WITH ready AS (
    SELECT id FROM transfer
    WHERE application_id = %(application)s AND merchant_id = %(merchant)s AND currency = %(currency)s
        AND settlement_id IS NULL AND state = 'SUCCEEDED' AND ready_to_settle_at <= %(now)s
        AND NOT EXISTS (
            SELECT FROM settlement_entry removed
            WHERE removed.application_id = %(application)s AND removed.transfer_id = transfer.id
                AND removed.settlement_id = %(settlement)s AND removed.released_at IS NOT NULL
        )
    ORDER BY ready_to_settle_at LIMIT %(limit)s FOR UPDATE SKIP LOCKED
), taken AS (
    UPDATE transfer SET settlement_id = %(settlement)s FROM ready WHERE transfer.id = ready.id
    RETURNING transfer.id, type, settled_amount, fee, transfer.ready_to_settle_at
), entry AS (
    INSERT INTO settlement_entry
        (id, application_id, settlement_id, kind, transfer_id, amount, fee, occurred_at)
    SELECT gen_random_uuid(), %(application)s, %(settlement)s,
        CASE type WHEN 'ADJUSTMENT' THEN 'ADJUSTMENT' ELSE 'TRANSFER' END, id, settled_amount, fee, ready_to_settle_at
    FROM taken
    RETURNING amount, fee
), sums AS (
    SELECT count(*) AS entries, coalesce(sum(amount), 0) AS amount, coalesce(sum(fee), 0) AS fee FROM entry
)
UPDATE settlement SET entry_count = entry_count + sums.entries, total_amount = total_amount + sums.amount,
    total_fee = total_fee + sums.fee, updated_at = greatest(updated_at, %(now)s)
FROM sums WHERE settlement.id = %(settlement)s AND sums.entries > 0
RETURNING sums.entries
"""

_WAITING = """
SELECT transfer.application_id, transfer.merchant_id, transfer.currency
FROM transfer
JOIN merchant ON merchant.id = transfer.merchant_id AND merchant.settlement_enabled
JOIN application ON application.id = transfer.application_id AND application.settlement_enabled
WHERE transfer.settlement_id IS NULL AND transfer.state = 'SUCCEEDED'
    AND transfer.ready_to_settle_at <= %s + application.clock_offset
GROUP BY transfer.application_id, transfer.merchant_id, transfer.currency
ORDER BY random() LIMIT 1000
"""
# By lot, so that those of whom nothing can be taken yet do not hold up the others for ever.


def accrue_all(*, by: Actor, at: datetime) -> int:
    """Let everything accrue that is ready, merchant by merchant; tells how many entries there were.

    `at` is wall time. Where settlement is switched off, nothing accrues. What goes wrong with one merchant does not
    hold up the others.
    """
    with transaction(by=by), connection.cursor() as cursor:
        cursor.execute(_WAITING, [at])
        waiting = cursor.fetchall()
    count = 0
    for _, merchant_id, currency in waiting:
        with going_on("accrual_failed", merchant_id):
            count += accrue(merchant_id, currency, by=by, at=at)
    return count


@contextmanager
def going_on(event: str, key: uuid.UUID) -> Iterator[None]:
    """Around what is done for one of many: an error is logged, and the next one's turn comes. It is tried again.

    Raises what ends it for all of them: the database is gone.
    """
    try:
        yield
    except Exception as error:
        is_of_the_database = isinstance(error, OperationalError | InterfaceError)
        if is_of_the_database and not isinstance(error.__cause__, _OF_ONE):
            raise
        logger.exception(event, extra={"key": str(key)})


def accrue(merchant_id: uuid.UUID, currency: str, *, by: Actor, at: datetime) -> int:
    """The same of one merchant and currency, in as many transactions as it takes."""
    count = 0
    while True:
        with outcome(by=by, at=at) as current:
            merchants = Merchant.objects.visible_to(by).select_related("application")
            merchant = merchants.get(pk=merchant_id)
            if not (merchant.settlement_enabled and merchant.application.settlement_enabled):
                return count
            taken = take_ready(current, merchant, currency, at=at)
            crash_point("accruing")
        crash_point("accrued")
        count += taken
        if taken < AT_ONCE:
            return count


def take_ready(current: Act, merchant: Merchant, currency: str, *, at: datetime) -> int:
    """Take the next entries into the accruing settlement, which is opened where something is ready and there is none.

    The merchant is not locked, so that its sales do not wait.
    """
    now = merchant.application.business_time(at)
    parameters: dict[str, Any] = {
        "application": merchant.application_id,
        "merchant": merchant.pk,
        "currency": currency,
        "now": now,
        "limit": AT_ONCE,
    }
    settlement = accruing(merchant.pk, currency, by=current.by)
    if settlement is None and _has_ready(parameters):
        settlement = _open(current, merchant, currency, now)
    if settlement is None:
        return 0
    with connection.cursor() as cursor:
        cursor.execute(_TAKE, parameters | {"settlement": settlement.pk})
        found = cursor.fetchone()
    return int(found[0]) if found else 0


def accruing(merchant_id: uuid.UUID, currency: str, *, by: Actor) -> Settlement | None:
    """The settlement in which a merchant's money gathers, under its lock."""
    rows = Settlement.objects.visible_to(by).select_related("application", "processor")
    rows = rows.select_for_update(of=("self",))
    return rows.filter(merchant_id=merchant_id, currency=currency, status=Settlement.Status.PENDING).first()


def _open(current: Act, merchant: Merchant, currency: str, now: datetime) -> Settlement | None:
    """Open one, unless somebody else is just doing so; then theirs is it."""
    settlement = _new(merchant, currency, now)
    Settlement.objects.bulk_create([settlement], ignore_conflicts=True)
    found = accruing(merchant.pk, currency, by=current.by)
    if found is not None and found.pk == settlement.pk:
        current.record("settlement.created", found, application_id=merchant.application_id, is_first=True)
        carry_over(found, now=now)
    return found


def carry_over(settlement: Settlement, *, now: datetime) -> None:
    """Take in what earlier settlements of the merchant lacked: each negative net, once."""
    lacking = Settlement.objects.filter(
        application_id=settlement.application_id,
        merchant_id=settlement.merchant_id,
        currency=settlement.currency,
        status=Settlement.Status.APPROVED,
        net_amount__lt=0,
    ).exclude(pk__in=_carried(settlement))
    found = list(lacking.order_by("closed_at"))
    for earlier in found:
        SettlementEntry.objects.create(
            application_id=settlement.application_id,
            settlement=settlement,
            kind=SettlementEntry.Kind.CARRIED,
            carried_from=earlier,
            amount=earlier.net_amount,
            occurred_at=now,
        )
        settlement.total_amount += earlier.net_amount
        settlement.entry_count += 1
    if found:
        settlement.save(update_fields=["total_amount", "entry_count"])


def carry_into_accruing(settlement: Settlement, *, by: Actor, now: datetime) -> None:
    """The same for the one that accrues now, if there is one; the next one takes it in as it is opened."""
    found = accruing(settlement.merchant_id, settlement.currency, by=by)
    if found is not None:
        carry_over(found, now=now)


def _carried(settlement: Settlement) -> Iterable[uuid.UUID]:
    entries = SettlementEntry.objects.held().filter(
        application_id=settlement.application_id,
        kind=SettlementEntry.Kind.CARRIED,
        carried_from__merchant_id=settlement.merchant_id,
    )
    return entries.values_list("carried_from_id", flat=True)


def _new(merchant: Merchant, currency: str, now: datetime) -> Settlement:
    return Settlement(
        id=ids.new_id(),
        application_id=merchant.application_id,
        merchant=merchant,
        identity_id=merchant.identity_id,
        processor_id=merchant.enabled_processor_id,
        currency=currency,
        closes_at=next_close(schedule_of(merchant), now),
        created_at=now,
        updated_at=now,
    )


def _has_ready(parameters: dict[str, Any]) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT EXISTS (SELECT FROM transfer WHERE application_id = %(application)s"
            " AND merchant_id = %(merchant)s AND currency = %(currency)s AND settlement_id IS NULL"
            " AND state = 'SUCCEEDED' AND ready_to_settle_at <= %(now)s)",
            parameters,
        )
        (found,) = cursor.fetchone()
    return bool(found)
