"""The index over tags says what the tags say, whatever was done to them, and is kept from other tenants."""

from typing import Any

import pytest
from django.db import connection

from onboarding.models import Identity, IdentityTag
from resources.tag_index import term_of
from tenancy.actors import Actor, system
from tenancy.models import Application
from tenancy.transactions import transaction
from tests.conftest import ApiClient
from tests.factories.onboarding import BUYER, make_identity
from tests.factories.tenancy import Login, make_application

pytestmark = pytest.mark.django_db


@pytest.fixture
def owned() -> tuple[Application, Login]:
    return make_application()


def terms_of(identity: Identity, by: Actor | None = None) -> set[Any]:
    with transaction(by=by or system()):
        return set(IdentityTag.objects.filter(identity=identity).values_list("term", flat=True))


def expected(tags: dict[str, str]) -> set[Any]:
    found = {term_of(key, value) for key, value in tags.items()}
    return found | {term_of(key, None) for key in tags} | {term_of(None, value) for value in tags.values()}


@pytest.mark.parametrize(
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
def test_terms_follow_what_is_told(owned: tuple[Application, Login], tags: dict[str, str]) -> None:
    _, login = owned
    client = ApiClient(login)
    made = client.post("/identities", {"entity": BUYER, "tags": tags})
    identity = Identity(pk=Identity.parse_id(made.json()["id"]))

    assert terms_of(identity) == expected(tags)

    for changed in ({"other": "1"}, {**tags, "other": "2"}, {}):
        assert client.put(f"/identities/{made.json()['id']}", {"tags": changed}).status_code == 200
        assert terms_of(identity) == expected(changed)


def test_terms_go_with_the_row(owned: tuple[Application, Login]) -> None:
    identity = make_identity(owned[0], tags={"plan": "gold"})

    with transaction(by=system()), connection.cursor() as cursor:
        cursor.execute("DELETE FROM identity WHERE id = %s", [identity.pk])

    assert terms_of(identity) == set()


def test_terms_of_another_tenant_are_not_seen(owned: tuple[Application, Login]) -> None:
    foreign = make_identity(make_application("Other")[0], tags={"plan": "gold"})

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
        ("tags.key=plan&tags.value=gold&first_name=ann", set()),
        ("tags.key=plan&tags.value=gold&first_name=sean", {"gold"}),
    ],
)
@pytest.mark.parametrize("many", [False, True])
def test_few_and_many_are_found_alike(
    owned: tuple[Application, Login], monkeypatch: pytest.MonkeyPatch, query: str, found: set[str], *, many: bool
) -> None:
    """What more than some have is read without the index; an answer does not depend on it."""
    application, login = owned
    rows = {
        name: make_identity(application, tags=tags).public_id
        for name, tags in (
            ("gold", {"plan": "gold", "order": "1"}),
            ("silver", {"plan": "silver"}),
            ("metal", {"metal": "gold"}),
            ("none", {}),
        )
    }
    make_identity(make_application("Other")[0], tags={"plan": "gold"})
    if many:
        monkeypatch.setattr("api.filters.RARE", 0)

    listed = ApiClient(login).get(f"/identities?{query}").json()

    assert {row["id"] for row in listed["_embedded"]["identities"]} == {rows[name] for name in found}
    assert listed["page"]["count"] == len(found)
