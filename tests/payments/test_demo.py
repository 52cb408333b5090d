"""The demo is the same every time, and a run that was cut off is completed as if it had not been."""

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
    "transfers": "SELECT idempotency_id, state, amount, fee, failure_code, tags::text, created_at, updated_at"
    " FROM transfer",
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
            "SELECT kind, occurred_at FROM event WHERE resource_kind IN ('transfer', 'merchant', 'verification',"
            " 'payment_instrument') UNION ALL SELECT 'journal', posted_at FROM ledger_journal"
            " UNION ALL SELECT 'attempt', decided_at FROM attempt WHERE decided_at IS NOT NULL"
        )
        return cursor.fetchall()


def test_cut_off_run_is_completed_as_if_it_had_not_been() -> None:
    before = database.savepoint()
    tell = run()
    whole = summary()
    database.savepoint_rollback(before)
    assert summary()["transfers"] == []

    for stop_after in (2, 50, tell.told - SALES // 2):
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
    for name, place in (("identities", 1), ("instruments", 5), ("merchants", 5), ("transfers", 6), ("transfers", 7)):
        moments = sorted(row[place] for row in found[name] if "trade" not in str(row[0]))
        assert earliest <= moments[0] <= moments[-1] <= NOW, name
    assert not check_ledger(by=system("test")).broken
    assert [outcome for outcome in outcomes() if not earliest <= outcome[1] <= NOW] == []


def test_plan_is_uneven_and_does_not_depend_on_the_moment() -> None:
    sales, later = (payments.plan(onboarding.plan(now)) for now in (NOW, NOW + timedelta(days=2, hours=7, minutes=11)))
    things = [
        Counter((sale.draft.seller.key, sale.draft.card.number, sale.draft.amount, sale.fee) for sale in drawn)
        for drawn in (sales, later)
    ]
    by_seller = Counter(sale.draft.seller.key for sale in sales)
    (busiest, most), *_, (_, least) = by_seller.most_common()
    hours = Counter(sale.made_at.hour for sale in sales)

    assert len(sales) == len({sale.order for sale in sales}) == payments.SALES
    assert things[0] == things[1]
    assert busiest == onboarding.BUSIEST
    assert most > 70
    assert least < 10
    assert max(hours, key=lambda hour: hours[hour]) in {18, 19}
    assert all(sale.draft.card.made_at < sale.made_at <= NOW for sale in sales)
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
