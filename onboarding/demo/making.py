"""Making what is planned, through the services; what a run that was cut off has made is found, and not made again."""

import uuid
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from onboarding.demo import cards, policies, tokens
from onboarding.demo.forms import ensure_merchants_on_their_way
from onboarding.demo.names import OWNERS
from onboarding.demo.owners import ensure_owners
from onboarding.demo.plan import Business, Buyer, Card, Fate, Plan, Someone
from onboarding.demo.reviews import TOOK, give_word, waiting_item
from onboarding.models import Identity, Merchant, PaymentInstrument
from onboarding.serializers.identities import IdentityInput, IdentityUpdate
from onboarding.serializers.instruments import InstrumentInput
from onboarding.services import (
    create_application,
    create_identity,
    create_payment_instrument,
    provision_merchant,
    update_identity,
    verify_merchant,
)
from providers import attempts, clock
from providers.models import Attempt
from tenancy import services as tenancy
from tenancy.actors import Actor, system
from tenancy.models import Application, Processor
from tenancy.roles import Role
from tenancy.transactions import transaction

CORRECT_TAX_ID = "471118208"
HIGHER_LIMIT = 2_500_000
FOUNDED = timedelta(days=120)
"""How long ago the first application was."""


@dataclass
class Made:
    """The rows by the keys of the plan: businesses' merchants and buyers' instruments, in the order of their cards."""

    applications: list[Application] = field(default_factory=list)
    identities: dict[str, Identity] = field(default_factory=dict)
    instruments: dict[uuid.UUID, list[PaymentInstrument]] = field(default_factory=lambda: defaultdict(list))
    merchants: dict[uuid.UUID, Merchant] = field(default_factory=dict)

    def merchant_of(self, business: Business) -> Merchant:
        return self.merchants[self.identities[business.key].pk]

    def instrument_of(self, buyer: Buyer, card: Card) -> PaymentInstrument:
        return self.instruments[self.identities[buyer.key].pk][buyer.cards.index(card)]


def make(plan: Plan, tell: Callable[[], None]) -> Made:
    """Make all of the plan. `tell` is called once per application and identity."""
    made = Made()
    for position in range(len(OWNERS)):
        made.applications.append(_ensure_application(plan, position))
        tell()
    by = system("Demo")
    _settle_open_attempts(plan, by)
    _find(made, by)
    everyone: list[Business | Buyer] = sorted((*plan.businesses, *plan.buyers), key=lambda someone: someone.made_at)
    for someone in everyone:
        if isinstance(someone, Business):
            _ensure_business(someone, made, by)
        else:
            _ensure_buyer(someone, made, by)
        tell()
    policies.ensure_bank_account_policy(made.applications[policies.ASKS_FOR_BANK_ACCOUNT], plan, by)
    _ensure_words_on_cards(plan, made, by)
    _ensure_tokens(plan, made, by)
    ensure_merchants_on_their_way(made.applications[0], plan.now, by)
    return made


def began_at() -> datetime | None:
    """The present moment of an earlier run, so that what it has left out falls into its place; None without one."""
    by = system("Demo")
    name, _, trade = OWNERS[0]
    with transaction(by=by):
        first = Application.objects.visible_to(by).tenants().filter(name=name, tags__trade=trade).first()
    return None if first is None else first.created_at + FOUNDED


@contextmanager
def then(moment: datetime) -> Iterator[datetime]:
    """Let a provider's answer enter as it would have at this moment, which is given."""
    with clock.at(moment):
        yield moment


def settle(*, resource_id: uuid.UUID, at: datetime, by: Actor) -> None:
    """Let what was left to a worker be done, as a worker would have at this moment."""
    with transaction(by=by):
        waiting = list(Attempt.objects.visible_to(by).unresolved().filter(resource_id=resource_id))
    for attempt in waiting:
        with then(at):
            attempts.resolve(attempt.pk, attempt.application_id)


def add_instrument(identity: Identity, told: Mapping[str, Any], at: datetime, made: Made, by: Actor) -> None:
    """Give an identity an instrument: the body of the API without the identity."""
    body = InstrumentInput(data={**told, "identity": identity.public_id}, context={"now": at})
    with then(at):
        made.instruments[identity.pk].append(create_payment_instrument(values=_validated(body), by=by, at=at))


def _settle_open_attempts(plan: Plan, by: Actor) -> None:
    """Of a run that was cut off, so that nothing is made twice whose answer was already on its way."""
    with transaction(by=by):
        due = list(Attempt.objects.visible_to(by).unresolved().filter(next_check_at__lte=plan.now))
    for attempt in due:
        with then(attempt.next_check_at or plan.now):
            attempts.resolve(attempt.pk, attempt.application_id)


def _find(made: Made, by: Actor) -> None:
    """What an earlier run has made of the plan."""
    applications = [application.pk for application in made.applications]
    with transaction(by=by):
        for identity in Identity.objects.visible_to(by).filter(application_id__in=applications):
            if key := identity.tags.get("account") or identity.tags.get("customer"):
                made.identities[key] = identity
        instruments = PaymentInstrument.objects.visible_to(by).filter(application_id__in=applications)
        for instrument in instruments.order_by("created_at", "id"):
            made.instruments[instrument.identity_id].append(instrument)
        for merchant in Merchant.objects.visible_to(by).filter(application_id__in=applications):
            made.merchants[merchant.identity_id] = merchant


def _ensure_application(plan: Plan, position: int) -> Application:
    name, _, trade = OWNERS[position]
    by = system("Demo")
    founded = plan.now - FOUNDED + timedelta(days=30 * position, hours=-position)
    with transaction(by=by):
        application = Application.objects.visible_to(by).tenants().filter(name=name, tags__trade=trade).first()
    if application is None:
        owner, _ = tenancy.create_api_user(role=Role.PARTNER, name="Web shop", by=by, at=founded)
        entity = _validated(IdentityInput(data={"entity": plan.owners[position]}))["entity"]
        application = create_application(
            owner_user_id=owner.pk, entity=entity, tags={"trade": trade}, by=by, at=founded
        )
        by = system("Demo")  # sees the new application too
    _ensure_processors(application, position, founded, by)
    if position == 2 and not application.card_cvv_required:
        application = tenancy.update_application(
            application=application,
            values={"card_cvv_required": True},
            by=by,
            at=plan.now - timedelta(days=3, hours=5),
        )
    return application


def _ensure_processors(application: Application, position: int, at: datetime, by: Actor) -> None:
    """Everybody sells through DUMMY_V1, the clinics in batches; the makers are paid to their cards."""
    wanted: dict[Processor.Name, dict[str, Any]] = {
        Processor.Name.DUMMY_V1: {"canDebitBankAccount": True, "allow_split_payouts": True}
    }
    if position == 0:
        wanted[Processor.Name.VISA_V1] = {}
    with transaction(by=by):
        processors = Processor.objects.visible_to(by).filter(application=application)
        present = {processor.processor: processor for processor in processors}
    for name, config in wanted.items():
        if name not in present:
            at += timedelta(minutes=5)
            present[name] = tenancy.enable_processor(application=application, name=name, config=config, by=by, at=at)
    first = present[Processor.Name.DUMMY_V1]
    if position == 1 and first.application_config["card_sale_submission_method"] != "batch":
        tenancy.update_processor(
            processor=first,
            application_config={"card_sale_submission_method": "batch", "sandbox_profile": "realistic"},
            by=by,
            at=at + timedelta(days=29),
        )


def _ensure_business(business: Business, made: Made, by: Actor) -> None:
    identity = _ensure_identity(business, made, by)
    ensure_owners(business, identity, by)
    if not made.instruments[identity.pk]:
        add_instrument(identity, business.bank_account, business.made_at + timedelta(minutes=9), made, by)
    if business.fate != Fate.NOT_SENT and identity.pk not in made.merchants:
        with then(business.provisioned_at) as at:
            made.merchants[identity.pk] = provision_merchant(
                identity=identity, processor=Processor.Name.DUMMY_V1, tags={"account": business.key}, by=by, at=at
            )
    merchant = made.merchants.get(identity.pk)
    rejected = Merchant.OnboardingState.REJECTED
    if business.fate == Fate.CORRECTED and merchant is not None and merchant.onboarding_state == rejected:
        _correct(business, identity, merchant, by)
    if business.fate in {Fate.ADMITTED, Fate.TURNED_DOWN} and merchant is not None:
        _review(business, merchant, by)
    if business.fate.sells and business.raises_limit and identity.max_transaction_amount != HIGHER_LIMIT:
        later = business.provisioned_at + timedelta(days=1, hours=3)
        _update(identity, {"max_transaction_amount": HIGHER_LIMIT}, by, later)
    if merchant is not None:
        policies.ensure_rules(business, merchant, by)


def _correct(business: Business, identity: Identity, merchant: Merchant, by: Actor) -> None:
    """The next day, with the tax id as the authority has it."""
    noticed_at = business.provisioned_at + timedelta(days=1)
    _update(identity, {"business_tax_id": CORRECT_TAX_ID}, by, noticed_at)
    with then(noticed_at + timedelta(minutes=3)) as at:
        verification = verify_merchant(merchant=merchant, by=by, at=at)
    settle(resource_id=verification.pk, at=at + timedelta(minutes=1), by=by)


def _review(business: Business, merchant: Merchant, by: Actor) -> None:
    """The next day, by a person."""
    item = waiting_item(merchant, by=by)
    if item is not None:
        with then(business.provisioned_at + TOOK) as at:
            give_word(item, is_accepted=business.fate == Fate.ADMITTED, by=by, at=at)
        settle(resource_id=merchant.pk, at=at + timedelta(minutes=1), by=by)


def _ensure_buyer(buyer: Buyer, made: Made, by: Actor) -> None:
    identity = _ensure_identity(buyer, made, by)
    for card in buyer.cards[len(made.instruments[identity.pk]) :]:
        add_instrument(identity, card.body, card.made_at, made, by)
    if buyer.is_recipient and identity.pk not in made.merchants:
        with then(buyer.cards[-1].made_at + timedelta(minutes=20)) as at:
            made.merchants[identity.pk] = provision_merchant(
                identity=identity, processor=Processor.Name.VISA_V1, tags={"recipient": buyer.key}, by=by, at=at
            )


def _ensure_words_on_cards(plan: Plan, made: Made, by: Actor) -> None:
    """Cards that are paid to are verified; a buyer of the first application has saved one, and it was renewed."""
    for buyer in plan.buyers:
        if buyer.is_recipient:
            card = made.instrument_of(buyer, buyer.cards[-1])
            with then(card.created_at + cards.VERIFIED_AFTER) as at:
                cards.ensure_verified(card, by=by, at=at)
    keeper = next(buyer for buyer in plan.buyers if buyer.owner == 0 and not buyer.is_recipient)
    identity = made.identities[keeper.key]
    if not any(card.tags == cards.TAGS for card in made.instruments[identity.pk]):
        body = {**keeper.cards[0].body, "number": cards.RENEWED, "tags": cards.TAGS}
        add_instrument(identity, body, keeper.cards[-1].made_at + cards.SAVED_AFTER, made, by)
    saved = next(card for card in made.instruments[identity.pk] if card.tags == cards.TAGS)
    with then(saved.created_at + cards.VERIFIED_AFTER) as at:
        cards.ensure_verified(saved, by=by, at=at)
    with then(saved.created_at + cards.ASKED_AFTER) as at:
        update = cards.ensure_asked(saved, made.merchant_of(plan.businesses[0]), by=by, at=at)
    settle(resource_id=update.pk, at=at + timedelta(minutes=1), by=by)


def _ensure_tokens(plan: Plan, made: Made, by: Actor) -> None:
    """The last buyer of the first application has typed a card into the shop's page; somebody else has left it."""
    buyer = [buyer for buyer in plan.buyers if buyer.owner == 0 and not buyer.is_recipient][-1]
    identity, card = made.identities[buyer.key], buyer.cards[-1]
    if not tokens.is_typed_in(identity, by=by):
        with then(card.made_at + timedelta(hours=3)) as at:
            typed_in = tokens.type_in(made.applications[0], identity, card.body, by=by, at=at)
        made.instruments[identity.pk].append(typed_in)
    if not tokens.is_left(made.applications[0], by=by):
        with then(plan.now - tokens.LEFT_BEFORE_THE_END) as at:
            tokens.leave(made.applications[0], card.body, at=at)


def _ensure_identity(someone: Someone, made: Made, by: Actor) -> Identity:
    if someone.key not in made.identities:
        body = _validated(IdentityInput(data={"entity": someone.entity, "tags": someone.tags}))
        made.identities[someone.key] = create_identity(
            application_id=made.applications[someone.owner].pk,
            entity=body["entity"],
            tags=body["tags"],
            by=by,
            at=someone.made_at,
        )
    return made.identities[someone.key]


def _update(identity: Identity, entity: Mapping[str, Any], by: Actor, at: datetime) -> None:
    changes = _validated(IdentityUpdate(data={"entity": entity}, instance=identity))
    update_identity(identity=identity, changes=changes, by=by, at=at)


def _validated(body: Any) -> dict[str, Any]:
    body.is_valid(raise_exception=True)
    result: dict[str, Any] = body.validated_data
    return result
