"""Settlements: what accrues, closes, is decided and paid, down to the cent and to the ledger."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from events.models import Event
from onboarding.models import Merchant, PaymentInstrument, ReviewItem
from onboarding.services.reviews import review
from payments import services
from payments.models import LedgerAccount, Settlement, SettlementEntry, Transfer
from payments.services import settlements
from payments.services.check import check_ledger
from payments.services.funding import Part
from payments.services.settlement_flags import flags_before_paying
from payments.services.settlement_reviews import item_of
from providers import attempts, feeds
from providers.models import Attempt
from resources import ids
from resources.errors import FieldError
from tenancy.actors import system
from tenancy.transactions import transaction
from tests.factories.onboarding import make_identity, make_merchant_identity
from tests.factories.payments import (
    let_time_pass,
    make_bank_account,
    make_card,
    make_merchant,
    make_processor,
    make_sale,
)
from tests.factories.tenancy import make_application

pytestmark = pytest.mark.django_db


Status = Settlement.Status


class Shop:
    """A merchant with a bank account that has sold for 100.00 and for 25.50, and what it takes to settle it."""

    def __init__(self, *, account: dict[str, Any] | None = None, **config: Any) -> None:
        self.application, _ = make_application("Acme")
        make_processor(self.application, **config)
        self.identity = make_merchant_identity(self.application)
        self.account = make_bank_account(self.identity, **(account or {}))
        self.merchant = make_merchant(self.identity)
        self.card = make_card(make_identity(self.application))
        self.sales = [self.sell(10_000, fee=300), self.sell(2_550)]

    def sell(self, amount: int, **options: Any) -> Transfer:
        return make_sale(self.merchant, self.card, amount, **options)

    def pass_time(self, seconds: float = 10) -> None:
        let_time_pass(self.application, seconds)
        feeds.hear(self.application.pk, "DUMMY_V1")
        let_time_pass(self.application, 0)

    def accrued(self) -> Settlement:
        self.pass_time()
        return services.create_settlement(merchant=self.merchant, currency="USD", by=system("test"), at=timezone.now())

    def closed(self) -> Settlement:
        return services.close_settlement(settlement=self.accrued(), by=system("test"), at=timezone.now())

    def decide(self, settlement: Settlement, outcome: str, reason: str = "", **options: Any) -> Settlement:
        with transaction(by=system("test")):
            item = item_of(settlement, system("test"))
        assert item is not None
        review(item=item, outcome=outcome, reason=reason, by=system("test"), at=timezone.now(), **options)
        return self.again(settlement)

    def paid(self) -> Settlement:
        settlement = self.decide(self.closed(), "ACCEPTED")
        self.work()
        return self.again(settlement)

    def work(self) -> None:
        """Ask for what was left to the worker, and let it become what it becomes."""
        self.resolve()
        self.pass_time()

    def resolve(self) -> None:
        with transaction(by=system("test")):
            open_ones = list(Attempt.objects.unresolved().filter(application=self.application))
        for attempt in open_ones:
            attempts.resolve(attempt.pk, self.application.pk)

    def again(self, settlement: Settlement) -> Settlement:
        with transaction(by=system("test")):
            return Settlement.objects.select_related("application").get(pk=settlement.pk)

    def deposits(self) -> list[Transfer]:
        with transaction(by=system("test")):
            return list(
                Transfer.objects.filter(subtype__in=Transfer.DEPOSITS, application=self.application).order_by(
                    "created_at"
                )
            )

    def pay(self, settlement: Settlement, amount: int, to: PaymentInstrument | None = None) -> Transfer:
        return services.fund_settlement(
            settlement=settlement,
            amount=amount,
            destination_id=(to or self.account).pk,
            by=system("test"),
            at=timezone.now(),
        )

    def switch_off(self) -> None:
        with transaction(by=system("test")):
            Merchant.objects.filter(pk=self.merchant.pk).update(settlement_enabled=False)

    def make_account_old(self) -> None:
        with transaction(by=system("test")):
            PaymentInstrument.objects.filter(pk=self.account.pk).update(created_at=timezone.now() - timedelta(days=30))

    def balances(self) -> dict[str, int]:
        with transaction(by=system("test")):
            return {row.kind: row.balance for row in LedgerAccount.objects.filter(merchant=self.merchant)}


def test_what_is_ready_accrues_with_its_fees() -> None:
    shop = Shop()

    settlement = shop.accrued()

    assert (settlement.status, settlement.entry_count) == (Status.PENDING, 2)
    assert (settlement.total_amount, settlement.total_fee, settlement.net_amount) == (12_550, 300, 12_250)
    assert shop.accrued().pk == settlement.pk
    with transaction(by=system("test")):
        assert SettlementEntry.objects.filter(settlement=settlement).count() == 2


def test_paid_settlement_leaves_nothing_owed() -> None:
    shop = Shop()

    settlement = shop.paid()

    (deposit,) = shop.deposits()
    assert (settlement.status, settlement.funded_amount, settlement.unfunded_amount) == (Status.APPROVED, 12_250, 0)
    assert (deposit.state, deposit.amount, deposit.destination_id) == ("SUCCEEDED", 12_250, shop.account.pk)
    assert deposit.expected_on is not None
    assert shop.balances() == {
        "PROCESSOR_CLEARING": 300, "MERCHANT_BALANCE": 0, "PARTNER_FEES": -300, "SETTLEMENT_PAYABLE": 0,
    }  # fmt: skip
    assert check_ledger(by=system("test")).broken == ()


def test_rejected_settlement_frees_its_transfers() -> None:
    shop = Shop()

    first = shop.decide(shop.closed(), "REJECTED", "The shop is closed.")
    second = shop.accrued()

    assert (first.status, first.reason) == (Status.CANCELLED, "The shop is closed.")
    assert (second.pk != first.pk, second.total_amount, second.entry_count) == (True, 12_550, 2)
    assert shop.balances()["SETTLEMENT_PAYABLE"] == 0
    assert check_ledger(by=system("test")).broken == ()


def test_removed_transfer_goes_with_the_next() -> None:
    shop = Shop()
    settlement = shop.closed()

    left = services.remove_transfers(
        settlement=settlement, transfer_ids=[shop.sales[0].pk], by=system("test"), at=timezone.now()
    )

    assert (left.entry_count, left.total_amount, left.total_fee) == (1, 2_550, 0)
    assert shop.balances()["SETTLEMENT_PAYABLE"] == -2_550
    assert shop.accrued().total_amount == 10_000
    with pytest.raises(services.NotInSettlement):
        services.remove_transfers(
            settlement=settlement, transfer_ids=[shop.sales[0].pk], by=system("test"), at=timezone.now()
        )


def test_negative_net_is_carried_into_the_next() -> None:
    shop = Shop()
    shop.paid()
    services.create_reversal(transfer=shop.sales[0], amount=4_000, by=system("test"), at=timezone.now())

    lacking = shop.decide(shop.closed(), "ACCEPTED")
    shop.sell(9_000)
    following = shop.accrued()

    assert (lacking.net_amount, lacking.funded_amount, "NEGATIVE_NET" in lacking.flags) == (-4_000, 0, True)
    assert (following.entry_count, following.net_amount) == (2, 5_000)
    assert len(shop.deposits()) == 1
    assert check_ledger(by=system("test")).broken == ()


def test_returned_deposit_is_to_be_paid_again() -> None:
    shop = Shop(account={"account_number": "123120007"}, sandbox_profile="finix-2026")
    settlement = shop.paid()
    shop.pass_time()

    settlement = shop.again(settlement)
    (deposit,) = shop.deposits()
    with transaction(by=system("test")):
        back = Transfer.objects.get(parent=deposit)

    assert deposit.returned_at is not None
    assert (back.type, back.subtype, back.messages[0]) == ("REVERSAL", "SYSTEM", "R02")
    assert (settlement.funded_amount, settlement.unfunded_amount) == (0, 12_250)
    assert shop.balances()["SETTLEMENT_PAYABLE"] == -12_250
    other = make_bank_account(shop.identity, account_number="123456")
    services.fund_settlement(
        settlement=settlement, amount=12_250, destination_id=other.pk, by=system("test"), at=timezone.now()
    )
    shop.work()
    assert shop.again(settlement).unfunded_amount == 0
    assert shop.balances()["SETTLEMENT_PAYABLE"] == 0
    assert check_ledger(by=system("test")).broken == ()


def test_schedule_closes_at_midnight() -> None:
    shop = Shop()
    settlement = shop.accrued()
    assert settlement.closes_at is not None

    let_time_pass(shop.application, timedelta(days=1).total_seconds())
    settlements.close_due(by=system("test"), at=timezone.now())

    assert shop.again(settlement).status == Status.AWAITING_APPROVAL
    with transaction(by=system("test")):
        item = ReviewItem.objects.get(entity_id=settlement.pk)
    assert (item.entity_type, item.outcome, item.merchant_id) == ("SETTLEMENT", "PENDING", shop.merchant.pk)


def test_account_added_after_closing_is_paid_only_by_name() -> None:
    shop = Shop()
    shop.make_account_old()
    settlement = shop.closed()
    shop.pass_time()
    added = make_bank_account(shop.identity, account_number="987654321")

    with pytest.raises(services.AccountNotNamed):
        shop.decide(settlement, "ACCEPTED")
    approved = shop.decide(settlement, "ACCEPTED", destination_id=added.pk)

    assert (settlement.flags, approved.flags) == (["FIRST_PAYOUT"], ["FIRST_PAYOUT", "BANK_ACCOUNT_CHANGED"])
    assert approved.destination_id == added.pk


def test_flags_of_accounts_are_those_of_the_one_that_is_paid() -> None:
    shop = Shop()
    shop.make_account_old()
    with transaction(by=system("test")):
        old = PaymentInstrument.objects.get(pk=shop.account.pk)
    new = make_bank_account(shop.identity, account_number="987654321")
    settlement = shop.closed()

    assert settlement.flags == ["FIRST_PAYOUT", "BANK_ACCOUNT_CHANGED"]
    assert flags_before_paying(settlement, old) == ["FIRST_PAYOUT"]
    assert flags_before_paying(settlement, new) == ["FIRST_PAYOUT", "BANK_ACCOUNT_CHANGED"]
    assert flags_before_paying(settlement, None) == ["FIRST_PAYOUT", "NO_BANK_ACCOUNT"]


def test_accounts_in_another_currency_are_not_paid() -> None:
    shop = Shop(default_currencies=["USD", "CAD"])
    shop.sell(5_000, currency="CAD")
    shop.pass_time()
    settlement = services.create_settlement(
        merchant=shop.merchant, currency="CAD", by=system("test"), at=timezone.now()
    )
    settlement = services.close_settlement(settlement=settlement, by=system("test"), at=timezone.now())
    assert "NO_BANK_ACCOUNT" in settlement.flags

    with pytest.raises(services.NoBankAccount, match="no bank account in CAD"):
        shop.decide(settlement, "ACCEPTED")
    with pytest.raises(FieldError, match="no bank account of the merchant in CAD"):
        shop.decide(settlement, "ACCEPTED", destination_id=shop.account.pk)
    own = make_bank_account(shop.identity, account_number="11111", currency="CAD")
    make_bank_account(shop.identity, account_number="22222")

    assert shop.decide(settlement, "ACCEPTED", destination_id=own.pk).destination_id == own.pk


def test_nothing_is_closed_while_settlement_is_off() -> None:
    shop = Shop()
    settlement = shop.accrued()
    shop.switch_off()

    with pytest.raises(services.SettlementDisabled):
        services.close_settlement(settlement=settlement, by=system("test"), at=timezone.now())

    assert shop.again(settlement).status == Status.PENDING


def test_nothing_is_paid_again_while_settlement_is_off() -> None:
    shop = Shop(account={"account_number": "123120007"}, sandbox_profile="finix-2026")
    settlement = shop.paid()
    shop.pass_time()
    shop.switch_off()

    with pytest.raises(services.SettlementDisabled):
        shop.pay(settlement, 12_250)

    assert shop.again(settlement).funded_amount == 0


def test_parts_are_for_processors_that_allow_them() -> None:
    shop = Shop()
    settlement = shop.closed()

    with pytest.raises(FieldError, match="All 12250 is paid at once"):
        shop.decide(settlement, "ACCEPTED", part=Part(ids.new_id(), 12_249))

    assert shop.decide(settlement, "ACCEPTED", part=Part(ids.new_id(), 12_250)).funded_amount == 12_250


def test_rest_of_what_was_paid_in_parts_is_paid_once_parts_are_off() -> None:
    shop = Shop(allow_split_payouts=True)
    settlement = shop.decide(shop.closed(), "ACCEPTED", part=Part(ids.new_id(), 6_000))
    with transaction(by=system("test")):
        settlement.processor.application_config["allow_split_payouts"] = False
        settlement.processor.save()

    with pytest.raises(FieldError, match="All 6250 is paid at once"):
        shop.pay(settlement, 6_249)

    assert shop.pay(settlement, 6_250).subtype == "SPLIT_PAYOUT"


def test_further_payment_is_told_and_names_its_account() -> None:
    shop = Shop(account={"account_number": "123120007"}, sandbox_profile="finix-2026")
    settlement = shop.paid()
    shop.pass_time()
    before = shop.again(settlement)
    other = make_bank_account(shop.identity, account_number="123456")
    let_time_pass(shop.application, 60)

    shop.pay(before, 12_250, other)

    after = shop.again(settlement)
    assert (after.destination_id, after.updated_at > before.updated_at) == (other.pk, True)
    with transaction(by=system("test")):
        told = Event.objects.filter(resource_id=settlement.pk, kind="settlement.updated").order_by("sequence").last()
    assert told is not None
    assert told.changes == {
        "funded_amount": [0, 12_250], "destination": [shop.account.public_id, other.public_id],
    }  # fmt: skip
