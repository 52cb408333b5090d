"""What pages of payments have in common: what they are paid with, how they failed, and their legs in the ledger."""

from collections.abc import Iterable, Mapping
from typing import Any

from django.utils.html import format_html
from django.utils.safestring import SafeString

from onboarding.models import PaymentInstrument
from onboarding.portal.facts import code
from payments.models import LedgerAccount, Payment, Posting
from portal.design.states import words
from portal.design.values import money

Facts = list[tuple[str, Any]]
Notice = Mapping[str, str]

_SHORT_ENOUGH = 14
_CURRENCY = "USD"  # of a merchant that has sold nothing yet
_Kind = LedgerAccount.Kind
_CREDITED = frozenset({_Kind.MERCHANT_BALANCE, _Kind.SETTLEMENT_PAYABLE, _Kind.PARTNER_FEES})
_OWN_BALANCES = {_Kind.MERCHANT_BALANCE: "Your balance", _Kind.SETTLEMENT_PAYABLE: "Closed, to be paid"}
_FOUND = {"AUTHENTICATED": "The cardholder was authenticated", "ATTEMPTED": "Authentication was attempted"}
_BALANCES = {
    _Kind.PROCESSOR_CLEARING: "Owed by the processor",
    _Kind.MERCHANT_BALANCE: "Owed to the merchant",
    _Kind.SETTLEMENT_PAYABLE: "Closed, to be paid",
    _Kind.PARTNER_FEES: "Kept as fees",
    _Kind.OPERATING_FUNDS: "Put in by the operator",
}


def instrument_name(payment: Payment) -> str:
    """What a person calls the card or bank account, from what the row copied of it: Visa •••• 0006. Or nothing."""
    if not payment.instrument_type:
        return ""
    known = PaymentInstrument(
        type=payment.instrument_type, brand=payment.instrument_brand, last_four=payment.instrument_last_four
    )
    return known.display_name


def paying(payment: Payment) -> str:
    """What is charged, in a sentence: the card, or the account."""
    return "account" if payment.instrument_type == PaymentInstrument.Type.BANK_ACCOUNT else "card"


def instrument_label(payment: Payment) -> str:
    return PaymentInstrument.Type(payment.instrument_type).label.removeprefix("Payment ").capitalize()


def failure_facts(payment: Payment) -> Facts:
    if not payment.failure_code:
        return []
    return [("Reason", payment.failure_message), ("Failure code", code(payment.failure_code))]


def check_facts(payment: Payment) -> Facts:
    """What the issuer found about address and security code."""
    return [
        ("Address check", _check(payment.address_verification)),
        ("Security code check", _check(payment.security_code_verification)),
    ]


def three_d_secure_facts(payment: Payment, *, sees_address: bool) -> Facts:
    """What a vendor found about the cardholder; the proof lies in the vault, and comes to no page."""
    told = payment.three_d_secure
    if not told:
        return []
    indicator = told.get("electronic_commerce_indicator", "")
    address: Facts = [("Cardholder's IP address", code_or_none(told.get("cardholder_ip_address")))]
    return [
        ("Found", _FOUND.get(indicator) or words(indicator)),
        ("Proof", "Provided"),
        ("Transaction id", code_or_none(told.get("transaction_id"))),
        *(address if sees_address else []),
    ]


def purchase_facts(payment: Payment) -> Facts:
    """What was told of the purchase, level 2 and 3 data; lines of an order as their number."""
    told = payment.additional_purchase_data or {}
    return [(words(name), f"{len(value)} lines" if isinstance(value, list) else value) for name, value in told.items()]


def link(url: str, text: object) -> SafeString:
    return format_html('<a href="{}">{}</a>', url, text)


def code_or_none(text: str | None) -> SafeString | None:
    return code(text) if text else None


def sentence(text: str) -> str:
    """What somebody else wrote, so that a sentence of ours may follow."""
    return text if text.endswith((".", "!", "?")) else f"{text}."


def in_short(trace_id: str | None) -> SafeString | None:
    """A long one, which a narrow column has no room for, by its ends; the page of the payment has it whole."""
    if trace_id is None or len(trace_id) <= _SHORT_ENOUGH:
        return code_or_none(trace_id)
    return format_html('<code title="{}">{}…{}</code>', trace_id, trace_id[:4], trace_id[-6:])


def notice(level: str, title: str, text: str, **link: str) -> Notice:
    """Level, title and text for `_notice.html`; `url` and `link` where it leads on."""
    return {"level": level, "title": title, "text": text, **link}


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
    return _balance_facts(accounts, _OWN_BALANCES) or [("Your balance", money(0, _CURRENCY))]


def balance_facts(accounts: Iterable[LedgerAccount]) -> Facts:
    """Balances by kind and currency, each as what it means: owed by somebody, to somebody, or kept."""
    return _balance_facts(accounts, _BALANCES)


def _balance_facts(accounts: Iterable[LedgerAccount], called: Mapping[LedgerAccount.Kind, str]) -> Facts:
    """Of what is closed and to be paid only what there is: once all is paid, nothing has to be said of it."""
    sums: dict[tuple[str, str], int] = {}
    for account in accounts:
        sign = -1 if account.kind in _CREDITED else 1
        key = (account.kind, account.currency)
        sums[key] = sums.get(key, 0) + sign * account.balance
    return [
        (label, money(amount, currency))
        for kind, label in called.items()
        for (found, currency), amount in sums.items()
        if found == kind and (amount or kind != _Kind.SETTLEMENT_PAYABLE)
    ]


def _check(result: str | None) -> str | None:
    return words(result) if result else None
