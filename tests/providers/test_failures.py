import json

import pytest

from providers.failures import CODES, DISABLING, documented, normalise
from tests.plugin import ROOT

OF_PUSHES = json.loads((ROOT / "tests/contract/errors.json").read_text())["finix_push_to_card_messages"]


@pytest.mark.parametrize("code", sorted(CODES))
def test_normal_code_keeps_its_name_and_has_a_sentence(code: str) -> None:
    ours, message = normalise(code)

    assert ours == code
    assert message[0].isupper()
    assert message.endswith(".")
    assert len(message) <= 200


@pytest.mark.parametrize(
    ("received", "ours"),
    [
        ("NOT_SUFFICIENT_FUNDS", "INSUFFICIENT_FUNDS"),
        ("REFER_TO_CARD_ISSUER", "CALL_ISSUER"),
        ("DECLINE", "DO_NOT_HONOR"),
        ("INVALID_INSTRUMENT", "INVALID_ACCOUNT_NUMBER"),
        ("UNABLE_TO_LOCATE_RECORD", "INVALID_ACCOUNT_NUMBER"),
        ("EXCEEDS_APPROVAL_AMOUNT_LIMIT", "EXCEEDS_APPROVAL_LIMIT"),
        ("EXCEEDS_ISSUER_AMOUNT_LIMIT", "EXCEEDS_APPROVAL_LIMIT"),
        ("EXCEEDS_ISSUER_COUNT_LIMIT", "EXCEEDS_WITHDRAWAL_FREQUENCY_LIMIT"),
        ("LOST_CARD_PICK_UP_FRAUD_ACCOUNT", "LOST_OR_STOLEN_CARD"),
        ("STOLEN_CARD_PICK_UP", "LOST_OR_STOLEN_CARD"),
        ("PICK_UP_CARD_NO_FRAUD", "PICK_UP_CARD"),
        ("SUSPECTED_FRAUD", "FRAUD_DETECTED"),
        ("COMPLIANCE_VIOLATION", "ISSUER_POLICY_VIOLATION"),
        ("TRANSACTION_DOES_NOT_FULFILL_AML_REQUIREMENT", "ISSUER_POLICY_VIOLATION"),
        ("NEGATIVE_RESULTS", "INVALID_CVV"),
        ("NO_SUCH_ISSUER", "INVALID_ISSUER"),
        ("FINANCIAL_INSTITUTION_NOT_FOUND", "INVALID_ISSUER"),
        ("RE_ENTER_TRANSACTION", "RESUBMIT_TRANSACTION"),
        ("STOP_PAYMENT_ORDER", "PAYMENT_STOPPED"),
        ("INVALID_AMOUNT_OR_CURRENCY", "INVALID_AMOUNT"),
    ],
)
def test_alias_gets_our_name_and_sentence(received: str, ours: str) -> None:
    assert normalise(received) == normalise(ours)
    assert normalise(received)[0] == ours
    assert ours in CODES


@pytest.mark.parametrize("row", OF_PUSHES, ids=lambda row: row["code"])
def test_documented_code_of_a_push_is_known_and_has_its_sentences(row: dict[str, str]) -> None:
    ours, sentence = normalise(row["code"])

    assert ours in CODES
    assert sentence not in {"", normalise("GENERIC_DECLINE")[1]}
    assert documented(row["code"]) == documented(ours) == row["message"]


def test_all_documented_codes_of_a_push_are_there() -> None:
    assert len(OF_PUSHES) == 39
    assert documented("GENERIC_DECLINE") == documented("MOON_IN_WRONG_HOUSE") == ""


def test_no_two_codes_have_one_sentence() -> None:
    assert len({normalise(code)[1] for code in CODES}) == len(CODES)


def test_unknown_code_keeps_its_name() -> None:
    assert normalise("MOON_IN_WRONG_HOUSE") == ("MOON_IN_WRONG_HOUSE", "The payment was declined.")


def test_codes_that_end_an_instrument_are_of_the_normal_set() -> None:
    assert DISABLING < CODES
    assert len(CODES) == 68
