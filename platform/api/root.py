"""`GET /`: where a client begins."""

from typing import ClassVar

from rest_framework.request import Request
from rest_framework.response import Response

from api.documents import base_url
from api.views import ApiView

_rels: dict[str, str] = {}


def register_root_link(rel: str, path: str) -> None:
    """Name a list at the root; the app that owns the list does it."""
    _rels[rel] = path


class RootView(ApiView):
    """Links to the lists that this installation serves."""

    permissions: ClassVar = {}
    tag = "root"

    def get(self, request: Request) -> Response:
        base = base_url(request)
        links = {rel: {"href": base + path} for rel, path in sorted(_rels.items())}
        return Response({"_links": {"self": {"href": f"{base}/"}, **links}})
