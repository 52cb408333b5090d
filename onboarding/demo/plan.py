"""What the demo makes, before any of it is made: drawn with dice that fall the same every time.

Two plans of one scale are equal apart from their moments, which count back from now, and the years in which cards
expire.
"""

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import count
from typing import Any

from onboarding.demo.names import (
    BUSINESSES,
    CITIES,
    DECLINED_CARDS,
    OWNERS,
    PEOPLE,
    PLAIN_CARDS,
    ROUTING_NUMBERS,
    STREETS,
    TITLES,
)

SEED = 20260917
BUSIEST = "A-1001"
"""The key of the business that sells most."""

BUYERS_PER_OWNER = 15
RECIPIENTS = 3
"""Buyers of the first application whose cards are paid to, at VISA_V1."""

# What a business of a trade usually takes, in minor units.
PRICES = {
    "0742": (4_500, 62_000), "5462": (450, 8_500), "5499": (475, 6_400), "5719": (1_800, 24_000),
    "5735": (1_200, 9_500), "5812": (1_100, 14_000), "5814": (375, 2_400), "5912": (700, 9_000),
    "5940": (2_500, 180_000), "5941": (1_900, 46_000), "5942": (900, 8_800), "5949": (1_500, 30_000),
    "5970": (2_200, 38_000), "5992": (2_400, 21_000), "7997": (1_800, 16_000), "8021": (6_500, 140_000),
    "8043": (4_900, 52_000), "8049": (7_500, 24_000), "8299": (3_500, 28_000), "8351": (12_000, 95_000),
    "8931": (9_000, 120_000),
}  # fmt: skip


class Fate(StrEnum):
    """What becomes of a business at the processor."""

    APPROVED = "APPROVED"
    SWITCHED_OFF = "SWITCHED_OFF"  # approved, and no longer let to sell
    CORRECTED = "CORRECTED"  # rejected for a wrong tax id, and approved with the right one
    REJECTED = "REJECTED"
    HELD = "HELD"
    ADMITTED = "ADMITTED"  # held, and approved by a person
    TURNED_DOWN = "TURNED_DOWN"  # held, and rejected by a person
    NOT_SENT = "NOT_SENT"

    @property
    def sells(self) -> bool:
        return self in {Fate.APPROVED, Fate.SWITCHED_OFF, Fate.CORRECTED, Fate.ADMITTED}

    @property
    def is_delayed(self) -> bool:
        """Whether it was approved a day after it was sent in."""
        return self in {Fate.CORRECTED, Fate.ADMITTED}


_TAX_IDS = {
    Fate.CORRECTED: "000000003",
    Fate.REJECTED: "000000003",
    Fate.HELD: "000000002",
    Fate.ADMITTED: "000000002",
    Fate.TURNED_DOWN: "000000002",
}
_DAYS_AGO = {Fate.REJECTED: (3, 12), Fate.TURNED_DOWN: (3, 12), Fate.HELD: (0.2, 2), Fate.NOT_SENT: (0.1, 1)}
_EARLY = (24, 28)


@dataclass(frozen=True)
class Card:
    """A card of a buyer: the body of the API without the identity, and when it was told."""

    owner: int
    made_at: datetime
    body: Mapping[str, Any]

    @property
    def number(self) -> str:
        return str(self.body["number"])

    @property
    def is_declined(self) -> bool:
        return self.number in DECLINED_CARDS


@dataclass(frozen=True)
class Someone:
    """An identity of the demo. `key` stands in its tags under `label`, and finds it again within its application."""

    owner: int
    label: str
    key: str
    made_at: datetime
    entity: Mapping[str, Any]
    more_tags: Mapping[str, str]

    @property
    def tags(self) -> dict[str, str]:
        return {self.label: self.key, **self.more_tags}


@dataclass(frozen=True)
class Business(Someone):
    """A merchant to be, with the bank account that it is paid to."""

    fate: Fate
    bank_account: Mapping[str, Any]
    raises_limit: bool

    @property
    def provisioned_at(self) -> datetime:
        return self.made_at + timedelta(minutes=50)

    @property
    def sells_from(self) -> datetime:
        """When it is surely approved."""
        return self.provisioned_at + timedelta(days=1 if self.fate.is_delayed else 0, hours=1)


@dataclass(frozen=True)
class Buyer(Someone):
    """A buyer; as a recipient it is a merchant at VISA_V1 as well."""

    cards: tuple[Card, ...]
    is_recipient: bool


@dataclass(frozen=True)
class Plan:
    """All of the demo that stands below its payments. What is busiest comes first."""

    now: datetime
    businesses: tuple[Business, ...]
    buyers: tuple[Buyer, ...]
    owners: tuple[Mapping[str, Any], ...] = field(repr=False)

    @property
    def cards(self) -> tuple[Card, ...]:
        return tuple(card for buyer in self.buyers for card in buyer.cards)


def plan(now: datetime, *, scale: int = 1) -> Plan:
    """Draw the applications, and `scale` times their businesses and buyers."""
    dice = random.Random(SEED)  # noqa: S311 - a demo, the same every time
    accounts, customers, declined = count(1001), count(2001), _declined_cards()
    businesses: list[Business] = []
    buyers: list[Buyer] = []
    owners = tuple(_owner(name, domain, dice) for name, domain, _ in OWNERS)
    for turn in range(scale):
        for owner, rows in enumerate(BUSINESSES):
            for name, kind, mcc, fate in rows:
                called = name if turn == 0 else f"{name} {_town(turn)}"
                entity = _entity(called, kind, mcc, dice)
                businesses.append(_business(owner, f"A-{next(accounts)}", entity, Fate(fate), now, dice=dice))
            for position in range(BUYERS_PER_OWNER):
                numbers = _numbers(position, declined, dice)
                key = f"C-{next(customers)}"
                is_recipient = owner == 0 and turn == 0 and 0 < position <= RECIPIENTS
                buyers.append(_buyer(owner, key, numbers, now, dice=dice, is_recipient=is_recipient))
    return Plan(now, tuple(businesses), tuple(buyers), owners)


def _town(turn: int) -> str:
    city, *_ = CITIES[turn % len(CITIES)]
    return city if turn < len(CITIES) else f"{city} {turn // len(CITIES) + 1}"


def _declined_cards() -> Iterator[str]:
    while True:
        yield from DECLINED_CARDS


def _numbers(position: int, declined: Iterator[str], dice: random.Random) -> list[str]:
    """Every fifth buyer has a card that is declined, every third of the others two cards."""
    numbers = [dice.choice(PLAIN_CARDS)]
    if position % 5 == 4:
        numbers = [next(declined)]
    elif position % 3 == 1:
        numbers.append(dice.choice(PLAIN_CARDS))
    return numbers


def _owner(name: str, domain: str, dice: random.Random) -> dict[str, Any]:
    return _entity(name, "CORPORATION", "7372", dice) | {
        "email": f"founders@{domain}",
        "url": f"https://{domain}",
        "doing_business_as": name,
        "business_name": f"{name} Inc",
    }


def _business(
    owner: int, key: str, entity: Mapping[str, Any], fate: Fate, now: datetime, *, dice: random.Random
) -> Business:
    return Business(
        owner=owner,
        label="account",
        key=key,
        made_at=now - timedelta(days=dice.uniform(*_DAYS_AGO.get(fate, _EARLY))),
        entity={**entity, **({"business_tax_id": _TAX_IDS[fate]} if fate in _TAX_IDS else {})},
        more_tags={"plan": dice.choice(("starter", "growth", "scale"))},
        fate=fate,
        bank_account={
            "type": "BANK_ACCOUNT",
            "name": str(entity["business_name"])[:40],
            "account_type": dice.choice(("CHECKING", "BUSINESS_CHECKING")),
            "account_number": f"{dice.randrange(10**9, 10**10)}",
            "bank_code": dice.choice(ROUTING_NUMBERS),
            "country": "USA",
            "currency": "USD",
        },
        raises_limit=dice.random() < 0.25,
    )


def _entity(name: str, kind: str, mcc: str, dice: random.Random) -> dict[str, Any]:
    first, last = dice.choice(PEOPLE)
    slug = "".join(letter for letter in name.lower() if letter.isalnum())
    _, highest = PRICES.get(mcc, (0, 500_000))
    return {
        "business_name": f"{name} {'LLC' if 'LIABILITY' in kind else 'Co'}",
        "doing_business_as": name,
        "business_type": kind,
        "business_tax_id": f"{dice.randrange(10**8, 10**9)}",
        "url": f"www.{slug}.example",
        "business_phone": f"+1 (503) 555-{dice.randrange(100, 9999):04d}",
        "incorporation_date": {
            "day": dice.randrange(1, 28),
            "month": dice.randrange(1, 13),
            "year": dice.randrange(1985, 2024),
        },
        "business_address": _address(dice),
        "ownership_type": "PRIVATE",
        "first_name": first,
        "last_name": last,
        "title": dice.choice(TITLES),
        "principal_percentage_ownership": dice.choice((25, 50, 51, 75, 100)),
        "tax_id": f"{dice.randrange(10**8, 10**9)}",
        "dob": {"day": dice.randrange(1, 28), "month": dice.randrange(1, 13), "year": dice.randrange(1955, 2001)},
        "phone": f"503555{dice.randrange(10000):04d}",
        "email": f"{first}.{last}@{slug}.example".lower(),
        "personal_address": _address(dice),
        "annual_card_volume": dice.randrange(40, 900) * 1_000_00,
        "default_statement_descriptor": name[:20].strip(),
        "max_transaction_amount": -(-highest // 50_000) * 100_000,
        "mcc": mcc,
        "has_accepted_credit_cards_previously": dice.random() < 0.6,
    }


def _buyer(
    owner: int, key: str, numbers: list[str], now: datetime, *, dice: random.Random, is_recipient: bool
) -> Buyer:
    first, last = dice.choice(PEOPLE)
    made_at = now - timedelta(days=dice.uniform(2, 28))
    address = _address(dice)
    entity = {
        "first_name": first,
        "last_name": last,
        "email": f"{first}{dice.randrange(10, 99)}@mail.example".lower(),
        "phone": f"612555{dice.randrange(10000):04d}",
        "personal_address": address,
    }
    name = f"{first} {last}"
    cards = tuple(
        Card(owner, made_at + timedelta(minutes=4 + 90 * position), _card(number, name, address, now, dice))
        for position, number in enumerate(numbers)
    )
    return Buyer(owner, "customer", key, made_at, entity, {}, cards, is_recipient)


def _card(number: str, name: str, address: Mapping[str, str], now: datetime, dice: random.Random) -> dict[str, Any]:
    return {
        "type": "PAYMENT_CARD",
        "name": name,
        "number": number,
        "security_code": f"{dice.randrange(1000):03d}",
        "expiration_month": dice.randrange(1, 13),
        "expiration_year": now.year + dice.randrange(1, 5),
        "address": address if dice.random() < 0.8 else None,
    }


def _address(dice: random.Random) -> dict[str, str]:
    city, region, code = dice.choice(CITIES)
    line1 = f"{dice.randrange(10, 990)} {dice.choice(STREETS)}"
    return {"line1": line1, "city": city, "region": region, "postal_code": code, "country": "USA"}
