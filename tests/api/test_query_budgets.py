"""How many statements each route takes, literally: log-in, setting the tenant and back, and the rest."""

import pytest
from pytest_django import DjangoAssertNumQueries

from tests.api.conftest import Tenant
from tests.api.routes import body_of, ids_of, path_of
from tests.conftest import ApiClient
from tests.factories.onboarding import make_merchant_identity
from tests.factories.payments import make_card, make_merchant, make_sale

CURSOR = {"Finix-Version": "2022-02-01"}


@pytest.fixture(autouse=True)
def _process_serves(db: None) -> None:
    """The first request of a process checks the database role and the keys."""
    ApiClient().get("/")


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


@pytest.mark.parametrize("rows", [1, 3])
@pytest.mark.parametrize(("version", "saved"), [({}, 0), (CURSOR, 1)])
@pytest.mark.parametrize(
    ("path", "queries"),
    [
        ("/merchants?onboarding_state=APPROVED", 8),
        ("/verifications", 8),
        ("/payment_instruments?type=PAYMENT_CARD", 8),
        ("/transfers?instrument_card_last4=0006&tags.value=1&merchant_identity_name=bobs%20burgers", 8),
    ],
)
def test_lists_of_a_shop_take_the_same_queries_for_any_number(
    *,
    own_shop: Tenant,
    django_assert_num_queries: DjangoAssertNumQueries,
    path: str,
    rows: int,
    version: dict[str, str],
    saved: int,
    queries: int,
) -> None:
    for _ in range(rows - 1):
        identity = make_merchant_identity(own_shop.application)
        make_sale(make_merchant(identity), make_card(identity), tags={"order": "1"})
    partner = ApiClient(own_shop.partner)

    with django_assert_num_queries(queries - saved):
        answer = partner.get(path, **version)

    (shown,) = answer.json()["_embedded"].values()
    assert len(shown) == rows


@pytest.mark.parametrize(
    ("path", "queries"),
    [
        ("/", 2),
        ("/applications", 8),
        ("/applications/{applications}", 7),
        ("/applications/{applications}/users", 9),
        ("/applications/{applications}/processors", 9),
        ("/applications/{applications}/identities", 10),  # with birth dates from the vault
        ("/applications/{applications}/application_profile", 8),
        ("/identities", 9),
        ("/identities/{identities}", 8),
        ("/users", 8),
        ("/users/{users}", 7),
        ("/application_profiles", 8),
        ("/merchant_profiles/{merchant_profiles}", 7),
        ("/risk_profiles", 8),
        ("/applications/{applications}/merchants", 9),
        ("/applications/{applications}/payment_instruments", 9),
        ("/applications/{applications}/transfers", 9),
        ("/identities/{identities}/merchants", 9),
        ("/identities/{identities}/payment_instruments", 9),
        ("/identities/{identities}/verifications", 9),
        ("/identities/{identities}/transfers", 9),
        ("/merchants", 8),
        ("/merchants/{merchants}", 7),
        ("/merchants/{merchants}/verifications", 9),
        ("/verifications", 8),
        ("/verifications/{verifications}", 7),
        ("/payment_instruments", 8),
        ("/payment_instruments/{payment_instruments}", 7),
        ("/payment_instruments/{payment_instruments}/transfers", 9),
        ("/transfers", 8),
        ("/transfers/{transfers}", 7),
        ("/transfers/{transfers}/payment_instruments", 9),
    ],
)
def test_queries_of_a_read(
    own_shop: Tenant, django_assert_num_queries: DjangoAssertNumQueries, path: str, queries: int
) -> None:
    path = path.format(**ids_of(own_shop))
    partner = ApiClient(own_shop.partner)

    with django_assert_num_queries(queries):
        answer = partner.get(path)

    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("operation", "queries"),
    [
        ("POST identities/<str:identity>/merchants", 49),
        ("POST payment_instruments", 31),
        ("POST transfers", 35),
        ("POST verifications", 22),
        ("POST merchants/<str:merchant>/verifications", 22),
        ("POST identities/<str:identity>/verifications", 23),
        ("PUT merchants/<str:pk>", 16),
    ],
)
@pytest.mark.parametrize("sales_before", [0, 3])
def test_queries_of_a_write_to_a_shop(
    *,
    own_shop: Tenant,
    admin: ApiClient,
    django_assert_num_queries: DjangoAssertNumQueries,
    operation: str,
    queries: int,
    sales_before: int,
) -> None:
    """The sandbox's own statements included: it lives in the same database, in transactions of its own."""
    ids = ids_of(own_shop)
    method, _, route = operation.partition(" ")
    path, body = path_of(route, ids), body_of(operation, ids)
    for _ in range(sales_before):
        admin.post("/transfers", body_of("POST transfers", ids))

    with django_assert_num_queries(queries):
        answer = admin.request(method, path, body)

    assert answer.status_code in {200, 201}


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
