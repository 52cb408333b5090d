"""The demo is the same every time, and a run that was cut off is completed as if it had not been."""

import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.db import transaction as database

from onboarding import demo as onboarding
from payments import demo as payments
from payments.services.check import check_ledger
from tenancy.actors import system
from tenancy.transactions import transaction

NOW = datetime(2026, 9, 17, 16, 20, 30, 123456, tzinfo=UTC)
SALES = 60
WHAT = {
    "applications": "SELECT name, tags::text, created_at, settlement_enabled FROM application WHERE NOT is_platform",
    "identities": "SELECT tags::text, created_at, doing_business_as, email, max_transaction_amount FROM identity",
    "instruments": "SELECT type, last_four, brand, bank_code, enabled, created_at FROM payment_instrument",
    "merchants": "SELECT merchant_name, tags::text, processor, onboarding_state, processing_enabled, created_at"
    " FROM merchant",
    "verifications": "SELECT state, messages::text, created_at FROM verification",
    "transfers": "SELECT created_at, updated_at, ready_to_settle_at, returned_at, idempotency_id, type, subtype,"
    " operation_key, state, amount, fee, refunded_amount, failure_code, instrument_last_four, tags::text FROM transfer",
    "authorizations": "SELECT created_at, updated_at, released_at, expires_at, idempotency_id, state, void_state,"
    " is_void, amount, capture_amount, fee, failure_code, three_d_secure::text FROM card_authorization",
    "batches": "SELECT created_at, updated_at, due_at, state FROM transfer_batch",
    "settlements": "SELECT created_at, updated_at, status, total_amount, total_fee, funded_amount, closes_at,"
    " closed_at, approved_at, flags::text, reason FROM settlement",
    "entries": "SELECT kind, amount, fee, occurred_at, released_at FROM settlement_entry",
    "balances": "SELECT merchant_name, kind, balance FROM ledger_account JOIN merchant ON merchant.id = merchant_id",
    "attempts": "SELECT operation, state, code, number FROM attempt",
    "faults": "SELECT kind FROM sandbox_fault",
}

pytestmark = pytest.mark.django_db


class CutOff(Exception):
    pass


class Progress:
    """Counts what is told, and cuts the run off after so many things."""

    def __init__(self, stop_after: int | None = None) -> None:
        self.told = 0
        self.stop_after = stop_after

    def __call__(self) -> None:
        self.told += 1
        if self.told == self.stop_after:
            raise CutOff


def run(*, stop_after: int | None = None) -> Progress:
    tell = Progress(stop_after)
    plan = onboarding.plan(onboarding.began_at() or NOW)
    payments.make(payments.plan(plan, count=SALES), plan, onboarding.make(plan, tell), tell)
    return tell


def summary() -> dict[str, list[Any]]:
    """All that is there, without the ids."""
    with transaction(by=system("test")), connection.cursor() as cursor:
        found = {}
        for name, statement in WHAT.items():
            cursor.execute(statement)
            found[name] = sorted(cursor.fetchall(), key=str)
        return found


def outcomes() -> list[tuple[str, datetime]]:
    """What followed from the providers' answers, and when it is said to have happened."""
    with transaction(by=system("test")), connection.cursor() as cursor:
        cursor.execute(
            "SELECT kind, occurred_at FROM event WHERE resource_kind IN ('transfer', 'authorization', 'merchant',"
            " 'verification', 'payment_instrument') UNION ALL SELECT 'journal', posted_at FROM ledger_journal"
            " UNION ALL SELECT 'attempt', decided_at FROM attempt WHERE decided_at IS NOT NULL"
        )
        return cursor.fetchall()


def test_cut_off_run_is_completed_as_if_it_had_not_been() -> None:
    before = database.savepoint()
    tell = run()
    whole = summary()
    database.savepoint_rollback(before)
    assert summary()["transfers"] == []

    for stop_after in (2, 50, tell.told - SALES, tell.told - 12):
        with pytest.raises(CutOff):
            run(stop_after=stop_after)
        assert summary() != whole
    run()

    assert summary() == whole
    assert run().told == tell.told
    assert summary() == whole
    assert whole["faults"] == []


def test_all_lies_within_the_month_before() -> None:
    run()

    found = summary()

    earliest = NOW - timedelta(days=28)
    of_payments = [("transfers", 0), ("transfers", 1), ("transfers", 2), ("authorizations", 0), ("batches", 1)]
    for name, place in [("identities", 1), ("instruments", 5), ("merchants", 5), *of_payments]:
        moments = sorted(row[place] for row in found[name] if row[place] and "trade" not in str(row[0]))
        assert earliest <= moments[0] <= moments[-1] <= NOW, name
    assert not check_ledger(by=system("test")).broken
    assert [outcome for outcome in outcomes() if not earliest <= outcome[1] <= NOW] == []


def test_settlements_of_the_past_are_paid_and_the_last_ones_wait() -> None:
    run()

    with transaction(by=system("test")), connection.cursor() as cursor:
        cursor.execute("SELECT status, funded_amount = net_amount, flags FROM settlement WHERE net_amount > 0")
        found = cursor.fetchall()
        cursor.execute(
            "SELECT count(*) FROM transfer WHERE subtype = 'SETTLEMENT_MERCHANT' AND returned_at IS NOT NULL"
        )
        (returned,) = cursor.fetchone()

    states = Counter((status, is_paid) for status, is_paid, _ in found)
    assert states["APPROVED", True] > 3
    assert (states["APPROVED", False], returned) == (1, 1)
    assert states["AWAITING_APPROVAL", False] > 3
    assert states["CANCELLED", False] == 1
    assert states["PENDING", False] > 3
    assert {"FIRST_PAYOUT", "BANK_ACCOUNT_CHANGED"} <= {flag for *_, flags in found for flag in json.loads(flags)}


def kinds(planned: payments.Plan) -> Counter[str]:
    return Counter(type(step).__name__ for step in planned.steps)


def test_words_of_the_feed_enter_on_the_days_on_which_they_came() -> None:
    run()

    with transaction(by=system("test")), connection.cursor() as cursor:
        cursor.execute(
            "SELECT transfer.created_at, transfer.ready_to_settle_at, event.occurred_at FROM event"
            " JOIN transfer ON transfer.id = event.resource_id WHERE event.changes ? 'ready_to_settle_at'"
        )
        told = cursor.fetchall()

    assert len(told) > 60
    assert len({told_at.date() for _, _, told_at in told}) > 10
    assert [row for row in told if not row[0] <= row[1] <= row[2] <= row[1] + timedelta(days=2)] == []


def test_plan_is_uneven_and_does_not_depend_on_the_moment() -> None:
    planned, later = (
        payments.plan(onboarding.plan(now)) for now in (NOW, NOW + timedelta(days=2, hours=7, minutes=11))
    )
    sales = planned.sales
    things = [
        Counter(
            (sale.draft.seller.key, sale.draft.source.body["number"], sale.draft.amount, sale.fee)
            for sale in drawn.sales
        )
        for drawn in (planned, later)
    ]
    by_seller = Counter(sale.draft.seller.key for sale in sales)
    (busiest, most), *_, (_, least) = by_seller.most_common()
    hours = Counter(sale.made_at.hour for sale in sales)

    assert len(sales) == len({sale.order for sale in sales}) == payments.SALES
    assert things[0] == things[1]
    assert kinds(planned) == kinds(later)
    assert [step for step in planned.steps if not NOW - timedelta(days=28) <= step.made_at <= NOW] == []
    assert busiest == onboarding.BUSIEST
    assert most > 70
    assert least < 10
    assert max(hours, key=lambda hour: hours[hour]) in {18, 19}
    assert all(sale.draft.source.made_at < sale.made_at <= NOW for sale in sales)
    assert all(0 <= sale.fee <= sale.draft.amount for sale in sales)


def test_scale_multiplies_businesses_and_buyers() -> None:
    once, thrice = onboarding.plan(NOW), onboarding.plan(NOW, scale=3)

    assert len(thrice.businesses) == 3 * len(once.businesses)
    assert len(thrice.buyers) == 3 * len(once.buyers)
    assert len({someone.key for someone in (*thrice.businesses, *thrice.buyers)}) == len(thrice.businesses) + len(
        thrice.buyers
    )
    assert len({business.entity["doing_business_as"] for business in thrice.businesses}) == len(thrice.businesses)
    assert thrice.businesses[: len(once.businesses)] == once.businesses
