"""The OpenAPI document: valid, complete, and true."""

import re
from collections.abc import Iterator
from io import StringIO
from typing import Any

import pytest
import schemathesis
import yaml
from django.core.handlers.wsgi import WSGIHandler
from django.core.management import call_command
from django.core.signals import request_finished, request_started
from django.db import close_old_connections
from django.urls import URLPattern, URLResolver, get_resolver
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.validation import validate_schema
from hypothesis import HealthCheck, given
from hypothesis import settings as fuzz
from schemathesis.checks import (
    content_type_conformance,
    not_a_server_error,
    response_schema_conformance,
    status_code_conformance,
)

from api.parsing import MEDIA_TYPES
from api.views import ApiView, ResourceViewSet
from onboarding.models import Merchant, PaymentInstrument, ReviewItem, Verification
from payments.models import Authorization, Settlement, Transfer
from resources import ids
from tenancy.models import ApplicationProfile, MerchantProfile, RiskProfile
from tenancy.transactions import transaction
from tests.conftest import ApiClient
from tests.factories.onboarding import make_merchant_identity, make_merchant_login
from tests.factories.payments import (
    make_authorization,
    make_bank_account,
    make_card,
    make_merchant,
    make_processor,
    make_sale,
    make_settlement,
)
from tests.factories.tenancy import Login, make_application, make_platform_login

DOCUMENT: dict[str, Any] = SchemaGenerator().get_schema(request=None, public=True)
OPERATIONS = [(path, method) for path, methods in DOCUMENT["paths"].items() for method in methods]


Route = tuple[str, type[ApiView], dict[str, str]]


def routes(resolver: URLResolver | None = None, prefix: str = "") -> Iterator[Route]:
    """Path, view and actions of every route of the API."""
    for pattern in (resolver or get_resolver()).url_patterns:
        path = f"{prefix}{pattern.pattern}"
        view = getattr(pattern.callback, "cls", None) if isinstance(pattern, URLPattern) else None
        if isinstance(pattern, URLResolver):
            yield from routes(pattern, path)
        elif view is not None and issubclass(view, ApiView):
            yield "/" + re.sub(r"<str:(\w+)>", "{}", path), view, getattr(pattern.callback, "actions", {}) or {}


def resolved(reference: dict[str, Any]) -> dict[str, Any]:
    name = reference["$ref"].rpartition("/")[2]
    found: dict[str, Any] = DOCUMENT["components"]["schemas"][name]
    return found


def test_it_is_made_without_a_warning() -> None:
    call_command("spectacular", validate=True, fail_on_warn=True, stdout=StringIO())


@pytest.mark.parametrize(
    ("path", "media_type"),
    [
        ("/schema", "application/vnd.oai.openapi"),
        ("/schema/", "application/vnd.oai.openapi"),
        ("/schema/?format=json", "application/vnd.oai.openapi+json"),
        ("/schema?format=yaml", "application/vnd.oai.openapi"),
    ],
)
@pytest.mark.django_db
def test_it_is_served_to_everybody_and_valid(anonymous: ApiClient, path: str, media_type: str) -> None:
    answer = anonymous.get(path)

    assert (answer.status_code, answer["Content-Type"].partition(";")[0]) == (200, media_type)
    document = yaml.safe_load(answer.content)
    validate_schema(document)
    assert document["openapi"] == "3.1.0"
    assert document["paths"].keys() == DOCUMENT["paths"].keys()


def test_every_route_of_the_api_is_in_it() -> None:
    served = {(path, method) for path, _, actions in routes() for method in actions if method not in NOT_TOLD}
    told = {(re.sub(r"\{\w+\}", "{}", path), method) for path, method in OPERATIONS}

    assert told - {("/", "get")} == served
    assert ("/", "get") in told


NOT_TOLD = {"head", "options"}
WITHOUT_CREDENTIALS = {("/applications/{application}/tokens", "post")}


def test_what_needs_no_credentials_says_so() -> None:
    assert [DOCUMENT["paths"][path][method].get("security", []) for path, method in WITHOUT_CREDENTIALS] == [[]]


WRITES = [found for found in OPERATIONS if found[1] in {"post", "put"}]


@pytest.mark.parametrize(("path", "method"), WRITES)
def test_writes_are_told_with_their_key_and_their_refusals(path: str, method: str) -> None:
    operation = DOCUMENT["paths"][path][method]

    assert "Idempotency-Key" in {found["name"] for found in operation["parameters"] if found["in"] == "header"}
    assert {"409", "422"} <= operation["responses"].keys()
    asks_a_provider = (path, method) in {
        ("/transfers", "post"), ("/authorizations", "post"), ("/authorizations/{id}", "put"),
        ("/transfers/{transfer}/reversals", "post"), ("/payment_instruments", "post"),
        ("/payment_instruments/{id}", "put"), ("/applications/{application}/tokens", "post"),
    }  # fmt: skip
    assert ("402" in operation["responses"]) is asks_a_provider


@pytest.mark.parametrize(("path", "method"), [found for found in OPERATIONS if found[1] == "get"])
def test_reads_need_no_key(path: str, method: str) -> None:
    operation = DOCUMENT["paths"][path][method]

    assert [found["name"] for found in operation.get("parameters", []) if found["in"] == "header"] == []
    assert not {"402", "409"} & operation["responses"].keys()


@pytest.mark.parametrize(("path", "method"), WRITES)
def test_bodies_are_told_under_every_media_type(path: str, method: str) -> None:
    content = DOCUMENT["paths"][path][method]["requestBody"]["content"]

    assert content.keys() == MEDIA_TYPES
    assert {resolved(found["schema"])["type"] for found in content.values()} == {"object"}


def test_lists_are_told_with_their_envelope_and_filters() -> None:
    lists = [(path, view) for path, view, actions in routes() if actions.get("get") == "list"]
    operations = {re.sub(r"\{\w+\}", "{}", path): methods.get("get") for path, methods in DOCUMENT["paths"].items()}

    for path, view in lists:
        assert issubclass(view, ResourceViewSet)
        parameters = {found["name"] for found in operations[path]["parameters"] if found["in"] == "query"}
        answer = resolved(operations[path]["responses"]["200"]["content"]["application/json"]["schema"])
        rows = resolved(answer["properties"]["_embedded"].get("allOf", [answer["properties"]["_embedded"]])[0])
        filters = {name.replace("__", ".") for name in view.filter_class.base_filters}
        assert parameters == filters | {"limit", "offset", "sort", "after_cursor", "before_cursor"}
        assert sorted(answer["required"]) == ["_embedded", "_links", "page"]
        assert list(rows["properties"]) == [view.embedded_key]


def test_the_page_of_a_list_is_told_in_both_forms() -> None:
    page = resolved(DOCUMENT["components"]["schemas"]["IdentityDocumentList"]["properties"]["page"])

    assert page["properties"].keys() == {"offset", "limit", "count", "next_cursor"}
    assert page["required"] == ["limit"]


@pytest.mark.parametrize(("path", "method"), [found for found in OPERATIONS if found not in WITHOUT_CREDENTIALS])
@pytest.mark.django_db
def test_every_operation_refuses_strangers(anonymous: ApiClient, path: str, method: str) -> None:
    answer = anonymous.request(method.upper(), re.sub(r"\{\w+\}", "IDbW447N4itVizGmsMCKyTb", path), {})

    assert DOCUMENT["paths"][path][method]["security"] == [{"apiUser": []}]
    assert (answer.status_code, answer["WWW-Authenticate"]) == (401, 'Basic realm="Merchantry"')


HELD = "000000002"
KINDS: list[Any] = [
    ApplicationProfile, MerchantProfile, RiskProfile, PaymentInstrument, Merchant, Verification, Transfer,
    Authorization, Settlement, ReviewItem,
]  # fmt: skip


class World:
    """Log-ins of the three roles, and ids of theirs and of somebody else for the places of paths."""

    def __init__(self) -> None:
        self.application, self.partner = make_application()
        self.admin = make_platform_login()
        identity = make_merchant_identity(self.application)
        self.merchant = make_merchant_login(identity)
        foreign_application, foreign = make_application("Other")
        foreign_identity = make_merchant_identity(foreign_application)
        for owner in (identity, foreign_identity):
            make_processor(owner.application)
            merchant, card = make_merchant(owner), make_card(owner)
            make_settlement(merchant, make_sale(merchant, card))
            make_authorization(merchant, card)
            make_bank_account(owner)
            make_merchant(make_merchant_identity(owner.application, business_tax_id=HELD))
        with transaction(by=self.admin.actor):
            made = [row for kind in KINDS for row in kind.objects.all()]
        rows = [identity, foreign_identity, self.partner.user, foreign.user, *made]
        self.applications = [self.application.public_id, foreign_application.public_id]
        self.ids = [*self.applications, *(row.public_id for row in rows), "DUMMY_V1", "nonsense"]

    def place(self, path: str, name: str, number: int) -> str:
        """One of the ids that may stand here, in turn."""
        prefixes = {"users": "US", "identities": "ID", "applications": "AP", "processors": "DUMMY"}
        prefixes |= {"application_profiles": "PP", "merchant_profiles": "MP", "risk_profiles": "RP"}
        prefixes |= {"payment_instruments": "PI", "merchants": "MU", "verifications": "VI", "transfers": "TR"}
        prefixes |= {"authorizations": "AU", "settlements": "ST"}
        prefixes |= {"review_queue": "RK", "updates": "IU"}
        kind = path.partition(f"/{{{name}}}")[0].rpartition("/")[2]
        fitting = [one for one in self.ids if one.startswith(prefixes[kind])]
        return [*fitting, *fitting, "nonsense", "ID111"][number % (2 * len(fitting) + 2)]


@pytest.fixture
def world(db: None, settings: Any) -> Iterator[World]:
    """Requests leave the test's connection alone, as those of Django's own test client do."""
    settings.API_REQUESTS_PER_SECOND = 0
    ends = (request_started, request_finished)
    for signal in ends:
        signal.disconnect(close_old_connections)
    yield World()
    for signal in ends:
        signal.connect(close_old_connections)


CHECKS: list[Any] = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]


def test_sale_and_decline_are_as_told(world: World) -> None:
    with transaction(by=world.partner.actor):
        (sale,) = Transfer.objects.visible_to(world.partner.actor)
    body = {
        "merchant": ids.public_id("MU", sale.merchant_id), "source": ids.public_id("PI", sale.source_id),
        "currency": "USD",
    }  # fmt: skip
    schema = schemathesis.openapi.from_dict(DOCUMENT)
    schema.app = WSGIHandler()
    headers = {"Authorization": ApiClient(world.partner).headers["Authorization"]}

    for amount, status in ((2500, 201), (193, 402)):
        case = schema["/transfers"]["POST"].Case(body=body | {"amount": amount}, media_type="application/json")
        assert case.call_and_validate(headers=headers, checks=CHECKS).status_code == status


@pytest.mark.fuzz
@pytest.mark.parametrize("role", ["admin", "partner", "merchant"])
@pytest.mark.parametrize(("path", "method"), OPERATIONS)
def test_operation_does_what_the_document_says(world: World, path: str, method: str, role: str) -> None:
    """Wrong credentials are left out: they are counted, and soon everything would be 429. Strangers: see above."""
    login: Login = getattr(world, role)
    headers = {"Authorization": ApiClient(login).headers["Authorization"]}
    schema = schemathesis.openapi.from_dict(DOCUMENT)
    schema.app = WSGIHandler()
    operation = schema[path][method.upper()]
    turn = iter(range(10_000))

    @fuzz(max_examples=20, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(case=operation.as_strategy())
    def send(case: schemathesis.Case) -> None:
        number = next(turn)
        if number % 4:  # every fourth keeps what was thought up
            case.path_parameters = {name: world.place(path, name, number) for name in case.path_parameters or {}}
        case.call_and_validate(headers=headers, checks=CHECKS)

    send()
