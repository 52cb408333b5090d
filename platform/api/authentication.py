"""HTTP Basic with an API user's id and secret. Cookies are ignored here, as Basic is in the portal."""

import base64
import binascii

from django.utils import timezone
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from api import limits
from tenancy.actors import Actor
from tenancy.origins import origin_of
from tenancy.services import authenticate_api_user, record_denial
from vault.secret import Secret


class ApiUserAuthentication(BaseAuthentication):
    """Sets `request.actor`. Wrong secrets are counted per user id and address; the eleventh in a minute is 429."""

    def authenticate(self, request: Request) -> tuple[Actor, None] | None:
        header = request.META.get("HTTP_AUTHORIZATION", "")
        scheme, _, encoded = header.partition(" ")
        if not header:
            return None
        if scheme.lower() != "basic":
            raise AuthenticationFailed
        user_id, secret = _decode(encoded)
        origin = origin_of(request)
        actor = authenticate_api_user(user_id=user_id, secret=secret, origin=origin)
        if actor is None:
            limits.admit_wrong_secret(user_id, origin.address)
            record_denial("log_in", reason="wrong API credentials", at=timezone.now(), origin=origin, name=user_id)
            raise AuthenticationFailed
        is_write = request.method not in {"GET", "HEAD", "OPTIONS"}
        limits.admit_request(actor, user_id=user_id, address=origin.address, is_write=is_write)
        request._request.actor = actor  # type: ignore[attr-defined]  # noqa: SLF001 - seen by middleware and handlers
        request.actor = actor  # type: ignore[attr-defined]
        return actor, None

    def authenticate_header(self, _request: Request) -> str:
        return 'Basic realm="Merchantry"'


def _decode(encoded: str) -> tuple[str, Secret]:
    try:
        text = base64.b64decode(encoded.strip(), validate=True).decode()
    except (binascii.Error, ValueError) as error:
        raise AuthenticationFailed from error
    user_id, colon, secret = text.partition(":")
    if not colon or "\x00" in text:
        raise AuthenticationFailed
    return user_id[:64], Secret(secret)
