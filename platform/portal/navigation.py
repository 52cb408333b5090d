"""The left side of every page. Apps register their entries; whoever may not open one does not see it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.urls import reverse

from tenancy.actors import Actor
from tenancy.roles import Permission

COUNTED = 99
"""What waits is counted up to here; beyond it reads 99+."""

HEADS = ("TRANSACTIONS", "PEOPLE", "REVIEW", "DEVICES", "SYSTEM")


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
    """How many wait behind it for the actor, counted up to a bound; it is asked on every page."""

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
    heads: list[dict[str, Any]] = []
    for head in HEADS:
        entries = [
            {
                "label": e.label,
                "url": reverse(e.url_name),
                "icon": e.icon,
                "is_current": e.section == current,
                "section": e.section,
                "count": _counted(e, actor),
            }
            for e in sorted(_entries, key=lambda entry: entry.order)
            if e.head == head and actor.may(e.permission)
        ]
        if entries:
            heads.append({"label": head, "entries": entries})
    return heads


def _counted(entry: Entry, actor: Actor) -> str:
    if entry.waiting is None:
        return ""
    count = entry.waiting(actor, COUNTED + 1)
    return f"{COUNTED}+" if count > COUNTED else str(count or "")


def label_of(url_name: str) -> str:
    """What the navigation calls a page; empty where it does not lead there."""
    return next((entry.label for entry in _entries if entry.url_name == url_name), "")


def first_page_for(actor: Actor) -> str | None:
    """Where somebody lands after signing in, until there is a home of tasks."""
    return next((reverse(e.url_name) for e in sorted(_entries, key=lambda e: e.order) if actor.may(e.permission)), None)
