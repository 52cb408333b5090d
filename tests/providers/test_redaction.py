"""What is masked of a provider's words, by name and depth; and what has to stay readable."""

from typing import Any

import pytest

from providers.redaction import MASK, redacted, redacted_details

pytestmark = pytest.mark.filterwarnings("error")


@pytest.mark.parametrize(
    "name",
    [
        "api_key", "apiKey", "API-KEY", "APIKEY", "key", "secret", "client_secret", "Password", "passphrase", "token",
        "access_token", "accessToken", "credentials", "private_key", "authorization", "session", "signing_keys",
        "account_number", "cardNumber", "security_code", "cvv", "tax_id", "businessTaxId", "ssn", "pan",
        "cvv2", "CVV2", "cvc2", "track1", "track2", "trackData", "primaryAccountNumber", "bank_account_number",
        "cardCvv", "card_security_code", "ownerSsn", "date_of_birth", "birthdate", "social_security_number", "taxid",
    ],
)  # fmt: skip
@pytest.mark.parametrize("value", ["hunter2", 4711, ["a", "b"], {"mid": "1", "name": "n"}])
def test_secret_is_masked_wherever_it_stands(name: str, value: Any) -> None:
    assert redacted({name: value}) == {name: MASK}
    assert redacted({"outer": [{"inner": {name: value}}]}) == {"outer": [{"inner": {name: MASK}}]}
    assert redacted_details({name: value}) == {name: MASK}


def test_what_is_no_secret_is_told() -> None:
    told = {
        "id": "TR1", "state": "SUCCEEDED", "amount": 100, "approval_code": "123456", "operation_key": "SALE",
        "idempotency_key": "order-7", "security_code_verification": "MATCHED", "tax_id_check": "MATCH",
        "tax_id_provided": True, "cvv2_result_code": "M", "keyboard": "qwerty", "nothing": None,
        "reasons": ["one", "two"],
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
