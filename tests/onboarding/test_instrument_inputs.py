"""Bodies of instruments, merchants and verifications, member by member, and the documents that answer them."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from rest_framework import serializers

from api.errors import field_errors
from api.inputs import InputSerializer
from onboarding.models import Identity, Merchant, PaymentInstrument, Verification
from onboarding.serializers.instruments import InstrumentDocument, InstrumentInput
from onboarding.serializers.merchants import (
    MerchantDocument,
    MerchantInput,
    MerchantUpdate,
)
from onboarding.serializers.verifications import (
    IdentityVerificationInput,
    VerificationDocument,
    VerificationInput,
    VerificationTargetInput,
)
from resources import ids
from tenancy.models import Application, MerchantProfile
from vault.secret import Secret

CONTRACT = Path(__file__).resolve().parents[1] / "contract"
EXAMPLES = {one["id"]: one for one in json.loads((CONTRACT / "finix-admin.json").read_text())}
TEST_DATA = json.loads((CONTRACT / "test_data.json").read_text())
ACCOUNT: dict[str, Any] = EXAMPLES["getting-started-2-merchant-bank-account"]["request"]
CARD: dict[str, Any] = EXAMPLES["getting-started-5-tokenize-card"]["request"]
OTHER_CARDS = [
    "4000000000009979", "4000000000000002", "4000000000009995", "4000000000009987", "4000000000000069",
    "4000000000000119", "4012888888881881", "4000056655665556", "4242424242424242", "4000000000000135",
    "6011000000004675", "5200820000007201", "4393420000002680", "5223100000008423", "379032000006086",
]  # fmt: skip
CARDS = [one["number"] for kind, found in TEST_DATA.items() if "cards" in kind for one in found if "number" in one]
NOW = datetime(2026, 6, 15, 12, tzinfo=UTC)

# No text, number, truth value, list or object is right for any member but those that take it.
ODD: list[Any] = [1.5, True, False, [], ["1"], {}, {"a": "b"}, "", "x" * 400, "\x00", -1, None]
NULLABLE = {"country", "currency", "security_code", "address"}


def judged(body: type[InputSerializer], data: Any, **context: Any) -> InputSerializer:
    found = body(data=data, context={"now": NOW} | context)
    found.is_valid()
    return found


def read(body: type[InputSerializer], data: Any, **context: Any) -> dict[str, Any]:
    found = judged(body, data, **context)
    assert found.errors == {}
    values: dict[str, Any] = found.validated_data
    return values


def refused(body: type[InputSerializer], data: Any, **context: Any) -> dict[str, str]:
    """What is wrong, by dotted path; a member is refused once."""
    found = field_errors(judged(body, data, **context).errors)
    by_field = {error.field: str(error) for error in found}
    assert len(by_field) == len(found)
    return by_field


def without(body: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in body.items() if name not in names}


def revealed(value: Any) -> Any:
    return value.reveal() if isinstance(value, Secret) else value


def test_documented_bank_account_is_read() -> None:
    values = read(InstrumentInput, ACCOUNT)

    assert values == {
        "type": "BANK_ACCOUNT",
        "identity": Identity.parse_id(ACCOUNT["identity"]),
        "tags": {"Bank Account": "Company Account"},
        "name": "Alice",
        "currency": "USD",
        "account_number": Secret("123123123"),
        "bank_code": "123123123",
        "account_type": "SAVINGS",
        "country": "USA",
    }


def test_documented_card_is_read() -> None:
    values = read(InstrumentInput, CARD)

    assert values == {
        "type": "PAYMENT_CARD",
        "identity": Identity.parse_id(CARD["identity"]),
        "tags": {"card_name": "Business Card"},
        "name": "Marcie Wade",
        "currency": "USD",
        "number": Secret("4895142232120006"),
        "security_code": Secret("022"),
        "expiration_month": 3,
        "expiration_year": 2029,
        "address": {**CARD["address"], "line2": None},
    }


@pytest.mark.parametrize(
    "example",
    [
        one
        for one in EXAMPLES.values()
        if (one["method"], one["path"]) == ("POST", "/payment_instruments") and one["request"].get("type") != "TOKEN"
    ],
    ids=lambda one: str(one["id"]),
)
def test_every_documented_body_is_read(example: dict[str, Any]) -> None:
    then = datetime(2021, 7, 28, tzinfo=UTC)

    values = read(InstrumentInput, example["request"], now=then)

    told = without(example["request"], "identity", "address")
    assert {name: revealed(values[name]) for name in told} == told


@pytest.mark.parametrize("name", ["security_code", "name", "address", "currency", "tags"])
def test_optional_member_of_a_card_may_lack(name: str) -> None:
    whole, values = read(InstrumentInput, CARD), read(InstrumentInput, without(CARD, name))

    assert values == whole | {name: {"currency": "USD", "tags": {}}.get(name)}
    if name != "tags":
        assert read(InstrumentInput, CARD | {name: None}) == values


@pytest.mark.parametrize("name", ["country", "currency", "tags"])
def test_optional_member_of_a_bank_account_may_lack(name: str) -> None:
    whole, values = read(InstrumentInput, ACCOUNT), read(InstrumentInput, without(ACCOUNT, name))

    assert values == whole | {name: {"country": "USA", "currency": "USD", "tags": {}}[name]}


@pytest.mark.parametrize("kind", ["payment_card", "Payment_Card", " PAYMENT_CARD "])
def test_type_is_read_in_any_case(kind: str) -> None:
    assert read(InstrumentInput, CARD | {"type": kind}) == read(InstrumentInput, CARD)


@pytest.mark.parametrize("number", [*CARDS, *OTHER_CARDS])
def test_every_documented_card_is_read(number: str) -> None:
    assert read(InstrumentInput, CARD | {"number": number})["number"].reveal() == number


def test_documented_cards_were_found() -> None:
    assert len(CARDS) == 2 + 11 + 4 + 2
    assert len(OTHER_CARDS) == 15


@pytest.mark.parametrize(
    ("base", "name", "sent", "value"),
    [
        (CARD, "number", "4895 1422 3212 0006", "4895142232120006"),
        (CARD, "number", " 4895-1422-3212-0006 ", "4895142232120006"),
        (CARD, "number", "500000000009", "500000000009"),  # twelve digits
        (CARD, "number", "6304000000000000018", "6304000000000000018"),  # nineteen
        (CARD, "security_code", "123", "123"),
        (CARD, "security_code", "0000", "0000"),
        (CARD, "expiration_month", "07", 7),
        (CARD, "expiration_month", 1, 1),
        (CARD, "expiration_month", 12, 12),
        (CARD, "expiration_year", "2029", 2029),
        (CARD, "expiration_year", 9999, 9999),
        (CARD, "currency", "cad", "CAD"),
        (CARD, "name", "x" * 40, "x" * 40),
        (ACCOUNT, "account_number", "12345", "12345"),
        (ACCOUNT, "account_number", "0" * 17, "0" * 17),
        (ACCOUNT, "bank_code", "122105278", "122105278"),
        (ACCOUNT, "bank_code", "121000358", "121000358"),
        (ACCOUNT, "country", "usa", "USA"),
        (ACCOUNT, "name", "x" * 40, "x" * 40),
        *((ACCOUNT, "account_type", one.lower(), one) for one in PaymentInstrument.AccountType.values),
    ],
)
def test_value_at_its_limit_is_read(base: dict[str, Any], name: str, sent: Any, value: Any) -> None:
    assert revealed(read(InstrumentInput, base | {name: sent})[name]) == value


def test_six_account_types_are_offered() -> None:
    assert len(PaymentInstrument.AccountType.values) == 6


def test_members_of_the_other_type_are_ignored() -> None:
    assert read(InstrumentInput, ACCOUNT | {"number": 5, "expiration_year": "x", "address": []}) == read(
        InstrumentInput, ACCOUNT
    )
    assert read(InstrumentInput, CARD | {"bank_code": 5, "account_type": "x"}) == read(InstrumentInput, CARD)


@pytest.mark.parametrize(
    ("base", "name", "sent", "message"),
    [
        (CARD, "number", "4895142232120007", "Must be a card number: a digit of it is wrong"),
        (CARD, "number", "40000000000", "Must be 12 to 19 digits"),
        (CARD, "number", "4" * 20, "Must be 12 to 19 digits"),
        (CARD, "number", "4895.1422.3212.0006", "Must be 12 to 19 digits"),
        (CARD, "number", 4895142232120006, "Must be text"),
        (CARD, "number", None, "This field may not be null."),
        (CARD, "security_code", "12", "Must be three or four digits"),
        (CARD, "security_code", "12345", "Must be three or four digits"),
        (CARD, "security_code", "12a", "Must be three or four digits"),
        (CARD, "security_code", 123, "Must be text"),
        (CARD, "expiration_month", 0, "Ensure this value is greater than or equal to 1."),
        (CARD, "expiration_month", 13, "Ensure this value is less than or equal to 12."),
        (CARD, "expiration_month", 3.0, "Must be a whole number"),
        (CARD, "expiration_year", 29, "Must be a year of four digits"),
        (CARD, "expiration_year", 10000, "Must be a year of four digits"),
        (CARD, "expiration_year", "2029.0", "Must be a whole number"),
        (CARD, "name", "x" * 41, "Ensure this field has no more than 40 characters."),
        (CARD, "currency", "US", "Must be a three-letter currency code"),
        (CARD, "currency", "USDX", "Must be a three-letter currency code"),
        (CARD, "currency", "U$D", "Must be a three-letter currency code"),
        (CARD, "identity", "PIpHEprvRCz6Sp4BGTEgsyKk", "An id that begins with ID is needed"),
        (ACCOUNT, "account_number", "1234", "Must be 5 to 17 digits"),
        (ACCOUNT, "account_number", "1" * 18, "Must be 5 to 17 digits"),
        (ACCOUNT, "account_number", "12-34", "Must be 5 to 17 digits"),
        (ACCOUNT, "account_number", "٣٣٣٣٣", "Must be 5 to 17 digits"),
        (ACCOUNT, "bank_code", "١٢٣١٢٣١٢٣", "Must be nine digits"),
        (CARD, "number", "٤١١١١١١١١١١١١١١١", "Must be 12 to 19 digits"),
        (CARD, "security_code", "٣٣٣", "Must be three or four digits"),
        (CARD, "expiration_year", "٢٠٢٩", "Must be a whole number"),
        (ACCOUNT, "account_number", 123123123, "Must be text"),
        (ACCOUNT, "bank_code", "123123124", "Must be a routing number: a digit of it is wrong"),
        (ACCOUNT, "bank_code", "12312312", "Must be nine digits"),
        (ACCOUNT, "bank_code", "1231231230", "Must be nine digits"),
        (ACCOUNT, "country", "CAN", "One of USA is needed"),
        (ACCOUNT, "name", "x" * 41, "Ensure this field has no more than 40 characters."),
        (ACCOUNT, "name", None, "This field is required."),
        *(
            (ACCOUNT, "type", other, "One of BANK_ACCOUNT, PAYMENT_CARD, TOKEN is needed")
            for other in ("PAYMENT_CARD_PRESENT", "APPLE_PAY", "GOOGLE_PAY", "SWIPED_PAYMENT_CARD", "VIRTUAL")
        ),
    ],
)
def test_value_beyond_its_limit_is_refused(base: dict[str, Any], name: str, sent: Any, message: str) -> None:
    assert refused(InstrumentInput, base | {name: sent}) == {name: message}


@pytest.mark.parametrize("base", [CARD, ACCOUNT], ids=["card", "account"])
@pytest.mark.parametrize("value", ODD, ids=lambda value: repr(value)[:20])
def test_odd_value_is_one_error_of_its_member(base: dict[str, Any], value: Any) -> None:
    for name in sorted(base.keys() | {"currency"}):
        takes_null = value is None and (name in NULLABLE or (name == "name" and base is CARD))
        takes_object = name in {"tags", "address"} and value in ({}, {"a": "b"}) and isinstance(value, dict)
        named = refused(InstrumentInput, base | {name: value})
        assert (name, named.keys()) == (name, set() if takes_null or takes_object else {name})


@pytest.mark.parametrize(
    ("base", "needed"),
    [
        (CARD, {"identity", "number", "expiration_month", "expiration_year"}),
        (ACCOUNT, {"identity", "account_number", "bank_code", "account_type", "name"}),
    ],
    ids=["card", "account"],
)
def test_needed_members_are_named_one_by_one_and_all_at_once(base: dict[str, Any], needed: set[str]) -> None:
    for name in base.keys() - {"type"}:
        expected = {name: "This field is required."} if name in needed else {}
        assert refused(InstrumentInput, without(base, name)) == expected
    assert refused(InstrumentInput, {"type": base["type"]}) == dict.fromkeys(needed, "This field is required.")


def test_without_a_type_only_what_every_instrument_has_is_judged() -> None:
    assert refused(InstrumentInput, {}) == dict.fromkeys(("type", "identity"), "This field is required.")
    assert refused(InstrumentInput, without(CARD, "type") | {"number": 5, "name": 5}).keys() == {"type", "name"}
    assert refused(InstrumentInput, CARD | {"type": 5, "number": 5}).keys() == {"type"}


def test_everything_wrong_is_named_at_once() -> None:
    body = {
        "type": "PAYMENT_CARD", "identity": "x", "number": "1", "security_code": "1", "expiration_year": 2025,
        "expiration_month": 13, "name": "", "currency": "1", "tags": {"a": 1}, "address": {"city": 5, "country": "US"},
    }  # fmt: skip

    assert refused(InstrumentInput, body).keys() == {
        "identity", "number", "security_code", "expiration_year", "expiration_month", "name", "currency", "tags.a",
        "address.city", "address.country",
    }  # fmt: skip


@pytest.mark.parametrize("body", [None, [], "text", 5])
@pytest.mark.parametrize("kind", [InstrumentInput, VerificationTargetInput])
def test_body_must_be_an_object(kind: type[InputSerializer], body: Any) -> None:
    with pytest.raises(serializers.ValidationError):
        kind(data=body).is_valid(raise_exception=True)


@pytest.mark.parametrize(
    ("year", "month", "expected"),
    [
        (2026, 6, {}),
        (2026, 12, {}),
        (2027, 1, {}),
        (2026, 5, {"expiration_month": "Expiration month `5` is expired"}),
        (2025, 12, {"expiration_year": "Expiration year `2025` is expired"}),
        ("2021", 1, {"expiration_year": "Expiration year `2021` is expired"}),
        (2025, 13, {
            "expiration_year": "Expiration year `2025` is expired",
            "expiration_month": "Ensure this value is less than or equal to 12.",
        }),
        (2026, 13, {"expiration_month": "Ensure this value is less than or equal to 12."}),
    ],
)  # fmt: skip
def test_card_is_good_until_the_end_of_its_month(year: Any, month: Any, expected: dict[str, str]) -> None:
    assert refused(InstrumentInput, CARD | {"expiration_year": year, "expiration_month": month}) == expected


def test_expiry_goes_by_the_clock_of_the_application() -> None:
    body = CARD | {"expiration_year": 2026, "expiration_month": 6}
    last = datetime(2026, 6, 30, 23, 59, 59, tzinfo=UTC)

    assert refused(InstrumentInput, body, now=last) == {}
    assert refused(InstrumentInput, body, now=last + timedelta(seconds=1)).keys() == {"expiration_month"}
    assert refused(InstrumentInput, body, now=datetime(2027, 1, 1, tzinfo=UTC)).keys() == {"expiration_year"}


def test_without_a_clock_the_present_counts(settings: Any) -> None:
    year = datetime.now(tz=UTC).year
    cards = [InstrumentInput(data=CARD | {"expiration_year": one}) for one in (year + 1, year - 1)]

    assert [card.is_valid() for card in cards] == [True, False]


def test_secrets_are_neither_shown_nor_told_in_errors() -> None:
    good = {**CARD, "number": "4895 1422 3212 0006", "security_code": "0229"}
    seen = [repr(judged(InstrumentInput, good).validated_data), repr(read(InstrumentInput, ACCOUNT)["account_number"])]
    for base, name, value in (
        (CARD, "number", "4895142232120007"), (CARD, "number", "48951422321200"), (CARD, "security_code", "02299"),
        (ACCOUNT, "account_number", "12312312x"), (CARD, "expiration_year", 2020),
    ):  # fmt: skip
        seen.append(repr(judged(InstrumentInput, base | {name: value}).errors))

    for text in seen:
        assert not any(part in text for part in ("48951422", "4895 1422", "0229", "1231231"))


def instrument(**members: Any) -> PaymentInstrument:
    """An unsaved row of a documented sample."""
    shown = EXAMPLES[members.pop("example", "getting-started-5-tokenize-card")]["response"]
    columns = {
        field.name for field in PaymentInstrument._meta.concrete_fields if not field.is_relation
    } - {"id", "created_at", "updated_at"}  # fmt: skip
    row = PaymentInstrument(
        id=PaymentInstrument.parse_id(shown["id"]),
        application_id=Application.parse_id(shown["application"]),
        identity_id=Identity.parse_id(shown["identity"]),
        created_at=datetime.fromisoformat(shown["created_at"].replace("45Z", "450Z")),
        updated_at=datetime.fromisoformat(shown["updated_at"].replace("45Z", "450Z")),
        **{name: value for name, value in shown.items() if name in columns},
    )
    for name, value in members.items():
        setattr(row, name, value)
    return row


@pytest.mark.parametrize(
    ("example", "columns", "beyond"),
    [
        (
            "getting-started-2-merchant-bank-account",
            {"last_four": "3123"},
            {"bank_account_validation_check": "NOT_ATTEMPTED"},
        ),
        (
            "getting-started-5-tokenize-card",
            {"issuer_country": "USA", "fast_funds_indicator": "D", "online_gambling_block_indicator": "N"},
            {
                "issuer_country": "USA",
                "fast_funds_indicator": "D",
                "push_funds_block_indicator": "UNKNOWN",
                "online_gambing_block_indicator": "N",
            },
        ),
    ],
)
def test_instrument_is_answered_as_documented(example: str, columns: dict[str, str], beyond: dict[str, str]) -> None:
    shown = without(EXAMPLES[example]["response"], "_links")

    document = InstrumentDocument().to_representation(instrument(example=example, **columns))

    told = without(document, "_links")
    assert list(told)[: len(shown)] == list(shown)
    always = {"enabled": True, "created_via": "API", "payload_type": "SOURCE"}
    assert without(told, "created_at", "updated_at") == without(shown, "created_at", "updated_at") | always | beyond
    assert list(document)[-1] == "_links"


def test_members_that_are_null_are_there() -> None:
    bare = dict.fromkeys(("name", "address", "issuer_country", "card_type", "address_verification"))

    document = InstrumentDocument().to_representation(instrument(**bare))

    assert {name: document[name] for name in bare} == bare


PROCESSOR_BODIES = [MerchantInput, VerificationInput, IdentityVerificationInput, VerificationTargetInput]
SUBJECT = {"merchant": "MUb37LGvcCV4sNdjyzuJZETx"}


def subject(body: type[InputSerializer]) -> dict[str, Any]:
    return SUBJECT if body is VerificationTargetInput else {}


@pytest.mark.parametrize("body", PROCESSOR_BODIES)
@pytest.mark.parametrize(
    ("sent", "value"), [(None, None), ("DUMMY_V1", "DUMMY_V1"), (" dummy_v1", "DUMMY_V1"), ("Litle_v1", "LITLE_V1")]
)
def test_processor_is_read_in_any_case(body: type[InputSerializer], sent: Any, value: Any) -> None:
    values = read(body, subject(body) | {"processor": sent, "tags": {"a": "b"}, "gateway": 5})

    assert (values["processor"], values["tags"]) == (value, {"a": "b"})
    assert "gateway" not in values


@pytest.mark.parametrize("body", PROCESSOR_BODIES)
@pytest.mark.parametrize("sent", [1, 1.5, True, [], {}, "", "DUMMY V1", "x" * 41, "DÜMMY"])
def test_what_is_no_processor_is_refused(body: type[InputSerializer], sent: Any) -> None:
    assert refused(body, subject(body) | {"processor": sent}).keys() == {"processor"}


@pytest.mark.parametrize("body", [MerchantInput, VerificationInput, IdentityVerificationInput, MerchantUpdate])
def test_body_may_be_empty(body: type[InputSerializer]) -> None:
    assert read(body, {}) == {}


@pytest.mark.parametrize(
    ("name", "sent", "value"),
    [
        *(
            (name, value, value)
            for value in (True, False)
            for name in (
                "processing_enabled", "settlement_enabled", "card_cvv_required", "card_expiration_date_required",
                "creating_transfer_from_report_enabled",
            )
        ),
        ("ready_to_settle_upon", "successful_capture", "SUCCESSFUL_CAPTURE"),
        ("ready_to_settle_upon", None, None),
        ("fee_ready_to_settle_upon", "PROCESSOR_WINDOW", "PROCESSOR_WINDOW"),
        ("merchant_name", "x" * 120, "x" * 120),
        ("settlement_funding_identifier", "mid_and_date", "MID_AND_DATE"),
        ("tags", {"a": "b"}, {"a": "b"}),
    ],
)  # fmt: skip
def test_merchant_update_is_read(name: str, sent: Any, value: Any) -> None:
    assert read(MerchantUpdate, {name: sent}) == {name: value}


@pytest.mark.parametrize("value", [1.5, 1, [], ["1"], "", "x" * 400, None], ids=lambda value: repr(value)[:20])
def test_odd_value_of_a_merchant_update_is_one_error(value: Any) -> None:
    for name in MerchantUpdate().fields:
        takes_null = value is None and name == "ready_to_settle_upon"
        assert (name, refused(MerchantUpdate, {name: value}).keys()) == (name, set() if takes_null else {name})
    everything = dict.fromkeys(MerchantUpdate().fields, 1.5)
    assert refused(MerchantUpdate, everything).keys() == everything.keys()


def test_merchant_update_does_not_read_what_is_decided_elsewhere() -> None:
    decided = {"onboarding_state": "APPROVED", "mid": "1", "processor": "VISA_V1", "gross_settlement_enabled": True}

    assert read(MerchantUpdate, decided) == {}


MERCHANT_KEY, IDENTITY_KEY = ids.decode("b37LGvcCV4sNdjyzuJZETx"), ids.decode("pHEprvRCz6Sp4BGTEgsyKk")
MERCHANT_ID, IDENTITY_ID = "MUb37LGvcCV4sNdjyzuJZETx", "IDpHEprvRCz6Sp4BGTEgsyKk"


@pytest.mark.parametrize(
    ("sent", "value"),
    [
        ({"merchant": MERCHANT_ID}, {"merchant": MERCHANT_KEY}),
        ({"merchant": MERCHANT_ID, "identity": None}, {"merchant": MERCHANT_KEY, "identity": None}),
        ({"identity": IDENTITY_ID}, {"identity": IDENTITY_KEY}),
    ],
)
def test_verification_names_its_subject(sent: dict[str, Any], value: dict[str, Any]) -> None:
    assert read(VerificationTargetInput, sent) == value


@pytest.mark.parametrize(
    ("sent", "errors"),
    [
        ({}, {"merchant": "This field is required."}),
        ({"merchant": None, "processor": 5}, {"merchant": "This field is required.", "processor": "Must be text"}),
        ({"merchant": MERCHANT_ID, "identity": IDENTITY_ID}, {"identity": "Name either a merchant or an identity"}),
        ({"merchant": IDENTITY_ID}, {"merchant": "An id that begins with MU is needed"}),
        ({"identity": MERCHANT_ID, "tags": []}, {
            "identity": "An id that begins with ID is needed", "tags": "Must be an object of text values",
        }),
        ({"merchant": 5, "identity": 5}, {"merchant": "Must be text", "identity": "Must be text"}),
    ],
)  # fmt: skip
def test_verification_of_nothing_or_of_two_is_refused(sent: dict[str, Any], errors: dict[str, str]) -> None:
    assert refused(VerificationTargetInput, sent) == errors


def test_verification_of_an_identity_may_name_the_merchant() -> None:
    assert read(IdentityVerificationInput, {"merchant": MERCHANT_ID}) == {"merchant": MERCHANT_KEY}
    assert refused(IdentityVerificationInput, {"merchant": IDENTITY_ID}).keys() == {"merchant"}


MERCHANT = EXAMPLES["getting-started-3-provision-merchant"]["response"]
ADDED_TO_A_MERCHANT = {
    "rejection_reasons": [],
    "level_two_level_three_data_enabled": False,
    "convenience_charges_enabled": False,
    "rent_surcharges_enabled": False,
    "surcharges_enabled": False,
    "default_partial_authorization_enabled": False,
}
"""Members beyond the sample."""


def merchant(*, of_application: str | None = None, **members: Any) -> Merchant:
    """The unsaved row of the documented sample."""
    related = {
        "identity": Identity, "verification": Verification, "merchant_profile": MerchantProfile,
    }  # fmt: skip
    keys = {f"{name}_id": model.parse_id(MERCHANT[name]) for name, model in related.items()}
    application = Application(id=Application.parse_id(MERCHANT["application"]), ready_to_settle_upon=of_application)
    plain = without(MERCHANT, "id", "application", "_links", "created_at", "updated_at", *related)
    return Merchant(id=Merchant.parse_id(MERCHANT["id"]), application=application, **(keys | plain | members))


def test_merchant_is_answered_as_documented() -> None:
    document = MerchantDocument(context={"is_creation": True}).to_representation(merchant())

    moments = ("created_at", "updated_at", "_links")
    documented = {name: value for name, value in document.items() if name not in ADDED_TO_A_MERCHANT}
    assert list(documented) == list(MERCHANT)
    assert without(documented, *moments) == without(MERCHANT, *moments)
    assert {name: document[name] for name in ADDED_TO_A_MERCHANT} == ADDED_TO_A_MERCHANT


@pytest.mark.parametrize(
    ("state", "own", "applications", "is_creation", "shown"),
    [
        ("APPROVED", None, None, True, None),
        ("APPROVED", "PROCESSOR_WINDOW", "SUCCESSFUL_CAPTURE", True, None),
        ("PROVISIONING", "PROCESSOR_WINDOW", "SUCCESSFUL_CAPTURE", False, None),
        ("APPROVED", "PROCESSOR_WINDOW", "SUCCESSFUL_CAPTURE", False, "PROCESSOR_WINDOW"),
        ("APPROVED", None, "SUCCESSFUL_CAPTURE", False, "SUCCESSFUL_CAPTURE"),
        ("APPROVED", None, None, False, "RECONCILIATION"),
        ("REJECTED", None, None, False, "RECONCILIATION"),
    ],
)
def test_ready_to_settle_upon_is_the_effective_one(
    state: str, own: str | None, applications: str | None, is_creation: bool, shown: str | None
) -> None:
    row = merchant(of_application=applications, onboarding_state=state, ready_to_settle_upon=own)

    document = MerchantDocument(context={"is_creation": is_creation}).to_representation(row)

    assert document["ready_to_settle_upon"] == shown


def test_verification_is_answered_as_documented() -> None:
    shown = EXAMPLES["push-to-card-3-verify-card"]["response"]
    row = Verification(
        id=Verification.parse_id(shown["id"]), application_id=Application.parse_id(shown["application"]),
        merchant_id=MERCHANT_KEY, merchant_identity_id=IDENTITY_KEY, processor="DUMMY_V1", state="FAILED",
        messages=["Name does not match"], raw=shown["raw"], trace_id=shown["trace_id"],
    )  # fmt: skip

    partners, platforms = (
        VerificationDocument(context=context).to_representation(row) for context in ({}, {"shows_raw": True})
    )

    ours = {"merchant_identity"}
    assert partners.keys() == shown.keys() | ours
    assert [name for name in partners if name not in ours] == list(shown)
    assert partners["raw"] is None
    assert platforms == partners | {"raw": shown["raw"]}
    assert without(partners, "created_at", "updated_at", "_links") == {
        "id": shown["id"], "application": shown["application"], "tags": {}, "messages": ["Name does not match"],
        "raw": None, "processor": "DUMMY_V1", "state": "FAILED", "trace_id": shown["trace_id"],
        "payment_instrument": None, "merchant": MERCHANT_ID, "merchant_identity": IDENTITY_ID, "identity": None,
    }  # fmt: skip
