"""Settlements: closed, reviewed, and paid or set free again."""

import uuid
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from django.db import connection
from django.db.models import Exists, OuterRef, QuerySet

from onboarding.models import Merchant, ReviewItem
from payments.models import Journal, LedgerAccount, Settlement, SettlementEntry, Transfer
from payments.services import accrual
from payments.services.ledger import CANCELLING, CLOSING, REMOVING, Leg, post
from payments.services.schedules import next_close, schedule_of
from payments.services.settlement_flags import flags_of
from providers.crash import crash_point
from resources import ids
from resources.errors import DomainError
from resources.lookup import find
from resources.tags import Tags
from tenancy.actors import Actor
from tenancy.roles import Permission
from tenancy.transactions import Act, act, outcome, transaction

Status = Settlement.Status
_DUE_AT_ONCE = 100
_RELEASED_AT_ONCE = 10_000
"""Each index of transfers is written anew for every one, and web gives a statement few seconds."""
_RELEASE = (
    "UPDATE transfer SET settlement_id = NULL WHERE id = ANY(%(transfers)s)",
    "UPDATE settlement_entry SET released_at = %(now)s WHERE id = ANY(%(entries)s)",
)


class SettlementDisabled(DomainError):
    message = "Settlement is switched off for the merchant, so nothing of it is prepared or paid."


class NothingToSettle(DomainError):
    message = "There are no unsettled SUCCEEDED transfers to be settled."


class NotAccruing(DomainError):
    """It was closed already."""

    def __init__(self, settlement: Settlement) -> None:
        super().__init__(f"The settlement is {settlement.get_status_display().lower()}; it was closed already.")


class NotOpen(DomainError):
    """It was decided, so nothing leaves it any more."""

    def __init__(self, settlement: Settlement) -> None:
        super().__init__(f"The settlement is {settlement.get_status_display().lower()}; nothing leaves it any more.")


class NotInSettlement(DomainError):
    """Some of what was to be removed is not in it, so nothing was. The official clients know the sentence."""

    code = "CONFLICT"
    status = 409

    def __init__(self, settlement: Settlement, transfers: Collection[str]) -> None:
        names = ", ".join(transfers)
        super().__init__(f"Unable to process request. Entries [{names}] not found in settlement {settlement.public_id}")


def ready_to_settle(merchant: Merchant, *, by: Actor, at: datetime) -> QuerySet[Transfer]:
    """What of a merchant, whose application is joined, its accruing settlement would take in now. `at` is wall time.

    What was taken out of that settlement waits for the next one. Call it in a transaction.
    """
    accruing = Settlement.objects.filter(
        application_id=merchant.application_id, merchant=merchant, status=Status.PENDING
    )
    taken_out = SettlementEntry.objects.filter(
        application_id=merchant.application_id, transfer_id=OuterRef("pk"), settlement_id__in=accruing.values("pk")
    )
    return Transfer.objects.visible_to(by).filter(
        ~Exists(taken_out),
        application_id=merchant.application_id,
        merchant=merchant,
        settlement=None,
        state=Transfer.State.SUCCEEDED,
        ready_to_settle_at__lte=merchant.application.business_time(at),
    )


def create_settlement(
    *, merchant: Merchant, currency: str, by: Actor, at: datetime, tags: Tags | None = None
) -> Settlement:
    """Take what is ready now into the merchant's accruing settlement, which is opened where there is none.

    Raises SettlementDisabled, and NothingToSettle where there is none afterwards or nothing is in it.
    """
    by.require(Permission.MANAGE_SETTLEMENTS)
    with transaction(by=by):
        merchant = Merchant.objects.visible_to(by).select_related("application").get(pk=merchant.pk)
    if not is_settled(merchant):
        raise SettlementDisabled
    accrual.accrue(merchant.pk, currency, by=by, at=at)
    application_id = merchant.application_id
    with act("create_settlement", by=by, at=at, application_id=application_id) as current:
        settlement = accrual.accruing(merchant.pk, currency, by=by)
        if settlement is None or not settlement.entry_count:
            raise NothingToSettle
        current.resource = settlement.handle
        if tags is not None:
            _change(current, settlement, {"tags": tags})
    return settlement


def update_settlement(*, settlement: Settlement, by: Actor, at: datetime, tags: Tags | None) -> Settlement:
    """Replace the tags; without them nothing changes."""
    by.require(Permission.MANAGE_SETTLEMENTS)
    with _acting("update_settlement", settlement, by, at) as current:
        row = locked(settlement.pk, by)
        _change(current, row, {} if tags is None else {"tags": tags})
    return row


def close_settlement(*, settlement: Settlement, by: Actor, at: datetime) -> Settlement:
    """Close it now: what is in it is what will be paid, and a person decides on it.

    Raises NotAccruing, SettlementDisabled, NothingToSettle.
    """
    by.require(Permission.FUND_SETTLEMENTS)
    with _acting("close_settlement", settlement, by, at) as current:
        row = locked(settlement.pk, by)
        if row.status != Status.PENDING:
            raise NotAccruing(row)
        if not is_settled(row.merchant):
            raise SettlementDisabled
        close(current, row, now=row.application.business_time(at))
    return row


def close_due(*, by: Actor, at: datetime) -> int:
    """Close what is due by its schedule, each in a transaction of its own; tells how many. `at` is wall time.

    What is ready by then is taken in before. One that a process died over is still due. Where settlement is switched
    off, or all was taken out, the next day of the schedule decides.
    """
    with transaction(by=by), connection.cursor() as cursor:
        cursor.execute(
            "SELECT settlement.id, settlement.merchant_id, settlement.currency FROM settlement"
            " JOIN application ON application.id = settlement.application_id"
            " WHERE settlement.status = 'PENDING' AND settlement.closes_at <= %s + application.clock_offset"
            " ORDER BY random() LIMIT %s",
            [at, _DUE_AT_ONCE],
        )
        due = cursor.fetchall()
    count = 0
    for key, merchant_id, currency in due:
        with accrual.going_on("closing_failed", key):
            accrual.accrue(merchant_id, currency, by=by, at=at)
            count += _close_if_due(key, by=by, at=at)
    return count


def _close_if_due(key: uuid.UUID, *, by: Actor, at: datetime) -> bool:
    """Close it, or put it off; False where somebody else was first."""
    with outcome(by=by, at=at) as current:
        row = locked(key, by)
        now = row.application.business_time(at)
        if row.status != Status.PENDING or row.closes_at is None or row.closes_at > now:
            return False
        if is_settled(row.merchant) and row.entry_count:
            close(current, row, now=now)
        else:
            row.closes_at = next_close(schedule_of(row.merchant), now)
            row.save(update_fields=["closes_at"])
    return True


def is_settled(merchant: Merchant) -> bool:
    """Whether settlement is switched on for it; its application is joined."""
    return merchant.settlement_enabled and merchant.application.settlement_enabled


def close(current: Act, settlement: Settlement, *, now: datetime) -> None:
    """Close it under its lock: sums from its entries, one journal of totals, and an item for the review queue.

    What an earlier one lacked is taken in now, where its approval and the opening of this one did not see each other.
    """
    accrual.carry_over(settlement, now=now)
    totals = sums_of(settlement)
    if not totals["entry_count"]:
        raise NothingToSettle
    changes = settlement.move_to(Status.AWAITING_APPROVAL)
    changes |= settlement.assign({**totals, "closed_at": now})
    changes |= settlement.assign({"flags": flags_of(settlement)})
    settlement.updated_at = max(settlement.updated_at, now)
    settlement.save(update_fields=[*changes, "updated_at"])
    _post(current, settlement, CLOSING, net_of(settlement))
    current.record("settlement.updated", settlement, application_id=settlement.application_id, changes=changes)
    item = ReviewItem(
        application_id=settlement.application_id,
        entity_type=ReviewItem.EntityType.SETTLEMENT,
        entity_id=settlement.pk,
        merchant_id=settlement.merchant_id,
        processor_type=settlement.processor.processor,
        asked_by_kind=current.by.kind,
        asked_by_id=current.by.id,
        asked_by_name=current.by.name[:200],
        created_at=now,
        updated_at=now,
    )
    item.save(force_insert=True)
    current.record("review_queue_item.created", item, application_id=item.application_id, is_first=True)
    crash_point("closing")


def remove_transfers(
    *, settlement: Settlement, transfer_ids: Collection[uuid.UUID], by: Actor, at: datetime
) -> Settlement:
    """Take transfers out before it is decided; they are free for the next. All of them, or none.

    Raises NotInSettlement, NotOpen.
    """
    by.require(Permission.MANAGE_SETTLEMENTS)
    with _acting("remove_settlement_transfers", settlement, by, at) as current:
        row = locked(settlement.pk, by)
        if not row.is_open:
            raise NotOpen(row)
        entries = SettlementEntry.objects.held().filter(
            application_id=row.application_id, settlement=row, transfer_id__in=set(transfer_ids)
        )
        found = list(entries.select_for_update())
        missing = set(transfer_ids) - {entry.transfer_id for entry in found}
        if missing:
            raise NotInSettlement(row, sorted(ids.public_id(Transfer.PREFIX, key) for key in missing))
        now = row.application.business_time(at)
        before = net_of(row)
        _release(found, now=now)
        _change(current, row, sums_of(row), now=now)
        if row.status == Status.AWAITING_APPROVAL:
            _correct(current, row, before)
            row.flags = flags_of(row)
            row.save(update_fields=["flags"])
    return row


def cancel(current: Act, settlement: Settlement, *, reason: str, now: datetime) -> None:
    """Set everything in it free, under its lock; nothing is paid.

    The settlement that takes over what it carried is locked before the accounts, as it is by whoever closes that one.
    """
    net = net_of(settlement)
    changes = settlement.move_to(Status.CANCELLED)
    changes |= settlement.assign({"reason": reason})
    settlement.updated_at = max(settlement.updated_at, now)
    settlement.save(update_fields=[*changes, "updated_at"])
    entries = SettlementEntry.objects.held().filter(application_id=settlement.application_id, settlement=settlement)
    while some := list(entries.only("transfer_id").order_by()[:_RELEASED_AT_ONCE]):
        _release(some, now=now)
    accrual.carry_into_accruing(settlement, by=current.by, now=now)
    _post(current, settlement, CANCELLING, -net)
    current.record("settlement.updated", settlement, application_id=settlement.application_id, changes=changes)


def locked(key: uuid.UUID, by: Actor) -> Settlement:
    """The settlement under its lock. Raises NotVisible."""
    rows = Settlement.objects.visible_to(by).select_related("application", "processor", "merchant__application")
    found: Settlement = find(rows.select_for_update(of=("self",)), ids.public_id(Settlement.PREFIX, key))
    return found


def net_of(settlement: Settlement) -> int:
    """The net of the totals that the row has in hand; the column tells that of the last save."""
    return settlement.total_amount - settlement.total_fee


def sums_of(settlement: Settlement) -> dict[str, int]:
    """Its totals anew, from the entries that count."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*), coalesce(sum(amount), 0), coalesce(sum(fee), 0) FROM settlement_entry"
            " WHERE application_id = %s AND settlement_id = %s AND released_at IS NULL",
            [settlement.application_id, settlement.pk],
        )
        count, amount, fee = cursor.fetchone()
    return {"entry_count": count, "total_amount": int(amount), "total_fee": int(fee)}


def _release(entries: Collection[SettlementEntry], *, now: datetime) -> None:
    """Let entries leave their settlement, and their transfers with them."""
    parameters: dict[str, Any] = {
        "entries": [entry.pk for entry in entries],
        "transfers": [entry.transfer_id for entry in entries if entry.transfer_id is not None],
        "now": now,
    }
    with connection.cursor() as cursor:
        for statement in _RELEASE:
            cursor.execute(statement, parameters)


def _correct(current: Act, settlement: Settlement, before: int) -> None:
    """Post what a removal has changed of a net that was posted when it closed."""
    difference = max(net_of(settlement), 0) - max(before, 0)
    if difference:
        post(
            reason=f"{REMOVING} {_removals(settlement) + 1}",
            resource=settlement,
            application_id=settlement.application_id,
            legs=_legs(settlement, difference),
            at=current.at,
        )


def _removals(settlement: Settlement) -> int:
    journals = Journal.objects.filter(application_id=settlement.application_id, resource_id=settlement.pk)
    return journals.filter(reason__startswith=REMOVING).count()


def _post(current: Act, settlement: Settlement, reason: str, amount: int) -> None:
    """Post totals, where there is something to pay; what is lacking stays on the merchant's balance."""
    if (amount if reason == CLOSING else -amount) > 0:
        post(
            reason=reason,
            resource=settlement,
            application_id=settlement.application_id,
            legs=_legs(settlement, amount),
            at=current.at,
        )


def _legs(settlement: Settlement, amount: int) -> list[Leg]:
    """From what the merchant is owed to what it is to be paid."""
    kinds = LedgerAccount.Kind
    return [
        Leg(kinds.MERCHANT_BALANCE, settlement.merchant_id, amount, settlement.currency),
        Leg(kinds.SETTLEMENT_PAYABLE, settlement.merchant_id, -amount, settlement.currency),
    ]


def _change(current: Act, settlement: Settlement, values: Mapping[str, Any], *, now: datetime | None = None) -> None:
    changes = settlement.assign(values)
    if not changes:
        return
    settlement.updated_at = max(settlement.updated_at, now or settlement.application.business_time(current.at))
    settlement.save(update_fields=[*changes, "updated_at"])
    current.record("settlement.updated", settlement, application_id=settlement.application_id, changes=changes)


def _acting(kind: str, settlement: Settlement, by: Actor, at: datetime) -> Any:
    return act(kind, by=by, at=at, application_id=settlement.application_id, resource=settlement.handle)
