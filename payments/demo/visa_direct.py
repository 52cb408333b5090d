"""The demo's money to and from cards: makers are paid to theirs, and top up their balance from them."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from onboarding.demo import Buyer, Card, Plan
from onboarding.demo.making import then
from payments.demo.sales import INITIALS, moment_between, own_dice
from payments.demo.till import Kept, Step, Till, another_card
from payments.services import Purpose, create_visa_direct
from providers.sandbox.scenarios import PUSH_CARDS

PUSHES = 5
PULLS = 4
"""How many succeeded; one push more was declined."""

_DECLINED_WITH = "EXCEEDS_ISSUER_AMOUNT_LIMIT"
_READY_AFTER = timedelta(hours=1)
_TAKEN_BY_NETWORKS = ("4", "5")
"""How the numbers of cards begin whose networks take payouts."""


@dataclass(frozen=True)
class Payout:
    """A push, or a pull. `order` is unique, and its idempotency id."""

    order: str
    purpose: Purpose
    buyer: Buyer
    card: Card | Kept
    amount: int
    made_at: datetime

    def make(self, till: Till) -> None:
        if self.order in till.sales:
            return
        with then(self.made_at) as at:
            create_visa_direct(
                purpose=self.purpose,
                instrument_id=till.source_of(self.buyer, self.card).pk,
                amount=self.amount,
                currency="USD",
                idempotency_id=self.order,
                tags={"order": self.order},
                by=till.partners[0],
                at=at,
            )


def draw(below: Plan) -> list[Step]:
    dice = own_dice("visa direct")
    pulled = [(buyer, buyer.cards[-1]) for buyer in below.buyers if buyer.is_recipient]
    purposes = [(Purpose.PUSH, recipients(below))] * PUSHES + [(Purpose.PULL, pulled)] * PULLS
    steps: list[Step] = []
    for number, (purpose, found) in enumerate(purposes):
        steps.append(_payout(number, purpose, dice.choice(found), below.now, dice))
    return [*steps, *_declined(len(steps), below, dice)]


def recipients(below: Plan) -> list[tuple[Buyer, Card]]:
    """Buyers who are paid to, with the cards that take it; who has been there longest comes first."""
    found = sorted((buyer for buyer in below.buyers if buyer.is_recipient), key=lambda buyer: buyer.made_at)
    cards = [(buyer, buyer.cards[-1]) for buyer in found]
    return [(buyer, card) for buyer, card in cards if card.number.startswith(_TAKEN_BY_NETWORKS)]


def _payout(
    number: int, purpose: Purpose, whose: tuple[Buyer, Card | Kept], now: datetime, dice: random.Random
) -> Payout:
    buyer, card = whose
    since = card.made_at + _READY_AFTER
    order = f"{INITIALS[0]}-{40001 + number}"
    made_at = moment_between(since, now - timedelta(minutes=30), own_dice(order))
    amount = dice.randrange(40, 900) * 25
    return Payout(order, purpose, buyer, card, amount, made_at)


def _declined(number: int, below: Plan, dice: random.Random) -> Iterator[Step]:
    """To another card of the first recipient, for more than its issuer lets in."""
    buyer, card = recipients(below)[0]
    limited = next(number for number, code in PUSH_CARDS.items() if code == _DECLINED_WITH)
    kept = another_card(buyer, limited, card.made_at + timedelta(hours=9), {"wallet": "payouts"})
    yield from (kept, _payout(number, Purpose.PUSH, (buyer, kept), below.now, dice))
