"""The copying function of transfers, and what happens in the moment in which one succeeds."""

from collections.abc import Callable
from typing import Any

from onboarding.models import Merchant
from payments.models import Journal, Transfer
from payments.services.ledger import SALE, legs_of_sale, post
from providers import port
from providers.copying import STAMP, is_contradicted, is_old, stamp
from providers.redaction import redacted_text
from resources.errors import NotVisible
from tenancy.transactions import Act

OnSuccess = Callable[[Act, Transfer], None]

_TOLD = (
    "trace_id", "failure_code", "failure_message", "messages", "address_verification", "security_code_verification",
    "ready_to_settle_at",
)  # fmt: skip
_of_success: list[OnSuccess] = []


def when_a_transfer_succeeds(handle: OnSuccess) -> None:
    """Let an upper app do its part in the transaction in which a transfer becomes SUCCEEDED."""
    _of_success.append(handle)


def copy_transfer(
    current: Act, account: port.Account, provider: str, news: port.Transfer, *, row: Transfer | None = None
) -> Transfer:
    """Take over what a provider says of a transfer; `row` is the transfer, where the caller has locked it already."""
    if row is None or row.pk != news.id:
        row = Transfer.objects.visible_to(current.by).select_for_update().filter(pk=news.id).first()
    if row is None:
        row = _new(current, account, news)
    elif is_old(row, news) or is_contradicted(current, row, Transfer.MOVES, row.state, news.state):
        return row
    changes = row.assign({name: _value(getattr(news, name)) for name in _TOLD} | _words(news))
    changes.pop("messages", None)
    if news.state != row.state:
        changes |= row.move_to(news.state)
    stamp(row, provider, news, current.at)
    if not current.is_backfill:
        row.updated_at = max(news.updated_at, row.updated_at)
    row.save(update_fields=["state", *_TOLD, *STAMP, "updated_at"])
    if "state" in changes and row.state == Transfer.State.SUCCEEDED:
        succeeded(current, row)
    if changes:
        current.record("transfer.updated", row, application_id=row.application_id, changes=changes)
    return row


def succeeded(current: Act, transfer: Transfer) -> None:
    """Post the sale, and let upper apps do their part. A transfer that is copied back has its journal already."""
    if current.is_backfill and Journal.objects.visible_to(current.by).filter(resource_id=transfer.pk).exists():
        return
    post(
        reason=SALE,
        resource=transfer,
        application_id=transfer.application_id,
        legs=legs_of_sale(transfer),
        at=current.at,
    )
    for handle in _of_success:
        handle(current, transfer)


def _new(current: Act, account: port.Account, news: port.Transfer) -> Transfer:
    """A transfer that the provider knows and we do not."""
    merchant = Merchant.objects.visible_to(current.by).filter(pk=news.merchant_id).first()
    if merchant is None:
        raise NotVisible(str(news.id))
    row = Transfer(
        id=news.id,
        application_id=account.application_id,
        merchant=merchant,
        merchant_identity_id=merchant.identity_id,
        source_id=news.source_id,
        type=news.type,
        amount=news.amount,
        currency=news.currency,
        fee=news.fee,
        statement_descriptor=news.statement_descriptor,
        idempotency_operation=Transfer.Operation.SALE if news.idempotency_id else None,
        idempotency_id=news.idempotency_id,
        tags=dict(news.tags),
        created_at=news.created_at,
        updated_at=news.updated_at,
    )
    row.save(force_insert=True)
    return row


def _words(news: port.Transfer) -> dict[str, Any]:
    """Sentences in which a provider may quote a number."""
    return {
        "failure_message": redacted_text(news.failure_message) if news.failure_message else news.failure_message,
        "messages": [redacted_text(message) for message in news.messages],
    }


def _value(told: Any) -> Any:
    return list(told) if isinstance(told, tuple) else told
