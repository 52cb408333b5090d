"""The checklist as pages show it: each step with whose turn it is, and a link for those who can take it."""

from collections.abc import Callable
from typing import Any

from django.urls import reverse

from onboarding.checklist import Party, Remedy, Situation, State, Step, checklist, next_step
from onboarding.forms.identities import MerchantIdentityForm
from onboarding.portal.standing import review_url_of
from tenancy.actors import Actor
from tenancy.roles import Permission, Role

_ROLES = {
    Role.ADMIN: Party.PLATFORM,
    Role.PLATFORM: Party.PLATFORM,
    Role.PARTNER: Party.PARTNER,
}
_ICONS = {State.DONE: "check", State.OPEN: "clock", State.LATER: "minus", State.OPTIONAL: "info"}
_TONES = {State.DONE: "positive", State.OPEN: "warning", State.LATER: "neutral", State.OPTIONAL: "info"}
_SAID = {State.DONE: "Done", State.OPEN: "Open", State.LATER: "Later", State.OPTIONAL: "Optional"}
_CAN_BE_TAKEN = frozenset({State.OPEN, State.OPTIONAL})

_PLACES: dict[Remedy, tuple[Permission, Callable[[Situation], str]]] = {
    Remedy.EDIT_IDENTITY: (Permission.MANAGE_IDENTITIES, lambda now: _page("edit-identity", now.identity.public_id)),
    Remedy.ADD_OWNERS: (
        Permission.MANAGE_IDENTITIES,
        lambda now: _page("identity-owners", now.identity.public_id),
    ),
    Remedy.ADD_BANK_ACCOUNT: (
        Permission.CREATE_INSTRUMENTS,
        lambda now: _page("identity-instruments", now.identity.public_id) + "?add=bank-account",
    ),
    Remedy.ADD_CARD: (
        Permission.CREATE_INSTRUMENTS,
        lambda now: _page("identity-instruments", now.identity.public_id) + "?add=card",
    ),
    Remedy.PROVISION: (
        Permission.PROVISION_MERCHANTS,
        lambda now: _page("identity-processors", now.identity.public_id) + "?provision",
    ),
    Remedy.CREATE_VERIFICATION: (
        Permission.PROVISION_MERCHANTS,
        lambda now: _page("merchant", now.merchant.public_id) + "?confirm=verification" if now.merchant else "",
    ),
    Remedy.DECIDE: (
        Permission.VIEW_REVIEWS,
        lambda now: review_url_of(now.merchant) if now.merchant else "",
    ),
    Remedy.EDIT_MERCHANT: (
        Permission.MANAGE_MERCHANTS,
        lambda now: _page("edit-merchant", now.merchant.public_id) if now.merchant else "",
    ),
    Remedy.EDIT_APPLICATION: (
        Permission.MANAGE_APPLICATIONS,
        lambda now: _page("edit-application", now.application.public_id),
    ),
    Remedy.EDIT_PROCESSOR: (
        Permission.MANAGE_PROCESSORS,
        lambda now: _page("edit-processor", now.application.public_id, now.merchant.processor) if now.merchant else "",
    ),
}


def steps_for(situation: Situation, by: Actor) -> dict[str, Any]:
    """What `_checklist.html` and `_next_step.html` need."""
    steps = checklist(situation)
    following = next_step(steps)
    return {
        "steps": [_entry(step, situation, by) for step in steps],
        "next": _entry(following, situation, by) if following else None,
        "optional": [_entry(step, situation, by) for step in steps if step.state == State.OPTIONAL],
        "at": situation.merchant.processor if situation.merchant else "",
    }


def _entry(step: Step, situation: Situation, by: Actor) -> dict[str, Any]:
    before, remedy = (
        _place(wanted, situation, by) if step.state in _CAN_BE_TAKEN else "" for wanted in (step.before, step.remedy)
    )
    return {
        "title": step.title,
        "said": _SAID[step.state],
        "state": step.state.value,
        "icon": _ICONS[step.state],
        "tone": _TONES[step.state],
        "is_open": step.state == State.OPEN,
        "text": step.text,
        "lacking": [label_of(name) for name in step.lacking],
        "who": _who(step.who, situation, by),
        "action": step.remedy.value if step.remedy else "",
        "url": remedy,
        "first_action": step.before.value if step.before else "",
        "first_url": before,
        "ask": _ask(step, situation, by),
    }


def label_of(name: str) -> str:
    """What the underwriting form calls a member of the identity: `dob` is Date of birth."""
    if name.endswith("_address"):
        return "Business address" if name.startswith("business") else "Home address"
    return str(MerchantIdentityForm.base_fields[name].label)


def _who(party: Party, situation: Situation, by: Actor) -> str:
    """Merchants know their partner by its name."""
    if by.role == Role.MERCHANT and party == Party.PARTNER:
        return situation.application.name
    return "You" if _ROLES.get(by.role) == party else party.value


def _ask(step: Step, situation: Situation, by: Actor) -> str:
    """Whom a merchant asks, which looks only; empty where waiting is all there is."""
    is_askable = step.state in _CAN_BE_TAKEN and step.remedy not in {None, Remedy.DECIDE}
    if by.role != Role.MERCHANT or not is_askable:
        return ""
    return f"Ask {situation.application.name} about it: only they or the platform can do this."


def _place(remedy: Remedy | None, situation: Situation, by: Actor) -> str:
    """Where it is done; empty for who may not."""
    if remedy is None:
        return ""
    permission, place = _PLACES[remedy]
    return place(situation) if by.may(permission) else ""


def _page(name: str, *ids: str) -> str:
    return reverse(f"onboarding:{name}", args=ids)
