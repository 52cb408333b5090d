"""What strangers' pages load from us. The headers differ from every other page's: these may be framed from anywhere."""

import hashlib
import re
from functools import cache
from pathlib import Path

from csp.constants import NONE, SELF
from csp.decorators import csp, csp_update
from django.conf import settings
from django.contrib.staticfiles import finders
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.cache import get_conditional_response
from django.views.decorators.clickjacking import xframe_options_exempt
from django.views.decorators.http import require_safe

from api.documents import base_url
from onboarding.hosted.fields import FIELDS

_APPLICATION_ID = re.compile(r"AP[1-9A-Za-z]{1,40}")

# A page that asks for isolation (COEP) loads only what says that it may be loaded from elsewhere.
_FOR_OTHER_ORIGINS = {"Cross-Origin-Resource-Policy": "cross-origin"}


@cache
def _script() -> bytes:
    path = finders.find("forms/finix.js")
    if not isinstance(path, str):
        raise FileNotFoundError("forms/finix.js")  # a broken installation
    return Path(path).read_bytes()


def _version() -> str:
    return f'"{hashlib.sha256(_script()).hexdigest()[:32]}"'


@require_safe
@xframe_options_exempt
@csp({"default-src": [NONE]})
def library(request: HttpRequest) -> HttpResponse:
    """The library, under the same address for good, so browsers ask again every hour."""
    whole = HttpResponse(_script(), content_type="text/javascript; charset=utf-8", headers={"ETag": _version()})
    response = get_conditional_response(request, etag=_version(), response=whole) or whole
    for name, value in _FOR_OTHER_ORIGINS.items():
        response[name] = value
    response["Access-Control-Allow-Origin"] = "*"
    response["Cache-Control"] = "public, max-age=3600, must-revalidate"
    return response


@require_safe
@xframe_options_exempt
@csp(  # type: ignore[arg-type]  # its types know no view with parameters
    {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [NONE],
        "base-uri": [NONE],
        "object-src": [NONE],
        "require-trusted-types-for": ["'script'"],
    }
)
def field(request: HttpRequest, kind: str) -> HttpResponse:
    """The document of one frame. Whoever embeds it tells it the rest by messages."""
    del request
    if kind not in FIELDS:
        raise Http404
    spec = FIELDS[kind]
    context = {
        "kind": kind,
        "field": spec,
        "choices": spec.choices() if spec.choices else None,
        "environment": settings.ENVIRONMENT,
    }
    headers = _FOR_OTHER_ORIGINS | {
        "Cross-Origin-Embedder-Policy": "require-corp",
        "Cache-Control": "no-store",
        "Referrer-Policy": "no-referrer",
    }
    return HttpResponse(render_to_string("forms/field.html", context), headers=headers)


@require_safe
@csp_update({"frame-src": [SELF]})
def demo(request: HttpRequest) -> HttpResponse:
    """A checkout that uses the library as a partner's page would. Not in live installations."""
    if settings.IS_LIVE:
        raise Http404
    told = request.GET.get("application", "").strip()
    is_an_id = _APPLICATION_ID.fullmatch(told) is not None
    context = {
        "application": told if is_an_id else "",
        "told": told,
        "error": "Is no application id: it begins with AP." if told and not is_an_id else "",
        "home": base_url(request),
        "library": reverse("hosted:library"),
    }
    return render(request, "forms/demo.html", context)
