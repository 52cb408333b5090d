"""What is masked of a provider's words, by name and depth; and what has to stay readable."""

from typing import Any

import pytest

from providers.redaction import MASK, redacted, redacted_details, redacted_text

pytestmark = pytest.mark.filterwarnings("error")


@pytest.mark.parametrize(
    "name",
    [
        "api_key", "apiKey", "API-KEY", "APIKEY", "key", "secret", "client_secret", "Password", "passphrase", "token",
        "access_token", "accessToken", "credentials", "private_key", "authorization", "session", "signing_keys",
        "account_number", "cardNumber", "security_code", "cvv", "tax_id", "businessTaxId", "ssn", "pan",
        "cvv2", "CVV2", "cvc2", "track1", "track2", "trackData", "primaryAccountNumber", "bank_account_number",
        "cardCvv", "card_security_code", "ownerSsn", "date_of_birth", "birthdate", "social_security_number", "taxid",
        "cardNo", "acct_number", "iban", "panNumber", "taxIdNumber",
    ],
)  # fmt: skip
@pytest.mark.parametrize("value", ["hunter2", 4711, ["a", "b"], {"mid": "1", "name": "n"}])
def test_secret_is_masked_wherever_it_stands(name: str, value: Any) -> None:
    assert redacted({name: value}) == {name: MASK}
    assert redacted({"outer": [{"inner": {name: value}}]}) == {"outer": [{"inner": {name: MASK}}]}
    assert redacted_details({name: value}) == {name: MASK}


@pytest.mark.parametrize(
    ("outer", "inner"),
    [
        ("card", "number"), ("cards", "number"), ("bankAccount", "number"), ("account", "no"), ("security", "code"),
        ("tax", "id"), ("payment_card", "Number"),
    ],
)  # fmt: skip
def test_secret_is_masked_whose_name_stands_on_two_levels(outer: str, inner: str) -> None:
    assert redacted({outer: {inner: "4711", "id": 1}})[outer][inner] == MASK
    assert redacted({outer: [{inner: "4711"}]}) == {outer: [{inner: MASK}]}


@pytest.mark.parametrize("number", ["4111111111111111", "4111 1111 1111 1111", "123-45-6789", "000123456789"])
def test_number_in_a_sentence_is_masked(number: str) -> None:
    assert redacted_text(f"No account {number}, or closed.") == f"No account {MASK}, or closed."


@pytest.mark.parametrize(
    "sentence",
    ["Amount 12345678 is above 1,200.50.", "Ask for PIe2YvpcjvoVJ6PzoRPBK137.", "Trace 8b7a0f5e1234567890c.", ""],
)
def test_sentence_without_such_a_number_is_told(sentence: str) -> None:
    assert redacted_text(sentence) == sentence


def test_list_of_details_shows_only_what_is_known_to_be_shown() -> None:
    assert redacted({"processor_details": [{"mid": "1", "plain": "x"}]}) == {
        "processor_details": [{"mid": "1", "plain": MASK}]
    }


def test_what_is_no_secret_is_told() -> None:
    told = {
        "id": "TR1", "state": "SUCCEEDED", "amount": 100, "approval_code": "123456", "operation_key": "SALE",
        "idempotency_key": "order-7", "security_code_verification": "MATCHED", "tax_id_check": "MATCH",
        "tax_id_provided": True, "cvv2_result_code": "M", "keyboard": "qwerty", "nothing": None,
        "reasons": ["one", "two"], "order": {"number": 7}, "account": {"id": "A1", "state": "OPEN"},
    }  # fmt: skip

    assert redacted(told) == told
    assert redacted({"api_key": None, "secret": False}) == {"api_key": None, "secret": False}


def test_details_show_only_what_is_known_to_be_shown() -> None:
    details = {
        "mid": "FNX1", "default_mcc": "5812", "merchantId": "77", "enabled": True, "plain": "s3cr3t", "note": 12,
        "nested": {"name": "n", "anything": "x", "list": ["y", {"id": "3", "z": "4"}]},
    }  # fmt: skip

    assert redacted_details(details) == {
        "mid": "FNX1", "default_mcc": "5812", "merchantId": "77", "enabled": True, "plain": MASK, "note": MASK,
        "nested": {"name": "n", "anything": MASK, "list": [MASK, {"id": "3", "z": MASK}]},
    }  # fmt: skip
    assert redacted({"processor_details": details}) == {"processor_details": redacted_details(details)}
