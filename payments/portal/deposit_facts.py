"""What pages tell of a deposit: where it is, what it pays, and what to do when the bank sent it back."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from django.urls import reverse
from django.utils import timezone
from django.utils.safestring import SafeString

from payments.forms.amounts import amount_in_words
from payments.models import Settlement, Transfer
from payments.models.settlements import SettlementEntryQuerySet
from payments.portal.facts import Facts, Notice, code_or_none, instrument_name, link, notice
from payments.portal.settlement_facts import lines_of
from payments.portal.settlement_facts import page_of as page_of_settlement
from portal.design.states import badge
from portal.design.values import day, moment, money
from tenancy.actors import Actor
from tenancy.roles import Permission

ON_ITS_WAY, PAID, RETURNED, FAILED = "On its way", "Paid", "Returned", "Failed"

_TONES = {ON_ITS_WAY: "info", PAID: "positive", RETURNED: "negative", FAILED: "negative"}
_OF_THE_ACCOUNT = frozenset({"R02", "R03", "R04", "R13", "R16", "R17", "R20", "R23"})
"""Codes of ACH returns by which the account cannot be paid, however often one tries."""


def page_of(deposit: Transfer) -> str:
    return reverse("payments:deposit", args=[deposit.public_id])


def state_of(deposit: Transfer) -> str:
    """In words. What the bank has taken is on its way until the day on which it should be there; application joined."""
    if deposit.returned_at is not None:
        return RETURNED
    if deposit.has_failed:
        return FAILED
    is_due = deposit.expected_on is not None and deposit.expected_on <= _today(deposit)
    return PAID if deposit.has_succeeded and is_due else ON_ITS_WAY


def state_badge(deposit: Transfer) -> SafeString:
    state = state_of(deposit)
    return badge(state.upper(), tone=_TONES[state], label=state)


def deposit_facts(deposit: Transfer) -> Facts:
    """Its settlement is joined."""
    settlement = deposit.settlement
    is_part = deposit.subtype == Transfer.Subtype.SPLIT_PAYOUT
    paid = amount_in_words(settlement.net_amount, settlement.currency) if settlement else ""
    return [
        ("Amount", money(deposit.amount, deposit.currency)),
        ("Expected at the bank", day(deposit.expected_on)),
        ("Bank account", instrument_name(deposit)),
        ("Descriptor at the bank", deposit.statement_descriptor),
        ("Trace id", code_or_none(deposit.trace_id)),
        ("Pays", link(page_of_settlement(settlement), f"{'A part of a' if is_part else 'A'} settlement of {paid}"))
        if settlement
        else ("Pays", None),
        *([("Returned", moment(deposit.returned_at))] if deposit.returned_at else []),
        ("Sent", moment(deposit.created_at)),
        ("Updated", moment(deposit.updated_at)),
    ]


def notice_of(deposit: Transfer, bank_return: Transfer | None, by: Actor) -> Notice:
    """How it stands, and what to do."""
    state = state_of(deposit)
    if state == PAID:
        return notice("success", "Paid", f"It should be on the bank account since {_told(deposit.expected_on)}.")
    if state == ON_ITS_WAY:
        text = (
            f"The bank should have it on {_told(deposit.expected_on)}."
            if deposit.expected_on
            else "The bank is being asked; the day on which it should be there is told a moment later."
        )
        return notice("info", "On its way", text)
    again = (
        "Then pay what is left of the settlement again."
        if by.may(Permission.FUND_SETTLEMENTS)
        else "The platform then pays it again."
    )
    if state == FAILED:
        why = _sentence(deposit.failure_message or "The provider gave no reason")
        return notice("error", "Failed: nothing was paid", f"{why} Check the bank account. {again}")
    told = list(bank_return.messages) if bank_return is not None else []
    why = _sentence(": ".join(told) or "The bank gave no reason")
    remedy = (
        "Add another bank account: this one cannot be paid."
        if told and told[0] in _OF_THE_ACCOUNT
        else "Check with the bank that the account is right, or add another one."
    )
    return notice("error", "Returned by the bank", f"{why} {remedy} {again}")


@dataclass(frozen=True)
class Part:
    """A line of what made up the settlement that it pays."""

    label: str
    count: int | None
    amount: SafeString
    url: str = ""
    is_sum: bool = False


def parts_of(
    deposit: Transfer, settlement: Settlement, entries: SettlementEntryQuerySet, others: Iterable[Transfer]
) -> list[Part]:
    """From the sales of the settlement to this deposit, which comes last; call it in a transaction."""
    statement = reverse("payments:settlement-statement", args=[settlement.public_id])
    lines = lines_of(settlement, entries)
    elsewhere = [other for other in others if other.pk != deposit.pk and counts(other)]
    return [
        *(Part(line.label, line.count, line.amount, f"{statement}#lines", is_sum=line.is_sum) for line in lines),
        *(
            Part("Paid by another deposit", None, money(-other.amount, other.currency), page_of(other))
            for other in elsewhere
        ),
    ]


def counts(deposit: Transfer) -> bool:
    """Whether it has paid, or is paying just now."""
    return not deposit.has_failed and deposit.returned_at is None


def _today(deposit: Transfer) -> date:
    return deposit.application.business_time(timezone.now()).date()


def _told(on: date | None) -> str:
    return f"{on:%A}, {on.day} {on:%B %Y}" if on else "a day that the bank has not told"


def _sentence(text: str) -> str:
    return text if text.endswith(".") else f"{text}."
