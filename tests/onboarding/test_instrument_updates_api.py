"""PUT /payment_instruments/{id}: what may change of an instrument, here and at the provider, and what never may."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.core.cache import cache
from django.db import connections
from django.http import HttpResponse
from django.utils import timezone
from pytest_django import Settings

import providers.sandbox.provider
from events.models import Audit, Event
from onboarding import services
from onboarding.models import PaymentInstrument
from providers import attempts
from providers.models import Attempt
from providers.sandbox import faults
from providers.sandbox.models import Instrument as KeptInstrument
from resources.errors import ChangedMeanwhile
from tenancy.actors import system
from tenancy.transactions import transaction
from tests.conftest import ApiClient
from tests.factories.onboarding import make_identity, make_merchant_identity, make_merchant_login
from tests.factories.payments import CARD, make_bank_account, make_card, make_merchant, make_processor
from tests.factories.tenancy import make_application
from tests.providers.scripted import Killed, expire, run_due_jobs

ADDRESS = {
    "line1": "1 New St", "line2": None, "city": "Oakland", "region": "CA", "postal_code": "94601", "country": "USA",
}  # fmt: skip
CHANGES = {"name": "Ann Lee", "address": ADDRESS, "enabled": False, "tags": {"kept": "in a drawer"}}


class Drawer:
    """A card and a bank account of one identity."""

    def __init__(self) -> None:
        self.application, self.login = make_application()
        make_processor(self.application)
        self.identity = make_identity(self.application)
        self.card = make_card(self.identity, tags={"order": "1"})
        self.account = make_bank_account(self.identity)
        self.partner = ApiClient(self.login)

    def put(self, body: Any, instrument: PaymentInstrument | None = None, *, key: str | None = None) -> HttpResponse:
        headers = {"Idempotency_Key": key} if key else {}
        return self.partner.put(f"/payment_instruments/{(instrument or self.card).public_id}", body, **headers)

    def get(self, instrument: PaymentInstrument | None = None) -> dict[str, Any]:
        document: dict[str, Any] = self.partner.get(
            f"/payment_instruments/{(instrument or self.card).public_id}"
        ).json()
        return document

    @property
    def kept(self) -> KeptInstrument:
        """The card as the sandbox has it."""
        with transaction(by=system("test")):
            return KeptInstrument.objects.get(pk=self.card.pk)

    @property
    def attempts(self) -> list[Attempt]:
        with transaction(by=system("test")):
            return list(Attempt.objects.filter(operation="instrument_update").order_by("number"))

    def arrange(self, kind: str, times: int = 1) -> None:
        faults.arrange(application_id=self.application.pk, kind=kind, operation="update_instrument", times=times)


@pytest.fixture(autouse=True)
def _no_counters(settings: Settings) -> None:
    cache.clear()
    settings.API_REQUESTS_PER_SECOND = 0


@pytest.fixture
def drawer(db: None) -> Drawer:
    return Drawer()


def errors(answer: HttpResponse) -> list[tuple[str, str]]:
    return [(error.get("field", error["code"]), error["message"]) for error in answer.json()["_embedded"]["errors"]]


def test_name_address_tags_and_the_switch_change_here_and_at_the_provider(drawer: Drawer) -> None:
    before = drawer.get()

    answer = drawer.put(CHANGES)

    assert answer.status_code == 200
    document = answer.json()
    assert document == drawer.get() == before | CHANGES | {"updated_at": document["updated_at"]}
    assert document["updated_at"] > before["updated_at"]
    kept = drawer.kept
    assert (kept.name, kept.address, kept.enabled, kept.tags) == tuple(CHANGES.values())


def test_what_is_not_sent_stays_and_null_empties(drawer: Drawer) -> None:
    before = drawer.get()

    named = drawer.put({"name": "Ann Lee"}).json()
    emptied = drawer.put({"name": None, "address": None}).json()

    moment = {"updated_at"}
    assert {name for name in named if named[name] != before[name]} - moment == {"name"}
    assert {name for name in emptied if emptied[name] != before[name]} - moment == {"name", "address"}
    assert (emptied["name"], emptied["address"], emptied["tags"]) == (None, None, {"order": "1"})


def test_change_is_one_event_of_the_caller_with_before_and_after(drawer: Drawer) -> None:
    drawer.put({"name": "Ann Lee", "enabled": False})

    with transaction(by=drawer.login.actor):
        event = Event.objects.filter(resource_id=drawer.card.pk).latest("sequence")
        audit = Audit.objects.get(action="update_payment_instrument")
    assert (event.kind, event.author_id) == ("payment_instrument.updated", drawer.login.user.pk)
    assert event.changes == {"name": ["Sean Green", "Ann Lee"], "enabled": [True, False]}
    assert (audit.author_id, audit.result) == (drawer.login.user.pk, "DONE")


def test_what_is_so_already_asks_nobody(drawer: Drawer) -> None:
    before = drawer.get()

    answers = [drawer.put({}), drawer.put({"name": "Sean Green", "enabled": True}), drawer.put(before)]

    assert [(answer.status_code, answer.json()) for answer in answers] == [(200, before)] * 3
    assert drawer.attempts == []


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({"number": CARD["number"], "name": "Ann"}, {"number"}),
        ({"expiration_month": 1, "expiration_year": 2041}, {"expiration_month", "expiration_year"}),
        ({"security_code": "123", "account_number": "0000000016"}, {"security_code", "account_number"}),
        ({"type": "BANK_ACCOUNT", "identity": "IDpHEprvRCz6Sp4BGTEgsyKk"}, {"type", "identity"}),
        ({"currency": "EUR", "bank_code": "122105278"}, {"currency", "bank_code"}),
        ({"name": 5, "enabled": "no", "number": "1"}, {"name", "enabled", "number"}),
        ({"address": {"country": "Atlantis"}, "tags": 5}, {"address.country", "tags"}),
        ({"name": "x" * 41}, {"name"}),
    ],
)
def test_what_never_changes_is_refused_where_it_is_told_otherwise(
    drawer: Drawer, body: dict[str, Any], fields: set[str]
) -> None:
    before = drawer.get()

    answer = drawer.put(body)

    assert (answer.status_code, {field for field, _ in errors(answer)}) == (422, fields)
    assert (drawer.get(), drawer.attempts) == (before, [])


def test_bank_account_has_a_name_and_no_address(drawer: Drawer) -> None:
    nameless = drawer.put({"name": None}, drawer.account)
    renamed = drawer.put({"name": "Bob", "address": ADDRESS}, drawer.account)

    assert errors(nameless) == [("name", "This field may not be null.")]
    assert (renamed.status_code, renamed.json()["name"], "address" in renamed.json()) == (200, "Bob", False)
    with transaction(by=system("test")):
        assert PaymentInstrument.objects.get(pk=drawer.account.pk).address is None


def test_disabled_card_is_not_charged_until_it_is_enabled_again(drawer: Drawer) -> None:
    merchant = make_merchant(make_merchant_identity(drawer.application))
    sale = {"merchant": merchant.public_id, "source": drawer.card.public_id, "amount": 1000, "currency": "USD"}

    statuses = []
    for enabled in (False, True):
        drawer.put({"enabled": enabled})
        statuses.append(drawer.partner.post("/transfers", sale).status_code)

    assert statuses == [422, 201]


def test_merchant_may_look_and_not_change(drawer: Drawer) -> None:
    merchant = ApiClient(make_merchant_login(drawer.identity))

    answer = merchant.put(f"/payment_instruments/{drawer.card.public_id}", {"name": "Ann"})

    (error,) = answer.json()["_embedded"]["errors"]
    assert (answer.status_code, error["permission"]) == (403, "payment_instruments.manage")


def test_older_copy_is_refused(drawer: Drawer) -> None:
    version = drawer.card.version
    drawer.put({"name": "Ann"})

    with pytest.raises(ChangedMeanwhile):
        services.update_payment_instrument(
            instrument=drawer.card,
            values={"name": "Bob"},
            by=drawer.login.actor,
            at=timezone.now(),
            version=version,
        )


def test_repeat_under_a_key_is_the_first_answer(drawer: Drawer) -> None:
    first = drawer.put({"name": "Ann"}, key="k")
    drawer.put({"name": "Bob"})

    again, other = drawer.put({"name": "Ann"}, key="k"), drawer.put({"name": "Cid"}, key="k")

    assert (again.content, again["Idempotent-Replayed"], other.status_code) == (first.content, "true", 422)
    assert drawer.get()["name"] == "Bob"
    assert [attempt.reference for attempt in drawer.attempts] == [
        f"{drawer.card.public_id}-update-{number}" for number in (1, 2)
    ]


@pytest.mark.parametrize(("kind", "is_done"), [("TIMEOUT_BEFORE", False), ("TIMEOUT_AFTER", True), ("MALFORMED", True)])
def test_resolver_finds_out_what_became_of_a_change(drawer: Drawer, kind: str, *, is_done: bool) -> None:
    drawer.arrange(kind)

    answer = drawer.put({"name": "Ann"}, key="k")
    second = drawer.put({"name": "Bob"})
    name_before = drawer.get()["name"]
    (attempt,) = drawer.attempts
    expire(attempt, timedelta(seconds=30))
    with time_machine.travel(timezone.now() + timedelta(seconds=30), tick=True):
        run_due_jobs(timezone.now())
        name_after = drawer.get()["name"]
        again = drawer.put({"name": "Ann"}, key="k")
        third = drawer.put({"name": "Bob"})

    assert (answer.status_code, answer["Retry-After"]) == (503, "5")
    assert (second.status_code, errors(second)[0][0], name_before) == (409, "CONFLICT", "Sean Green")
    assert name_after == ("Ann" if is_done else "Sean Green")
    assert (again.status_code, again.json()["name"], "Idempotent-Replayed" in again) == (200, "Ann", is_done)
    assert (third.status_code, third.json()["name"], drawer.kept.name) == (200, "Bob", "Bob")


@pytest.mark.parametrize("kind", ["UNREACHABLE", "REFUSED"])
def test_change_that_was_not_made_is_402_and_may_be_asked_for_again(drawer: Drawer, kind: str) -> None:
    drawer.arrange(kind, times=2 if kind == "UNREACHABLE" else 1)

    refused = drawer.put({"name": "Ann"}, key="k")
    repeated = drawer.put({"name": "Ann"}, key="k")
    anew = drawer.put({"name": "Ann"}, key="other")

    assert (refused.status_code, errors(refused)[0][0]) == (402, "UPSTREAM_PROCESSOR_ERROR")
    assert repeated.status_code == (402 if kind == "REFUSED" else 200)
    assert (anew.status_code, drawer.get()["name"], drawer.kept.name) == (200, "Ann", "Ann")


@pytest.mark.usefixtures("own_database")
def test_changes_at_once_are_made_one_after_the_other_or_refused() -> None:
    drawer = Drawer()
    names = [f"Name {number}" for number in range(4)]
    start = threading.Barrier(len(names))

    def change(name: str) -> int:
        try:
            start.wait(30)
            return int(drawer.put({"name": name}).status_code)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(names)) as pool:
        statuses = list(pool.map(change, names))

    done = [name for name, status in zip(names, statuses, strict=True) if status == 200]
    assert set(statuses) <= {200, 409}
    assert (drawer.get()["name"] in done, drawer.kept.name) == (True, drawer.get()["name"])
    assert len(drawer.attempts) == len(done)


POINTS = ("claimed", "executing", "answered", "concluding", "concluded")


@pytest.fixture
def killed_at(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """From now on whoever comes to the point dies there; an empty name is nobody."""

    def arrange(name: str) -> None:
        def crash_point(point: str) -> None:
            if point == name:
                raise Killed

        monkeypatch.setattr(attempts, "crash_point", crash_point)
        monkeypatch.setattr(providers.sandbox.provider, "crash_point", crash_point)

    return arrange


@pytest.mark.usefixtures("own_database")
@pytest.mark.parametrize("point", POINTS)
def test_process_that_is_killed_leaves_nothing_open(killed_at: Callable[[str], None], point: str) -> None:
    drawer = Drawer()
    killed_at(point)
    with pytest.raises(Killed):
        drawer.put({"name": "Ann"}, key="k")
    killed_at("")
    (attempt,) = drawer.attempts
    if attempt.is_open:
        expire(attempt, timedelta(seconds=30))
        attempts.resolve(attempt.pk, drawer.application.pk)

    answer = drawer.put({"name": "Ann"}, key="k")

    was_done = point not in {"claimed", "executing"}
    assert (answer.status_code, answer.json()["name"], "Idempotent-Replayed" in answer) == (200, "Ann", was_done)
    assert (drawer.get()["name"], drawer.kept.name, drawer.kept.version) == ("Ann", "Ann", 2)
    assert not any(found.is_open for found in drawer.attempts)
