"""The start page: what waits for whoever signs in, and below it what happened lately. Apps register what they add."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponse

from portal.navigation import Entry
from portal.navigation import register as register_entry
from portal.views import Page
from tenancy.actors import Actor
from tenancy.roles import Permission
from tenancy.transactions import transaction

COUNTED = 99
"""What waits is counted up to here; beyond it reads 99+."""


@dataclass(frozen=True)
class Waiting:
    """How many wait, and the list in which they do."""

    count: int
    url: str


@dataclass(frozen=True)
class Task:
    """Something that waits for a person. `one` and `many` go on behind the number: merchants wait for a decision.

    `waiting` counts up to a bound what waits for this actor; it is called in a transaction.
    """

    one: str
    many: str
    icon: str
    permission: Permission
    waiting: Callable[[Actor, int], Waiting]
    order: int = 50


@dataclass(frozen=True)
class Card:
    """A part of the page. `read` gives what its template calls `card`, or None where it has nothing for this actor.

    It opens its own transactions, so that one that takes too long takes nothing else with it.
    """

    template: str
    permission: Permission
    read: Callable[[HttpRequest, Actor], Mapping[str, Any] | None]
    order: int = 50


_tasks: list[Task] = []
_cards: list[Card] = []


def register_task(task: Task) -> None:
    _tasks.append(task)


def register_card(card: Card) -> None:
    _cards.append(card)


class Home(Page):
    """Where somebody lands after signing in."""

    permission = Permission.VIEW_APPLICATIONS  # which every role has
    section = "home"
    template_name = "portal/home.html"

    def get(self, request: HttpRequest) -> HttpResponse:
        permitted = [task for task in sorted(_tasks, key=lambda task: task.order) if self.actor.may(task.permission)]
        with transaction(by=self.actor, plans_anew=True):
            found = [(task, task.waiting(self.actor, COUNTED + 1)) for task in permitted]
        return self.show(
            {
                "has_tasks": bool(permitted),
                "tasks": [_told(task, waiting) for task, waiting in found if waiting.count],
                "cards": self._cards(request),
            }
        )

    def _cards(self, request: HttpRequest) -> list[dict[str, Any]]:
        permitted = [card for card in sorted(_cards, key=lambda card: card.order) if self.actor.may(card.permission)]
        found = [(card.template, card.read(request, self.actor)) for card in permitted]
        return [{"template": template, "content": content} for template, content in found if content is not None]


def register_navigation() -> None:
    register_entry(Entry("", "Home", "portal:home", "home", Home.permission, order=0))


def _told(task: Task, waiting: Waiting) -> dict[str, Any]:
    return {
        "count": f"{COUNTED}+" if waiting.count > COUNTED else waiting.count,
        "label": task.one if waiting.count == 1 else task.many,
        "icon": task.icon,
        "url": waiting.url,
    }
