"""States, and what carries their sign and colour."""

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

from portal.design.icons import icon

register = template.Library()

TONE_ICONS = {
    "positive": "check",
    "warning": "clock",
    "negative": "close",
    "info": "info",
    "neutral": "minus",
}

TONES = {
    "positive": (
        "ACCEPTED",
        "ACTIVE",
        "APPROVED",
        "DELIVERED",
        "DONE",
        "ENABLED",
        "FUNDED",
        "LIVE",
        "ONLINE",
        "PAID",
        "SETTLED",
        "SUCCEEDED",
        "VERIFIED",
        "WON",
    ),
    "warning": (
        "AWAITING_REVIEW",
        "CREATED",
        "INQUIRY",
        "IN_REVIEW",
        "MANUAL_REVIEW",
        "PARTLY",
        "PENDING",
        "PENDING_REVIEW",
        "PROVISIONING",
        "RETRYING",
        "STARTED",
        "UNKNOWN",
        "UPDATE_REQUESTED",
    ),
    "negative": (
        "ABSENT",
        "BLOCKED",
        "DECLINED",
        "ERROR",
        "EXPIRED",
        "FAILED",
        "LOST",
        "OFFLINE",
        "REFUSED",
        "REJECTED",
        "RETURNED",
        "REVOKED",
        "SUSPENDED",
    ),
    "info": (
        "CHECKED",
        "CLAIMED",
        "INVITED",
        "OPEN",
        "READY",
        "RUNNING",
        "SANDBOX",
        "SCHEDULED",
        "SENT",
        "SUBMITTED",
        "WAITING",
    ),
}

_TONE_OF = {state: tone for tone, states in TONES.items() for state in states}


@register.filter
def tone_of(state: str) -> str:
    """The tone of a state; a state nobody has given one is neutral."""
    return _TONE_OF.get(state.upper(), "neutral")


@register.filter
def words(value: object) -> str:
    """A constant as a reader's words: AWAITING_REVIEW becomes Awaiting review."""
    return str(value).replace("_", " ").strip().capitalize()


@register.simple_tag
def badge(state: object, tone: str = "", label: str = "") -> SafeString:
    """A state as sign, word and colour. A boolean reads Enabled or Disabled."""
    if isinstance(state, bool):
        state = "ENABLED" if state else "DISABLED"
    if state in (None, ""):
        return mark_safe('<span class="faint">None</span>')
    tone = tone or tone_of(str(state))
    text = label or words(getattr(state, "label", state))
    return format_html('<span class="badge badge-{}">{}{}</span>', tone, icon(TONE_ICONS[tone]), text)


@register.simple_tag
def tag(text: object) -> SafeString:
    """A label that is no state, as the kind of a resource: without a sign, and always in the same quiet colour."""
    return format_html('<span class="tag">{}</span>', text)
