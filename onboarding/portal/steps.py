"""The checklist as pages show it: each step with whose turn it is, and a link for those who can take it."""

from collections.abc import Callable
from typing import Any

from django.urls import reverse

from onboarding.checklist import Party, Remedy, Situation, State, checklist, next_step
from onboarding.forms.identities import MerchantIdentityForm
from onboarding.portal.standing import review_url_of
from tenancy.actors import Actor
from tenancy.roles import Permission, Role

_ROLES = {
    Role.ADMIN: Party.PLATFORM,
    Role.PLATFORM: Party.PLATFORM,
    Role.PARTNER: Party.PARTNER,
    Role.MERCHANT: Party.MERCHANT,
}
_ICONS = {State.DONE: "check", State.OPEN: "clock", State.LATER: "minus"}
_TONES = {State.DONE: "positive", State.OPEN: "warning", State.LATER: "neutral"}
_SAID = {State.DONE: "Done", State.OPEN: "Open", State.LATER: "Later"}

_PLACES: dict[Remedy, tuple[Permission, Callable[[Situation], str]]] = {
    Remedy.EDIT_IDENTITY: (Permission.MANAGE_IDENTITIES, lambda now: _page("edit-identity", now.identity.public_id)),
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
    """What `_checklist.html` needs."""
    steps = checklist(situation)
    following = next_step(steps)
    return {
        "steps": [
            {
                "title": step.title,
                "said": _SAID[step.state],
                "state": step.state.value,
                "icon": _ICONS[step.state],
                "tone": _TONES[step.state],
                "is_open": step.state == State.OPEN,
                "text": step.text,
                "lacking": [label_of(name) for name in step.lacking],
                "who": _who(step.who, by),
                "action": step.remedy.value if step.remedy else "",
                "url": _url(step.remedy, situation, by) if step.state == State.OPEN and step.remedy else "",
            }
            for step in steps
        ],
        "done": sum(step.state == State.DONE for step in steps),
        "next": f"Next: {_who(following.who, by)}" if following else "",
    }


def label_of(name: str) -> str:
    """What the underwriting form calls a member of the identity: `dob` is Date of birth."""
    if name.endswith("_address"):
        return "Business address" if name.startswith("business") else "Home address"
    return str(MerchantIdentityForm.base_fields[name].label)


def _who(party: Party, by: Actor) -> str:
    return "You" if _ROLES[by.role] == party else party.value


def _url(remedy: Remedy, situation: Situation, by: Actor) -> str:
    permission, place = _PLACES[remedy]
    return place(situation) if by.may(permission) else ""


def _page(name: str, *ids: str) -> str:
    return reverse(f"onboarding:{name}", args=ids)
