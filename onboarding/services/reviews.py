"""The review queue: a person's word on merchants that their processor holds back, and on what upper apps register."""

import uuid
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from events.models import Author, Event
from jobs import idempotency
from onboarding.models import Merchant, ReviewItem, Verification
from onboarding.services.copies import copy_merchant, copy_verification, refuse_others
from onboarding.services.review_items import give_back
from providers import attempts, port
from providers.attempts import Ending, Operation
from providers.crash import crash_point
from providers.models import Attempt
from resources import ids
from resources.errors import DomainError, FieldError
from resources.models import Resource
from resources.tags import Tags
from tenancy.actors import Actor
from tenancy.roles import Permission
from tenancy.transactions import Act, act

DECIDE = "decision"

_Outcome = ReviewItem.Outcome
WORDS = {_Outcome.ACCEPTED: "approved", _Outcome.REJECTED: "rejected"}
"""What becomes of a merchant by an outcome."""


_Sent = tuple[Attempt, port.DecideMerchant, port.Account]
Carry = Callable[..., Mapping[str, Any]]


@dataclass(frozen=True)
class Entity:
    """A kind of things that wait for a word, told by the app that owns it.

    `lock` takes the item and the actor and locks the thing, before the item. `carry_out` takes the act under way, the
    item, the outcome and its reason, does what the word asks for in that act, and gives further members of the item,
    `completed_at` among them. `nouns` are for sentences: settlement, settlements. `path` is that of its list in the
    API.
    """

    lock: Callable[[ReviewItem, Actor], None]
    carry_out: Carry
    nouns: tuple[str, str]
    model: type[Resource]
    path: str


_entities: dict[str, Entity] = {}


def register(entity_type: ReviewItem.EntityType, entity: Entity) -> None:
    _entities[entity_type] = entity


def public_id_of(item: ReviewItem) -> str:
    """Of what waits for the word."""
    entity = _entities.get(item.entity_type)
    return ids.public_id(entity.model.PREFIX if entity else Merchant.PREFIX, item.entity_id)


def path_of(item: ReviewItem) -> str:
    """Where the API shows what waits for the word."""
    entity = _entities.get(item.entity_type)
    return f"/{entity.path if entity else 'merchants'}/{public_id_of(item)}"


def key_in(public_id: str) -> tuple[str, uuid.UUID]:
    """What an id that is no merchant's names: the type and the key. Raises MalformedId where nothing waits that has
    such ids.
    """
    for entity_type, entity in _entities.items():
        if public_id.startswith(entity.model.PREFIX):
            return entity_type, entity.model.parse_id(public_id)
    raise ids.MalformedId(public_id)


class AlreadyDecided(DomainError):
    """Nobody waits for a word on it any more."""

    def __init__(self, item: ReviewItem) -> None:
        super().__init__(why_decided(item))


class DecisionUnderWay(DomainError):
    message = "A decision was given already. The processor has not confirmed it yet."


class OwnApproval(DomainError):
    message = "You sent this merchant in. The application asks for two people: somebody else has to decide."
    of_others = "You sent this {} to review. The application asks for two people: somebody else has to decide."

    def __init__(self, noun: str = "merchant") -> None:
        super().__init__(self.message if noun == "merchant" else self.of_others.format(noun))


class PersonNeeded(DomainError):
    message = "The application asks for two people: a person decides on this merchant, in the portal, not an API key."

    def __init__(self, noun: str = "merchant") -> None:
        super().__init__(self.message.replace("merchant", noun))


class DecisionRefused(DomainError):
    """The processor did not take the word; the item waits as before."""

    def __init__(self, attempt: Attempt) -> None:
        super().__init__(attempt.message or "The processor did not take the decision.")


class DecisionNotSent(DomainError):
    code = "SERVICE_UNAVAILABLE"
    status = 503
    message = "The processor could not be reached. Nothing was decided; try again in a moment."
    retry_after_seconds = 5


def review(
    *,
    item: ReviewItem,
    by: Actor,
    at: datetime,
    outcome: str | None = None,
    reason: str = "",
    tags: Tags | None = None,
    **options: Any,
) -> ReviewItem:
    """Give a word on an item, take it into review or put it back, and change its tags; without an outcome only those.

    To approve and to reject goes to the processor. While it does not answer, the item stays open and tells which
    `decision` was given. Raises FieldError for a rejection without a reason, AlreadyDecided, DecisionUnderWay,
    PersonNeeded, OwnApproval, DecisionRefused, DecisionNotSent, and what carrying the word out raises. `options` are
    for that.
    """
    by.require(Permission.DECIDE_REVIEWS)
    if outcome == _Outcome.REJECTED and not reason:
        raise FieldError("reason", "Say why: the merchant reads it.")
    sent: _Sent | None = None
    with act(
        f"review_{item.entity_type.lower()}",
        by=by,
        at=at,
        application_id=item.application_id,
        resource=item.handle,
        reason=reason,
    ) as current:
        item = _lock(item, by)
        if outcome is not None:
            refuse_outcome(item, outcome, by)
        values: dict[str, Any] = {} if tags is None else {"tags": tags}
        if outcome in WORDS:
            values |= {"decision": outcome, "reason": reason, **_signed(by)}
            sent, more = _give(current, item, outcome, reason=reason, by=by, **options)
            values |= more
        elif outcome is not None:
            values |= _signed(by if outcome == _Outcome.MANUAL_REVIEW else None)
        _change(current, item, values, None if sent is not None else outcome)
        if sent is not None:
            crash_point("claiming")
    if sent is None:
        return item
    attempt, request, account = sent
    row: ReviewItem = attempts.carry_out(attempt, request, account=account, by=by, claimed=item)
    if attempt.state == Attempt.State.ABSENT:
        raise DecisionNotSent
    if attempt.state == Attempt.State.REFUSED:
        raise DecisionRefused(attempt)
    return row


def refuse_outcome(item: ReviewItem, outcome: str, by: Actor, *, shown: Collection[uuid.UUID] | None = None) -> None:
    """Raises AlreadyDecided, DecisionUnderWay, PersonNeeded or OwnApproval where something stands against an outcome,
    as the item is now; its application is joined.

    Call it in a transaction. Who asks for many items gives what `keys_shown` found for all of them.
    """
    if not item.is_open:
        raise AlreadyDecided(item)
    if item.decision:
        raise DecisionUnderWay
    if outcome in WORDS and item.application.maker_checker_enabled:
        _refuse_one_for_two(item, by, shown)


def _refuse_one_for_two(item: ReviewItem, by: Actor, shown: Collection[uuid.UUID] | None) -> None:
    """Where two people are asked for, a key is nobody, and its secret makes it whoever holds that."""
    if by.kind != Author.PERSON or by.id is None:
        raise PersonNeeded(_noun_of(item))
    if item.was_asked_for_by(by) or item.asked_by_id in (keys_shown([item], by) if shown is None else shown):
        raise OwnApproval(_noun_of(item))


def keys_shown(items: Iterable[ReviewItem], by: Actor) -> set[uuid.UUID]:
    """Of the API keys that asked for these items, those whose secret the actor was shown, or that of one behind them:
    who makes or rotates a key is. Only items that ask for two people count; call it in a transaction.
    """
    keys = {
        item.asked_by_id
        for item in items
        if item.is_open and item.application.maker_checker_enabled and item.asked_by_kind == Author.API_USER
    }
    return secrets_shown({key for key in keys if key is not None}, by)


def secrets_shown(keys: Collection[uuid.UUID], by: Actor) -> set[uuid.UUID]:
    """Of these API keys, those whose secret the actor was shown, or that of one behind them."""
    makers = _makers(set(keys))
    nearer = {key for key, authors in makers.items() if (Author.PERSON, by.id) in authors}
    found = set(nearer)
    while nearer:
        held = {(Author.API_USER, key) for key in found}
        nearer = {key for key, authors in makers.items() if key not in found and authors & held}
        found |= nearer
    return found & set(keys)


def _makers(keys: set[uuid.UUID]) -> dict[uuid.UUID, set[tuple[str, uuid.UUID | None]]]:
    """Who was shown the secret of each of these keys, and of the keys among those, by kind and id."""
    events = Event.objects.filter(kind__in=["user.created", "user.rotated"])
    makers: dict[uuid.UUID, set[tuple[str, uuid.UUID | None]]] = {}
    while keys:
        makers |= {key: set() for key in keys}
        found = events.filter(resource_id__in=keys).values_list("resource_id", "author_kind", "author_id").distinct()
        for key, kind, author in found:
            makers[key].add((kind, author))
        authors = set().union(*(makers[key] for key in keys))
        keys = {author for kind, author in authors if kind == Author.API_USER and author is not None} - makers.keys()
    return makers


def why_decided(item: ReviewItem) -> str:
    """Of an item that is done: who decided what."""
    who = item.reviewed_by_name or "the processor itself"
    return f"This {_noun_of(item)} was {WORDS[_Outcome(item.outcome)]} already, by {who}."


def _noun_of(item: ReviewItem) -> str:
    return _entities[item.entity_type].nouns[0] if item.entity_type in _entities else "merchant"


def _lock(item: ReviewItem, by: Actor) -> ReviewItem:
    """The item as it is now. Merchant and check are locked before it, as they are where a processor speaks of them."""
    if item.entity_type in _entities:
        _entities[item.entity_type].lock(item, by)
    else:
        Merchant.objects.visible_to(by).select_for_update().get(pk=item.merchant_id)
        Verification.objects.visible_to(by).select_for_update().get(pk=item.check_id)
    items = ReviewItem.objects.visible_to(by).select_related("application").select_for_update(of=("self",))
    found: ReviewItem = items.get(pk=item.pk)
    return found


def _give(
    current: Act, item: ReviewItem, outcome: str, *, reason: str, by: Actor, **options: Any
) -> tuple[_Sent | None, Mapping[str, Any]]:
    """Carry a word out, or claim that the processor is told of it; then what has to be sent is given."""
    entity = _entities.get(item.entity_type)
    if entity is not None:
        return None, entity.carry_out(current, item, outcome, reason=reason, by=by, **options)
    return _claim(item, is_accepted=outcome == _Outcome.ACCEPTED, reason=reason, by=by, at=current.at), {}


def _claim(item: ReviewItem, *, is_accepted: bool, reason: str, by: Actor, at: datetime) -> _Sent:
    before = Attempt.objects.visible_to(by).filter(resource_id=item.check_id, operation=DECIDE)
    attempt = attempts.claim(
        operation=DECIDE,
        model=Verification,
        resource_id=item.check_id,
        application_id=item.application_id,
        processor=item.processor_type,
        at=at,
        named=item.public_id,
        number=before.count() + 1,
    )
    account = attempts.account_for(item.application_id, item.processor_type, by=by)
    return attempt, _request(item, is_accepted=is_accepted, reason=reason), account


def _request(item: ReviewItem, *, is_accepted: bool, reason: str) -> port.DecideMerchant:
    return port.DecideMerchant(
        id=item.pk,
        merchant_id=item.merchant_id,
        verification_id=item.check_id,
        is_accepted=is_accepted,
        reasons=() if is_accepted else (reason,),
    )


def _change(current: Act, item: ReviewItem, values: Mapping[str, Any], outcome: str | None) -> None:
    """Write what differs. `outcome` is what the item becomes now; a word that was sent it becomes by its verdict."""
    changes = item.assign(values)
    if outcome is not None:
        changes |= item.move_to(outcome)
    if not changes:
        return
    item.updated_at = max(item.updated_at, current.at)
    item.save(update_fields=[*changes, "updated_at"])
    told = {name: change for name, change in changes.items() if name in {"tags", "outcome"}}
    if "decision" in changes:
        told["decision"] = [None, item.decision]
    kind = "review_queue_item.decided" if item.decision else "review_queue_item.updated"
    current.record(kind, item, application_id=item.application_id, changes=told)


def _signed(by: Actor | None) -> dict[str, Any]:
    if by is None:
        return {"reviewed_by_kind": "", "reviewed_by_id": None, "reviewed_by_name": ""}
    return {"reviewed_by_kind": by.kind, "reviewed_by_id": by.id, "reviewed_by_name": by.name[:200]}


def _lock_for_attempt(attempt: Attempt, by: Actor) -> ReviewItem:
    return _lock(ReviewItem.objects.visible_to(by).get(verification_id=attempt.resource_id), by)


def _copy(current: Act, attempt: Attempt, item: ReviewItem, ending: Ending) -> ReviewItem:
    """What the processor made of the word. Where it was not taken, the item waits again."""
    account = port.Account(attempt.application_id)
    about = {port.Verification: item.check_id, port.Merchant: item.merchant_id}
    refuse_others(ending.news, about, merchant_id=item.merchant_id, processor=item.processor_type)
    for news in ending.news:
        if isinstance(news, port.Verification):
            copy_verification(current, account, attempt.provider, news)
        elif isinstance(news, port.Merchant):
            copy_merchant(current, account, attempt.provider, news)
    item.refresh_from_db(from_queryset=ReviewItem.objects.visible_to(current.by).select_related("application"))
    if ending.state in {Attempt.State.ABSENT, Attempt.State.REFUSED} and item.is_open:
        give_back(current, item)
        idempotency.release(item.application_id, item.pk)
    if not attempt.is_open:  # who asked for the check still waits for its verdict
        for resource_id in (item.merchant_id, item.check_id):
            attempts.hurry(resource_id, by=current.by)
    return item


def _rebuild(attempt: Attempt, by: Actor) -> port.DecideMerchant | None:
    item = ReviewItem.objects.visible_to(by).get(verification_id=attempt.resource_id)
    if not item.decision:
        return None
    return _request(item, is_accepted=item.decision == _Outcome.ACCEPTED, reason=item.reason)


decide = Operation(DECIDE, lock=_lock_for_attempt, copy=_copy, rebuild=_rebuild)
