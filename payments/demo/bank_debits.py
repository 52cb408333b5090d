"""The demo's debits of bank accounts: instalments at the clinics, wholesale coffee, and one that came back."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta

from onboarding.demo import Business, Plan
from onboarding.demo.names import ROUTING_NUMBERS
from payments.demo.sales import (
    BATCHES_OWNER,
    INITIALS,
    QUIET,
    Course,
    Draft,
    Sale,
    fee,
    moment_between,
    own_dice,
    price,
    sellers_of,
)
from payments.demo.till import Kept, Till
from providers.sandbox.scenarios import RETURN_BANK, RETURNS, Profile
from tenancy.actors import system
from tenancy.models import Processor
from tenancy.services import update_processor
from tenancy.transactions import transaction

CAFES_OWNER = 2
"""Whose banks return debits: its sandbox answers as Finix's does in 2026."""
RETURNED_FOR = "R01"
DEBITS = {BATCHES_OWNER: 6, CAFES_OWNER: 4}
"""How many succeeded; besides, one waits for the clinics' batch, and one came back to the cafés."""

_ACCOUNTS = 3
"""Of how many buyers there are bank accounts at each."""
_SIGNED_AFTER = timedelta(hours=7)
_WAITING_FOR = timedelta(minutes=20)  # within the clinics' open batch
_PROFILE = "sandbox_profile"


@dataclass(frozen=True)
class Drawn:
    """Bank accounts, and the debits of them."""

    accounts: list[Kept]
    debits: list[Sale]


def draw(below: Plan) -> Drawn:
    dice = own_dice("bank debits")
    accounts = {owner: list(_accounts(below, owner, dice)) for owner in DEBITS}
    drafts = list(_drafts(below, accounts, dice))
    debits = [_debit(below, draft, number) for number, draft in enumerate(drafts)]
    return Drawn([account for found in accounts.values() for account in found], debits)


def ensure_returns(below: Plan, till: Till) -> None:
    """Let the sandbox of the cafés return debits, before any is made."""
    (application_id,) = till.partners[CAFES_OWNER].application_ids
    by = system("Demo")
    with transaction(by=by):
        processor = Processor.objects.visible_to(by).get(
            application_id=application_id, processor=Processor.Name.DUMMY_V1
        )
    if processor.application_config.get(_PROFILE) != Profile.FINIX_2026:
        update_processor(
            processor=processor,
            application_config={_PROFILE: Profile.FINIX_2026.value},
            by=by,
            at=below.now - timedelta(days=29),
        )


def _accounts(below: Plan, owner: int, dice: random.Random) -> Iterator[Kept]:
    """Of its longest known buyers; the last account of the cafés is one whose bank returns every debit."""
    buyers = sorted((buyer for buyer in below.buyers if buyer.owner == owner), key=lambda buyer: buyer.made_at)
    for position, buyer in enumerate(buyers[:_ACCOUNTS], start=1):
        number, bank_code = f"{dice.randrange(10**9, 10**10)}", dice.choice(ROUTING_NUMBERS)
        if owner == CAFES_OWNER and position == _ACCOUNTS:
            number, bank_code = next(number for number, code in RETURNS.items() if code == RETURNED_FOR), RETURN_BANK
        body = {
            "type": "BANK_ACCOUNT",
            "name": buyer.cards[0].body["name"],
            "account_type": "CHECKING",
            "account_number": number,
            "bank_code": bank_code,
            "country": "USA",
            "currency": "USD",
            "tags": {"mandate": f"{buyer.key}-{position}"},
        }
        yield Kept(buyer, buyer.cards[-1].made_at + _SIGNED_AFTER, body)


def _drafts(below: Plan, accounts: dict[int, list[Kept]], dice: random.Random) -> Iterator[Draft]:
    *whole, returning = accounts[CAFES_OWNER]
    good = {BATCHES_OWNER: accounts[BATCHES_OWNER], CAFES_OWNER: whole}
    for owner, count in DEBITS.items():
        for _ in range(count):
            yield _draft(_sellers(below, owner), good[owner], dice)
    yield _draft(_sellers(below, BATCHES_OWNER), good[BATCHES_OWNER], dice, Course.WAITS_FOR_BATCH)
    yield _draft(_sellers(below, CAFES_OWNER), [returning], dice)


def _sellers(below: Plan, owner: int) -> Sequence[Business]:
    """All of the clinics; of the cafés the roaster alone, who sells by the sack."""
    found = sellers_of(below, owner)
    return found[:1] if owner == CAFES_OWNER else found


def _draft(
    sellers: Sequence[Business], accounts: Sequence[Kept], dice: random.Random, course: Course = Course.PLAIN
) -> Draft:
    seller, account = dice.choice(sellers), dice.choice(accounts)
    return Draft(seller, account.buyer, account, price(seller, dice), course)


def _debit(below: Plan, draft: Draft, number: int) -> Sale:
    since = max(draft.seller.sells_from, draft.source.made_at) + timedelta(hours=2)
    made_at = moment_between(since, below.now - QUIET, own_dice(f"bank debit {number}"))
    if draft.course == Course.WAITS_FOR_BATCH:
        made_at = below.now - _WAITING_FOR
    return Sale(
        order=f"{INITIALS[draft.seller.owner]}-{50001 + number}",
        draft=draft,
        fee=fee(draft.seller, draft.amount),
        made_at=made_at,
    )
