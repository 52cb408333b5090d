"""That docs/sandbox.md tells the tables of the sandbox, all of them and nothing else."""

import re
from datetime import timedelta

from providers.failures import DISABLING
from providers.sandbox import faults, scenarios
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


def test_paces() -> None:
    def said(span: timedelta) -> str:
        seconds = int(span.total_seconds())
        return f"after {seconds} seconds" if seconds < 60 else f"after {seconds // 60} minutes"

    told = table("profile", "batch is submitted")

    paces = {"none": scenarios.PACE, "realistic": scenarios.REALISTIC_PACE}
    assert told == {name: (said(pace.batch), said(pace.verdict)) for name, pace in paces.items()}
    assert {"realistic", "finix-2026"} == set(scenarios.Profile)


def test_profile_of_2026() -> None:
    cards = {f"card {number}" for number, name in scenarios.CARDS.items() if name in scenarios.CARDS_OF_2026}

    assert set(table("value", "meaning")) == {f"amount {amount}" for amount in scenarios.AMOUNTS_OF_2026} | cards


def test_faults() -> None:
    assert table("kind", "what happens") == {kind.value: (kind.label,) for kind in Fault.Kind}
    (operations,) = re.findall(r"`--operation` \(([^)]*)\)", TEXT)
    assert tuple(re.findall(r"`(\w+)`", operations)) == faults.OPERATIONS
    assert f"the time limit is {faults.TIME_LIMIT.seconds}." in TEXT
