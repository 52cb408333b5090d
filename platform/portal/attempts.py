"""What was asked of a provider for a resource, and what became of it, in words."""

import uuid
from collections.abc import Collection
from typing import Any

from portal.design.states import tone_of, words
from providers.models import Attempt
from resources.models import Resource
from tenancy.actors import Actor
from tenancy.roles import Permission

SHOWN = 20

_NOTHING_TWICE = "It may have happened, so nothing is sent twice until that is known."
_UNRELIABLE = "The provider's answer cannot be relied on"
_DOUBTS = {
    "CANNOT_BE_STORED": "it holds what cannot be stored",
    "MALFORMED_ANSWER": "it cannot be read",
    "NO_NEWS": "it says yes, and not to what",
    "OTHER_AMOUNT": "it speaks of another amount or currency",
    "OTHER_TRANSFER": "it speaks of another transfer",
    "SELF_CONTRADICTORY": "it says two things at once",
    "UNKNOWN_STATE": "it speaks of a state that is not known",
}
"""What is wrong with an answer that came, as the rest of that sentence."""
_TROUBLES = {
    "ADAPTER_FAILED": "The connection to the provider broke down on our side.",
    "CANNOT_BE_ASKED": "The provider cannot be asked about it.",
    "FORGOTTEN": "The provider had it, and has it no more.",
    "SERVER_ERROR": "The provider answered with an error of its own.",
}
"""Why nothing is known, where it is not mere silence."""
_OF_A_CODE = {
    **{code: f"{_UNRELIABLE}: {doubt}. {_NOTHING_TWICE}" for code, doubt in _DOUBTS.items()},
    **{code: f"{trouble} {_NOTHING_TWICE}" for code, trouble in _TROUBLES.items()},
    "NO_ANSWER": f"The provider did not answer. {_NOTHING_TWICE}",
    "TIMEOUT": f"The provider did not answer in time. {_NOTHING_TWICE}",
    "NOT_THERE_YET": "The provider does not know it yet; it may still be on its way.",
    "PROVIDER_UNREACHABLE": "The provider could not be asked.",
}
_OF_A_STATE = {
    Attempt.State.CLAIMED: "On its way to the provider.",
    Attempt.State.WAITING: "The provider has it and has not decided yet.",
    Attempt.State.UNKNOWN: f"The outcome is not known. {_NOTHING_TWICE}",
    Attempt.State.ACCEPTED: "The provider carried it out.",
    Attempt.State.REFUSED: "The provider refused it.",
    Attempt.State.ABSENT: "It was certainly not carried out.",
}


def attempt_entries(resource: Resource, by: Actor, *, also: Collection[uuid.UUID] = ()) -> list[dict[str, Any]]:
    """The newest attempts for a resource the actor sees, as entries for `_attempts.html`; call it in a transaction.

    `also` are keys of further resources that belong to it, as a merchant's verifications. Empty for whoever may not
    see attempts.
    """
    return entries_about([resource.pk, *also], by)


def entries_about(keys: Collection[uuid.UUID], by: Actor) -> list[dict[str, Any]]:
    """The same by the keys alone: of what a provider was asked to keep there may be no row."""
    if not by.may(Permission.VIEW_ATTEMPTS):
        return []
    found = Attempt.objects.visible_to(by).filter(resource_id__in=keys)
    return [_entry(attempt) for attempt in found.order_by("-created_at", "-id")[:SHOWN]]


def why_unknown(attempt: Attempt | None) -> str:
    """One sentence for whoever waits for an outcome: what the provider said that is of no use, or that it is silent."""
    code = attempt.code if attempt is not None and attempt.state == Attempt.State.UNKNOWN else ""
    if doubt := _DOUBTS.get(code):
        return f"{_UNRELIABLE}: {doubt}."
    return _TROUBLES.get(code, "The provider has not answered.")


def _entry(attempt: Attempt) -> dict[str, Any]:
    return {
        "title": f"{words(attempt.operation)}, attempt {attempt.number}",
        "state": attempt.state,
        "label": attempt.get_state_display(),
        "tone": tone_of(attempt.state),
        "detail": _in_words(attempt),
        "code": attempt.code,
        "provider": attempt.provider,
        "reference": attempt.reference,
        "sent_at": attempt.sent_at,
        "next_check_at": attempt.next_check_at,
        "decided_at": attempt.decided_at,
        "is_open": attempt.is_open,
    }


def _in_words(attempt: Attempt) -> str:
    if attempt.state == Attempt.State.UNKNOWN and attempt.code in _OF_A_CODE:
        return _OF_A_CODE[attempt.code]
    if attempt.message:
        return attempt.message
    if attempt.state == Attempt.State.CLAIMED and not attempt.sends:
        return "It waits for the worker, which sends it."
    return _OF_A_CODE.get(attempt.code) or _OF_A_STATE[Attempt.State(attempt.state)]
