"""Who gets what: every route of the URL map, every role, and what is one's own, another tenant's, or nobody's."""

import json

import pytest
from django.db import transaction as database
from django.http import HttpResponse
from django.utils import timezone

from onboarding.models import Identity, InstrumentUpdate, Merchant, PaymentInstrument, ReviewItem, Verification
from payments.models import Authorization, Settlement, Transfer
from resources import ids
from tenancy import services
from tenancy.actors import system
from tenancy.models import ApiUser, Application, ApplicationProfile, MerchantProfile, RiskProfile
from tenancy.roles import Role
from tests.api.conftest import Tenant, errors_of
from tests.api.routes import BODIES, PUBLIC, api_routes, body_of, ids_of, operations, path_of, prepare
from tests.conftest import ApiClient
from tests.factories.onboarding import make_identity, make_merchant_identity
from tests.factories.payments import make_authorization, make_card, make_merchant, make_sale, make_settlement
from tests.factories.tenancy import Login, make_platform_login

ROLES = ("stranger", "admin", "platform", "partner", "merchant", "lone")
"""`lone` is a partner that has no application yet."""

_TO_ALL = "201,201,404"
# For each role one status, or three: for its own, for another tenant's, for what does not exist.
TABLE = {
    "GET applications":                                       "401 200 200 200 200 200",
    "POST applications":                                      "401 201 201 403 403 403",
    "GET applications/<str:pk>":                              "401 200,200,404 200,200,404 200,404,404 200,404,404 404",
    "PUT applications/<str:pk>":                              "401 200,200,404 200,200,404 403 403 403",
    "GET applications/<str:application>/processors":          "401 200,200,404 200,200,404 200,404,404 403 404",
    "POST applications/<str:application>/processors":         "401 201,201,404 201,201,404 403 403 403",
    "GET applications/<str:application>/processors/<str:pk>": "401 200,200,404 200,200,404 200,404,404 403 404",
    "PUT applications/<str:application>/processors/<str:pk>": "401 200,200,404 200,200,404 403 403 403",
    "GET applications/<str:application>/users":               "401 200,200,404 200,200,404 200,404,404 403 404",
    "POST applications/<str:application>/users":              "401 201,201,404 201,201,404 201,404,404 403 404",
    "GET applications/<str:application>/identities":          "401 200,200,404 200,200,404 200,404,404 200,404,404 404",
    "GET applications/<str:application>/application_profile": "401 200,200,404 200,200,404 200,404,404 403 404",
    "GET identities":                                         "401 200 200 200 200 200",
    "POST identities":                                        "401 422 422 201 403 422",
    "GET identities/<str:pk>":                                "401 200,200,404 200,200,404 200,404,404 200,404,404 404",
    "PUT identities/<str:pk>":                                "401 200,200,404 200,200,404 200,404,404 403 404",
    "POST identities/<str:identity>/users":                   "401 201,201,404 201,201,404 201,404,404 403 404",
    "GET identities/<str:identity>/associated_identities":    "401 200,200,404 200,200,404 200,404,404 200,404,404 404",
    "POST identities/<str:identity>/associated_identities":   "401 201,201,404 201,201,404 201,404,404 403 404",
    "GET applications/<str:application>/merchants":           "401 200,200,404 200,200,404 200,404,404 200,404,404 404",
    "GET applications/<str:application>/payment_instruments": "401 200,200,404 200,200,404 200,404,404 200,404,404 404",
    "GET applications/<str:application>/transfers":           "401 200,200,404 200,200,404 200,404,404 200,404,404 404",
    "GET identities/<str:identity>/merchants":                "401 200,200,404 200,200,404 200,404,404 200,404,404 404",
    "POST identities/<str:identity>/merchants":               "401 201,201,404 201,201,404 201,404,404 403 404",
    "GET identities/<str:identity>/payment_instruments":      "401 200,200,404 200,200,404 200,404,404 200,404,404 404",
    "GET identities/<str:identity>/verifications":            "401 200,200,404 200,200,404 200,404,404 200,404,404 404",
    "POST identities/<str:identity>/verifications":           "401 201,201,404 201,201,404 201,404,404 403 404",
    "GET identities/<str:identity>/transfers":                "401 200,200,404 200,200,404 200,404,404 200,404,404 404",
    "GET merchants":                                          "401 200 200 200 200 200",
    "GET merchants/<str:pk>":                                 "401 200,200,404 200,200,404 200,404,404 200,404,404 404",
    "PUT merchants/<str:pk>":                                 "401 200,200,404 200,200,404 403,404,404 403 404",
    "GET merchants/<str:merchant>/verifications":             "401 200,200,404 200,200,404 200,404,404 200,404,404 404",
    "POST merchants/<str:merchant>/verifications":            "401 201,201,404 201,201,404 201,404,404 403 404",
    "GET verifications":                                      "401 200 200 200 200 200",
    "POST verifications":                                     "401 201,201,422 201,201,422 201,422,422 403 422",
    "GET verifications/<str:pk>":                             "401 200,200,404 200,200,404 200,404,404 200,404,404 404",
    "GET payment_instruments":                                "401 200 200 200 200 200",
    "POST payment_instruments":                               "401 201,201,422 201,201,422 201,422,422 403 422",
    "GET payment_instruments/<str:pk>":                       "401 200,200,404 200,200,404 200,404,404 200,404,404 404",
    "GET payment_instruments/<str:payment_instrument>/verifications":
                                                              "401 200,200,404 200,200,404 200,404,404 200,404,404 404",
    "POST payment_instruments/<str:payment_instrument>/verifications":
                                                              "401 201,201,404 201,201,404 201,404,404 403 404",
    "GET payment_instruments/<str:payment_instrument>/updates":
                                                              "401 200,200,404 200,200,404 200,404,404 200,404,404 404",
    "POST payment_instruments/<str:payment_instrument>/updates":
                                                              "401 201,201,404 201,201,404 201,404,404 403 404",
    "GET updates/<str:pk>":                                   "401 200,200,404 200,200,404 200,404,404 200,404,404 404",
    "PUT payment_instruments/<str:pk>":                       "401 200,200,404 200,200,404 200,404,404 403 404",
    "POST applications/<str:application>/tokens":             " ".join([_TO_ALL] * len(ROLES)),
    "GET payment_instruments/<str:instrument>/transfers":     "401 200,200,404 200,200,404 200,404,404 200,404,404 404",
    "GET transfers":                                          "401 200 200 200 200 200",
    "POST transfers":                                         "401 201,201,422 201,201,422 201,422,422 403 422",
    "GET transfers/<str:pk>":                                 "401 200,200,404 200,200,404 200,404,404 200,404,404 404",
    "PUT transfers/<str:pk>":                                 "401 200,200,404 200,200,404 200,404,404 403 404",
    "GET transfers/<str:transfer>/reversals":                 "401 200,200,404 200,200,404 200,404,404 200,404,404 404",
    "POST transfers/<str:transfer>/reversals":                "401 201,201,404 201,201,404 201,404,404 403 404",
    "GET applications/<str:application>/reversals":           "401 200,200,404 200,200,404 200,404,404 200,404,404 404",
    "GET transfers/<str:transfer>/payment_instruments":       "401 200,200,404 200,200,404 200,404,404 200,404,404 404",
    "GET applications/<str:application>/authorizations":      "401 200,200,404 200,200,404 200,404,404 200,404,404 404",
    "GET identities/<str:identity>/authorizations":           "401 200,200,404 200,200,404 200,404,404 200,404,404 404",
    "GET payment_instruments/<str:instrument>/authorizations":
                                                              "401 200,200,404 200,200,404 200,404,404 200,404,404 404",
    "GET applications/<str:application>/settlements":         "401 200,200,404 200,200,404 200,404,404 200,404,404 404",
    "GET identities/<str:identity>/settlements":              "401 200,200,404 200,200,404 200,404,404 200,404,404 404",
    "POST identities/<str:identity>/settlements":             "401 201,201,404 201,201,404 201,404,404 403 404",
    "GET settlements":                                        "401 200 200 200 200 200",
    "GET settlements/<str:pk>":                               "401 200,200,404 200,200,404 200,404,404 200,404,404 404",
    "PUT settlements/<str:pk>":                               "401 200,200,404 200,200,404 200,404,404 403 404",
    "POST settlements/<str:pk>":                              "401 422,422,404 422,422,404 403 403 403",
    "GET settlements/<str:settlement>/transfers":             "401 200,200,404 200,200,404 200,404,404 200,404,404 404",
    "DELETE settlements/<str:settlement>/transfers":          "401 204,204,404 204,204,404 204,404,404 403 404",
    "GET settlements/<str:settlement>/funding_transfers":     "401 200,200,404 200,200,404 200,404,404 200,404,404 404",
    "POST settlements/<str:settlement>/funding_transfers":    "401 422,422,404 422,422,404 403 403 403",
    "GET authorizations":                                     "401 200 200 200 200 200",
    "POST authorizations":                                    "401 201,201,422 201,201,422 201,422,422 403 422",
    "GET authorizations/<str:pk>":                            "401 200,200,404 200,200,404 200,404,404 200,404,404 404",
    "PUT authorizations/<str:pk>":                            "401 200,200,404 200,200,404 200,404,404 403 404",
    "GET review_queue":                                       "401 200 200 403 403 403",
    "GET review_queue/<str:pk>":                              "401 200,200,404 200,200,404 403 403 403",
    "PUT review_queue/<str:pk>":                              "401 200,200,404 200,200,404 403 403 403",
    "POST review_queue/<str:pk>":                             "401 200,200,404 200,200,404 403 403 403",
    "GET users":                                              "401 200 200 200 403 200",
    "POST users":                                             "401 201 201 403 403 403",
    "GET users/<str:pk>":                                     "401 200,200,404 200,200,404 200,404,404 403 404",
    "POST users/<str:pk>/secret":                              "401 201,201,404 201,201,404 201,404,404 403 404",
    "PUT users/<str:pk>":                                     "401 200,200,404 200,200,404 200,404,404 403 404",
    "GET application_profiles":                               "401 200 200 200 403 200",
    "GET application_profiles/<str:pk>":                      "401 200,200,404 200,200,404 200,404,404 403 404",
    "PUT application_profiles/<str:pk>":                      "401 200,200,404 200,200,404 403 403 403",
    "GET merchant_profiles":                                  "401 200 200 200 403 200",
    "GET merchant_profiles/<str:pk>":                         "401 200,200,404 200,200,404 200,404,404 403 404",
    "PUT merchant_profiles/<str:pk>":                         "401 200,200,404 200,200,404 403 403 403",
    "GET risk_profiles":                                      "401 200 200 200 403 200",
    "GET risk_profiles/<str:pk>":                             "401 200,200,404 200,200,404 200,404,404 403 404",
    "PUT risk_profiles/<str:pk>":                             "401 200,200,404 200,200,404 403 403 403",
}  # fmt: skip


class World:
    """Two tenants with one of everything, a log-in of every role, and ids that nobody has."""

    def __init__(self, own: Tenant, foreign: Tenant) -> None:
        self.lone = Login(*services.create_api_user(role=Role.PARTNER, by=system(), at=timezone.now()))
        self.clients = {
            "stranger": ApiClient(),
            "admin": ApiClient(make_platform_login()),
            "platform": ApiClient(make_platform_login(Role.PLATFORM)),
            "partner": ApiClient(own.partner),
            "merchant": ApiClient(own.merchant),
            "lone": ApiClient(self.lone),
        }
        self.targets = [ids_of(own), ids_of(foreign), absent_ids()]

    def ask(self, role: str, operation: str, ids: dict[str, str], *, method: str = "") -> HttpResponse:
        """Send a request, and undo what it did."""
        served, _, route = operation.partition(" ")
        body = body_of(operation, ids)
        if body is not None and operation == "POST applications":
            body["user"] = self.lone.user.public_id
        undo = database.savepoint()
        prepare(operation, ids)
        answer = self.clients[role].request(method or served, path_of(route, ids), body)
        database.savepoint_rollback(undo)
        return answer


def absent_ids() -> dict[str, str]:
    kinds = {
        "applications": Application,
        "users": ApiUser,
        "application_profiles": ApplicationProfile,
        "merchant_profiles": MerchantProfile,
        "risk_profiles": RiskProfile,
        "identities": Identity,
        "merchants": Merchant,
        "verifications": Verification,
        "payment_instruments": PaymentInstrument,
        "transfers": Transfer,
        "authorizations": Authorization,
        "settlements": Settlement,
        "review_queue": ReviewItem,
        "updates": InstrumentUpdate,
    }
    found = {plural: ids.public_id(kind.PREFIX, ids.new_id()) for plural, kind in kinds.items()}
    return found | {"processors": "DUMMY_V1"}


@pytest.fixture
def world(own_shop: Tenant, foreign_shop: Tenant) -> World:
    return World(own_shop, foreign_shop)


def expected(operation: str) -> dict[str, list[int]]:
    columns = [[int(status) for status in column.split(",")] for column in TABLE[operation].split()]
    return {role: column * (3 // len(column)) for role, column in zip(ROLES, columns, strict=True)}


def test_every_route_has_its_row() -> None:
    assert sorted(operation for operation, _ in operations()) == sorted(TABLE)
    assert sorted(BODIES) == sorted(operation for operation in TABLE if not operation.startswith("GET"))


def test_every_route_but_the_root_and_public_ones_names_a_permission_for_each_method() -> None:
    assert [route for route, callback in api_routes() if not hasattr(callback, "actions")] == [""]
    unnamed = {operation for operation, view in operations() if operation.partition(" ")[0] not in view.permissions}
    assert unnamed == PUBLIC


@pytest.mark.parametrize("operation", TABLE)
def test_statuses_of_every_role(world: World, operation: str) -> None:
    found = {role: [world.ask(role, operation, ids).status_code for ids in world.targets] for role in ROLES}

    assert found == expected(operation)


@pytest.mark.parametrize("operation", [operation for operation in TABLE if operation.startswith("GET")])
def test_head_gets_what_get_gets(world: World, operation: str) -> None:
    roles = ("stranger", "partner", "merchant")

    found = {
        role: [world.ask(role, operation, ids, method="HEAD").status_code for ids in world.targets] for role in roles
    }

    assert found == {role: statuses for role, statuses in expected(operation).items() if role in roles}


@pytest.mark.parametrize("route", sorted({operation.partition(" ")[2] for operation in TABLE}))
def test_methods_that_a_route_does_not_serve_are_405(world: World, route: str) -> None:
    served = {operation.partition(" ")[0] for operation in TABLE if operation.partition(" ")[2] == route}
    served |= {"OPTIONS"} if any(operation.endswith(f" {route}") for operation in PUBLIC) else set()
    others = sorted({"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"} - served)

    answers = [world.ask("admin", f"{method} {route}", world.targets[0]) for method in others]

    assert [answer.status_code for answer in answers] == [405] * len(others)
    allowed = served | ({"HEAD"} if "GET" in served else set())
    assert {tuple(sorted(answer["Allow"].split(", "))) for answer in answers} == {tuple(sorted(allowed))}


@pytest.mark.parametrize("operation", [one for one in TABLE if "<" in one and one not in PUBLIC])
def test_foreign_and_absent_answer_alike(world: World, operation: str) -> None:
    _, foreign, absent = world.targets
    body = []
    for ids_ in (foreign, absent):
        text = world.ask("partner", operation, ids_).content.decode()
        for public_id in ids_.values():
            text = text.replace(public_id, "ID-AS-SENT")
        body.append(json.loads(text))

    for each in body:
        for error in each["_embedded"]["errors"]:
            error.pop("logref")
    assert body[0] == body[1]
    assert "ID-AS-SENT" in json.dumps(body[0])


@pytest.mark.parametrize("operation", [operation for operation in TABLE if operation.startswith("GET")])
def test_nothing_foreign_is_in_any_answer(world: World, foreign_shop: Tenant, operation: str) -> None:
    own_ids, foreign_ids, _ = world.targets
    needles = [found for kind, found in foreign_ids.items() if kind != "processors"]
    needles += [foreign_shop.partner.user.public_id, ids.public_id("ID", foreign_shop.application.owner_id), "Foreign"]
    shown_to_admin = world.ask("admin", operation, foreign_ids).content.decode()

    shown = world.ask("partner", operation, own_ids).content.decode()

    assert any(needle in shown_to_admin for needle in needles)  # there is something that could be shown
    assert [needle for needle in needles if needle in shown] == []


def test_merchant_sees_no_sibling(own: Tenant) -> None:
    sibling = make_identity(own.application)
    merchant, partner = ApiClient(own.merchant), ApiClient(own.partner)
    lists = ("/identities", f"/applications/{own.application.public_id}/identities")

    def shown(client: ApiClient, path: str) -> list[str]:
        return [row["id"] for row in client.get(path).json()["_embedded"]["identities"]]

    assert all(sibling.public_id in shown(partner, path) for path in lists)
    assert [shown(merchant, path) for path in lists] == [[own.identity.public_id]] * 2
    assert merchant.get(f"/identities/{sibling.public_id}").status_code == 404
    assert merchant.get(f"/identities?after_cursor={sibling.public_id}").status_code == 404


@pytest.mark.parametrize(
    "kind", ["merchants", "verifications", "payment_instruments", "transfers", "authorizations", "settlements"]
)
def test_merchant_sees_nothing_of_a_siblings_shop(own_shop: Tenant, kind: str) -> None:
    sibling = make_merchant_identity(own_shop.application)
    sold_by, card = make_merchant(sibling), make_card(sibling)
    make_settlement(sold_by, make_sale(sold_by, card))
    make_authorization(sold_by, card)
    merchant, partner = ApiClient(own_shop.merchant), ApiClient(own_shop.partner)
    parents = (f"/applications/{own_shop.application.public_id}", "")
    lists = [f"{parent}/{kind}" for parent in parents if (parent, kind) != (parents[0], "verifications")]

    def shown(client: ApiClient, path: str) -> set[str]:
        return {row["id"] for row in client.get(path).json()["_embedded"][kind]}

    for path in lists:
        (theirs,) = shown(partner, path) - shown(merchant, path)
        assert shown(merchant, path) == {ids_of_one(own_shop, kind)}
        assert merchant.get(f"/{kind}/{theirs}").status_code == 404
        assert merchant.get(f"/{kind}?id={theirs}").json()["page"]["count"] == 0
        assert merchant.get(f"/{kind}?after_cursor={theirs}").status_code == 404
    assert merchant.get(f"/identities/{sibling.public_id}/{kind}").status_code == 404


def ids_of_one(shop: Tenant, kind: str) -> str:
    """The one of this kind that the shop's own identity has."""
    path = f"/identities/{shop.identity.public_id}/{kind}"
    (row,) = ApiClient(shop.partner).get(path).json()["_embedded"][kind]
    public_id: str = row["id"]
    return public_id


@pytest.mark.parametrize(
    ("method", "path", "member", "kind"),
    [
        ("POST", "/payment_instruments", "identity", "identities"),
        ("POST", "/transfers", "merchant", "merchants"),
        ("POST", "/transfers", "merchant_identity", "identities"),
        ("POST", "/transfers", "source", "payment_instruments"),
        ("POST", "/authorizations", "merchant", "merchants"),
        ("POST", "/authorizations", "merchant_identity", "identities"),
        ("POST", "/authorizations", "source", "payment_instruments"),
        ("POST", "/verifications", "merchant", "merchants"),
        ("POST", "/verifications", "identity", "identities"),
        ("POST", "/identities/{identities}/verifications", "merchant", "merchants"),
        ("POST", "/identities/{identities}/settlements", "merchant_id", "merchants"),
    ],
)
def test_references_of_a_shop_to_foreign_and_absent_rows_are_refused_alike(
    *, world: World, method: str, path: str, member: str, kind: str
) -> None:
    own, foreign, absent = world.targets
    whole = {
        "/payment_instruments": body_of("POST payment_instruments", own),
        "/transfers": body_of("POST transfers", own),
        "/authorizations": body_of("POST authorizations", own),
        "/identities/{identities}/settlements": {"currency": "USD"},
    }.get(path) or {}
    if member == "merchant_identity":
        del whole["merchant"]

    answers = [
        world.clients["partner"].request(method, path.format(**own), whole | {member: target[kind]})
        for target in (foreign, absent)
    ]

    told = []
    for answer, target in zip(answers, (foreign, absent), strict=True):
        (error,) = errors_of(answer)
        told.append({name: value.replace(target[kind], "ID-AS-SENT") for name, value in error.items()})
    assert [answer.status_code for answer in answers] == [422, 422]
    assert told[0] == told[1]
    assert told[0]["field"] == member


def test_processor_of_another_application_is_not_found_under_ones_own(world: World) -> None:
    admin = world.clients["admin"]
    own, foreign, _ = world.targets
    processors = admin.get(f"/applications/{foreign['applications']}/processors").json()["_embedded"]["processors"]

    answer = admin.get(f"/applications/{own['applications']}/processors/{processors[0]['id']}")

    assert answer.status_code == 404
    assert (
        admin.get(f"/applications/{foreign['applications']}/processors/{processors[0]['id']}").json() == processors[0]
    )


def queries(foreign_ids: dict[str, str]) -> list[str]:
    return [
        f"/identities?id={foreign_ids['identities']}",
        f"/identities?application_id={foreign_ids['applications']}",
        "/identities?business_name=Foreign",
        "/identities?doing_business_as=Foreign",
        "/identities?tags.key=only-foreign",
        "/identities?tags.value=only-foreign",
        f"/users?id={foreign_ids['users']}",
        f"/users?application_id={foreign_ids['applications']}",
        f"/applications?id={foreign_ids['applications']}",
        "/applications?name=foreign",
        f"/application_profiles?id={foreign_ids['application_profiles']}",
        f"/application_profiles?application_id={foreign_ids['applications']}",
        f"/merchant_profiles?id={foreign_ids['merchant_profiles']}",
        f"/risk_profiles?application_id={foreign_ids['applications']}",
        f"/merchants?id={foreign_ids['merchants']}",
        f"/merchants?application_id={foreign_ids['applications']}",
        f"/verifications?id={foreign_ids['verifications']}",
        f"/payment_instruments?id={foreign_ids['payment_instruments']}",
        f"/payment_instruments?owner_identity_id={foreign_ids['identities']}",
        f"/transfers?id={foreign_ids['transfers']}",
        f"/transfers?merchant_id={foreign_ids['merchants']}",
        f"/transfers?merchant_identity_id={foreign_ids['identities']}",
        f"/transfers?application_id={foreign_ids['applications']}",
        f"/authorizations?id={foreign_ids['authorizations']}",
        f"/authorizations?merchant_id={foreign_ids['merchants']}",
        f"/authorizations?merchant_identity_id={foreign_ids['identities']}",
        f"/authorizations?application_id={foreign_ids['applications']}",
        f"/settlements?id={foreign_ids['settlements']}",
        f"/settlements?application_id={foreign_ids['applications']}",
        f"/settlements?merchant_id={foreign_ids['merchants']}",
        f"/settlements?identity_id={foreign_ids['identities']}",
        f"/settlements?transfer_id={foreign_ids['transfers']}",
    ]


def test_filters_find_and_count_nothing_foreign(world: World, foreign_shop: Tenant) -> None:
    make_identity(foreign_shop.application, tags={"only-foreign": "only-foreign"})

    for query in queries(world.targets[1]):
        seen_by_admin, seen = (world.clients[role].get(query).json() for role in ("admin", "partner"))
        assert seen_by_admin["page"]["count"] > 0, query
        assert list(seen["_embedded"].values()) == [[]], query
        assert seen["page"]["count"] == 0, query


@pytest.mark.parametrize(
    "kind",
    ["identities", "users", "application_profiles", "merchant_profiles", "risk_profiles", "merchants", "verifications",
     "payment_instruments", "transfers", "authorizations", "settlements"],
)  # fmt: skip
def test_foreign_cursor_is_not_found(world: World, kind: str) -> None:
    _, foreign, absent = world.targets
    paths = [f"/{kind}?after_cursor={ids_[kind]}" for ids_ in (foreign, absent)]

    assert [world.clients["partner"].get(path).status_code for path in paths] == [404, 404]
    assert world.clients["admin"].get(paths[0]).status_code == 200


@pytest.mark.parametrize(
    ("role", "method", "path", "member", "kind"),
    [
        ("partner", "POST", "/identities", "application", "applications"),
        ("admin", "PUT", "/application_profiles/{application_profiles}", "risk_profile", "risk_profiles"),
        ("admin", "PUT", "/merchant_profiles/{merchant_profiles}", "risk_profile", "risk_profiles"),
    ],
)
def test_references_to_foreign_and_absent_rows_are_refused_alike(
    *, world: World, role: str, method: str, path: str, member: str, kind: str
) -> None:
    own, foreign, absent = world.targets
    path = path.format(**own)

    answers = [
        world.clients[role].request(method, path, {"entity": {}, member: target[kind]}) for target in (foreign, absent)
    ]

    assert [answer.status_code for answer in answers] == [422, 422]
    assert errors_of(answers[0]) == errors_of(answers[1])
    assert errors_of(answers[0])[0]["field"] == member
