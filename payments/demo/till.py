"""What the demo's payments are made with: the rows below them, who makes them, and which of them are there already."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from events.models import Author
from onboarding.demo import Buyer, Card, Made, Plan
from onboarding.demo.making import add_instrument
from onboarding.models import PaymentInstrument
from payments.models import Authorization, Transfer
from tenancy.actors import Actor, system
from tenancy.roles import Role
from tenancy.transactions import transaction


@dataclass(frozen=True)
class Kept:
    """What a buyer has besides the cards of the plan: the body of the API without the identity.

    Its tags find it again. It has to be newer than the buyer's cards, which are known by their order.
    """

    buyer: Buyer
    made_at: datetime
    body: Mapping[str, Any]

    def make(self, till: "Till") -> None:
        if till.find(self) is None:
            till.keep(self)


def another_card(buyer: Buyer, number: str, made_at: datetime, tags: Mapping[str, str]) -> Kept:
    """A card like the buyer's first one, under another number."""
    return Kept(buyer, made_at, {**buyer.cards[0].body, "number": number, "tags": tags})


@dataclass
class Till:
    """At it stands one hand per application, which acts in its name and sees no other."""

    below: Plan
    made: Made
    partners: list[Actor]
    holds: set[str]
    sales: set[str]
    """Pushes and pulls among them."""
    refunds: set[str]

    def source_of(self, buyer: Buyer, source: Card | Kept) -> PaymentInstrument:
        if isinstance(source, Card):
            return self.made.instrument_of(buyer, source)
        found = self.find(source)
        if found is None:
            raise LookupError(f"{buyer.key} has no such instrument yet")
        return found

    def find(self, kept: Kept) -> PaymentInstrument | None:
        present = self.made.instruments[self.made.identities[kept.buyer.key].pk]
        return next((instrument for instrument in present if instrument.tags == kept.body["tags"]), None)

    def keep(self, kept: Kept) -> None:
        add_instrument(self.made.identities[kept.buyer.key], kept.body, kept.made_at, self.made, system("Demo"))

    def transfer(self, order: str, by: Actor) -> Transfer:
        with transaction(by=by):
            return Transfer.objects.visible_to(by).get(
                idempotency_id=order, idempotency_operation=Transfer.Operation.SALE
            )

    def hold(self, order: str, by: Actor) -> Authorization:
        with transaction(by=by):
            found = Authorization.objects.visible_to(by).select_related("application")
            return found.get(idempotency_id=order)


class Step(Protocol):
    """One thing that happened. To make it again changes nothing."""

    @property
    def made_at(self) -> datetime: ...

    def make(self, till: Till) -> None: ...


def open_till(below: Plan, made: Made) -> Till:
    by, operations = system("Demo"), Transfer.Operation
    with transaction(by=by):
        holds = Authorization.objects.visible_to(by).values_list("idempotency_id", flat=True)
        transfers = Transfer.objects.visible_to(by).exclude(idempotency_id=None)
        orders = set(transfers.values_list("idempotency_operation", "idempotency_id"))
        return Till(
            below,
            made,
            partners=[_partner(application.pk) for application in made.applications],
            holds=set(filter(None, holds)),
            sales={str(order) for operation, order in orders if operation == operations.SALE},
            refunds={str(order) for operation, order in orders if operation == operations.REVERSAL},
        )


def _partner(application_id: uuid.UUID) -> Actor:
    return Actor(kind=Author.SYSTEM, id=None, name="Demo", role=Role.PARTNER, application_ids=(application_id,))
