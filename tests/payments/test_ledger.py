"""Posting and reading, through the services."""

from typing import Any

import pytest
from django.db import IntegrityError, ProgrammingError
from django.db import transaction as database

from payments.models import Journal, LedgerAccount, Posting, Transfer
from payments.services.ledger import Leg, balances_of, legs_of, post, postings_of
from tenancy.actors import Actor, system
from tenancy.transactions import transaction
from tests.factories.onboarding import make_merchant_login
from tests.factories.tenancy import make_platform_login
from tests.payments.ledger_rows import (
    AT,
    BALANCE,
    CLEARING,
    FEES,
    Shop,
    make_sale,
    make_shop,
    make_transfer,
    post_transfer,
)
from tests.tenancy.conftest import refused


@pytest.fixture
def shop(db: None) -> Shop:
    return make_shop()


def written(actor: Actor | None = None) -> list[tuple[Any, ...]]:
    """The postings, oldest first."""
    postings = Posting.objects.visible_to(actor or system()).order_by("id")
    return list(postings.values_list("account__kind", "account__merchant", "amount", "currency"))


def balances() -> dict[tuple[Any, ...], int]:
    return {(row.kind, row.merchant_id, row.currency): row.balance for row in LedgerAccount.objects.all()}


def post_legs(shop: Shop, *legs: Leg, reason: str = "test") -> None:
    post(reason=reason, resource=shop.merchant, application_id=shop.application.pk, legs=legs, at=AT)


@pytest.mark.parametrize(
    ("amount", "fee", "expected"),
    [
        (1000, 30, [(CLEARING, 1000), (BALANCE, -970), (FEES, -30)]),
        (1000, 0, [(CLEARING, 1000), (BALANCE, -1000)]),
        (1000, 1000, [(CLEARING, 1000), (FEES, -1000)]),
        (1, 0, [(CLEARING, 1), (BALANCE, -1)]),
    ],
)
def test_sale_is_owed_by_the_processor_to_merchant_and_partner(
    shop: Shop, amount: int, fee: int, expected: list[tuple[str, int]]
) -> None:
    with transaction(by=shop.partner.actor):
        transfer = make_transfer(shop, amount, fee)
        post_transfer(transfer)

        merchant = shop.merchant.pk
        assert written() == [(kind, merchant, amount, "USD") for kind, amount in expected]
        assert balances() == {(kind, merchant, "USD"): amount for kind, amount in expected}
        journal = Journal.objects.get()
    assert (journal.reason, journal.resource_kind, journal.resource_id, journal.posted_at, journal.application_id) == (
        "sale",
        "transfer",
        transfer.pk,
        AT,
        shop.application.pk,
    )


def test_legs_of_sum_to_zero_in_the_transfers_currency(shop: Shop) -> None:
    transfer = Transfer(merchant=shop.merchant, amount=500, fee=20, currency="CAD")

    legs = legs_of(transfer)

    assert legs == [
        shop.leg(CLEARING, 500, "CAD"),
        shop.leg(BALANCE, -480, "CAD"),
        shop.leg(FEES, -20, "CAD"),
    ]


def test_accounts_are_opened_once_per_kind_and_currency(shop: Shop) -> None:
    with transaction(by=shop.partner.actor):
        for currency, amount in [("USD", 100), ("USD", 200), ("CAD", 400)]:
            post_transfer(make_transfer(shop, amount, 10, currency=currency))

        merchant = shop.merchant.pk
        assert balances() == {
            (CLEARING, merchant, "USD"): 300,
            (BALANCE, merchant, "USD"): -280,
            (FEES, merchant, "USD"): -20,
            (CLEARING, merchant, "CAD"): 400,
            (BALANCE, merchant, "CAD"): -390,
            (FEES, merchant, "CAD"): -10,
        }


def test_post_is_one_statement_whether_accounts_are_there_or_not(shop: Shop, django_assert_num_queries: Any) -> None:
    with transaction(by=shop.partner.actor):
        first, second = make_transfer(shop, 100, 5), make_transfer(shop, 100, 5)
        with django_assert_num_queries(1):
            post_transfer(first)
        with django_assert_num_queries(1):
            post_transfer(second)


def test_several_legs_may_go_to_one_account_and_legs_of_nothing_are_left_out(shop: Shop) -> None:
    with transaction(by=shop.partner.actor):
        post_legs(shop, shop.leg(CLEARING, 10), shop.leg(BALANCE, -4), shop.leg(FEES, 0), shop.leg(BALANCE, -6))

        merchant = shop.merchant.pk
        assert written() == [
            (CLEARING, merchant, 10, "USD"),
            (BALANCE, merchant, -4, "USD"),
            (BALANCE, merchant, -6, "USD"),
        ]
        assert balances() == {(CLEARING, merchant, "USD"): 10, (BALANCE, merchant, "USD"): -10}


@pytest.mark.parametrize(
    ("amounts", "words"),
    [
        ([(10, "USD"), (-9, "USD")], "do not sum to zero"),
        ([(10, "USD"), (-10, "CAD")], "do not sum to zero"),
        ([(10, "USD")], "do not sum to zero"),
        ([(0, "USD"), (0, "CAD")], "nothing to post"),
        ([], "nothing to post"),
    ],
)
def test_post_refuses_what_does_not_balance_before_the_database_is_asked(
    shop: Shop, amounts: list[tuple[int, str]], words: str, django_assert_num_queries: Any
) -> None:
    legs = [shop.leg(BALANCE, amount, currency) for amount, currency in amounts]

    with transaction(by=shop.partner.actor):
        with django_assert_num_queries(0), pytest.raises(ValueError, match=words):
            post_legs(shop, *legs)
        assert (written(), balances()) == ([], {})


def test_resource_has_one_journal_of_a_reason(shop: Shop) -> None:
    with transaction(by=shop.partner.actor):
        transfer = make_transfer(shop, 100)
        post_transfer(transfer)

        with pytest.raises(IntegrityError, match="ledger_journal_once"), database.atomic():
            post_transfer(transfer)

        assert balances() == {(CLEARING, shop.merchant.pk, "USD"): 100, (BALANCE, shop.merchant.pk, "USD"): -100}
        post_legs(shop, *legs_of(transfer), reason="sale")  # of another resource
        assert len(written()) == 4


def test_post_to_an_application_out_of_sight_is_refused(shop: Shop) -> None:
    foreign = make_shop("Foreign")
    make_sale(foreign, 100)

    with (
        pytest.raises(ProgrammingError, match="violates row-level security policy"),
        transaction(by=shop.partner.actor),
    ):
        post_legs(foreign, foreign.leg(CLEARING, 1), foreign.leg(BALANCE, -1))


def test_account_of_another_applications_merchant_is_not_opened(shop: Shop) -> None:
    foreign = make_shop("Foreign")

    with transaction(by=shop.partner.actor), refused(IntegrityError, "ledger_account_merchant_id_same_tenant"):
        post_legs(shop, shop.leg(CLEARING, 1), foreign.leg(BALANCE, -1))


class TestReading:
    """One sale each in two applications; who sees which legs."""

    @pytest.fixture
    def transfer(self, shop: Shop) -> Transfer:
        make_sale(make_shop("Foreign"), 700, 7)
        make_sale(make_shop(beside=shop), 300, 3)
        return make_sale(shop, 100, 5)

    def read(self, shop: Shop, transfer: Transfer, by: Actor) -> tuple[list[Any], list[Any]]:
        with transaction(by=by):
            postings = [(row.account.kind, row.amount) for row in postings_of(transfer, by=by)]
            accounts = [(row.kind, row.balance) for row in balances_of(shop.merchant, by=by)]
        return postings, accounts

    def test_partner_and_platform_see_every_leg(self, shop: Shop, transfer: Transfer) -> None:
        expected = (
            [(CLEARING, 100), (BALANCE, -95), (FEES, -5)],
            [(BALANCE, -95), (FEES, -5), (CLEARING, 100)],
        )

        assert self.read(shop, transfer, shop.partner.actor) == expected
        assert self.read(shop, transfer, make_platform_login().actor) == expected

    def test_merchant_sees_its_balance_only(self, shop: Shop, transfer: Transfer) -> None:
        merchant = make_merchant_login(shop.identity).actor

        assert self.read(shop, transfer, merchant) == ([(BALANCE, -95)], [(BALANCE, -95)])
        with transaction(by=merchant):
            assert [row.resource_id for row in Journal.objects.visible_to(merchant)] == [transfer.pk]
            assert written(merchant) == [(BALANCE, shop.merchant.pk, -95, "USD")]

    def test_strangers_see_nothing(self, shop: Shop, transfer: Transfer) -> None:
        beside = make_shop(beside=shop)
        foreign = make_shop("Stranger")

        for stranger in [make_merchant_login(beside.identity), foreign.partner, make_merchant_login(foreign.identity)]:
            assert self.read(shop, transfer, stranger.actor) == ([], [])

    def test_postings_come_with_their_accounts(
        self, shop: Shop, transfer: Transfer, django_assert_num_queries: Any
    ) -> None:
        by = shop.partner.actor
        with transaction(by=by), django_assert_num_queries(1):
            postings = postings_of(transfer, by=by)
            assert [(row.journal.reason, row.account.currency) for row in postings] == [("sale", "USD")] * 3
