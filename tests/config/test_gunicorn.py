"""What the web server itself decides: its limits, its refusals, whom it believes."""

import http.client
import json
import socket
from collections.abc import Iterator

import pytest

from tests.calls import HttpClient
from tests.stack import Stack

pytestmark = pytest.mark.stack


@pytest.fixture
def headers(stack: Stack) -> dict[str, str]:
    return HttpClient(stack, "PARTNER").headers


@pytest.fixture
def connection(stack: Stack) -> Iterator[http.client.HTTPConnection]:
    connection = http.client.HTTPConnection("127.0.0.1", stack.port, timeout=10)
    yield connection
    connection.close()


def raw(stack: Stack, request: bytes) -> tuple[str, dict[str, str], bytes]:
    """Status line, headers and body of the answer to bytes that no client would send."""
    with socket.create_connection(("127.0.0.1", stack.port), timeout=10) as wire:
        wire.sendall(request)
        answer = http.client.HTTPResponse(wire)
        answer.begin()
        return f"{answer.status} {answer.reason}", dict(answer.headers), answer.read()


def errors_of(body: bytes) -> list[tuple[str, str]]:
    document = json.loads(body)
    errors = document["_embedded"]["errors"]
    assert document["total"] == len(errors)
    return [(error["code"], error["message"]) for error in errors]


@pytest.mark.parametrize(("length", "status"), [(8192, 200), (8193, 400)])
def test_longest_query_reaches_us(
    connection: http.client.HTTPConnection, headers: dict[str, str], length: int, status: int
) -> None:
    connection.request("GET", "/identities?x=" + "y" * (length - 2), headers=headers)
    answer = connection.getresponse()
    body = answer.read()

    assert answer.status == status
    assert status == 200 or errors_of(body) == [("BAD_REQUEST", "The query is longer than 8 kB.")]


@pytest.mark.parametrize(
    ("request_bytes", "status", "code"),
    [
        (b"nonsense\r\n\r\n", "400 Bad Request", "BAD_REQUEST"),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n", "400 Bad Request", "BAD_REQUEST"),
        (b"GET /?" + b"y" * 17_000 + b" HTTP/1.1\r\n\r\n", "414 URI Too Long", "URI_TOO_LONG"),
        (
            b"GET / HTTP/1.1\r\nX: " + b"y" * 17_000 + b"\r\n\r\n",
            "431 Request Header Fields Too Large",
            "REQUEST_HEADER_FIELDS_TOO_LARGE",
        ),
    ],
)
def test_refusal_of_the_server_has_the_one_error_body(
    stack: Stack, request_bytes: bytes, status: str, code: str
) -> None:
    told, headers, body = raw(stack, request_bytes)

    assert (told, headers["Content-Type"]) == (status, "application/json")
    assert errors_of(body) == [(code, status.partition(" ")[2])]


def test_forwarded_scheme_is_not_believed_without_a_proxy(
    connection: http.client.HTTPConnection, headers: dict[str, str], stack: Stack
) -> None:
    connection.request("GET", "/", headers=headers | {"X-Forwarded-Proto": "https"})
    links = json.loads(connection.getresponse().read())["_links"]

    assert links["self"] == {"href": f"{stack.url}/"}


def test_chunked_body_is_read(connection: http.client.HTTPConnection, headers: dict[str, str]) -> None:
    chunks = iter([b'{"entity": {"first', b'_name": "Chunk"}}'])
    connection.request("POST", "/identities", body=chunks, headers=headers, encode_chunked=True)
    answer = connection.getresponse()
    created = json.loads(answer.read())

    assert (answer.status, created["entity"]["first_name"]) == (201, "Chunk")


def test_chunked_body_that_is_too_long_is_refused(
    connection: http.client.HTTPConnection, headers: dict[str, str]
) -> None:
    connection.request("POST", "/identities", body=iter([b" " * 65_536] * 5), headers=headers, encode_chunked=True)
    answer = connection.getresponse()

    assert answer.status == 413
    assert errors_of(answer.read()) == [("PAYLOAD_TOO_LARGE", "The body is larger than 256 kB.")]


def test_malformed_chunk_is_refused(stack: Stack, headers: dict[str, str]) -> None:
    lines = [f"{name}: {value}" for name, value in (headers | {"Host": "localhost"}).items()]
    head = "\r\n".join(["POST /identities HTTP/1.1", *lines, "Transfer-Encoding: chunked"])

    status, _, body = raw(stack, f"{head}\r\n\r\nnonsense\r\n".encode())

    assert (status, errors_of(body)) == ("400 Bad Request", [("BAD_REQUEST", "The request cannot be read")])


@pytest.mark.parametrize("path", ["/identities", "/dashboard/account/login/"])
def test_head_warns_of_nothing(
    connection: http.client.HTTPConnection, headers: dict[str, str], stack: Stack, path: str
) -> None:
    connection.request("HEAD", path, headers=headers)
    answer = connection.getresponse()

    assert (answer.status, answer.read(), int(answer.headers["Content-Length"]) > 100) == (200, b"", True)
    assert "body bytes" not in (stack.folder / "web.log").read_text()
