"""Beneficial owners: who may be one, how much all of them hold, who sees them, and that the processor hears of them."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import IntegrityError
from django.test import Client
from django.utils import timezone

from onboarding.models import Identity
from onboarding.services import MOST_OWNERS, create_associated_identity
from onboarding.services.merchants import underwriting_of
from tenancy.actors import system
from tenancy.models import Application
from tenancy.roles import Role
from tenancy.transactions import transaction
from tests.calls import HttpClient
from tests.conftest import ApiClient
from tests.factories.onboarding import (
    ADDRESS,
    BUYER,
    MERCHANT,
    make_identity,
    make_merchant_identity,
    make_merchant_login,
)
from tests.factories.tenancy import make_application, make_person
from tests.stack import Stack
from tests.tenancy.conftest import in_sight_of
from tests.tenancy.conftest import refused as refused_by_database

OWNER: dict[str, Any] = {
    "first_name": "Ann", "last_name": "Lee", "title": "CFO", "principal_percentage_ownership": 30,
    "dob": {"year": 1980, "month": 2, "day": 29}, "tax_id": "078-05-1120", "email": "ann@example.org",
    "phone": "7145677613", "personal_address": ADDRESS,
}  # fmt: skip
SHARE = "entity.principal_percentage_ownership"


def refused(answer: Any) -> dict[str, str]:
    errors = answer.json()["_embedded"]["errors"]
    assert answer.status_code == 422, answer.content
    return {error.get("field", ""): error["message"] for error in errors}


class Business:
    """A merchant's identity whose principal holds half, and its partner."""

    def __init__(self) -> None:
        self.application, self.login = make_application()
        self.client = ApiClient(self.login)
        self.identity = make_merchant_identity(self.application)
        self.path = f"/identities/{self.identity.public_id}/associated_identities"

    def add(self, **entity: Any) -> Any:
        return self.client.post(self.path, {"entity": OWNER | entity})

    @property
    def row(self) -> Identity:
        with transaction(by=system()):
            return Identity.objects.get(pk=self.identity.pk)


@pytest.fixture
def business(db: None) -> Business:
    return Business()


def test_owner_is_an_identity_of_its_own(business: Business) -> None:
    answer = business.client.post(business.path, {"entity": OWNER, "tags": {"seat": "board"}})

    document = answer.json()
    told = {name: value for name, value in OWNER.items() if name != "tax_id"}
    assert (answer.status_code, document["tags"]) == (201, {"seat": "board"})
    assert {name: document["entity"][name] for name in told} == told
    assert (document["entity"]["tax_id_provided"], document["entity"]["business_type"]) == (True, None)
    assert document["_links"]["associated_identities"]["href"].endswith(f"{document['id']}/associated_identities")
    assert business.client.get(f"/identities/{document['id']}").json() == document


def test_list_holds_the_owners_of_this_business_alone(business: Business) -> None:
    other = make_merchant_identity(business.application)
    business.client.post(f"/identities/{other.public_id}/associated_identities", {"entity": OWNER})
    ids = [business.add(principal_percentage_ownership=share).json()["id"] for share in (10, 20, 20)]

    first = business.client.get(f"{business.path}?limit=2", **{"Finix-Version": "2022-02-01"}).json()
    rest = business.client.get(f"{business.path}?limit=2&after_cursor={first['page']['next_cursor']}").json()

    assert [row["id"] for row in first["_embedded"]["identities"]] == [ids[2], ids[1]]
    assert [row["id"] for row in rest["_embedded"]["identities"]] == [ids[0]]
    assert "next_cursor" not in rest["page"]


def test_name_is_needed_and_a_business_type_is_refused_at_once(business: Business) -> None:
    answer = business.client.post(
        business.path, {"entity": {"last_name": None, "business_type": "CORPORATION", "tax_id": "12"}}
    )

    assert sorted(refused(answer)) == [
        "entity.business_type", "entity.first_name", "entity.last_name", "entity.tax_id",
    ]  # fmt: skip


@pytest.mark.parametrize("body", [{}, {"entity": None}, {"entity": []}, {"entity": "Ann"}])
def test_entity_is_needed(business: Business, body: dict[str, Any]) -> None:
    assert list(refused(business.client.post(business.path, body))) == ["entity"]


def test_name_alone_is_enough(business: Business) -> None:
    answer = business.client.post(business.path, {"entity": {"first_name": "Ann", "last_name": "Lee"}})

    assert (answer.status_code, answer.json()["entity"]["principal_percentage_ownership"]) == (201, None)


def test_buyer_has_no_owners(business: Business) -> None:
    buyer = make_identity(business.application)

    answer = business.client.post(f"/identities/{buyer.public_id}/associated_identities", {"entity": OWNER})

    assert list(refused(answer).values()) == [
        "Only a business has owners: the identity of a merchant, and of no buyer or owner."
    ]


def test_owner_has_no_owners(business: Business) -> None:
    owner = business.add().json()["id"]

    answer = business.client.post(f"/identities/{owner}/associated_identities", {"entity": OWNER})

    assert list(refused(answer)) == [""]


class TestShares:
    """Principal and owners hold the whole at most."""

    def test_may_be_the_whole(self, business: Business) -> None:
        assert business.add(principal_percentage_ownership=50).status_code == 201

    def test_more_than_the_whole_is_refused(self, business: Business) -> None:
        business.add(principal_percentage_ownership=30)

        answer = business.add(principal_percentage_ownership=21)

        assert refused(answer) == {SHARE: "Principal and owners would hold 101 % together; 100 % is the whole"}
        assert len(business.client.get(business.path).json()["_embedded"]["identities"]) == 1

    def test_of_an_owner_may_grow_to_the_whole_only(self, business: Business) -> None:
        business.add(principal_percentage_ownership=20)
        path = f"/identities/{business.add(principal_percentage_ownership=10).json()['id']}"

        beyond = business.client.put(path, {"entity": {"principal_percentage_ownership": 31}})
        whole = business.client.put(path, {"entity": {"principal_percentage_ownership": 30}})

        assert list(refused(beyond)) == [SHARE]
        assert (whole.status_code, whole.json()["entity"]["principal_percentage_ownership"]) == (200, 30)

    def test_of_the_principal_may_grow_to_the_whole_only(self, business: Business) -> None:
        business.add(principal_percentage_ownership=30)
        path = f"/identities/{business.identity.public_id}"

        beyond = business.client.put(path, {"entity": {"principal_percentage_ownership": 71}})
        whole = business.client.put(path, {"entity": {"principal_percentage_ownership": 70}})

        assert (list(refused(beyond)), whole.status_code) == ([SHARE], 200)

    def test_of_another_business_does_not_count(self, business: Business) -> None:
        other = make_merchant_identity(business.application)
        path = f"/identities/{other.public_id}/associated_identities"

        answers = [business.add(principal_percentage_ownership=50), business.client.post(path, {"entity": OWNER})]

        assert [answer.status_code for answer in answers] == [201, 201]


class TestUpdateOfAnOwner:
    def test_keeps_what_is_not_told(self, business: Business) -> None:
        document = business.add().json()

        answer = business.client.put(
            f"/identities/{document['id']}", {"entity": {"title": None, "last_name": "Lee-Ray"}}
        )

        assert answer.json()["entity"] == document["entity"] | {"title": None, "last_name": "Lee-Ray"}

    def test_refuses_to_make_it_a_business_or_nameless(self, business: Business) -> None:
        path = f"/identities/{business.add().json()['id']}"

        answer = business.client.put(path, {"entity": {"business_type": "CORPORATION", "first_name": None}})

        assert sorted(refused(answer)) == ["entity.business_type", "entity.first_name"]


def test_too_many_owners_are_refused(business: Business) -> None:
    entity = {"first_name": "Ann", "last_name": "Lee"}
    for _ in range(MOST_OWNERS):
        create_associated_identity(business=business.identity, entity=entity, by=system(), at=timezone.now())

    assert refused(business.add()) == {"": f"A business has at most {MOST_OWNERS} owners here."}


def test_merchant_sees_its_owners_and_adds_none(business: Business) -> None:
    owner = business.add().json()["id"]
    other = make_merchant_identity(business.application)
    theirs, foreign = (ApiClient(make_merchant_login(identity)) for identity in (business.identity, other))

    assert [row["id"] for row in theirs.get(business.path).json()["_embedded"]["identities"]] == [owner]
    assert theirs.get(f"/identities/{owner}").status_code == 200
    assert theirs.post(business.path, {"entity": OWNER}).status_code == 403
    assert (foreign.get(business.path).status_code, foreign.get(f"/identities/{owner}").status_code) == (404, 404)


def test_processor_is_told_of_all_owners(business: Business) -> None:
    business.add()
    business.add(first_name="Bo", tax_id=None, dob=None, principal_percentage_ownership=5)

    with transaction(by=system()):
        told = underwriting_of(business.identity)

    assert [(owner.first_name, owner.members["principal_percentage_ownership"]) for owner in told.owners] == [
        ("Ann", 30), ("Bo", 5),
    ]  # fmt: skip
    ann, bo = told.owners
    assert (ann.tax_id and ann.tax_id.reveal(), str(ann.dob)) == ("078051120", "1980-02-29")
    assert (bo.tax_id, bo.dob, bo.owners) == (None, None, ())
    assert (told.first_name, told.tax_id and told.tax_id.reveal()) == ("dwayne", "123456789")


def test_owner_of_another_tenants_business_is_refused_by_the_database(business: Business) -> None:
    foreign = make_merchant_identity(make_application("Other")[0])
    owner = Identity.parse_id(business.add().json()["id"])

    with (
        in_sight_of(business.application.pk, foreign.application_id),
        refused_by_database(IntegrityError, "same_tenant"),
    ):
        Identity.objects.filter(pk=owner).update(associated_with=foreign.pk)


@pytest.mark.stack
def test_owners_at_once_hold_the_whole_at_most(stack: Stack) -> None:
    client = HttpClient(stack, "PARTNER")
    business = client.call("POST", "/identities", {"entity": MERCHANT | {"principal_percentage_ownership": 60}}).json()
    path = f"/identities/{business['id']}"

    def add(number: int) -> int:
        if number == 3:
            return client.call("PUT", path, {"entity": {"principal_percentage_ownership": 90}}).status
        return client.call("POST", f"{path}/associated_identities", {"entity": OWNER}).status

    with ThreadPoolExecutor(6) as pool:
        statuses = sorted(pool.map(add, range(6)))

    owners = client.call("GET", f"{path}/associated_identities").json()["_embedded"]["identities"]
    entities = [client.call("GET", path).json()["entity"], *(owner["entity"] for owner in owners)]
    assert sum(entity["principal_percentage_ownership"] for entity in entities) <= 100
    assert statuses in ([201, 422, 422, 422, 422, 422], [200, 422, 422, 422, 422, 422])


@pytest.mark.stack
def test_shares_of_two_owners_told_at_once_are_one_after_the_other(stack: Stack) -> None:
    client = HttpClient(stack, "PARTNER")
    business = client.call("POST", "/identities", {"entity": MERCHANT}).json()
    path = f"/identities/{business['id']}/associated_identities"
    made = [client.call("POST", path, {"entity": OWNER | {"principal_percentage_ownership": 5}}).json() for _ in "12"]

    def grow(number: int) -> int:
        entity = {"principal_percentage_ownership": 45}
        return client.call("PUT", f"/identities/{made[number % 2]['id']}", {"entity": entity}).status

    with ThreadPoolExecutor(4) as pool:
        statuses = sorted(pool.map(grow, range(4)))

    assert statuses == [200, 200, 422, 422]


class TestPages:
    """What a partner's people see and do, and a merchant's."""

    @pytest.fixture
    def browser(self, business: Business) -> Client:
        return self.browser_of(Role.PARTNER, business.application)

    @staticmethod
    def browser_of(role: Role, application: Application, identity: Identity | None = None) -> Client:
        person = make_person(
            f"{role.name.lower()}@example.org",
            role,
            application=application,
            identity_id=identity.pk if identity else None,
        )
        client = Client()
        client.force_login(person)
        return client

    @staticmethod
    def form(**fields: str) -> dict[str, str]:
        return {
            "key": "owner-1", "first_name": "Ann", "last_name": "Lee", "principal_percentage_ownership": "30",
            "dob": "1980-02-29", "tax_id": "078-05-1120", "personal_address__country": "USA", **fields,
        }  # fmt: skip

    def test_form_adds_one_owner_however_often_it_is_sent(self, business: Business, browser: Client) -> None:
        page = f"/dashboard/identities/{business.identity.public_id}/owners/"

        answers = [browser.post(f"{page}new/", self.form()) for _ in "12"]
        shown = browser.get(page).content.decode()

        assert [(answer.status_code, answer.headers["Location"]) for answer in answers] == [(302, page)] * 2
        (owner,) = business.client.get(business.path).json()["_embedded"]["identities"]
        assert (owner["entity"]["personal_address"], owner["entity"]["tax_id_provided"]) == (None, True)
        assert "Ann Lee" in shown
        assert "078051120" not in shown
        assert "1980" not in shown
        assert "20 %" in shown  # what nobody holds

    def test_form_names_everything_at_once(self, business: Business, browser: Client) -> None:
        page = f"/dashboard/identities/{business.identity.public_id}/owners/new/"
        wrong = self.form(
            first_name="", tax_id="12", phone="x", email="no", personal_address__country="XXX", dob="2100-01-01"
        )

        errors = browser.post(page, wrong).context["form"].errors

        assert set(errors) == {"first_name", "tax_id", "phone", "email", "personal_address__country", "dob"}

    def test_too_large_a_share_is_told_beside_its_field(self, business: Business, browser: Client) -> None:
        page = f"/dashboard/identities/{business.identity.public_id}/owners/new/"

        refused_form = browser.post(page, self.form(principal_percentage_ownership="51")).context["form"]
        answer = browser.post(page, self.form(principal_percentage_ownership="50"))

        assert list(refused_form.errors) == ["principal_percentage_ownership"]
        assert answer.status_code == 302

    def test_owner_is_edited_with_its_own_form(self, business: Business, browser: Client) -> None:
        owner = business.add().json()["id"]
        page = f"/dashboard/identities/{owner}/edit/"
        shown = browser.get(page)
        sent = {bound.html_name: bound.value() for bound in shown.context["form"] if bound.value() not in (None, False)}
        told = sent | {"title": "CEO", "version": shown.context["version"]}

        too_much = browser.post(page, told | {"principal_percentage_ownership": "51"})
        stale = browser.post(page, told | {"version": ""})
        saved = browser.post(page, told)

        assert list(too_much.context["form"].errors) == ["principal_percentage_ownership"]
        assert list(stale.context["form"].errors) == ["__all__"]
        assert saved.status_code == 302
        assert business.client.get(f"/identities/{owner}").json()["entity"]["title"] == "CEO"

    def test_principal_that_would_hold_too_much_is_told_beside_the_field(
        self, business: Business, browser: Client
    ) -> None:
        business.add()
        page = f"/dashboard/identities/{business.identity.public_id}/edit/"
        shown = browser.get(page)
        sent = {bound.html_name: bound.value() for bound in shown.context["form"] if bound.value() not in (None, False)}
        told = {"principal_percentage_ownership": "80", "version": shown.context["version"]}

        answer = browser.post(page, sent | told)

        assert list(answer.context["form"].errors) == ["principal_percentage_ownership"]

    def test_page_of_an_owner_leads_to_its_business(self, business: Business, browser: Client) -> None:
        owner = business.add().json()["id"]

        shown = browser.get(f"/dashboard/identities/{owner}/")

        assert f"/dashboard/identities/{business.identity.public_id}/owners/" in shown.content.decode()
        assert "Beneficial owner" in shown.content.decode()
        assert [tab["label"] for tab in shown.context["tabs"]] == ["OVERVIEW", "PAYMENT INSTRUMENTS"]

    def test_merchant_sees_and_may_not_add(self, business: Business) -> None:
        business.add()
        theirs = self.browser_of(Role.MERCHANT, business.application, business.identity)
        page = f"/dashboard/identities/{business.identity.public_id}/owners/"

        shown = theirs.get(page)

        assert "Ann Lee" in shown.content.decode()
        assert "owners/new/" not in shown.content.decode()
        assert (theirs.get(f"{page}new/").status_code, theirs.post(f"{page}new/", self.form()).status_code) == (
            403,
            403,
        )

    def test_of_buyers_owners_and_strangers_do_not_exist(self, business: Business, browser: Client) -> None:
        foreign = make_merchant_identity(make_application("Other")[0])
        buyer = make_identity(business.application, BUYER)
        owner = business.add().json()["id"]

        for public_id in (foreign.public_id, buyer.public_id, owner):
            for page in ("owners/", "owners/new/"):
                assert browser.get(f"/dashboard/identities/{public_id}/{page}").status_code == 404
