"""The left side of every page. Apps register their entries; whoever may not open one does not see it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from django.urls import reverse

from tenancy.actors import Actor
from tenancy.roles import Permission
from tenancy.transactions import transaction

COUNTED = 99
"""What waits is counted up to here; beyond it reads 99+."""

HEADS = ("", "TRANSACTIONS", "PEOPLE", "REVIEW", "DEVICES", "SYSTEM")


@dataclass(frozen=True)
class Entry:
    """One page of the navigation, by the name of its URL (`onboarding:identities`)."""

    head: str
    label: str
    url_name: str
    icon: str
    permission: Permission
    order: int = 50
    waiting: Callable[[Actor, int], int] | None = None
    """How many wait behind it for the actor, counted up to a bound. It is asked on every page, in one transaction for
    all entries."""
    waits_for: Permission | None = None
    """Whoever has this is told how many; to others who may open it, it is a list to look at. None: all who may."""

    @property
    def section(self) -> str:
        """What a page names as its section to be the current one: `identities`."""
        return self.url_name.rpartition(":")[2]


_entries: list[Entry] = []


def register(entry: Entry) -> None:
    if entry.head not in HEADS:
        raise ValueError(f"{entry.head} is no head of the navigation")
    _entries.append(entry)


def navigation_for(actor: Actor, current: str | None) -> list[dict[str, Any]]:
    """The heads with something in them that the actor may open, in their fixed order."""
    shown = sorted((entry for entry in _entries if actor.may(entry.permission)), key=lambda entry: entry.order)
    counts = _counts(shown, actor)
    heads: list[dict[str, Any]] = []
    for head in HEADS:
        entries = [
            {
                "label": e.label,
                "url": reverse(e.url_name),
                "icon": e.icon,
                "is_current": e.section == current,
                "section": e.section,
                "count": counts.get(e.url_name, ""),
            }
            for e in shown
            if e.head == head
        ]
        if entries:
            heads.append({"label": head, "entries": entries})
    return heads


def _counts(entries: Sequence[Entry], actor: Actor) -> dict[str, str]:
    """What waits, by the names of URLs."""
    counted = [entry for entry in entries if entry.waiting and actor.may(entry.waits_for or entry.permission)]
    if not counted:
        return {}
    with transaction(by=actor, plans_anew=True):
        return {entry.url_name: _told(entry.waiting(actor, COUNTED + 1)) for entry in counted if entry.waiting}


def _told(count: int) -> str:
    return f"{COUNTED}+" if count > COUNTED else str(count or "")


def label_of(url_name: str) -> str:
    """What the navigation calls a page; empty where it does not lead there."""
    return next((entry.label for entry in _entries if entry.url_name == url_name), "")
