"""How a provider's verdict on a transfer enters our rows, whatever the transfer was asked for."""

from collections.abc import Callable
from typing import Any

from payments.models import Authorization, Payment, Settlement, Transfer
from payments.services.copies import copy_authorization, copy_transfer, differences, failed, why_failed
from providers import copying, port
from providers.attempts import Ending, Operation
from providers.models import Attempt
from tenancy.actors import Actor
from tenancy.transactions import Act


def operation(name: str, *, rebuild: Callable[[Attempt, Actor], port.Act | None]) -> Operation:
    """An operation whose resource is a transfer."""
    return Operation(name, lock=_lock, copy=_copy, rebuild=rebuild)


def transfer_of(attempt: Attempt, by: Actor) -> Transfer:
    return Transfer.objects.visible_to(by).get(pk=attempt.resource_id)


def _lock(attempt: Attempt, by: Actor) -> Transfer:
    """The transfer, after what it was taken from: an authorization or a charge, which goes with it."""
    transfer = transfer_of(attempt, by)
    if transfer.is_deposit and transfer.settlement_id is not None:
        Settlement.objects.visible_to(by).select_for_update().get(pk=transfer.settlement_id)
    held = None
    if transfer.authorization_id is not None:
        held = Authorization.objects.visible_to(by).select_for_update().get(pk=transfer.authorization_id)
    parent = None
    if transfer.parent_id is not None:
        parent = Transfer.objects.visible_to(by).select_for_update().get(pk=transfer.parent_id)
    transfer = Transfer.objects.visible_to(by).select_for_update().get(pk=transfer.pk)
    transfer.authorization, transfer.parent = held, parent
    return transfer


def _copy(current: Act, attempt: Attempt, transfer: Transfer, ending: Ending) -> Transfer:
    account = port.Account(attempt.application_id)
    of_holds = []
    for news in ending.news:
        _refuse_other(transfer, news)
        if isinstance(news, port.Transfer):
            transfer = copy_transfer(current, account, attempt.provider, news, row=transfer)
        elif isinstance(news, port.Authorization):
            of_holds.append(news)
        else:
            copying.copy(current, account, attempt.provider, news)
    if ending.state == Attempt.State.ACCEPTED and not transfer.is_decided:
        raise ValueError("The provider decided, under a version that is known as undecided")
    if ending.state in {Attempt.State.ABSENT, Attempt.State.REFUSED} and not transfer.is_decided:
        _fail(current, transfer, ending)
    for news in of_holds:  # once a capture that failed has let it go: it may be void
        copy_authorization(current, account, attempt.provider, news, row=transfer.authorization)
    return transfer


def _refuse_other(transfer: Transfer, news: port.News) -> None:
    """An answer that tells of other money than was asked for is none. Raises ValueError."""
    if not isinstance(news, port.Payment):
        return
    rows: dict[Any, Payment] = {transfer.pk: transfer}
    if transfer.authorization is not None:
        rows[transfer.authorization.pk] = transfer.authorization
    row = rows.get(news.id)
    if row is None or row.KIND != news.KIND or differences(row, news):
        raise ValueError("The provider speaks of another payment")


def _fail(current: Act, transfer: Transfer, ending: Ending) -> None:
    """Refused, or certainly not executed, without the provider keeping a transfer of it."""
    changes = transfer.move_to(Transfer.State.FAILED)
    changes |= transfer.assign_told(why_failed(ending.code, ending.message))
    transfer.updated_at = max(transfer.updated_at, current.at)
    transfer.save(update_fields=[*changes, "updated_at"])
    failed(current, transfer)
    current.record("transfer.updated", transfer, application_id=transfer.application_id, changes=changes)
