"""The OpenAPI document at /schema/, made from the views' own bodies, documents and filters."""

from collections.abc import Sequence
from functools import cache
from typing import Any

from django_filters import BooleanFilter
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiParameter, inline_serializer
from rest_framework import serializers

from api import idempotency
from api.documents import LinksField
from api.filters import MomentFilter, ValueFilter, api_name
from api.middleware import is_portal
from api.parsing import MEDIA_TYPES
from api.root import RootView

_PAGING = [
    ("limit", "integer", "Rows of a page, 1 to 100. Offset form: 20, cursor form: 100 where it is left out."),
    ("offset", "integer", "Rows to skip; offset form."),
    ("sort", "string", "`field,asc` or `field,desc`."),
    ("after_cursor", "string", "Id of the row that the page follows; cursor form."),
    ("before_cursor", "string", "Id of the row that the page precedes; cursor form."),
]

_KEY = "Of your choice, 1 to 255 printable characters: the same request under the same key is carried out once."

_ERROR = {
    "type": "object",
    "required": ["total", "_embedded"],
    "properties": {
        "total": {"type": "integer"},
        "_embedded": {
            "type": "object",
            "required": ["errors"],
            "properties": {
                "errors": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "required": ["logref", "code", "message", "_links"],
                        "properties": {
                            "logref": {"type": "string"},
                            "code": {"type": "string"},
                            "message": {"type": "string"},
                            "field": {"type": "string", "description": "Dotted path of the refused member."},
                            "permission": {"type": "string", "description": "The permission that is missing."},
                            "failure_code": {"type": "string", "description": "Why a payment failed."},
                            "failure_message": {"type": "string", "description": "The same for a person."},
                            "transfer": {"type": "string", "description": "The transfer, which exists as FAILED."},
                            "authorization": {
                                "type": "string",
                                "description": "The authorization: it exists as FAILED, or is held as before.",
                            },
                            "_links": {"type": "object"},
                        },
                    },
                }
            },
        },
    },
}

_OF_ACTS_AT_A_PROVIDER = {
    "402": "Declined, or certainly not executed by the provider; `failure_code` tells why.",
}
_ASK_A_PROVIDER = frozenset(
    {
        ("POST", "/authorizations"),
        ("PUT", "/authorizations/{id}"),
        ("POST", "/transfers"),
        ("POST", "/transfers/{transfer}/reversals"),
        ("POST", "/payment_instruments"),
        ("PUT", "/payment_instruments/{id}"),
        ("POST", "/applications/{application}/tokens"),
    }
)

_OF_WRITES = {
    "409": "The first request under this idempotency key is still being carried out.",
}
_OF_REMOVALS = {
    "409": "Something that is to be removed is not there; nothing was removed.",
}

_COMMON = {
    "400": "The request cannot be read, or a query parameter is wrong.",
    "401": "No, unknown or wrong credentials.",
    "403": "In sight, but not allowed; `permission` names what is missing.",
    "404": "Absent, or out of sight.",
    "405": "Wrong method.",
    "406": "No documented media type is accepted.",
    "413": "The body is larger than 256 kB.",
    "415": "Not one of the documented media types, or not UTF-8.",
    "422": "A member is refused, or the act is out of order.",
    "429": "Too many requests.",
    "500": "Our fault; `logref` tells us what.",
    "503": "Not available right now.",
}


class ContractSchema(AutoSchema):
    """Reads what our base views declare: `bodies`, `document_class`, `filter_class`, `embedded_key`, and `answers`
    for methods that answer another document.
    """

    view: Any

    def get_tags(self) -> list[str]:
        return [getattr(self.view, "tag", None) or self.path.strip("/").partition("/")[0] or "root"]

    def get_operation_id(self) -> str:
        parts = [part.strip("{}") for part in self.path.strip("/").split("/") if part]
        return "_".join([self.method.lower(), *(parts or ["root"])])

    def get_description(self) -> str:  # type: ignore[override]  # as drf-spectacular calls it
        handler = getattr(self.view, self.view.action_map[self.method.lower()], None) if self._is_resource() else None
        return (getattr(handler, "__doc__", None) or type(self.view).__doc__ or "").strip()

    def get_request_serializer(self) -> Any:
        return getattr(self.view, "bodies", {}).get(self.method)

    def map_parsers(self) -> list[str]:
        return sorted(MEDIA_TYPES)

    def _get_request_body(self, direction: Any = "request") -> Any:
        """A DELETE may name what is removed in its body; the library describes bodies of other methods only."""
        body = self.get_request_serializer()
        if self.method != "DELETE" or body is None:
            return super()._get_request_body(direction)  # type: ignore[no-untyped-call]  # the library's
        schema, _ = self._get_request_for_media_type(body, direction)  # type: ignore[no-untyped-call]  # the same
        return {"content": {kind: {"schema": schema} for kind in self.map_parsers()}, "required": True}

    def get_response_serializers(self) -> Any:
        if self.method == "DELETE":
            return {204: None}
        document = getattr(self.view, "answers", {}).get(self.method) or getattr(self.view, "document_class", None)
        if self._is_resource() and getattr(self.view, "action", "") == "list" and document is not None:
            return {200: _envelope(document, self.view.embedded_key)}
        is_creation = self.method == "POST" and getattr(self.view, "action", "") != "update"
        status = 201 if is_creation else 200
        return {status: document if document is not None else _OnlyLinks()}

    def get_override_parameters(self) -> list[Any]:
        if self.method in idempotency.METHODS:
            return [OpenApiParameter(idempotency.HEADER, str, OpenApiParameter.HEADER, description=_KEY)]
        if not (self._is_resource() and getattr(self.view, "action", "") == "list"):
            return []
        kinds: dict[str, Any] = {"integer": int, "string": str}
        paging = [OpenApiParameter(name, kinds[kind], description=text) for name, kind, text in _PAGING]
        filters = [
            OpenApiParameter(api_name(name), str, description=_explain(found))
            for name, found in self.view.filter_class.base_filters.items()
        ]
        return paging + filters

    def get_filter_backends(self) -> list[Any]:
        return []

    def _is_list_view(self, serializer: Any = None) -> bool:
        del serializer
        return False  # lists are envelopes that we describe ourselves

    def _is_resource(self) -> bool:
        return hasattr(self.view, "action_map") and self.method.lower() in (self.view.action_map or {})


class _OnlyLinks(serializers.Serializer[Any]):
    _links = LinksField()


class _Page(serializers.Serializer[Any]):
    """Offset form: `offset`, `limit` and `count`. Cursor form: `limit`, and `next_cursor` while there is more."""

    offset = serializers.IntegerField(required=False)
    limit = serializers.IntegerField()
    count = serializers.IntegerField(required=False)
    next_cursor = serializers.CharField(required=False)


@cache
def _envelope(document: type[serializers.Serializer[Any]], key: str) -> Any:
    return inline_serializer(
        name=f"{document.__name__}List",
        fields={
            "_embedded": inline_serializer(name=f"{document.__name__}Rows", fields={key: document(many=True)}),
            "_links": LinksField(),
            "page": _Page(),
        },
    )


def only_the_contract(endpoints: Sequence[tuple[str, str, str, Any]]) -> list[tuple[str, str, str, Any]]:
    """Leave the portal and the service routes out of the document; the root, behind the front door, belongs into it."""
    services = {"/schema", "/healthz", "/readyz"}
    found = [endpoint for endpoint in endpoints if not is_portal(endpoint[0]) and endpoint[0] not in services]
    return [("/", "^/$", "GET", RootView.as_view()), *found]


def declare_common_answers(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """Every operation may answer with the one error body."""
    result.setdefault("components", {}).setdefault("schemas", {})["Error"] = _ERROR
    content = {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}
    for path, operations in result["paths"].items():
        for method, operation in operations.items():
            for status, text in _answers(path, method.upper()).items():
                operation["responses"].setdefault(status, {"description": text, "content": content})
    return result


def _answers(path: str, method: str) -> dict[str, str]:
    """What any operation may answer, and what one of this method at this path may answer besides."""
    of_its_method = _OF_REMOVALS if method == "DELETE" else {}
    of_its_method |= _OF_WRITES if method in idempotency.METHODS else {}
    of_its_act = _OF_ACTS_AT_A_PROVIDER if (method, path) in _ASK_A_PROVIDER else {}
    return _COMMON | of_its_method | of_its_act


def _explain(found: Any) -> str:
    if isinstance(found, MomentFilter):
        return "A UTC date or moment."
    if isinstance(found, ValueFilter):
        return f"One of ALL, {', '.join(found.extra['values'])}; any case."
    return "true or false" if isinstance(found, BooleanFilter) else "Text."
