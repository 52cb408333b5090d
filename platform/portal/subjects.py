"""What rows of the histories are about: how a resource is called, and where it has its page. Apps tell it of theirs."""

import uuid
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from portal.design.states import words
from resources import ids
from resources.models import Resource
from tenancy.actors import Actor
from tenancy.roles import Permission

Handle = tuple[str, uuid.UUID]


@dataclass(frozen=True)
class Subject:
    """Something that was acted upon, as somebody reads it. Without `url` they may not open it, or it has no page."""

    kind: str
    name: str
    url: str = ""
    is_id: bool = False


@dataclass(frozen=True)
class Kind:
    """A kind of subject: `name` and `page` are asked of a row with the relations of `joined`. Without a name it goes by
    its id.
    """

    model: Any
    label: str
    name: Callable[[Any], str] | None = None
    page: Callable[[Any], str] | None = None
    permission: Permission | None = None
    joined: tuple[str, ...] = ()


_kinds: dict[str, Kind] = {}


def register(kind: Kind) -> None:
    _kinds[kind.model.KIND] = kind


def subjects_of(handles: Collection[Handle], *, by: Actor) -> Mapping[Handle, Subject]:
    """What these are, with one query for each kind among them; call it in a transaction.

    What is out of sight, or gone, is told by its id.
    """
    keys: dict[str, set[uuid.UUID]] = defaultdict(set)
    for name, key in handles:
        keys[name].add(key)
    found: dict[Handle, Subject] = {}
    for name, wanted in keys.items():
        kind = _kinds.get(name)
        rows = {} if kind is None else _rows(kind, wanted, by)
        for key in wanted:
            found[name, key] = _subject(name, kind, key, rows.get(key), by)
    return found


def _rows(kind: Kind, keys: set[uuid.UUID], by: Actor) -> dict[uuid.UUID, Any]:
    visible = kind.model.objects.visible_to(by)
    return {row.pk: row for row in visible.select_related(*kind.joined).filter(pk__in=keys)}


def _subject(name: str, kind: Kind | None, key: uuid.UUID, row: Any, by: Actor) -> Subject:
    if kind is None:
        return Subject(words(name), "")
    public_id = ids.public_id(kind.model.PREFIX, key) if issubclass(kind.model, Resource) else ""
    if row is None:
        return Subject(kind.label, public_id, is_id=True)
    told = kind.name(row) if kind.name else public_id
    may_open = kind.permission is None or by.may(kind.permission)
    url = kind.page(row) if kind.page and may_open else ""
    return Subject(kind.label, told, url, is_id=told == public_id)
