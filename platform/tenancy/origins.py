"""Where a request comes from."""

import ipaddress
from typing import Any

from django.conf import settings

from tenancy.actors import Actor, Origin


def origin_of(request: Any) -> Origin:
    """Address, browser and request id. Forwarded addresses count only as far as our own proxies wrote them."""
    return Origin(
        address=client_address(request),
        browser=request.META.get("HTTP_USER_AGENT", "").replace("\x00", "")[:200],
        request_id=getattr(request, "request_id", ""),
    )


def client_address(request: Any) -> str | None:
    text = request.META.get("REMOTE_ADDR", "")
    if settings.TRUSTED_PROXY_COUNT:
        chain = [part.strip() for part in request.META.get("HTTP_X_FORWARDED_FOR", "").split(",") if part.strip()]
        text = chain[-settings.TRUSTED_PROXY_COUNT] if len(chain) >= settings.TRUSTED_PROXY_COUNT else text
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return None


def actor_of(request: Any) -> Actor | None:
    """The actor that authentication found; None for a stranger."""
    actor: Actor | None = getattr(request, "actor", None)
    return actor
