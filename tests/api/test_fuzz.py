"""Nothing that a stranger or a partner sends is answered with a 5xx, or with anything but JSON."""

import json
import random
from typing import Any

import pytest
from django.db import transaction as database
from django.http import HttpResponse
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from pytest_django import Settings

from tests.api.conftest import Tenant, send
from tests.api.routes import BODIES, ids_of, path_of
from tests.conftest import ApiClient
from tests.factories.onboarding import MERCHANT
from tests.factories.payments import CARD

ODD: list[Any] = [
    None, True, 0, -1, 1.5, 1e308, 10**29, -(10**29), "", " ", "x" * 5000, "0", "-0", "1e5", "\u202e", "🙂" * 200,
    "a\nb", "'; --",
    "{{7*7}}", "%s%n", "../..", "NaN", "٣", "ID" + "2" * 21, [], {}, [[]], [None], {"": None}, {"a": {"b": {}}}, [{}],
]  # fmt: skip
BYTES = [
    b"\x00",
    b"\xff",
    b"\\u0000",
    b"\\ud800",
    b"NaN",
    b"1e999",
    b"[" * 50,
    b'"',
    b"\\",
    b"}",
    b"{",
    b",",
    b'"a":1,',
    b"9" * 40,
]
TOLD = {
    **BODIES,
    "POST identities": {
        "entity": MERCHANT,
        "tags": {"a": "b"},
        "additional_underwriting_data": {"refund_policy": "OTHER"},
    },
    "POST payment_instruments": CARD | {"identity": "<identities>"},
}
ROUTES = [(operation, json.dumps(body)) for operation, body in TOLD.items()]


@pytest.fixture
def ids(own_shop: Tenant, settings: Settings) -> dict[str, str]:
    settings.API_REQUESTS_PER_SECOND = 0
    return ids_of(own_shop)


def check(answer: HttpResponse) -> None:
    assert answer.status_code < 500, answer.content
    if answer.status_code == 204:
        assert answer.content == b""
        return
    assert answer["Content-Type"] == "application/json"
    body = json.loads(answer.content)
    if answer.status_code >= 400:
        assert body["total"] == len(body["_embedded"]["errors"]) >= 1
    assert b"Traceback" not in answer.content


def ask(client: ApiClient, *request: Any, **meta: Any) -> None:
    undo = database.savepoint()
    check(send(client, *request, **meta))
    database.savepoint_rollback(undo)


def mutate_value(value: Any, chance: random.Random) -> Any:
    """The body with some member replaced, dropped, doubled or wrapped."""
    if isinstance(value, dict) and value and chance.random() < 0.9:
        name = chance.choice(list(value))
        what = chance.random()
        if what < 0.1:
            return {key: inner for key, inner in value.items() if key != name}
        if what < 0.2:
            return {**value, chance.choice(["pk", "id", "__class__", "é", name + "\u200b"]): chance.choice(ODD)}
        return {**value, name: mutate_value(value[name], chance)}
    return [value] if chance.random() < 0.1 else chance.choice(ODD)


def mutate_bytes(body: bytes, chance: random.Random) -> bytes:
    at, to = sorted(chance.randrange(len(body) + 1) for _ in range(2))
    what = chance.randrange(4)
    if what == 0:
        return body[:at] + chance.choice(BYTES) + body[at:]
    if what == 1:
        return body[:at] + body[to:]
    if what == 2:
        return body[:at] + bytes([chance.randrange(256)]) + body[at + 1 :]
    return body[:to] + body[at:]


QUICK = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}


def test_mutated_bodies(admin: ApiClient, ids: dict[str, str]) -> None:
    @hypothesis_settings(max_examples=1300, **QUICK)
    @given(seed=st.integers(0, 2**32), route=st.sampled_from(ROUTES), as_bytes=st.booleans())
    def attack(seed: int, route: tuple[str, str], *, as_bytes: bool) -> None:
        chance = random.Random(seed)
        operation, text = route
        for kind, public_id in ids.items():
            text = text.replace(f"<{kind}>", public_id)
        method, _, path = operation.partition(" ")
        if as_bytes:
            body = mutate_bytes(text.encode(), chance)
        else:
            value = json.loads(text)
            for _ in range(chance.randrange(1, 4)):
                value = mutate_value(value, chance)
            body = json.dumps(value, allow_nan=False).encode()
        ask(admin, method, path_of(path, ids), body)

    attack()


def test_mutated_paths_and_queries(admin: ApiClient, ids: dict[str, str]) -> None:
    names = [
        "limit",
        "offset",
        "sort",
        "after_cursor",
        "before_cursor",
        "pageNumber",
        "id",
        "email",
        "title",
        "tags.key",
    ]
    names += [
        "tags.value",
        "created_at.gte",
        "updated_at.lte",
        "business_type",
        "application_id",
        "",
        "_connector",
        "é",
    ]
    values = [
        "",
        "0",
        "-1",
        "%00",
        "%ff",
        "%ED%A0%80",
        "1" * 30,
        "created_at,asc",
        "2019-06-15",
        "9999-12-31",
        "0001-01-01T00:00:00%2B14:00",
    ]
    values += [ids["identities"], ids["users"], "ALL", "a" * 300, "%", "%F0%9F%99%82", "'", "@", "[]", "null"]
    names += ["amount", "gte", "amount.lt", "state", "type", "instrument_brand_type", "merchant_id", "last4", "bin"]
    plurals = ["identities", "applications", "users", "application_profiles", "merchant_profiles", "risk_profiles"]
    plurals += ["payment_instruments", "merchants", "verifications", "transfers", "authorizations", "settlements"]
    tails = [
        "",
        "/",
        "\x00",
        "%",
        "//",
        "\xff",
        ".json",
        "é",
        "/users",
        "/processors",
        "/processors/\x00",
        "/transfers",
        "/authorizations",
        "/payment_instruments",
        "/verifications",
        "/merchants",
        "?",
        "#",
        "\r\n",
    ]

    @hypothesis_settings(max_examples=600, **QUICK)
    @given(
        plural=st.sampled_from(plurals),
        public_id=st.one_of(st.just(""), st.sampled_from(list(ids.values())), st.text(max_size=30)),
        tail=st.sampled_from(tails),
        query=st.lists(st.tuples(st.sampled_from(names), st.sampled_from(values)), max_size=4),
        version=st.sampled_from(["", "2022-02-01"]),
    )
    def attack(plural: str, public_id: str, tail: str, query: list[tuple[str, str]], version: str) -> None:
        path = f"/{plural}" + (f"/{public_id}" if public_id else "") + tail
        text = "&".join(f"{name}={value}" for name, value in query)
        raw = path.encode("utf-8", "replace").decode("latin-1")  # as a server hands paths over
        ask(admin, "GET", raw, QUERY_STRING=text, HTTP_FINIX_VERSION=version)

    attack()


def test_mutated_headers(own_shop: Tenant, ids: dict[str, str]) -> None:
    odd = st.sampled_from(
        [
            "",
            " ",
            "x",
            "\x00",
            "\xff",
            "*",
            "*/*",
            "a/b;c=d;e",
            ";",
            "," * 50,
            "9" * 400,
            "[::1",
            "-1",
            "Basic",
            "Basic Og==",
        ]
    )
    names = [
        "HTTP_ACCEPT",
        "CONTENT_TYPE",
        "HTTP_AUTHORIZATION",
        "HTTP_HOST",
        "HTTP_USER_AGENT",
        "HTTP_COOKIE",
        "REMOTE_ADDR",
    ]
    names += [
        "HTTP_FINIX_VERSION",
        "HTTP_X_FORWARDED_FOR",
        "HTTP_X_FORWARDED_HOST",
        "HTTP_IF_MODIFIED_SINCE",
        "HTTP_RANGE",
    ]
    names += [
        "HTTP_X_HTTP_METHOD_OVERRIDE",
        "HTTP_EXPECT",
        "HTTP_ACCEPT_ENCODING",
        "HTTP_HX_REQUEST",
        "HTTP_CONTENT_ENCODING",
        "HTTP_IDEMPOTENCY_KEY",
    ]
    partner = ApiClient(own_shop.partner)

    @hypothesis_settings(max_examples=400, **QUICK)
    @given(
        headers=st.dictionaries(st.sampled_from(names), odd, max_size=3),
        method=st.sampled_from(["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "CONNECT", "X", "é"]),
    )
    def attack(headers: dict[str, str], method: str) -> None:
        ask(partner, method, f"/identities/{ids['identities']}", b'{"tags": {}}', **headers)

    attack()
