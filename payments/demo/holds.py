"""The demo's authorizations: one in every situation that a hold may come to."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum, auto

from onboarding.demo import Business, Buyer, Card, Plan
from onboarding.demo.making import settle, then
from onboarding.demo.names import LAST_USED_ONCE
from payments.demo.sales import (
    BATCH,
    BATCHES_OWNER,
    INITIALS,
    cards,
    fee,
    moment_between,
    own_dice,
    plain_cards,
    price,
    sellers_of,
)
from payments.demo.till import Step, Till
from payments.models import HOLD_LASTS, Authorization, Transfer
from payments.services import ThreeDSecure, capture_authorization, create_authorization, void_authorization
from payments.services.expiry import release_expired
from tenancy.actors import system
from vault.secret import Secret

SHOP, CAFE = 0, 2
"""Whose sellers hold first: makers, until a piece is sent, and restaurants, for a table's bill."""
TAKEN_DOWN_AFTER = timedelta(seconds=40)
"""How long after its end a hold is noticed to be over."""


class Course(Enum):
    """What becomes of a hold."""

    HELD = auto()
    NEARLY_OVER = auto()
    CAPTURED = auto()
    CAPTURED_IN_PART = auto()
    CAPTURE_WAITS_FOR_BATCH = auto()
    VOIDED = auto()
    EXPIRED = auto()
    DECLINED = auto()


HOLDS = {
    Course.HELD: 5,
    Course.NEARLY_OVER: 2,
    Course.CAPTURED: 6,
    Course.CAPTURED_IN_PART: 4,
    Course.CAPTURE_WAITS_FOR_BATCH: 1,
    Course.VOIDED: 3,
    Course.EXPIRED: 2,
    Course.DECLINED: 2,
}
"""How many there are of each."""

# Between how many days ago it began.
_DAYS_AGO = {
    Course.HELD: (0.3, 5),
    Course.NEARLY_OVER: (6.75, 6.95),
    Course.CAPTURED: (4, 12),
    Course.CAPTURED_IN_PART: (4, 12),
    Course.CAPTURE_WAITS_FOR_BATCH: (1, 3),
    Course.VOIDED: (3, 12),
    Course.EXPIRED: (8, 12),
    Course.DECLINED: (1, 6),
}
_CAPTURED_AGO = timedelta(minutes=18)  # within the clinics' open batch
_VOIDED_BY = timedelta(minutes=5)
_AT_LEAST, _AT_MOST = timedelta(hours=10), timedelta(days=2, hours=12)
"""How long a hold lasts that is captured or voided."""
_SECURED = 4
"""Every how many of them the cardholder was asked by the bank."""


@dataclass(frozen=True)
class Hold:
    """An authorization to come. `order` is unique, and its idempotency id."""

    order: str
    course: Course
    seller: Business
    buyer: Buyer
    card: Card
    amount: int
    fee: int
    is_secured: bool
    made_at: datetime

    def make(self, till: Till) -> None:
        if self.order in till.holds:
            return
        with then(self.made_at) as at:
            create_authorization(
                merchant_id=till.made.merchant_of(self.seller).pk,
                source_id=till.source_of(self.buyer, self.card).pk,
                amount=self.amount,
                currency="USD",
                fee=self.fee,
                three_d_secure=_proof(self) if self.is_secured else None,
                idempotency_id=self.order,
                tags={"order": self.order},
                by=till.partners[self.seller.owner],
                at=at,
            )


@dataclass(frozen=True)
class Capture:
    """The whole amount, or a part of it."""

    hold: Hold
    amount: int
    made_at: datetime

    def make(self, till: Till) -> None:
        by = till.partners[self.hold.seller.owner]
        held = till.hold(self.hold.order, by)
        if held.is_captured:
            return
        with then(self.made_at) as at:
            transfer = capture_authorization(authorization=held, amount=self.amount, by=by, at=at)
        waits = self.hold.course == Course.CAPTURE_WAITS_FOR_BATCH
        if transfer.state == Transfer.State.PENDING and not waits:
            settle(resource_id=transfer.pk, at=self.made_at + BATCH, by=by)


@dataclass(frozen=True)
class Void:
    hold: Hold
    made_at: datetime

    def make(self, till: Till) -> None:
        by = till.partners[self.hold.seller.owner]
        held = till.hold(self.hold.order, by)
        if held.void_state == Authorization.VoidState.UNATTEMPTED:
            with then(self.made_at) as at:
                void_authorization(authorization=held, by=by, at=at)
            settle(resource_id=held.pk, at=self.made_at + _VOIDED_BY, by=by)


@dataclass(frozen=True)
class Expiry:
    """What the worker does every minute."""

    made_at: datetime

    def make(self, till: Till) -> None:
        del till
        release_expired(by=system("Demo"), at=self.made_at)


def draw(below: Plan) -> list[Step]:
    """The holds, and what became of them. What they are does not depend on the present moment."""
    dice = own_dice("holds")
    courses = [course for course, count in HOLDS.items() for _ in range(count)]
    holds = [_hold(below, course, number, dice) for number, course in enumerate(courses)]
    return [step for hold in holds for step in (hold, *_what_follows(hold, below.now, dice))]


def _hold(below: Plan, course: Course, number: int, dice: random.Random) -> Hold:
    owner = BATCHES_OWNER if course == Course.CAPTURE_WAITS_FOR_BATCH else (SHOP, SHOP, CAFE)[number % 3]
    latest, earliest = (below.now - timedelta(days=days) for days in _DAYS_AGO[course])
    seller = dice.choice(sellers_of(below, owner)[1:])  # the first one sells over the counter
    buyer, card = dice.choice(_known_by(earliest, _cards(below, owner, course)))
    amount = price(seller, dice)
    return Hold(
        order=f"{INITIALS[owner]}-{30001 + number}",
        course=course,
        seller=seller,
        buyer=buyer,
        card=card,
        amount=amount,
        fee=fee(seller, amount),
        is_secured=number % _SECURED == 0,
        made_at=moment_between(earliest, latest, own_dice(f"hold {number}")),
    )


def _cards(below: Plan, owner: int, course: Course) -> Sequence[tuple[Buyer, Card]]:
    if course != Course.DECLINED:
        return plain_cards(below, owner)
    return [
        (buyer, card)
        for buyer, card in cards(below)
        if card.owner == owner and card.is_declined and card.number != LAST_USED_ONCE
    ]


def _known_by(moment: datetime, found: Sequence[tuple[Buyer, Card]]) -> list[tuple[Buyer, Card]]:
    return [(buyer, card) for buyer, card in found if card.made_at + timedelta(hours=1) < moment]


def _what_follows(hold: Hold, now: datetime, dice: random.Random) -> Iterator[Step]:
    later = moment_between(hold.made_at + _AT_LEAST, hold.made_at + _AT_MOST, own_dice(f"after {hold.order}"))
    if hold.course == Course.CAPTURED:
        yield Capture(hold, hold.amount, later)
    elif hold.course == Course.CAPTURED_IN_PART:
        yield Capture(hold, hold.amount * dice.randrange(40, 95) // 100, later)
    elif hold.course == Course.CAPTURE_WAITS_FOR_BATCH:
        yield Capture(hold, hold.amount, now - _CAPTURED_AGO)
    elif hold.course == Course.VOIDED:
        yield Void(hold, later)
    elif hold.course == Course.EXPIRED:
        yield Expiry(hold.made_at + HOLD_LASTS + TAKEN_DOWN_AFTER)


def _proof(hold: Hold) -> ThreeDSecure:
    """American Express wants to know from where it was answered."""
    number = int(hold.order.rpartition("-")[2])
    return ThreeDSecure(
        electronic_commerce_indicator="AUTHENTICATED",
        cardholder_authentication=Secret(f"{number:028d}"),
        cardholder_ip_address=f"192.0.2.{number % 250}" if hold.card.number.startswith("3") else None,
    )
