"""What the tests of the API share: counters that begin at nought, two applications, and requests of any shape."""

import json
from dataclasses import dataclass
from typing import Any

import pytest
from django.core.cache import cache
from django.http import HttpResponse
from pytest_django import Settings

from onboarding.models import Identity
from tenancy.models import Application
from tests.conftest import ApiClient
from tests.factories.cards import make_update
from tests.factories.onboarding import make_identity, make_merchant_identity, make_merchant_login
from tests.factories.payments import (
    make_authorization,
    make_card,
    make_merchant,
    make_processor,
    make_sale,
    make_settlement,
)
from tests.factories.reviews import make_review_item
from tests.factories.tenancy import Login, make_application, make_platform_login


@dataclass
class Tenant:
    """An application with a partner, a merchant's identity and that merchant's log-in."""

    application: Application
    partner: Login
    identity: Identity
    merchant: Login


@pytest.fixture(autouse=True)
def _no_counters(settings: Settings) -> None:
    """A test asks more often than a client may; those of the limits set their own."""
    cache.clear()
    settings.API_REQUESTS_PER_SECOND = 0


@pytest.fixture
def own(db: None) -> Tenant:
    return _tenant("Own")


@pytest.fixture
def foreign(db: None) -> Tenant:
    return _tenant("Foreign")


@pytest.fixture
def partner(own: Tenant) -> ApiClient:
    return ApiClient(own.partner)


@pytest.fixture
def admin(db: None) -> ApiClient:
    return ApiClient(make_platform_login())


@pytest.fixture
def own_shop(db: None) -> Tenant:
    return make_shop("Own")


@pytest.fixture
def foreign_shop(db: None) -> Tenant:
    return make_shop("Foreign")


def make_shop(name: str) -> Tenant:
    """A tenant that takes payments: its identity is an approved merchant, with a sale to a card, which accrues, and a
    hold on it.
    """
    application, login = make_application(name)
    identity = make_merchant_identity(application)
    make_processor(application, allow_split_payouts=True)
    merchant = make_merchant(identity)
    card = make_card(identity)
    make_settlement(merchant, make_sale(merchant, card, tags={"order": "1"}))
    make_authorization(merchant, card, tags={"order": "1"})
    make_update(card, merchant)
    make_review_item(merchant)
    return Tenant(application, login, identity, make_merchant_login(identity))


def _tenant(name: str) -> Tenant:
    application, login = make_application(name)
    identity = make_identity(application)
    return Tenant(application, login, identity, make_merchant_login(identity))


def send(client: ApiClient, method: str, path: str = "/", body: bytes = b"", **meta: Any) -> HttpResponse:
    """A request whose path and headers are not made presentable first."""
    told = {
        "PATH_INFO": path,
        "HTTP_AUTHORIZATION": client.headers.get("Authorization", ""),
        "CONTENT_TYPE": "application/json",
        "CONTENT_LENGTH": str(len(body)),
    }
    return client.client.generic(method, "/", data=body, **told | meta)


def errors_of(answer: HttpResponse) -> list[dict[str, Any]]:
    """The errors without what differs each time, once the frame around them is as documented."""
    body = json.loads(answer.content)
    errors: list[dict[str, Any]] = body["_embedded"]["errors"]
    assert body == {"total": len(errors), "_embedded": {"errors": errors}}
    assert all(len(error.pop("logref")) == 32 for error in errors)
    assert all(list(error.pop("_links")) == ["self" if answer.status_code == 401 else "source"] for error in errors)
    return errors
