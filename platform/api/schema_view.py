"""`GET /schema/`."""

from typing import Any

from drf_spectacular.views import SpectacularAPIView
from rest_framework.negotiation import DefaultContentNegotiation


class FormatInQuery(DefaultContentNegotiation):
    """`?format=json` or `yaml` comes before `Accept`."""

    def select_renderer(self, request: Any, renderers: Any, format_suffix: str | None = None) -> tuple[Any, str]:
        found: tuple[Any, str] = super().select_renderer(
            request, renderers, format_suffix or request.query_params.get("format")
        )
        return found


class SchemaView(SpectacularAPIView):
    """The OpenAPI document, as YAML or JSON by `Accept` or `?format=`; public, like the documentation it is."""

    content_negotiation_class = FormatInQuery
