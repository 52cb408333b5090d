"""The copying functions of money, and what happens in the moment in which a transfer succeeds or fails."""

import logging
import uuid
from collections.abc import Callable
from typing import Any

from django.db.models import F

from onboarding.models import Merchant, PaymentInstrument
from payments.models import Authorization, Journal, Payment, Settlement, Transfer, TransferBatch
from payments.services.ledger import legs_of, post, reason_of
from providers import feeds, port
from providers.copying import STAMP, is_contradicted, is_old, stamp
from providers.failures import normalise
from providers.redaction import redacted_text
from resources.errors import NotVisible
from tenancy.models import Processor
from tenancy.transactions import Act

logger = logging.getLogger(__name__)

OnSuccess = Callable[[Act, Transfer], None]

_TOLD = (
    "trace_id", "failure_code", "failure_message", "messages", "address_verification", "security_code_verification",
)  # fmt: skip
_NEVER_CHANGES = {
    Transfer.KIND: (
        "amount", "currency", "fee", "merchant_id", "source_id", "destination_id", "type", "operation_key", "parent_id",
        "authorization_id",
    ),
    Authorization.KIND: ("amount", "currency", "merchant_id", "source_id"),
}  # fmt: skip
_NEED_NOT_BE_TOLD = frozenset({"source_id", "destination_id"})
_INSTRUMENT = ("type", "name", "last_four", "bin", "brand")
_SUCCESSFUL_CAPTURE, _RECONCILIATION = "SUCCESSFUL_CAPTURE", "RECONCILIATION"
_of_success: list[OnSuccess] = []


def when_a_transfer_succeeds(handle: OnSuccess) -> None:
    """Let an upper app do its part in the transaction in which a transfer becomes SUCCEEDED."""
    _of_success.append(handle)


def copy_transfer(
    current: Act, account: port.Account, provider: str, news: port.Transfer, *, row: Transfer | None = None
) -> Transfer:
    """Take over what a provider says of a transfer; `row` is the transfer, where the caller has locked it already.

    Raises NotVisible where what it refers to is not there.
    """
    authorization = parent = None
    if row is None or row.pk != news.id:
        row, authorization, parent = _locked_transfer(current, news)
    is_new = row is None
    if row is None:
        row = _new_transfer(current, account, news, authorization=authorization, parent=parent)
    elif (
        is_old(row, news)
        or _is_of_another(current, row, news)
        or is_contradicted(current, row, Transfer.MOVES, row.state, news.state)
    ):
        return row
    changes = _take_over(current, row, news)
    row.batch_id, row.expected_on = news.batch_id or row.batch_id, news.expected_on or row.expected_on
    if row.ready_to_settle_upon is not None and row.ready_to_settle_at is None:
        changes |= row.assign({"ready_to_settle_at": news.ready_to_settle_at})
    stamp(row, provider, news, current.at)
    row.save(update_fields=["state", *_TOLD, "batch_id", "expected_on", "ready_to_settle_at", *STAMP, "updated_at"])
    if "state" in changes and row.has_succeeded:
        _take_back(current, row)
        changes |= succeeded(current, row)
    elif "state" in changes and row.has_failed and not is_new:
        failed(current, row)
    if changes:
        current.record("transfer.updated", row, application_id=row.application_id, changes=changes)
    return row


def copy_authorization(
    current: Act, account: port.Account, provider: str, news: port.Authorization, *, row: Authorization | None = None
) -> Authorization:
    """Take over what a provider says of an authorization. Raises NotVisible where what it refers to is not there."""
    if row is None or row.pk != news.id:
        row = Authorization.objects.visible_to(current.by).select_for_update().filter(pk=news.id).first()
    if row is None:
        row = _new_authorization(current, account, news)
    elif (
        is_old(row, news)
        or _is_of_another(current, row, news)
        or is_contradicted(current, row, Authorization.MOVES, row.state, news.state)
        or _voids_what_is_captured(current, row, news)
    ):
        return row
    changes = _take_over(current, row, news)
    if news.is_decided and news.void_state in Authorization.VOID_MOVES.get(row.void_state, frozenset()):
        changes |= row.move_void_to(news.void_state)
        row.voids = max(row.voids, 1)
    if row.is_void and row.void_state == Authorization.VoidState.SUCCEEDED and row.released_at is None:
        changes |= row.assign({"released_at": max(news.updated_at, row.created_at)})
    stamp(row, provider, news, current.at)
    row.save(update_fields=["state", *_TOLD, "void_state", "is_void", "voids", "released_at", *STAMP, "updated_at"])
    if changes:
        current.record("authorization.updated", row, application_id=row.application_id, changes=changes)
    return row


def copy_batch(current: Act, account: port.Account, provider: str, news: port.Batch) -> TransferBatch:
    """Take over what a provider says of a batch: that it is open, or was submitted."""
    known = TransferBatch.objects.visible_to(current.by).select_for_update().filter(pk=news.id)
    row: TransferBatch | None = known.first()
    if row is None:
        processor = Processor.objects.visible_to(current.by).get(
            application_id=account.application_id, processor=news.processor
        )
        made = TransferBatch(
            id=news.id,
            application_id=account.application_id,
            processor=processor,
            due_at=news.due_at,
            tags=dict(news.tags),
            created_at=news.created_at,
            updated_at=news.updated_at,
        )
        # Of two charges that are the first to tell of it, the later one waits here and goes on with the other's row.
        TransferBatch.objects.bulk_create([made], ignore_conflicts=True)
        row = known.get()
    if is_old(row, news):
        return row
    if news.is_submitted:
        row.state = TransferBatch.State.SUBMITTED
    stamp(row, provider, news, current.at)
    row.updated_at = max(news.updated_at, row.updated_at)
    row.save(update_fields=["state", *STAMP, "updated_at"])
    return row


def differences(row: Payment, news: port.Payment) -> dict[str, list[Any]]:
    """What never changes of a payment, and is told otherwise: then the news are about another one."""
    return {
        name: [str(kept), str(told)]
        for name in _NEVER_CHANGES[row.KIND]
        if (kept := getattr(row, name)) != (told := getattr(news, name))
        and not (told is None and name in _NEED_NOT_BE_TOLD)
    }


def succeeded(current: Act, transfer: Transfer) -> dict[str, list[Any]]:
    """Post it, tell whether it may be settled at once, and let upper apps do their part. Tells what differs.

    A transfer that is copied back has its journal already.
    """
    if current.is_backfill and Journal.objects.visible_to(current.by).filter(resource_id=transfer.pk).exists():
        return {}
    changes: dict[str, list[Any]] = {}
    if transfer.ready_to_settle_upon is not None and transfer.ready_to_settle_at is None:
        feeds.expect()
    if transfer.ready_to_settle_upon == _SUCCESSFUL_CAPTURE and transfer.ready_to_settle_at is None:
        changes = transfer.assign({"ready_to_settle_at": transfer.updated_at})
        transfer.save(update_fields=["ready_to_settle_at"])
    post(
        reason=reason_of(transfer),
        resource=transfer,
        application_id=transfer.application_id,
        legs=legs_of(transfer),
        at=current.at,
    )
    for handle in _of_success:
        handle(current, transfer)
    return changes


def failed(current: Act, transfer: Transfer) -> None:
    """Give back what it had reserved: the part of a charge, or the hold that it was to capture.

    Whoever calls it has locked what that is, before the transfer.
    """
    if transfer.parent_id is not None and transfer.subtype == Transfer.Subtype.API:
        parents = Transfer.objects.visible_to(current.by).filter(pk=transfer.parent_id)
        parents.update(refunded_amount=F("refunded_amount") - transfer.amount)
    if transfer.is_deposit:
        unpaid(current, transfer)
    authorization = transfer.authorization
    if authorization is None or authorization.transfer_id != transfer.pk:
        return
    changes = authorization.assign({"transfer": None, "capture_amount": None})
    authorization.updated_at = max(authorization.updated_at, transfer.updated_at)
    authorization.save(update_fields=["transfer", "capture_amount", "updated_at"])
    current.record("authorization.updated", authorization, application_id=authorization.application_id, changes=changes)


def unpaid(current: Act, deposit: Transfer) -> None:
    """A deposit failed, or came back: what it was to pay is to be paid again. Its settlement is locked.

    What one pays that was copied back nobody knows; `check_ledger` names it.
    """
    settlement = deposit.settlement
    if settlement is None:
        return
    settlement.refresh_from_db(from_queryset=Settlement.objects.visible_to(current.by))
    changes = settlement.assign({"funded_amount": settlement.funded_amount - deposit.amount})
    settlement.updated_at = max(settlement.updated_at, deposit.updated_at)
    settlement.save(update_fields=["funded_amount", "updated_at"])
    current.record("settlement.updated", settlement, application_id=settlement.application_id, changes=changes)


def why_failed(code: str | None, message: str | None) -> dict[str, str | None]:
    """What a payment that failed tells of it: without a code it is declined all the same."""
    if code:
        return {"failure_code": code, "failure_message": message}
    code, general = normalise("GENERIC_DECLINE")
    return {"failure_code": code, "failure_message": message or general}


def _take_back(current: Act, transfer: Transfer) -> None:
    """A return that succeeded takes the whole of its parent, whatever was refunded before. The parent is locked."""
    parent = transfer.parent
    if parent is None or transfer.subtype != Transfer.Subtype.SYSTEM or parent.returned_at is not None:
        return
    parent.returned_at = transfer.updated_at
    parent.save(update_fields=["returned_at"])
    if parent.is_deposit:
        unpaid(current, parent)


def _take_over(current: Act, row: Payment, news: port.Payment) -> dict[str, list[Any]]:
    """What transfers and authorizations are told alike. Tells what differs."""
    changes = row.assign_told(_words(news))
    changes.pop("messages", None)
    if news.state != row.state:
        changes |= row.move_to(news.state)
    if not current.is_backfill:
        row.updated_at = max(news.updated_at, row.updated_at)
    return changes


def _is_of_another(current: Act, row: Payment, news: port.Payment) -> bool:
    """Whether the provider tells of other money under this key; that is recorded, and changes nothing."""
    found = differences(row, news)
    if found:
        logger.error("news_of_another", extra={"kind": row.KIND, "payment": str(row.pk)})
        current.record(f"{row.KIND}.contradicted", row, application_id=row.application_id, changes=found)
    return bool(found)


def _voids_what_is_captured(current: Act, row: Authorization, news: port.Authorization) -> bool:
    """Whether the provider has let go what it also took, or may yet have taken; that changes nothing for now."""
    is_wrong = row.is_captured and news.void_state == Authorization.VoidState.SUCCEEDED
    if is_wrong:
        logger.error("news_contradict", extra={"kind": row.KIND, "state": news.void_state})
        found = {"void_state": [str(row.void_state), news.void_state]}
        current.record("authorization.contradicted", row, application_id=row.application_id, changes=found)
    return is_wrong


def _locked_transfer(
    current: Act, news: port.Transfer
) -> tuple[Transfer | None, Authorization | None, Transfer | None]:
    """The transfer that news tell of, if it is known, and what it is taken from; that is locked before it.

    So two who hear of the same new one wait for each other, and the second finds it.
    """
    transfers = Transfer.objects.visible_to(current.by)
    taken_from = transfers.filter(pk=news.id).values_list("authorization_id", "parent_id").first()
    authorization_id, parent_id = taken_from or (news.authorization_id, news.parent_id)
    _lock_settlement(current, news.id if parent_id is None else parent_id)
    authorization = _locked(Authorization, current, authorization_id)
    parent = _locked(Transfer, current, parent_id)
    return transfers.select_for_update().filter(pk=news.id).first(), authorization, parent


def _lock_settlement(current: Act, deposit_id: uuid.UUID) -> None:
    """Where that is a deposit, lock what it pays, which goes before."""
    deposits = Transfer.objects.visible_to(current.by).filter(pk=deposit_id, subtype__in=Transfer.DEPOSITS)
    paid = deposits.values_list("settlement_id", flat=True).first()
    if paid is not None:
        Settlement.objects.visible_to(current.by).select_for_update().filter(pk=paid).first()


def _new_transfer(
    current: Act,
    account: port.Account,
    news: port.Transfer,
    *,
    authorization: Authorization | None,
    parent: Transfer | None,
) -> Transfer:
    """A transfer that the provider knows and we do not: its own doing, as a return, or one that is copied back.

    What it is taken from is locked.
    """
    row = Transfer(
        **_of_new(current, account, news),
        destination_id=news.destination_id,
        type=news.type,
        subtype=news.subtype,
        operation_key=news.operation_key,
        parent=parent,
        authorization=authorization,
        fee=news.fee,
        idempotency_operation=_operation_of(news),
    )
    row.assign_told({"statement_descriptor": news.statement_descriptor})
    _copy_instrument(row, row.instrument)
    row.ready_to_settle_upon = parent.ready_to_settle_upon if parent else _ready_upon(row)
    row.save(force_insert=True)
    if parent is not None and row.subtype == Transfer.Subtype.API and not news.has_failed:
        parent.refunded_amount += row.amount
        parent.save(update_fields=["refunded_amount"])
    if authorization is not None and not news.has_failed:
        authorization.assign({"transfer": row, "capture_amount": row.amount, "released_at": None})
        authorization.save(update_fields=["transfer", "capture_amount", "released_at"])
    return row


def _new_authorization(current: Act, account: port.Account, news: port.Authorization) -> Authorization:
    if news.expires_at is None:
        raise ValueError("An authorization without an end")
    row = Authorization(**_of_new(current, account, news), expires_at=news.expires_at)
    row.assign_told({"statement_descriptor": news.statement_descriptor})
    if news.void_state != Authorization.VoidState.UNATTEMPTED:
        row.voids = 1
        row.move_void_to(Authorization.VoidState.PENDING)
        row.state = Authorization.State.SUCCEEDED
    _copy_instrument(row, row.source)
    row.save(force_insert=True)
    return row


def _of_new(current: Act, account: port.Account, news: port.Payment) -> dict[str, Any]:
    merchant = Merchant.objects.visible_to(current.by).filter(pk=news.merchant_id).first()
    if merchant is None:
        raise NotVisible(str(news.id))
    return {
        "id": news.id,
        "application_id": account.application_id,
        "merchant": merchant,
        "merchant_identity_id": merchant.identity_id,
        "processor_id": merchant.enabled_processor_id,
        "source_id": news.source_id,
        "amount": news.amount,
        "currency": news.currency,
        "idempotency_id": news.idempotency_id,
        "tags": dict(news.tags),
        "created_at": news.created_at,
        "updated_at": news.updated_at,
    }


def _locked(model: type[Any], current: Act, key: Any) -> Any:
    if key is None:
        return None
    found = model.objects.visible_to(current.by).select_for_update().filter(pk=key).first()
    if found is None:
        raise NotVisible(str(key))
    return found


def _copy_instrument(row: Payment, instrument: Any) -> None:
    for name in _INSTRUMENT:
        setattr(row, f"instrument_{name}", getattr(instrument, name))


def _ready_upon(row: Transfer) -> str | None:
    """As a sale would have it today; nothing else is settled."""
    if row.is_deposit or not row.is_sale:
        return None
    if row.instrument_type == PaymentInstrument.Type.BANK_ACCOUNT:
        return _RECONCILIATION
    merchant = row.merchant
    return merchant.ready_to_settle_upon or merchant.application.ready_to_settle_upon or _RECONCILIATION


def _operation_of(news: port.Transfer) -> str | None:
    if news.idempotency_id is None or news.authorization_id is not None:
        return None
    return Transfer.Operation.REVERSAL if news.parent_id else Transfer.Operation.SALE


def _words(news: port.Payment) -> dict[str, Any]:
    """What is said besides the state, without the numbers that a sentence may quote. Only what failed has a reason."""
    told = {name: getattr(news, name) for name in _TOLD} | {"messages": [redacted_text(said) for said in news.messages]}
    if not news.has_failed:
        return told | {"failure_code": None, "failure_message": None}
    message = redacted_text(news.failure_message) if news.failure_message else None
    if news.state == Payment.State.CANCELED:
        return told | {"failure_message": message}
    return told | why_failed(news.failure_code, message)
