"""A resource's timeline: its event rows in words."""

import re
import uuid
from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from events.models import Author, Event
from portal.design.states import words
from portal.design.values import EXPONENTS
from resources.models import Resource
from tenancy.actors import Actor

SHOWN = 50

_UNSPOKEN = ("_e164", "_provided", "verification_id", "flags")  # told elsewhere, or with what is told
_LABELS = {
    "annual_card_volume": "Card sales a year",
    "avs_failure_allowed": "Failed address check allowed",
    "bank_account_required": "Bank account first",
    "business_name": "Legal name",
    "card_cvv_required": "Security code required",
    "card_expiration_date_required": "Expiry required",
    "creating_transfer_from_report_enabled": "Transfers from reports",
    "csc_failure_allowed": "Failed security code allowed",
    "default_statement_descriptor": "Statement descriptor",
    "dob": "Date of birth",
    "doing_business_as": "Trading name",
    "fast_funds_indicator": "Fast Funds",
    "fee_ready_to_settle_upon": "Fees ready upon",
    "gross_settlement_enabled": "Paid out gross",
    "max_transaction_amount": "Largest transaction",
    "mcc": "Merchant category",
    "mid": "Number there (MID)",
    "onboarding_state": "State",
    "online_gambling_block_indicator": "Gambling payouts",
    "principal_percentage_ownership": "Share owned",
    "processing_enabled": "Processing",
    "push_funds_block_indicator": "Payouts to the card",
    "previous_secret_until": "Old secret opens until",
    "ready_to_settle_upon": "Funds ready upon",
    "settlement_enabled": "Settlements",
    "settlement_funding_identifier": "Funding identifier",
    "url": "Website",
}
"""What the cards of a page call a member, where it is not what its name says."""
_SAID = {"ACCEPTED": "Approved", "MANUAL_REVIEW": "In review", "PENDING": "Waiting"}
"""What reviews call their outcomes, as their pages do."""
_CONSTANTS = ("state", "status", "verification", "outcome", "decision", "type", "brand", "upon", "funding_identifier")
"""Members whose values in capitals are read as words, though they are one word."""
_MINOR_UNITS = ("_amount", "_volume", "_fee")
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT[0-9:.]+\+00:00")

AuthorPages = Callable[[Collection[uuid.UUID], Actor], Mapping[uuid.UUID, str]]

_pages_of: dict[Author, AuthorPages] = {}


def register_author_pages(kind: Author, pages: AuthorPages) -> None:
    """Apps tell where authors of a kind have their pages: the addresses, by author, of those an actor may open."""
    _pages_of[kind] = pages


def timeline_of(resource: Resource, *, by: Actor) -> list[dict[str, Any]]:
    """The newest changes of a resource the actor sees, as entries for `_timeline.html`; call it in a transaction."""
    return changes_of(resource.pk, currency=getattr(resource, "currency", None) or "USD", by=by)


def changes_of(key: uuid.UUID, *, currency: str, by: Actor) -> list[dict[str, Any]]:
    """The same by the key alone; `currency` is that of its amounts, if it has any."""
    found = Event.objects.filter(application_id__in=by.application_ids, resource_id=key)
    events = list(found.order_by("-sequence")[:SHOWN])
    pages = _author_pages(events, by)
    return [
        {
            "title": _title(event),
            "at": event.occurred_at,
            "by": event.author_name,
            "by_url": pages.get((event.author_kind, event.author_id), ""),
            "is_by_program": event.author_kind == Author.API_USER,
            "detail": _in_words(event.changes, currency),
            "tone": "positive" if event.kind.endswith(".created") else "info",
        }
        for event in events
    ]


def is_recorded(kind: str, resource: Resource, *, by: Actor) -> bool:
    """Whether this has ever happened to a resource; call it in a transaction."""
    found = Event.objects.filter(application_id__in=by.application_ids, resource_id=resource.pk, kind=kind)
    return found.exists()


def _title(event: Event) -> str:
    """`identity.updated` is Identity updated; the API's users are keys to those who read this."""
    resource, _, what = event.kind.partition(".")
    if what == "underwritten":
        what = str(event.changes.get("onboarding_state", ["", what])[1]).lower()  # approved or rejected
    if set(event.changes) == {"verification_id"}:
        return "Verification created"
    subject = "API key" if resource == "user" else resource.replace("_", " ").capitalize()
    return f"{subject} {what.replace('_', ' ')}"


def _author_pages(events: list[Event], by: Actor) -> dict[tuple[str, uuid.UUID | None], str]:
    found: dict[tuple[str, uuid.UUID | None], str] = {}
    for kind, pages in _pages_of.items():
        authors = {event.author_id for event in events if event.author_kind == kind and event.author_id}
        if authors:
            found |= {(kind, author): url for author, url in pages(authors, by).items()}
    return found


def _in_words(changes: dict[str, list[Any]], currency: str) -> str:
    lines = []
    for name, (before, after) in changes.items():
        if name.endswith(_UNSPOKEN):
            continue
        label = _LABELS.get(name) or name.replace("_", " ").capitalize()
        if isinstance(before, dict) or isinstance(after, dict):
            lines.append(f"{label} changed")
        elif before is None:
            lines.append(f"{label} set to {_value_in_words(name, after, currency)}")
        elif before == after:
            lines.append(f"{label} replaced")
        else:
            told = (_value_in_words(name, value, currency) for value in (before, after))
            lines.append(f"{label}: {' → '.join(told)}")
    return " · ".join(lines)


def _is_a_constant(name: str, value: str) -> bool:
    return value == "UNKNOWN" or (name.endswith(_CONSTANTS) and re.fullmatch(r"[A-Z]+", value) is not None)


def _value_in_words(name: str, value: Any, currency: str) -> str:
    """A switch is on or off, a yes is a yes, an amount is in units, and ROLE_PARTNER is read as a word."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return (("off", "on") if name.endswith("enabled") else ("no", "yes"))[value]
    if isinstance(value, list):
        return " ".join(map(str, value)) or "nothing"
    if isinstance(value, str) and (re.fullmatch(r"[A-Z]+(_[A-Z]+)+", value) or _is_a_constant(name, value)):
        said = _SAID.get(value) if name in {"outcome", "decision"} else None
        return said or words(value.removeprefix("ROLE_"))
    if name.endswith(_MINOR_UNITS):
        exponent = EXPONENTS.get(currency, 2)
        return f"{Decimal(value).scaleb(-exponent):,.{exponent}f}"
    return _moment_in_words(str(value))


def _moment_in_words(text: str) -> str:
    return f"{datetime.fromisoformat(text):%-d %b %Y, %H:%M UTC}" if _MOMENT.fullmatch(text) else text
