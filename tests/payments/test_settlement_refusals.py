"""What the database refuses of settlements by itself: plain SQL past our code, as the app role and as the owner."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import DatabaseError, IntegrityError, connections

from payments.models import Settlement, SettlementEntry, Transfer
from tenancy.actors import system
from tenancy.transactions import transaction
from tests.payments.paydesk import Paydesk
from tests.tenancy.conftest import in_sight_of, refused, run

pytestmark = pytest.mark.django_db(databases=["default", "owner"])

STATUSES = list(Settlement.Status)
SETTLEMENT_COLUMNS = (
    "application_id, merchant_id, identity_id, processor_id, currency, type, entry_count, total_amount, total_fee,"
    " funded_amount, flags, reason, tags, created_at, updated_at"
)


@pytest.fixture(params=["app", "owner"])
def role(request: pytest.FixtureRequest, db: None) -> Iterator[str]:
    """Whose connection all the statements of a test go through."""
    app = connections["default"]
    if request.param == "owner":
        connections["default"] = connections["owner"]
    yield request.param
    connections["default"] = app


class Books:
    """A settlement in every status, one that lacks and is carried, and a merchant of another application beside."""

    def __init__(self) -> None:
        self.desk, self.foreign = Paydesk(), Paydesk("Foreign")
        first = self.desk.sell(1000, 30)
        self.approved = self.desk.approve(self.desk.close(self.desk.create()))
        self.desk.give_back(first, 400)
        self.lacking = self.desk.approve(self.desk.close(self.desk.create()))
        self.cancelled = self.desk.reject(self.desk.closed(700))
        self.awaiting = self.desk.close(self.desk.create())
        self.desk.sell(900)
        self.accruing = self.desk.create()
        self.foreign_settlement = self.foreign.closed(600)
        self.foreign.sell(100, currency="CAD")
        self.foreign_accruing = self.foreign.create("CAD")
        with transaction(by=system("test")):
            held = SettlementEntry.objects.held()
            self.entry = held.get(settlement=self.accruing, kind="TRANSFER")
            self.paid_entry = held.get(settlement=self.approved)
            self.carried = held.get(kind="CARRIED")
            self.foreign_entry = held.get(settlement=self.foreign_settlement)
            self.deposit = Transfer.objects.get(subtype="SETTLEMENT_MERCHANT")
            run("SET CONSTRAINTS ALL IMMEDIATE; SET CONSTRAINTS ALL DEFERRED")

    def in_status(self, status: str) -> Settlement:
        return {
            "PENDING": self.accruing, "AWAITING_APPROVAL": self.awaiting, "APPROVED": self.approved,
            "CANCELLED": self.cancelled,
        }[status]  # fmt: skip


@pytest.fixture
def books(role: str) -> Iterator[Books]:
    made = Books()
    with in_sight_of(made.desk.application.pk, made.foreign.application.pk):
        yield made


def change(settlement: Settlement, values: str, *parameters: Any) -> Any:
    return run(f"UPDATE settlement SET {values} WHERE id = %s", *parameters, settlement.pk)


def copy_entry(entry: SettlementEntry, **changed: Any) -> Any:
    """The same entry once more, but for what is changed."""
    values = {
        "application_id": entry.application_id,
        "settlement_id": entry.settlement_id,
        "kind": entry.kind,
        "transfer_id": entry.transfer_id,
        "carried_from_id": entry.carried_from_id,
        "amount": entry.amount,
        "fee": entry.fee,
    } | changed
    names, marks = ", ".join(values), ", ".join(["%s"] * len(values))
    return run(
        f"INSERT INTO settlement_entry (id, occurred_at, {names}) VALUES (gen_random_uuid(), now(), {marks})",
        *values.values(),
    )


def test_right_statements_are_taken(books: Books) -> None:
    assert change(books.awaiting, "status = 'CANCELLED', reason = 'No.'") == 1
    assert run("UPDATE settlement_entry SET released_at = now() WHERE id = %s", books.entry.pk) == 1
    assert copy_entry(books.entry) == 1
    run("SET CONSTRAINTS ALL IMMEDIATE")


def test_transfer_is_held_once(books: Books) -> None:
    with refused(IntegrityError, "settlement_entry_once"):
        copy_entry(books.entry, settlement_id=books.awaiting.pk)


def test_entry_that_left_does_not_come_back_beside_another(books: Books) -> None:
    """The one of the cancelled settlement, whose transfer is held by the next."""
    with refused(IntegrityError, "settlement_entry_once"):
        run(
            "UPDATE settlement_entry SET released_at = NULL WHERE settlement_id = %s AND kind = 'TRANSFER'",
            books.cancelled.pk,
        )


def test_negative_net_is_carried_once(books: Books) -> None:
    with refused(IntegrityError, "settlement_carried_once"):
        copy_entry(books.carried, settlement_id=books.accruing.pk)


UNCLEAR: list[dict[str, Any]] = [
    {"transfer_id": None},
    {"kind": "CARRIED"},
    {"kind": "CARRIED", "transfer_id": None},
    {"kind": "UNKNOWN"},
]


def test_entry_tells_what_it_is_of(books: Books) -> None:
    for changed in UNCLEAR:
        with refused(IntegrityError, "settlement_entry_tells_what"):
            copy_entry(books.entry, **changed)


NOT_LACKING = [{"amount": 400}, {"amount": 0}, {"fee": 1}]


def test_only_what_is_lacking_is_carried(books: Books) -> None:
    for changed in NOT_LACKING:
        with refused(IntegrityError, "settlement_entry_tells_what"):
            copy_entry(books.carried, carried_from_id=books.lacking.pk, **changed)


TOO_MUCH = [971, 2**40, -1]


def test_no_more_than_the_net_is_funded(books: Books) -> None:
    assert books.approved.net_amount == 970
    for amount in TOO_MUCH:
        with refused(IntegrityError, "settlement_funded_within_net"):
            change(books.approved, "funded_amount = %s", amount)


ANYTHING = [1, -1, -400]


def test_nothing_of_a_negative_net_is_funded(books: Books) -> None:
    for amount in ANYTHING:
        with refused(IntegrityError, "settlement_funded_within_net"):
            change(books.lacking, "funded_amount = %s", amount)


NOT_APPROVED = ["PENDING", "AWAITING_APPROVAL", "CANCELLED"]


def test_only_what_is_approved_is_funded(books: Books) -> None:
    for status in NOT_APPROVED:
        with refused(IntegrityError, "settlement_approved"):
            change(books.in_status(status), "funded_amount = 1")


TOTALS = ["total_amount = total_amount - 1", "total_fee = total_fee - 1", "entry_count = entry_count + 1"]


def test_totals_of_what_is_decided_stay(books: Books) -> None:
    for settlement in (books.approved, books.lacking, books.cancelled):
        for values in TOTALS:
            with refused(IntegrityError, "the totals of one that is decided never change"):
                change(settlement, values)


def test_nothing_enters_what_is_closed(books: Books) -> None:
    transfer_id = _free(books)
    for settlement in (books.awaiting, books.approved, books.cancelled):
        with refused(IntegrityError, "nothing enters a settlement that is closed"):
            copy_entry(books.entry, settlement_id=settlement.pk, transfer_id=transfer_id)


def test_nothing_leaves_what_is_approved(books: Books) -> None:
    with refused(IntegrityError, "nothing leaves a settlement that is approved"):
        run("UPDATE settlement_entry SET released_at = now() WHERE id = %s", books.paid_entry.pk)
    assert run("UPDATE settlement_entry SET released_at = now() WHERE id = %s", books.carried.pk) == 1


def test_entry_that_left_does_not_come_back(books: Books) -> None:
    _free(books)
    with refused(IntegrityError, "an entry that has left does not come back"):
        run("UPDATE settlement_entry SET released_at = NULL WHERE id = %s", books.entry.pk)


def test_entry_is_not_deleted(books: Books) -> None:
    for entry in (books.entry, books.paid_entry):
        with refused(IntegrityError, "an entry leaves, and stays as a row"):
            run("DELETE FROM settlement_entry WHERE id = %s", entry.pk)


def test_net_is_the_databases_own(books: Books) -> None:
    with refused(DatabaseError, "net_amount"):
        change(books.approved, "net_amount = 2000")


def test_status_moves_as_the_table_says(books: Books) -> None:
    illegal = [(a, b) for a in STATUSES for b in STATUSES if a != b and b not in Settlement.MOVES.get(a, ())]
    assert len(illegal) == 9
    for before, after in illegal:
        with refused(IntegrityError, f"settlement.status: {before} cannot become {after}"):
            change(books.in_status(before), "status = %s", after)


FACTS = [
    ("PENDING", "status = 'AWAITING_APPROVAL'", "settlement_closed"),
    ("PENDING", "closed_at = now()", "settlement_closed"),
    ("AWAITING_APPROVAL", "closed_at = NULL", "settlement_closed"),
    ("AWAITING_APPROVAL", "status = 'APPROVED'", "settlement_approved"),
    ("AWAITING_APPROVAL", "approved_at = now()", "settlement_approved"),
    ("APPROVED", "approved_at = NULL", "settlement_approved"),
    ("AWAITING_APPROVAL", "status = 'CANCELLED'", "settlement_rejected_with_reason"),
    ("CANCELLED", "reason = ''", "settlement_rejected_with_reason"),
    ("PENDING", "entry_count = -1", "settlement_entry_count"),
]


def test_status_comes_with_its_facts(books: Books) -> None:
    for status, values, constraint in FACTS:
        with refused(IntegrityError, constraint):
            change(books.in_status(status), values)


def test_one_accrues_per_merchant_and_currency(books: Books) -> None:
    copy = (
        f"INSERT INTO settlement (id, status, {SETTLEMENT_COLUMNS}) SELECT gen_random_uuid(), 'PENDING',"
        f" {SETTLEMENT_COLUMNS} FROM settlement WHERE id = %s"
    )
    with refused(IntegrityError, "settlement_one_accruing"):
        run(copy, books.accruing.pk)
    assert run(copy, books.foreign_settlement.pk) == 1


FROZEN = [
    ("settlement", "accruing", "merchant_id = gen_random_uuid()"),
    ("settlement", "accruing", "currency = 'CAD'"),
    ("settlement_entry", "entry", "amount = amount + 1"),
    ("settlement_entry", "entry", "fee = fee + 1"),
    ("settlement_entry", "entry", "settlement_id = gen_random_uuid()"),
    ("settlement_entry", "entry", "transfer_id = gen_random_uuid()"),
    ("settlement_entry", "carried", "carried_from_id = gen_random_uuid()"),
    ("settlement_entry", "entry", "occurred_at = now()"),
    ("transfer", "deposit", "amount = amount + 1"),
    ("transfer", "deposit", "currency = 'CAD'"),
    ("transfer", "deposit", "merchant_id = gen_random_uuid()"),
]


def test_what_was_said_of_money_stays(books: Books) -> None:
    for table, row, values in FROZEN:
        with refused(IntegrityError, f"{table}: .* never change"):
            run(f"UPDATE {table} SET {values} WHERE id = %s", getattr(books, row).pk)


def test_entry_of_another_application_is_refused(books: Books) -> None:
    foreign = books.foreign_entry
    for name, changed in {
        "settlement_id": {"settlement_id": books.foreign_accruing.pk, "transfer_id": _free(books)},
        "transfer_id": {"transfer_id": foreign.transfer_id},
    }.items():
        run("UPDATE settlement_entry SET released_at = now() WHERE id = %s", foreign.pk)
        with refused(IntegrityError, f"settlement_entry_{name}_same_tenant"):
            copy_entry(books.entry, **changed)
    with refused(IntegrityError, "settlement_entry_carried_from_id_same_tenant"):
        copy_entry(books.carried, settlement_id=books.accruing.pk, carried_from_id=books.foreign_settlement.pk)


def _free(books: Books) -> Any:
    """A transfer that nothing holds."""
    run("UPDATE settlement_entry SET released_at = now() WHERE id = %s", books.entry.pk)
    return books.entry.transfer_id


COLUMNS = ["identity_id", "processor_id", "destination_id"]


def test_settlement_names_nothing_of_another_application(books: Books) -> None:
    for column in COLUMNS:
        foreign = {
            "identity_id": books.foreign.identity.pk,
            "processor_id": books.foreign.merchant.enabled_processor_id,
            "destination_id": books.foreign.account.pk,
        }
        with refused(IntegrityError, f"settlement_{column}_same_tenant"):
            change(books.awaiting, f"{column} = %s", foreign[column])


def test_transfer_is_not_settled_by_another_application(books: Books) -> None:
    with refused(IntegrityError, "transfer_settlement_id_same_tenant"):
        run(
            "UPDATE transfer SET settlement_id = %s WHERE id = %s",
            books.foreign_settlement.pk,
            books.entry.transfer_id,
        )


NO_DAYS: list[tuple[str, int | None]] = [
    ("DAILY", 1),
    ("MANUAL", 1),
    ("WEEKLY", 0),
    ("WEEKLY", 8),
    ("WEEKLY", None),
    ("MONTHLY", None),
    ("MONTHLY", 0),
    ("MONTHLY", 32),
    ("YEARLY", None),
]


def test_schedule_has_a_day_that_there_is(books: Books) -> None:
    for frequency, day in NO_DAYS:
        with refused(IntegrityError, "settlement_schedule_day"):
            add_schedule(books, frequency, day)


def test_application_has_one_schedule(books: Books) -> None:
    assert add_schedule(books, "WEEKLY", 1) == 1
    with refused(IntegrityError, "settlement_schedule_once"):
        add_schedule(books, "DAILY", None)


def add_schedule(books: Books, frequency: str, day: int | None) -> Any:
    return run(
        "INSERT INTO settlement_schedule (id, application_id, frequency, day) VALUES (gen_random_uuid(), %s, %s, %s)",
        books.desk.application.pk,
        frequency,
        day,
    )
