"""Buttons that apps above this one put on pages of its resources, as a sale on the page of a merchant."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tenancy.actors import Actor


@dataclass(frozen=True)
class Action:
    """A button on the page of a kind of resource. `address` gives its link, or "" where it makes no sense.

    It is called in the page's transaction, with the resource and whoever looks. What is registered first for a kind is
    the primary one of its pages.
    """

    kind: str
    label: str
    icon: str
    address: Callable[[Any, Actor], str]


_actions: list[Action] = []


def register(action: Action) -> None:
    _actions.append(action)


def actions_for(resource: Any, by: Actor) -> list[dict[str, Any]]:
    """The buttons of a resource that the actor may use, in the order in which they were registered."""
    of_its_kind = [action for action in _actions if action.kind == resource.KIND]
    found = [
        {
            "label": action.label,
            "icon": action.icon,
            "url": action.address(resource, by),
            "is_primary": position == 0,
        }
        for position, action in enumerate(of_its_kind)
    ]
    return [button for button in found if button["url"]]
