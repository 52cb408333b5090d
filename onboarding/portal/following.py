"""Pages that follow what moves: the browser asks every few seconds, and gets the page anew when something changed."""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.http import HttpRequest
from django.utils import timezone

from resources.models import Resource

_SOON = timedelta(minutes=2)


def mark_of(*rows: Resource, attempts: Sequence[Mapping[str, Any]] = ()) -> str:
    """Tells one state of what a page shows from the next."""
    seen = [f"{row.pk}{row.version}" for row in rows]
    seen += [f"{entry['reference']}{entry['state']}{entry['next_check_at']}" for entry in attempts]
    return hashlib.sha256("|".join(seen).encode()).hexdigest()[:16]


def shows_already(request: HttpRequest, mark: str) -> bool:
    """Whether the page asks by itself, and shows this state: then there is nothing to send (204)."""
    return request.headers.get("HX-Request") == "true" and request.GET.get("mark") == mark


def following(request: HttpRequest, mark: str, since: datetime) -> dict[str, Any]:
    """What `_following.html` needs: the address that is asked, and how often, at leisure for what takes its time."""
    is_young = timezone.now() - since < _SOON
    return {"url": f"{request.path}?mark={mark}", "seconds": 2 if is_young else 20}
