"""Tokens: handed in without credentials by pages of any origin, good for one instrument, for a day."""

import json
import re
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.apps import apps
from django.core.cache import cache
from django.db import connection, connections
from django.http import HttpResponse
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from pytest_django import Settings
from stdnum import luhn

import providers.sandbox.provider
import vault.services as vault
from api import limits
from api.models import Limit
from events.models import Audit, Event
from jobs.models import IdempotencyKey
from jobs.registry import get as handler_of
from onboarding.models import PaymentInstrument, Token
from providers import attempts, copying
from providers.models import Attempt
from providers.port import Account, ClaimToken
from providers.sandbox import faults
from providers.sandbox.models import Instrument as KeptInstrument
from providers.sandbox.provider import Sandbox
from resources import ids
from tenancy.actors import system
from tenancy.models import Application
from tenancy.services import platform_id, set_clock_offset, update_application
from tenancy.transactions import transaction
from tests.conftest import ApiClient
from tests.factories.onboarding import make_identity, make_merchant_identity
from tests.factories.payments import BANK_ACCOUNT, CARD, make_merchant, make_processor, make_sale
from tests.factories.tenancy import make_application
from tests.providers.scripted import Killed, expire, run_due_jobs
from vault.models import SealedValue

MEMBERS = {"id", "fingerprint", "instrument_type", "currency", "expires_at", "created_at", "updated_at"}
CORS = {"Access-Control-Allow-Origin": "*"}
AMEX, SECURITY_CODE, ACCOUNT_NUMBER = "378282246310005", "7351", "90817263540"
SENT_BY_ANDROID = {
    "cardNumber": "4895142232120006", "paymentType": "PAYMENT_CARD", "expirationYear": "2040", "expirationMonth": "12",
}  # fmt: skip
SENT_BY_IOS = SENT_BY_ANDROID | {"paymentType": "Payment_CARD", "expirationYear": 2040, "expirationMonth": 12}


class Page:
    """What a browser knows of a tenant, the tenant itself, and the partner's server."""

    def __init__(self, name: str = "Acme") -> None:
        self.application, self.login = make_application(name)
        make_processor(self.application)
        self.buyer = make_identity(self.application)
        self.partner = ApiClient(self.login)
        self.browser = ApiClient()

    @property
    def path(self) -> str:
        return f"/applications/{self.application.public_id}/tokens"

    def enter(self, members: dict[str, Any], **headers: str) -> HttpResponse:
        return self.browser.post(self.path, members, **headers)

    def token(self, members: dict[str, Any] | None = None, **changes: Any) -> dict[str, Any]:
        answer = self.enter((members or CARD) | changes)
        assert answer.status_code == 201, answer.content
        document: dict[str, Any] = answer.json()
        return document

    def claim(self, token: dict[str, Any], *, key: str | None = None, **changes: Any) -> HttpResponse:
        body = {"type": "TOKEN", "token": token["id"], "identity": self.buyer.public_id} | changes
        return self.partner.post("/payment_instruments", body, **({"Idempotency_Key": key} if key else {}))

    def claimed(self, token: dict[str, Any], **changes: Any) -> dict[str, Any]:
        answer = self.claim(token, **changes)
        assert answer.status_code == 201, answer.content
        document: dict[str, Any] = answer.json()
        return document

    def row(self, token: dict[str, Any]) -> Token:
        with transaction(by=system("test")):
            return Token.objects.get(pk=Token.parse_id(token["id"]))

    def attempt(self, operation: str) -> Attempt:
        with transaction(by=system("test")):
            return Attempt.objects.filter(operation=operation).latest("created_at")

    def arrange(self, kind: str, operation: str, times: int | None = 1) -> None:
        faults.arrange(application_id=self.application.pk, kind=kind, operation=operation, times=times)

    def advance(self, span: timedelta) -> None:
        with transaction(by=system("test")):
            self.application.refresh_from_db()
        offset = self.application.clock_offset + span
        set_clock_offset(application=self.application, offset=offset, by=system("test"), at=timezone.now())


@pytest.fixture(autouse=True)
def _no_counters(settings: Settings) -> None:
    cache.clear()
    settings.API_REQUESTS_PER_SECOND = 0


@pytest.fixture
def page(db: None) -> Page:
    return Page()


def errors(answer: HttpResponse) -> list[tuple[str, str]]:
    """Field and message of each; the code where it is of no field."""
    return [(error.get("field", error["code"]), error["message"]) for error in answer.json()["_embedded"]["errors"]]


def count(model: Any) -> int:
    with transaction(by=system("test")):
        return int(model.objects.count())


# --- handing in -------------------------------------------------------------------------------------------------------


def test_token_has_the_documented_members_and_no_others(page: Page) -> None:
    document = page.token()

    assert set(document) == MEMBERS
    assert (document["instrument_type"], document["currency"]) == ("PAYMENT_CARD", "USD")
    created, expires = (parse_datetime(document[name]) for name in ("created_at", "expires_at"))
    assert created is not None
    assert expires is not None
    assert expires - created == timedelta(hours=24)
    assert re.fullmatch(r"TK[1-9A-HJ-NP-Za-km-z]{20,22}", document["id"])


def test_bank_account_becomes_a_token_and_an_instrument(page: Page) -> None:
    token = page.token(BANK_ACCOUNT, account_number=ACCOUNT_NUMBER)

    instrument = page.claimed(token)

    assert (token["instrument_type"], instrument["type"]) == ("BANK_ACCOUNT", "BANK_ACCOUNT")
    assert (instrument["masked_account_number"], instrument["name"]) == ("XXXXX3540", "Alice")
    with transaction(by=system("test")):
        owner = PaymentInstrument.objects.get(pk=PaymentInstrument.parse_id(instrument["id"]))
        assert vault.open_all([owner], "account_number")[owner.pk].reveal() == ACCOUNT_NUMBER


@pytest.mark.parametrize(
    "body", [SENT_BY_ANDROID, SENT_BY_IOS, CARD | {"instrument_type": "payment_card", "type": "PAYMENT_CARD"}]
)
@pytest.mark.parametrize(
    "media_type", ["application/json", "application/json; charset=utf-8", "application/vnd.json+api"]
)
def test_bodies_of_the_phone_libraries(page: Page, body: dict[str, Any], media_type: str) -> None:
    answer = page.enter(body, Content_Type=media_type)

    assert answer.status_code == 201, answer.content
    instrument = page.claimed(answer.json())
    assert (instrument["expiration_month"], instrument["expiration_year"], instrument["last_four"]) == (
        12,
        2040,
        "0006",
    )


def test_refusals_are_one_per_field_in_the_words_of_instruments(page: Page) -> None:
    wrong = {
        "type": "PAYMENT_CARD", "number": "4895142232120007", "security_code": "1", "expiration_month": 13,
        "expiration_year": 2020, "name": 5, "address": {"country": "Atlantis"}, "currency": "DOLLAR",
    }  # fmt: skip

    refused = page.enter(wrong)
    of_instruments = page.partner.post("/payment_instruments", wrong | {"identity": page.buyer.public_id})

    assert refused.status_code == 422
    assert errors(refused) == errors(of_instruments)
    assert len({field for field, _ in errors(refused)}) == len(errors(refused)) >= 7


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({}, {"type"}),
        ({"type": "TOKEN", "token": "TKiu6N8r5wN38J1xXdeNjzZY"}, {"type"}),
        ({"paymentType": "PAYMENT_CARD"}, {"number", "expiration_month", "expiration_year"}),
        ({"type": "BANK_ACCOUNT"}, {"account_number", "bank_code", "account_type", "name"}),
        (CARD | {"currency": "EUR"}, {"currency"}),
    ],
)
def test_what_lacks_is_named(page: Page, body: dict[str, Any], fields: set[str]) -> None:
    answer = page.enter(body)

    assert (answer.status_code, {field for field, _ in errors(answer)}) == (422, fields)
    assert count(Token) == 0


def test_unknown_malformed_and_the_platforms_application_are_404(page: Page) -> None:
    names = ["APkSa6G63hcfYPak632WZ97m", "nonsense", page.buyer.public_id, ids.public_id("AP", platform_id())]

    answers = [page.browser.post(f"/applications/{name}/tokens", CARD) for name in names]

    assert [answer.status_code for answer in answers] == [404] * 4
    assert [errors(answer)[0] for answer in answers] == [("NOT_FOUND", f"`{name}` was not found") for name in names]


def test_switched_off_application_takes_no_cards(page: Page) -> None:
    update_application(application=page.application, values={"enabled": False}, by=system("test"), at=timezone.now())

    answer = page.enter(CARD)

    assert (answer.status_code, errors(answer)) == (
        422, [("UNPROCESSABLE_ENTITY", "The application is switched off, so it takes no cards.")],
    )  # fmt: skip


def test_application_without_a_processor_takes_no_cards(db: None) -> None:
    del db
    application, _ = make_application()

    answer = ApiClient().post(f"/applications/{application.public_id}/tokens", CARD)

    assert (answer.status_code, errors(answer)) == (
        422, [("processor", "The application has no processor that is enabled.")],
    )  # fmt: skip


@pytest.mark.parametrize("header", ["Basic bm9ib2R5Om5vdGhpbmc=", "Basic", "Bearer x", "\x00"])
def test_credentials_are_not_read(page: Page, header: str) -> None:
    page.browser.headers["Authorization"] = header

    answer = page.enter(CARD)

    assert answer.status_code == 201
    assert "finix-apiuser-role" not in answer


def test_body_border_stands_here_too(page: Page) -> None:
    answers = [
        page.browser.post(page.path, b"{" + b" " * 262_144 + b"}"),
        page.browser.post(page.path, b"{"),
        page.browser.post(page.path, CARD, Content_Type="text/plain"),
    ]

    assert [answer.status_code for answer in answers] == [413, 400, 415]
    assert [answer["Access-Control-Allow-Origin"] for answer in answers] == ["*"] * 3


# --- pages of other origins -------------------------------------------------------------------------------------------


def test_preflight_lets_any_origin_ask_without_credentials(page: Page) -> None:
    answer = page.browser.request(
        "OPTIONS", page.path, Origin="https://shop.example", Access_Control_Request_Method="POST",
        Access_Control_Request_Headers="content-type,finix-version",
    )  # fmt: skip

    assert (answer.status_code, answer.content, answer["Access-Control-Allow-Origin"]) == (204, b"", "*")
    assert answer["Access-Control-Allow-Methods"] == "POST"
    allowed = {name.strip().lower() for name in answer["Access-Control-Allow-Headers"].split(",")}
    assert {"content-type", "finix-version", "idempotency-key"} <= allowed
    assert "authorization" not in allowed
    assert "Access-Control-Allow-Credentials" not in answer


def test_every_answer_may_be_read_by_the_page(page: Page) -> None:
    answers = [page.enter(CARD, Origin="https://shop.example"), page.enter({}), page.browser.get(page.path)]
    answers.append(page.browser.post("/applications/nonsense/tokens", CARD))

    assert [answer.status_code for answer in answers] == [201, 422, 405, 404]
    assert [answer["Access-Control-Allow-Origin"] for answer in answers] == ["*"] * 4
    assert all("Access-Control-Allow-Credentials" not in answer for answer in answers)


def test_no_other_route_is_opened_to_pages(page: Page) -> None:
    for path in ("/payment_instruments", "/", f"/applications/{page.application.public_id}"):
        answers = [page.partner.request(method, path, Origin="https://shop.example") for method in ("GET", "OPTIONS")]
        assert [name for answer in answers for name in answer.headers if name.startswith("Access-Control")] == []


def test_every_address_has_its_share(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "TOKENS_PER_ADDRESS", 3)
    with time_machine.travel("2031-03-03T12:00:00+00:00", tick=False):
        answers = [page.enter({}) for _ in range(4)]
        page.browser.client.defaults["REMOTE_ADDR"] = "192.0.2.7"
        elsewhere = page.enter({})

    assert [answer.status_code for answer in answers] == [422, 422, 422, 429]
    assert (answers[-1]["Retry-After"], answers[-1]["Access-Control-Allow-Origin"]) == ("60", "*")
    assert errors(answers[-1]) == [("TOO_MANY_REQUESTS", "Too many requests; try again later.")]
    assert elsewhere.status_code == 422


def test_addresses_of_one_line_share_it(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "TOKENS_PER_ADDRESS", 1)
    addresses = ["2001:db8::1", "2001:db8::ffff:2", "2001:db8:0:1::1", "::ffff:192.0.2.7", "::ffff:192.0.2.8"]
    answers = []
    with time_machine.travel("2031-03-03T12:00:00+00:00", tick=False):
        for address in addresses:
            page.browser.client.defaults["REMOTE_ADDR"] = address
            answers.append(page.enter({}).status_code)

    assert answers == [422, 429, 422, 422, 422]


def test_every_application_has_its_share_which_one_address_cannot_use_up(
    page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = Page("Other")
    monkeypatch.setattr(limits, "TOKENS_PER_ADDRESS", 3)
    monkeypatch.setattr(limits, "TOKENS_PER_APPLICATION", 4)
    with time_machine.travel("2031-03-03T12:00:00+00:00", tick=False):
        flood = [page.enter({}) for _ in range(9)]
        page.browser.client.defaults["REMOTE_ADDR"] = "192.0.2.7"
        others = [page.enter({}) for _ in range(2)]
        other.browser.client.defaults["REMOTE_ADDR"] = "192.0.2.8"
        of_another = other.enter({})

    assert [answer.status_code for answer in flood] == [422] * 3 + [429] * 6
    assert [answer.status_code for answer in others] == [422, 429]
    assert of_another.status_code == 422


def guesses(count: int) -> list[str]:
    """Numbers of one BIN with one last four, as somebody would try them."""
    tried = (f"489514{middle:06}0006" for middle in range(count * 20))
    return [number for number in tried if luhn.is_valid(number)][:count]


@pytest.mark.parametrize("store", ["valkey", "postgresql"])
def test_hidden_digits_of_a_card_are_not_guessed(
    page: Page, store: str, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    if store == "postgresql":
        settings.CACHES = {"default": {**settings.CACHES["default"], "LOCATION": "unix:///nonexistent.sock?db=0"}}
    limits._script.cache_clear()
    caplog.set_level("DEBUG")
    other = Page("Other")
    with time_machine.travel("2031-03-03T12:00:00+00:00", tick=False):
        *let_in, refused = (page.enter(CARD | {"number": number}) for number in guesses(11))
        known, again = (page.enter(CARD | {"number": guesses(11)[place]}) for place in (0, 10))
        others = [page.enter(CARD | {"number": AMEX}), page.enter(BANK_ACCOUNT), other.enter(CARD)]
        names = list(Limit.objects.values_list("name", flat=True))
    with time_machine.travel("2031-03-03T13:00:00+00:00", tick=False):
        later = page.enter(CARD | {"number": guesses(11)[10]})
    limits._script.cache_clear()

    assert [answer.status_code for answer in let_in] == [201] * 10
    assert (refused.status_code, refused["Retry-After"], refused["Access-Control-Allow-Origin"]) == (429, "3600", "*")
    assert "fingerprint" not in refused.content.decode()
    assert (known.status_code, again.status_code, later.status_code) == (201, 429, 201)
    assert [answer.status_code for answer in others] == [201] * 3
    assert bool(names) == (store == "postgresql")
    assert [name for name in names if "489514" in name or "0006" in name.rpartition(":")[0].split(":")] == []


def test_accounts_of_one_bank_are_counted_by_their_last_four(page: Page) -> None:
    with time_machine.travel("2031-03-03T12:00:00+00:00", tick=False):
        answers = [page.enter(BANK_ACCOUNT | {"account_number": f"{first}1113540"}) for first in range(10, 21)]
        of_another_end = page.enter(BANK_ACCOUNT | {"account_number": "101113541"})

    assert [answer.status_code for answer in answers] == [201] * 10 + [429]
    assert of_another_end.status_code == 201


def test_keys_of_two_visitors_never_meet(page: Page) -> None:
    first = page.enter(CARD, Idempotency_Key="k")
    page.browser.client.defaults["REMOTE_ADDR"] = "192.0.2.7"
    stranger = page.enter(CARD | {"number": AMEX}, Idempotency_Key="k")
    same = page.enter(CARD, Idempotency_Key="k")

    assert (first.status_code, stranger.status_code, same.status_code) == (201, 201, 422)
    assert "Idempotent-Replayed" not in stranger
    with transaction(by=system("test")):
        operations = set(IdempotencyKey.objects.values_list("operation", flat=True))
    assert len(operations) == 2
    assert not any("192.0.2.7" in operation or "127.0.0.1" in operation for operation in operations)


def test_refused_repeat_names_no_token_to_a_visitor(page: Page) -> None:
    update_application(
        application=page.application, values={"idempotency_mode": "EXCEPTION"}, by=system("test"), at=timezone.now()
    )
    page.enter(CARD, Idempotency_Key="k")

    again = page.enter(CARD, Idempotency_Key="k")

    assert again.status_code == 422
    assert errors(again)[0][1] == "This idempotency key was used before, for another request."


def test_repeat_under_a_key_is_the_same_token(page: Page) -> None:
    first, again = (page.enter(CARD, Idempotency_Key="from-the-page") for _ in range(2))
    other = page.enter(CARD | {"number": "378282246310005"}, Idempotency_Key="from-the-page")

    assert (first.status_code, again.status_code, again["Idempotent-Replayed"]) == (201, 201, "true")
    assert (first.content, count(Token)) == (again.content, 1)
    assert (other.status_code, other["Access-Control-Allow-Origin"]) == (422, "*")


def test_visitor_is_on_the_audit_row_with_its_address(page: Page) -> None:
    with transaction(by=system("test")):
        before = Audit.objects.count()
    token = page.token()

    with transaction(by=page.login.actor):
        (row,) = Audit.objects.filter(action="create_token")
        (event,) = Event.objects.filter(resource_id=Token.parse_id(token["id"]))
    with transaction(by=system("test")):
        assert Audit.objects.count() == before + 1
    assert (row.author_kind, row.author_id, row.author_name, row.author_role) == ("STRANGER", None, "Visitor", "")
    assert (row.address, row.result, row.application_id) == ("127.0.0.1", "DONE", page.application.pk)
    assert (event.kind, event.author_kind, event.changes) == ("token.created", "STRANGER", {})


# --- claiming ---------------------------------------------------------------------------------------------------------


def test_claimed_token_is_the_card_of_its_identity(page: Page) -> None:
    token = page.token()

    document = page.claimed(token, tags={"order": "7"})

    assert document["id"] == "PI" + token["id"].removeprefix("TK")
    assert (document["type"], document["instrument_type"], document["created_via"]) == (
        "PAYMENT_CARD", "PAYMENT_CARD", "TOKEN",
    )  # fmt: skip
    assert (document["identity"], document["tags"]) == (page.buyer.public_id, {"order": "7"})
    assert (document["name"], document["address"]) == (CARD["name"], CARD["address"])
    assert (document["fingerprint"], document["last_four"]) == (token["fingerprint"], "0006")
    assert page.partner.get(f"/payment_instruments/{document['id']}").json() == document
    with transaction(by=system("test")):
        assert PaymentInstrument.objects.get().security_code_provided is True


def test_name_and_address_that_are_told_at_the_claim_count(page: Page) -> None:
    address = CARD["address"] | {"line1": "1 Other St"}

    document = page.claimed(page.token(), name="Ann Lee", address=address)

    assert (document["name"], document["address"]) == ("Ann Lee", address)


def test_token_serves_once(page: Page) -> None:
    token = page.token()
    page.claimed(token)

    again = page.claim(token)

    assert (again.status_code, errors(again)) == (422, [("token", "This token was used already")])
    assert (count(PaymentInstrument), count(KeptInstrument)) == (1, 1)


def test_claim_is_dated_by_the_clock_of_the_application(page: Page) -> None:
    page.advance(timedelta(days=400))
    token = page.token()

    page.claimed(token)

    claimed_at = page.row(token).claimed_at
    assert claimed_at is not None
    assert claimed_at >= page.row(token).created_at > timezone.now() + timedelta(days=399)


def test_claim_under_its_key_is_repeated_and_under_another_refused(page: Page) -> None:
    token = page.token()

    first, again, other = (page.claim(token, key=key) for key in ("one", "one", "two"))

    assert (first.status_code, again.status_code, other.status_code) == (201, 201, 422)
    assert (again.content, again["Idempotent-Replayed"]) == (first.content, "true")


def test_expired_token_is_refused_by_business_time(page: Page) -> None:
    in_time, late = page.token(), page.token()
    page.advance(timedelta(hours=23, minutes=59))
    page.claimed(in_time)
    page.advance(timedelta(minutes=1))

    answer = page.claim(late)

    assert (answer.status_code, errors(answer)) == (
        422, [("token", "This token has expired; enter the card or bank account again")],
    )  # fmt: skip


def test_foreign_unknown_and_malformed_tokens(page: Page) -> None:
    foreign = Page("Other").token()
    unknown = {"id": "TKiu6N8r5wN38J1xXdeNjzZY"}

    answers = [page.claim(token) for token in (foreign, unknown, {"id": "PIiu6N8r5wN38J1xXdeNjzZY"}, {"id": 5})]
    lacking = page.partner.post("/payment_instruments", {"type": "TOKEN", "identity": page.buyer.public_id})

    assert [answer.status_code for answer in (*answers, lacking)] == [422] * 5
    assert [errors(answer) for answer in (*answers, lacking)] == [
        [("token", f"`{foreign['id']}` was not found")],
        [("token", f"`{unknown['id']}` was not found")],
        [("token", "An id that begins with TK is needed")],
        [("token", "Must be text")],
        [("token", "This field is required.")],
    ]


def test_identity_of_another_application_leaves_the_token_as_it_is(page: Page) -> None:
    token = page.token()

    refused = page.claim(token, identity=Page("Other").buyer.public_id)

    assert errors(refused) == [("identity", "There is no such identity.")]
    page.claimed(token)


def test_platform_cannot_join_a_token_to_another_tenants_identity(page: Page) -> None:
    from tests.factories.tenancy import make_platform_login

    other, token = Page("Other"), page.token()
    page.partner = ApiClient(make_platform_login())

    refused = page.claim(token, identity=other.buyer.public_id)

    assert errors(refused) == [("token", f"`{token['id']}` was not found")]
    page.claimed(token)


@pytest.mark.usefixtures("own_database")
@pytest.mark.parametrize("keys", [(None, None), ("same", "same"), ("one", "other")])
def test_two_claims_at_once_make_one_instrument(keys: tuple[str | None, str | None]) -> None:
    page = Page()
    token = page.token()
    both = threading.Barrier(2)

    def claim(key: str | None) -> HttpResponse:
        try:
            both.wait(30)
            return page.claim(token, key=key)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(claim, keys))

    statuses = sorted(answer.status_code for answer in answers)
    assert statuses == ([201, 201] if keys[0] == keys[1] == "same" else [201, 422])
    refused = [errors(answer) for answer in answers if answer.status_code == 422]
    assert refused == [[("token", "This token was used already")]] * len(refused)
    assert (count(PaymentInstrument), count(KeptInstrument)) == (1, 1)


# --- what goes wrong at the provider ----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["UNREACHABLE", "REFUSED"])
def test_token_stays_good_where_the_provider_did_not_claim_it(page: Page, kind: str) -> None:
    token = page.token()
    page.arrange(kind, "claim_token", times=2 if kind == "UNREACHABLE" else 1)

    refused = page.claim(token, key="first")
    again = page.claim(token, key="first")

    assert refused.status_code == 402
    assert page.row(token).claimed_at is None or again.status_code == 201
    assert again.status_code == (201 if kind == "UNREACHABLE" else 402)  # a refusal is a result
    if kind == "REFUSED":
        assert page.claim(token, key="second").status_code == 201
    assert (count(PaymentInstrument), page.row(token).claimed_at is None) == (1, False)


@pytest.mark.parametrize(("kind", "is_made"), [("TIMEOUT_BEFORE", False), ("TIMEOUT_AFTER", True), ("MALFORMED", True)])
def test_resolver_finds_out_what_became_of_a_claim(page: Page, kind: str, *, is_made: bool) -> None:
    token = page.token()
    page.arrange(kind, "claim_token")

    answer = page.claim(token, key="once")
    meanwhile = page.claim(token)
    expire(page.attempt("token_claim"), timedelta(seconds=30))
    with time_machine.travel(timezone.now() + timedelta(seconds=30), tick=True):
        run_due_jobs(timezone.now())
        again = page.claim(token, key="once")

    assert (answer.status_code, answer["Retry-After"]) == (503, "5")
    assert errors(meanwhile) == [("token", "This token was used already")]
    assert (again.status_code, "Idempotent-Replayed" in again) == (201, is_made)
    assert again.json()["created_via"] == "TOKEN"
    assert (count(PaymentInstrument), count(KeptInstrument)) == (1, 1)


def test_sandbox_itself_refuses_what_is_claimed_expired_or_unknown(page: Page) -> None:
    claimed, expired = page.token(), page.token()
    page.claimed(claimed)
    page.advance(timedelta(hours=25))
    account = Account(page.application.pk)

    def ask(key: Any) -> str:
        act = ClaimToken(id=key, identity_id=page.buyer.pk)
        return Sandbox().carry_out(act, reference=str(ids.new_id()), account=account).code

    assert [ask(Token.parse_id(token["id"])) for token in (claimed, expired)] == ["TOKEN_CLAIMED", "TOKEN_EXPIRED"]
    assert ask(ids.new_id()) == "TOKEN_NOT_FOUND"


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
@pytest.mark.parametrize("act", ["token", "token_claim"])
def test_process_that_is_killed_leaves_nothing_twice_and_nothing_open(
    killed_at: Callable[[str], None], point: str, act: str
) -> None:
    page = Page()
    token: dict[str, Any] = {} if act == "token" else page.token()

    def ask() -> HttpResponse:
        return page.enter(CARD, Idempotency_Key="k") if act == "token" else page.claim(token, key="k")

    killed_at(point)
    with pytest.raises(Killed):
        ask()
    killed_at("")
    if page.attempt(act).is_open:
        expire(page.attempt(act), timedelta(seconds=30))
        attempts.resolve(page.attempt(act).pk, page.application.pk)
    answer = ask()

    was_done = point not in {"claimed", "executing"}
    assert (answer.status_code, "Idempotent-Replayed" in answer) == (201, was_done)
    assert (count(Token), count(KeptInstrument), count(PaymentInstrument)) == (1, 1, act == "token_claim")
    assert not page.attempt(act).is_open
    if act == "token":
        page.claimed(answer.json())


# --- what is left behind ----------------------------------------------------------------------------------------------


def cells() -> Iterator[tuple[str, str]]:
    """Every row of every table, as text."""
    with connection.cursor() as cursor:
        for model in apps.get_models():
            cursor.execute(f"SELECT row_to_json(line)::text FROM {model._meta.db_table} AS line")
            for (text,) in cursor.fetchall():
                yield model._meta.db_table, text


def test_numbers_and_security_codes_are_nowhere(page: Page, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    made = [
        page.token(CARD, number=AMEX, security_code=SECURITY_CODE),
        page.token(BANK_ACCOUNT, account_number=ACCOUNT_NUMBER),
    ]
    refused = page.enter({"cardNumber": AMEX, "paymentType": "PAYMENT_CARD", "security_code": SECURITY_CODE})
    page.arrange("TIMEOUT_AFTER", "tokenise_card")
    lost = page.enter(CARD | {"number": AMEX, "security_code": SECURITY_CODE}, Idempotency_Key="k")
    instruments = [page.claimed(token) for token in made]

    with transaction(by=system("test")):
        stored = list(cells())
    needles = [re.compile(rf"(?<![0-9a-f-]){needle}(?![0-9a-f-])") for needle in (AMEX, SECURITY_CODE, ACCOUNT_NUMBER)]
    in_hex = [needle.encode().hex() for needle in (AMEX, SECURITY_CODE, ACCOUNT_NUMBER)]
    answered = json.dumps([*made, *instruments, refused.json(), lost.json()])
    logged = caplog.text + "".join(str(vars(record)) for record in caplog.records)
    assert (refused.status_code, lost.status_code) == (422, 503)
    assert {"token", "sandbox_instrument", "payment_instrument", "attempt", "idempotency_key", "job"} <= {
        table for table, _ in stored
    }
    assert [table for table, text in stored for needle in needles if needle.search(text)] == []
    assert [table for table, text in stored for needle in in_hex if needle in text] == []
    assert [needle for needle in needles if needle.search(answered) or needle.search(logged)] == []


def test_behaviour_of_a_test_card_comes_with_its_token_and_sticks(page: Page) -> None:
    """A card that was flagged fails for good, whatever is changed of it; the same number entered again is fresh."""
    merchant = make_merchant(make_merchant_identity(page.application))

    def card(number: str) -> PaymentInstrument:
        document = page.claimed(page.token(number=number))
        with transaction(by=system("test")):
            return PaymentInstrument.objects.get(pk=PaymentInstrument.parse_id(document["id"]))

    def sell(source: PaymentInstrument, amount: int = 1000) -> str | None:
        return make_sale(merchant, source, amount).failure_code

    mismatch, plain, stolen = card("4000000000000036"), card(CARD["number"]), card("4000000000000119")
    assert [sell(mismatch), sell(plain), sell(stolen)] == [
        "ADDRESS_VERIFICATION_FAILED_RISK_RULES", None, "PICK_UP_CARD",
    ]  # fmt: skip
    assert sell(plain, 889987) == "CVV_FAILED_RISK_RULES"

    path = f"/payment_instruments/{plain.public_id}"
    changed = page.partner.put(path, {"name": "Ann Lee", "address": CARD["address"] | {"line1": "1 New St"}})
    fresh = card(CARD["number"])

    assert (changed.status_code, changed.json()["security_code_verification"]) == (200, "UNMATCHED")
    assert (sell(plain), sell(fresh)) == ("CVV_FAILED_RISK_RULES", None)
    assert (fresh.fingerprint, fresh.security_code_verification) == (plain.fingerprint, "UNKNOWN")


def test_purge_takes_what_expired_long_ago_and_nobody_claimed(page: Page) -> None:
    ours, theirs = (handler_of(kind) for kind in ("onboarding.purge_tokens", "sandbox.forget_tokens"))
    assert ours is not None
    assert theirs is not None
    claimed, unclaimed = page.token(BANK_ACCOUNT), page.token(BANK_ACCOUNT, account_number=ACCOUNT_NUMBER)
    page.claimed(claimed)

    def left() -> tuple[int, int, int]:
        ours.handle()
        theirs.handle()
        return count(Token), count(KeptInstrument), count(SealedValue)

    sealed = count(SealedValue)
    page.advance(timedelta(days=7, hours=23))
    assert left() == (2, 2, sealed)
    page.advance(timedelta(hours=2))
    assert left() == (2, 1, sealed)
    page.advance(timedelta(days=22, hours=22))
    assert left() == (2, 1, sealed)
    page.advance(timedelta(hours=2))
    assert left() == (1, 1, sealed - 1)
    assert errors(page.claim(unclaimed)) == [("token", f"`{unclaimed['id']}` was not found")]
    assert errors(page.claim(claimed)) == [("token", "This token was used already")]


def test_purge_takes_numbers_of_which_nothing_was_made(page: Page) -> None:
    purge = handler_of("onboarding.purge_tokens")
    assert purge is not None
    page.token(BANK_ACCOUNT)
    kept = count(SealedValue)
    for path, body in (
        (page.path, BANK_ACCOUNT),
        ("/payment_instruments", BANK_ACCOUNT | {"identity": page.buyer.public_id}),
    ):
        page.arrange("TIMEOUT_BEFORE", "tokenise_bank_account")
        assert page.partner.post(path, body).status_code == 503
    assert count(SealedValue) == kept + 2

    with time_machine.travel(timezone.now() + timedelta(days=29, hours=23)):
        purge.handle()
    assert count(SealedValue) == kept + 2
    with time_machine.travel(timezone.now() + timedelta(days=30, hours=1)):
        purge.handle()
    assert count(SealedValue) == kept


@pytest.mark.parametrize("state", ["ABSENT", "REFUSED"])
def test_purge_takes_at_once_the_number_of_what_was_certainly_not_kept(page: Page, state: str) -> None:
    purge = handler_of("onboarding.purge_tokens")
    assert purge is not None
    kept = page.token(BANK_ACCOUNT)
    page.arrange("TIMEOUT_BEFORE", "tokenise_bank_account")
    assert page.enter(BANK_ACCOUNT).status_code == 503
    sealed = count(SealedValue)
    with transaction(by=system("test")):
        lost = Attempt.objects.filter(operation="token", state="UNKNOWN")
        assert lost.update(state=state, decided_at=timezone.now()) == 1

    purge.handle()

    assert count(SealedValue) == sealed - 1
    assert page.claim(kept).status_code == 201


def test_purge_of_one_tenant_goes_by_its_own_clock(page: Page) -> None:
    other = Page("Other")
    page.token()
    other.token()
    page.advance(timedelta(days=40))

    for kind in ("onboarding.purge_tokens", "sandbox.forget_tokens"):
        handler = handler_of(kind)
        assert handler is not None
        handler.handle()

    with transaction(by=system("test")):
        assert list(Token.objects.values_list("application_id", flat=True)) == [other.application.pk]
        assert list(KeptInstrument.objects.values_list("application_id", flat=True)) == [other.application.pk]


def test_what_the_provider_knows_comes_back(page: Page) -> None:
    """A token until it is claimed, an instrument from then on."""
    unclaimed, instrument = page.token(), page.claimed(page.token(), tags={"order": "7"}, name="Ann Lee")

    def rows() -> list[dict[str, Any]]:
        ours = {"copied_at", "created_via"}
        with transaction(by=system("test")):
            found = [
                *Token.objects.filter(pk=Token.parse_id(unclaimed["id"])).values(),
                *PaymentInstrument.objects.filter(pk=PaymentInstrument.parse_id(instrument["id"])).values(),
            ]
        return [{name: value for name, value in row.items() if name not in ours} for row in found]

    before = rows()
    with transaction(by=system("test")):
        PaymentInstrument.objects.all().delete()
        Token.objects.all().delete()
    assert rows() == []
    count = copying.copy_everything("DUMMY_V1", Account(page.application.pk), by=system("test"), at=timezone.now())

    assert (rows(), count, len(before)) == (before, 2, 2)
    assert page.claim({"id": "TK" + instrument["id"].removeprefix("PI")}).status_code == 422
    assert page.claimed(unclaimed)["fingerprint"] == unclaimed["fingerprint"]


def test_unused_keys_of_what_was_not_executed_are_free(page: Page) -> None:
    page.arrange("UNREACHABLE", "tokenise_card", times=2)

    refused = page.enter(CARD, Idempotency_Key="k")

    assert (refused.status_code, count(IdempotencyKey), count(Token)) == (402, 0, 0)
    assert page.enter(CARD, Idempotency_Key="k").status_code == 201


def test_link_to_the_tokens_of_an_application(page: Page) -> None:
    document = page.partner.get(f"/applications/{page.application.public_id}").json()

    assert document["_links"]["tokens"]["href"].endswith(page.path)
    assert isinstance(page.application, Application)
