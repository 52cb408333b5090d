"""Each fault on demand: what the caller sees, whether the act was carried out, and which calls it befalls."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connections
from django.test import override_settings

from providers.port import NotSent, OutcomeUnknown, Transfer, Verdict
from providers.sandbox import faults
from providers.sandbox.faults import NoSuchFault
from providers.sandbox.models import Fault
from tenancy.actors import system
from tenancy.models import Application
from tenancy.transactions import transaction
from tests.factories.tenancy import make_application
from tests.providers.shop import Shop, bank_account_act, card_act, merchant_act, transfer_in, verify_act

KIND = Fault.Kind


@pytest.fixture
def shop(db: None) -> Shop:
    application, _ = make_application()
    return Shop(application)


def arrange(shop: Shop, kind: str, **narrower: Any) -> Fault:
    return faults.arrange(application_id=shop.application.pk, kind=kind, **narrower)


def outcome(shop: Shop, act: Any) -> str:
    """How the call ended, in one word."""
    try:
        return str(shop.ask(act).verdict)
    except NotSent:
        return "NOT_SENT"
    except OutcomeUnknown as error:
        return str(error)


@pytest.mark.parametrize(
    ("kind", "seen", "is_executed"),
    [
        (KIND.UNREACHABLE, "NOT_SENT", False),
        (KIND.TIMEOUT_BEFORE, "TIMEOUT", False),
        (KIND.TIMEOUT_AFTER, "TIMEOUT", True),
        (KIND.ERROR_BEFORE, "SERVER_ERROR", False),
        (KIND.ERROR_AFTER, "SERVER_ERROR", True),
        (KIND.MALFORMED, "MALFORMED_ANSWER", True),
    ],
)
@pytest.mark.parametrize("operation", ["sell", "tokenise_card", "tokenise_bank_account", "provision_merchant"])
def test_lost_answer(shop: Shop, kind: str, seen: str, is_executed: bool, operation: str) -> None:
    act = {
        "sell": lambda: shop.sale_act(4711),
        "tokenise_card": card_act,
        "tokenise_bank_account": bank_account_act,
        "provision_merchant": merchant_act,
    }[operation]()
    before = len(shop.told())
    arrange(shop, kind, operation=operation, times=1)

    ended = outcome(shop, act)

    found = shop.look_up(act.id)
    assert (ended, found is not None) == (seen, is_executed)
    assert (len(shop.told()) > before) is is_executed
    assert shop.ask(act).verdict == Verdict.ACCEPTED
    assert found in (None, shop.ask(act))


def test_verification_is_lost_like_the_rest(shop: Shop) -> None:
    act = verify_act(shop.merchant())
    arrange(shop, KIND.ERROR_AFTER, operation="verify_merchant", times=1)

    assert (outcome(shop, act), outcome(shop, act)) == ("SERVER_ERROR", "ACCEPTED")


def test_latency_delays_the_answer(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    monkeypatch.setattr(time, "sleep", slept.append)
    act = shop.sale_act(100)
    arrange(shop, KIND.LATENCY, seconds=2.5)

    assert (outcome(shop, act), slept) == ("ACCEPTED", [2.5])


def test_latency_beyond_the_time_limit_loses_the_answer_after_the_effect(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    slept: list[float] = []
    monkeypatch.setattr(time, "sleep", slept.append)
    act = shop.sale_act(100)
    arrange(shop, KIND.LATENCY, seconds=16, operation="sell")

    assert (outcome(shop, act), slept) == ("TIMEOUT", [15.0])
    assert transfer_in(shop.look_up(act.id)).state == "SUCCEEDED"


@pytest.mark.parametrize(("kind", "told"), [(KIND.OTHER_AMOUNT, (4712, "USD")), (KIND.OTHER_CURRENCY, (4711, "EUR"))])
def test_answer_tells_another_sale_than_was_made(shop: Shop, kind: str, told: tuple[int, str]) -> None:
    act = shop.sale_act(4711)
    arrange(shop, kind, times=1)

    said, found = transfer_in(shop.ask(act)), transfer_in(shop.look_up(act.id))

    assert (said.amount, said.currency) == told
    assert (found.amount, found.currency) == (4711, "USD")


def test_other_currency_differs_from_euros_too(shop: Shop) -> None:
    arrange(shop, KIND.OTHER_CURRENCY, operation="sell")

    assert transfer_in(shop.sale(4711, currency="EUR")).currency == "USD"


def test_duplicate_is_carried_out_once(shop: Shop) -> None:
    act = shop.sale_act(4711)
    arrange(shop, KIND.DUPLICATE, times=1)

    answer = shop.ask(act)

    assert (answer.verdict, transfer_in(answer).id) == (Verdict.ACCEPTED, act.id)
    assert [news.id for news in shop.told() if isinstance(news, Transfer)] == [act.id]
    assert faults.arranged(shop.application.pk) == []


def test_refused_sale_is_kept_as_failed(shop: Shop) -> None:
    act = shop.sale_act(4711)
    arrange(shop, KIND.REFUSED, times=1)

    answer = shop.ask(act)

    assert (answer.verdict, answer.code, transfer_in(answer).state) == (Verdict.REFUSED, "GENERIC_DECLINE", "FAILED")
    assert shop.look_up(act.id) == shop.ask(act) == answer


def test_refused_card_is_not_kept(shop: Shop) -> None:
    act = card_act()
    arrange(shop, KIND.REFUSED, times=1)

    answer = shop.ask(act)

    assert (answer.verdict, answer.code, answer.news) == (Verdict.REFUSED, "GENERIC_DECLINE", ())
    assert answer.message == "The payment was declined."
    assert shop.look_up(act.id) == shop.ask(act) == answer
    assert shop.told() == []


@pytest.mark.parametrize(
    ("narrower", "fits"),
    [
        ({}, True),
        ({"operation": "sell"}, True),
        ({"operation": "look_up"}, False),
        ({"amount": 4711}, True),
        ({"amount": 4712}, False),
        ({"key": "order-1"}, True),
        ({"key": "reference-1"}, True),
        ({"key": "order"}, False),
        ({"operation": "sell", "amount": 4711, "key": "order-1"}, True),
        ({"operation": "sell", "amount": 4711, "key": "order-2"}, False),
    ],
)
def test_fault_befalls_what_fits_all_that_is_told(shop: Shop, narrower: dict[str, Any], fits: bool) -> None:
    act = shop.sale_act(4711, idempotency_id="order-1")
    arrange(shop, KIND.UNREACHABLE, **narrower)

    try:
        shop.ask(act, "reference-1")
    except NotSent:
        assert fits
    else:
        assert not fits


def test_fault_of_an_amount_is_not_of_a_card(shop: Shop) -> None:
    arrange(shop, KIND.UNREACHABLE, amount=100)

    assert outcome(shop, card_act()) == "ACCEPTED"


def test_fault_of_another_application_is_its_own(shop: Shop) -> None:
    other, _ = make_application("Other")
    arrange(shop, KIND.UNREACHABLE)

    assert outcome(Shop(other), card_act()) == "ACCEPTED"


@pytest.mark.parametrize(
    ("kind", "seen"),
    [
        (KIND.UNREACHABLE, NotSent),
        (KIND.TIMEOUT_BEFORE, OutcomeUnknown),
        (KIND.ERROR_AFTER, OutcomeUnknown),
        (KIND.MALFORMED, OutcomeUnknown),
    ],
)
def test_look_up_fails_too(shop: Shop, kind: str, seen: type[Exception]) -> None:
    card = shop.card()
    arrange(shop, kind, operation="look_up", times=1)

    with pytest.raises(seen):
        shop.look_up(card.id)

    assert shop.look_up(card.id) is not None


def test_look_up_of_nothing_stays_nothing_under_a_fault_that_distorts(shop: Shop) -> None:
    arrange(shop, KIND.OTHER_AMOUNT)

    assert shop.look_up("reference-1") is None


@pytest.mark.parametrize("kind", sorted(KIND.of_acts_only()))
def test_fault_of_acts_is_not_used_up_by_a_look_up(shop: Shop, kind: str) -> None:
    card = shop.card()
    arrange(shop, kind, times=1)

    answer = shop.look_up(card.id)

    assert answer is not None
    assert answer.verdict == Verdict.ACCEPTED
    assert [fault.times for fault in faults.arranged(shop.application.pk)] == [1]


def test_faults_come_in_their_order_and_so_often(shop: Shop) -> None:
    arrange(shop, KIND.UNREACHABLE, times=2)
    arrange(shop, KIND.TIMEOUT_AFTER, times=1)

    seen = [outcome(shop, card_act()) for _ in range(4)]

    assert seen == ["NOT_SENT", "NOT_SENT", "TIMEOUT", "ACCEPTED"]


def test_fault_without_a_number_lasts_until_it_is_cleared(shop: Shop) -> None:
    arrange(shop, KIND.UNREACHABLE)
    before = [outcome(shop, card_act()) for _ in range(3)]

    cleared = faults.clear(shop.application.pk)

    assert (before, cleared, outcome(shop, card_act())) == (["NOT_SENT"] * 3, 1, "ACCEPTED")


@pytest.mark.usefixtures("own_database")
def test_fault_that_happens_three_times_does_so_however_many_call_at_once() -> None:
    application, _ = make_application()
    shop = Shop(application)
    arrange(shop, KIND.UNREACHABLE, times=3)
    together = threading.Barrier(8)

    def ask(_: int) -> str:
        try:
            together.wait()
            return outcome(shop, card_act())
        finally:
            connections.close_all()

    with ThreadPoolExecutor(8) as pool:
        seen = sorted(pool.map(ask, range(8)))

    assert seen == ["ACCEPTED"] * 5 + ["NOT_SENT"] * 3


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": "EARTHQUAKE"},
        {"kind": "UNREACHABLE", "operation": "juggle"},
        {"kind": "REFUSED", "operation": "look_up"},
        {"kind": "DUPLICATE", "operation": "look_up"},
        {"kind": "UNREACHABLE", "times": 0},
        {"kind": "UNREACHABLE", "seconds": 3},
        {"kind": "LATENCY"},
        {"kind": "LATENCY", "seconds": -1},
    ],
)
def test_fault_that_makes_no_sense_is_not_arranged(shop: Shop, wrong: dict[str, Any]) -> None:
    with pytest.raises(NoSuchFault):
        arrange(shop, **wrong)

    assert faults.arranged(shop.application.pk) == []


def test_constraint_holds(shop: Shop) -> None:
    arrange(shop, KIND.LATENCY, seconds=1)

    with pytest.raises(IntegrityError, match="sandbox_fault_seconds"), transaction(by=system("test")):
        Fault.objects.update(seconds=-1)


class TestFaultCommand:
    def test_arranges_lists_and_takes_back(self, shop: Shop) -> None:
        name = shop.application.public_id

        said = run("sandbox_fault", name, kind="LATENCY", operation="sell", amount=100, seconds=2.5, times=3)

        assert said == "LATENCY, operation sell, amount 100, seconds 2.5, 3 times\n"
        assert run("sandbox_fault", name, list=True) == said
        (fault,) = faults.arranged(shop.application.pk)
        assert (fault.kind, fault.operation, fault.amount, fault.times) == ("LATENCY", "sell", 100, 3)
        assert fault.delay == timedelta(seconds=2.5)
        assert run("sandbox_fault", name, clear=True) == "1 taken back.\n"
        assert run("sandbox_fault", name, list=True) == ""

    @pytest.mark.parametrize(
        ("options", "words"),
        [
            ({}, "Say one of"),
            ({"kind": "REFUSED", "clear": True}, "Say one of"),
            ({"kind": "LATENCY"}, "it needs some"),
        ],
    )
    def test_refuses_what_makes_no_sense(self, shop: Shop, options: dict[str, Any], words: str) -> None:
        with pytest.raises(CommandError, match=words):
            run("sandbox_fault", shop.application.public_id, **options)

    @pytest.mark.django_db
    def test_refuses_what_is_no_application(self) -> None:
        with pytest.raises(CommandError, match="AP…"):
            run("sandbox_fault", "nonsense", list=True)
        with pytest.raises(CommandError, match="No application"):
            run("sandbox_fault", Application(name="Nowhere").public_id, kind="UNREACHABLE")

    def test_refuses_in_a_live_installation(self, shop: Shop) -> None:
        with override_settings(IS_LIVE=True), pytest.raises(CommandError, match="this one is live"):
            run("sandbox_fault", shop.application.public_id, kind="UNREACHABLE")

        assert faults.arranged(shop.application.pk) == []


class TestClockCommand:
    def test_advances_again_and_again_and_resets(self, shop: Shop) -> None:
        name = shop.application.public_id

        first = run("sandbox_clock", name, advance="2d3h")
        run("sandbox_clock", name, advance="90m")

        assert first.endswith(f" UTC for {name}.\n")
        assert offset(shop) == timedelta(days=2, hours=4, minutes=30)
        run("sandbox_clock", name, reset=True)
        assert offset(shop) == timedelta(0)

    @pytest.mark.parametrize("text", ["", "2", "3h2d", "soon", "2d-3h", "1d 2h"])
    def test_refuses_what_is_no_span(self, shop: Shop, text: str) -> None:
        with pytest.raises(CommandError, match="no span of time"):
            run("sandbox_clock", shop.application.public_id, advance=text)

        assert offset(shop) == timedelta(0)

    @pytest.mark.django_db
    def test_refuses_an_unknown_application(self) -> None:
        with pytest.raises(CommandError, match="not found"):
            run("sandbox_clock", "nonsense", reset=True)

    def test_refuses_in_a_live_installation(self, shop: Shop) -> None:
        with override_settings(IS_LIVE=True), pytest.raises(CommandError, match="this one is live"):
            run("sandbox_clock", shop.application.public_id, advance="1d")

        assert offset(shop) == timedelta(0)


def run(command: str, *arguments: str, **options: Any) -> str:
    out = StringIO()
    call_command(command, *arguments, stdout=out, **options)
    return out.getvalue()


def offset(shop: Shop) -> timedelta:
    with transaction(by=system("test")):
        return Application.objects.get(pk=shop.application.pk).clock_offset
