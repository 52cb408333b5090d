"""The first fence alone: our code over the owner's connection, which row security does not bind."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection

from onboarding.models import Identity, Merchant, PaymentInstrument, Verification
from payments.models import Journal, LedgerAccount, Posting, Transfer
from providers.models import Attempt
from tenancy.actors import Actor
from tenancy.models import ApiUser, Application, ApplicationProfile, MerchantProfile, Person, Processor, RiskProfile
from tenancy.roles import Role
from tests.conftest import ApiClient
from tests.factories.onboarding import make_merchant_identity, make_merchant_login
from tests.factories.payments import make_card, make_merchant, make_sale
from tests.factories.tenancy import make_person
from tests.tenancy.conftest import Tenant, run

pytestmark = pytest.mark.django_db(databases=["default", "owner"])

MODELS = [
    Application, ApplicationProfile, RiskProfile, MerchantProfile, Processor, Identity, ApiUser, Person,
    PaymentInstrument, Merchant, Verification, Attempt, Transfer, LedgerAccount, Journal, Posting,
]  # fmt: skip


class World:
    def __init__(self) -> None:
        self.own, self.foreign = Tenant("Own"), Tenant("Foreign")
        for name, tenant in (("own", self.own), ("foreign", self.foreign)):
            make_person(f"{name}@example.org", Role.PARTNER, application=tenant.application)
        self.merchant = make_merchant_login(self.own.identity)


@pytest.fixture
def world(as_owner: Callable[[], Any], db: None) -> Any:
    ApiClient().get("/")  # a process finds its database role fit once, and the owner's would not be
    with as_owner():
        yield World()


def tenants_of(model: Any, actor: Actor) -> set[Any]:
    column = "pk" if model is Application else "application_id"
    return set(model.objects.visible_to(actor).values_list(column, flat=True))


def test_row_security_is_out_of_the_way(world: World) -> None:
    assert connection.alias == "owner"
    for model in (Application, Identity, Processor):
        applications = {world.own.application.pk, world.foreign.application.pk}
        column = "pk" if model is Application else "application_id"
        assert applications <= set(model.objects.values_list(column, flat=True))


@pytest.mark.parametrize("model", MODELS)
def test_partner_sees_its_own_rows_only(world: World, model: Any) -> None:
    assert tenants_of(model, world.own.partner.actor) == {world.own.application.pk}


@pytest.mark.parametrize("model", MODELS)
def test_partner_without_application_sees_nothing(world: World, model: Any) -> None:
    actor = world.own.partner.actor
    lone = Actor(kind=actor.kind, id=actor.id, name="lone", role=Role.PARTNER, application_ids=())

    assert tenants_of(model, lone) == set()


@pytest.mark.parametrize("model", MODELS)
def test_platform_sees_all(world: World, model: Any) -> None:
    actor = world.own.partner.actor
    platform = Actor(kind=actor.kind, id=None, name="p", role=Role.PLATFORM, application_ids=())

    assert {world.own.application.pk, world.foreign.application.pk} <= tenants_of(model, platform)


def test_merchant_sees_its_identity_only(world: World) -> None:
    assert list(Identity.objects.visible_to(world.merchant.actor)) == [world.own.identity]


def test_merchant_sees_what_is_its_own_and_not_its_siblings(world: World) -> None:
    sibling = make_merchant(make_merchant_identity(world.own.application))
    make_sale(sibling, make_card(sibling.identity))
    partner, merchant = world.own.partner.actor, world.merchant.actor

    for model, owner in (
        (PaymentInstrument, "identity_id"), (Merchant, "identity_id"), (Verification, "merchant_identity_id"),
        (Transfer, "merchant_identity_id"), (LedgerAccount, "merchant__identity_id"),
        (Posting, "account__merchant__identity_id"),
    ):  # fmt: skip
        seen_by_partner = set(model.objects.visible_to(partner).values_list(owner, flat=True))
        assert {world.own.identity.pk, sibling.identity_id} <= seen_by_partner
        assert set(model.objects.visible_to(merchant).values_list(owner, flat=True)) == {world.own.identity.pk}


@pytest.mark.parametrize(
    "path",
    [
        "/identities",
        "/applications",
        "/users",
        "/application_profiles",
        "/merchant_profiles",
        "/risk_profiles",
        "/merchants",
        "/verifications",
        "/payment_instruments",
        "/transfers",
    ],
)
def test_lists_of_the_api_show_nothing_foreign(world: World, path: str) -> None:
    shown = ApiClient(world.own.partner).get(path)

    foreign = world.foreign
    needles = [foreign.application.public_id, foreign.identity.public_id, foreign.partner.user.public_id]
    assert (shown.status_code, shown.json()["page"]["count"] > 0) == (200, True)
    assert [needle for needle in needles if needle in shown.content.decode()] == []


def test_single_rows_of_others_are_not_found_nor_changed(world: World) -> None:
    partner, foreign = ApiClient(world.own.partner), world.foreign
    assert foreign.risk_profile is not None
    paths = [
        f"/identities/{foreign.identity.public_id}",
        f"/applications/{foreign.application.public_id}",
        f"/users/{foreign.partner.user.public_id}",
        f"/merchant_profiles/{foreign.merchant_profile.public_id}",
        f"/risk_profiles/{foreign.risk_profile.public_id}",
        f"/applications/{foreign.application.public_id}/processors/DUMMY_V1",
        f"/applications/{foreign.application.public_id}/identities",
    ]

    assert [partner.get(path).status_code for path in paths] == [404] * len(paths)
    assert partner.put(paths[0], {"tags": {"a": "b"}}).status_code == 404
    assert partner.put(paths[2], {"enabled": False}).status_code == 404
    assert run("SELECT tags->>'a' FROM identity WHERE id = %s", foreign.identity.pk) == [(None,)]
