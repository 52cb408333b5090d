"""HAL documents: what a resource shows, and the links that each app adds to it.

An upper app registers links and members of its own on a lower app's resource; they are there only once that app is.
"""

from collections.abc import Callable
from typing import Any

from django.conf import settings
from rest_framework import serializers

from resources.models import Resource
from resources.timestamps import format_moment

AnyField = serializers.Field[Any, Any, Any, Any]
PathOf = Callable[[Any], str | None]
MemberOf = Callable[[Any], Any]

_links: dict[str, dict[str, PathOf]] = {}
_members: dict[str, dict[str, tuple[AnyField, MemberOf]]] = {}


def register_link(kind: str, rel: str, path_of: PathOf) -> None:
    """Add a link to every document of a kind. `path_of` takes the row; a link whose path is None is left out."""
    _links.setdefault(kind, {})[rel] = path_of


def register_member(kind: str, name: str, field: AnyField, value_of: MemberOf) -> None:
    """Add a member to every document of a kind. `field` describes it in the OpenAPI document."""
    _members.setdefault(kind, {})[name] = (field, value_of)


def links_of(resource: Resource, base: str) -> dict[str, dict[str, str]]:
    """The `_links` of a document; `base` is scheme and host, without a slash at the end."""
    registered = _links.get(resource.KIND, {})
    paths = {rel: registered[rel](resource) for rel in sorted(registered, key=_is_not_self)}
    return {rel: {"href": base + path} for rel, path in paths.items() if path is not None}


def _is_not_self(rel: str) -> bool:
    """Sorts a document's own link before those that apps have added, in the order in which they did."""
    return rel != "self"


def base_url(request: Any) -> str:
    """Scheme and host of a request, PUBLIC_URL where there is none."""
    return f"{request.scheme}://{request.get_host()}" if request is not None else settings.PUBLIC_URL


class MomentField(serializers.DateTimeField):
    """A moment in the documented form."""

    def to_representation(self, value: Any) -> str:
        return format_moment(value)


class LinksField(serializers.Field[Any, Any, Any, Any]):
    """`_links` of the row."""

    def __init__(self) -> None:
        super().__init__(source="*", read_only=True)

    def to_representation(self, value: Resource) -> dict[str, dict[str, str]]:
        return links_of(value, base_url(self.context.get("request")))


class DocumentSerializer(serializers.Serializer[Any]):
    """The base of what the API shows of a resource: id, its own members, registered ones, tags, moments, links."""

    kind: str

    def get_fields(self) -> dict[str, AnyField]:
        own = super().get_fields()
        registered = {name: field for name, (field, _) in _members.get(self.kind, {}).items()}
        frame_before = {"id": serializers.CharField(source="public_id", read_only=True)}
        frame_after = {
            "created_at": MomentField(read_only=True),
            "updated_at": MomentField(read_only=True),
            "_links": LinksField(),
        }
        return {**frame_before, **own, **registered, **frame_after}

    def to_representation(self, instance: Resource) -> dict[str, Any]:
        registered = _members.get(self.kind, {})
        document = {}
        for name, field in self.fields.items():
            if name in registered:
                document[name] = registered[name][1](instance)
                continue
            value = field.get_attribute(instance)
            document[name] = None if value is None else field.to_representation(value)
        return document


class PublicIdField(serializers.CharField):
    """The id of a related row, from its key alone: no join, no query."""

    def __init__(self, related: type[Resource], **options: Any) -> None:
        super().__init__(read_only=True, **options)
        self.related = related

    def to_representation(self, value: Any) -> str:
        from resources import ids  # noqa: PLC0415

        return ids.public_id(self.related.PREFIX, value)
