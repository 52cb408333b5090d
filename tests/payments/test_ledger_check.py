"""Each kind of break that `check_ledger` must find, made by the owner with all guards switched off."""

from collections.abc import Iterator
from io import StringIO

import psycopg
import pytest
from django.core.management import CommandError, call_command
from django.db import connection, connections

from payments.models import Journal, LedgerAccount, Transfer
from payments.services.check import SHOWN, Verdict, check_ledger
from payments.services.ledger import legs_of, post
from tenancy.actors import system
from tenancy.transactions import transaction
from tests.databases import database_url
from tests.payments.ledger_rows import (
    AT,
    BALANCE,
    CLEARING,
    FEES,
    Shop,
    make_authorization,
    make_pull,
    make_push,
    make_reversal,
    make_sale,
    make_shop,
    make_transfer,
    post_transfer,
)
from tests.tenancy.conftest import run

GUARDS_OFF = """
SET CONSTRAINTS ALL IMMEDIATE;
ALTER TABLE ledger_account DISABLE TRIGGER USER;
ALTER TABLE ledger_journal DISABLE TRIGGER USER;
ALTER TABLE ledger_posting DISABLE TRIGGER USER;
ALTER TABLE transfer DISABLE TRIGGER USER;
ALTER TABLE ledger_posting DROP CONSTRAINT ledger_posting_journal_id_same_tenant;
ALTER TABLE ledger_posting DROP CONSTRAINT ledger_posting_account_id_same_tenant;
ALTER TABLE ledger_journal DROP CONSTRAINT ledger_journal_once;
"""


class Books:
    """Two sales of one merchant, one of another application's, and a declined transfer; with names for the rows."""

    def __init__(self) -> None:
        self.shop: Shop = make_shop()
        self.foreign: Shop = make_shop("Foreign")
        self.sale = make_sale(self.shop, 1000, 30)
        self.other_sale = make_sale(self.shop, 500)
        make_sale(self.foreign, 700, 7)
        with transaction(by=system()):
            self.declined = make_transfer(self.shop, 100, state="FAILED", failure_code="GENERIC_DECLINE")
            self.journal = Journal.objects.get(resource_id=self.sale.pk)
            self.clearing, self.balance, self.fees = (
                LedgerAccount.objects.get(merchant=self.shop.merchant, kind=kind) for kind in (CLEARING, BALANCE, FEES)
            )
            self.foreign_balance = LedgerAccount.objects.get(merchant=self.foreign.merchant, kind=BALANCE)

    def unbalanced(self, total: int) -> str:
        return f"Journal {self.journal.pk}, sale of {self.sale.public_id}, does not sum to zero: {total} USD."

    def misfit(self, account: LedgerAccount, balance: int, total: int) -> str:
        name = f"{account.kind} of {self.shop.merchant.public_id}"
        return f"{name} has a balance of {balance} USD, but its postings sum to {total}."

    @property
    def wrong_sale(self) -> str:
        return f"The journal of {self.sale.public_id} is not what it says."


@pytest.fixture
def books(db: None) -> Books:
    return Books()


@pytest.fixture
def open_books(db: None) -> Iterator[Books]:
    """Nothing guards them: all goes through the owner's connection, and is taken back after the test."""
    app = connections["default"]
    connections["default"] = connections["owner"]
    made = Books()
    run(GUARDS_OFF)
    yield made
    connections["default"] = app


def broken() -> list[str]:
    return sorted(check_ledger(by=system()).broken)


as_owner = pytest.mark.django_db(databases=["default", "owner"])


def test_whole_ledger_is_counted(books: Books) -> None:
    assert check_ledger(by=system()) == Verdict(accounts=6, journals=3, postings=8, transfers=3, broken=())
    assert check_ledger(by=books.foreign.partner.actor) == Verdict(
        accounts=3, journals=1, postings=3, transfers=1, broken=()
    )


def test_empty_ledger_is_whole(db: None) -> None:
    assert check_ledger(by=system()) == Verdict(accounts=0, journals=0, postings=0, transfers=0, broken=())


def test_journal_of_another_reason_is_no_sale(books: Books) -> None:
    with transaction(by=system()):
        legs = [books.shop.leg(FEES, 5), books.shop.leg(BALANCE, -5)]
        post(reason="waiver", resource=books.sale, application_id=books.sale.application_id, legs=legs, at=AT)

    assert broken() == []


@as_owner
def test_guards_that_are_off_break_nothing_by_themselves(open_books: Books) -> None:
    assert broken() == []


@as_owner
def test_changed_posting_is_found(open_books: Books) -> None:
    run("UPDATE ledger_posting SET amount = 1001 WHERE amount = 1000")

    assert broken() == sorted(
        [open_books.unbalanced(1), open_books.misfit(open_books.clearing, 1500, 1501), open_books.wrong_sale]
    )


@as_owner
def test_changed_balance_is_found(open_books: Books) -> None:
    run("UPDATE ledger_account SET balance = balance - 3 WHERE id = %s", open_books.fees.pk)

    assert broken() == [open_books.misfit(open_books.fees, -33, -30)]


@as_owner
def test_balance_without_postings_is_found(open_books: Books) -> None:
    run(
        "INSERT INTO ledger_account (id, application_id, merchant_id, kind, currency, balance)"
        " SELECT gen_random_uuid(), application_id, merchant_id, kind, 'CAD', 12 FROM ledger_account WHERE id = %s",
        open_books.fees.pk,
    )

    name = f"PARTNER_FEES of {open_books.shop.merchant.public_id}"
    assert broken() == [f"{name} has a balance of 12 CAD, but its postings sum to 0."]


@as_owner
def test_missing_leg_is_found(open_books: Books) -> None:
    run("DELETE FROM ledger_posting WHERE amount = -30")

    assert broken() == sorted(
        [open_books.unbalanced(30), open_books.misfit(open_books.fees, -30, 0), open_books.wrong_sale]
    )


@as_owner
def test_journal_without_legs_is_found(open_books: Books) -> None:
    run("DELETE FROM ledger_posting WHERE journal_id = %s", open_books.journal.pk)
    run("UPDATE ledger_account SET balance = a.balance FROM (VALUES (%s, 500), (%s, -500), (%s, 0)) a (id, balance)"
        " WHERE ledger_account.id = a.id",
        open_books.clearing.pk, open_books.balance.pk, open_books.fees.pk)  # fmt: skip

    assert broken() == sorted(
        [
            f"Journal {open_books.journal.pk}, sale of {open_books.sale.public_id}, has no legs.",
            f"{open_books.sale.public_id} has no journal.",
        ]
    )


@as_owner
def test_postings_without_a_journal_are_found(open_books: Books) -> None:
    run("DELETE FROM ledger_journal WHERE id = %s", open_books.journal.pk)

    orphans = run("SELECT id FROM ledger_posting WHERE journal_id = %s", open_books.journal.pk)
    assert broken() == sorted(
        [
            *(f"Posting {key} belongs to journal {open_books.journal.pk}, which is not there." for (key,) in orphans),
            f"{open_books.sale.public_id} has no journal.",
        ]
    )
    assert len(orphans) == 3


@as_owner
def test_unbalanced_postings_without_a_journal_are_found(open_books: Books) -> None:
    run("DELETE FROM ledger_journal WHERE id = %s", open_books.journal.pk)
    run("DELETE FROM ledger_posting WHERE amount = 1000")

    assert f"Journal {open_books.journal.pk}, which is not there, does not sum to zero: -1000 USD." in broken()


@as_owner
def test_sale_that_was_never_posted_is_found(open_books: Books) -> None:
    with transaction(by=system()):
        unposted = make_transfer(open_books.shop, 90)

    assert broken() == [f"{unposted.public_id} has no journal."]


@as_owner
@pytest.mark.parametrize("state", ["PENDING", "CANCELED"])
def test_sale_of_a_transfer_that_did_not_succeed_is_found(open_books: Books, state: str) -> None:
    run("UPDATE transfer SET state = %s WHERE id = %s", state, open_books.sale.pk)

    assert broken() == [f"{open_books.sale.public_id} is {state}, but has a journal."]


@as_owner
def test_sale_of_no_transfer_is_found(open_books: Books) -> None:
    run("DELETE FROM transfer WHERE id = %s", open_books.sale.pk)

    assert broken() == [f"There is a journal of {open_books.sale.public_id}, but no such transfer."]


@as_owner
@pytest.mark.parametrize("change", ["amount = 1001", "fee = 31", "currency = 'CAD'"])
def test_transfer_that_says_something_else_is_found(open_books: Books, change: str) -> None:
    run(f"UPDATE transfer SET {change} WHERE id = %s", open_books.sale.pk)

    assert broken() == [open_books.wrong_sale]


@as_owner
def test_sale_on_another_merchants_accounts_is_found(open_books: Books) -> None:
    other = make_shop(beside=open_books.shop)
    run("UPDATE transfer SET merchant_id = %s WHERE id = %s", other.merchant.pk, open_books.sale.pk)

    assert broken() == [open_books.wrong_sale]


@as_owner
def test_second_journal_of_a_sale_is_found(open_books: Books) -> None:
    again = Transfer.objects.get(pk=open_books.sale.pk)
    run("ALTER TABLE ledger_posting ENABLE TRIGGER ledger_posting_balance")
    post(reason="sale", resource=again, application_id=again.application_id, legs=legs_of(again), at=AT)

    assert broken() == [open_books.wrong_sale]


@as_owner
def test_leg_moved_to_another_account_is_found(open_books: Books) -> None:
    run("UPDATE ledger_posting SET account_id = %s WHERE amount = -970", open_books.fees.pk)

    assert broken() == sorted(
        [
            open_books.misfit(open_books.balance, -1470, -500),
            open_books.misfit(open_books.fees, -30, -1000),
            open_books.wrong_sale,
        ]
    )


@as_owner
def test_leg_on_an_account_of_another_application_is_found(open_books: Books) -> None:
    account = open_books.foreign_balance.pk
    run("UPDATE ledger_posting SET account_id = %s WHERE amount = -970", account)

    assert broken() == sorted(
        [
            f"Postings of -970 USD belong to account {account}, which is not there.",
            open_books.misfit(open_books.balance, -1470, -500),
            open_books.wrong_sale,
        ]
    )


@as_owner
def test_legs_in_another_currency_than_their_accounts_are_found(open_books: Books) -> None:
    run("UPDATE ledger_posting SET currency = 'CAD' WHERE journal_id = %s", open_books.journal.pk)

    strays = [(open_books.clearing, 1000), (open_books.balance, -970), (open_books.fees, -30)]
    fits = [(open_books.clearing, 1500, 500), (open_books.balance, -1470, -500), (open_books.fees, -30, 0)]
    assert broken() == sorted(
        [
            *(f"Postings of {sum_} CAD belong to account {row.pk}, which is not there." for row, sum_ in strays),
            *(open_books.misfit(*fit) for fit in fits),
            open_books.wrong_sale,
        ]
    )


class MoreBooks:
    """A refund, a return by the bank, a push, a pull and a capture, beside the sales of the other books."""

    def __init__(self, books: Books) -> None:
        shop = self.shop = books.shop
        with transaction(by=system()):
            self.refund = make_reversal(books.sale, shop, 300)
            self.under_way = make_reversal(books.sale, shop, 50, state="PENDING")
            make_reversal(books.sale, shop, 70, state="FAILED", failure_code="GENERIC_DECLINE")
            Transfer.objects.filter(pk=books.sale.pk).update(refunded_amount=350)
            self.returned = make_reversal(books.other_sale, shop, 500, subtype="SYSTEM")
            self.push, self.pull = make_push(shop, 40), make_pull(shop, 60)
            held = make_authorization(shop, 1000)
            self.capture = make_transfer(shop, 200, 5, authorization=held)
            for transfer in (self.refund, self.returned, self.push, self.pull, self.capture):
                post_transfer(transfer)
        run("SET CONSTRAINTS ALL IMMEDIATE")


@pytest.fixture
def more(open_books: Books) -> MoreBooks:
    """Each of them is right: their triggers keep the balances while they are posted."""
    run("ALTER TABLE ledger_posting ENABLE TRIGGER ledger_posting_balance")
    made = MoreBooks(open_books)
    run("ALTER TABLE ledger_posting DISABLE TRIGGER USER")
    assert broken() == []
    return made


KINDS = ["refund", "returned", "push", "pull", "capture"]


@as_owner
@pytest.mark.parametrize("name", KINDS)
def test_transfer_of_any_kind_that_has_no_journal_is_found(more: MoreBooks, name: str) -> None:
    transfer = getattr(more, name)
    run("UPDATE ledger_journal SET resource_kind = 'other' WHERE resource_id = %s", transfer.pk)

    assert broken() == [f"{transfer.public_id} has no journal."]


@as_owner
@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("change", ["amount = amount + 1", "currency = 'CAD'"])
def test_transfer_of_any_kind_that_says_something_else_is_found(more: MoreBooks, name: str, change: str) -> None:
    transfer = getattr(more, name)
    run(f"UPDATE transfer SET {change} WHERE id = %s", transfer.pk)

    assert f"The journal of {transfer.public_id} is not what it says." in broken()


@as_owner
@pytest.mark.parametrize("name", KINDS)
def test_journal_of_any_kind_of_what_did_not_succeed_is_found(more: MoreBooks, name: str) -> None:
    transfer = getattr(more, name)
    run("UPDATE transfer SET state = 'PENDING' WHERE id = %s", transfer.pk)

    assert broken() == [f"{transfer.public_id} is PENDING, but has a journal."]


@as_owner
@pytest.mark.parametrize(("name", "reason"), [("push", "pull"), ("pull", "sale"), ("refund", "sale")])
def test_journal_of_another_kind_is_found(more: MoreBooks, name: str, reason: str) -> None:
    """The legs are right, and the reason is not."""
    transfer = getattr(more, name)
    run("UPDATE ledger_journal SET reason = %s WHERE resource_id = %s", reason, transfer.pk)

    assert broken() == [f"The journal of {transfer.public_id} is not what it says."]


@as_owner
def test_pull_that_is_posted_as_a_sale_is_found(more: MoreBooks) -> None:
    """The operator's money on a merchant's account."""
    balance = LedgerAccount.objects.get(merchant=more.shop.merchant, kind=BALANCE)
    journal = Journal.objects.get(resource_id=more.pull.pk)
    run("UPDATE ledger_posting SET account_id = %s WHERE journal_id = %s AND amount < 0", balance.pk, journal.pk)

    assert f"The journal of {more.pull.public_id} is not what it says." in broken()
    assert len(broken()) == 3  # and both balances


@as_owner
@pytest.mark.parametrize("told", [349, 351, 0, 300])
def test_charge_that_tells_other_refunds_than_there_are_is_found(open_books: Books, more: MoreBooks, told: int) -> None:
    run("UPDATE transfer SET refunded_amount = %s WHERE id = %s", told, open_books.sale.pk)

    name = open_books.sale.public_id
    assert broken() == [f"{name} says that {told} of it is refunded, but its reversals sum to 350."]


@as_owner
def test_refund_that_a_charge_does_not_know_is_found(open_books: Books, more: MoreBooks) -> None:
    with transaction(by=system()):
        make_reversal(open_books.sale, more.shop, 9, state="PENDING")

    name = open_books.sale.public_id
    assert broken() == [f"{name} says that 350 of it is refunded, but its reversals sum to 359."]


@as_owner
def test_return_by_the_bank_is_no_refund(open_books: Books, more: MoreBooks) -> None:
    run("UPDATE transfer SET subtype = 'API' WHERE id = %s", more.returned.pk)

    name = open_books.other_sale.public_id
    assert broken() == [f"{name} says that 0 of it is refunded, but its reversals sum to 500."]


@as_owner
def test_many_breaks_of_a_kind_are_counted(open_books: Books) -> None:
    with transaction(by=system()):
        unposted = sorted(make_transfer(open_books.shop, 90).pk for _ in range(SHOWN + 5))

    told = check_ledger(by=system()).broken
    assert told[:-1] == tuple(f"{Transfer(pk=key).public_id} has no journal." for key in unposted[:SHOWN])
    assert told[-1] == "5 more like the last one."


@pytest.mark.usefixtures("own_database")
def test_command_tells_counts_or_ends_with_what_is_wrong() -> None:
    said = StringIO()
    call_command("check_ledger", stdout=said)
    books = Books()
    call_command("check_ledger", stdout=said)

    assert said.getvalue().splitlines() == [
        "0 journals with 0 postings sum to zero, 0 balances fit, 0 transfers are posted",
        "3 journals with 8 postings sum to zero, 6 balances fit, 3 transfers are posted",
    ]
    url = database_url("DATABASE_OWNER_URL", connection.settings_dict["NAME"])
    with psycopg.connect(url) as owner:
        owner.execute("ALTER TABLE ledger_account DISABLE TRIGGER append_only")
        owner.execute("UPDATE ledger_account SET balance = 0 WHERE id = %s", [books.fees.pk])
    with pytest.raises(CommandError) as refusal:
        call_command("check_ledger")
    assert str(refusal.value) == books.misfit(books.fees, 0, -30)
