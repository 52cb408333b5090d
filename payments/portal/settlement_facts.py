"""What pages tell of a settlement: its state and flags, what it comes to, and what has to be done about it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, QuerySet, Sum
from django.db.models.functions import Sign
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from onboarding.models import ReviewItem
from payments.forms.amounts import amount_in_words
from payments.models import Settlement, SettlementEntry, Transfer
from payments.portal.deposit_states import Standing, standing_of, state_badge
from payments.portal.deposit_states import page_of as page_of_deposit
from payments.portal.facts import Facts, Notice, in_short, instrument_name, notice, sentence
from payments.portal.transfer_facts import kind_of
from payments.portal.transfer_facts import page_of as page_of_transfer
from portal.design.states import badge
from portal.design.values import day, moment, money
from tenancy.actors import Actor
from tenancy.roles import Permission, Role

Status = Settlement.Status
_Flag = Settlement.Flag

EXPLAINED = {
    _Flag.FIRST_PAYOUT: "Nothing was paid to this merchant in this currency before.",
    _Flag.VOLUME_JUMP: "More than three times what its last payouts were on average.",
    _Flag.OPEN_DISPUTES: "Buyers dispute some of its sales, and nobody knows yet how that ends.",
    _Flag.BANK_ACCOUNT_CHANGED: (
        "The bank account that would be paid was added less than seven days before the settlement closed, or since."
    ),
    _Flag.NEGATIVE_NET: "More was given back than was earned: nothing is paid, and the next settlement starts with it.",
    _Flag.NO_BANK_ACCOUNT: "The merchant has no bank account that is enabled, so it cannot be paid.",
}
_SHORT = {str(_Flag.BANK_ACCOUNT_CHANGED): "New bank account"}
"""What rows call a flag whose name is long."""
_BADGES = {
    Status.PENDING: "info",
    Status.AWAITING_APPROVAL: "warning",
    Status.APPROVED: "positive",
    Status.CANCELLED: "neutral",
}


def page_of(settlement: Settlement) -> str:
    return reverse("payments:settlement", args=[settlement.public_id])


def page_of_review(item: ReviewItem) -> str:
    """A settlement is decided on from its own page."""
    return reverse("payments:settlement", args=[Settlement(pk=item.entity_id).public_id])


def status_badge(settlement: Settlement) -> SafeString:
    status = Status(settlement.status)
    return badge(status, tone=_BADGES[status], label=str(status.label))


def flag_tags(settlement: Settlement) -> SafeString | None:
    """Its flags in short, each with what it means for whoever points at it."""
    if not settlement.flags:
        return None
    known = ((_title(flag), _SHORT.get(flag) or _label(flag)) for flag in settlement.flags)
    return format_html_join(" ", '<span class="tag" title="{}">{}</span>', known)


def flag_facts(settlement: Settlement) -> Facts:
    """Its flags with what each means."""
    return [(_label(flag), _title(flag)) for flag in settlement.flags]


def net_with_parts(settlement: Settlement) -> SafeString:
    """The net, and below it what it was before fees."""
    net = settlement.total_amount - settlement.total_fee
    whole = money(net, settlement.currency)
    if not settlement.total_fee:
        return whole
    before = amount_in_words(settlement.total_amount, settlement.currency)
    return format_html("{} <small>of {}</small>", whole, before)


def closing(settlement: Settlement) -> object:
    """When it closes, or closed."""
    if settlement.closed_at is not None:
        return moment(settlement.closed_at)
    if settlement.closes_at is None:
        return "By hand"
    return format_html("{} {}", "Due", moment(settlement.closes_at))


@dataclass(frozen=True)
class Line:
    """A line of what a settlement or a deposit comes to; `is_sum` adds up those above it, `url` tells more of it."""

    label: str
    count: int | None
    amount: SafeString
    url: str = ""
    is_sum: bool = False


def lines_of(settlement: Settlement, entries: QuerySet[SettlementEntry]) -> list[Line]:
    """From its sales to its net; call it in a transaction. Of a cancelled one only the sums are told."""
    currency, net = settlement.currency, settlement.total_amount - settlement.total_fee
    sums = [Line("Before fees", settlement.entry_count, money(settlement.total_amount, currency), is_sum=True)]
    after = [
        Line("Fees", None, money(-settlement.total_fee, currency)),
        Line("Net", None, money(net, currency), is_sum=True),
    ]
    if settlement.status == Status.CANCELLED:
        return [*sums, *after]
    grouped = (
        entries.filter(released_at=None)
        .order_by()
        .values("kind", sign=Sign("amount"))
        .annotate(n=Count("id"), total=Sum("amount"))
    )
    found = {(row["kind"], row["sign"]): row for row in grouped}
    parts = [
        Line(label, row["n"], money(row["total"], currency))
        for key, label in _PARTS.items()
        if (row := found.pop(key, None)) is not None
    ]
    parts += [
        Line(str(SettlementEntry.Kind(kind).label), row["n"], money(row["total"], currency))
        for (kind, _), row in found.items()
    ]
    return [*parts, *sums, *after]


def entry_rows(entries: Iterable[SettlementEntry], settlement: Settlement) -> list[dict[str, Any]]:
    """Rows of the table of entries; transfer and earlier settlement are there already."""
    return [_entry_row(entry, settlement.currency) for entry in entries]


def deposit_rows(deposits: Iterable[Transfer]) -> list[dict[str, Any]]:
    """Rows of the table of deposits; their application is there already."""
    return [
        {
            "url": page_of_deposit(deposit),
            "cells": [
                money(deposit.amount, deposit.currency),
                state_badge(deposit),
                instrument_name(deposit),
                day(deposit.expected_on),
                in_short(deposit.trace_id),
                moment(deposit.created_at),
            ],
        }
        for deposit in deposits
    ]


def notice_of(
    settlement: Settlement,
    deposits: Sequence[Transfer],
    returns: Mapping[Any, Transfer],
    *,
    by: Actor,
    item: ReviewItem | None = None,
    stands_against: str = "",
) -> Notice:
    """How it stands, and what to do. `deposits` are newest first; `returns` are the banks' returns, by deposit."""
    status = Status(settlement.status)
    if status == Status.PENDING:
        until = "until somebody closes it by hand" if settlement.closes_at is None else "until it closes by itself"
        text = f"What becomes ready to settle is added {until}. Then a person of the platform decides on it."
        return notice("info", "Accruing", text)
    if status == Status.AWAITING_APPROVAL:
        return _waiting(item, stands_against)
    if status == Status.CANCELLED:
        text = f"{sentence(settlement.reason)} Nothing was paid; what was in it goes with the next settlement."
        return notice("error", "Rejected", text)
    return _approved(settlement, deposits, returns, by)


def _waiting(item: ReviewItem | None, stands_against: str) -> Notice:
    if item is None:
        text = "A person of the platform looks at it before it is paid."
        return notice("info", "Waits for a decision", text)
    if stands_against:
        return notice("warning", "Somebody else has to decide", stands_against)
    if item.outcome == ReviewItem.Outcome.MANUAL_REVIEW:
        return notice("info", "In review", f"{item.reviewed_by_name or 'Somebody'} has taken it into review.")
    return notice("info", "Waits for a decision", "Approved, it is paid at once; rejected, all in it is free again.")


def _approved(
    settlement: Settlement, deposits: Sequence[Transfer], returns: Mapping[Any, Transfer], by: Actor
) -> Notice:
    net, currency = settlement.net_amount, settlement.currency
    if net < 0:
        text = f"{amount_in_words(net, currency)} is carried over: the next settlement of the merchant starts with it."
        return notice("info", "Nothing is paid", text)
    if net == 0:
        return notice("info", "Nothing is paid", "What was earned was given back, to the cent.")
    left = settlement.unfunded_amount
    newest = deposits[0] if deposits else None
    if left:
        return notice_to_pay(settlement, newest, returns, by)
    pending = [deposit for deposit in deposits if not deposit.is_decided]
    if pending:
        to = instrument_name(pending[0])
        return notice("info", f"Being paid to {to}", "The bank is being asked. Nothing has to be done.")
    if newest is None:
        return notice("info", "Approved", "It is being paid.")
    return _paid(deposits, instrument_name(newest))


def _paid(deposits: Sequence[Transfer], to: str) -> Notice:
    """All of it was sent: it is paid once each deposit is."""
    moving = [deposit for deposit in deposits if standing_of(deposit) == Standing.ON_ITS_WAY]
    days = [deposit.expected_on for deposit in moving or deposits if deposit.expected_on]
    last = max(days, default=None)
    told = f"{last:%A}, {last.day} {last:%B %Y}" if last else ""
    if moving:
        text = f"The bank should have it on {told}." if told else "The bank has taken it."
        return notice("info", f"On its way to {to}", text)
    return notice("success", f"Paid to {to}", f"It should be on the bank account since {told}.")


def notice_to_pay(
    settlement: Settlement, newest: Transfer | None, returns: Mapping[Any, Transfer], by: Actor
) -> Notice:
    """What is left to pay, and whether its newest deposit came back, failed, or paid a part; `returns` by deposit."""
    amount = amount_in_words(settlement.unfunded_amount, settlement.currency)
    remedy = (
        "Pay it again, to another bank account where the reason is the account."
        if by.may(Permission.FUND_SETTLEMENTS)
        else "The platform pays it again; check that the bank account is right."
    )
    if newest is not None and newest.returned_at is not None:
        found = returns.get(newest.pk)
        why = sentence(": ".join(found.messages)) if found is not None and found.messages else "It gave no reason."
        return notice("error", f"The bank returned the deposit: {amount} is to be paid", f"{why} {remedy}")
    if newest is not None and newest.has_failed:
        why = sentence(newest.failure_message or "The provider gave no reason")
        return notice("error", f"The deposit failed: {amount} is to be paid", f"{why} {remedy}")
    text = "The rest of it was paid or is under way." if newest is not None else "Nothing of it was paid yet."
    return notice("warning", f"{amount} is still to be paid", text)


def settlement_facts(settlement: Settlement, *, by: Actor) -> Facts:
    """Application, processor and destination are joined."""
    at_all = [("Closes", closing(settlement))] if settlement.status == Status.PENDING else []
    approved: Facts = [("Approved", moment(settlement.approved_at))] if settlement.approved_at else []
    paid: Facts = []
    if settlement.approved_at is not None and settlement.net_amount > 0:
        left = settlement.unfunded_amount
        paid = [
            ("Paid or under way", money(settlement.funded_amount, settlement.currency)),
            ("Still to be paid", money(left, settlement.currency) if left else "Nothing"),
        ]
    processor: Facts = [] if by.role == Role.MERCHANT else [("Processor", settlement.processor.processor)]
    return [
        ("Type", settlement.get_type_display()),
        ("Currency", settlement.currency),
        *processor,
        *at_all,
        *([("Closed", moment(settlement.closed_at))] if settlement.closed_at else []),
        *approved,
        *paid,
        ("Created", moment(settlement.created_at)),
        ("Updated", moment(settlement.updated_at)),
    ]


def _entry_row(entry: SettlementEntry, currency: str) -> dict[str, Any]:
    what, url = _entry_subject(entry)
    transfer = entry.transfer
    return {
        "key": transfer.public_id if transfer is not None and entry.released_at is None else "",
        "label": f"{what}, {amount_in_words(entry.amount, currency)}",
        "url": url,
        "cells": [
            what,
            instrument_name(transfer) if transfer is not None and transfer.instrument_type else None,
            money(entry.amount, currency),
            money(-entry.fee, currency) if entry.fee else None,
            moment(entry.occurred_at),
        ],
    }


def _entry_subject(entry: SettlementEntry) -> tuple[str, str]:
    if entry.transfer is not None:
        return kind_of(entry.transfer).label, page_of_transfer(entry.transfer)
    if entry.carried_from is not None:
        return "Carried over", page_of(entry.carried_from)
    return str(entry.get_kind_display()), ""


_PARTS = {
    ("TRANSFER", 1): "Sales",
    ("TRANSFER", -1): "Refunds and bank returns",
    ("ADJUSTMENT", 1): "Credit adjustments",
    ("ADJUSTMENT", -1): "Debit adjustments",
    ("CARRIED", -1): "Carried over from an earlier settlement",
}


def _label(flag: str) -> str:
    return str(_Flag(flag).label) if flag in _Flag.values else flag.replace("_", " ").capitalize()


def _title(flag: str) -> str:
    return EXPLAINED.get(_Flag(flag), "") if flag in _Flag.values else ""
