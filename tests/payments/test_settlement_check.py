"""Each kind of break of settlements that `check_ledger` must find, made by the owner with the guards switched off."""

from collections.abc import Iterator

import pytest
from django.db import connections

from payments.models import Settlement, Transfer
from payments.services.check import check_ledger
from tenancy.actors import system
from tenancy.transactions import transaction
from tests.payments.paydesk import RETURNING, Paydesk
from tests.tenancy.conftest import in_sight_of, run

pytestmark = pytest.mark.django_db(databases=["default", "owner"])

GUARDS_OFF = """
SET CONSTRAINTS ALL IMMEDIATE;
ALTER TABLE settlement DISABLE TRIGGER USER;
ALTER TABLE settlement_entry DISABLE TRIGGER USER;
"""


class Books:
    """A settlement that was paid, one that lacks and is carried into the one that waits, and one that was rejected."""

    def __init__(self) -> None:
        self.desk = Paydesk()
        self.sale = self.desk.sell(1000, 30)
        self.paid = self.desk.approve(self.desk.close(self.desk.create()))
        self.desk.work()
        self.desk.give_back(self.sale, 400)
        self.lacking = self.desk.approve(self.desk.close(self.desk.create()))
        self.rejected = self.desk.reject(self.desk.closed(700))
        self.waiting = self.desk.close(self.desk.create())
        (self.deposit,) = self.desk.deposits()

    def change(self, statement: str, *parameters: object) -> list[str]:
        """What is found afterwards."""
        with in_sight_of(self.desk.application.pk):
            assert run(statement, *parameters) == 1
        return sorted(check_ledger(by=system("test")).broken)

    def payable(self, balance: int, due: int) -> str:
        name = f"SETTLEMENT_PAYABLE of {self.desk.merchant.public_id}"
        return f"{name} is {balance} USD, but its settlements say {due}."


@pytest.fixture
def books(db: None) -> Iterator[Books]:
    """All goes through the owner's connection, and is taken back after the test."""
    app = connections["default"]
    connections["default"] = connections["owner"]
    made = Books()
    run(GUARDS_OFF)
    yield made
    connections["default"] = app


def told(settlement: Settlement, text: str) -> str:
    return f"{settlement.public_id} {text}"


def test_whole_books_have_no_break(books: Books) -> None:
    assert (books.waiting.net_amount, books.desk.differences()) == (300, [])


def test_totals_that_are_not_those_of_the_entries_are_found(books: Books) -> None:
    found = books.change("UPDATE settlement SET total_amount = 1300 WHERE id = %s", books.waiting.pk)

    assert found == sorted(
        [
            told(books.waiting, "says 2 entries, 1300 less 0, but holds 2, 300 less 0."),
            books.payable(-300, -1300),
        ]
    )


def test_entry_that_is_gone_is_found(books: Books) -> None:
    found = books.change("DELETE FROM settlement_entry WHERE transfer_id = %s", books.sale.pk)

    assert found == sorted(
        [
            told(books.paid, "says 1 entries, 1000 less 30, but holds 0, 0 less 0."),
            f"{books.sale.public_id} says that it is in {books.paid.public_id}, but its entry is in no settlement.",
        ]
    )


def test_transfer_that_names_another_settlement_is_found(books: Books) -> None:
    found = books.change("UPDATE transfer SET settlement_id = %s WHERE id = %s", books.waiting.pk, books.sale.pk)

    places = (books.sale.public_id, books.waiting.public_id, books.paid.public_id)
    assert found == ["{} says that it is in {}, but its entry is in {}.".format(*places)]


def test_transfer_that_is_settled_and_free_is_found(books: Books) -> None:
    found = books.change("UPDATE transfer SET settlement_id = NULL WHERE id = %s", books.sale.pk)

    assert found == [
        f"{books.sale.public_id} says that it is in no settlement, but its entry is in {books.paid.public_id}."
    ]


def test_entry_of_another_amount_is_found(books: Books) -> None:
    """Its columns are frozen, so a false one takes the place of the true one."""
    with in_sight_of(books.desk.application.pk):
        run("UPDATE settlement_entry SET released_at = now() WHERE transfer_id = %s", books.sale.pk)

    found = books.change(
        "INSERT INTO settlement_entry (id, application_id, settlement_id, kind, transfer_id, amount, fee, occurred_at)"
        " SELECT gen_random_uuid(), application_id, settlement_id, kind, transfer_id, 1001, 31, occurred_at"
        " FROM settlement_entry WHERE transfer_id = %s",
        books.sale.pk,
    )

    assert found == sorted(
        [
            f"The entry of {books.sale.public_id} in {books.paid.public_id} is not what it says.",
            told(books.paid, "says 1 entries, 1000 less 30, but holds 1, 1001 less 31."),
        ]
    )


def test_cancelled_settlement_that_holds_entries_is_found(books: Books) -> None:
    with in_sight_of(books.desk.application.pk):
        run("DELETE FROM settlement_entry WHERE kind = 'CARRIED' AND settlement_id = %s", books.waiting.pk)

    found = books.change(
        "UPDATE settlement_entry SET released_at = NULL WHERE kind = 'CARRIED' AND settlement_id = %s",
        books.rejected.pk,
    )

    assert told(books.rejected, "is cancelled, but still holds 1 entries.") in found


def test_what_is_carried_of_another_net_is_found(books: Books) -> None:
    found = books.change("UPDATE settlement SET total_amount = -500 WHERE id = %s", books.lacking.pk)

    carried = f"carries -400 from {books.lacking.public_id}, which is APPROVED with a net of -500."
    assert told(books.waiting, carried) in found


def test_funding_that_no_deposit_made_is_found(books: Books) -> None:
    found = books.change("UPDATE settlement SET funded_amount = 900 WHERE id = %s", books.paid.pk)

    assert found == [told(books.paid, "says that 900 of it is funded, but its deposits sum to 970.")]


def test_return_that_nobody_noted_is_found(books: Books) -> None:
    found = books.change("UPDATE transfer SET returned_at = now() WHERE id = %s", books.deposit.pk)

    assert found == [told(books.paid, "says that 970 of it is funded, but its deposits sum to 0.")]


def test_returned_deposit_in_a_settlement_is_found() -> None:
    desk = Paydesk(account=RETURNING, sandbox_profile="finix-2026")
    desk.approve(desk.closed(1000))
    desk.work()
    desk.work()
    (deposit,) = desk.deposits()
    desk.sell(300)
    waiting = desk.create()
    with transaction(by=system("test")):
        back = Transfer.objects.get(parent=deposit)

    for wrong in (back, deposit):
        with in_sight_of(desk.application.pk):
            added = run(
                "INSERT INTO settlement_entry (id, application_id, settlement_id, kind, transfer_id, amount, fee,"
                " occurred_at) SELECT gen_random_uuid(), application_id, %s, 'TRANSFER', id, settled_amount, 0, now()"
                " FROM transfer WHERE id = %s",
                waiting.pk,
                wrong.pk,
            )
        assert added == 1
        sentence = f"{wrong.public_id} is never settled, but stands in {waiting.public_id}."
        assert sentence in check_ledger(by=system("test")).broken


def test_deposit_that_pays_no_settlement_is_found(books: Books) -> None:
    found = books.change("UPDATE transfer SET settlement_id = NULL WHERE id = %s", books.deposit.pk)

    assert found == sorted(
        [
            f"{books.deposit.public_id} is a deposit, but pays no settlement.",
            told(books.paid, "says that 970 of it is funded, but its deposits sum to 0."),
        ]
    )
