"""The demo's sales: a month of them, uneven as sales are, made through the services and found again by their orders."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from enum import Enum, auto
from itertools import accumulate

from onboarding.demo import Business, Buyer, Card, Fate, Plan
from onboarding.demo.making import settle, then
from onboarding.demo.names import LAST_USED_ONCE
from onboarding.demo.plan import PRICES, SEED
from payments.demo.till import Kept, Till
from payments.models import Transfer
from payments.services import create_sale
from providers.sandbox import faults

SALES = 350
"""How many there ordinarily are."""


BATCHES_OWNER = 1
BATCH = timedelta(hours=1)
WAITING_MINUTES = (50, 25, 5)
QUIET = timedelta(hours=2, minutes=10)
"""How long before the end all others are made, so that what waits is in a batch of its own, which is still open."""
DECLINED_AMOUNTS = (102, 193, 194, 102, 193)
INITIALS = ("HM", "FN", "LA")
DAYS = 28

# Monday first; then by the hour of a shop in the Midwest, from nine in the morning on, which is six hours behind UTC.
WEEKDAYS = (0.8, 0.9, 1.0, 1.1, 1.6, 1.5, 0.5)
HOURS = (3, 4, 6, 10, 11, 6, 4, 4, 6, 8, 5, 2)
OPENS = timedelta(hours=15)


class Course(Enum):
    """What is special about a sale."""

    PLAIN = auto()
    WAITS_FOR_BATCH = auto()
    ANSWER_IS_LOST = auto()


@dataclass(frozen=True)
class Draft:
    """What is sold, and to whom."""

    seller: Business
    buyer: Buyer
    source: Card | Kept
    amount: int
    course: Course = Course.PLAIN

    @property
    def succeeds(self) -> bool:
        """Whether nothing is special about it."""
        is_declined = isinstance(self.source, Card) and self.source.is_declined
        return self.course == Course.PLAIN and not is_declined and self.amount not in DECLINED_AMOUNTS


@dataclass(frozen=True)
class Sale:
    """A sale to come. `order` is unique, and its idempotency id."""

    order: str
    draft: Draft
    fee: int
    made_at: datetime

    def make(self, till: Till) -> None:
        if self.order not in till.sales:
            _sell(self, till)


def draw(below: Plan, count: int) -> list[Sale]:
    """Oldest first. What they are does not depend on the present moment, only when they were."""
    dice = random.Random(SEED)  # noqa: S311 - a demo, the same every time
    drafts = [(_when(draft, position, below.now), draft) for position, draft in enumerate(_draw(below, dice, count))]
    drafts.sort(key=lambda dated: dated[0])
    return [
        Sale(
            order=f"{INITIALS[draft.seller.owner]}-{number}",
            draft=draft,
            fee=fee(draft.seller, draft.amount),
            made_at=moment,
        )
        for number, (moment, draft) in enumerate(drafts, start=10001)
    ]


def sellers_of(below: Plan, owner: int) -> list[Business]:
    """Those of an application that take payments to this day."""
    businesses = [business for business in below.businesses if business.owner == owner]
    return [business for business in businesses if business.fate.sells and business.fate != Fate.SWITCHED_OFF]


def plain_cards(below: Plan, owner: int) -> list[tuple[Buyer, Card]]:
    return [(buyer, card) for buyer, card in cards(below) if card.owner == owner and not card.is_declined]


def cards(below: Plan) -> Iterator[tuple[Buyer, Card]]:
    return ((buyer, card) for buyer in below.buyers for card in buyer.cards)


def price(seller: Business, dice: random.Random) -> int:
    """Many small ones and a few large ones, in steps of five cents."""
    low, high = PRICES[str(seller.entity["mcc"])]
    return int(low * (high / low) ** (dice.random() ** 1.7)) // 5 * 5


def fee(seller: Business, amount: int) -> int:
    """Three percent and thirty cents at the marketplace, one percent at the point of sale, nothing at the clinics."""
    fees = (amount * 3 // 100 + 30, 0, amount // 100)
    return fees[seller.owner]


def own_dice(name: str) -> random.Random:
    """Dice for one thing alone, so that what it draws changes nothing of what follows."""
    return random.Random(f"{SEED} {name}")  # noqa: S311 - a demo, the same every time


def moment_between(since: datetime, until: datetime, dice: random.Random) -> datetime:
    """Between the two, and most likely at lunch on a Friday."""
    midnight = datetime.combine(until.date(), time(), tzinfo=until.tzinfo)
    days = [midnight - timedelta(days=day) for day in range(DAYS)]
    weights = [WEEKDAYS[day.weekday()] for day in days]
    for _ in range(100):
        (day,) = dice.choices(days, weights)
        (hour,) = dice.choices(range(len(HOURS)), HOURS)
        moment = day + OPENS + timedelta(hours=hour, seconds=dice.randrange(3600))
        if since < moment < until:
            return moment
    return since + dice.random() * (until - since)


def _draw(below: Plan, dice: random.Random, count: int) -> Iterator[Draft]:
    """What is declined or waits has a fixed number; of the rest the busiest merchant leads a long tail."""
    first, *others = [business for business in below.businesses if business.fate.sells]
    others = sorted(dice.sample(others, len(others)), key=lambda seller: seller.owner == BATCHES_OWNER)
    sellers = [first, *others]  # clinics take little by card, and more at a time
    weights = list(accumulate(1 / rank for rank in range(1, len(sellers) + 1)))
    by_owner = [[seller for seller in sellers if seller.owner == owner] for owner in range(len(INITIALS))]
    plain = [plain_cards(below, owner) for owner in range(len(INITIALS))]

    special = [
        *_declined(below, by_owner, dice),
        *(Draft(first, *dice.choice(plain[0]), amount) for amount in DECLINED_AMOUNTS),
        *_waiting(by_owner[BATCHES_OWNER], plain[BATCHES_OWNER], dice),
        Draft(first, *dice.choice(plain[0]), price(first, dice), Course.ANSWER_IS_LOST),
    ]
    yield from special
    for _ in range(count - len(special)):
        (seller,) = dice.choices(sellers, cum_weights=weights)
        yield Draft(seller, *dice.choice(plain[seller.owner]), price(seller, dice))


def _declined(below: Plan, sellers: Sequence[Sequence[Business]], dice: random.Random) -> Iterator[Draft]:
    """People try a declined card again, unless the issuer took it away."""
    for buyer, card in cards(below):
        if card.is_declined:
            seller = dice.choice(sellers[card.owner])
            for _ in range(1 if card.number == LAST_USED_ONCE else 2):
                yield Draft(seller, buyer, card, price(seller, dice))


def _waiting(sellers: Sequence[Business], plain: Sequence[tuple[Buyer, Card]], dice: random.Random) -> Iterator[Draft]:
    for _ in WAITING_MINUTES:
        seller = dice.choice(sellers)
        yield Draft(seller, *dice.choice(plain), price(seller, dice), Course.WAITS_FOR_BATCH)


def _when(draft: Draft, position: int, now: datetime) -> datetime:
    if draft.course == Course.WAITS_FOR_BATCH:
        return now - timedelta(minutes=WAITING_MINUTES[position % len(WAITING_MINUTES)])
    if draft.course == Course.ANSWER_IS_LOST:
        return now
    dice = own_dice(str(position))
    return moment_between(max(draft.seller.sells_from, draft.source.made_at), now - QUIET, dice)


def _sell(sale: Sale, till: Till) -> None:
    draft, by = sale.draft, till.partners[sale.draft.seller.owner]
    (application_id,) = by.application_ids
    if draft.course == Course.ANSWER_IS_LOST:
        faults.arrange(
            application_id=application_id,
            kind=faults.Kind.TIMEOUT_AFTER,
            operation="sell",
            key=sale.order,
            times=1,
        )
    with then(sale.made_at) as at:
        transfer = create_sale(
            merchant_id=till.made.merchant_of(draft.seller).pk,
            source_id=till.source_of(draft.buyer, draft.source).pk,
            amount=draft.amount,
            currency="USD",
            fee=sale.fee,
            by=by,
            at=at,
            idempotency_id=sale.order,
            tags={"order": sale.order},
        )
    if draft.course == Course.ANSWER_IS_LOST:
        faults.clear(application_id)
    elif draft.course == Course.PLAIN and transfer.state == Transfer.State.PENDING:
        settle(resource_id=transfer.pk, at=sale.made_at + BATCH, by=by)
