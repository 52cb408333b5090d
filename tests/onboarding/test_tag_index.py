"""The index over tags says what the tags say, whatever was done to them, and is kept from other tenants."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection

from onboarding.models import Identity, PaymentInstrument
from resources.tag_index import term_of
from tenancy.actors import Actor, system
from tenancy.models import Application
from tenancy.transactions import transaction
from tests.conftest import ApiClient
from tests.factories.onboarding import BUYER, make_identity
from tests.factories.payments import CARD, make_card, make_processor
from tests.factories.tenancy import Login, make_application

pytestmark = pytest.mark.django_db


def made_ready(name: str = "Own") -> tuple[Application, Login]:
    """An application that may keep cards."""
    application, login = make_application(name)
    make_processor(application)
    return application, login


@pytest.fixture
def owned() -> tuple[Application, Login]:
    return made_ready()


Tagged = Identity | PaymentInstrument


def terms_of(row: Tagged, by: Actor | None = None) -> set[Any]:
    with transaction(by=by or system()):
        return set(row.tag_terms.values_list("term", flat=True))


def expected(tags: dict[str, str]) -> set[Any]:
    found = {term_of(key, value) for key, value in tags.items()}
    return found | {term_of(key, None) for key in tags} | {term_of(None, value) for value in tags.values()}


TAGS = pytest.mark.parametrize(
    "tags",
    [
        {},
        {"plan": "gold"},
        {"plan": "gold", "metal": "gold"},
        {"a": "bc", "ab": "c"},
        {"": ""},
        {"é\u0301 😀": "\u2028 ' \\ % \"", "1:k": "v"},
        {f"key {number}": "x" * 500 for number in range(49)},
    ],
)


@TAGS
def test_terms_follow_what_is_told(owned: tuple[Application, Login], tags: dict[str, str]) -> None:
    _, login = owned
    client = ApiClient(login)
    made = client.post("/identities", {"entity": BUYER, "tags": tags})
    identity = Identity(pk=Identity.parse_id(made.json()["id"]))

    assert terms_of(identity) == expected(tags)

    for changed in ({"other": "1"}, {**tags, "other": "2"}, {}):
        assert client.put(f"/identities/{made.json()['id']}", {"tags": changed}).status_code == 200
        assert terms_of(identity) == expected(changed)


@TAGS
def test_terms_follow_what_a_provider_says(owned: tuple[Application, Login], tags: dict[str, str]) -> None:
    """The tags of an instrument go to the provider, and are copied from what it answers."""
    application, login = owned
    client, identity = ApiClient(login), make_identity(application)
    made = client.post("/payment_instruments", CARD | {"identity": identity.public_id, "tags": tags})
    assert made.status_code == 201
    card = PaymentInstrument(pk=PaymentInstrument.parse_id(made.json()["id"]))

    assert terms_of(card) == expected(tags)

    for changed in ({"other": "1"}, {**tags, "other": "2"}, {}):
        assert client.put(f"/payment_instruments/{made.json()['id']}", {"tags": changed}).status_code == 200
        assert terms_of(card) == expected(changed)


def make_tagged_identity(application: Application, **tags: str) -> Identity:
    return make_identity(application, tags=tags)


def make_tagged_card(application: Application, **tags: str) -> PaymentInstrument:
    return make_card(make_identity(application), tags=tags)


MAKE = pytest.mark.parametrize("make", [make_tagged_identity, make_tagged_card])


@MAKE
def test_terms_follow_a_statement_over_many_rows(owned: tuple[Application, Login], make: Callable[..., Tagged]) -> None:
    changed, kept = make(owned[0], plan="gold"), make(owned[0], plan="tin")

    with transaction(by=system()), connection.cursor() as cursor:
        told = """CASE WHEN tags->>'plan' = 'gold' THEN '{"plan": "silver"}' ELSE tags END"""
        cursor.execute(f"UPDATE {changed._meta.db_table} SET tags = {told}, updated_at = now()")

    assert terms_of(changed) == expected({"plan": "silver"})
    assert terms_of(kept) == expected({"plan": "tin"})


@MAKE
def test_terms_go_with_the_row(owned: tuple[Application, Login], make: Callable[..., Tagged]) -> None:
    row = make(owned[0], plan="gold")

    with transaction(by=system()), connection.cursor() as cursor:
        cursor.execute(f"DELETE FROM {row._meta.db_table} WHERE id = %s", [row.pk])

    assert terms_of(row) == set()


@MAKE
def test_terms_of_another_tenant_are_not_seen(owned: tuple[Application, Login], make: Callable[..., Tagged]) -> None:
    foreign = make(made_ready("Other")[0], plan="gold")

    assert terms_of(foreign, by=owned[1].actor) == set()
    assert terms_of(foreign) == expected({"plan": "gold"})


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("tags.key=plan&tags.value=gold", {"gold"}),
        ("tags.key=plan", {"gold", "silver"}),
        ("tags.value=gold", {"gold", "metal"}),
        ("tags.key=metal&tags.value=silver", set()),
        ("tags.key=pla", set()),
        ("tags.value=GOLD", set()),
        ("tags.key=plan&tags.value=gold&created_at.lte=2019-06-15", set()),
        ("tags.key=plan&tags.value=gold&created_at.gte=2019-06-15", {"gold"}),
    ],
)
@pytest.mark.parametrize("many", [False, True])
@MAKE
def test_few_and_many_are_found_alike(
    *,
    owned: tuple[Application, Login],
    monkeypatch: pytest.MonkeyPatch,
    make: Callable[..., Tagged],
    query: str,
    found: set[str],
    many: bool,
) -> None:
    """What more than some have is read without the index; an answer does not depend on it."""
    application, login = owned
    rows = {
        name: make(application, **tags)
        for name, tags in (
            ("gold", {"plan": "gold", "order": "1"}),
            ("silver", {"plan": "silver"}),
            ("metal", {"metal": "gold"}),
            ("none", {}),
        )
    }
    make(made_ready("Other")[0], plan="gold")
    if many:
        monkeypatch.setattr("api.filters.RARE", 0)

    path = {Identity: "identities", PaymentInstrument: "payment_instruments"}[type(rows["gold"])]
    listed = ApiClient(login).get(f"/{path}?{query}").json()

    (shown,) = listed["_embedded"].values()
    assert {row["id"] for row in shown} == {rows[name].public_id for name in found}
    assert listed["page"]["count"] == len(found)
