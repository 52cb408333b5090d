from collections.abc import Iterator

import pytest
from django.core.cache import cache
from django.test import Client

from tenancy.models import Application
from tenancy.roles import Role
from tests.factories.payments import make_processor
from tests.factories.tenancy import make_application
from tests.portal.pages import browser


@pytest.fixture(autouse=True)
def forgotten_guesses() -> Iterator[None]:
    """Limits on guessing are counted in Valkey, which no transaction rolls back."""
    cache.clear()
    yield
    cache.clear()


@pytest.fixture
def own(db: None) -> Application:
    """An application that can provision merchants."""
    application = make_application("Own")[0]
    make_processor(application)
    return application


@pytest.fixture
def partner(own: Application) -> Client:
    return browser(Role.PARTNER, own)
