"""Every documented filter of identities and applications: what it includes, and what nearly matches and is left out."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from onboarding.models import Identity
from onboarding.services import create_application
from tenancy import services as tenancy
from tenancy.actors import system
from tenancy.roles import Role
from tests.conftest import ApiClient
from tests.factories.onboarding import BUYER, MERCHANT, make_identity
from tests.factories.tenancy import OWNER, make_application, make_platform_login, validated_identity

pytestmark = pytest.mark.django_db

ROWS = {
    (resource, row["label"]): row
    for row in json.loads((Path(__file__).resolve().parents[1] / "contract" / "filters.json").read_text())
    for resource in row["resources"]
    if resource in {"identities", "applications"}
}
DAY = datetime(2019, 6, 15, tzinfo=UTC)
END_OF_DAY = DAY + timedelta(days=1, microseconds=-1)
BEFORE, AFTER = DAY - timedelta(microseconds=1), DAY + timedelta(days=1)


def merchant(**members: Any) -> dict[str, Any]:
    return MERCHANT | members


def buyer(**members: Any) -> dict[str, Any]:
    return BUYER | members


# label -> what matches, what nearly does; each an entity, or a moment of creation.
IDENTITIES: dict[str, tuple[list[Any], list[Any]]] = {
    "Business Name": (
        [merchant(business_name="ACME Anchors"), buyer(business_name="ACME Anchors")],
        [merchant(business_name=name) for name in ("ACME", "Anchors", "ACME Anchors Inc", "acme anchors")],
    ),
    "Business Type": (
        [merchant(business_type="LIMITED_LIABILITY_COMPANY")],
        [merchant(business_type="CORPORATION"), merchant(business_type="PARTNERSHIP"), buyer()],
    ),
    "Created At =": ([DAY, END_OF_DAY], [BEFORE, AFTER]),
    "Created At >=": ([DAY, END_OF_DAY, AFTER], [BEFORE]),
    "Created At <=": ([BEFORE, DAY, END_OF_DAY], [AFTER]),
    "Doing Business As": (
        [merchant(doing_business_as="MTTM")],
        [merchant(doing_business_as=name) for name in ("MTT", "MTTM2", "mttm", "The MTTM")],
    ),
    "Email": (
        [buyer(email="user@example.org"), buyer(email="User@Example.Org")],
        [buyer(email=text) for text in ("auser@example.org", "user@example.org.uk", "user@sub.example.org")],
    ),
    "First Name": (
        [buyer(first_name="Daphne"), buyer(first_name="DAPHNE")],
        [buyer(first_name="Daph"), buyer(first_name="Daphne A"), buyer(first_name="Ann", last_name="Daphne")],
    ),
    "Last Name": (
        [buyer(last_name="Kline"), buyer(last_name="kline")],
        [buyer(last_name="Klin"), buyer(last_name="Klines"), buyer(first_name="kline", last_name="X")],
    ),
    "Title": ([buyer(title="CEO"), buyer(title="ceo")], [buyer(title="CEO and founder"), buyer(title="CE"), buyer()]),
}


class World:
    """A partner's application, another one beside it, and both their identities."""

    def __init__(self) -> None:
        self.application, login = make_application()
        self.foreign_application, _ = make_application("Other")
        self.client = ApiClient(login)
        self.admin = ApiClient(make_platform_login())
        self.made: dict[str, Any] = {}

    def make(self, what: Any, *, foreign: bool = False, **options: Any) -> str:
        """The id of an identity made from an entity, or at a moment."""
        application = self.foreign_application if foreign else self.application
        entity, at = (what, None) if isinstance(what, dict) else (BUYER, what)
        public_id = make_identity(application, entity, at=at, **options).public_id
        self.made[public_id] = what
        return public_id

    def listed(self, query: str, *, path: str = "/identities", by: ApiClient | None = None) -> set[str]:
        """Of what was made here, what the list shows."""
        answer = (by or self.client).get(f"{path}?{query}")
        assert answer.status_code == 200, answer.content
        (rows,) = answer.json()["_embedded"].values()
        return {row["id"] for row in rows} & self.made.keys()


@pytest.fixture
def world() -> World:
    return World()


@pytest.mark.parametrize("label", IDENTITIES)
def test_documented_filter_of_identities(world: World, label: str) -> None:
    matching, near = IDENTITIES[label]
    expected = {world.make(what) for what in matching}
    foreign = {world.make(what, foreign=True) for what in matching}
    for what in near:
        world.make(what)
    query = ROWS["identities", label]["example"]

    assert world.listed(query) == expected
    assert world.listed(query, by=world.admin) == expected | foreign
    assert world.listed(query, path=f"/applications/{world.application.public_id}/identities") == expected


def test_documented_filter_by_identity_id(world: World) -> None:
    one, other = world.make(BUYER), world.make(BUYER)
    query = ROWS["identities", "Identity ID"]["example"]
    documented = ROWS["identities", "Identity ID"]["parameters"][0]["value"]

    assert world.listed(query.replace(documented, one)) == {one}
    assert world.listed(query) == world.listed("id=" + one[:-1]) == world.listed("id=nonsense") == set()
    assert world.listed(f"id={world.application.public_id}") == set()
    assert world.listed(f"id={world.make(BUYER, foreign=True)}") == set()
    assert world.listed(f"id={other}&id={one}") == {one}


def test_every_documented_filter_has_a_test() -> None:
    tested = {("identities", label) for label in IDENTITIES}

    assert tested | {("identities", "Identity ID"), ("applications", "Application ID")} == ROWS.keys()


@pytest.mark.parametrize("text", ["example.org", "Example.ORG", "@example.org"])
def test_email_filter_takes_a_domain(world: World, text: str) -> None:
    expected = {world.make(buyer(email=mail)) for mail in ("user@example.org", "a.b@EXAMPLE.org")}
    for mail in ("user@example.com", "user@sub.example.org", "example.org@elsewhere.net"):
        world.make(buyer(email=mail))

    assert world.listed(f"email={text}") == expected


@pytest.mark.parametrize("text", ["user", "user@", "example", "org", "%40"])
def test_email_filter_takes_no_other_part(world: World, text: str) -> None:
    world.make(buyer(email="user@example.org"))

    assert world.listed(f"email={text}") == set()


@pytest.mark.parametrize(
    "query",
    [
        "created_at.created_at.gte=2019-06-15&created_at.lte=2019-06-15",
        "created_at.gte=2019-06-15&created_at.erlte=2019-06-15",
        "created_at.gte=2019-06-15T00:00:00Z&created_at.lte=2019-06-15T23:59:59.999999Z",
        "created_at.gte=2019-06-15T02:00:00%2B02:00&created_at.lte=2019-06-15T23:59:59.999999",
        "sort=created_at,asc&created_at.gte=2019-06-15&created_at.lte=2019-06-15&limit=100",
    ],
)
def test_every_form_of_a_day(world: World, query: str) -> None:
    expected = {world.make(DAY), world.make(END_OF_DAY)}
    for moment in (BEFORE, AFTER):
        world.make(moment)

    assert world.listed(query) == expected


def test_updated_at_filters(world: World) -> None:
    old, changed = world.make(DAY), world.make(DAY)
    world.client.put(f"/identities/{changed}", {"entity": {"title": "CEO"}})
    today = timezone.now().date().isoformat()

    assert world.listed("updated_at.lte=2019-06-15") == {old}
    assert world.listed(f"updated_at.gte={today}") == {changed}


@pytest.mark.parametrize("name", ["created_at.gte", "created_at.lte", "updated_at.gte", "created_at.created_at.gte"])
@pytest.mark.parametrize(
    "value", ["yesterday", "2019-13-01", "2019-02-30", "15.06.2019", "2019-06-15T25:00:00Z", "%00", "9" * 30]
)
def test_bad_date_is_400_and_names_the_parameter(world: World, name: str, value: str) -> None:
    answer = world.client.get(f"/identities?{name}={value}")

    (error,) = answer.json()["_embedded"]["errors"]
    assert (answer.status_code, error["code"], error["field"]) == (
        400, "BAD_REQUEST", name.replace("created_at.created_at", "created_at"),
    )  # fmt: skip


@pytest.mark.parametrize("value", ["OTHER", "CORP", "1"])
def test_unknown_value_of_an_enumeration_is_400(world: World, value: str) -> None:
    answer = world.client.get(f"/identities?business_type={value}")

    (error,) = answer.json()["_embedded"]["errors"]
    assert (answer.status_code, error["field"]) == (400, "business_type")


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("business_type=corporation", "merchant"), ("business_type=ALL", "both"), ("business_type=all", "both"),
        ("business_type=", "both"), ("first_name=", "both"), ("unknown=1", "both"), ("entity__mcc=0742", "both"),
        ("pk=1", "both"), ("application__name=x", "both"), ("_connector=OR", "both"), ("title__contains=x", "both"),
    ],
)  # fmt: skip
def test_values_in_any_case_empty_ones_and_unknown_parameters(world: World, query: str, shown: str) -> None:
    ids = {"merchant": world.make(MERCHANT), "buyer": world.make(BUYER)}

    assert world.listed(query) == (set(ids.values()) if shown == "both" else {ids[shown]})


def test_several_filters_at_once_all_hold(world: World) -> None:
    both = world.make(buyer(first_name="Daphne", last_name="Kline"))
    world.make(buyer(first_name="Daphne", last_name="Blake"))
    world.make(buyer(first_name="Fred", last_name="Kline"))

    assert world.listed("first_name=daphne&last_name=kline") == {both}
    assert world.listed("first_name=daphne&last_name=kline&email=nobody.example") == set()


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("tags.key=plan", "abc"), ("tags.value=gold", "ad"), ("tags.key=plan&tags.value=gold", "a"),
        ("tags.key=pla", ""), ("tags.value=gol", ""), ("tags.key=%25", ""), ("tags.key=other&tags.value=plan", ""),
        ("tags.key=plan&tags.value=it%27s%20%22x%22", "c"), ("tags.value=it%27s%20%22x%22", "c"),
    ],
)  # fmt: skip
def test_tag_filters(world: World, query: str, expected: str) -> None:
    quoted = {"plan": 'it\'s "x"'}
    tags = {"a": {"plan": "gold"}, "b": {"plan": "tin", "x": "y"}, "c": quoted, "d": {"other": "gold"}, "e": {}}
    ids = {name: world.make(BUYER, tags=pairs) for name, pairs in tags.items()}

    assert world.listed(query) == {ids[name] for name in expected}


def test_descriptor_and_application_filters(world: World) -> None:
    own = world.make(merchant(default_statement_descriptor="BOBS"))
    world.make(merchant(default_statement_descriptor="BOBS 2"))
    foreign = world.make(merchant(default_statement_descriptor="BOBS"), foreign=True)

    assert world.listed("default_statement_descriptor=BOBS") == {own}
    assert world.listed(
        f"default_statement_descriptor=BOBS&application_id={world.foreign_application.public_id}", by=world.admin
    ) == {foreign}
    assert world.listed(f"application_id={world.foreign_application.public_id}") == set()


def application_made_at(moment: datetime) -> str:
    owner, _ = tenancy.create_api_user(role=Role.PARTNER, by=system("test"), at=moment)
    entity = validated_identity({"entity": OWNER})["entity"]
    return create_application(owner_user_id=owner.pk, entity=entity, by=system("test"), at=moment).public_id


@pytest.mark.parametrize("label", ["Created At =", "Created At >=", "Created At <="])
def test_moments_filter_applications_as_every_list(world: World, label: str) -> None:
    matching, near = IDENTITIES[label]
    expected = {application_made_at(moment) for moment in matching}
    world.made = dict.fromkeys(expected | {application_made_at(moment) for moment in near})
    query = ROWS["identities", label]["example"]

    assert world.listed(query, path="/applications", by=ApiClient(make_platform_login())) == expected


def test_documented_filter_by_application_id(world: World) -> None:
    own, foreign = world.application.public_id, world.foreign_application.public_id
    world.made = dict.fromkeys([own, foreign])
    documented = ROWS["applications", "Application ID"]["parameters"][0]["value"]
    query = ROWS["applications", "Application ID"]["example"]

    assert world.listed(query.replace(documented, own), path="/applications", by=world.admin) == {own}
    assert world.listed(query, path="/applications", by=world.admin) == set()
    assert world.listed(query.replace(documented, foreign), path="/applications") == set()


def test_filters_never_show_more_than_the_list(world: World) -> None:
    world.make(BUYER, foreign=True)

    for query in ("first_name=Sean", "email=example.org", "created_at.gte=2019-01-01", "business_type=ALL"):
        assert world.listed(query) == set()
    assert Identity.objects.count() == 0  # and row security shows none without an actor
