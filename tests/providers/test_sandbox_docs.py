"""That docs/sandbox.md tells the tables of the sandbox, all of them and nothing else."""

import re
from datetime import timedelta

from stdnum import luhn
from stdnum.us import rtn

from providers.failures import DISABLING, normalise
from providers.sandbox import catalogue, faults, scenarios
from providers.sandbox.models import Fault
from providers.sandbox.scenarios import Card
from tests.plugin import ROOT

TEXT = (ROOT / "docs/sandbox.md").read_text()
FLAGS = {
    Card.ADDRESS_MISMATCH.value: scenarios.AMOUNTS[scenarios.ADDRESS_MISMATCH_AMOUNT],
    Card.SECURITY_CODE_MISMATCH.value: scenarios.AMOUNTS[scenarios.SECURITY_CODE_MISMATCH_AMOUNT],
}


def table(first: str, second: str) -> dict[str, tuple[str, ...]]:
    """Rows of the table with these first two headings, by their first cell, without the marks of code."""
    heading = rf"^\| {re.escape(first)} \| {re.escape(second)} \|.*\n\|[-|]+\|\n((?:\|.*\n)+)"
    (body,) = re.findall(heading, TEXT, re.MULTILINE)
    rows = [[cell.strip(" `") for cell in line.strip("|").split("|")] for line in body.splitlines()]
    return {key: tuple(rest) for key, *rest in rows}


def test_amounts() -> None:
    told = {int(amount): code for amount, (code,) in table("amount", "`failure_code`").items()}

    assert told == {amount: code or "none, succeeds" for amount, code in scenarios.AMOUNTS.items()}


def test_cards() -> None:
    told = {number: code for number, (code,) in table("number", "every sale").items()}

    assert told == {number: FLAGS.get(name, name) for number, name in scenarios.CARDS.items()}


def test_card_types() -> None:
    assert table("number", "`card_type`") == {number: (name,) for number, name in scenarios.CARD_TYPES.items()}


def test_bank_accounts() -> None:
    assert set(table("number", "what it is")) == {scenarios.BANK_ACCOUNT}
    assert rtn.is_valid(scenarios.BANK_ACCOUNT)


def test_bank_accounts_whose_debits_come_back() -> None:
    told = table("account number", "code")

    assert told == {
        number: (code, normalise(scenarios.RETURN_CODES[code])[1]) for number, code in scenarios.RETURNS.items()
    }
    assert f"the bank {scenarios.RETURN_BANK} returns" in TEXT
    assert rtn.is_valid(scenarios.RETURN_BANK)
    assert f"{scenarios.PACE.bank_return.seconds} seconds later a `REVERSAL`" in TEXT


def test_refund_cards() -> None:
    told = table("number", "every refund")

    assert told == {number: (f"{code}`; a sale with it succeeds",) for number, code in scenarios.REFUND_CARDS.items()}


def test_push_cards() -> None:
    told = table("number", "every push and pull")

    assert told == {
        number: (normalise(word)[0], word) if word else ("none, succeeds", "")
        for number, word in scenarios.PUSH_CARDS.items()
    }
    (sentence,) = re.findall(r"(\d{16} and \d{16}) are disabled by it\.", TEXT)
    disabled = [number for number, word in scenarios.PUSH_CARDS.items() if word and normalise(word)[0] in DISABLING]
    assert sentence.split(" and ") == disabled


def test_inquiries() -> None:
    told = {number: codes[:3] for number, codes in table("number", "`fast_funds_indicator`").items()}

    assert told == {
        number: (one.fast_funds, one.push_funds, one.card_type) for number, one in scenarios.INQUIRIES.items()
    }


def test_updates() -> None:
    told = {number: state for number, (state, _) in table("number", "`state`").items()}

    assert told == {number: "SUCCEEDED" if one.is_answered else "FAILED" for number, one in scenarios.UPDATES.items()}
    (new,) = {one.new_number for one in scenarios.UPDATES.values()} - {""}
    assert f"which ends in {new[-4:]}" in TEXT


def test_test_cards_are_cards_and_mean_one_thing_each() -> None:
    tables = [
        scenarios.CARDS,
        scenarios.CARD_TYPES,
        scenarios.INQUIRIES,
        scenarios.UPDATES,
        scenarios.PUSH_CARDS,
        scenarios.REFUND_CARDS,
    ]
    numbers = [number for table in tables for number in table]

    assert all(luhn.is_valid(number) for number in numbers)
    assert len(numbers) == len(set(numbers))
    for names in ([one.name for one in scenarios.INQUIRIES.values()], [one.name for one in scenarios.UPDATES.values()]):
        assert len(names) == len(set(names))


def test_portal_shows_what_the_document_tells() -> None:
    """Every value of the tables, and none that the document does not know."""
    shown = {value.value for table in catalogue.tables() for value in table.values}
    by_name = {table.name: {value.value for value in table.values} for table in catalogue.tables()}

    assert by_name["amounts"] == set(map(str, scenarios.AMOUNTS | scenarios.AMOUNTS_OF_2026))
    assert by_name["cards"] | by_name["card-types"] == set(scenarios.CARDS | scenarios.CARD_TYPES)
    assert (by_name["inquiries"], by_name["updates"]) == (set(scenarios.INQUIRIES), set(scenarios.UPDATES))
    assert by_name["tax-ids"] == set(scenarios.PROVISIONING)
    assert (by_name["push-cards"], by_name["refund-cards"]) == (set(scenarios.PUSH_CARDS), set(scenarios.REFUND_CARDS))
    assert (by_name["bank-accounts"], by_name["returns"]) == ({scenarios.BANK_ACCOUNT}, set(scenarios.RETURNS))
    assert {value for value in shown if not re.search(rf"^\| (?:amount )?{value} \|", TEXT, re.MULTILINE)} == set()


def test_cards_that_are_disabled() -> None:
    declined = {*scenarios.CARDS.values(), *scenarios.CARDS_OF_2026.values()}

    (sentence,) = re.findall(r"^(.*) also disable the card\.$", TEXT, re.MULTILINE)
    assert set(re.findall("`([A-Z_]+)`", sentence)) == declined & DISABLING


def test_tax_ids() -> None:
    def said(one: scenarios.Underwriter) -> tuple[str, str]:
        verdict = "APPROVED" if one.is_approving else "REJECTED"
        if one.is_held:
            return "PROVISIONING", "held for review"
        return ("PROVISIONING", verdict) if one.waits else (verdict, "")

    told = table("`business_tax_id`", "at once")

    assert told == {tax_id: said(one) for tax_id, one in scenarios.PROVISIONING.items()}


def spoken(span: timedelta) -> str:
    units = {"day": timedelta(days=1), "hour": timedelta(hours=1), "minute": timedelta(minutes=1)}
    unit = next((unit for unit, length in units.items() if span >= length), "second")
    count = span // units.get(unit, timedelta(seconds=1))
    return f"after {count} {unit}{'s' if count > 1 else ''}"


def test_paces() -> None:
    told = table("profile", "batch is submitted")

    paces = {"none": scenarios.PACE, "realistic": scenarios.REALISTIC_PACE}
    assert told == {
        name: (
            *map(spoken, (pace.batch, pace.verdict, pace.update, pace.void, pace.readiness)),
            f"after {pace.bank_days} business days" if pace.bank_days else spoken(pace.readiness),
        )
        for name, pace in paces.items()
    }
    assert {"realistic", "finix-2026"} == set(scenarios.Profile)


def test_profile_of_2026() -> None:
    cards = {f"card {number}" for number, name in scenarios.CARDS.items() if name in scenarios.CARDS_OF_2026}

    accounts = {f"account {number}" for number in scenarios.RETURNS}

    values = {f"amount {amount}" for amount in scenarios.AMOUNTS_OF_2026}
    assert set(table("value", "meaning")) == values | cards | accounts


def test_faults() -> None:
    assert table("kind", "what happens") == {kind.value: (kind.label,) for kind in Fault.Kind}
    (operations,) = re.findall(r"`--operation` \(([^)]*)\)", TEXT)
    assert tuple(re.findall(r"`(\w+)`", operations)) == faults.OPERATIONS
    assert f"the time limit is {faults.TIME_LIMIT.seconds}." in TEXT
