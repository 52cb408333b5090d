"""What pages tell of a transfer: what it is, its facts, and what its state means for whoever stands at the counter."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from onboarding.portal.facts import code
from payments.forms.adjustments import REASON_TAG as ADJUSTMENT_REASON
from payments.forms.amounts import amount_in_words
from payments.models import Payment, Settlement, Transfer
from payments.portal.authorization_facts import page_of as page_of_authorization
from payments.portal.deposit_states import state_badge
from payments.portal.facts import (
    Facts,
    Notice,
    check_facts,
    code_or_none,
    failure_facts,
    link,
    notice,
    paying,
    sentence,
)
from portal.attempts import why_unknown
from portal.design.states import badge, tag, words
from portal.design.values import day, moment, money
from portal.timeline import timeline_of
from providers.attempts import NOT_EXECUTED
from providers.models import Attempt
from resources import ids
from tenancy.actors import Actor

_SUCCESSFUL_CAPTURE = "SUCCESSFUL_CAPTURE"


@dataclass(frozen=True)
class Kind:
    """How a person calls a transfer of a kind: as a title, in lists, within a sentence, and as something one does."""

    title: str
    label: str
    noun: str
    verb: str


SALE = Kind("Sale", "Sale", "sale", "charge")
REFUND = Kind("Refund", "Refund", "refund", "refund")
RETURN = Kind("Bank return", "Bank return", "bank return", "return")
PUSH = Kind("Push", "Push to card", "push", "push")
PULL = Kind("Pull", "Pull from card", "pull", "pull")
DEPOSIT = Kind("Deposit", "Deposit", "deposit", "pay")
CREDIT_ADJUSTMENT = Kind("Credit adjustment", "Credit adjustment", "adjustment", "adjust")
DEBIT_ADJUSTMENT = Kind("Debit adjustment", "Debit adjustment", "adjustment", "adjust")
DEPOSIT_RETURN = Kind("Returned deposit", "Returned deposit", "returned deposit", "pay")


_RETURNS = frozenset({RETURN, DEPOSIT_RETURN})


def kind_of(transfer: Transfer) -> Kind:
    if transfer.type == Transfer.Type.REVERSAL:
        if transfer.subtype != Transfer.Subtype.SYSTEM:
            return REFUND
        return DEPOSIT_RETURN if transfer.is_returned_deposit else RETURN
    if transfer.is_deposit:
        return DEPOSIT
    if transfer.is_adjustment:
        return DEBIT_ADJUSTMENT if transfer.takes else CREDIT_ADJUSTMENT
    if transfer.type == Transfer.Type.CREDIT:
        return PUSH
    return PULL if transfer.operation_key == Transfer.OperationKey.PULL_FROM_CARD else SALE


def page_of(transfer: Transfer) -> str:
    return reverse("payments:transfer", args=[transfer.public_id])


def signed_amount(transfer: Transfer) -> SafeString:
    """Below zero where the money goes out; of an adjustment, where it is taken from the merchant. Parent joined."""
    sign = 1 if _comes_in(transfer) else -1
    return money(sign * transfer.amount, transfer.currency)


def _comes_in(transfer: Transfer) -> bool:
    if transfer.is_adjustment:
        return not transfer.takes
    return transfer.type == Transfer.Type.DEBIT or transfer.is_returned_deposit


def state_of(transfer: Transfer) -> SafeString:
    """The state, and whether its bank took it back; a deposit's is told as deposits tell it. Application joined."""
    if transfer.is_deposit:
        return state_badge(transfer)
    if transfer.returned_at is None:
        return badge(transfer.state)
    return format_html("{} {}", badge(transfer.state), badge("RETURNED", label="Returned by the bank"))


def state_in_list(transfer: Transfer) -> SafeString:
    """The state, what it is where that is no sale, and why where it failed. Application joined for a deposit."""
    kind = kind_of(transfer)
    shown = [state_badge(transfer) if kind is DEPOSIT else badge(transfer.state)]
    shown += [] if kind is SALE else [tag(kind.label)]
    shown += [tag("Returned by the bank")] if transfer.returned_at and kind is not DEPOSIT else []
    line = format_html_join(" ", "{}", ((each,) for each in shown))
    if not transfer.failure_code:
        return line
    return format_html('<span class="cell-lines">{}<small>{}</small></span>', line, words(transfer.failure_code))


def transfer_facts(transfer: Transfer, now: datetime, *, may_see_batch: bool) -> Facts:
    """The relations that it has are joined; `now` is business time."""
    kind = kind_of(transfer)
    amount, fee, currency = transfer.amount, transfer.fee, transfer.currency
    fees: Facts = [("Fee", money(fee, currency))] if kind is SALE else []
    shares: Facts = [("Left for the merchant", money(amount - fee, currency))] if kind is SALE else []
    return [
        *failure_facts(transfer),
        *([("Said by the network", ": ".join(transfer.messages))] if _is_declined_by_network(transfer) else []),
        *([("Given as reason", " ".join(transfer.messages))] if kind in _RETURNS and transfer.messages else []),
        *([("Reason", transfer.tags.get(ADJUSTMENT_REASON))] if transfer.is_adjustment else []),
        ("Amount", money(amount, currency)),
        *fees,
        *([] if transfer.has_failed else shares),
        ("Type", _type(transfer, kind)),
        *_sources(transfer, may_see_batch=may_see_batch),
        *_settlement(transfer),
        *([("Expected", day(transfer.expected_on))] if transfer.expected_on else []),
        *_known_by(transfer),
        ("Idempotency id", code_or_none(transfer.idempotency_id)),
        *(check_facts(transfer) if kind in {SALE, PULL} else []),
        *_readiness(transfer, now),
        ("Created", moment(transfer.created_at)),
        ("Updated", moment(transfer.updated_at)),
    ]


def _is_declined_by_network(transfer: Transfer) -> bool:
    """A push or pull that failed has what the card's network said of it as messages."""
    return transfer.has_failed and kind_of(transfer) in {PUSH, PULL} and bool(transfer.messages)


def _known_by(transfer: Transfer) -> Facts:
    """What others know it by; of an adjustment, which nobody else sees, only what it has."""
    facts: Facts = [
        ("Statement descriptor", transfer.statement_descriptor),
        ("Trace id", code_or_none(transfer.trace_id)),
    ]
    return [(label, value) for label, value in facts if value or not transfer.is_adjustment]


def refund_facts(charge: Transfer) -> Facts:
    """What was given back of a charge, and what could be."""
    currency, left = charge.currency, charge.refundable_amount
    returned: Facts = [("Taken back by the bank", money(charge.amount, currency))] if charge.returned_at else []
    return [
        *returned,
        ("Refunded", money(charge.refunded_amount, currency)),
        ("Can still be refunded", money(left, currency) if left else "Nothing"),
    ]


def reversal_rows(reversals: list[Transfer]) -> list[dict[str, Any]]:
    return [
        {
            "url": page_of(reversal),
            "amount": signed_amount(reversal),
            "state": badge(reversal.state),
            "kind": kind_of(reversal).label,
            "reason": reversal.tags.get("refund_reason") or " ".join(reversal.messages) or None,
            "created_at": reversal.created_at,
        }
        for reversal in reversals
    ]


def timeline_with_return(transfer: Transfer, bank_return: Transfer | None, *, by: Actor) -> list[dict[str, Any]]:
    """What happened to it, newest first, and when its bank was heard to take it back; call it in a transaction."""
    entries = timeline_of(transfer, by=by)
    if bank_return is None:
        return entries
    heard = timeline_of(bank_return, by=by)
    told = {
        "title": "Returned by the bank",
        "at": heard[-1]["at"] if heard else bank_return.created_at,
        "detail": ": ".join(bank_return.messages),
        "url": page_of(bank_return),
        "tone": "negative",
    }
    return sorted([told, *entries], key=lambda entry: entry["at"], reverse=True)


def notice_of(
    transfer: Transfer,
    attempt: Attempt | None,
    *,
    is_contradicted: bool = False,
    bank_return: Transfer | None = None,
) -> Notice | None:
    """What whoever stands at the counter has to know of the state. None where all is well.

    `bank_return` is the reversal by which a bank took a charge back.
    """
    kind = kind_of(transfer)
    if is_contradicted:
        text = (
            f"What it said later does not fit what is shown here. Do not {kind.verb} again before somebody has looked "
            "it up at the provider."
        )
        return notice("error", "The provider contradicts this state", text)
    if transfer.has_succeeded:
        return _notice_of_return(transfer, bank_return)
    if transfer.state == Transfer.State.PENDING:
        return _notice_of_pending(transfer, kind, attempt)
    return _notice_of_failure(transfer, kind)


def _notice_of_return(transfer: Transfer, bank_return: Transfer | None) -> Notice | None:
    if bank_return is not None and transfer.is_deposit:
        text = f"{_why_returned(bank_return)} Its settlement tells what is to be paid again."
        return notice("error", "The bank returned this deposit", text, url=page_of(bank_return), link="The return")
    if kind_of(transfer) is DEPOSIT_RETURN:
        text = f"{_why_returned(transfer)} The merchant is owed it again, and its settlement is to be paid once more."
        return notice("error", "The merchant's bank returned a deposit", text)
    if bank_return is not None:
        text = f"{_why_returned(bank_return)} Ask the buyer for another way to pay."
        return notice(
            "error", "The bank took this payment back", text, url=page_of(bank_return), link="The bank return"
        )
    if kind_of(transfer) is RETURN:
        text = f"{_why_returned(transfer)} The merchant is not paid for the sale. Ask the buyer for another way to pay."
        return notice("error", "The buyer's bank took a payment back", text)
    return None


def _why_returned(bank_return: Transfer) -> str:
    """Its code and what that means: R01: There is not enough money on the account."""
    return sentence(": ".join(bank_return.messages) or "The bank gave no reason")


def _notice_of_failure(transfer: Transfer, kind: Kind) -> Notice:
    nothing = {
        REFUND: "Nothing was given back.",
        PUSH: "The card got no money.",
        DEPOSIT: "The merchant was paid nothing.",
    }.get(kind, f"The {paying(transfer)} was not charged.")
    reason = transfer.failure_message or "The provider gave no reason."
    after: dict[str, str] = {}
    if transfer.authorization is not None:
        after = {"url": page_of_authorization(transfer.authorization), "link": "The authorization"}
    if transfer.state == Transfer.State.CANCELED:
        return notice("info", f"Canceled. {nothing}", reason, **after)
    if transfer.failure_code in NOT_EXECUTED:
        return notice("error", f"Not carried out. {nothing}", f"{reason} It is safe to {kind.verb} again.", **after)
    if kind is DEPOSIT:
        return notice("error", f"The deposit failed. {nothing}", f"{reason} Its settlement is to be paid once more.")
    if kind is REFUND:
        text = f"{reason} The amount is free again: refund it once more, or give it back in another way."
        return notice("error", f"The refund failed. {nothing}", text)
    if after:
        reason = f"{reason} What was held is held still, as its authorization tells."
    return notice("error", f"Declined. {nothing}", reason, **after)


def _notice_of_pending(transfer: Transfer, kind: Kind, attempt: Attempt | None) -> Notice:
    not_again = f"Do not {kind.verb} again"
    if attempt is not None and attempt.state == Attempt.State.WAITING:
        title = "Refund pending at the provider" if kind is REFUND else "Waiting at the provider"
        when = "and carries it out with its next batch" if transfer.batch_id else "and has not decided yet"
        return notice("info", title, f"The provider has accepted the {kind.noun} {when}. {not_again}.")
    if attempt is not None and attempt.state == Attempt.State.CLAIMED and attempt.leased_until > timezone.now():
        text = f"The answer takes a few seconds. {not_again} meanwhile."
        return notice("info", "On its way to the provider", text)
    reason = why_unknown(attempt)
    if attempt is not None and attempt.is_open and attempt.next_check_at is not None:
        text = f"{reason} {not_again} yet; we keep asking."
    else:
        text = f"{reason} We have stopped asking. {not_again} before somebody has looked it up at the provider."
    return notice("warning", "Outcome of the refund not known" if kind is REFUND else "Outcome not known", text)


def _type(transfer: Transfer, kind: Kind) -> object:
    """What it is, and of what: Refund of a sale of 12.50 USD."""
    if transfer.parent is not None:
        return format_html("{} of {}", kind.label, link(page_of(transfer.parent), _as_object(transfer.parent, "sale")))
    return f"{kind.label} of an authorized amount" if transfer.authorization_id else kind.label


def _as_object(payment: Payment, noun: str) -> str:
    return f"a {noun} of {amount_in_words(payment.amount, payment.currency)}"


def _sources(transfer: Transfer, *, may_see_batch: bool) -> Facts:
    """What it was taken from, and what it waits in."""
    facts: Facts = []
    if transfer.authorization is not None:
        held = transfer.authorization
        facts.append(("Authorization", link(page_of_authorization(held), amount_in_words(held.amount, held.currency))))
    if transfer.batch is not None:
        batch = transfer.batch
        due = moment(batch.due_at)
        page = reverse("payments:batch", args=[batch.public_id])
        facts.append(("Batch", link(page, format_html("Due {}", due)) if may_see_batch else format_html("Due {}", due)))
    return facts


def _settlement(transfer: Transfer) -> Facts:
    """Which holds it, or which it pays."""
    if transfer.settlement_id is None:
        return []
    public_id = ids.public_id(Settlement.PREFIX, transfer.settlement_id)
    page = reverse("payments:settlement", args=[public_id])
    return [("Pays" if transfer.is_deposit else "Settlement", link(page, code(public_id)))]


def _readiness(transfer: Transfer, now: datetime) -> Facts:
    """Since when it may be settled, or what that waits for; nothing of what never is."""
    if transfer.ready_to_settle_upon is None or transfer.has_failed:
        return []
    at = transfer.ready_to_settle_at
    if at is not None:
        when: object = format_html("{} {}", "Since" if at <= now else "From", moment(at))
    elif transfer.ready_to_settle_upon == _SUCCESSFUL_CAPTURE:
        when = "As soon as it succeeds"
    else:
        when = "Once the processor confirms"
    return [("Ready to settle", when)]
