"""What the database refuses by itself: plain SQL past our code, as the app role and as the owner of the tables."""

import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import DataError, IntegrityError, ProgrammingError, connections

from payments.models import LedgerAccount
from resources import ids
from tenancy.actors import system
from tenancy.transactions import transaction
from tests.payments.ledger_rows import (
    BALANCE,
    CLEARING,
    INSERT_JOURNAL,
    Raw,
    Shop,
    insert_journal,
    insert_postings,
    make_sale,
    make_shop,
)
from tests.tenancy.conftest import in_sight_of, refused, run

pytestmark = pytest.mark.django_db(databases=["default", "owner"])

TABLES = ["ledger_posting", "ledger_journal", "ledger_account"]


@pytest.fixture(params=["app", "owner"])
def role(request: pytest.FixtureRequest, db: None) -> Iterator[str]:
    """Whose connection all the statements of a test go through."""
    app = connections["default"]
    if request.param == "owner":
        connections["default"] = connections["owner"]
    yield request.param
    connections["default"] = app


class Ledger:
    """A sale in two currencies and the accounts they went to; a merchant of another application beside them."""

    def __init__(self) -> None:
        self.shop: Shop = make_shop()
        self.foreign: Shop = make_shop("Foreign")
        self.transfer = make_sale(self.shop, 1000, 30)
        make_sale(self.shop, 200, currency="CAD")
        make_sale(self.foreign, 500)
        self.application = self.shop.application.pk
        with transaction(by=system()):
            self.clearing = self.account(self.shop, CLEARING)
            self.balance = self.account(self.shop, BALANCE)
            self.canadian = self.account(self.shop, BALANCE, "CAD")
            self.foreign_balance = self.account(self.foreign, BALANCE)
            run("SET CONSTRAINTS ALL IMMEDIATE; SET CONSTRAINTS ALL DEFERRED")  # what is pending holds up TRUNCATE
            ((self.journal,),) = run("SELECT id FROM ledger_journal WHERE resource_id = %s", self.transfer.pk)

    def account(self, shop: Shop, kind: str, currency: str = "USD") -> uuid.UUID:
        return LedgerAccount.objects.get(merchant=shop.merchant, kind=kind, currency=currency).pk

    def content(self) -> list[Any]:
        return [run(f"SELECT * FROM {table} ORDER BY id") for table in TABLES]

    def insert(self, *legs: Raw, **journal: Any) -> Any:
        statement, parameters = insert_journal(self.application, legs, **journal)
        return run(statement, *parameters)

    def insert_legs(self, journal: uuid.UUID, *legs: Raw) -> Any:
        statement, parameters = insert_postings(self.application, journal, legs)
        return run(statement, *parameters)


@pytest.fixture
def ledger(role: str) -> Iterator[Ledger]:
    """What is refused leaves nothing behind."""
    made = Ledger()
    with in_sight_of(made.application):
        before = made.content()
        yield made
        assert made.content() == before
        assert [len(rows) for rows in before] >= [5, 2, 5]


def test_right_journal_in_plain_sql_is_taken_and_moves_the_balances(role: str) -> None:
    ledger = Ledger()
    with in_sight_of(ledger.application):
        assert ledger.insert(Raw(ledger.clearing, 5), Raw(ledger.balance, -5)) == 2

        assert run("SELECT balance FROM ledger_account WHERE id = %s", ledger.balance) == [(-975,)]
        assert run("SELECT balance FROM ledger_account WHERE id = %s", ledger.clearing) == [(1005,)]


@pytest.mark.parametrize("amounts", [(5, -4), (5,), (-1, -1), (2**62, -(2**62) + 1)])
def test_unbalanced_journal_is_refused(ledger: Ledger, amounts: tuple[int, ...]) -> None:
    with refused(IntegrityError, f"do not sum to zero: {sum(amounts)} USD"):
        ledger.insert(*(Raw(ledger.balance, amount) for amount in amounts))


def test_currencies_do_not_balance_each_other(ledger: Ledger) -> None:
    with refused(IntegrityError, "do not sum to zero: -?9 (USD|CAD)"):
        ledger.insert(Raw(ledger.balance, 9), Raw(ledger.canadian, -9, "CAD"))


def test_one_wrong_journal_of_many_is_refused_with_all(ledger: Ledger) -> None:
    first, second = ids.new_id(), ids.new_id()
    right = insert_postings(ledger.application, first, [Raw(ledger.clearing, 5), Raw(ledger.balance, -5)])
    wrong = insert_postings(ledger.application, second, [Raw(ledger.clearing, 5), Raw(ledger.balance, -6)])
    rows = wrong[0].partition("VALUES ")[2]
    journals = INSERT_JOURNAL + ", (%s, %s, %s, 'transfer', %s, now())"
    parameters = [key for journal in (first, second) for key in (journal, ledger.application, "test", ids.new_id())]

    with refused(IntegrityError, f"the legs of journal {second} do not sum to zero: -1 USD"):
        run(f"WITH journal AS ({journals}) {right[0]}, {rows}", *parameters, *right[1], *wrong[1])


def test_leg_in_another_currency_than_its_account_is_refused(ledger: Ledger) -> None:
    with refused(IntegrityError, f"has no account {ledger.canadian} in USD"):
        ledger.insert(Raw(ledger.clearing, 5), Raw(ledger.canadian, -5))


def test_account_of_another_application_is_refused(ledger: Ledger) -> None:
    with refused(IntegrityError, f"has no account {ledger.foreign_balance} in USD"):
        ledger.insert(Raw(ledger.clearing, 5), Raw(ledger.foreign_balance, -5))


def test_leg_of_another_application_is_refused(ledger: Ledger, role: str) -> None:
    foreign = Raw(ledger.foreign_balance, -5, application=ledger.foreign.application.pk)
    kind, words = {
        "app": (ProgrammingError, "violates row-level security policy"),
        "owner": (IntegrityError, "journal .* is not there, or has its legs already"),
    }[role]

    with refused(kind, words):
        ledger.insert(Raw(ledger.clearing, 5), foreign)


def test_journal_gets_its_legs_at_once(ledger: Ledger) -> None:
    with refused(IntegrityError, f"journal {ledger.journal} is not there, or has its legs already"):
        ledger.insert_legs(ledger.journal, Raw(ledger.clearing, 5), Raw(ledger.balance, -5))
    with refused(IntegrityError, "has its legs already"):
        made = ids.new_id()
        ledger.insert(Raw(ledger.clearing, 5), Raw(ledger.balance, -5), journal=made)
        ledger.insert_legs(made, Raw(ledger.clearing, 7), Raw(ledger.balance, -7))


def test_legs_without_a_journal_are_refused(ledger: Ledger) -> None:
    with refused(IntegrityError, "is not there"):
        ledger.insert_legs(ids.new_id(), Raw(ledger.clearing, 5), Raw(ledger.balance, -5))


def test_journal_without_legs_is_refused(ledger: Ledger) -> None:
    with refused(IntegrityError, "comes without legs"):
        run(INSERT_JOURNAL, ids.new_id(), ledger.application, "test", ids.new_id())


def test_leg_of_nothing_is_refused(ledger: Ledger) -> None:
    with refused(IntegrityError, "ledger_posting_moves_something"):
        ledger.insert(Raw(ledger.clearing, 0))


def test_second_journal_of_a_resource_and_reason_is_refused(ledger: Ledger) -> None:
    with refused(IntegrityError, "ledger_journal_once"):
        ledger.insert(Raw(ledger.clearing, 5), Raw(ledger.balance, -5), reason="sale", resource=ledger.transfer.pk)


def test_balance_beyond_the_column_is_refused(ledger: Ledger) -> None:
    with refused(DataError, "bigint out of range"):
        ledger.insert(Raw(ledger.clearing, 2**63 - 1), Raw(ledger.balance, -(2**63 - 1)))


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE {} SET id = id",
        "UPDATE {} SET id = id WHERE false",
        "UPDATE {} SET application_id = gen_random_uuid()",
        "DELETE FROM {}",
        "TRUNCATE {} CASCADE",
        "INSERT INTO {} SELECT * FROM {} ON CONFLICT (id) DO UPDATE SET application_id = gen_random_uuid()",
    ],
)
def test_rows_of_the_ledger_stay_as_they_are(ledger: Ledger, role: str, table: str, statement: str) -> None:
    kind, words = {
        "app": (ProgrammingError, "permission denied for table"),
        "owner": (IntegrityError, r"ledger_\w+ is append-only|an account begins with nothing in it"),
    }[role]

    with refused(kind, words):
        run(statement.replace("{}", table))


@pytest.mark.parametrize("column", ["balance = balance + 1", "currency = 'CAD'", "kind = 'PARTNER_FEES'"])
def test_account_is_changed_by_postings_only(ledger: Ledger, role: str, column: str) -> None:
    kind, words = {
        "app": (ProgrammingError, "permission denied for table ledger_account"),
        "owner": (IntegrityError, "ledger_account is append-only: its balance follows its postings"),
    }[role]

    with refused(kind, words):
        run(f"UPDATE ledger_account SET {column} WHERE id = %s", ledger.balance)


OPEN = (
    "INSERT INTO ledger_account (id, application_id, merchant_id, kind, currency, balance)"
    " VALUES (gen_random_uuid(), %s, %s, 'MERCHANT_BALANCE', %s, %s)"
)


@pytest.mark.parametrize(
    ("currency", "balance", "words"),
    [("EUR", 1, "begins with nothing in it"), ("EUR", -1, "begins with nothing"), ("USD", 0, "ledger_account_once")],
)
def test_account_is_opened_once_and_empty(ledger: Ledger, currency: str, balance: int, words: str) -> None:
    with refused(IntegrityError, words):
        run(OPEN, ledger.application, ledger.shop.merchant.pk, currency, balance)


def test_account_of_another_applications_merchant_is_not_opened(ledger: Ledger) -> None:
    with refused(IntegrityError, "ledger_account_merchant_id_same_tenant"):
        run(OPEN, ledger.application, ledger.foreign.merchant.pk, "USD", 0)


@pytest.mark.parametrize("role", ["app"], indirect=True)
@pytest.mark.parametrize(
    ("function", "rows"), [("ledger_posting_balance", "legs"), ("ledger_journal_has_legs", "journals")]
)
def test_app_role_puts_the_owners_functions_on_no_table_of_its_own(ledger: Ledger, function: str, rows: str) -> None:
    run("CREATE TEMPORARY TABLE mine AS SELECT * FROM ledger_posting")

    with refused(ProgrammingError, f"permission denied for function {function}"):
        run(
            f"CREATE TRIGGER mine AFTER INSERT ON mine REFERENCING NEW TABLE AS {rows}"
            f" FOR EACH STATEMENT EXECUTE FUNCTION {function}()"
        )


@pytest.mark.parametrize("role", ["app"], indirect=True)
def test_temporary_table_of_the_same_name_is_not_mistaken_for_the_ledgers(ledger: Ledger) -> None:
    for table in TABLES:
        run(f"CREATE TEMPORARY TABLE {table} AS SELECT * FROM public.{table}")
    run("SET LOCAL search_path = pg_temp, public")
    statement, parameters = insert_journal(ledger.application, [Raw(ledger.balance, 5)])
    statement = statement.replace("INTO ledger", "INTO public.ledger")

    with refused(IntegrityError, "do not sum to zero"):
        run(statement, *parameters)
    run("SET LOCAL search_path = public")
