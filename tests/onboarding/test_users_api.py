"""API users over the wire, where their tenant changes under them."""

import pytest

from tests.conftest import ApiClient
from tests.factories.tenancy import Login, make_application, make_platform_login
from vault.secret import Secret

pytestmark = pytest.mark.django_db


def test_partner_updates_the_owner_that_was_made_before_its_application() -> None:
    """Its first event belongs to the platform, and is not in the partner's sight."""
    _, owner = make_application()
    path = f"/users/{owner.user.public_id}"

    tagged = ApiClient(owner).put(path, {"tags": {"team": "ops"}})
    again = ApiClient(make_platform_login()).put(path, {"tags": {"team": "risk"}})

    assert (tagged.status_code, tagged.json()["tags"]) == (200, {"team": "ops"})
    assert (again.status_code, again.json()["tags"]) == (200, {"team": "risk"})


def test_partner_gives_its_user_a_new_secret_shown_once() -> None:
    _, owner = make_application()
    partner, path = ApiClient(owner), f"/users/{owner.user.public_id}"

    made = partner.post(f"{path}/secret", {"overlap_seconds": 60}, Idempotency_Key="once").json()
    again = partner.post(f"{path}/secret", {"overlap_seconds": 60}, Idempotency_Key="once").json()

    assert len(made["password"]) == 43
    assert again == made | {"password": None}
    assert made["previous_password_until"] > made["updated_at"]
    new = ApiClient(Login(owner.user, Secret(made["password"])))
    assert new.get(path).json()["password"] is None
    assert partner.get(path).status_code == 200


def test_user_that_lost_the_answer_is_not_locked_out_by_asking_again() -> None:
    _, owner = make_application()
    path = f"/users/{owner.user.public_id}"

    lost, made = (ApiClient(owner).post(f"{path}/secret", {"overlap_seconds": 60}).json() for _ in range(2))

    assert made["previous_password_until"] == lost["previous_password_until"]
    given = {"old": owner.secret.reveal(), "lost": lost["password"], "new": made["password"]}
    answers = {name: ApiClient(Login(owner.user, Secret(text))).get(path).status_code for name, text in given.items()}
    assert answers == {"old": 200, "lost": 401, "new": 200}


@pytest.mark.parametrize(
    ("overlap", "message"),
    [
        (0, "A user that replaces its own secret keeps the old one for a while."),
        (-1, "Ensure this value is greater than or equal to 0."),
        (604_801, "Ensure this value is less than or equal to 604800."),
        (1.5, "Must be a whole number"),
        (True, "Must be a whole number"),
    ],
)
def test_overlap_is_refused_by_name(overlap: object, message: str) -> None:
    _, owner = make_application()

    answer = ApiClient(owner).post(f"/users/{owner.user.public_id}/secret", {"overlap_seconds": overlap})

    (error,) = answer.json()["_embedded"]["errors"]
    assert (answer.status_code, error["field"], error["message"]) == (422, "overlap_seconds", message)


def test_platform_ends_a_leaked_secret_at_once() -> None:
    _, owner = make_application()
    path = f"/users/{owner.user.public_id}"

    made = ApiClient(make_platform_login()).post(f"{path}/secret", {"overlap_seconds": 0}).json()

    assert made["previous_password_until"] is None
    assert ApiClient(owner).get(path).status_code == 401
    used = ApiClient(Login(owner.user, Secret(made["password"]))).get(path).json()
    assert used["last_used_at"] is not None
