"""Many at once over real connections: no deadlock, no lost posting, one account of a kind."""

import random
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import psycopg
import pytest
from django.db import connection, connections

from config.embedded.processes import wait_until
from payments.models import LedgerAccount
from payments.services.check import check_ledger
from payments.services.ledger import Leg, post
from resources import ids
from tenancy.actors import system
from tenancy.transactions import transaction
from tests.databases import database_url
from tests.payments.ledger_rows import AT, BALANCE, CLEARING, FEES, Shop, make_shop

pytestmark = pytest.mark.usefixtures("own_database")

THREADS = 16
POSTS = 25


@pytest.fixture
def shops() -> list[Shop]:
    first = make_shop()
    return [first, *(make_shop(beside=first) for _ in range(3))]


def in_threads(work: Any) -> None:
    """All begin at the same moment, each with a connection of its own."""
    together = Barrier(THREADS)

    def run(number: int) -> None:
        try:
            together.wait(60)
            work(number)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(run, range(THREADS)))


def balances() -> dict[Any, int]:
    with transaction(by=system()):
        return {(row.merchant_id, row.kind, row.currency): row.balance for row in LedgerAccount.objects.all()}


def sums(journals: list[list[Leg]]) -> dict[Any, int]:
    totals: Counter[Any] = Counter()
    for leg in (leg for legs in journals for leg in legs):
        totals[leg.merchant_id, leg.kind, leg.currency] += leg.amount
    return dict(totals)


def random_journal(shops: list[Shop], dice: random.Random) -> list[Leg]:
    """Over several accounts of several merchants, in any order."""
    legs = [
        shop.leg(kind, dice.randint(1, 10**6), "USD")
        for shop in shops
        for kind in (CLEARING, BALANCE, FEES)
        if dice.random() < 0.5
    ]
    legs.append(shops[0].leg(FEES, -sum(leg.amount for leg in legs) or 1))
    if len(legs) == 1:
        legs.append(shops[1].leg(FEES, -1))
    dice.shuffle(legs)
    return legs


def test_crossing_journals_neither_deadlock_nor_lose_a_cent(shops: list[Shop]) -> None:
    """Nobody has opened the accounts: that is part of the race."""
    dice = random.Random(7)
    journals = [[random_journal(shops, dice) for _ in range(POSTS)] for _ in range(THREADS)]
    actor, application = shops[0].partner.actor, shops[0].application.pk

    def work(thread: int) -> None:
        for number, legs in enumerate(journals[thread]):
            with transaction(by=actor):
                reason = f"test {thread} {number}"
                post(reason=reason, resource=shops[0].merchant, application_id=application, legs=legs, at=AT)

    in_threads(work)

    assert balances() == sums([legs for of_thread in journals for legs in of_thread])
    verdict = check_ledger(by=system())
    assert (verdict.journals, verdict.broken) == (THREADS * POSTS, ())


def test_one_of_many_equal_journals_is_posted(shops: list[Shop]) -> None:
    actor, shop = shops[0].partner.actor, shops[0]
    legs = [shop.leg(CLEARING, 100), shop.leg(BALANCE, -100)]
    refused = []

    def work(thread: int) -> None:
        try:
            with transaction(by=actor):
                post(reason="test", resource=shop.merchant, application_id=shop.application.pk, legs=legs, at=AT)
        except Exception as error:
            refused.append(str(error).partition("\n")[0])

    in_threads(work)

    assert refused == ['duplicate key value violates unique constraint "ledger_journal_once"'] * (THREADS - 1)
    assert balances() == sums([legs])


def test_account_that_another_is_opening_is_waited_for_and_used(shops: list[Shop]) -> None:
    shop, opened = shops[0], ids.new_id()
    legs = [shop.leg(CLEARING, 100), shop.leg(BALANCE, -100)]

    def work() -> None:
        try:
            with transaction(by=shop.partner.actor):
                post(reason="test", resource=shop.merchant, application_id=shop.application.pk, legs=legs, at=AT)
        finally:
            connections.close_all()

    name = connection.settings_dict["NAME"]
    with psycopg.connect(database_url("DATABASE_OWNER_URL", name)) as other, ThreadPoolExecutor(1) as pool:
        other.execute(
            "INSERT INTO ledger_account (id, application_id, merchant_id, kind, currency, balance)"
            " VALUES (%s, %s, %s, 'MERCHANT_BALANCE', 'USD', 0)",
            [opened, shop.application.pk, shop.merchant.pk],
        )
        posting = pool.submit(work)
        waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype = 'transactionid'"
        assert wait_until(lambda: other.execute(waiting).fetchone() == (1,), 30)
        other.commit()
        posting.result(30)

    assert balances() == sums([legs])
    with transaction(by=system()):
        assert LedgerAccount.objects.get(kind=BALANCE).pk == opened


def test_two_transactions_do_not_both_give_legs_to_a_journal(shops: list[Shop]) -> None:
    """The journal of a transaction that is still open is not there for others."""
    shop, journal = shops[0], ids.new_id()
    with transaction(by=system()):
        legs = [shop.leg(CLEARING, 100), shop.leg(BALANCE, -100)]
        post(reason="test", resource=shop.merchant, application_id=shop.application.pk, legs=legs, at=AT)
        first, second = (LedgerAccount.objects.get(kind=kind).pk for kind in (CLEARING, BALANCE))
    url = database_url("DATABASE_OWNER_URL", connection.settings_dict["NAME"])
    postings = (
        "INSERT INTO ledger_posting (id, application_id, journal_id, account_id, amount, currency)"
        " VALUES (gen_random_uuid(), %(application)s, %(journal)s, %(first)s, 5, 'USD'),"
        " (gen_random_uuid(), %(application)s, %(journal)s, %(second)s, -5, 'USD')"
    )
    parameters = {
        "application": shop.application.pk,
        "journal": journal,
        "first": first,
        "second": second,
    }

    with psycopg.connect(url) as one, psycopg.connect(url) as other:
        one.execute(
            "WITH journal AS (INSERT INTO ledger_journal (id, application_id, reason, resource_kind, resource_id,"
            " posted_at) VALUES (%(journal)s, %(application)s, 'other', 'merchant', gen_random_uuid(), now()))"
            + postings,
            parameters,
        )
        with pytest.raises(psycopg.errors.RestrictViolation, match="is not there, or has its legs already"):
            other.execute(postings, parameters)
        other.rollback()
        one.commit()
        with pytest.raises(psycopg.errors.RestrictViolation, match="is not there, or has its legs already"):
            other.execute(postings, parameters)
        other.rollback()

    assert balances() == sums([[shop.leg(CLEARING, 105), shop.leg(BALANCE, -105)]])
