"""API users over the wire, where their tenant changes under them."""

import pytest

from tests.conftest import ApiClient
from tests.factories.tenancy import make_application, make_platform_login

pytestmark = pytest.mark.django_db


def test_partner_updates_the_owner_that_was_made_before_its_application() -> None:
    """Its first event belongs to the platform, and is not in the partner's sight."""
    _, owner = make_application()
    path = f"/users/{owner.user.public_id}"

    tagged = ApiClient(owner).put(path, {"tags": {"team": "ops"}})
    again = ApiClient(make_platform_login()).put(path, {"tags": {"team": "risk"}})

    assert (tagged.status_code, tagged.json()["tags"]) == (200, {"team": "ops"})
    assert (again.status_code, again.json()["tags"]) == (200, {"team": "risk"})
