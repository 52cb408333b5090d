"""What every page of the portal shows besides its own content."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from portal.navigation import navigation_for
from tenancy.roles import Role


def portal(request: HttpRequest) -> dict[str, Any]:
    """The environment, and for somebody signed in the navigation with its current entry."""
    actor = getattr(request, "portal_actor", None)
    section = getattr(request, "portal_section", None)
    return {
        "environment": settings.ENVIRONMENT,
        "second_factor_off": not settings.REQUIRE_SECOND_FACTOR,
        "actor": actor,
        "role": actor.role.label if actor else "",
        "shows_documents": actor is not None and actor.role != Role.MERCHANT,  # for who writes programs
        "navigation": SimpleLazyObject(lambda: navigation_for(actor, section) if actor else []),  # parts have none
    }
