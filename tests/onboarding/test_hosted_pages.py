"""What `/forms/` answers: headers that let partners' pages use it, and nothing of a session."""

import pytest
from django.contrib.sessions.backends.db import SessionStore
from django.http import HttpResponse
from django.test import Client, override_settings

from onboarding.hosted.fields import FIELDS

FRAME_POLICY = {
    "default-src": "'none'", "script-src": "'self'", "style-src": "'self'", "font-src": "'self'",
    "connect-src": "'self'", "form-action": "'none'", "base-uri": "'none'", "object-src": "'none'",
    "require-trusted-types-for": "'script'",
}  # fmt: skip


def policy_of(answer: HttpResponse) -> dict[str, str]:
    directives = (part.strip().partition(" ") for part in answer["Content-Security-Policy"].split(";"))
    return {name: value for name, _, value in directives}


@pytest.mark.parametrize("kind", FIELDS)
def test_frame_may_be_embedded_anywhere_and_loads_from_us_alone(client: Client, kind: str) -> None:
    answer = client.get(f"/forms/fields/{kind}")

    assert answer.status_code == 200
    assert policy_of(answer) == FRAME_POLICY
    assert "X-Frame-Options" not in answer
    assert answer["Cross-Origin-Resource-Policy"] == "cross-origin"
    assert answer["Cross-Origin-Embedder-Policy"] == "require-corp"
    assert [answer[name] for name in ("Cache-Control", "X-Content-Type-Options")] == ["no-store", "nosniff"]
    page = answer.content.decode()
    assert f'data-kind="{kind}"' in page
    assert not any(word in page for word in ("style=", "<style", "onload", "javascript:"))


def test_library_is_for_every_origin_and_asked_for_again_by_its_version(client: Client) -> None:
    first = client.get("/forms/finix.js")
    again = client.get("/forms/finix.js", headers={"If-None-Match": first["ETag"]})
    head = client.head("/forms/finix.js")

    assert (first.status_code, again.status_code, head.status_code) == (200, 304, 200)
    assert first["Content-Type"] == "text/javascript; charset=utf-8"
    assert first["Cross-Origin-Resource-Policy"] == again["Cross-Origin-Resource-Policy"] == "cross-origin"
    assert first["Access-Control-Allow-Origin"] == "*"
    assert first["Cache-Control"] == again["Cache-Control"] == "public, max-age=3600, must-revalidate"
    assert "X-Frame-Options" not in first
    assert "frame-ancestors" not in policy_of(first)
    assert b"PaymentForm" in first.content
    assert head.content == b""


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/forms/finix.js", "/forms/fields/number", "/forms/demo/"])
def test_no_cookie_is_read_or_set(client: Client, path: str) -> None:
    session = SessionStore()
    session["seen"] = "yes"
    session.create()
    client.cookies["merchantry-session"] = client.cookies["__Host-session"] = str(session.session_key)

    answer = client.get(path)

    assert answer.cookies == {}
    assert "Cookie" not in answer.get("Vary", "")


@pytest.mark.parametrize("path", ["/forms/demo/", "/forms/nothing", "/forms/fields/cvv", "/dashboard/account/login/"])
def test_every_other_page_refuses_to_be_framed(client: Client, path: str) -> None:
    answer = client.get(path)

    assert policy_of(answer)["frame-ancestors"] == "'none'"
    assert answer["X-Frame-Options"] == "DENY"
    assert answer["Cross-Origin-Resource-Policy"] == "same-origin"


@pytest.mark.parametrize("path", ["fields/cvv", "fields/number/x", "fields/", "nothing", "fields/..%2fdemo"])
def test_unknown_address_is_a_page_that_says_so(client: Client, path: str) -> None:
    answer = client.get(f"/forms/{path}")

    assert answer.status_code == 404
    assert answer["Content-Type"].startswith("text/html")


@pytest.mark.parametrize("path", ["finix.js", "fields/number", "demo/"])
def test_nothing_is_taken_by_post(client: Client, path: str) -> None:
    assert client.post(f"/forms/{path}", {"number": "x"}).status_code == 405


def test_frames_query_no_database(client: Client) -> None:
    # No mark lets this test near a database: a query would be an error.
    assert client.get("/forms/fields/address.country").content.count(b"<option") > 200


@override_settings(IS_LIVE=True, ENVIRONMENT="live")
def test_live_has_no_demonstration_but_says_what_it_is(client: Client) -> None:
    assert client.get("/forms/demo/").status_code == 404
    assert 'data-environment="live"' in client.get("/forms/fields/number").content.decode()


def test_demonstration_asks_for_an_application(client: Client) -> None:
    asking = client.get("/forms/demo/").content.decode()
    refusing = client.get("/forms/demo/?application=%3Cb%3Ex").content.decode()
    showing = client.get("/forms/demo/?application=APgPDQrLD52TYvqazjHJJchM").content.decode()

    assert 'name="application"' in asking
    assert "finix.js" not in asking
    assert "Is no application id: it begins with AP." in refusing
    assert "<b>x" not in refusing
    assert 'data-application="APgPDQrLD52TYvqazjHJJchM"' in showing
