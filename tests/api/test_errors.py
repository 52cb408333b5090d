"""One body for every status, compared whole; and what of a failure reaches the log."""

import logging
from datetime import UTC, datetime
from typing import Any

import pytest
import structlog
import time_machine
from django.http import HttpResponse
from pytest_django import Settings
from rest_framework.exceptions import ErrorDetail

from api.errors import error_body, field_errors
from tests.api.conftest import Tenant, send
from tests.api.urls import NEEDLE
from tests.conftest import ApiClient

HERE = "http://testserver"
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


def assert_body(answer: HttpResponse, status: int, *errors: dict[str, Any], path: str, rel: str = "source") -> None:
    body = answer.json()
    logrefs = [error.pop("logref") for error in body["_embedded"]["errors"]]
    entries = [{**error, "_links": {rel: {"href": HERE + path}}} for error in errors]
    assert (answer.status_code, answer["Content-Type"]) == (status, "application/json")
    assert body == {"total": len(errors), "_embedded": {"errors": entries}}
    assert len(set(logrefs)) == len(errors)
    assert all(len(logref) == 32 for logref in logrefs)


def test_400(partner: ApiClient) -> None:
    answer = partner.get("/identities?limit=0")

    error = {"code": "BAD_REQUEST", "message": "limit is a whole number from 1 to 100.", "field": "limit"}
    assert_body(answer, 400, error, path="/identities")


@pytest.mark.parametrize(
    "header",
    ["", "Bearer x", "Basic", "Basic ", "Basic !!!", "Basic eA==", "Basic AAA6AAA=", "Basic /w==", "Basic VVN4Onk="],
)
def test_401(anonymous: ApiClient, db: None, header: str) -> None:
    answer = send(anonymous, "GET", "/identities", HTTP_AUTHORIZATION=header)

    assert_body(answer, 401, {"code": "UNKNOWN", "message": "Unauthorized"}, path="/identities", rel="self")
    assert answer["WWW-Authenticate"] == 'Basic realm="Merchantry"'


def test_403(own: Tenant) -> None:
    answer = ApiClient(own.merchant).post("/identities", {"entity": {}})

    error = {"code": "FORBIDDEN", "message": "Access is denied", "permission": "identities.manage"}
    assert_body(answer, 403, error, path="/identities")


@pytest.mark.parametrize("sent", ["IDnothing", "ID" + "2" * 22, "nonsense", "APx"])
def test_404_of_an_id_echoes_it(partner: ApiClient, sent: str) -> None:
    answer = partner.get(f"/identities/{sent}")

    assert_body(answer, 404, {"code": "NOT_FOUND", "message": f"`{sent}` was not found"}, path=f"/identities/{sent}")


def test_404_of_a_path_names_it(anonymous: ApiClient, db: None) -> None:
    answer = anonymous.get("/no/such/path")

    assert_body(answer, 404, {"code": "NOT_FOUND", "message": "`/no/such/path` was not found"}, path="/no/such/path")


def test_405(partner: ApiClient) -> None:
    answer = partner.put("/identities", {})

    assert_body(answer, 405, {"code": "METHOD_NOT_ALLOWED", "message": 'Method "PUT" not allowed.'}, path="/identities")


def test_406(partner: ApiClient) -> None:
    answer = partner.get("/identities", Accept="text/xml")

    error = {"code": "NOT_ACCEPTABLE", "message": "Could not satisfy the request Accept header."}
    assert_body(answer, 406, error, path="/identities")


def test_413(partner: ApiClient) -> None:
    answer = partner.post("/identities", b" " * (256 * 1024 + 1))

    error = {"code": "PAYLOAD_TOO_LARGE", "message": "The body is larger than 256 kB."}
    assert_body(answer, 413, error, path="/identities")


def test_415(partner: ApiClient) -> None:
    answer = partner.post("/identities", b"a=1", Content_Type="application/x-www-form-urlencoded")

    message = 'Unsupported media type "application/x-www-form-urlencoded" in request.'
    assert_body(answer, 415, {"code": "UNSUPPORTED_MEDIA_TYPE", "message": message}, path="/identities")


def test_422_has_one_entry_per_refused_member(partner: ApiClient) -> None:
    entity = {"email": "no", "first_name": 1, "dob": {"day": 1.5}, "personal_address": {"country": "USAX"}}

    answer = partner.post("/identities", {"entity": entity, "tags": {"a": 1}})

    refused = [
        ("Must be text", "entity.first_name"),
        ("Must be an e-mail address", "entity.email"),
        ("Ensure this field has no more than 3 characters.", "entity.personal_address.country"),
        ("Must be a whole number", "entity.dob.day"),
        ("This field may not be null.", "entity.dob.month"),
        ("This field may not be null.", "entity.dob.year"),
        ("Must be text", "tags.a"),
    ]
    errors = [{"code": "INVALID_FIELD", "message": message, "field": field} for message, field in refused]
    assert_body(answer, 422, *errors, path="/identities")
    assert answer.reason_phrase == "Unprocessable Entity"


def test_429(partner: ApiClient, settings: Settings) -> None:
    settings.API_REQUESTS_PER_SECOND = 1
    with time_machine.travel(NOON, tick=False):
        assert partner.get("/identities").status_code == 200

        answer = partner.get("/identities")

    error = {"code": "TOO_MANY_REQUESTS", "message": "Too many requests; try again later."}
    assert_body(answer, 429, error, path="/identities")
    assert answer["Retry-After"] == "1"


SERVER_ERROR = {"code": "SERVER_ERROR", "message": "Something went wrong on our side. The logref tells us what."}
UNAVAILABLE = {
    "code": "SERVICE_UNAVAILABLE",
    "message": "The service is not available right now; try again in a moment.",
}


@pytest.mark.urls("tests.api.urls")
@pytest.mark.parametrize("path", ["/failing", "/plain"])
@pytest.mark.parametrize(
    ("kind", "status", "error"),
    [
        ("unexpected", 500, SERVER_ERROR),
        ("data", 500, SERVER_ERROR),
        ("database-away", 503, UNAVAILABLE),
        ("connection-lost", 503, UNAVAILABLE),
        ("not-permitted", 403, {"code": "FORBIDDEN", "message": "Access is denied"}),
        ("broken-off", 400, {"code": "BAD_REQUEST", "message": "The request cannot be read"}),
    ],
)
def test_whatever_a_view_raises_is_the_one_body(
    partner: ApiClient, path: str, kind: str, status: int, error: dict[str, str]
) -> None:
    answer = partner.get(f"{path}/{kind}")

    assert_body(answer, status, error, path=f"{path}/{kind}")
    assert answer.headers.get("Retry-After") == ("1" if status == 503 else None)
    assert NEEDLE not in str(answer.content) + str(answer.headers)


@pytest.mark.urls("tests.api.urls")
@pytest.mark.parametrize("kind", ["unexpected", "data", "database-away"])
def test_failure_is_logged_under_its_logref_without_its_text(
    partner: ApiClient, caplog: pytest.LogCaptureFixture, kind: str
) -> None:
    answer = partner.get(f"/failing/{kind}")

    (record,) = [record for record in caplog.records if record.name == "api.errors"]
    line = formatted(record)
    assert answer.json()["_embedded"]["errors"][0]["logref"] in line
    assert "failing/<str:kind>" in line
    assert f"/failing/{kind}" not in line  # what stands in a path is the caller's
    assert "urls.py" in line  # where it happened is told
    assert not [record for record in caplog.records if NEEDLE in formatted(record)]


def test_refusals_of_the_caller_are_not_logged_as_failures(
    partner: ApiClient, caplog: pytest.LogCaptureFixture
) -> None:
    for path in ("/nothing", "/identities/IDx", "/identities?limit=x"):
        partner.get(path)

    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []


def test_host_that_is_not_ours_is_refused_without_echo(partner: ApiClient) -> None:
    answer = partner.get("/identities", Host="evil.example")

    body = answer.json()
    assert (answer.status_code, body["_embedded"]["errors"][0].pop("logref").isalnum()) == (400, True)
    error = {
        "code": "BAD_REQUEST",
        "message": "The request cannot be read",
        "_links": {"source": {"href": "/identities"}},
    }
    assert body == {"total": 1, "_embedded": {"errors": [error]}}


@pytest.mark.parametrize(
    "name", ["X-Forwarded-Host", "X-Forwarded-Proto", "Forwarded", "X-Original-Url", "X-Rewrite-Url"]
)
def test_headers_of_proxies_we_do_not_have_change_nothing(partner: ApiClient, own: Tenant, name: str) -> None:
    path = f"/identities/{own.identity.public_id}"

    answer = partner.get(path, **{name: "https"})

    assert answer.json() == partner.get(path).json()


def test_logref_is_new_each_time() -> None:
    bodies = [error_body([{"code": "A"}, {"code": "B"}], path="/") for _ in range(50)]

    logrefs = [error["logref"] for body in bodies for error in body["_embedded"]["errors"]]
    assert len(set(logrefs)) == 100


def test_nested_refusals_become_dotted_paths() -> None:
    detail = {
        "a": [ErrorDetail("one"), ErrorDetail("two")],
        "b": {"c": {"d": ["three"]}, "non_field_errors": ["four"]},
        "e": [{}, {"f": ["five"]}],
        "non_field_errors": ["six"],
    }

    found = [(error.field, str(error)) for error in field_errors(detail)]

    assert found == [("a", "one"), ("a", "two"), ("b.c.d", "three"), ("b", "four"), ("e.1.f", "five"), ("", "six")]


def formatted(record: logging.LogRecord) -> str:
    """The line as our own handler writes it."""
    for handler in logging.getLogger().handlers:
        if isinstance(handler.formatter, structlog.stdlib.ProcessorFormatter):
            return handler.formatter.format(record)
    raise AssertionError("Our formatter is not in place")
