"""Two people where money leaves (`maker_checker_enabled`): who had a hand in what is paid does not pay it alone.

A hand is taken in a settlement by closing it or taking transfers out of it, in a bank account by adding or changing it.
What closed by its schedule or by an API key was asked for by nobody: one person takes it into review, and another
approves it. The approval stands for its amount and its account. So whoever approved may pay there what is left or came
back, and for another account somebody else is needed. An API key is nobody, and whoever was shown its secret has its
hands.
"""

import uuid
from collections.abc import Collection

from events.models import Audit, Author, Event
from onboarding.models import PaymentInstrument, ReviewItem
from onboarding.services.reviews import PersonNeeded, secrets_shown
from payments.models import Settlement
from providers.models import Attempt
from resources.errors import DomainError
from tenancy.actors import Actor

_Hand = tuple[uuid.UUID | None, str, uuid.UUID | None]
"""In what, and whose: kind and id."""


class OwnPayout(DomainError):
    """Whoever would pay it had a hand in it."""

    def __init__(self, what: str) -> None:
        super().__init__(f"You {what}. The application asks for two people: somebody else has to pay it.")


class NobodyAskedForIt(DomainError):
    message = (
        "No person closed this settlement. The application asks for two people: one takes it into review, and another "
        "one approves it."
    )


def refuse_lone_approval(
    item: ReviewItem, account: PaymentInstrument | None, *, by: Actor, touched: Collection[uuid.UUID] | None = None
) -> None:
    """Raises OwnPayout or NobodyAskedForIt where the actor would be the only one; `account` is what would be paid.

    Who closed it is refused before, as whoever sends anything in is. Call it in a transaction; who asks about many
    items gives what `touched_by` found for all of them.
    """
    if touched is None:
        touched = touched_by(by, [item], [account] if account else [])
    if item.asked_by_kind != Author.PERSON and (item.reviewed_by_kind != Author.PERSON or item.pk in touched):
        raise NobodyAskedForIt
    if item.entity_id in touched:
        raise OwnPayout("took transfers out of this settlement")
    _refuse_own_account(account, touched)


def refuse_lone_payment(settlement: Settlement, account: PaymentInstrument, *, by: Actor) -> None:
    """The same before a further payment of an approved one. Raises PersonNeeded or OwnPayout."""
    if by.kind != Author.PERSON:
        raise PersonNeeded("settlement")
    if account.pk == settlement.destination_id:
        return
    item = ReviewItem.objects.visible_to(by).get(
        application_id=settlement.application_id,
        entity_type=ReviewItem.EntityType.SETTLEMENT,
        entity_id=settlement.pk,
    )
    touched = touched_by(by, [item], [account])
    if item.pk in touched:
        raise OwnPayout("approved this settlement, to be paid to another bank account")
    _refuse_own_account(account, touched)


def touched_by(
    by: Actor, items: Collection[ReviewItem], accounts: Collection[PaymentInstrument]
) -> frozenset[uuid.UUID]:
    """In what the actor had a hand: of these items, the settlements that they are of, and these accounts.

    An item is touched by taking it into review and by deciding on it.
    """
    hands: list[_Hand] = [(item.pk, item.reviewed_by_kind, item.reviewed_by_id) for item in items]
    hands += _removals([item.entity_id for item in items]) + _changes_of(accounts)
    keys = {author for _, kind, author in hands if kind == Author.API_USER and author is not None}
    own = {(by.kind, by.id), *((Author.API_USER, key) for key in secrets_shown(keys, by))}
    return frozenset(what for what, kind, author in hands if what and author and (kind, author) in own)


def _removals(settlements: Collection[uuid.UUID]) -> list[_Hand]:
    """Of an entry that comes in no event tells."""
    changed = Event.objects.filter(
        resource_id__in=settlements, kind="settlement.updated", changes__has_key="entry_count"
    )
    return list(changed.values_list("resource_id", "author_kind", "author_id"))


def _changes_of(accounts: Collection[PaymentInstrument]) -> list[_Hand]:
    """Who asked the provider for an account or a change of it: the attempt tells when, and the audit row of then who.

    Its events do not: where an answer came late, they are the system's.
    """
    if not accounts:
        return []
    of_whom, keys = {account.application_id for account in accounts}, [account.pk for account in accounts]
    asked = Attempt.objects.filter(application_id__in=of_whom, resource_id__in=keys).values_list("created_at")
    moments = [moment for (moment,) in asked]
    acts = Audit.objects.filter(application_id__in=of_whom, occurred_at__in=moments, resource_id__in=keys)
    return list(acts.values_list("resource_id", "author_kind", "author_id"))


def _refuse_own_account(account: PaymentInstrument | None, touched: Collection[uuid.UUID]) -> None:
    if account is not None and account.pk in touched:
        raise OwnPayout("added or changed the bank account that is to be paid")
