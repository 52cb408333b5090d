"""A resource's timeline: its event rows in words."""

from typing import Any

from events.models import Event
from resources.models import Resource
from tenancy.actors import Actor

SHOWN = 50


def timeline_of(resource: Resource, *, by: Actor) -> list[dict[str, Any]]:
    """The newest changes of a resource the actor sees, as entries for `_timeline.html`; call it in a transaction."""
    found = Event.objects.filter(application_id__in=by.application_ids, resource_id=resource.pk)
    return [
        {
            "title": event.kind.replace("_", " ").replace(".", " ").capitalize(),
            "at": event.occurred_at,
            "by": event.author_name,
            "detail": _in_words(event.changes),
            "tone": "positive" if event.kind.endswith(".created") else "info",
        }
        for event in found.order_by("-sequence")[:SHOWN]
    ]


def _in_words(changes: dict[str, list[Any]]) -> str:
    lines = []
    for name, (before, after) in changes.items():
        label = name.replace("_", " ").capitalize()
        if isinstance(before, dict) or isinstance(after, dict):
            lines.append(f"{label} changed")
        elif before is None:
            lines.append(f"{label} set to {after}")
        elif before == after:
            lines.append(f"{label} replaced")
        else:
            lines.append(f"{label}: {before} → {'nothing' if after is None else after}")
    return " · ".join(lines)
