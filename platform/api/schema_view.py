"""`GET /schema/`."""

from typing import Any

from django.http import Http404
from drf_spectacular.views import SpectacularAPIView
from rest_framework.exceptions import NotAcceptable
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.response import Response

from api.rendering import HALRenderer


class FormatInQuery(DefaultContentNegotiation):
    """`?format=json` or `yaml` comes before `Accept`."""

    def select_renderer(self, request: Any, renderers: Any, format_suffix: str | None = None) -> tuple[Any, str]:
        try:
            found: tuple[Any, str] = super().select_renderer(
                request, renderers, format_suffix or request.query_params.get("format")
            )
        except Http404 as error:
            raise NotAcceptable("The schema comes as yaml or json.") from error
        return found


class SchemaView(SpectacularAPIView):
    """The OpenAPI document, as YAML or JSON by `Accept` or `?format=`; public, like the documentation it is."""

    content_negotiation_class = FormatInQuery

    def handle_exception(self, exc: Exception) -> Response:
        """An error is JSON, whatever the document would have been."""
        self.request.accepted_renderer, self.request.accepted_media_type = HALRenderer(), HALRenderer.media_type
        return super().handle_exception(exc)
