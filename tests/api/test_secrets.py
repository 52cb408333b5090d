"""The secret of an API user: shown once, kept as a hash."""

import hmac

import pytest
from django.conf import settings

from tenancy.models import ApiUser
from tests.api.conftest import Tenant
from tests.conftest import ApiClient
from tests.factories.tenancy import Login
from vault.secret import Secret


def made_users(admin: ApiClient, own: Tenant) -> list[dict[str, str]]:
    paths = [
        ("/users", {"role": "PARTNER"}),
        (f"/applications/{own.application.public_id}/users", {}),
        (f"/identities/{own.identity.public_id}/users", {}),
    ]
    return [admin.post(path, body).json() for path, body in paths]


def test_secret_is_shown_at_creation_and_never_again(admin: ApiClient, own: Tenant) -> None:
    for made in made_users(admin, own):
        assert len(made["password"]) == 43  # 256 random bits
        path = f"/users/{made['id']}"
        answers = [admin.get(path), admin.put(path, {"tags": {"a": "b"}}), admin.get("/users")]
        assert [answer.status_code for answer in answers] == [200, 200, 200]
        assert [answer.json()["password"] for answer in answers[:2]] == [None, None]
        assert all(made["password"] not in answer.content.decode() for answer in answers)
        assert {row["password"] for row in answers[2].json()["_embedded"]["users"]} == {None}


def test_only_the_keyed_hash_is_kept(admin: ApiClient, own: Tenant) -> None:
    for made in made_users(admin, own):
        row = ApiUser.objects.filter(pk=ApiUser.parse_id(made["id"])).values().get()
        key, secret = settings.API_KEY_PEPPER.encode(), made["password"].encode()
        assert bytes(row["secret_hash"]) == hmac.digest(key, secret, "sha256")
        assert made["password"] not in str(row)


def test_secrets_differ_and_let_in(admin: ApiClient, own: Tenant) -> None:
    made = made_users(admin, own)
    assert len({user["password"] for user in made}) == 3

    for user in made:
        row = ApiUser.objects.get(pk=ApiUser.parse_id(user["id"]))
        answer = ApiClient(Login(row, Secret(user["password"]))).get("/identities")
        assert (answer.status_code, answer["finix-apiuser-role"]) == (200, user["role"])


@pytest.mark.parametrize("whose", ["user", "application"])
def test_switching_off_counts_from_the_next_request_on(admin: ApiClient, own: Tenant, whose: str) -> None:
    client = ApiClient(own.partner)
    path = {
        "user": f"/users/{own.partner.user.public_id}",
        "application": f"/applications/{own.application.public_id}",
    }[whose]
    assert client.get("/identities").status_code == 200

    statuses = []
    for enabled in (False, True):
        assert admin.put(path, {"enabled": enabled}).json()["enabled"] is enabled
        statuses.append(client.get("/identities").status_code)

    assert statuses == [401, 200]


def test_nobody_switches_itself_off(own: Tenant) -> None:
    client = ApiClient(own.partner)

    answer = client.put(f"/users/{own.partner.user.public_id}", {"enabled": False})

    assert answer.status_code == 422
    (error,) = answer.json()["_embedded"]["errors"]
    assert (error["code"], error["message"]) == ("UNPROCESSABLE_ENTITY", "A user cannot disable itself.")
    assert client.get("/identities").status_code == 200


def test_nothing_sensitive_of_a_request_is_logged(own: Tenant, caplog: pytest.LogCaptureFixture) -> None:
    """Neither of one that is done, nor of one that is refused with the values in it."""
    caplog.set_level("DEBUG")
    entity = {"tax_id": "078051120", "business_tax_id": "219099999", "dob": {"day": 3, "month": 11, "year": 1947}}
    client = ApiClient(own.partner)

    done = client.post("/identities", {"entity": entity, "tags": {"findable": "yes"}})
    refused = client.post("/identities", {"entity": entity | {"tax_id": "078-05-11200", "email": "078051120"}})
    broken = client.post("/identities", b'{"entity": {"tax_id": "078051120", "tax_id": "078051120"}}')

    assert [answer.status_code for answer in (done, refused, broken)] == [201, 422, 400]
    needles = ["078051120", "078-05-11200", "219099999", "1947", own.partner.secret.reveal()]
    logged = caplog.text + "".join(str(vars(record)) for record in caplog.records)
    assert [needle for needle in needles if needle in logged] == []
    answered = b"".join(answer.content for answer in (refused, broken)) + done.content.replace(b'"year":1947', b"")
    assert [needle for needle in needles if needle.encode() in answered] == []
