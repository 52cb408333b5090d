"""What happens before and after any view: paths, queries, negotiation, headers, cookies."""

import io
import json
import re
from typing import Any

import pytest
from django.contrib.sessions.models import Session
from django.http import HttpResponse

from tests.api.conftest import Tenant, errors_of, send
from tests.conftest import ApiClient

POLICY = {
    "default-src": "'none'", "script-src": "'self'", "style-src": "'self'", "img-src": "'self' data:",
    "font-src": "'self'", "connect-src": "'self'", "form-action": "'self'", "frame-ancestors": "'none'",
    "base-uri": "'none'", "object-src": "'none'",
}  # fmt: skip


def assert_headers(answer: HttpResponse) -> None:
    directives = (part.strip().partition(" ") for part in answer["Content-Security-Policy"].split(";"))
    assert {name: value for name, _, value in directives} == POLICY
    names = ("Cache-Control", "X-Content-Type-Options", "X-Frame-Options", "Referrer-Policy")
    assert [answer[name] for name in names] == ["no-store", "nosniff", "DENY", "same-origin"]
    assert answer["Cross-Origin-Resource-Policy"] == answer["Cross-Origin-Opener-Policy"] == "same-origin"
    assert len(answer["x-request-id"]) == 32
    assert answer.cookies == {}


@pytest.mark.parametrize(
    ("method", "path", "meta", "status"),
    [
        ("GET", "/identities", {}, 200),
        ("POST", "/identities", {}, 422),
        ("GET", "/nothing", {}, 404),
        ("GET", "/identities/IDx", {}, 404),
        ("DELETE", "/identities", {}, 405),
        ("GET", "/identities", {"HTTP_ACCEPT": "text/xml"}, 406),
        ("POST", "/identities", {"CONTENT_TYPE": "text/xml"}, 415),
        ("GET", "/identities", {"QUERY_STRING": "x=" + "y" * 9000}, 400),
        ("GET", "/identities", {"HTTP_HOST": "evil.example"}, 400),
        ("GET", "/identities", {"HTTP_AUTHORIZATION": "Basic wrong"}, 401),
        ("GET", "/healthz", {}, 200),
        ("POST", "/", {}, 405),
    ],
)
def test_every_answer_has_the_headers(
    partner: ApiClient, method: str, path: str, meta: dict[str, str], status: int
) -> None:
    answer = send(partner, method, path, b"{}" if method == "POST" else b"", **meta)

    assert answer.status_code == status
    assert_headers(answer)


def test_request_id_is_ours_and_new_each_time(partner: ApiClient) -> None:
    answers = [partner.get("/identities", **{"X-Request-Id": "forged"}) for _ in range(2)]

    ids = {answer["x-request-id"] for answer in answers}
    assert len(ids) == 2
    assert "forged" not in ids


@pytest.mark.parametrize("role", ["partner", "merchant"])
def test_role_of_the_caller_is_told(own: Tenant, role: str) -> None:
    answer = ApiClient(getattr(own, role)).get("/identities")

    assert answer["finix-apiuser-role"] == f"ROLE_{role.upper()}"


def test_role_is_not_told_to_strangers(anonymous: ApiClient, db: None) -> None:
    assert "finix-apiuser-role" not in anonymous.get("/identities").headers


@pytest.mark.parametrize("ending", ["", "/", "//"])
@pytest.mark.parametrize("path", ["/identities", "/identities/{id}"])
def test_both_slash_forms_are_served(partner: ApiClient, own: Tenant, path: str, ending: str) -> None:
    path = path.format(id=own.identity.public_id)

    answer = send(partner, "GET", path + ending)

    assert (answer.status_code, answer.json()) == (200, partner.get(path).json())


def test_create_is_served_with_a_slash(partner: ApiClient) -> None:
    assert partner.post("/identities/", {"entity": {"first_name": "Ann"}}).status_code == 201


def test_encoded_slash_is_decoded_before_routing(admin: ApiClient, own: Tenant) -> None:
    answer = admin.get(f"/applications/{own.application.public_id}%2Fusers")

    assert list(answer.json()["_embedded"]) == ["users"]


@pytest.mark.parametrize(
    "path",
    [
        "/identities/\x00",
        "/identities/\x00/",
        "/identities/%",
        "/identities/\xed\xa0\x80",
        "/identities/ID" + "2" * 4000,
        "/applications/{application}/processors/\x00",
        "/applications/{application}/processors/ß",
        "//[",
        "//evil.example/identities",
        "/identities/../applications",
        "/\x00",
        "/\r\nSet-Cookie: a=b",
        "/IDENTITIES",
        "/identities;a=b",
        "/static_/x",
        "/dashboardx",
    ],
)
def test_odd_path_is_not_found(partner: ApiClient, own: Tenant, path: str) -> None:
    answer = send(partner, "GET", path.format(application=own.application.public_id))

    assert answer.status_code == 404
    (error,) = errors_of(answer)
    assert (error["code"], list(error)) == ("NOT_FOUND", ["code", "message"])
    href = answer.json()["_embedded"]["errors"][0]["_links"]["source"]["href"]
    assert re.fullmatch(r"http://testserver/[!-$&-~]*(%[0-9A-F]{2}[!-$&-~]*)*", href)


@pytest.mark.parametrize(("length", "status"), [(8191, 200), (8192, 200), (8193, 400)])
def test_query_limit(partner: ApiClient, length: int, status: int) -> None:
    answer = send(partner, "GET", "/identities", QUERY_STRING="x=" + "y" * (length - 2))

    assert answer.status_code == status
    if status == 400:
        assert errors_of(answer) == [{"code": "BAD_REQUEST", "message": "The query is longer than 8 kB."}]


def test_query_of_many_fields_is_refused(partner: ApiClient) -> None:
    answer = send(partner, "GET", "/identities", QUERY_STRING="&".join(["a=1"] * 1001))

    assert (answer.status_code, errors_of(answer)[0]["code"]) == (400, "BAD_REQUEST")


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        (None, "application/json"),
        ("", "application/json"),
        ("*/*", "application/json"),
        ("application/*", "application/json"),
        ("application/json", "application/json"),
        ("application/hal+json", "application/hal+json"),
        ("application/vnd.json+api", "application/vnd.json+api"),
        ("application/vnd.api+json", "application/vnd.api+json"),
        ("Application/HAL+JSON", "application/hal+json"),
        ("application/hal+json;q=0.9, text/xml", "application/hal+json"),
        ("text/xml, application/vnd.api+json;version=1", "application/vnd.api+json"),
        ("application/octet-stream, application/json", "application/json"),
        ("text/xml, */*;q=0.1", "application/json"),
    ],
)
def test_accept_chooses_the_media_type(partner: ApiClient, accept: str | None, media_type: str) -> None:
    answer = send(partner, "GET", "/identities", **({} if accept is None else {"HTTP_ACCEPT": accept}))

    assert (answer.status_code, answer["Content-Type"]) == (200, media_type)
    assert list(json.loads(answer.content)) == ["_embedded", "_links", "page"]


@pytest.mark.parametrize("accept", ["text/xml", "text/html", "text/*", "image/png, text/plain", "nonsense", "\x00"])
def test_accept_of_nothing_we_have_is_406_in_json(partner: ApiClient, accept: str) -> None:
    answer = send(partner, "GET", "/identities", HTTP_ACCEPT=accept)

    assert (answer.status_code, answer["Content-Type"]) == (406, "application/json")
    assert errors_of(answer) == [{"code": "NOT_ACCEPTABLE", "message": "Could not satisfy the request Accept header."}]


def test_api_ignores_cookies(partner: ApiClient, anonymous: ApiClient) -> None:
    """A cookie neither lets in, nor makes or renews a session, nor calls for a token against forged forms."""
    for client in (partner, anonymous):
        client.client.cookies["merchantry-session"] = "a" * 32

    answers = [partner.get("/identities"), partner.post("/identities", {"entity": {}}), anonymous.get("/identities")]

    assert [answer.status_code for answer in answers] == [200, 201, 401]
    assert [answer.cookies for answer in answers] == [{}, {}, {}]
    assert Session.objects.count() == 0


@pytest.mark.parametrize(("path", "status"), [("/", 405), ("/identities", 201)])
def test_api_asks_for_no_token_against_forged_forms(partner: ApiClient, path: str, status: int) -> None:
    partner.client.handler.enforce_csrf_checks = True  # as outside of tests

    answer = partner.post(path, {"entity": {}})

    assert (answer.status_code, answer["Content-Type"]) == (status, "application/json")


def test_head_answers_as_get_without_a_body(partner: ApiClient, own: Tenant) -> None:
    path = f"/identities/{own.identity.public_id}"

    answer = partner.request("HEAD", path)

    assert (answer.status_code, answer.content) == (200, b"")
    assert answer["Content-Length"] == str(len(partner.get(path).content))


@pytest.mark.parametrize("method", ["OPTIONS", "TRACE", "PATCH", "DELETE", "FOO"])
def test_method_that_is_not_served_is_405(partner: ApiClient, method: str) -> None:
    answer = send(partner, method, "/identities")

    assert (answer.status_code, answer["Allow"]) == (405, "GET, HEAD, POST")
    message = f'Method "{method}" not allowed.'
    assert errors_of(answer) == [{"code": "METHOD_NOT_ALLOWED", "message": message}]


def chunked(body: bytes, *, input_terminated: bool = True) -> dict[str, Any]:
    """What a server passes on of a body in chunks: no length, and a stream that ends by itself."""
    return {
        "CONTENT_LENGTH": "",
        "HTTP_TRANSFER_ENCODING": "chunked",
        "wsgi.input": io.BytesIO(body),
        "wsgi.input_terminated": input_terminated,
    }


def test_chunked_body_is_read(partner: ApiClient) -> None:
    answer = send(partner, "POST", "/identities", **chunked(b'{"entity": {"first_name": "Ann"}}'))

    assert (answer.status_code, answer.json()["entity"]["first_name"]) == (201, "Ann")


@pytest.mark.parametrize(("length", "status"), [(256 * 1024, 201), (256 * 1024 + 1, 413)])
def test_chunked_body_has_the_limit_of_all_bodies(partner: ApiClient, length: int, status: int) -> None:
    answer = send(partner, "POST", "/identities", **chunked(b'{"entity": {}}'.ljust(length)))

    assert answer.status_code == status
    if status == 413:
        assert errors_of(answer) == [{"code": "PAYLOAD_TOO_LARGE", "message": "The body is larger than 256 kB."}]


def test_chunked_body_whose_end_is_not_told_is_refused(partner: ApiClient) -> None:
    answer = send(partner, "POST", "/identities", **chunked(b"{}", input_terminated=False))

    message = "A body is read by its Content-Length here."
    assert (answer.status_code, errors_of(answer)) == (400, [{"code": "BAD_REQUEST", "message": message}])


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/schema?format=xml", 406, "NOT_ACCEPTABLE"),
        ("POST", "/schema?format=yaml", 405, "METHOD_NOT_ALLOWED"),
    ],
)
def test_error_of_the_schema_is_json(anonymous: ApiClient, method: str, path: str, status: int, code: str) -> None:
    answer = anonymous.request(method, path)

    assert (answer.status_code, answer["Content-Type"]) == (status, "application/json")
    assert [error["code"] for error in errors_of(answer)] == [code]


@pytest.mark.parametrize(
    ("query", "media_type"),
    [("", "application/vnd.oai.openapi"), ("?format=json", "application/vnd.oai.openapi+json")],
)
def test_schema_comes_in_two_formats(anonymous: ApiClient, query: str, media_type: str) -> None:
    answer = anonymous.get(f"/schema{query}")

    assert (answer.status_code, answer["Content-Type"].partition(";")[0]) == (200, media_type)


def test_root_links_what_is_served(partner: ApiClient) -> None:
    answer = partner.get("/")

    lists = (
        "self", "application_profiles", "applications", "authorizations", "identities", "merchant_profiles",
        "merchants", "payment_instruments", "risk_profiles", "settlements", "transfers", "users", "verifications",
    )  # fmt: skip
    hrefs = ["http://testserver/", *(f"http://testserver/{name}" for name in lists[1:])]
    assert answer.json() == {"_links": {rel: {"href": href} for rel, href in zip(lists, hrefs, strict=True)}}


def test_root_sends_browsers_to_the_portal(anonymous: ApiClient, db: None) -> None:
    answer = anonymous.get("/", Accept="text/html,application/xhtml+xml")

    assert (answer.status_code, answer["Location"]) == (302, "/dashboard/")


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:8000"])
def test_links_carry_the_host_of_the_request(partner: ApiClient, own: Tenant, host: str) -> None:
    answer = partner.get(f"/identities/{own.identity.public_id}", Host=host)

    assert answer.json()["_links"]["self"]["href"] == f"http://{host}/identities/{own.identity.public_id}"
