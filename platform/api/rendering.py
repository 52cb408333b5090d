"""JSON answers under the media type that the caller asked for."""

from collections.abc import Iterable

from rest_framework.exceptions import NotAcceptable
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.parsers import BaseParser
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request

from api.parsing import MEDIA_TYPES


class HALRenderer(JSONRenderer):
    """`application/json` unless `Accept` names another of the documented types. UTF-8, without a charset parameter."""

    media_type = "application/json"
    charset = None


class LenientNegotiation(BaseContentNegotiation):
    """The first documented media type of `Accept`; a wildcard or no header is JSON; anything else 406."""

    def select_parser(self, request: Request, parsers: Iterable[BaseParser]) -> BaseParser:
        del request
        return next(iter(parsers))

    def select_renderer(
        self, request: Request, renderers: Iterable[BaseRenderer], format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        del format_suffix
        renderer = next(iter(renderers))
        accepted = [
            part.partition(";")[0].strip().lower() for part in request.META.get("HTTP_ACCEPT", "*/*").split(",")
        ]
        found = next((media_type for media_type in accepted if media_type in MEDIA_TYPES), None)
        if found is None and (not any(accepted) or {"*/*", "application/*"} & set(accepted)):
            found = "application/json"
        if found is not None:
            renderer.media_type = found  # of this request's own instance; the answer's Content-Type is read from it
            return renderer, found
        raise NotAcceptable
