"""Money that is settled is neither made nor lost, in whatever order it is sold, given back, closed, decided and paid.

The long form (MERCHANTRY_LONG=1) takes minutes.
"""

import uuid
from collections import Counter
from datetime import timedelta
from typing import Any, ClassVar

import pytest
from django.db import connection
from django.db import transaction as database
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from onboarding.models import PaymentInstrument
from onboarding.services.reviews import AlreadyDecided
from payments.models import Settlement, SettlementEntry, Transfer
from payments.services import NotInSettlement
from payments.services.funding import NotApproved, Part
from payments.services.settlements import NotAccruing, NothingToSettle, NotOpen
from providers.sandbox import faults
from resources import ids
from resources.errors import FieldError
from tenancy.actors import system
from tenancy.transactions import transaction
from tests.factories.payments import let_time_pass, make_bank_account
from tests.payments.ledger_rows import AT, make_reversal, post_transfer
from tests.payments.paydesk import RETURNING, Paydesk
from tests.stack import IS_LONG
from tests.tenancy.conftest import run

amounts = st.integers(min_value=1, max_value=10**9)
currencies = st.sampled_from(["USD", "CAD"])
picks = st.integers(min_value=0, max_value=99)
parts = st.fractions(0, 1)

PENDING, AWAITING = Settlement.Status.PENDING, Settlement.Status.AWAITING_APPROVAL
APPROVED, CANCELLED = Settlement.Status.APPROVED, Settlement.Status.CANCELLED


class Settling(RuleBasedStateMachine):
    """Beside the tables runs what was sold and given back, and what was decided; a run is taken back at its end."""

    desk: ClassVar[Paydesk]
    accounts: ClassVar[dict[str, list[PaymentInstrument]]]

    @initialize()
    def begin(self) -> None:
        self.earned: Counter[str] = Counter()
        self.sales: list[Transfer] = []
        self.status: dict[uuid.UUID, str] = {}
        self.block: Any = database.atomic()
        self.block._from_testcase = True  # the services' own blocks are durable
        self.block.__enter__()
        run("SET CONSTRAINTS ALL IMMEDIATE")

    def teardown(self) -> None:
        try:
            self.compare()
        finally:
            database.set_rollback(True)
            self.block.__exit__(None, None, None)

    # What must hold

    def compare(self) -> None:
        for _ in range(3):  # a deposit arrives, comes back, and is heard of
            self.desk.work()
        rows = self.desk.settlements()
        assert {row.pk: row.status for row in rows} == self.status
        assert set(Counter(self.desk.held()).values()) <= {1}
        for currency in ("USD", "CAD"):
            self.compare_money([row for row in rows if row.currency == currency], currency)
        assert self.desk.differences() == []

    def compare_money(self, rows: list[Settlement], currency: str) -> None:
        balances = Counter(self.desk.balances(currency))
        arrived = sum(
            one.amount
            for one in self.desk.deposits()
            if one.currency == currency and one.has_succeeded and one.returned_at is None
        )
        owed = -balances["MERCHANT_BALANCE"] - balances["SETTLEMENT_PAYABLE"]
        assert self.earned[currency] == owed + arrived
        assert -balances["SETTLEMENT_PAYABLE"] == sum(
            row.net_amount for row in rows if row.status in {AWAITING, APPROVED} and row.net_amount > 0
        ) - sum(row.funded_amount for row in rows)
        assert -balances["MERCHANT_BALANCE"] == self.unsettled(rows, currency)
        assert arrived == sum(row.funded_amount for row in rows)

    def unsettled(self, rows: list[Settlement], currency: str) -> int:
        """What is free, what accrues, and what lacks in closed ones until one that is paid has made up for it."""
        with transaction(by=system("test")):
            moved = Transfer.objects.filter(currency=currency, state="SUCCEEDED").exclude(type="CREDIT")
            moved = moved.exclude(parent__type="CREDIT")
            nets = {one.pk: -one.amount if one.type == "REVERSAL" else one.amount - one.fee for one in moved}
            entries = list(SettlementEntry.objects.held().filter(settlement__in=rows))
        carriers = {entry.carried_from_id: entry.settlement_id for entry in entries if entry.carried_from_id}
        by_key = {row.pk: row for row in rows}

        def counts(row: Settlement) -> bool:
            if row.status == PENDING or row.net_amount > 0:
                return row.status == PENDING
            return row.pk not in carriers or counts(by_key[carriers[row.pk]])

        held = {entry.transfer_id: by_key[entry.settlement_id] for entry in entries if entry.transfer_id}
        assert held.keys() <= nets.keys()
        return sum(net for key, net in nets.items() if key not in held or counts(held[key]))

    # What happens

    @rule(amount=amounts, part=parts, currency=currencies, ready=st.sampled_from([True, True, True, False]))
    def sell(self, amount: int, part: Any, currency: str, *, ready: bool) -> None:
        sale = self.desk.sell(amount, int(amount * part), currency=currency, ready=ready)
        self.sales.append(sale)
        self.earned[currency] += sale.amount - sale.fee

    @precondition(lambda self: self.sales)
    @rule(pick=picks, part=parts)
    def give_back(self, pick: int, part: Any) -> None:
        sale = self.sale(pick)
        amount = int((sale.amount - sale.refunded_amount) * part)
        if amount:
            self.desk.give_back(sale, amount)
            self.earned[sale.currency] -= amount

    @precondition(lambda self: self.sales)
    @rule(pick=picks)
    def take_back(self, pick: int) -> None:
        """The bank takes back the whole, whatever was refunded before."""
        sale = self.sale(pick)
        if sale.returned_at is not None:
            return
        with transaction(by=system("test")):
            is_ready = {"ready_to_settle_upon": "RECONCILIATION", "ready_to_settle_at": AT - timedelta(1)}
            post_transfer(make_reversal(sale, self.desk.shop, sale.amount, subtype="SYSTEM", **is_ready))
            Transfer.objects.filter(pk=sale.pk).update(returned_at=AT)
        self.earned[sale.currency] -= sale.amount

    @rule(currency=currencies)
    def accrue(self, currency: str) -> None:
        self.desk.accrue(currency)
        self.note_opened()

    @rule()
    def let_a_day_pass(self) -> None:
        """What accrues and has anything in it closes by its schedule; what is opened then closes a day later."""
        let_time_pass(self.desk.application, timedelta(days=1).total_seconds())
        self.desk.settle()
        for row in self.desk.settlements():
            if self.status.get(row.pk) == PENDING and row.entry_count:
                self.status[row.pk] = AWAITING
        self.note_opened()

    def note_opened(self) -> None:
        for row in self.desk.settlements():
            self.status.setdefault(row.pk, PENDING)

    @precondition(lambda self: self.status)
    @rule(pick=picks)
    def close(self, pick: int) -> None:
        row = self.settlement(pick, PENDING)
        if row.status != PENDING:
            with pytest.raises(NotAccruing):
                self.desk.close(row)
        elif not row.entry_count:
            self.close_an_empty_one(row)
        else:
            self.desk.close(row)
            self.status[row.pk] = AWAITING

    def close_an_empty_one(self, row: Settlement) -> None:
        with pytest.raises(NothingToSettle):
            self.desk.close(row)

    @precondition(lambda self: self.status)
    @rule(pick=picks, account=st.integers(0, 2), part=st.none() | parts)
    def approve(self, pick: int, account: int, part: Any) -> None:
        """The whole to one of the accounts, or a part of it."""
        row = self.settlement(pick, AWAITING)
        if row.status == PENDING:
            return
        options: dict[str, Any] = {"destination_id": self.accounts[row.currency][account].pk} if account < 2 else {}
        if part is not None and row.net_amount > 0:
            options["part"] = Part(ids.new_id(), max(1, int(row.net_amount * part)))
        if row.status != AWAITING:
            with pytest.raises(AlreadyDecided):
                self.desk.decide(row, **options)
            return
        self.desk.decide(row, **options)
        self.status[row.pk] = APPROVED

    @precondition(lambda self: self.status)
    @rule(pick=picks)
    def reject(self, pick: int) -> None:
        row = self.settlement(pick, AWAITING)
        if row.status == AWAITING:
            self.desk.reject(row)
            self.status[row.pk] = CANCELLED
        elif row.status != PENDING:
            with pytest.raises(AlreadyDecided):
                self.desk.reject(row)

    @precondition(lambda self: self.status and self.sales)
    @rule(pick=picks, sale=picks)
    def remove(self, pick: int, sale: int) -> None:
        """One that is in it leaves it; one that is not is told, and what was decided lets nothing go."""
        row, chosen = self.settlement(pick, AWAITING, PENDING), self.sale(sale)
        if row.status not in {PENDING, AWAITING}:
            with pytest.raises(NotOpen):
                self.desk.remove(row, chosen)
        elif chosen.settlement_id != row.pk:
            with pytest.raises(NotInSettlement):
                self.desk.remove(row, chosen)
        else:
            left = self.desk.remove(row, chosen)
            assert left.total_amount == row.total_amount - chosen.amount

    @precondition(lambda self: self.status)
    @rule(pick=picks, part=parts, over=st.integers(0, 3), account=st.integers(0, 1))
    def fund(self, pick: int, part: Any, over: int, account: int) -> None:
        row = self.settlement(pick, APPROVED)
        destination = self.accounts[row.currency][account].pk
        if row.status != APPROVED:
            with pytest.raises(NotApproved):
                self.desk.fund(row, 1, destination)
        elif not over or not row.unfunded_amount:
            with pytest.raises(FieldError, match="At most"):
                self.desk.fund(row, row.unfunded_amount + over + 1, destination)
        else:
            deposit = self.desk.fund(row, max(1, int(row.unfunded_amount * part)), destination)
            assert self.desk.again(row).funded_amount == row.funded_amount + deposit.amount

    @rule(kind=st.sampled_from(["REFUSED", "TIMEOUT_AFTER", "ERROR_AFTER"]))
    def let_the_next_deposit_go_wrong(self, kind: str) -> None:
        faults.arrange(application_id=self.desk.application.pk, kind=kind, operation="fund", times=1)

    @rule()
    def ask(self) -> None:
        self.desk.ask()

    @rule()
    def work(self) -> None:
        """Deposits arrive, or come back."""
        self.desk.work()

    # What there is

    def sale(self, pick: int) -> Transfer:
        with transaction(by=system("test")):
            return Transfer.objects.get(pk=self.sales[pick % len(self.sales)].pk)

    def settlement(self, pick: int, *wanted: str) -> Settlement:
        """Of the wanted states mostly, and now and then another one."""
        rows = self.desk.settlements()
        fitting = [row for row in rows if row.status in wanted]
        return (fitting if fitting and pick % 5 else rows)[pick % len(fitting if fitting and pick % 5 else rows)]


@pytest.mark.usefixtures("own_database")
def test_every_cent_is_owed_or_paid_whatever_happens() -> None:
    Settling.desk = Paydesk(sandbox_profile="finix-2026", default_currencies=["USD", "CAD"])
    identity = Settling.desk.identity
    Settling.accounts = {
        "USD": [Settling.desk.account, make_bank_account(identity, **RETURNING)],
        "CAD": [make_bank_account(identity, currency="CAD"), make_bank_account(identity, **RETURNING, currency="CAD")],
    }

    run_state_machine_as_test(
        Settling,
        settings=settings(
            max_examples=400 if IS_LONG else 15,
            stateful_step_count=60 if IS_LONG else 30,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )

    connection.close()
