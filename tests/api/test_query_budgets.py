"""How many statements each route takes, literally: log-in, setting the tenant and back, and the rest."""

from datetime import timedelta

import pytest
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from providers import feeds
from tenancy.models import ApiUser
from tests.api.conftest import Tenant
from tests.api.routes import body_of, ids_of, path_of, prepare
from tests.conftest import ApiClient
from tests.factories.onboarding import make_merchant_identity
from tests.factories.payments import make_authorization, make_card, make_merchant, make_sale, make_settlement

CURSOR = {"Finix-Version": "2022-02-01"}


@pytest.fixture(autouse=True)
def _process_serves(db: None, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first request of a process checks the database role and the keys; the first of a key notes its use.

    The first sale of every few seconds writes a job as well, that news will come.
    """
    monkeypatch.setitem(feeds._expected, "again_at", timezone.now() + timedelta(hours=1))
    ApiClient().get("/")
    for name in {"admin", "own", "own_shop"} & set(request.fixturenames):
        request.getfixturevalue(name)
    ApiUser.objects.update(last_used_at=timezone.now())


@pytest.mark.parametrize("rows", [1, 3])
@pytest.mark.parametrize(("version", "queries"), [({}, 8), (CURSOR, 7)])
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
        ("/verifications", 7),
        ("/payment_instruments?type=PAYMENT_CARD", 7),
        ("/settlements?status=PENDING", 8),
        ("/transfers?instrument_card_last4=0006&tags.value=1&merchant_identity_name=bobs%20burgers", 9),
        ("/authorizations?instrument_card_last4=0006&tags.value=1&merchant_identity_name=bobs%20burgers", 9),
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
        merchant, card = make_merchant(identity), make_card(identity)
        make_settlement(merchant, make_sale(merchant, card, tags={"order": "1"}))
        make_authorization(merchant, card, tags={"order": "1"})
    partner = ApiClient(own_shop.partner)

    with django_assert_num_queries(queries - saved):
        answer = partner.get(path, **version)

    (shown,) = answer.json()["_embedded"].values()
    assert len(shown) == rows


@pytest.mark.parametrize(
    ("path", "queries"),
    [
        ("/", 1),
        ("/applications", 7),
        ("/applications/{applications}", 6),
        ("/applications/{applications}/users", 8),
        ("/applications/{applications}/processors", 8),
        ("/applications/{applications}/identities", 9),  # with birth dates from the vault
        ("/applications/{applications}/application_profile", 7),
        ("/identities", 8),
        ("/identities/{identities}", 7),
        ("/users", 7),
        ("/users/{users}", 6),
        ("/application_profiles", 7),
        ("/merchant_profiles/{merchant_profiles}", 6),
        ("/risk_profiles", 7),
        ("/applications/{applications}/merchants", 9),
        ("/applications/{applications}/payment_instruments", 8),
        ("/applications/{applications}/transfers", 8),
        ("/identities/{identities}/merchants", 9),
        ("/identities/{identities}/associated_identities", 8),
        ("/identities/{identities}/payment_instruments", 8),
        ("/identities/{identities}/verifications", 8),
        ("/identities/{identities}/transfers", 8),
        ("/merchants", 8),
        ("/merchants/{merchants}", 6),
        ("/merchants/{merchants}/verifications", 8),
        ("/verifications", 7),
        ("/verifications/{verifications}", 6),
        ("/payment_instruments", 7),
        ("/payment_instruments?tags.key=shop", 8),  # how many have it is asked first
        ("/payment_instruments/{payment_instruments}", 6),
        ("/payment_instruments/{payment_instruments}/transfers", 8),
        ("/payment_instruments/{payment_instruments}/verifications", 8),
        ("/payment_instruments/{payment_instruments}/updates", 8),
        ("/updates/{updates}", 6),
        ("/transfers", 7),
        ("/transfers/{transfers}", 6),
        ("/authorizations", 7),
        ("/authorizations/{authorizations}", 6),
        ("/applications/{applications}/authorizations", 8),
        ("/identities/{identities}/authorizations", 8),
        ("/payment_instruments/{payment_instruments}/authorizations", 8),
        ("/transfers/{transfers}/payment_instruments", 8),
        ("/transfers/{transfers}/reversals", 8),
        ("/applications/{applications}/reversals", 8),
        ("/settlements", 8),  # with their processors
        ("/settlements?processor=dummy_v1&transfer_id={transfers}", 10),
        ("/settlements/{settlements}", 7),
        ("/settlements/{settlements}/transfers", 8),
        ("/settlements/{settlements}/funding_transfers", 8),
        ("/applications/{applications}/settlements", 9),
        ("/identities/{identities}/settlements", 9),
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
        ("POST identities/<str:identity>/merchants", 48),
        ("POST payment_instruments", 36),
        ("POST applications/<str:application>/tokens", 30),
        ("PUT payment_instruments/<str:pk>", 35),
        ("POST transfers", 35),
        ("POST transfers/<str:transfer>/reversals", 39),
        ("POST payment_instruments/<str:payment_instrument>/verifications", 41),
        ("POST payment_instruments/<str:payment_instrument>/updates", 39),
        ("POST verifications", 21),
        ("POST merchants/<str:merchant>/verifications", 21),
        ("POST identities/<str:identity>/verifications", 22),
        ("PUT merchants/<str:pk>", 15),
        ("PUT transfers/<str:pk>", 15),
        ("POST identities/<str:identity>/settlements", 32),
        ("PUT settlements/<str:pk>", 15),
        ("DELETE settlements/<str:settlement>/transfers", 19),
        ("POST authorizations", 33),
        ("PUT authorizations/<str:pk>", 42),
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
    prepare(operation, ids)
    for _ in range(sales_before):
        admin.post("/transfers", body_of("POST transfers", ids))

    with django_assert_num_queries(queries):
        answer = admin.request(method, path, body)

    assert answer.status_code in {200, 201, 204}


@pytest.mark.parametrize(
    ("method", "path", "body", "queries"),
    [
        ("POST", "/users/{users}/secret", {"overlap_seconds": 60}, 14),
        ("POST", "/identities", {"entity": {"first_name": "Ann"}}, 9),
        ("POST", "/identities", {"entity": {"first_name": "Ann", "tax_id": "078051120"}}, 10),
        ("PUT", "/identities/{identities}", {"tags": {"a": "b"}}, 14),
        ("PUT", "/identities/{identities}", {}, 12),
        ("PUT", "/users/{users}", {"tags": {"a": "b"}}, 14),
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
