"""How many statements each route takes, literally: log-in, setting the tenant and back, and the rest."""

import pytest
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from tenancy import services
from tenancy.actors import system
from tenancy.models import Processor
from tests.api.conftest import Tenant
from tests.api.routes import ids_of
from tests.conftest import ApiClient
from tests.factories.onboarding import make_merchant_identity

CURSOR = {"Finix-Version": "2022-02-01"}


@pytest.mark.parametrize("rows", [1, 3])
@pytest.mark.parametrize(("version", "queries"), [({}, 9), (CURSOR, 8)])
def test_list_of_identities_takes_the_same_queries_for_any_number(
    own: Tenant, django_assert_num_queries: DjangoAssertNumQueries, rows: int, version: dict[str, str], queries: int
) -> None:
    for _ in range(rows):
        make_merchant_identity(own.application)
    partner = ApiClient(own.partner)

    with django_assert_num_queries(queries):
        answer = partner.get("/identities?business_type=CORPORATION", **version)

    assert len(answer.json()["_embedded"]["identities"]) == rows


@pytest.mark.parametrize(
    ("path", "queries"),
    [
        ("/", 2),
        ("/applications", 8),
        ("/applications/{applications}", 7),
        ("/applications/{applications}/users", 9),
        ("/applications/{applications}/processors", 9),
        ("/applications/{applications}/identities", 9),
        ("/applications/{applications}/application_profile", 8),
        ("/identities", 8),
        ("/identities/{identities}", 7),
        ("/users", 8),
        ("/users/{users}", 7),
        ("/application_profiles", 8),
        ("/merchant_profiles/{merchant_profiles}", 7),
        ("/risk_profiles", 8),
    ],
)
def test_queries_of_a_read(
    own: Tenant, django_assert_num_queries: DjangoAssertNumQueries, path: str, queries: int
) -> None:
    services.enable_processor(
        application=own.application, name=Processor.Name.DUMMY_V1, config={}, by=system(), at=timezone.now()
    )
    path = path.format(**ids_of(own))
    partner = ApiClient(own.partner)

    with django_assert_num_queries(queries):
        answer = partner.get(path)

    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "body", "queries"),
    [
        ("POST", "/identities", {"entity": {"first_name": "Ann"}}, 11),
        ("POST", "/identities", {"entity": {"first_name": "Ann", "tax_id": "078051120"}}, 12),
        ("PUT", "/identities/{identities}", {"tags": {"a": "b"}}, 16),
        ("PUT", "/identities/{identities}", {}, 13),
        ("PUT", "/users/{users}", {"tags": {"a": "b"}}, 16),
    ],
)
def test_queries_of_a_write(
    *,
    own: Tenant,
    django_assert_num_queries: DjangoAssertNumQueries,
    method: str,
    path: str,
    body: dict[str, object],
    queries: int,
) -> None:
    partner = ApiClient(own.partner)
    path = path.format(identities=own.identity.public_id, users=own.merchant.user.public_id)

    with django_assert_num_queries(queries):
        answer = partner.request(method, path, body)

    assert answer.status_code in {200, 201}
