"""Money is neither made nor lost, whatever is posted, taken back, broken off or tried past our code.

The long form (MERCHANTRY_LONG=1) takes minutes.
"""

import os
import uuid
from collections import Counter
from contextlib import suppress
from typing import Any, ClassVar

import pytest
from django.db import DatabaseError, IntegrityError, connection
from django.db import transaction as database
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from payments.models import LedgerAccount, Posting, Transfer
from payments.services.check import recompute
from payments.services.ledger import Leg, legs_of_sale, post
from resources import ids
from tenancy.actors import Actor
from tenancy.transactions import transaction
from tests.payments.ledger_rows import AT, BALANCE, CLEARING, FEES, Raw, Shop, insert_journal, make_shop, make_transfer
from tests.tenancy.conftest import run

IS_LONG = os.environ.get("MERCHANTRY_LONG") == "1"

amounts = st.integers(min_value=1, max_value=10**12)
currencies = st.sampled_from(["USD", "CAD"])
shops = st.integers(min_value=0, max_value=2)
places = st.tuples(shops, st.sampled_from([CLEARING, BALANCE, FEES]), st.integers(-(10**9), 10**9))

TAMPERS = [
    "UPDATE ledger_account SET balance = balance + 1",
    "UPDATE ledger_posting SET amount = -amount",
    "UPDATE ledger_journal SET reason = reason || '.'",
    "DELETE FROM ledger_posting",
    "DELETE FROM ledger_journal",
    "DELETE FROM ledger_account",
    "TRUNCATE ledger_account CASCADE",
    (
        "INSERT INTO ledger_posting (id, application_id, journal_id, account_id, amount, currency)"
        " SELECT gen_random_uuid(), application_id, journal_id, account_id, amount, currency FROM ledger_posting"
    ),
    (
        "INSERT INTO ledger_journal (id, application_id, reason, resource_kind, resource_id, posted_at)"
        " SELECT gen_random_uuid(), application_id, 'again', resource_kind, resource_id, posted_at FROM ledger_journal"
    ),
]


class BrokenOff(Exception):
    """Something else went wrong in the transaction of a journal."""


class Ledger(RuleBasedStateMachine):
    """Beside the ledger runs a sum per account; a run is a transaction that is taken back at its end."""

    shops: ClassVar[list[Shop]]
    actor: ClassVar[Actor]

    @initialize()
    def begin(self) -> None:
        self.expected: Counter[tuple[uuid.UUID, str, str]] = Counter()
        self.journals: list[list[Leg]] = []
        self.sales: list[Transfer] = []
        self.count = 0
        self.block = transaction(by=self.actor)
        self.block.__enter__()
        run("SET CONSTRAINTS ALL IMMEDIATE")

    def teardown(self) -> None:
        try:
            self.compare()
        finally:
            self.block.__exit__(BrokenOff, BrokenOff(), None)

    def compare(self) -> None:
        rows = LedgerAccount.objects.values_list("merchant_id", "kind", "currency", "balance")
        assert {(m, k, c): balance for m, k, c, balance in rows if balance} == {
            key: total for key, total in self.expected.items() if total
        }
        sums: Counter[str] = Counter()
        for currency, amount in Posting.objects.values_list("currency", "amount"):
            sums[currency] += amount
        assert not any(sums.values())
        verdict = recompute()
        assert verdict.broken == ()
        assert (verdict.journals, verdict.sales) == (len(self.journals), len(self.sales))

    def note(self, legs: list[Leg]) -> None:
        legs = [leg for leg in legs if leg.amount]
        self.journals.append(legs)
        for leg in legs:
            self.expected[leg.merchant_id, leg.kind, leg.currency] += leg.amount

    def post(self, legs: list[Leg]) -> None:
        self.count += 1
        post(
            reason=f"test {self.count}",
            resource=self.shops[0].merchant,
            application_id=self.shops[0].application.pk,
            legs=legs,
            at=AT,
        )

    @rule(shop=shops, amount=amounts, part=st.fractions(0, 1), currency=currencies)
    def sell(self, shop: int, amount: int, part: Any, currency: str) -> None:
        transfer = make_transfer(self.shops[shop], amount, int(amount * part), currency=currency)
        self.post_sale(transfer)
        self.sales.append(transfer)
        self.note(legs_of_sale(transfer))

    def post_sale(self, transfer: Transfer) -> None:
        post(
            reason="sale",
            resource=transfer,
            application_id=transfer.application_id,
            legs=legs_of_sale(transfer),
            at=AT,
        )

    @rule(shop=shops, amount=amounts)
    def decline(self, shop: int, amount: int) -> None:
        make_transfer(self.shops[shop], amount, state="FAILED", failure_code="GENERIC_DECLINE")

    @precondition(lambda self: self.sales)
    @rule(data=st.data())
    def sell_again(self, data: st.DataObject) -> None:
        sale = data.draw(st.sampled_from(range(len(self.sales))))
        with pytest.raises(IntegrityError, match="ledger_journal_once"), database.atomic():
            self.post_sale(self.sales[sale])

    @rule(chosen=st.lists(places, min_size=1, max_size=6), currency=currencies, rest=st.tuples(shops))
    def move(self, chosen: list[tuple[int, Any, int]], currency: str, rest: tuple[int]) -> None:
        legs = self.balanced(chosen, currency, rest[0])
        if not any(leg.amount for leg in legs):
            with pytest.raises(ValueError, match="nothing to post"):
                self.post(legs)
            return
        self.post(legs)
        self.note(legs)

    @precondition(lambda self: self.journals)
    @rule(data=st.data())
    def reverse(self, data: st.DataObject) -> None:
        journal = data.draw(st.sampled_from(range(len(self.journals))))
        legs = [
            Leg(kind=leg.kind, merchant_id=leg.merchant_id, amount=-leg.amount, currency=leg.currency)
            for leg in self.journals[journal]
        ]
        self.post(legs)
        self.note(legs)

    @rule(shop=shops, amount=amounts)
    def break_off(self, shop: int, amount: int) -> None:
        with suppress(BrokenOff), database.atomic():
            self.post_sale(make_transfer(self.shops[shop], amount))
            raise BrokenOff

    @rule(chosen=st.lists(places, min_size=1, max_size=3), off=st.integers(1, 100))
    def post_unbalanced(self, chosen: list[tuple[int, Any, int]], off: int) -> None:
        legs = self.balanced(chosen, "USD", 0)
        with pytest.raises(ValueError, match="do not sum to zero"):
            self.post([*legs, self.shops[0].leg(BALANCE, off)])

    @precondition(lambda self: self.journals)
    @rule(statement=st.sampled_from(TAMPERS))
    def tamper(self, statement: str) -> None:
        words = "permission denied|has its legs already|comes without legs|ledger_journal_once"
        with pytest.raises(DatabaseError, match=words), database.atomic():
            run(statement)

    @precondition(lambda self: self.journals)
    @rule(amount=amounts, other=amounts)
    def insert_unbalanced(self, amount: int, other: int) -> None:
        ((account, currency),) = run("SELECT id, currency FROM ledger_account LIMIT 1")
        legs = [Raw(account, amount, currency), Raw(account, -amount, currency), Raw(account, other, currency)]
        statement, parameters = insert_journal(self.shops[0].application.pk, legs, resource=ids.new_id())
        with pytest.raises(IntegrityError, match="do not sum to zero"), database.atomic():
            run(statement, *parameters)

    def balanced(self, chosen: list[tuple[int, Any, int]], currency: str, rest: int) -> list[Leg]:
        legs = [self.shops[shop].leg(kind, amount, currency) for shop, kind, amount in chosen]
        return [*legs, self.shops[rest].leg(CLEARING, -sum(leg.amount for leg in legs), currency)]


@pytest.mark.usefixtures("own_database")
def test_ledger_sums_to_zero_whatever_happens() -> None:
    first = make_shop()
    Ledger.shops = [first, make_shop(beside=first), make_shop(beside=first)]
    Ledger.actor = first.partner.actor

    run_state_machine_as_test(
        Ledger,
        settings=settings(
            max_examples=5000 if IS_LONG else 200,
            stateful_step_count=100 if IS_LONG else 50,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )

    connection.close()
