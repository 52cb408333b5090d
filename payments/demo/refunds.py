"""The demo's refunds: whole ones, several of one sale, one that failed, and one that waits for a batch."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from onboarding.demo import Buyer, Plan
from onboarding.demo.making import settle, then
from payments.demo.sales import (
    BATCH,
    BATCHES_OWNER,
    INITIALS,
    QUIET,
    Draft,
    Sale,
    fee,
    moment_between,
    own_dice,
    plain_cards,
    price,
    sellers_of,
)
from payments.demo.till import Step, Till, another_card
from payments.models import Transfer
from payments.services import create_reversal
from providers.sandbox.scenarios import REFUND_CARDS

WHOLE = 10
PARTS = (2, 2, 3)
"""Sales of which so many parts were given back."""
OF_BANK_DEBITS = 2
"""One went with a batch, one waits for the next."""

_OLD_ENOUGH = timedelta(days=2)
_WITHIN = timedelta(days=6)
_WAITING_FOR = timedelta(minutes=15)  # within the clinics' open batch


@dataclass(frozen=True)
class Refund:
    """Of a sale. `order` is unique, and its idempotency id."""

    order: str
    sale: Sale
    amount: int
    made_at: datetime
    waits: bool = False

    def make(self, till: Till) -> None:
        if self.order in till.refunds:
            return
        by = till.partners[self.sale.draft.seller.owner]
        with then(self.made_at) as at:
            reversal = create_reversal(
                transfer=till.transfer(self.sale.order, by),
                amount=self.amount,
                idempotency_id=self.order,
                tags={"order": self.sale.order},
                by=by,
                at=at,
            )
        if reversal.state == Transfer.State.PENDING and not self.waits:
            settle(resource_id=reversal.pk, at=self.made_at + BATCH, by=by)


def draw(below: Plan, sales: Sequence[Sale], debits: Sequence[Sale]) -> list[Step]:
    """The refunds, and the card to which none can be made with the sale that was paid by it."""
    dice = own_dice("refunds")
    old = [sale for sale in sales if sale.draft.succeeds and sale.made_at < below.now - _OLD_ENOUGH]
    chosen = dice.sample(old, WHOLE + len(PARTS))
    steps: list[Step] = [_refund(sale, 1, sale.draft.amount, below.now) for sale in chosen[:WHOLE]]
    for sale, parts in zip(chosen[WHOLE:], PARTS, strict=True):
        part = sale.draft.amount // (parts + 1)
        steps.extend(_refund(sale, number, part, below.now) for number in range(1, parts + 1))
    return [*steps, *_of_bank_debits(debits, below.now), *_failing(below, dice)]


def _refund(sale: Sale, number: int, amount: int, now: datetime) -> Refund:
    since = sale.made_at + BATCH + timedelta(minutes=5)
    until = min(since + _WITHIN, now - QUIET)
    order = f"{sale.order}-R{number}"
    return Refund(order, sale, amount, moment_between(since, until, own_dice(order)))


def _of_bank_debits(debits: Sequence[Sale], now: datetime) -> Iterator[Refund]:
    clinics = [sale for sale in debits if sale.draft.seller.owner == BATCHES_OWNER and sale.draft.succeeds]
    first, second = sorted(clinics, key=lambda sale: sale.made_at)[:OF_BANK_DEBITS]
    yield _refund(first, 1, first.draft.amount, now)
    yield Refund(f"{second.order}-R1", second, second.draft.amount // 2, now - _WAITING_FOR, waits=True)


def _failing(below: Plan, dice: random.Random) -> Iterator[Step]:
    """A buyer of the first application came with a card that takes no refunds."""
    (number,) = REFUND_CARDS
    seller = sellers_of(below, 0)[1]
    buyer = _oldest_buyer(below)
    card = another_card(buyer, number, buyer.cards[-1].made_at + timedelta(hours=5), {"wallet": "gift card"})
    sold_at = max(card.made_at, seller.sells_from) + timedelta(days=1, hours=2)
    amount = price(seller, dice)
    draft = Draft(seller, buyer, card, amount)
    sale = Sale(f"{INITIALS[0]}-60001", draft, fee(seller, amount), sold_at)
    yield from (card, sale, Refund(f"{sale.order}-R1", sale, amount, sold_at + timedelta(days=1, hours=3)))


def _oldest_buyer(below: Plan) -> Buyer:
    """Among those whose cards nothing else is done to."""
    found = [buyer for buyer, _ in plain_cards(below, 0)[1:] if not buyer.is_recipient]
    return min(found, key=lambda buyer: buyer.made_at)
