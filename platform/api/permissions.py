"""A view names, per method, the permission it needs."""

from typing import Any

from rest_framework.exceptions import NotAuthenticated
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from tenancy.actors import Actor


class HasPermission(BasePermission):
    """Raises NotAuthenticated for strangers and MissingPermission for a role that may not."""

    def has_permission(self, request: Request, view: Any) -> bool:
        actor: Actor | None = getattr(request, "actor", None)
        if actor is None:
            raise NotAuthenticated
        needed = view.permissions.get("GET" if request.method == "HEAD" else request.method)
        if needed is not None:
            actor.require(needed)
        return True
