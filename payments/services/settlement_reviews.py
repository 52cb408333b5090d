"""The word of a person on a settlement: approved, it is paid; rejected, all of it is set free."""

import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from onboarding.models import ReviewItem
from onboarding.services.reviews import Entity, review
from payments.models import Settlement, Transfer
from payments.services.funding import Part, approve, fund_settlement
from payments.services.settlements import cancel, locked, net_of
from resources import ids
from resources.errors import DomainError
from resources.lookup import find
from resources.tags import Tags
from tenancy.actors import Actor
from tenancy.roles import Permission
from tenancy.transactions import Act, transaction

Outcome = ReviewItem.Outcome
Status = Settlement.Status


class NetChanged(DomainError):
    code = "CONFLICT"
    status = 409
    message = "Something left the settlement since this page was shown, so its net is another. Nothing was done."


class StillAccruing(DomainError):
    message = "The settlement is still accruing. Close it before it is approved and paid."


def lock(item: ReviewItem, by: Actor) -> None:
    locked(item.entity_id, by)


def carry_out(
    current: Act,
    item: ReviewItem,
    outcome: str,
    *,
    reason: str,
    by: Actor,
    destination_id: uuid.UUID | None = None,
    part: Part | None = None,
    seen_net: int | None = None,
) -> Mapping[str, Any]:
    """Pay the settlement, or set it free. `seen_net` is what whoever decides was shown of it.

    Raises NetChanged, and what `approve` raises.
    """
    settlement = locked(item.entity_id, by)
    if seen_net is not None and net_of(settlement) != seen_net:
        raise NetChanged
    now = settlement.application.business_time(current.at)
    if outcome == Outcome.ACCEPTED:
        approve(current, settlement, item=item, now=now, destination_id=destination_id, part=part)
    else:
        cancel(current, settlement, reason=reason, now=now)
    return {"completed_at": now}


def item_of(settlement: Settlement, by: Actor) -> ReviewItem | None:
    """What waits for a word on it, or has got one; None while it accrues."""
    items = ReviewItem.objects.visible_to(by).select_related("application")
    found: ReviewItem | None = items.filter(
        entity_type=ReviewItem.EntityType.SETTLEMENT, entity_id=settlement.pk
    ).first()
    return found


def approve_settlement(
    *, settlement: Settlement, by: Actor, at: datetime, destination_id: uuid.UUID | None = None
) -> Settlement:
    """Approve a closed settlement and pay the whole of it; without a destination to the newest bank account, unless
    that was added since it closed.

    Raises StillAccruing, and what `review` raises.
    """
    by.require(Permission.FUND_SETTLEMENTS)
    _give_word(settlement, by=by, at=at, destination_id=destination_id)
    return _as_it_is(settlement, by)


def pay_part(
    *,
    settlement: Settlement,
    amount: int,
    destination_id: uuid.UUID,
    by: Actor,
    at: datetime,
    tags: Tags | None = None,
) -> Transfer:
    """Pay a part of a settlement. The first part approves it, in the same act; the others take of what is left.

    Gives the deposit, PENDING. Raises StillAccruing, NotApproved, FieldError, and what `review` raises.
    """
    by.require(Permission.FUND_SETTLEMENTS)
    if _as_it_is(settlement, by).status not in {Status.PENDING, Status.AWAITING_APPROVAL}:
        return fund_settlement(
            settlement=settlement, amount=amount, destination_id=destination_id, tags=tags, by=by, at=at
        )
    part = Part(ids.new_id(), amount, tags)
    _give_word(settlement, by=by, at=at, destination_id=destination_id, part=part)
    with transaction(by=by):
        deposit: Transfer = Transfer.objects.visible_to(by).get(pk=part.key)
    return deposit


def _give_word(settlement: Settlement, *, by: Actor, at: datetime, **options: Any) -> None:
    with transaction(by=by):
        item = item_of(settlement, by)
    if item is None:
        raise StillAccruing
    review(item=item, outcome=Outcome.ACCEPTED, by=by, at=at, **options)


def _as_it_is(settlement: Settlement, by: Actor) -> Settlement:
    with transaction(by=by):
        rows = Settlement.objects.visible_to(by).select_related("application", "processor")
        found: Settlement = find(rows, settlement.public_id)
    return found


entity = Entity(
    lock=lock,
    carry_out=carry_out,
    nouns=("settlement", "settlements"),
    model=Settlement,
    path="settlements",
)
