"""What pages tell of a transfer: facts, what its state means for whoever charges, and its legs in the ledger."""

from collections.abc import Iterable, Mapping
from typing import Any

from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from onboarding.portal.facts import code
from payments.models import LedgerAccount, Posting, Transfer
from portal.attempts import why_unknown
from portal.design.states import badge, words
from portal.design.values import moment, money
from providers.attempts import NOT_EXECUTED
from providers.models import Attempt

Facts = list[tuple[str, Any]]

_CURRENCY = "USD"  # of a merchant that has sold nothing yet
_OVER = frozenset({Transfer.State.FAILED.value, Transfer.State.CANCELED.value})
_CREDITED = frozenset({LedgerAccount.Kind.MERCHANT_BALANCE.value, LedgerAccount.Kind.PARTNER_FEES.value})
_BALANCES = {
    LedgerAccount.Kind.PROCESSOR_CLEARING.value: "Owed by the processor",
    LedgerAccount.Kind.MERCHANT_BALANCE.value: "Owed to the merchant",
    LedgerAccount.Kind.PARTNER_FEES.value: "Kept as fees",
}


def transfer_facts(transfer: Transfer) -> Facts:
    failure: Facts = [("Reason", transfer.failure_message), ("Failure code", _code(transfer.failure_code))]
    shares: Facts = [("Left for the merchant", money(transfer.amount - transfer.fee, transfer.currency))]
    return [
        *(failure if transfer.failure_code else []),
        ("Amount", money(transfer.amount, transfer.currency)),
        ("Fee", money(transfer.fee, transfer.currency)),
        *([] if transfer.state in _OVER else shares),
        ("Type", transfer.get_type_display()),
        ("Statement descriptor", transfer.statement_descriptor),
        ("Trace id", _code(transfer.trace_id)),
        ("Idempotency id", _code(transfer.idempotency_id)),
        ("Address check", _check(transfer.address_verification)),
        ("Security code check", _check(transfer.security_code_verification)),
        ("Ready to settle", moment(transfer.ready_to_settle_at)),
        ("Created", moment(transfer.created_at)),
        ("Updated", moment(transfer.updated_at)),
    ]


def state_in_list(transfer: Transfer) -> SafeString:
    """The state, and why where it failed."""
    if not transfer.failure_code:
        return badge(transfer.state)
    reason = words(transfer.failure_code)
    return format_html('<span class="cell-lines">{}<small>{}</small></span>', badge(transfer.state), reason)


def notice_of(
    transfer: Transfer, attempt: Attempt | None, *, is_contradicted: bool = False
) -> Mapping[str, str] | None:
    """What whoever stands at the counter has to know of the state: level, title, text. None where all is well."""
    if is_contradicted:
        return {
            "level": "error",
            "title": "The provider contradicts this state",
            "text": "What it said later does not fit what is shown here. Do not charge again before somebody has "
            "looked it up at the provider.",
        }
    if transfer.state == Transfer.State.SUCCEEDED:
        return None
    if transfer.state == Transfer.State.PENDING:
        return _notice_of_pending(attempt)
    reason = transfer.failure_message or "The provider gave no reason."
    if transfer.state == Transfer.State.CANCELED:
        return {"level": "info", "title": "Canceled. The card was not charged.", "text": reason}
    if transfer.failure_code in NOT_EXECUTED:
        text = f"{reason} It is safe to charge again."
        return {"level": "error", "title": "Not carried out. The card was not charged.", "text": text}
    return {"level": "error", "title": "Declined. The card was not charged.", "text": reason}


def _notice_of_pending(attempt: Attempt | None) -> Mapping[str, str]:
    if attempt is not None and attempt.state == Attempt.State.WAITING:
        return {
            "level": "info",
            "title": "Waiting at the provider",
            "text": "The provider has accepted the sale and carries it out with its next batch. Do not charge again.",
        }
    if attempt is not None and attempt.state == Attempt.State.CLAIMED and attempt.leased_until > timezone.now():
        return {
            "level": "info",
            "title": "On its way to the provider",
            "text": "The answer takes a few seconds. Do not charge again meanwhile.",
        }
    reason = why_unknown(attempt)
    if attempt is not None and attempt.is_open and attempt.next_check_at is not None:
        text = f"{reason} Do not charge again yet; we keep asking."
    else:
        text = f"{reason} We have stopped asking. Do not charge again before somebody has looked it up at the provider."
    return {"level": "warning", "title": "Outcome not known", "text": text}


def ledger_rows(postings: Iterable[Posting]) -> list[dict[str, Any]]:
    """The legs of a transfer's journals, each with its amount on one side."""
    return [
        {
            "account": posting.account.get_kind_display(),
            "posted_at": posting.journal.posted_at,
            "debit": money(posting.amount, posting.currency) if posting.amount > 0 else "",
            "credit": money(-posting.amount, posting.currency) if posting.amount < 0 else "",
        }
        for posting in postings
    ]


def ledger_sums(postings: Iterable[Posting]) -> list[tuple[SafeString, SafeString]]:
    """Debits and credits by currency; equal for whoever sees all legs."""
    sums: dict[str, list[int]] = {}
    for posting in postings:
        sides = sums.setdefault(posting.currency, [0, 0])
        sides[posting.amount < 0] += abs(posting.amount)
    return [(money(debit, currency), money(credit, currency)) for currency, (debit, credit) in sums.items()]


def own_balance_facts(accounts: Iterable[LedgerAccount]) -> Facts:
    """What a merchant is owed, in each currency, as it reads it itself; nothing sold yet is a balance too."""
    found = balance_facts(accounts) or [("", money(0, _CURRENCY))]
    return [("Your balance", amount) for _, amount in found]


def balance_facts(accounts: Iterable[LedgerAccount]) -> Facts:
    """Balances by kind and currency, each as what it means: owed by somebody, to somebody, or kept."""
    sums: dict[tuple[str, str], int] = {}
    for account in accounts:
        sign = -1 if account.kind in _CREDITED else 1
        key = (account.kind, account.currency)
        sums[key] = sums.get(key, 0) + sign * account.balance
    return [
        (label, money(amount, currency))
        for kind, label in _BALANCES.items()
        for (found, currency), amount in sums.items()
        if found == kind
    ]


def _check(result: str | None) -> str | None:
    return words(result) if result else None


def _code(text: str | None) -> SafeString | None:
    return code(text) if text else None
