"""Funding: a settlement that was approved is paid to a bank account, at once or in parts."""

import uuid
from dataclasses import dataclass
from datetime import datetime

from events.services import Changes
from onboarding.models import PaymentInstrument, ReviewItem
from payments.models import Settlement, Transfer
from payments.services import accrual, verdicts
from payments.services.settlement_flags import accounts_of, flags_before_paying
from payments.services.settlements import SettlementDisabled, is_settled, locked, net_of
from payments.services.two_people import refuse_lone_approval, refuse_lone_payment
from providers import attempts, port
from providers.crash import crash_point
from providers.models import Attempt
from resources import ids
from resources.errors import DomainError, FieldError
from resources.tags import Tags
from tenancy.actors import Actor
from tenancy.models import Application
from tenancy.roles import Permission
from tenancy.transactions import Act, act

FUND = "funding"
_COPIED = ("type", "name", "last_four", "bin", "brand")


class NoBankAccount(DomainError):
    def __init__(self, currency: str) -> None:
        super().__init__(f"The merchant has no bank account in {currency} that the settlement could be paid to.")


class AccountNotNamed(DomainError):
    message = "A bank account was added after the settlement was closed. Name the one that is to be paid."


@dataclass(frozen=True)
class Part:
    """What is paid of a settlement for now, in minor units; `key` is to be that of its deposit."""

    key: uuid.UUID
    amount: int
    tags: Tags | None = None


class NotApproved(DomainError):
    message = "The settlement is not approved, so nothing of it is paid."


def approve(
    current: Act,
    settlement: Settlement,
    *,
    item: ReviewItem,
    now: datetime,
    destination_id: uuid.UUID | None = None,
    part: Part | None = None,
) -> None:
    """Approve it under its lock, and pay the whole of it out, or a first part. `item` is what waits for that word.

    Without a destination the newest bank account of the merchant is paid, if the settlement closed with it. A negative
    net is carried over into the next settlement. Raises SettlementDisabled, NoBankAccount, AccountNotNamed, FieldError,
    and what `refuse_lone_approval` raises.
    """
    if not is_settled(settlement.merchant):
        raise SettlementDisabled
    amount = net_of(settlement)
    if part is not None:
        _refuse_amount(settlement, part.amount, max(amount, 0))
    destination = _destination(settlement, destination_id) if amount > 0 else None
    if settlement.application.maker_checker_enabled:
        refuse_lone_approval(item, destination, by=current.by)
    changes = settlement.move_to(Settlement.Status.APPROVED)
    changes |= settlement.assign({"approved_at": now})
    if destination is None:
        _save(current, settlement, changes, now=now)
    else:
        changes |= settlement.assign({"flags": flags_before_paying(settlement, destination)})
        _pay(current, settlement, destination, part or Part(ids.new_id(), amount), changes, now=now)
    if amount < 0:
        accrual.carry_into_accruing(settlement, by=current.by, now=now)
    crash_point("approving")


def fund_settlement(
    *,
    settlement: Settlement,
    amount: int,
    destination_id: uuid.UUID,
    by: Actor,
    at: datetime,
    tags: Tags | None = None,
) -> Transfer:
    """Pay a part of an approved settlement, or again what did not arrive. At most what is not paid yet.

    Gives the deposit, PENDING: the worker asks for it. Raises NotApproved, SettlementDisabled, FieldError, and what
    `refuse_lone_payment` raises.
    """
    by.require(Permission.FUND_SETTLEMENTS)
    application_id, key = settlement.application_id, ids.new_id()
    with act("fund_settlement", by=by, at=at, application_id=application_id, resource=(Transfer.KIND, key)) as current:
        row = locked(settlement.pk, by)
        if row.status != Settlement.Status.APPROVED:
            raise NotApproved
        if not is_settled(row.merchant):
            raise SettlementDisabled
        _refuse_amount(row, amount, row.unfunded_amount)
        destination = _destination(row, destination_id)
        if row.application.maker_checker_enabled:
            refuse_lone_payment(row, destination, by=by)
        return _pay(current, row, destination, Part(key, amount, tags), {}, now=row.application.business_time(at))


def may_be_split(settlement: Settlement) -> bool:
    """Whether its processor lets it be paid in parts; the processor is joined."""
    return bool(settlement.processor.application_config.get("allow_split_payouts"))


def _refuse_amount(settlement: Settlement, amount: int, left: int) -> None:
    """What is left may always be paid as a whole, whoever paid parts of it before."""
    if amount < 1:
        raise FieldError("amount", "At least 1 is needed")
    if amount > left:
        raise FieldError("amount", f"At most {left} of it is still to be paid")
    if amount < left and not may_be_split(settlement):
        raise FieldError("amount", f"All {left} is paid at once: the processor's allow_split_payouts is off")


def _destination(settlement: Settlement, named: uuid.UUID | None) -> PaymentInstrument:
    accounts = accounts_of(settlement)
    if named is None:
        newest = accounts.first()
        if newest is None:
            raise NoBankAccount(settlement.currency)
        if settlement.closed_at is not None and newest.created_at > settlement.closed_at:
            raise AccountNotNamed
        return newest
    found = accounts.filter(pk=named).first()
    if found is None:
        name = ids.public_id(PaymentInstrument.PREFIX, named)
        words = f"`{name}` is no bank account of the merchant in {settlement.currency} that can be used"
        raise FieldError("destination", words)
    return found


def _pay(
    current: Act,
    settlement: Settlement,
    destination: PaymentInstrument,
    part: Part,
    changes: Changes,
    *,
    now: datetime,
) -> Transfer:
    """Reserve the amount and leave the rest to the worker, since many may be approved at once.

    `changes` are those of the settlement that are saved with it.
    """
    is_whole = part.amount == net_of(settlement)
    funded = settlement.funded_amount + part.amount
    changes = changes | settlement.assign({"funded_amount": funded, "destination": destination})
    _save(current, settlement, changes, now=now)
    deposit = Transfer(
        id=part.key,
        application_id=settlement.application_id,
        merchant_id=settlement.merchant_id,
        merchant_identity_id=settlement.identity_id,
        processor_id=settlement.processor_id,
        destination=destination,
        settlement=settlement,
        **{f"instrument_{name}": getattr(destination, name) for name in _COPIED},
        type=Transfer.Type.CREDIT,
        subtype=Transfer.Subtype.SETTLEMENT_MERCHANT if is_whole else Transfer.Subtype.SPLIT_PAYOUT,
        amount=part.amount,
        currency=settlement.currency,
        statement_descriptor=_descriptor(settlement, now),
        tags=settlement.tags if part.tags is None else part.tags,
        created_at=now,
        updated_at=now,
    )
    deposit.save(force_insert=True)
    current.record("transfer.created", deposit, application_id=deposit.application_id, is_first=True)
    attempts.claim(
        operation=FUND,
        model=Transfer,
        resource_id=deposit.pk,
        application_id=settlement.application_id,
        processor=settlement.processor.processor,
        at=current.at,
        amount=part.amount,
        currency=settlement.currency,
        is_deferred=True,
    )
    return deposit


def _save(current: Act, settlement: Settlement, changes: Changes, *, now: datetime) -> None:
    settlement.updated_at = max(settlement.updated_at, now)
    settlement.save(update_fields=[*changes, "updated_at"])
    current.record("settlement.updated", settlement, application_id=settlement.application_id, changes=changes)


def _descriptor(settlement: Settlement, now: datetime) -> str:
    """What the bank shows beside the deposit, as the merchant or its application wants it."""
    merchant = settlement.merchant
    identifiers = Application.FundingIdentifier
    wanted = merchant.settlement_funding_identifier
    if wanted == identifiers.UNSET:
        wanted = settlement.application.settlement_funding_identifier
    mid = merchant.mid or settlement.public_id
    if wanted == identifiers.MID_AND_DATE:
        return f"{mid} {now:%Y-%m-%d}"[:40]
    if wanted == identifiers.MID_AND_MERCHANT_NAME:
        return f"{mid} {merchant.merchant_name or ''}".strip()[:40]
    return settlement.application.name[:40]


def _rebuild(attempt: Attempt, by: Actor) -> port.Fund:
    deposit = verdicts.transfer_of(attempt, by)
    return port.Fund(
        id=deposit.pk,
        merchant_id=deposit.merchant_id,
        destination_id=deposit.instrument_id,
        amount=deposit.amount,
        currency=deposit.currency,
        subtype=deposit.subtype,
        statement_descriptor=deposit.statement_descriptor,
        tags=deposit.tags,
    )


fund = verdicts.operation(FUND, rebuild=_rebuild)
