"""What pages tell of a deposit: where it is, what it pays, and what to do when the bank sent it back."""

from collections.abc import Iterable
from datetime import date

from payments.forms.amounts import amount_in_words
from payments.models import Settlement, Transfer
from payments.models.settlements import SettlementEntryQuerySet
from payments.portal.deposit_states import Standing, page_of, standing_of
from payments.portal.facts import Facts, Notice, code_or_none, instrument_name, link, notice, sentence
from payments.portal.settlement_facts import Line, lines_of
from payments.portal.settlement_facts import page_of as page_of_settlement
from portal.design.values import day, moment, money
from tenancy.actors import Actor
from tenancy.roles import Permission

_OF_THE_ACCOUNT = frozenset({"R02", "R03", "R04", "R13", "R16", "R17", "R20", "R23"})
"""Codes of ACH returns by which the account cannot be paid, however often one tries."""


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
    standing = standing_of(deposit)
    if standing == Standing.PAID:
        return notice("success", "Paid", f"It should be on the bank account since {_told(deposit.expected_on)}.")
    if standing == Standing.ON_ITS_WAY:
        return notice("info", "On its way", _when(deposit))
    again = (
        "Then pay what is left of the settlement again."
        if by.may(Permission.FUND_SETTLEMENTS)
        else "The platform then pays it again."
    )
    if standing == Standing.FAILED:
        why = sentence(deposit.failure_message or "The provider gave no reason")
        return notice("error", "Failed: nothing was paid", f"{why} Check the bank account. {again}")
    told = list(bank_return.messages) if bank_return is not None else []
    why = sentence(": ".join(told) or "The bank gave no reason")
    remedy = (
        "Add another bank account: this one cannot be paid."
        if told and told[0] in _OF_THE_ACCOUNT
        else "Check with the bank that the account is right, or add another one."
    )
    return notice("error", "Returned by the bank", f"{why} {remedy} {again}")


def parts_of(
    deposit: Transfer, settlement: Settlement, entries: SettlementEntryQuerySet, others: Iterable[Transfer]
) -> list[Line]:
    """From the sales of the settlement to what this deposit pays of it; call it in a transaction.

    `others` are all that pays the settlement. The lines below its net and what `paid_by` tells add up to that.
    """
    lines = lines_of(settlement, entries)
    elsewhere = [other for other in others if other.pk != deposit.pk and counts(other)]
    lines += [
        Line("Paid by another deposit", None, money(-other.amount, other.currency), url=page_of(other))
        for other in elsewhere
    ]
    left = settlement.net_amount - sum(other.amount for other in elsewhere) - paid_by(deposit)
    if left:
        url = page_of_settlement(settlement)
        lines.append(Line("Still to be paid", None, money(-left, settlement.currency), url=url))
    return lines


def paid_by(deposit: Transfer) -> int:
    """What it pays, in minor units: nothing, where it failed or came back."""
    return deposit.amount if counts(deposit) else 0


def counts(deposit: Transfer) -> bool:
    """Whether it has paid, or is paying just now."""
    return not deposit.has_failed and deposit.returned_at is None


def _when(deposit: Transfer) -> str:
    if deposit.expected_on:
        return f"The bank should have it on {_told(deposit.expected_on)}."
    if deposit.has_succeeded:
        return "The bank has taken it. It has not told on which day it should be there."
    return "The bank is being asked; the day on which it should be there is told a moment later."


def _told(on: date | None) -> str:
    return f"{on:%A}, {on.day} {on:%B %Y}" if on else "a day that the bank has not told"
