"""The input door: one test per kind of hostile body, and each limit at, below and above."""

import json
from typing import Any

import pytest

from api.errors import BadRequest
from api.parsing import parse_object
from onboarding.models import Identity
from tests.api.conftest import Tenant, errors_of, send
from tests.conftest import ApiClient


def nested(depth: int) -> bytes:
    """An object, and arrays in it, `depth` levels in all."""
    return b'{"tags":' + b"[" * (depth - 1) + b"]" * (depth - 1) + b"}"


def with_keys(count: int) -> bytes:
    return json.dumps({f"key{number}": number for number in range(count)}).encode()


def with_keys_in_two_objects(count: int) -> bytes:
    return json.dumps([{"a": {str(number): 1 for number in range(count - 1)}}][0]).encode()


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (b"", {}),
        (b" \r\n\t", {}),
        (b"{}", {}),
        (b'{"a": [1, -2, 1.5, "x", true, null, {"b": []}]}', {"a": [1, -2, 1.5, "x", True, None, {"b": []}]}),
        ('{"näme": "smörgås 🙂"}'.encode(), {"näme": "smörgås 🙂"}),
        (rb'{"a": "\ud83d\ude42"}', {"a": "🙂"}),  # a pair of surrogates is a letter
        (rb'{"a": "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[["}', {"a": "[" * 40}),  # brackets in text are no depth
        (rb'{"a": "\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[["}', {"a": '"' + "[" * 40}),
        (b'{"a": 999999999999999999999999999999}', {"a": 10**30 - 1}),
        (with_keys(999), {f"key{number}": number for number in range(999)}),
        (with_keys(1000), {f"key{number}": number for number in range(1000)}),
        (with_keys_in_two_objects(1000), {"a": {str(number): 1 for number in range(999)}}),
    ],
)
def test_body_is_read(body: bytes, value: Any) -> None:
    assert parse_object(body) == value


@pytest.mark.parametrize("depth", [31, 32])
def test_body_of_allowed_depth_is_read(depth: int) -> None:
    assert list(parse_object(nested(depth))) == ["tags"]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (rb'{"a": "\u0000"}', "Text must not hold NUL characters."),
        (rb'{"a": {"b": ["x", ["\u0000"]]}}', "Text must not hold NUL characters."),
        (rb'{"\u0000": 1}', "Text must not hold NUL characters."),
        (rb'{"a": "\ud800"}', "Text must not hold lone surrogates."),
        (rb'{"a": [{"b": "\udfff"}]}', "Text must not hold lone surrogates."),
        (rb'{"a": "\ude42\ud83d"}', "Text must not hold lone surrogates."),
        (rb'{"\ud800": 1}', "Text must not hold lone surrogates."),
        (rb'{"\ud800": 1, "\ud800": 2}', "Text must not hold lone surrogates."),
        (b'{"a": "\x00"}', "The body is not JSON: Invalid control character at at line 1, column 8."),
        (nested(33), "The body is nested deeper than 32 levels."),
        (nested(1000), "The body is nested deeper than 32 levels."),
        (b'{"a":' * 5000 + b"1" + b"}" * 5000, "The body is nested deeper than 32 levels."),
        (b"[" * 100_000, "The body is nested deeper than 32 levels."),
        (with_keys(1001), "The body has more than 1000 members."),
        (with_keys_in_two_objects(1001), "The body has more than 1000 members."),
        (b'{"a": NaN}', "NaN is no JSON number."),
        (b'{"a": Infinity}', "Infinity is no JSON number."),
        (b'{"a": [-Infinity]}', "-Infinity is no JSON number."),
        (b'{"a": 1e400}', "A number is too large."),
        (b'{"a": -1e400}', "A number is too large."),
        (b'{"a": 1' + b"0" * 30 + b"}", "A number has more than 30 digits."),
        (b'{"a": ' + b"1" * 100_000 + b"}", "A number has more than 30 digits."),
        (b'{"a": 0.' + b"1" * 30 + b"}", "A number has more than 30 digits."),
        (b'{"a": 1, "a": 1}', "The member `a` comes twice."),
        (b'{"x": [{"a": 1, "b": 2, "a": 1}]}', "The member `a` comes twice."),
        (b'{"a": 1, "\\u0061": 2}', "The member `a` comes twice."),
        (b'{"a": "\xff"}', "The body is not UTF-8."),
        (b'{"a": "\xed\xa0\x80"}', "The body is not UTF-8."),  # a surrogate as bytes
        (b"\xc0\xae", "The body is not UTF-8."),  # overlong
        ("{}".encode("utf-16"), "The body is not UTF-8."),
        (b"[]", "The body must be a JSON object."),
        (b'["a"]', "The body must be a JSON object."),
        (b'"a"', "The body must be a JSON object."),
        (b"1", "The body must be a JSON object."),
        (b"null", "The body must be a JSON object."),
        (b"true", "The body must be a JSON object."),
        (b"{", "The body is not JSON: Expecting property name enclosed in double quotes at line 1, column 2."),
        (b"{} {}", "The body is not JSON: Extra data at line 1, column 4."),
        (b"{'a': 1}", "The body is not JSON: Expecting property name enclosed in double quotes at line 1, column 2."),
        (b'{"a": 01}', "The body is not JSON: Expecting ',' delimiter at line 1, column 8."),
        (b"\xef\xbb\xbf{}", "The body is not JSON: Unexpected UTF-8 BOM (decode using utf-8-sig) at line 1, column 1."),
        (b"<a/>", "The body is not JSON: Expecting value at line 1, column 1."),
        (b"a=1&b=2", "The body is not JSON: Expecting value at line 1, column 1."),
        (b'{"a": "x', "The body is not JSON: Unterminated string starting at at line 1, column 7."),
    ],
)
def test_hostile_body_is_bad_request(body: bytes, message: str) -> None:
    with pytest.raises(BadRequest) as refusal:
        parse_object(body)

    assert str(refusal.value) == message


@pytest.mark.parametrize("ending", [b"", b"\\", b'"'])
def test_text_full_of_escaped_quotes_takes_no_time_to_speak_of(ending: bytes) -> None:
    """A search that starts anew at each quote would need hours for this body."""
    with pytest.raises(BadRequest):
        parse_object(b'"' + b'\\"' * 130_000 + ending)


def test_refused_body_is_answered_and_changes_nothing(partner: ApiClient, own: Tenant) -> None:
    path = f"/identities/{own.identity.public_id}"

    answer = partner.put(path, rb'{"tags": {"key": "\u0000"}}')

    assert answer.status_code == 400
    assert errors_of(answer) == [{"code": "BAD_REQUEST", "message": "Text must not hold NUL characters."}]
    assert Identity.objects.filter(tags={}).values_list("pk", flat=True).count() == 0  # unseen without an actor
    assert partner.get(path).json()["tags"] == {}


@pytest.mark.parametrize(("size", "status"), [(256 * 1024 - 1, 200), (256 * 1024, 200), (256 * 1024 + 1, 413)])
def test_body_limit(partner: ApiClient, own: Tenant, size: int, status: int) -> None:
    body = b'{"tags": {"key": "value"}}'

    answer = partner.put(f"/identities/{own.identity.public_id}", body + b" " * (size - len(body)))

    assert answer.status_code == status
    if status == 413:
        assert errors_of(answer) == [{"code": "PAYLOAD_TOO_LARGE", "message": "The body is larger than 256 kB."}]


@pytest.mark.parametrize(
    "media_type",
    [
        "application/json",
        "application/vnd.json+api",
        "application/vnd.api+json",
        "application/hal+json",
        "APPLICATION/JSON",
        "application/json; charset=utf-8",
        'application/hal+json;charset="UTF-8"',
        "application/json; profile=x",
    ],
)
def test_documented_media_types_are_read(partner: ApiClient, own: Tenant, media_type: str) -> None:
    answer = partner.put(f"/identities/{own.identity.public_id}", {"tags": {"a": "b"}}, Content_Type=media_type)

    assert (answer.status_code, answer.json()["tags"]) == (200, {"a": "b"})


@pytest.mark.parametrize(
    "media_type",
    [
        "application/json; charset=utf-7",
        "application/json; charset=iso-8859-1",
        "application/json; charset=utf-8; charset=utf-7",
        "application/x-www-form-urlencoded",  # what curl sends unless told otherwise
        "multipart/form-data; boundary=x",
        "text/plain",
        "application/xml",
        "application/jsonx",
        "*/*",
        "nonsense",
    ],
)
def test_other_media_types_are_refused(partner: ApiClient, own: Tenant, media_type: str) -> None:
    path = f"/identities/{own.identity.public_id}"

    answer = partner.put(path, b'{"tags": {"a": "b"}}', Content_Type=media_type)

    assert answer.status_code == 415
    message = f'Unsupported media type "{media_type}" in request.'
    assert errors_of(answer) == [{"code": "UNSUPPORTED_MEDIA_TYPE", "message": message}]
    assert partner.get(path).json()["tags"] == {}


def test_body_without_media_type_is_refused(partner: ApiClient) -> None:
    answer = send(partner, "POST", "/identities", b'{"entity": {}}', CONTENT_TYPE="")

    assert answer.status_code == 415


@pytest.mark.parametrize("media_type", ["", "text/html", "application/json; charset=utf-7", "multipart/form-data"])
def test_get_ignores_its_content_type(partner: ApiClient, own: Tenant, media_type: str) -> None:
    answer = send(partner, "GET", f"/identities/{own.identity.public_id}", b"\xff{", CONTENT_TYPE=media_type)

    assert (answer.status_code, answer.json()["id"]) == (200, own.identity.public_id)


@pytest.mark.parametrize(
    "media_type", ["application/json", "application/x-www-form-urlencoded", "multipart/form-data", ""]
)
def test_empty_body_is_an_empty_object_under_any_type(admin: ApiClient, own: Tenant, media_type: str) -> None:
    """An empty form would have every flag false: `curl -X PUT -d ''` must not switch an application off."""
    path = f"/applications/{own.application.public_id}"
    before = admin.get(path).json()

    answer = send(admin, "PUT", path, b"", CONTENT_TYPE=media_type)

    assert (answer.status_code, answer.json()) == (200, before)
    assert before["processing_enabled"] is True


@pytest.mark.parametrize("name", ["application", "created_at__gte", "_connector", "__class__", "pk", "entity__tax_id"])
def test_unknown_parameters_and_members_are_ignored(partner: ApiClient, own: Tenant, name: str) -> None:
    before = partner.get("/identities").json()["_embedded"]

    listed = partner.get(f"/identities?{name}=0")
    changed = partner.put(f"/identities/{own.identity.public_id}", {name: "x", "tags": {}})

    assert (listed.status_code, listed.json()["_embedded"]) == (200, before)
    assert (changed.status_code, changed.json()) == (200, partner.get(f"/identities/{own.identity.public_id}").json())
