"""`GET /`: where a client begins."""

from typing import ClassVar

from rest_framework.request import Request
from rest_framework.response import Response

from api.documents import base_url
from api.views import ApiView
from tenancy.roles import Permission

_rels: dict[str, tuple[str, Permission | None]] = {}


def register_root_link(rel: str, path: str, *, permission: Permission | None = None) -> None:
    """Name a list at the root; the app that owns the list does it. With a permission only to those who have it."""
    _rels[rel] = (path, permission)


class RootView(ApiView):
    """Links to the lists that this installation serves."""

    permissions: ClassVar = {}
    tag = "root"

    def get(self, request: Request) -> Response:
        base = base_url(request)
        links = {
            rel: {"href": base + path}
            for rel, (path, permission) in sorted(_rels.items())
            if permission is None or self.actor.may(permission)
        }
        return Response({"_links": {"self": {"href": f"{base}/"}, **links}})
