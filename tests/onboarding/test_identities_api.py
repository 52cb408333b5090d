import pytest

from tests.conftest import ApiClient
from tests.factories.onboarding import BUYER, make_identity
from tests.factories.tenancy import make_application

pytestmark = pytest.mark.django_db


def test_create_identity_answers_what_was_sent() -> None:
    _, login = make_application()

    answer = ApiClient(login).post("/identities", {"entity": BUYER, "tags": {"key": "value"}})

    assert answer.status_code == 201
    document = answer.json()
    assert {name: document["entity"][name] for name in BUYER} == BUYER
    assert document["tags"] == {"key": "value"}


def test_identity_of_another_application_does_not_exist() -> None:
    _, login = make_application()
    foreign_application, _ = make_application("Other")
    foreign_identity = make_identity(foreign_application)

    answer = ApiClient(login).get(f"/identities/{foreign_identity.public_id}")

    assert answer.status_code == 404
    (error,) = answer.json()["_embedded"]["errors"]
    assert error["message"] == f"`{foreign_identity.public_id}` was not found"
