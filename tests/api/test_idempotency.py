"""Idempotency keys at the API: what is done once, what a repeat is told, which keys are refused, how long they live."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from itertools import count
from typing import Any

import psycopg
import pytest
from django.db import connection
from django.http import HttpResponse
from django.utils import timezone
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from api import idempotency as keys
from events.models import Audit
from jobs import idempotency
from jobs.models import IdempotencyKey
from onboarding.models import Identity, Merchant, PaymentInstrument
from onboarding.services import update_merchant
from payments.models import Transfer
from providers import attempts
from providers.models import Attempt
from providers.port import Answer, OutcomeUnknown, Verdict
from providers.sandbox import faults
from providers.sandbox.models import Call
from tenancy.actors import system
from tenancy.models import Application
from tenancy.tasks import purge_idempotency_keys
from tenancy.transactions import transaction
from tests.api.conftest import errors_of
from tests.conftest import ApiClient
from tests.databases import database_url
from tests.factories.onboarding import BUYER, make_identity, make_merchant_identity, make_merchant_login
from tests.factories.payments import BANK_ACCOUNT, CARD, PLAIN_CARD, make_card, make_merchant, make_processor
from tests.factories.tenancy import OWNER, make_application, make_platform_login
from tests.providers.scripted import Scripted, expire, stand_behind_processors

MISMATCH, IN_PROGRESS = "IDEMPOTENCY_MISMATCH", "IDEMPOTENCY_IN_PROGRESS"
_numbers = count(1)


@dataclass
class Shop:
    """A partner with a merchant and a card."""

    application: Application
    client: ApiClient
    identity: Identity
    merchant: Merchant
    buyer: Identity
    card: PaymentInstrument

    def sale(self, **changes: Any) -> dict[str, Any]:
        body = {"merchant": self.merchant.public_id, "source": self.card.public_id, "amount": 1000, "currency": "USD"}
        return body | changes

    def sell(self, key: str | None = None, **changes: Any) -> HttpResponse:
        """With its key in the body."""
        named = {} if key is None else {"idempotency_id": key}
        return self.client.post("/transfers", self.sale(**named, **changes))

    def arrange(self, kind: str, operation: str) -> None:
        faults.arrange(application_id=self.application.pk, kind=kind, operation=operation)

    def resolve(self) -> None:
        """The worker comes by once the lease is over, and what went wrong does so no more."""
        faults.clear(self.application.pk)
        with transaction(by=system("test")):
            found = list(Attempt.objects.unresolved())
        for attempt in found:
            expire(attempt)
            attempts.resolve(attempt.pk, attempt.application_id)


def open_shop(name: str = "Acme") -> Shop:
    application, login = make_application(name)
    make_processor(application)
    identity, buyer = make_merchant_identity(application), make_identity(application)
    return Shop(application, ApiClient(login), identity, make_merchant(identity), buyer, make_card(buyer))


@pytest.fixture
def shop(db: None) -> Shop:
    return open_shop()


@pytest.fixture
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keys, "_WAIT_SECONDS", 0.1)


def done() -> tuple[int, int, int]:
    """All that a request could have led to: acts, calls of the provider, keys."""
    with transaction(by=system("test")):
        return Audit.objects.count(), Call.objects.count(), IdempotencyKey.objects.count()


def kept(key: str) -> IdempotencyKey:
    with transaction(by=system("test")):
        return IdempotencyKey.objects.get(key=key)


def assert_replayed(again: HttpResponse, first: HttpResponse) -> None:
    assert (again.status_code, again.content) == (first.status_code, first.content)
    assert again.headers["Content-Type"] == first.headers["Content-Type"]
    assert (again.headers.get("Idempotent-Replayed"), "Idempotent-Replayed" in first.headers) == ("true", False)


def refusal(answer: HttpResponse) -> tuple[int, str]:
    (error,) = errors_of(answer)
    return answer.status_code, error["code"]


# --- the same, and not the same ---------------------------------------------------------------------------------------

SALES = st.fixed_dictionaries(
    {"amount": st.integers(1, 100_000)},
    optional={
        "fee": st.integers(0, 1),
        "statement_descriptor": st.sampled_from(["Shop", "shop", "Shop 2"]),
        "tags": st.dictionaries(st.sampled_from("abc"), st.sampled_from(["1", "2", ""]), max_size=3),
    },
)


@given(first=SALES, other=SALES)
@examples(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_repeat_is_replayed_when_it_says_the_same_and_refused_when_not(
    shop: Shop, first: dict[str, Any], other: dict[str, Any]
) -> None:
    key = f"k{next(_numbers)}"
    answer = shop.sell(key, **first)
    assert answer.status_code in {201, 402}
    before = done()

    assert_replayed(shop.sell(key, **first), answer)
    if first != other:
        again = shop.sell(key, **other)
        assert refusal(again) == (422, MISMATCH)
        assert "Idempotent-Replayed" not in again.headers

    assert done() == before


@given(amount=st.integers(1, 100_000), currency=st.sampled_from(["usd", "Usd", "USD"]), as_text=st.booleans())
@examples(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_other_spelling_of_the_same_request_is_the_same(shop: Shop, amount: int, currency: str, as_text: bool) -> None:
    key = f"k{next(_numbers)}"
    answer = shop.sell(key, amount=amount)
    before = done()
    body = shop.sale(amount=str(amount) if as_text else amount, currency=currency, idempotency_id=key, fee=None)

    again = shop.client.post("/transfers", json.dumps(dict(reversed(body.items())), indent=3))

    assert_replayed(again, answer)
    assert done() == before


@pytest.mark.parametrize("amount", [1000, 102], ids=["accepted", "declined"])
def test_answer_is_replayed_byte_for_byte(shop: Shop, amount: int) -> None:
    first = shop.sell("K", amount=amount)

    assert first.status_code == (201 if amount == 1000 else 402)
    for _ in range(3):
        assert_replayed(shop.sell("K", amount=amount), first)


def test_answer_stays_as_it_was_when_the_transfer_changes(shop: Shop) -> None:
    first = shop.sell("K")
    with transaction(by=system("test")):
        Transfer.objects.update(tags={"later": "yes"})

    assert_replayed(shop.sell("K"), first)


def test_without_a_key_each_request_is_an_act(shop: Shop) -> None:
    assert shop.sell().json()["id"] != shop.sell().json()["id"]


def test_same_key_for_another_operation_is_another_act(shop: Shop) -> None:
    sale = shop.client.post("/transfers", shop.sale(), Idempotency_Key="K")
    identity = shop.client.post("/identities", {"entity": BUYER}, Idempotency_Key="K")

    assert (sale.status_code, identity.status_code) == (201, 201)
    assert "Idempotent-Replayed" not in identity.headers


# --- carriers and keys ------------------------------------------------------------------------------------------------


def test_header_alone_is_a_key(shop: Shop) -> None:
    first = shop.client.post("/transfers", shop.sale(), Idempotency_Key="K")

    assert_replayed(shop.client.post("/transfers", shop.sale(), Idempotency_Key="K"), first)
    assert_replayed(shop.sell("K"), first)


def test_header_and_body_that_agree_are_one_key(shop: Shop) -> None:
    first = shop.client.post("/transfers", shop.sale(idempotency_id="K"), Idempotency_Key="K")

    assert first.status_code == 201
    assert_replayed(shop.sell("K"), first)


def test_header_and_body_that_differ_are_refused(shop: Shop) -> None:
    before = done()

    answer = shop.client.post("/transfers", shop.sale(idempotency_id="K"), Idempotency_Key="L")

    assert refusal(answer) == (400, "BAD_REQUEST")
    assert done() == before


@pytest.mark.parametrize("key", ["k", "k" * 255, "with space and ~!", "clé", "鍵"])
def test_key_of_printable_characters_is_taken(shop: Shop, key: str) -> None:
    first = shop.sell(key)

    assert (first.status_code, first.json()["idempotency_id"]) == (201, key)
    assert_replayed(shop.sell(key), first)


@pytest.mark.parametrize("key", ["", "k" * 256, "tab\t", "line\n", "bell\x07", "\u2028", "\u200b"])
def test_other_key_in_the_body_is_refused(shop: Shop, key: str) -> None:
    before = done()

    answer = shop.sell(key)

    assert answer.status_code == 422
    assert [error["field"] for error in errors_of(answer)] == ["idempotency_id"]
    assert done() == before


@pytest.mark.parametrize("key", ["", "k" * 256, "tab\t", "bell\x07"])
def test_other_key_in_the_header_is_refused(shop: Shop, key: str) -> None:
    before = done()

    answer = shop.client.post("/identities", {"entity": BUYER}, Idempotency_Key=key)

    assert answer.status_code == 422
    assert [error["field"] for error in errors_of(answer)] == ["Idempotency-Key"]
    assert done() == before


def test_get_ignores_the_header(shop: Shop) -> None:
    answer = shop.client.get("/transfers", Idempotency_Key="k" * 300)

    assert (answer.status_code, "Idempotent-Replayed" in answer.headers) == (200, False)


# --- refusals store nothing -------------------------------------------------------------------------------------------


def test_refused_body_leaves_the_key_free(shop: Shop) -> None:
    before = done()

    assert shop.sell("K", amount=-1).status_code == 422
    assert shop.client.post("/transfers", '{"idempotency_id": "K"', Idempotency_Key="K").status_code == 400
    assert done() == before
    assert shop.sell("K").status_code == 201


def test_act_that_is_refused_leaves_the_key_free(shop: Shop) -> None:
    """Refused after the key was taken, in the same transaction."""
    _switch(shop.merchant, is_on=False)
    before = done()

    assert shop.sell("K").status_code == 422
    assert shop.sell("K", currency="EUR").status_code == 422
    assert done() == before
    _switch(shop.merchant, is_on=True)
    answer = shop.sell("K")
    assert (answer.status_code, "Idempotent-Replayed" in answer.headers) == (201, False)


def test_missing_permission_leaves_the_key_free(shop: Shop) -> None:
    merchant = ApiClient(make_merchant_login(shop.identity))

    answer = merchant.post("/transfers", shop.sale(idempotency_id="K"), Idempotency_Key="K")

    assert answer.status_code == 403
    assert shop.sell("K").status_code == 201


# --- refusals that are results ----------------------------------------------------------------------------------------

INSTRUMENTS = {"tokenise_card": CARD, "tokenise_bank_account": BANK_ACCOUNT}


@pytest.mark.parametrize("operation", INSTRUMENTS)
def test_refused_instrument_is_told_again_word_for_word(shop: Shop, operation: str) -> None:
    body = INSTRUMENTS[operation] | {"identity": shop.buyer.public_id}
    shop.arrange("REFUSED", operation)
    first = shop.client.post("/payment_instruments", body, Idempotency_Key="K")
    assert (first.status_code, refusal(first)) == (402, (402, "UPSTREAM_PROCESSOR_ERROR"))
    faults.clear(shop.application.pk)
    before = done()

    for _ in range(2):
        assert_replayed(shop.client.post("/payment_instruments", body, Idempotency_Key="K"), first)

    changed = body | {"name": "Another"}
    assert refusal(shop.client.post("/payment_instruments", changed, Idempotency_Key="K")) == (422, MISMATCH)
    assert done() == before


@pytest.mark.parametrize("operation", INSTRUMENTS)
@pytest.mark.usefixtures("_impatient")
def test_refused_instrument_is_told_again_though_its_answer_was_not_kept(shop: Shop, operation: str) -> None:
    body = INSTRUMENTS[operation] | {"identity": shop.buyer.public_id}
    shop.arrange("REFUSED", operation)
    first = shop.client.post("/payment_instruments", body, Idempotency_Key="K")
    faults.clear(shop.application.pk)
    _forget_the_answer("K")
    before = done()

    again = shop.client.post("/payment_instruments", body, Idempotency_Key="K")

    assert (again.status_code, again.headers.get("Idempotent-Replayed")) == (402, "true")
    assert _without_numbers(again) == _without_numbers(first)
    assert shop.client.post("/payment_instruments", body, Idempotency_Key="K").content == again.content
    assert done() == before


@pytest.mark.usefixtures("_impatient")
def test_refusal_of_an_instrument_that_the_resolver_heard_of_is_told(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = CARD | {"identity": shop.buyer.public_id}
    provider = Scripted(answers=[OutcomeUnknown("TIMEOUT")], knows=[Answer(Verdict.REFUSED, code="X", message="No.")])
    stand_behind_processors(provider, monkeypatch)
    assert shop.client.post("/payment_instruments", body, Idempotency_Key="K").status_code == 503
    shop.resolve()

    then = shop.client.post("/payment_instruments", body, Idempotency_Key="K")

    (error,) = errors_of(then)
    assert (then.status_code, error["failure_code"], error["failure_message"]) == (402, "X", "No.")
    assert then.headers["Idempotent-Replayed"] == "true"
    assert shop.client.post("/payment_instruments", body, Idempotency_Key="K").content == then.content
    assert len(provider.asked) == 1


@pytest.mark.parametrize("operation", INSTRUMENTS)
def test_instrument_that_was_certainly_not_sent_leaves_the_key_free(shop: Shop, operation: str) -> None:
    body = INSTRUMENTS[operation] | {"identity": shop.buyer.public_id}
    shop.arrange("UNREACHABLE", operation)
    assert shop.client.post("/payment_instruments", body, Idempotency_Key="K").status_code == 402
    faults.clear(shop.application.pk)

    again = shop.client.post("/payment_instruments", body, Idempotency_Key="K")

    assert (again.status_code, "Idempotent-Replayed" in again.headers) == (201, False)


def _without_numbers(answer: HttpResponse) -> list[dict[str, Any]]:
    """Each error has a number of its own in the log."""
    return [{name: value for name, value in error.items() if name != "logref"} for error in errors_of(answer)]


# --- what a repeat can no longer choose -------------------------------------------------------------------------------


def _sold_by_identity(shop: Shop) -> tuple[str, dict[str, Any]]:
    sale = shop.sale(merchant_identity=shop.identity.public_id)
    del sale["merchant"]
    return "/transfers", sale


def _verified_by_identity(shop: Shop) -> tuple[str, dict[str, Any]]:
    return "/verifications", {"identity": shop.identity.public_id}


def _switch_off(shop: Shop) -> None:
    _switch(shop.merchant, is_on=False)


def _add_merchant(shop: Shop) -> None:
    make_merchant(shop.identity)


CHOSEN = [
    pytest.param(_sold_by_identity, _switch_off, id="sale, switched off"),
    pytest.param(_sold_by_identity, _add_merchant, id="sale, second merchant"),
    pytest.param(_verified_by_identity, _add_merchant, id="verification, second merchant"),
]
Asked = Callable[[Shop], tuple[str, dict[str, Any]]]


@pytest.mark.parametrize("is_platform", [False, True], ids=["partner", "platform"])
@pytest.mark.parametrize(("asked", "happens"), CHOSEN)
def test_repeat_whose_merchant_can_no_longer_be_chosen_is_replayed(
    shop: Shop, asked: Asked, happens: Callable[[Shop], None], is_platform: bool
) -> None:
    client = _admin() if is_platform else shop.client
    path, body = asked(shop)
    first = client.post(path, body, Idempotency_Key="K")
    assert first.status_code == 201
    happens(shop)
    before = done()

    assert_replayed(client.post(path, body, Idempotency_Key="K"), first)

    for key, other in {"K": body | _OTHER, "L": body}.items():
        refused = client.post(path, other, Idempotency_Key=key)
        assert refusal(refused) == (422, "INVALID_FIELD")
        assert "Idempotent-Replayed" not in refused.headers
        assert first.json()["id"] not in refused.content.decode()
    assert done() == before


@pytest.mark.parametrize(("asked", "happens"), CHOSEN)
def test_literal_mode_names_what_was_done_by_a_choice(
    shop: Shop, asked: Asked, happens: Callable[[Shop], None]
) -> None:
    path, body = asked(shop)
    first = shop.client.post(path, body, Idempotency_Key="K")
    _admin().put(f"/applications/{shop.application.public_id}", {"idempotency_mode": "EXCEPTION"})
    happens(shop)

    again = shop.client.post(path, body, Idempotency_Key="K")

    assert refusal(again) == (422, MISMATCH)
    assert first.json()["id"] in again.content.decode()


@pytest.mark.parametrize(("asked", "happens"), CHOSEN)
def test_foreign_key_is_not_found_by_a_choice_either(shop: Shop, asked: Asked, happens: Callable[[Shop], None]) -> None:
    neighbour = open_shop("Neighbour")
    path, body = asked(shop)
    first = shop.client.post(path, body, Idempotency_Key="K")
    happens(shop)

    known = neighbour.client.post(path, body, Idempotency_Key="K")
    unknown = neighbour.client.post(path, body, Idempotency_Key="L")

    assert (known.status_code, "Idempotent-Replayed" in known.headers) == (422, False)
    assert _without_numbers(known) == _without_numbers(unknown)
    assert first.json()["id"] not in known.content.decode()


# --- outcomes that are not known --------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["TIMEOUT_AFTER", "TIMEOUT_BEFORE", "MALFORMED", "OTHER_AMOUNT"])
def test_unknown_outcome_is_pending_and_shown_as_it_becomes(shop: Shop, kind: str) -> None:
    shop.arrange(kind, "sell")
    first = shop.sell("K")
    assert (first.status_code, first.json()["state"], kept("K").is_final) == (201, "PENDING", False)
    assert_replayed(shop.sell("K"), first)

    shop.resolve()

    then = shop.sell("K")
    assert (then.status_code, then.headers["Idempotent-Replayed"]) == (201, "true")
    assert (then.json()["state"], then.json()["id"]) == ("SUCCEEDED", first.json()["id"])
    assert shop.sell("K").content == then.content


def test_unknown_outcome_that_ends_in_a_decline_is_told_alike_ever_after(shop: Shop) -> None:
    """An error has a number of its own in the log, so it must be made once only."""
    shop.arrange("TIMEOUT_AFTER", "sell")
    assert shop.sell("K", amount=102).json()["state"] == "PENDING"
    shop.resolve()

    then = shop.sell("K", amount=102)

    assert (then.status_code, refusal(then)) == (402, (402, "PAYMENT_DECLINED"))
    assert [shop.sell("K", amount=102).content for _ in range(2)] == [then.content] * 2


@pytest.mark.usefixtures("_impatient")
def test_first_that_is_still_running_is_named(shop: Shop) -> None:
    """As another process would see it: claimed, and nothing kept yet."""
    shop.arrange("TIMEOUT_AFTER", "sell")
    first = shop.sell("K")
    _forget_the_answer("K")

    again = shop.sell("K")

    assert refusal(again) == (409, IN_PROGRESS)
    assert again.headers["Retry-After"] == "1"
    assert first.json()["id"] in again.content.decode()
    assert refusal(shop.sell("K", amount=1001)) == (422, MISMATCH)
    shop.resolve()
    assert (shop.sell("K").json()["state"], shop.sell("K").json()["id"]) == ("SUCCEEDED", first.json()["id"])


def test_stranger_does_not_hold_a_thread_for_the_first_one(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keys, "_WAIT_SECONDS", 600.0)
    path, stranger = f"/applications/{shop.application.public_id}/tokens", ApiClient()
    shop.arrange("TIMEOUT_AFTER", "tokenise_card")
    stranger.post(path, CARD, Idempotency_Key="K")

    again = stranger.post(path, CARD, Idempotency_Key="K")

    assert refusal(again) == (409, IN_PROGRESS)


@pytest.mark.usefixtures("_impatient")
def test_instrument_that_may_be_kept_holds_its_key_until_that_is_known(shop: Shop) -> None:
    body = CARD | {"identity": shop.buyer.public_id}
    shop.arrange("TIMEOUT_AFTER", "tokenise_card")
    first = shop.client.post("/payment_instruments", body, Idempotency_Key="K")
    assert (first.status_code, first.headers["Retry-After"]) == (503, "5")
    assert refusal(shop.client.post("/payment_instruments", body, Idempotency_Key="K")) == (409, IN_PROGRESS)

    shop.resolve()

    then = shop.client.post("/payment_instruments", body, Idempotency_Key="K")
    assert (then.status_code, then.headers["Idempotent-Replayed"], then.json()["last_four"]) == (201, "true", "0006")


@pytest.mark.usefixtures("_impatient")
def test_instrument_that_was_not_kept_frees_its_key(shop: Shop) -> None:
    body = BANK_ACCOUNT | {"identity": shop.buyer.public_id}
    shop.arrange("TIMEOUT_BEFORE", "tokenise_bank_account")
    assert shop.client.post("/payment_instruments", body, Idempotency_Key="K").status_code == 503

    shop.resolve()

    then = shop.client.post("/payment_instruments", body, Idempotency_Key="K")
    assert (then.status_code, "Idempotent-Replayed" in then.headers) == (201, False)


# --- answers that could not be kept -----------------------------------------------------------------------------------

CUT_WHEN_AN_ANSWER_IS_KEPT = """
CREATE FUNCTION cut() RETURNS trigger LANGUAGE plpgsql AS
'BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NEW; END';
CREATE TRIGGER cut BEFORE UPDATE ON idempotency_key FOR EACH ROW WHEN (NEW.body IS NOT NULL) EXECUTE FUNCTION cut();
"""


@pytest.mark.usefixtures("own_database", "_impatient")
def test_act_stands_though_the_database_was_away_when_its_answer_was_kept(caplog: pytest.LogCaptureFixture) -> None:
    """The connection is cut between the commit of the act and the keeping of its answer."""
    shop = open_shop()
    owner = psycopg.connect(database_url("DATABASE_OWNER_URL", connection.settings_dict["NAME"]), autocommit=True)
    owner.execute(CUT_WHEN_AN_ANSWER_IS_KEPT)
    body = {"entity": BUYER}

    first = shop.client.post("/identities", body, Idempotency_Key="K")
    owner.execute("DROP TRIGGER cut ON idempotency_key")
    owner.close()

    assert (first.status_code, "answer_not_kept" in caplog.text, kept("K").status) == (201, True, None)
    before = done()
    assert_replayed(shop.client.post("/identities", body, Idempotency_Key="K"), first)
    assert done() == before


CUT_AT_THE_COMMIT = """
CREATE FUNCTION cut() RETURNS trigger LANGUAGE plpgsql AS
'BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NEW; END';
CREATE CONSTRAINT TRIGGER cut AFTER UPDATE ON idempotency_key DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
WHEN (NEW.body IS NOT NULL) EXECUTE FUNCTION cut();
"""


@pytest.mark.usefixtures("own_database", "_impatient")
def test_verdict_that_was_rolled_back_is_not_answered(caplog: pytest.LogCaptureFixture) -> None:
    """The connection is cut at the commit of the verdict, and of the answer that is kept with it."""
    shop = open_shop()
    owner = psycopg.connect(database_url("DATABASE_OWNER_URL", connection.settings_dict["NAME"]), autocommit=True)
    owner.execute(CUT_AT_THE_COMMIT)

    first = shop.sell(idempotency_id="K")
    owner.execute("DROP TRIGGER cut ON idempotency_key")
    owner.close()

    shown = shop.client.get(f"/transfers/{first.json()['id']}").json()
    assert ("verdict_not_written" in caplog.text, first.json()["state"], shown["state"]) == (True, "PENDING", "PENDING")
    shop.resolve()
    again = shop.sell(idempotency_id="K")
    assert (again.headers["Idempotent-Replayed"], again.json()["state"]) == ("true", "SUCCEEDED")


# --- every other write ------------------------------------------------------------------------------------------------

Request = tuple[ApiClient, str, str, dict[str, Any], dict[str, Any]]
"""Who asks, method, path, body, and a body that says another thing."""


def _admin() -> ApiClient:
    return ApiClient(make_platform_login())


_OTHER = {"tags": {"another": "thing"}}


def _posted(path: str, body: dict[str, Any], client: ApiClient) -> Request:
    return client, "POST", path, body, body | _OTHER


def _put(path: str, tags: dict[str, str], client: ApiClient) -> Request:
    return client, "PUT", path, {"tags": tags}, _OTHER


def _created_application(_: Shop) -> Request:
    admin = _admin()
    owner = admin.post("/users", {"role": "ROLE_PARTNER"}).json()["id"]
    return _posted("/applications", {"user": owner, "entity": OWNER}, admin)


def _enabled_processor(shop: Shop) -> Request:
    path, body = f"/applications/{shop.application.public_id}/processors", {"type": "VISA_V1"}
    return _admin(), "POST", path, body, body | {"config": {"a": "b"}}


def _instrument(members: dict[str, Any], shop: Shop) -> Request:
    return _posted("/payment_instruments", members | {"identity": shop.buyer.public_id}, shop.client)


def _merchant(shop: Shop) -> Request:
    identity = make_merchant_identity(shop.application)
    return _posted(f"/identities/{identity.public_id}/merchants", {}, shop.client)


WRITES: dict[str, Callable[[Shop], Request]] = {
    "POST /identities": lambda shop: _posted("/identities", {"entity": BUYER}, shop.client),
    "PUT /identities/ID": lambda shop: _put(f"/identities/{shop.identity.public_id}", {"a": "b"}, shop.client),
    "PUT /identities/ID, nothing new": lambda shop: _put(f"/identities/{shop.identity.public_id}", {}, shop.client),
    "POST /users": lambda _: _posted("/users", {"role": "ROLE_PARTNER"}, _admin()),
    "POST /applications/ID/users": lambda shop: _posted(
        f"/applications/{shop.application.public_id}/users", {}, shop.client
    ),
    "POST /applications": _created_application,
    "POST /applications/ID/processors": _enabled_processor,
    "POST /payment_instruments, card": lambda shop: _instrument(CARD, shop),
    "POST /payment_instruments, bank account": lambda shop: _instrument(BANK_ACCOUNT, shop),
    "POST /identities/ID/merchants": _merchant,
    "POST /merchants/ID/verifications": lambda shop: _posted(
        f"/merchants/{shop.merchant.public_id}/verifications", {}, shop.client
    ),
    "PUT /merchants/ID": lambda shop: _put(f"/merchants/{shop.merchant.public_id}", {"a": "b"}, shop.client),
}


@pytest.mark.parametrize("name", WRITES)
def test_write_is_done_once(shop: Shop, name: str) -> None:
    client, method, path, body, other = WRITES[name](shop)
    first = client.request(method, path, body, Idempotency_Key="K")
    assert first.status_code == (201 if method == "POST" else 200), first.content
    before = done()

    again = client.request(method, path, body, Idempotency_Key="K")

    _assert_told_without_secret(again, first)
    if "password" not in first.json():
        assert_replayed(again, first)
    assert refusal(client.request(method, path, other, Idempotency_Key="K")) == (422, MISMATCH)
    assert done() == before


@pytest.mark.parametrize("name", WRITES)
@pytest.mark.usefixtures("_impatient")
def test_write_whose_process_died_before_its_answer_was_kept_is_told(shop: Shop, name: str) -> None:
    client, method, path, body, _ = WRITES[name](shop)
    first = client.request(method, path, body, Idempotency_Key="K")
    _forget_the_answer("K")
    before = done()

    again = client.request(method, path, body, Idempotency_Key="K")

    _assert_told_without_secret(again, first)
    _assert_told_without_secret(client.request(method, path, body, Idempotency_Key="K"), first)
    assert done() == before


def test_secret_of_a_user_is_in_no_kept_answer(shop: Shop) -> None:
    first = shop.client.post(f"/applications/{shop.application.public_id}/users", {}, Idempotency_Key="K")

    assert first.json()["password"]
    assert first.json()["password"].encode() not in bytes(kept("K").body or b"")


def test_numbers_are_nowhere_in_a_kept_key(shop: Shop) -> None:
    for key, body in {"C": CARD, "B": BANK_ACCOUNT}.items():
        answer = shop.client.post(
            "/payment_instruments", body | {"identity": shop.buyer.public_id}, Idempotency_Key=key
        )
        assert answer.status_code == 201
        row = kept(key)
        told = b"|".join([bytes(row.body or b""), bytes(row.fingerprint), row.operation.encode(), row.key.encode()])
        assert len(bytes(row.fingerprint)) == 32
        for number in (PLAIN_CARD, CARD["security_code"], BANK_ACCOUNT["account_number"]):
            assert f'"{number}"'.encode() not in told
        assert PLAIN_CARD.encode() not in told
        assert BANK_ACCOUNT["account_number"].encode() not in told


def test_other_number_is_another_request(shop: Shop) -> None:
    body = CARD | {"identity": shop.buyer.public_id}
    shop.client.post("/payment_instruments", body, Idempotency_Key="K")

    changed = body | {"number": "4111111111111111"}
    assert refusal(shop.client.post("/payment_instruments", changed, Idempotency_Key="K")) == (422, MISMATCH)


def test_security_code_leaves_no_trace_in_what_is_compared(shop: Shop) -> None:
    """A keyed hash of everything else and of one of a thousand codes would be one of a thousand tries."""
    body = CARD | {"identity": shop.buyer.public_id}
    first = shop.client.post("/payment_instruments", body, Idempotency_Key="K")

    again = shop.client.post("/payment_instruments", body | {"security_code": "113"}, Idempotency_Key="K")

    assert (again.status_code, again.content) == (201, first.content)


def test_other_id_in_the_path_is_another_request(shop: Shop) -> None:
    body = {"tags": {"a": "b"}}
    shop.client.put(f"/identities/{shop.identity.public_id}", body, Idempotency_Key="K")

    answer = shop.client.put(f"/identities/{shop.buyer.public_id}", body, Idempotency_Key="K")

    assert refusal(answer) == (422, MISMATCH)


# --- how long a key lives ---------------------------------------------------------------------------------------------


def test_keys_are_deleted_after_thirty_days(shop: Shop) -> None:
    for key, days in {"new": 29.9, "old": 30.1}.items():
        shop.sell(key)
        _age(key, timedelta(days=days))

    purge_idempotency_keys()

    with transaction(by=system("test")):
        assert list(IdempotencyKey.objects.values_list("key", flat=True)) == ["new"]


@pytest.mark.parametrize("is_header", [False, True], ids=["body", "header"])
def test_key_that_was_deleted_meets_what_it_made_and_charges_nobody(shop: Shop, is_header: bool) -> None:
    def sell(**changes: Any) -> HttpResponse:
        if is_header:
            return shop.client.post("/transfers", shop.sale(**changes), Idempotency_Key="K")
        return shop.sell("K", **changes)

    sell()
    _age("K", timedelta(days=31))
    purge_idempotency_keys()
    before = done()

    assert refusal(sell()) == (422, MISMATCH)
    assert refusal(sell(amount=2000)) == (422, MISMATCH)
    assert done() == before


# --- the literal mode -------------------------------------------------------------------------------------------------


def test_literal_mode_refuses_every_repeat_and_names_the_first(shop: Shop) -> None:
    admin, path = _admin(), f"/applications/{shop.application.public_id}"
    assert admin.put(path, {"idempotency_mode": "EXCEPTION"}).status_code == 200
    first = shop.sell("K")
    before = done()

    for again in (shop.sell("K"), shop.sell("K", amount=1001)):
        assert refusal(again) == (422, MISMATCH)
        assert first.json()["id"] in again.content.decode()
    assert done() == before

    admin.put(path, {"idempotency_mode": "REPLAY"})
    assert_replayed(shop.sell("K"), first)


# --- whose keys -------------------------------------------------------------------------------------------------------


def test_key_in_two_applications_is_two_acts(shop: Shop) -> None:
    neighbour = open_shop("Neighbour")
    answers = [one.sell("K") for one in (shop, neighbour)]

    assert [answer.status_code for answer in answers] == [201, 201]
    assert [answer.json()["application"] for answer in answers] == [
        shop.application.public_id,
        neighbour.application.public_id,
    ]
    for one, answer in zip((shop, neighbour), answers, strict=True):
        assert_replayed(one.sell("K"), answer)


def test_foreign_key_never_shows(shop: Shop) -> None:
    """Not even to who knows the key and the whole body, and not by another refusal either."""
    neighbour = open_shop("Neighbour")
    first = shop.sell("K")

    known = neighbour.client.post("/transfers", shop.sale(idempotency_id="K"))
    unknown = neighbour.client.post("/transfers", shop.sale(idempotency_id="L"))

    assert known.status_code == unknown.status_code == 422
    assert errors_of(known) == errors_of(unknown)
    assert first.json()["id"] not in known.content.decode()


def test_platform_and_partner_share_the_keys_of_an_application(shop: Shop) -> None:
    first = shop.sell("K")

    again = _admin().post("/transfers", shop.sale(idempotency_id="K"))

    assert (again.status_code, again.json()["id"]) == (201, first.json()["id"])
    with transaction(by=system("test")):
        assert Transfer.objects.count() == 1


def test_keys_without_an_application_are_the_platforms(db: None) -> None:
    admin = _admin()
    first = admin.post("/users", {"role": "ROLE_PARTNER"}, Idempotency_Key="K")

    again = _admin().post("/users", {"role": "ROLE_PARTNER"}, Idempotency_Key="K")

    assert (first.json()["id"], again.json()["password"]) == (again.json()["id"], None)


def test_claim_is_not_left_in_scope_for_the_next_request(shop: Shop) -> None:
    shop.sell("K")

    assert idempotency.current() is None
    assert "Idempotent-Replayed" not in shop.sell().headers


def _assert_told_without_secret(again: HttpResponse, first: HttpResponse) -> None:
    expected = first.json() | ({"password": None} if "password" in first.json() else {})
    assert (again.status_code, again.json()) == (first.status_code, expected)
    assert again.headers["Idempotent-Replayed"] == "true"


def _switch(merchant: Merchant, *, is_on: bool) -> None:
    update_merchant(merchant=merchant, values={"processing_enabled": is_on}, by=system("test"), at=timezone.now())


def _forget_the_answer(key: str) -> None:
    """As if the process had died after the claim's commit."""
    with transaction(by=system("test")):
        IdempotencyKey.objects.filter(key=key).update(status=None, body=None, is_final=False)


def _age(key: str, by: timedelta) -> None:
    with transaction(by=system("test")):
        IdempotencyKey.objects.filter(key=key).update(created_at=timezone.now() - by)
