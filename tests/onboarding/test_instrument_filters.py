"""Every documented filter of instruments and merchants, and those of verifications: what it finds, and what nearly
matches and is left out."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.http import QueryDict

from api.errors import WrongParameters
from api.filters import ListFilter
from onboarding.filters import (
    InstrumentFilter,
    InstrumentSearch,
    MerchantFilter,
    MerchantSearch,
    VerificationFilter,
)
from onboarding.models import Identity, Merchant, PaymentInstrument, Verification
from tenancy.actors import Actor, system
from tenancy.models import Application, Processor
from tenancy.services import enable_processor
from tenancy.transactions import transaction
from tests.factories.onboarding import make_identity, make_merchant_login
from tests.factories.tenancy import make_application

pytestmark = pytest.mark.django_db

ROWS = {
    (resource, row["label"]): row
    for row in json.loads((Path(__file__).resolve().parents[1] / "contract" / "filters.json").read_text())
    for resource in row["resources"]
    if resource in {"payment_instruments", "merchants"}
}
DAY = datetime(2019, 6, 15, tzinfo=UTC)
END_OF_DAY = DAY + timedelta(days=1, microseconds=-1)
BEFORE, AFTER = DAY - timedelta(microseconds=1), DAY + timedelta(days=1)

CARD = {
    "type": "PAYMENT_CARD", "fingerprint": "FPcard", "name": "Marcie Wade", "last_four": "0006", "bin": "489514",
    "brand": "VISA", "expiration_month": 3, "expiration_year": 2029,
}  # fmt: skip
ACCOUNT = {
    "type": "BANK_ACCOUNT", "fingerprint": "FPaccount", "name": "Alice", "last_four": "3123",
    "bank_code": "123123123", "account_type": "SAVINGS", "country": "USA",
}  # fmt: skip


def card(**members: Any) -> dict[str, Any]:
    return CARD | members


def account(**members: Any) -> dict[str, Any]:
    return ACCOUNT | members


class World:
    """A partner's application with a processor, another one beside it, and rows in both."""

    def __init__(self) -> None:
        self.by = system("test")
        self.application, self.login = make_application()
        self.foreign_application, _ = make_application("Other")
        self.identity = make_identity(self.application)
        self.foreign_identity = make_identity(self.foreign_application)
        self.by = system("test")  # and sees the applications that were just made
        self.processors: dict[Any, Processor] = {}

    @property
    def partner(self) -> Actor:
        return self.login.actor

    def instrument(self, members: dict[str, Any] | None = None, *, foreign: bool = False, **more: Any) -> str:
        identity = self.foreign_identity if foreign else self.identity
        values = {"application_id": identity.application_id, "identity": identity, **(members or CARD), **more}
        with transaction(by=self.by):
            return PaymentInstrument.objects.create(**values).public_id

    def merchant(self, *, foreign: bool = False, **members: Any) -> str:
        identity = members.pop("identity", self.foreign_identity if foreign else self.identity)
        name = Processor.Name(members.pop("processor", "DUMMY_V1"))
        processor = self.processor(self.foreign_application if foreign else self.application, name)
        with transaction(by=self.by):
            return Merchant.objects.create(
                application_id=identity.application_id,
                identity=identity,
                processor=name.value,
                enabled_processor=processor,
                merchant_profile_id=processor.default_merchant_profile_id,
                **members,
            ).public_id

    def processor(self, application: Application, name: Processor.Name) -> Processor:
        key = (application.pk, name)
        if key not in self.processors:
            self.processors[key] = enable_processor(application=application, name=name, config={}, by=self.by, at=DAY)
        return self.processors[key]

    def verification(self, *, of: str, state: str = "SUCCEEDED", **members: Any) -> str:
        with transaction(by=self.by):
            merchant = Merchant.objects.get(pk=Merchant.parse_id(of))
            return Verification.objects.create(
                application_id=merchant.application_id,
                merchant=merchant,
                merchant_identity_id=merchant.identity_id,
                **{"processor": merchant.processor, "state": state, **members},
            ).public_id

    def found(self, kind: type[ListFilter[Any]], query: str, *, by: Actor | None = None) -> set[str]:
        """Ids of what a filter leaves of what the partner, or somebody else, may see."""
        by = by or self.partner
        with transaction(by=by):
            rows = kind(QueryDict(query), MODELS[kind].objects.visible_to(by)).apply()
            return {row.public_id for row in rows}


MODELS: dict[Any, Any] = {
    InstrumentFilter: PaymentInstrument,
    InstrumentSearch: PaymentInstrument,
    MerchantFilter: Merchant,
    MerchantSearch: Merchant,
    VerificationFilter: Verification,
}


@pytest.fixture
def world() -> World:
    return World()


# label -> what matches, what nearly does.
INSTRUMENTS: dict[str, tuple[list[dict[str, Any]], list[dict[str, Any]]]] = {
    "Account Last Four": (
        [account(last_four="9444")],
        [card(last_four="9444"), account(last_four="9443"), account(last_four="444")],
    ),
    "Account Routing Number": (
        [account(bank_code="9444")],
        [account(bank_code="944412345"), account(bank_code="94440"), account(last_four="9444"), card()],
    ),
    "BIN": ([card(bin="489514")], [card(bin="489515"), card(bin="48951"), account()]),
    "Created At =": (
        [card(created_at=DAY), account(created_at=END_OF_DAY)],
        [card(created_at=BEFORE), account(created_at=AFTER)],
    ),
    "Created At >=": ([card(created_at=DAY), card(created_at=AFTER)], [card(created_at=BEFORE)]),
    "Created At <=": ([card(created_at=BEFORE), card(created_at=END_OF_DAY)], [card(created_at=AFTER)]),
    "Expiration Month": ([card(expiration_month=1)], [card(expiration_month=one) for one in (10, 11, 12)]),
    "Expiration Year": ([card(expiration_year=2022)], [card(expiration_year=one) for one in (2021, 2023)]),
    "Last Four": ([card(last_four="0454")], [account(last_four="0454"), card(last_four="454")]),
    "Name": (
        [card(name="fran lemke"), account(name="fran lemke")],
        [card(name=name) for name in ("Fran Lemke", "fran", "lemke", "fran lemke jr", None)],
    ),
    "Type": ([account()], [card()]),
}


@pytest.mark.parametrize("label", INSTRUMENTS)
@pytest.mark.parametrize("kind", [InstrumentFilter, InstrumentSearch])
def test_documented_filter_of_instruments(world: World, kind: type[ListFilter[Any]], label: str) -> None:
    matching, near = INSTRUMENTS[label]
    expected = {world.instrument(one) for one in matching}
    foreign = {world.instrument(one, foreign=True) for one in matching}
    for one in near:
        world.instrument(one)
    query = ROWS["payment_instruments", label]["example"]

    assert world.found(kind, query) == expected
    assert world.found(kind, query, by=world.by) == expected | foreign


def test_instruments_by_id(world: World) -> None:
    one, other, foreign = world.instrument(), world.instrument(ACCOUNT), world.instrument(foreign=True)
    application, foreign_application = world.application.public_id, world.foreign_application.public_id

    assert world.found(InstrumentFilter, f"id={one}") == {one}
    assert world.found(InstrumentFilter, f"id={foreign}") == set()
    assert world.found(InstrumentFilter, f"id={application}", by=world.by) == {one, other}
    assert world.found(InstrumentFilter, f"id={foreign_application}", by=world.by) == {foreign}
    assert world.found(InstrumentFilter, f"id={foreign_application}") == set()
    for label in ("Application ID", "Payment Instrument ID"):
        assert world.found(InstrumentFilter, ROWS["payment_instruments", label]["example"], by=world.by) == set()
    for text in ("nonsense", one[:-1], "AP", f"ID{one[2:]}"):
        assert world.found(InstrumentFilter, f"id={text}", by=world.by) == set()


@pytest.mark.parametrize("name", ["owner_identity_id", "identity_id"])
def test_instruments_by_identity(world: World, name: str) -> None:
    other = make_identity(world.application)
    own, others = world.instrument(), world.instrument(ACCOUNT, identity=other)
    documented = ROWS["payment_instruments", "Owner Identity ID"]["example"].partition("=")[2]

    assert world.found(InstrumentFilter, f"{name}={world.identity.public_id}") == {own}
    assert world.found(InstrumentFilter, f"{name}={other.public_id}") == {others}
    assert world.found(InstrumentFilter, f"{name}={documented}") == set()
    assert world.found(InstrumentFilter, f"{name}={own}") == set()


@pytest.mark.parametrize("name", ["application_id", "application"])
def test_instruments_by_application(world: World, name: str) -> None:
    own, foreign = world.instrument(), world.instrument(foreign=True)

    assert world.found(InstrumentFilter, f"{name}={world.application.public_id}", by=world.by) == {own}
    assert world.found(InstrumentFilter, f"{name}={world.foreign_application.public_id}", by=world.by) == {foreign}
    assert world.found(InstrumentFilter, f"{name}={world.foreign_application.public_id}") == set()


def test_last4_is_another_name_of_last_four(world: World) -> None:
    expected = world.instrument(card(last_four="0454"))
    world.instrument(account(last_four="0454"))

    assert world.found(InstrumentFilter, "last4=0454") == {expected}


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("type=payment_card", "visa amex off"), ("type=ALL", "visa amex off bank"), ("type=", "visa amex off bank"),
        ("brand=visa", "visa off"), ("brand=AMERICAN_EXPRESS", "amex"), ("brand=jcb", ""),
        ("enabled=true", "visa amex bank"), ("enabled=False", "off"), ("enabled=TRUE&brand=VISA", "visa"),
        ("enabled=all", "visa amex off bank"), ("fingerprint=FPcard", "visa off"), ("fingerprint=fpcard", ""),
        ("expiration_month=03&expiration_year=2029", "visa amex off"), ("tags.key=plan", "visa bank"),
        ("tags.value=gold", "visa"), ("tags.key=plan&tags.value=tin", "bank"), ("tags.key=pla", ""),
        ("unknown=1", "visa amex off bank"), ("account_last4=%25", ""), ("pk=1", "visa amex off bank"),
    ],
)  # fmt: skip
def test_further_filters_of_instruments(world: World, query: str, expected: str) -> None:
    made = {
        "visa": world.instrument(CARD, tags={"plan": "gold"}),
        "amex": world.instrument(card(brand="AMERICAN_EXPRESS", fingerprint="FPother")),
        "off": world.instrument(card(enabled=False)),
        "bank": world.instrument(ACCOUNT, tags={"plan": "tin"}),
    }

    assert world.found(InstrumentFilter, query) == {made[name] for name in expected.split()}


@pytest.mark.parametrize(
    ("query", "name"),
    [
        *((f"expiration_month={value}", "expiration_month") for value in ("0", "13", "x", "1.5", "9" * 30, "%00")),
        *((f"expiration_year={value}", "expiration_year") for value in ("29", "10000", "x", "-2029", "9" * 30)),
        *((f"type={value}", "type") for value in ("TOKEN", "CARD", "1")),
        *((f"enabled={value}", "enabled") for value in ("yes", "1", "0", "truee")),
        ("brand=AMEX", "brand"), ("created_at.gte=yesterday", "created_at.gte"), (f"name={'x' * 201}", "name"),
    ],
)  # fmt: skip
def test_value_that_cannot_be_read_is_refused(world: World, query: str, name: str) -> None:
    with pytest.raises(WrongParameters) as refusal:
        world.found(InstrumentFilter, query)

    assert [error.field for error in refusal.value.errors] == [name]


def test_all_values_that_cannot_be_read_are_refused_at_once(world: World) -> None:
    with pytest.raises(WrongParameters) as refusal:
        world.found(InstrumentFilter, "type=x&enabled=x&expiration_month=x&brand=x")

    assert {error.field for error in refusal.value.errors} == {"type", "enabled", "expiration_month", "brand"}


def test_portal_searches_instruments(world: World) -> None:
    fran, other = world.instrument(card(name="Fran Lemke")), world.instrument(account(name="Lemke, Fran"))
    foreign = world.instrument(card(name="Fran Lemke"), foreign=True)

    assert world.found(InstrumentSearch, "q=fran") == {fran}
    assert world.found(InstrumentSearch, "q=LEMKE") == {other}
    assert world.found(InstrumentSearch, "q=Fran%20LEMKE") == {fran}
    assert world.found(InstrumentSearch, "q=%25") == world.found(InstrumentSearch, "q=fran_") == set()
    assert world.found(InstrumentSearch, "q=0006") == {fran}
    assert world.found(InstrumentSearch, "q=3123") == {other}
    assert world.found(InstrumentSearch, f"q=%20{other}%20") == {other}
    assert world.found(InstrumentSearch, f"q={foreign}") == world.found(InstrumentSearch, "q=123") == set()
    assert world.found(InstrumentSearch, "q=") == {fran, other}


def test_name_that_is_longer_in_lower_case_is_kept_and_found(world: World) -> None:
    """Of some letters the lower case is two characters."""
    name = "\u0130" * 40
    made = world.instrument(card(name=name))

    assert world.found(InstrumentSearch, f"q={name}") == world.found(InstrumentFilter, f"name={name}") == {made}


def test_portal_shows_each_filter_under_one_name() -> None:
    labels = [found.label for found in InstrumentSearch.base_filters.values()]

    assert len(labels) == len(set(labels))
    assert InstrumentFilter.base_filters.keys() - InstrumentSearch.base_filters.keys() == {
        "last4", "identity_id", "application",
    }  # fmt: skip


def test_merchants_log_in_finds_its_own_only(world: World) -> None:
    other = make_identity(world.application)
    own, others = world.instrument(), world.instrument(identity=other)
    by = make_merchant_login(world.identity).actor

    assert world.found(InstrumentFilter, "brand=VISA", by=by) == {own}
    assert world.found(InstrumentFilter, f"id={others}", by=by) == set()
    assert world.found(InstrumentFilter, f"identity_id={other.public_id}", by=by) == set()


MERCHANT_MOMENTS: dict[str, tuple[list[datetime], list[datetime]]] = {
    "Created At =": ([DAY, END_OF_DAY], [BEFORE, AFTER]),
    "Created At >=": ([DAY, AFTER], [BEFORE]),
    "Created At <=": ([BEFORE, END_OF_DAY], [AFTER]),
}


@pytest.mark.parametrize("label", MERCHANT_MOMENTS)
def test_documented_moments_of_merchants(world: World, label: str) -> None:
    matching, near = MERCHANT_MOMENTS[label]
    expected = {world.merchant(created_at=moment) for moment in matching}
    foreign = {world.merchant(created_at=moment, foreign=True) for moment in matching}
    for moment in near:
        world.merchant(created_at=moment)
    query = ROWS["merchants", label]["example"]

    assert world.found(MerchantFilter, query) == world.found(MerchantSearch, query) == expected
    assert world.found(MerchantFilter, query, by=world.by) == expected | foreign


def test_merchants_by_id(world: World) -> None:
    one, _ = world.merchant(), world.merchant()
    foreign = world.merchant(foreign=True)

    assert world.found(MerchantFilter, f"id={one}") == {one}
    assert world.found(MerchantFilter, f"id={foreign}") == set()
    assert world.found(MerchantFilter, f"id={foreign}", by=world.by) == {foreign}
    for label in ("Merchant ID", "Dispute ID"):
        assert world.found(MerchantFilter, ROWS["merchants", label]["example"], by=world.by) == set()


def test_every_documented_filter_has_a_test() -> None:
    instruments = {*INSTRUMENTS, "Application ID", "Payment Instrument ID", "Owner Identity ID"}
    merchants = {*MERCHANT_MOMENTS, "Merchant ID", "Dispute ID"}

    assert ROWS.keys() == {("payment_instruments", one) for one in instruments} | {
        ("merchants", one) for one in merchants
    }


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("onboarding_state=approved", "bobs"), ("onboarding_state=PROVISIONING", "new visa"),
        ("onboarding_state=REJECTED", ""), ("processor=dummy_v1", "bobs new"), ("processor=VISA_V1", "visa"),
        ("processor=VISA", ""), ("processor=", "bobs new visa"), ("mid=4445036913770", "bobs"),
        ("mid=444503691377", ""), ("merchant_name=Bobs%20Burgers", "bobs"), ("merchant_name=Bobs", ""),
        ("mcc=0742", "bobs"), ("processing_enabled=True", "bobs"), ("settlement_enabled=false", "new visa"),
        ("processing_enabled=true&settlement_enabled=true", "bobs"), ("q=bobs", "bobs new visa"),
    ],
)  # fmt: skip
def test_further_filters_of_merchants(world: World, query: str, expected: str) -> None:
    made = {
        "bobs": world.merchant(
            onboarding_state="APPROVED", processing_enabled=True, settlement_enabled=True, mid="4445036913770",
            merchant_name="Bobs Burgers", mcc="0742",
        ),
        "new": world.merchant(merchant_name="New"),
        "visa": world.merchant(processor="VISA_V1"),
    }  # fmt: skip
    world.merchant(foreign=True, mid="4445036913770", merchant_name="Bobs Burgers", mcc="0742")

    assert world.found(MerchantFilter, query) == {made[name] for name in expected.split()}


def test_merchants_by_what_they_belong_to(world: World) -> None:
    other = make_identity(world.application)
    own, others = world.merchant(), world.merchant(identity=other, processor="VISA_V1")
    foreign = world.merchant(foreign=True)
    visa = world.processors[world.application.pk, Processor.Name.VISA_V1]

    assert world.found(MerchantFilter, f"identity_id={other.public_id}") == {others}
    assert world.found(MerchantFilter, f"processor_id={visa.public_id}") == {others}
    assert world.found(MerchantFilter, f"application_id={world.application.public_id}", by=world.by) == {own, others}
    assert world.found(MerchantFilter, f"application_id={world.foreign_application.public_id}", by=world.by) == {
        foreign
    }
    assert world.found(MerchantFilter, f"identity_id={world.foreign_identity.public_id}") == set()


def test_portal_searches_merchants(world: World) -> None:
    bobs, other = world.merchant(merchant_name="Bobs Burgers", mid="M1"), world.merchant(merchant_name="Not Bobs")
    foreign = world.merchant(merchant_name="Bobs Burgers", foreign=True)

    assert world.found(MerchantSearch, "q=bobs") == world.found(MerchantSearch, "q=M1") == {bobs}
    assert world.found(MerchantSearch, "q=BOBS%20b") == {bobs}
    assert world.found(MerchantSearch, "q=%25") == world.found(MerchantSearch, "q=bob_") == set()
    assert world.found(MerchantSearch, f"q={other}") == {other}
    assert world.found(MerchantSearch, f"q={foreign}") == world.found(MerchantSearch, "q=burgers") == set()


@pytest.fixture
def verifications(world: World) -> dict[str, str]:
    one = world.merchant()
    two = world.merchant(identity=make_identity(world.application), processor="VISA_V1")
    made = {
        "first": world.verification(of=one, state="FAILED", trace_id="T1", created_at=BEFORE),
        "second": world.verification(of=one, created_at=DAY),
        "other": world.verification(of=two, state="PENDING", created_at=AFTER),
    }
    world.verification(of=world.merchant(foreign=True), trace_id="T1", created_at=DAY)
    with transaction(by=world.by):
        identity = Identity.objects.get(pk=Merchant.objects.get(pk=Merchant.parse_id(two)).identity_id)
    return made | {"merchant": one, "identity": identity.public_id}


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("merchant_id={merchant}", "first second"), ("identity_id={identity}", "other"), ("id={first}", "first"),
        ("state=failed", "first"), ("state=ALL", "first second other"), ("processor=visa_v1", "other"),
        ("trace_id=T1", "first"), ("trace_id=T", ""), ("created_at.gte=2019-06-15&created_at.lte=2019-06-15", "second"),
        ("merchant_id={identity}", ""), ("merchant_id={merchant}&state=SUCCEEDED", "second"),
    ],
)  # fmt: skip
def test_filters_of_verifications(world: World, verifications: dict[str, str], query: str, expected: str) -> None:
    expected_ids = {verifications[name] for name in expected.split()}

    assert world.found(VerificationFilter, query.format(**verifications)) == expected_ids


def test_verifications_by_application(world: World, verifications: dict[str, str]) -> None:
    own = {verifications[name] for name in ("first", "second", "other")}

    assert world.found(VerificationFilter, f"application_id={world.application.public_id}", by=world.by) == own
    assert (
        len(world.found(VerificationFilter, f"application_id={world.foreign_application.public_id}", by=world.by)) == 1
    )
    with pytest.raises(WrongParameters):
        world.found(VerificationFilter, "state=DONE")
