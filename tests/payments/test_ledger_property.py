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
from django.db.models import F
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from payments.models import Authorization, LedgerAccount, Payment, Posting, Transfer
from payments.services.check import recompute
from payments.services.ledger import Leg, legs_of, post
from resources import ids
from tenancy.actors import Actor
from tenancy.transactions import transaction
from tests.payments.ledger_rows import (
    AT,
    BALANCE,
    CLEARING,
    FEES,
    Raw,
    Shop,
    insert_journal,
    make_adjustment,
    make_authorization,
    make_pull,
    make_push,
    make_reversal,
    make_shop,
    make_transfer,
    post_transfer,
)
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
        self.transfers: list[Transfer] = []
        self.sales: list[Transfer] = []
        self.holds: list[Authorization] = []
        self.given_back: Counter[uuid.UUID] = Counter()
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
        assert (verdict.journals, verdict.transfers) == (len(self.journals), len(self.transfers))
        refunded = Transfer.objects.filter(type="DEBIT").values_list("id", "refunded_amount")
        assert {key: amount for key, amount in refunded if amount} == +self.given_back

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
        self.sales.append(self.enter(make_transfer(self.shops[shop], amount, int(amount * part), currency=currency)))

    def enter(self, transfer: Transfer) -> Transfer:
        post_transfer(transfer)
        self.transfers.append(transfer)
        self.note(legs_of(transfer))
        return transfer

    @precondition(lambda self: self.sales)
    @rule(data=st.data(), part=st.fractions(0, 1), state=st.sampled_from(["SUCCEEDED", "PENDING", "FAILED"]))
    def refund(self, data: st.DataObject, part: Any, state: str) -> None:
        """What is under way is reserved like what is through; what failed is free again."""
        sale = self.sales[data.draw(st.sampled_from(range(len(self.sales))))]
        amount = int((sale.amount - self.given_back[sale.pk]) * part)
        if not amount:
            return
        code = {"failure_code": "GENERIC_DECLINE"} if state == "FAILED" else {}
        reversal = make_reversal(sale, self.shop_of(sale), amount, state=state, **code)
        if state != "FAILED":
            self.given_back[sale.pk] += amount
            Transfer.objects.filter(pk=sale.pk).update(refunded_amount=F("refunded_amount") + amount)
        if state == "SUCCEEDED":
            self.enter(reversal)

    @precondition(lambda self: self.sales)
    @rule(data=st.data())
    def refund_too_much(self, data: st.DataObject) -> None:
        sale = self.sales[data.draw(st.sampled_from(range(len(self.sales))))]
        over = sale.amount - self.given_back[sale.pk] + data.draw(amounts)
        with pytest.raises(IntegrityError, match="transfer_refunded_within_amount"), database.atomic():
            Transfer.objects.filter(pk=sale.pk).update(refunded_amount=F("refunded_amount") + over)

    @precondition(lambda self: self.sales)
    @rule(data=st.data())
    def take_back(self, data: st.DataObject) -> None:
        """The bank takes back the whole, whatever was refunded before; once."""
        sale = self.sales[data.draw(st.sampled_from(range(len(self.sales))))]
        if Transfer.objects.filter(parent=sale, subtype="SYSTEM").exists():
            with pytest.raises(IntegrityError, match="transfer_returned_once"), database.atomic():
                make_reversal(sale, self.shop_of(sale), sale.amount, subtype="SYSTEM")
        else:
            self.enter(make_reversal(sale, self.shop_of(sale), sale.amount, subtype="SYSTEM"))
            Transfer.objects.filter(pk=sale.pk).update(returned_at=AT)

    @rule(shop=shops, amount=amounts, currency=currencies, make=st.sampled_from([make_push, make_pull]))
    def send_or_fetch(self, shop: int, amount: int, currency: str, make: Any) -> None:
        self.enter(make(self.shops[shop], amount, currency=currency))

    @rule(shop=shops, amount=amounts, currency=currencies, takes=st.booleans())
    def adjust(self, shop: int, amount: int, currency: str, takes: bool) -> None:
        self.enter(make_adjustment(self.shops[shop], amount, currency=currency, takes=takes))

    @rule(shop=shops, amount=amounts)
    def hold(self, shop: int, amount: int) -> None:
        """Nothing is posted until it is captured."""
        self.holds.append(make_authorization(self.shops[shop], amount))

    @precondition(lambda self: self.holds)
    @rule(data=st.data(), part=st.fractions(0, 1))
    def capture(self, data: st.DataObject, part: Any) -> None:
        held = self.holds[data.draw(st.sampled_from(range(len(self.holds))))]
        if held.transfer_id is not None:
            with pytest.raises(IntegrityError, match="transfer_captures_once"), database.atomic():
                make_transfer(self.shop_of(held), 1, authorization=held)
            return
        amount = max(1, int(held.amount * part))
        capture = self.enter(make_transfer(self.shop_of(held), amount, amount // 3, authorization=held))
        held.transfer, held.capture_amount = capture, amount
        held.save(update_fields=["transfer", "capture_amount"])
        self.sales.append(capture)

    def shop_of(self, payment: Payment) -> Shop:
        return next(shop for shop in self.shops if shop.merchant.pk == payment.merchant_id)

    @rule(shop=shops, amount=amounts)
    def decline(self, shop: int, amount: int) -> None:
        make_transfer(self.shops[shop], amount, state="FAILED", failure_code="GENERIC_DECLINE")

    @precondition(lambda self: self.transfers)
    @rule(data=st.data())
    def post_again(self, data: st.DataObject) -> None:
        transfer = data.draw(st.sampled_from(range(len(self.transfers))))
        with pytest.raises(IntegrityError, match="ledger_journal_once"), database.atomic():
            post_transfer(self.transfers[transfer])

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
            post_transfer(make_transfer(self.shops[shop], amount))
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
