"""What a provider knows, taken over anew: copied rows are deleted, and come back as they were."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from events.models import Audit, Event
from onboarding.models import Merchant, PaymentInstrument, Verification
from payments.models import HOLD_LASTS, Authorization, Journal, LedgerAccount, Posting, Transfer, TransferBatch
from payments.services.accrual import accrue_all
from payments.services.check import check_ledger
from payments.services.expiry import release_expired
from providers import copying, feeds, port
from providers.port import Account, Sell
from providers.registry import provider_of
from resources import ids
from tenancy.actors import system
from tenancy.models import Processor
from tenancy.transactions import outcome, transaction
from tests.conftest import ApiClient
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
from tests.payments.counter import Counter, again, make_returning_account
from tests.payments.paydesk import RETURNING
from tests.payments.test_settlements import Shop as SettlementShop
from tests.providers.scripted import Scripted, stand_behind_processors

pytestmark = pytest.mark.django_db

COPIED: tuple[Any, ...] = (PaymentInstrument, Merchant, Verification, TransferBatch, Authorization, Transfer)
OURS: dict[Any, set[str]] = {
    PaymentInstrument: {"copied_at"},
    Merchant: {"copied_at", "merchant_profile_id"},
    Verification: {"copied_at"},
    TransferBatch: {"copied_at"},
    Authorization: {"copied_at", "fee", "three_d_secure", "additional_purchase_data", "released_at"},
    Transfer: {"copied_at", "three_d_secure", "additional_purchase_data"},
}
"""What a provider does not keep for us: when we copied, settings of our own, and when we noticed that a time passed."""
MOMENTS = {"created_at", "updated_at"}
"""Ours are of the request, theirs of its arrival, a moment later."""
AT = datetime(2026, 11, 20, 12, tzinfo=UTC)


class Shop:
    """One of each: approved, held and rejected merchants, a retry; cards and accounts; payments of every ending."""

    def __init__(self) -> None:
        self.application, self.login = make_application()
        make_processor(self.application, can_debit_bank_account=True, sandbox_profile="finix-2026")
        make_processor(self.application, Processor.Name.VISA_V1)
        identity = make_merchant_identity(self.application)
        self.merchant = make_merchant(identity)
        for tax_id in ("000000002", "000000003"):
            make_merchant(make_merchant_identity(self.application, business_tax_id=tax_id))
        buyer = make_identity(self.application)
        make_bank_account(identity, tags={"for": "payouts"})
        card, stolen = make_card(buyer), make_card(buyer, number="4000000000000119")
        sale = make_sale(self.merchant, card, amount=5000, fee=200, tags={"order": "1"})
        make_sale(self.merchant, card, amount=102, idempotency_id="one")
        make_sale(self.merchant, stolen)
        receiver = make_merchant(buyer, "VISA_V1")
        self.counter = Counter(self.application, self.login, self.merchant, buyer, receiver, card)
        self._give_back(sale)
        self._hold()
        self.counter.push(4200)
        self.counter.pull(4300)
        self._debit_accounts()
        let_time_pass(self.application, 0)
        ApiClient(self.login).post(f"/merchants/{self.merchant.public_id}/verifications", {})
        let_time_pass(self.application, 0)
        let_time_pass(self.application, 60)
        for _ in range(2):  # of returns it is told a moment after they happened
            feeds.hear(self.application.pk, "DUMMY_V1")
            let_time_pass(self.application, 60)

    def _give_back(self, sale: Transfer) -> None:
        for amount in (700, 800):
            self.counter.refund(sale, amount)
        takes_none = make_card(self.counter.buyer, number="4000000000000135")
        assert self.counter.refund(self.counter.sell(900, takes_none), 900).state == "FAILED"

    def _hold(self) -> None:
        """Left alone, captured in part, captured at the second try, declined, void, and not void after all."""
        counter = self.counter
        counter.hold(1000, tags={"hold": "1"}, idempotency_id="hold")
        counter.capture(counter.hold(1000), 400)
        twice = counter.hold(1000)
        assert [counter.capture(twice, amount).state for amount in (102, 300)] == ["FAILED", "SUCCEEDED"]
        counter.refund(counter.captures(twice)[-1], 30)
        counter.hold(102)
        counter.void(counter.hold(1000))

    def _debit_accounts(self) -> None:
        """With a batch; one of them is given back in part, and the other one by its bank."""
        debits = [
            self.counter.sell(600, make_bank_account(self.counter.buyer)),
            self.counter.sell(650, make_returning_account(self.counter)),
        ]
        let_time_pass(self.application, 6)
        assert [again(debit).state for debit in debits] == ["SUCCEEDED"] * 2
        self.counter.refund(debits[0], 60)

    @property
    def account(self) -> Account:
        return Account(self.application.pk)

    def copy_everything(self) -> int:
        return copying.copy_everything("DUMMY_V1", self.account, by=system("test"), at=AT)

    def rows(self, model: Any) -> dict[Any, dict[str, Any]]:
        with transaction(by=system("test")):
            rows = model.objects.filter(application_id=self.application.pk).values()
            return {
                row["id"]: {name: value for name, value in row.items() if name not in OURS.get(model, ())}
                for row in rows
            }

    def everything_else(self) -> list[Any]:
        return [self.rows(model) for model in (Event, Audit, LedgerAccount, Journal, Posting)]


@pytest.fixture
def shop() -> Shop:
    return Shop()


def test_deleted_rows_come_back_as_they_were(shop: Shop) -> None:
    before = [shop.rows(model) for model in COPIED]
    others = shop.everything_else()

    with transaction(by=system("test")), connection.cursor() as cursor:
        for model in COPIED:
            cursor.execute(f"DELETE FROM {model._meta.db_table} WHERE application_id = %s", [shop.application.pk])
    assert [shop.rows(model) for model in COPIED] == [{}] * len(COPIED)
    count = shop.copy_everything()
    with transaction(by=system("test")), connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")

    assert count == sum(len(rows) for rows in before)
    assert [difference for model, rows in zip(COPIED, before, strict=True)
            for difference in differences(model, rows, shop.rows(model))] == []  # fmt: skip
    assert shop.everything_else() == others
    assert shop.counter.differences() == []


def test_sums_and_takings_come_back_with_what_they_sum_up(shop: Shop) -> None:
    before = {key: row["refunded_amount"] for key, row in shop.rows(Transfer).items() if row["refunded_amount"]}
    taken = {key: row["capture_amount"] for key, row in shop.rows(Authorization).items() if row["capture_amount"]}
    returned = [row["id"] for row in shop.rows(Transfer).values() if row["returned_at"]]
    assert (sorted(before.values()), sorted(taken.values()), len(returned)) == ([30, 60, 1500], [300, 400], 1)

    with transaction(by=system("test")), connection.cursor() as cursor:
        for model in (Transfer, Authorization):
            cursor.execute(f"DELETE FROM {model._meta.db_table} WHERE application_id = %s", [shop.application.pk])
    shop.copy_everything()

    after = shop.rows(Transfer)
    assert {key: row["refunded_amount"] for key, row in after.items() if row["refunded_amount"]} == before
    assert [row["id"] for row in after.values() if row["returned_at"]] == returned
    holds = shop.rows(Authorization)
    assert {key: row["capture_amount"] for key, row in holds.items() if row["capture_amount"]} == taken
    with transaction(by=system("test")):
        assert Journal.objects.filter(application=shop.application).count() == sum(
            row["state"] == "SUCCEEDED" for row in after.values()
        )


def test_copied_hold_ends_like_any_other(shop: Shop) -> None:
    """When a hold expired, the provider does not tell; the worker notices it anew."""
    expired = list(shop.rows(Authorization))
    later = timezone.now() + HOLD_LASTS + timedelta(days=1)
    assert release_expired(by=system("test"), at=later) == 1
    with transaction(by=system("test")):
        before = dict(Authorization.objects.values_list("id", "released_at"))
    with transaction(by=system("test")), connection.cursor() as cursor:
        cursor.execute("DELETE FROM transfer WHERE application_id = %s", [shop.application.pk])
        cursor.execute("DELETE FROM card_authorization WHERE application_id = %s", [shop.application.pk])

    shop.copy_everything()
    assert release_expired(by=system("test"), at=later) == 1

    with transaction(by=system("test")):
        after = dict(Authorization.objects.values_list("id", "released_at"))
    assert sorted(after) == sorted(expired)
    assert {key for key, moment in after.items() if moment} == {key for key, moment in before.items() if moment}


def differences(model: Any, before: dict[Any, Any], after: dict[Any, Any]) -> list[tuple[str, str, Any, Any]]:
    """Table, column and both values of whatever is not as it was; rows that are gone or new as a whole."""
    found = [(model.__name__, "row", before.get(key), after.get(key)) for key in before.keys() ^ after.keys()]
    for key in before.keys() & after.keys():
        found += [
            (model.__name__, name, value, after[key][name])
            for name, value in before[key].items()
            if after[key][name] != value
            and not (name in MOMENTS and timedelta(0) < after[key][name] - value < timedelta(seconds=5))
        ]
    return found


def test_what_is_known_already_stays_untouched(shop: Shop) -> None:
    before = [shop.rows(model) for model in COPIED]
    others = shop.everything_else()

    assert shop.copy_everything() == shop.copy_everything() == sum(len(rows) for rows in before)

    assert [shop.rows(model) for model in COPIED] == before
    assert shop.everything_else() == others


def test_sale_that_we_never_heard_of_comes_with_its_journal_and_without_events(shop: Shop) -> None:
    with transaction(by=system("test")):
        card = PaymentInstrument.objects.filter(application=shop.application, bin="489514").get()
    events = shop.rows(Event)
    sold = Sell(
        id=ids.new_id(), merchant_id=shop.merchant.pk, source_id=card.pk, amount=7100, currency="USD", fee=100,
        tags={"taken": "elsewhere"},
    )  # fmt: skip
    provider_of("DUMMY_V1").carry_out(sold, reference="elsewhere-1", account=shop.account)

    shop.copy_everything()

    with transaction(by=system("test")):
        transfer = Transfer.objects.get(pk=sold.id)
        legs = Posting.objects.filter(journal__resource_id=sold.id).values_list("account__kind", "amount")
        assert dict(legs) == {"PROCESSOR_CLEARING": 7100, "MERCHANT_BALANCE": -7000, "PARTNER_FEES": -100}
    assert (transfer.state, transfer.amount, transfer.tags) == ("SUCCEEDED", 7100, {"taken": "elsewhere"})
    assert (transfer.merchant_id, transfer.provider) == (shop.merchant.pk, "sandbox")
    assert shop.rows(Event) == events


def test_capture_comes_back_though_its_hold_was_released_meanwhile(shop: Shop) -> None:
    """The rows were lost, and the worker noticed that the hold's time had passed before it was copied back."""
    counter = shop.counter
    held = counter.hold(1000)
    taken = counter.capture(held, 1000)
    with transaction(by=system("test")), connection.cursor() as cursor:
        cursor.execute(
            "UPDATE card_authorization SET transfer_id = NULL, capture_amount = NULL WHERE id = %s", [held.pk]
        )
        cursor.execute("DELETE FROM transfer WHERE id = %s", [taken.pk])
    release_expired(by=system("test"), at=timezone.now() + HOLD_LASTS + timedelta(days=1))
    assert again(held).released_at is not None

    shop.copy_everything()

    held = again(held)
    assert (held.transfer_id, held.capture_amount, held.released_at) == (taken.pk, 1000, None)
    assert counter.differences() == []


def test_word_that_cannot_be_taken_does_not_hold_up_the_others(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    before = shop.rows(Transfer)
    words = list(provider_of("DUMMY_V1").tell_all(account=shop.account))
    of_nobody = replace(next(word for word in words if isinstance(word, port.Transfer)), id=ids.new_id())
    words.insert(0, replace(of_nobody, merchant_id=ids.new_id()))
    teller = Scripted()
    monkeypatch.setattr(teller, "tell_all", lambda **_: iter(words))
    monkeypatch.setattr(copying, "provider_of", lambda _processor: teller)
    with transaction(by=system("test")), connection.cursor() as cursor:
        cursor.execute("DELETE FROM transfer WHERE application_id = %s", [shop.application.pk])

    assert shop.copy_everything() == len(words) - 1

    assert shop.rows(Transfer).keys() == before.keys()
    assert "news_not_taken" in caplog.text


@pytest.mark.parametrize("states", [("SUCCEEDED",), ("FAILED",), ("FAILED", "SUCCEEDED")])
def test_void_that_was_asked_for_elsewhere_is_taken_over(shop: Shop, states: tuple[str, ...]) -> None:
    held = shop.counter.hold(1000)
    told = next(word for word in provider_of("DUMMY_V1").tell_all(account=shop.account) if word.id == held.pk)
    assert isinstance(told, port.Authorization)

    for number, state in enumerate(states):
        hear(shop, replace(told, version=f"{number + 2:08}", void_state=state))

    held = again(held)
    is_void = states[-1] == "SUCCEEDED"
    assert (held.void_state, held.is_void, held.released_at is not None) == (states[-1], is_void, is_void)
    if not is_void:
        assert shop.counter.void(held).voids == 2


def test_void_of_what_was_captured_is_recorded_and_changes_nothing(shop: Shop) -> None:
    held = shop.counter.hold(1000)
    taken = shop.counter.capture(held)
    told = next(word for word in provider_of("DUMMY_V1").tell_all(account=shop.account) if word.id == held.pk)
    assert isinstance(told, port.Authorization)

    hear(shop, replace(told, version="9" * 8, void_state="SUCCEEDED"))

    held = again(held)
    assert (held.void_state, held.is_void, held.transfer_id) == ("UNATTEMPTED", False, taken.pk)
    with transaction(by=system("test")):
        event = Event.objects.filter(resource_id=held.pk).order_by("sequence").last()
    assert event is not None
    assert (event.kind, event.changes) == ("authorization.contradicted", {"void_state": ["UNATTEMPTED", "SUCCEEDED"]})


def test_capture_that_met_a_void_from_elsewhere_fails_and_tells_it(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    held = shop.counter.hold(1000)
    told = next(word for word in provider_of("DUMMY_V1").tell_all(account=shop.account) if word.id == held.pk)
    assert isinstance(told, port.Authorization)
    teller = Scripted()
    code = "AUTHORIZATION_EXPIRED_OR_ALREADY_CAPTURED"
    teller.answers = [
        port.Answer(port.Verdict.REFUSED, (replace(told, version="9" * 8, void_state="SUCCEEDED"),), code=code)
    ]
    stand_behind_processors(teller, monkeypatch)

    taken = shop.counter.capture(held)

    assert (taken.state, taken.failure_code) == ("FAILED", code)
    held = again(held)
    assert (held.void_state, held.is_void, held.transfer_id) == ("SUCCEEDED", True, None)


def hear(shop: Shop, word: port.News) -> None:
    with outcome(by=system("test"), at=timezone.now()) as current:
        copying.copy(current, shop.account, "sandbox", word)


@pytest.mark.parametrize("ready_upon", ["RECONCILIATION", "SUCCESSFUL_CAPTURE"])
def test_deposit_and_its_return_come_back_as_what_is_never_settled(ready_upon: str) -> None:
    """Which settlement a deposit pays, the provider does not know; so the ledger's check names it."""
    desk = SettlementShop(account=RETURNING, sandbox_profile="finix-2026")
    with transaction(by=system("test")):
        Merchant.objects.filter(pk=desk.merchant.pk).update(ready_to_settle_upon=ready_upon)
    settlement = desk.paid()
    desk.pass_time()
    (deposit,) = desk.deposits()
    assert deposit.returned_at is not None
    with transaction(by=system("test")), connection.cursor() as cursor:
        cursor.execute("DELETE FROM transfer WHERE parent_id = %s OR id = %s", [deposit.pk] * 2)

    copying.copy_everything("DUMMY_V1", Account(desk.application.pk), by=system("test"), at=AT)

    (deposit,) = desk.deposits()
    assert (deposit.ready_to_settle_upon, deposit.ready_to_settle_at, deposit.settlement_id) == (None, None, None)
    assert deposit.returned_at is not None
    with transaction(by=system("test")):
        back = Transfer.objects.get(parent=deposit)
    assert (back.ready_to_settle_upon, back.ready_to_settle_at) == (None, None)
    assert accrue_all(by=system("test"), at=timezone.now()) == 0
    assert desk.again(settlement).unfunded_amount == 12_250
    assert check_ledger(by=system("test")).broken == (f"{deposit.public_id} is a deposit, but pays no settlement.",)


def test_debit_of_a_bank_account_comes_back_ready_only_upon_the_banks_word(shop: Shop) -> None:
    with transaction(by=system("test")):
        Merchant.objects.filter(pk=shop.merchant.pk).update(ready_to_settle_upon="SUCCESSFUL_CAPTURE")
        debit = Transfer.objects.filter(instrument_type="BANK_ACCOUNT", type="DEBIT").first()
    assert debit is not None
    with transaction(by=system("test")), connection.cursor() as cursor:
        cursor.execute("DELETE FROM transfer WHERE application_id = %s", [shop.application.pk])

    shop.copy_everything()

    assert again(debit).ready_to_settle_upon == "RECONCILIATION"
