"""A secret that is shown once, on the page after the one that made it.

It waits in the session, sealed, and is gone when it has been shown; so reloading the form's answer makes nothing anew.
"""

import base64

from django.conf import settings
from django.http import HttpRequest

from vault.keys import KeyRing, UnusableKey
from vault.secret import Secret

_PLACE = "handover"
_AT_MOST = 5


def hand_over(request: HttpRequest, subject: str, secret: Secret) -> None:
    """Keep a secret for the next page about this subject (a public id)."""
    sealed = _ring().seal(secret.reveal(), context=_context(request, subject))
    waiting = request.session.get(_PLACE, {}) | {subject: base64.b64encode(sealed).decode()}
    request.session[_PLACE] = dict(list(waiting.items())[-_AT_MOST:])


def take_over(request: HttpRequest, subject: str) -> Secret | None:
    """The secret, the first time; None ever after."""
    waiting = request.session.get(_PLACE, {})
    sealed = waiting.pop(subject, None)
    if sealed is None:
        return None
    request.session[_PLACE] = waiting
    return _opened(request, subject, sealed)


def look_at(request: HttpRequest, subject: str) -> Secret | None:
    """The secret, left where it is."""
    sealed = request.session.get(_PLACE, {}).get(subject)
    return None if sealed is None else _opened(request, subject, sealed)


def _opened(request: HttpRequest, subject: str, sealed: str) -> Secret | None:
    try:
        return Secret(_ring().unseal(base64.b64decode(sealed), context=_context(request, subject)))
    except UnusableKey:  # sealed before the keys were rotated
        return None


def _context(request: HttpRequest, subject: str) -> str:
    return f"handover:{request.user.pk}:{subject}"


def _ring() -> KeyRing:
    ring: KeyRing = settings.VAULT_KEYS
    return ring
