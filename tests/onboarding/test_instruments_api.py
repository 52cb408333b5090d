"""Payment instruments of the API: what is kept of a card or bank account, what is refused, what nobody ever sees."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.apps import apps
from django.db import connection
from django.http import HttpResponse

import vault.services as vault
from events.models import Event
from onboarding.models import PaymentInstrument
from providers.sandbox import faults
from tenancy.actors import system
from tenancy.models import Processor
from tenancy.transactions import transaction
from tests.conftest import ApiClient
from tests.factories.onboarding import make_identity, make_merchant_login
from tests.factories.payments import BANK_ACCOUNT, CARD, let_time_pass, make_processor
from tests.factories.tenancy import make_application, make_platform_login

pytestmark = pytest.mark.django_db

MASTERCARD, AMEX = "5200828282828210", "378282246310005"
ACCOUNT_NUMBER, SECURITY_CODE = "90871265341", "8271"


class Tenant:
    """An application with DUMMY_V1 and a buyer."""

    def __init__(self, name: str = "Acme") -> None:
        self.application, self.login = make_application(name)
        make_processor(self.application)
        self.buyer = make_identity(self.application)
        self.partner = ApiClient(self.login)

    def post(self, members: dict[str, Any], **changes: Any) -> HttpResponse:
        return self.partner.post("/payment_instruments", members | {"identity": self.buyer.public_id} | changes)

    def made(self, members: dict[str, Any], **changes: Any) -> dict[str, Any]:
        answer = self.post(members, **changes)
        assert answer.status_code == 201, answer.content
        document: dict[str, Any] = answer.json()
        return document

    def count(self) -> int:
        return int(self.partner.get("/payment_instruments").json()["page"]["count"])


@pytest.fixture
def tenant() -> Tenant:
    return Tenant()


def errors(answer: HttpResponse) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = answer.json()["_embedded"]["errors"]
    return found


@pytest.mark.parametrize(
    ("number", "brand", "bin_", "last_four"),
    [
        (CARD["number"], "VISA", "489514", "0006"), ("4895 1422 3212 0006", "VISA", "489514", "0006"),
        (MASTERCARD, "MASTERCARD", "520082", "8210"), (AMEX, "AMERICAN_EXPRESS", "378282", "0005"),
    ],
)  # fmt: skip
def test_card_shows_six_and_four(tenant: Tenant, number: str, brand: str, bin_: str, last_four: str) -> None:
    document = tenant.made(CARD, number=number)

    assert (document["brand"], document["bin"], document["last_four"]) == (brand, bin_, last_four)
    assert (document["type"], document["instrument_type"]) == ("PAYMENT_CARD", "PAYMENT_CARD")
    assert (document["address_verification"], document["security_code_verification"]) == ("UNKNOWN", "UNKNOWN")
    assert not {"number", "security_code", "account_number", "masked_account_number", "bank_code"} & document.keys()
    assert tenant.partner.get(f"/payment_instruments/{document['id']}").json() == document


def test_bank_account_shows_its_bank_and_four(tenant: Tenant) -> None:
    document = tenant.made(BANK_ACCOUNT, account_number=ACCOUNT_NUMBER)

    assert (document["masked_account_number"], document["bank_code"]) == ("XXXXX5341", "122105278")
    assert (document["account_type"], document["country"], document["currency"]) == ("SAVINGS", "USA", "USD")
    assert not {"number", "account_number", "bin", "last_four", "brand", "expiration_month"} & document.keys()
    assert tenant.partner.get(f"/payment_instruments/{document['id']}").json() == document


@pytest.mark.parametrize(
    ("members", "changes", "field"),
    [
        (CARD, {"number": "4895142232120007"}, "number"), (CARD, {"number": None}, "number"),
        (CARD, {"expiration_year": 2020}, "expiration_year"), (CARD, {"expiration_month": 13}, "expiration_month"),
        (CARD, {"security_code": "12"}, "security_code"), (CARD, {"type": "CASH"}, "type"),
        (CARD, {"identity": "IDpHEprvRCz6Sp4BGTEgsyKk"}, "identity"), (CARD, {"currency": "EUR"}, "currency"),
        (CARD, {"tags": {"a": 1}}, "tags.a"), (CARD, {"address": {"country": "Utopia"}}, "address.country"),
        (BANK_ACCOUNT, {"bank_code": "123456789"}, "bank_code"), (BANK_ACCOUNT, {"name": None}, "name"),
        (BANK_ACCOUNT, {"account_type": "GOLD"}, "account_type"),
        (BANK_ACCOUNT, {"account_number": "12-34"}, "account_number"),
    ],
)  # fmt: skip
def test_refused_member_is_named_and_nothing_is_kept(
    tenant: Tenant, members: dict[str, Any], changes: dict[str, Any], field: str
) -> None:
    answer = tenant.post(members, **changes)

    assert answer.status_code == 422
    assert [(error["code"], error["field"]) for error in errors(answer)] == [("INVALID_FIELD", field)]
    assert tenant.count() == 0


def test_expired_card_is_refused_in_the_documented_words(tenant: Tenant) -> None:
    (error,) = errors(tenant.post(CARD, expiration_year=2020))

    assert error["message"] == "Expiration year `2020` is expired"


def test_card_expires_by_the_business_time_of_its_application(tenant: Tenant) -> None:
    assert tenant.post(CARD, expiration_year=2040, expiration_month=12).status_code == 201

    let_time_pass(tenant.application, seconds=15 * 366 * 24 * 3600)

    (error,) = errors(tenant.post(CARD, expiration_year=2040, expiration_month=12))
    assert error["message"] == "Expiration year `2040` is expired"


def test_card_that_the_platform_enters_expires_by_the_clock_of_its_application(tenant: Tenant) -> None:
    other, admin = Tenant("Other"), ApiClient(make_platform_login())
    let_time_pass(tenant.application, seconds=15 * 366 * 24 * 3600)
    card = CARD | {"expiration_year": 2040, "expiration_month": 12}

    def enter(identity: str) -> Any:
        return admin.post("/payment_instruments", card | {"identity": identity})

    (error,) = errors(enter(tenant.buyer.public_id))
    assert error["message"] == "Expiration year `2040` is expired"
    assert enter(other.buyer.public_id).status_code == 201
    for identity in ("IDpHEprvRCz6Sp4BGTEgsyKk", "nobody"):
        assert [error["field"] for error in errors(enter(identity))] == ["identity"]


def test_identity_of_another_application_is_as_absent(tenant: Tenant) -> None:
    foreign = Tenant("Other")

    answers = [
        tenant.post(CARD, identity=public_id) for public_id in (foreign.buyer.public_id, "IDpHEprvRCz6Sp4BGTEgsyKk")
    ]

    assert [[(error["field"], error["message"]) for error in errors(answer)] for answer in answers] == [
        [("identity", "There is no such identity.")]
    ] * 2
    assert (foreign.count(), tenant.count()) == (0, 0)


def test_without_a_processor_nothing_is_kept() -> None:
    application, login = make_application()

    answer = ApiClient(login).post("/payment_instruments", CARD | {"identity": make_identity(application).public_id})

    assert (answer.status_code, errors(answer)[0]["field"]) == (422, "processor")


def test_currency_that_the_processor_offers_is_taken() -> None:
    application, login = make_application()
    make_processor(application, Processor.Name.DUMMY_V1, default_currencies=["USD", "CAD"])
    body = CARD | {"identity": make_identity(application).public_id, "currency": "cad"}

    answer = ApiClient(login).post("/payment_instruments", body)

    assert (answer.status_code, answer.json()["currency"]) == (201, "CAD")


def test_fingerprint_tells_the_same_card_within_an_application_and_nowhere_else(tenant: Tenant) -> None:
    other_buyer = make_identity(tenant.application)
    same = [
        tenant.made(CARD)["fingerprint"],
        tenant.made(CARD, expiration_year=2031, name="Somebody Else", number="4895-1422-3212-0006")["fingerprint"],
        tenant.made(CARD, identity=other_buyer.public_id)["fingerprint"],
    ]
    others = [
        tenant.made(CARD, number=MASTERCARD)["fingerprint"],
        Tenant("Other").made(CARD)["fingerprint"],
        tenant.made(BANK_ACCOUNT)["fingerprint"],
        tenant.made(BANK_ACCOUNT, bank_code="123123123")["fingerprint"],
    ]

    assert len(set(same)) == 1
    assert len({*same, *others}) == 5
    assert all(re.fullmatch(r"FPR[1-9A-HJ-NP-Za-km-z]{20,25}", fingerprint) for fingerprint in same + others)


def cells() -> Iterator[tuple[str, str]]:
    """Every row of every table, as text."""
    with connection.cursor() as cursor:
        for model in apps.get_models():
            cursor.execute(f"SELECT row_to_json(line)::text FROM {model._meta.db_table} AS line")
            for (text,) in cursor.fetchall():
                yield model._meta.db_table, text


def test_number_and_security_code_are_stored_nowhere_and_an_account_number_only_sealed(
    tenant: Tenant, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    admin = ApiClient(make_platform_login())
    card = tenant.made(CARD, number=AMEX, security_code=SECURITY_CODE)
    account = tenant.made(BANK_ACCOUNT, account_number=ACCOUNT_NUMBER)
    refused = tenant.post(CARD, number=AMEX, security_code=SECURITY_CODE, expiration_year=2020)
    declined = tenant.post(BANK_ACCOUNT, account_number=ACCOUNT_NUMBER, bank_code="1")

    needles = [AMEX, SECURITY_CODE, ACCOUNT_NUMBER]
    with transaction(by=system("test")):
        stored = list(cells())
        owner = PaymentInstrument(id=PaymentInstrument.parse_id(account["id"]))
        opened = vault.open_all([owner], "account_number")
    quoted = [re.compile(rf"(?<![0-9a-f-]){needle}(?![0-9a-f-])") for needle in needles]
    in_hex = [needle.encode().hex() for needle in needles]  # as binary columns are written
    assert [(table, text) for table, text in stored for needle in quoted if needle.search(text)] == []
    assert [table for table, text in stored if any(needle in text for needle in in_hex)] == []
    assert {"payment_instrument", "sandbox_instrument", "event", "audit", "attempt"} <= {table for table, _ in stored}
    assert opened[owner.pk].reveal() == ACCOUNT_NUMBER
    answers = [
        client.get(path)
        for client in (tenant.partner, admin)
        for path in (
            f"/payment_instruments/{card['id']}",
            f"/payment_instruments/{account['id']}",
            "/payment_instruments",
        )
    ]
    answered = json.dumps([card, account, *[json.loads(answer.content) for answer in (*answers, refused, declined)]])
    logged = caplog.text + "".join(str(vars(record)) for record in caplog.records)
    for needle in quoted:
        assert needle.search(answered) is None
        assert needle.search(logged) is None


@pytest.mark.parametrize("members", [CARD, BANK_ACCOUNT])
@pytest.mark.parametrize("kind", ["TIMEOUT_BEFORE", "TIMEOUT_AFTER", "MALFORMED"])
def test_silence_of_the_provider_is_503_and_charges_nothing(tenant: Tenant, kind: str, members: dict[str, Any]) -> None:
    faults.arrange(application_id=tenant.application.pk, kind=kind, times=1)

    answer = tenant.post(members)

    assert (answer.status_code, answer["Retry-After"]) == (503, "5")
    assert errors(answer)[0]["code"] == "SERVICE_UNAVAILABLE"
    assert tenant.post(members).status_code == 201


def test_unreachable_provider_is_402_with_the_code(tenant: Tenant) -> None:
    faults.arrange(application_id=tenant.application.pk, kind="UNREACHABLE", times=2)

    answer = tenant.post(CARD)

    (error,) = errors(answer)
    assert (answer.status_code, error["code"], error["failure_code"]) == (
        402, "UPSTREAM_PROCESSOR_ERROR", "PROVIDER_UNREACHABLE",
    )  # fmt: skip
    assert tenant.count() == 0


def test_creation_is_one_event_of_the_caller(tenant: Tenant) -> None:
    document = tenant.made(CARD)

    with transaction(by=tenant.login.actor):
        (event,) = Event.objects.filter(resource_id=PaymentInstrument.parse_id(document["id"]))
    assert (event.kind, event.author_id) == ("payment_instrument.created", tenant.login.user.pk)


def test_merchants_login_sees_its_own_and_not_its_buyers(tenant: Tenant) -> None:
    theirs = tenant.made(CARD)
    own = make_identity(tenant.application)
    mine = tenant.made(BANK_ACCOUNT, identity=own.public_id)
    client = ApiClient(make_merchant_login(own))

    assert [row["id"] for row in client.get("/payment_instruments").json()["_embedded"]["payment_instruments"]] == [
        mine["id"]
    ]
    assert client.get(f"/payment_instruments/{theirs['id']}").status_code == 404
    assert client.post("/payment_instruments", CARD | {"identity": own.public_id}).status_code == 403


def test_lists_of_an_identity_and_an_application(tenant: Tenant) -> None:
    other = make_identity(tenant.application)
    first, second = tenant.made(CARD), tenant.made(BANK_ACCOUNT)
    third = tenant.made(CARD, identity=other.public_id)

    def listed(path: str) -> list[str]:
        rows = tenant.partner.get(f"{path}/payment_instruments").json()["_embedded"]["payment_instruments"]
        return [row["id"] for row in rows]

    assert listed(f"/identities/{tenant.buyer.public_id}") == [second["id"], first["id"]]
    assert listed(f"/applications/{tenant.application.public_id}") == [third["id"], second["id"], first["id"]]
    assert listed("") == [third["id"], second["id"], first["id"]]
