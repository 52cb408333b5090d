"""What pages tell of an authorization: how it stands, what is held until when, and what its state means."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.timesince import timeuntil

from payments.forms.amounts import amount_in_words
from payments.models import Authorization, Transfer
from payments.portal.facts import Facts, Notice, check_facts, code_or_none, failure_facts, notice
from portal.attempts import why_unknown
from portal.design.states import badge, words
from portal.design.values import moment, money
from providers.attempts import NOT_EXECUTED
from providers.models import Attempt

SOON = timedelta(days=1)
"""A hold that ends within it is told of beforehand."""


def page_of(authorization: Authorization) -> str:
    return reverse("payments:authorization", args=[authorization.public_id])


def standing(authorization: Authorization, now: datetime) -> SafeString:
    """What became of it, as a badge; its transfer is joined, and `now` is business time."""
    tone, label = _standing(authorization, now)
    return badge(authorization.state, tone=tone, label=label)


def standing_in_list(authorization: Authorization, now: datetime) -> SafeString:
    """The same, and below it what one wants to know next."""
    shown, more = standing(authorization, now), _more(authorization)
    return format_html('<span class="cell-lines">{}<small>{}</small></span>', shown, more) if more else shown


def time_left(authorization: Authorization, now: datetime) -> SafeString | None:
    """For how long it is held still, in one unit; the moment itself is the title. None of what is not held."""
    if not is_holding(authorization, now):
        return None
    at = authorization.expires_at.astimezone(UTC)
    left = timeuntil(at, now, depth=1)
    return format_html(
        '<time datetime="{}" title="{}">In {}</time>', f"{at:%Y-%m-%dT%H:%M:%SZ}", f"{at:%Y-%m-%d %H:%M:%S} UTC", left
    )


def ends_soon(authorization: Authorization, now: datetime) -> bool:
    """Whether somebody should capture it before long."""
    return is_holding(authorization, now) and authorization.expires_at - now < SOON


def is_holding(authorization: Authorization, now: datetime) -> bool:
    return authorization.is_held and not authorization.has_expired(now)


def figures(authorization: Authorization, now: datetime) -> Facts:
    """Where the amount is: taken, let go, or held still."""
    a, currency = authorization, authorization.currency
    captured = a.capture_amount if a.transfer and a.transfer.has_succeeded else 0
    holds = a.state == Authorization.State.SUCCEEDED and _is_open(a, now)
    held = a.amount if holds else 0
    return [
        ("Captured", money(captured, currency)),
        ("Held", money(held, currency)),
        ("Let go", money(a.amount - (captured or 0) - held, currency)),
    ]


def authorization_facts(authorization: Authorization, now: datetime) -> Facts:
    a, currency = authorization, authorization.currency
    return [
        *failure_facts(a),
        ("Amount", money(a.amount, currency)),
        *([("Captured", money(a.capture_amount, currency))] if a.capture_amount else []),
        *([("Fee, once captured", money(a.fee, currency))] if a.fee and not a.is_captured else []),
        *_end(a, now),
        *([("Void", a.get_void_state_display())] if a.void_state != Authorization.VoidState.UNATTEMPTED else []),
        ("Statement descriptor", a.statement_descriptor),
        ("Trace id", code_or_none(a.trace_id)),
        ("Idempotency id", code_or_none(a.idempotency_id)),
        *check_facts(a),
        ("Created", moment(a.created_at)),
        ("Updated", moment(a.updated_at)),
    ]


def capture_rows(captures: Sequence[Transfer]) -> list[dict[str, Any]]:
    return [
        {
            "url": reverse("payments:transfer", args=[capture.public_id]),
            "amount": money(capture.amount, capture.currency),
            "state": badge(capture.state),
            "reason": capture.failure_message,
            "created_at": capture.created_at,
        }
        for capture in captures
    ]


def notice_of_authorization(
    authorization: Authorization,
    attempt: Attempt | None,
    captures: Sequence[Transfer],
    now: datetime,
    *,
    is_contradicted: bool = False,
) -> Notice | None:
    """What whoever waits for the money has to know. None where all is well; `captures` are newest first."""
    if is_contradicted:
        text = (
            "What it said later does not fit what is shown here. Do not hold or charge again before somebody has "
            "looked it up at the provider."
        )
        return notice("error", "The provider contradicts this state", text)
    if authorization.state == Authorization.State.PENDING:
        return _notice_of_pending(attempt)
    if authorization.has_failed:
        return _notice_of_failure(authorization)
    if authorization.is_captured:
        return _notice_of_capture(authorization.transfer)
    if authorization.is_void or not is_holding(authorization, now):
        return _notice_of_end(authorization)
    return _notice_of_hold(authorization, captures, now)


def _notice_of_pending(attempt: Attempt | None) -> Notice:
    if attempt is not None and attempt.state == Attempt.State.CLAIMED and attempt.leased_until > timezone.now():
        text = "The answer takes a few seconds. Do not hold or charge again meanwhile."
        return notice("info", "On its way to the provider", text)
    asks = attempt is not None and attempt.is_open and attempt.next_check_at is not None
    text = "Do not hold or charge again yet; we keep asking."
    if not asks:
        text = "We have stopped asking. Do not hold or charge again before somebody has looked it up at the provider."
    return notice("warning", "Outcome not known", f"{why_unknown(attempt)} {text}")


def _notice_of_failure(authorization: Authorization) -> Notice:
    reason = authorization.failure_message or "The provider gave no reason."
    if authorization.state == Authorization.State.CANCELED:
        return notice("info", "Canceled. Nothing is held.", reason)
    if authorization.failure_code in NOT_EXECUTED:
        return notice("error", "Not carried out. Nothing is held.", f"{reason} It is safe to try again.")
    return notice("error", "Declined. Nothing is held.", reason)


def _notice_of_capture(capture: Transfer | None) -> Notice | None:
    if capture is None or capture.is_decided:
        return None
    page = reverse("payments:transfer", args=[capture.public_id])
    text = "The capture was sent, and the provider has not said that it succeeded. Nothing is charged twice."
    return notice("info", "Being captured", text, url=page, link="The capture")


def _notice_of_end(authorization: Authorization) -> Notice | None:
    if authorization.void_state == Authorization.VoidState.PENDING:
        return notice("info", "Being voided", "The provider lets it go. Nothing of it can be captured any more.")
    if authorization.is_void:
        return None
    text = "Nobody captured it in time, so the provider let it go. To take the money, make a new sale."
    return notice("info", "Expired. Nothing is held.", text)


def _notice_of_hold(authorization: Authorization, captures: Sequence[Transfer], now: datetime) -> Notice | None:
    if authorization.void_state == Authorization.VoidState.FAILED:
        reason = " ".join(authorization.messages) or "The provider gave no reason."
        return notice("warning", "The void was refused", f"{reason} It is held still, as long as it is not captured.")
    if captures and captures[0].has_failed:
        reason = captures[0].failure_message or "The provider gave no reason."
        page = reverse("payments:transfer", args=[captures[0].public_id])
        text = f"{reason} It is held still, and can be captured again."
        return notice("warning", "The last capture failed", text, url=page, link="The capture")
    if ends_soon(authorization, now):
        left = timeuntil(authorization.expires_at, now, depth=1)
        held = amount_in_words(authorization.amount, authorization.currency)
        text = f"{held} is let go by itself if nobody captures it."
        return notice("warning", f"Expires in {left}", text)
    return None


def _is_open(authorization: Authorization, now: datetime) -> bool:
    """Whether it is held, also while a capture or a void is under way."""
    if authorization.transfer is not None:
        return not authorization.transfer.is_decided
    is_being_voided = authorization.void_state == Authorization.VoidState.PENDING
    return is_being_voided or is_holding(authorization, now)


def _standing(a: Authorization, now: datetime) -> tuple[str, str]:
    """Tone and words."""
    if a.state != Authorization.State.SUCCEEDED:
        return "", a.get_state_display()
    if a.transfer is not None:
        if not a.transfer.is_decided:
            return "warning", "Being captured"
        return "positive", "Captured in part" if a.capture_amount != a.amount else "Captured"
    if a.is_void:
        is_through = a.void_state == Authorization.VoidState.SUCCEEDED
        return ("neutral", "Voided") if is_through else ("warning", "Being voided")
    if not is_holding(a, now):
        return "neutral", "Expired"
    return ("warning", "Held, ends soon") if ends_soon(a, now) else ("info", "Held")


def _more(a: Authorization) -> str:
    if a.failure_code:
        return words(a.failure_code)
    if a.capture_amount is not None and a.capture_amount != a.amount:
        return f"{amount_in_words(a.capture_amount, a.currency)} of it"
    return "A void was refused" if a.void_state == Authorization.VoidState.FAILED else ""


def _end(a: Authorization, now: datetime) -> Facts:
    """Until when it is held; of what is over, when that ended."""
    if a.has_failed:
        return []
    if a.released_at is not None:
        return [("Let go", moment(a.released_at))]
    if a.transfer is not None and a.transfer.is_decided:
        return []
    return [("Expired" if a.has_expired(now) else "Held until", moment(a.expires_at))]
