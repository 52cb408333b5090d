"""Pages of API keys: a new secret with an overlap, the end of the old one, and the proof that comes before."""

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.test import Client
from django.urls import reverse

from tenancy.models import ApiUser, Application
from tenancy.roles import Role
from tests.conftest import ApiClient
from tests.factories.tenancy import PASSWORD, Login, make_application, make_person, make_platform_login
from vault.secret import Secret

pytestmark = pytest.mark.django_db

CONFIRM = "/dashboard/account/confirm/"


@pytest.fixture
def clock() -> Iterator[Any]:
    with time_machine.travel(datetime.fromisoformat("2027-03-01T12:00:10+00:00"), tick=False) as coordinates:
        yield coordinates


@pytest.fixture
def application(clock: Any) -> tuple[Application, Login]:
    return make_application("Own")


@pytest.fixture
def own(application: tuple[Application, Login]) -> Login:
    return application[1]


@pytest.fixture
def partner(application: tuple[Application, Login], client: Client) -> Client:
    client.force_login(make_person("pat@example.org", Role.PARTNER, application=application[0]))
    return client


def page_of(login: Login) -> str:
    return reverse("onboarding:api-user", args=[login.user.public_id])


def rotate(client: Client, login: Login, overlap: int | str = 86_400) -> Login:
    page = client.post(page_of(login), {"act": "rotate", "overlap": overlap}, follow=True).content.decode()
    (secret,) = re.findall(r'id="secret-value">([^<]+)<', page)
    return Login(login.user, Secret(secret))


def make_key(client: Client, page: str, **told: str) -> Any:
    """Open the form and send it, as it asks to be sent."""
    form = client.get(page).context["form"]
    return client.post(page, {"name": "Web shop", "key": form["key"].value(), **told})


def new_key_of(application: Application) -> str:
    return reverse("onboarding:create-application-user", args=[application.public_id])


def opens(login: Login) -> bool:
    return ApiClient(login).get("/identities").status_code == 200


def test_partner_rotates_a_key_of_its_application(partner: Client, own: Login, clock: Any) -> None:
    new = rotate(partner, own)

    assert (opens(own), opens(new)) == (True, True)
    page = partner.get(page_of(own)).content.decode()
    assert "The old secret still works, for 1 day." in page
    assert new.secret.reveal() not in page
    clock.shift(timedelta(days=1))
    assert (opens(own), opens(new)) == (False, True)


def test_form_that_is_sent_twice_rotates_once(partner: Client, own: Login, clock: Any) -> None:
    page = partner.get(page_of(own)).content.decode()
    (version,) = re.findall(r'name="version" value="([^"]+)"', page)
    form = {"act": "rotate", "overlap": 86_400, "version": version}
    clock.shift(timedelta(seconds=1))

    first = partner.post(page_of(own), form)
    second = partner.post(page_of(own), form, follow=True).content.decode()

    assert first.status_code == 302
    (secret,) = re.findall(r'id="secret-value">([^<]+)<', second)
    assert (opens(own), opens(Login(own.user, Secret(secret)))) == (True, True)


@pytest.mark.parametrize("chosen", ["", "1", "-1", "604801", "x"])
def test_other_overlap_is_refused(partner: Client, own: Login, chosen: str) -> None:
    answer = partner.post(page_of(own), {"act": "rotate", "overlap": chosen}, follow=True)

    assert "Choose for how long the old secret still works." in answer.content.decode()
    assert ApiUser.objects.get(pk=own.user.pk).previous_secret_hash is None


def test_old_secret_is_ended_by_hand(partner: Client, own: Login) -> None:
    new = rotate(partner, own)

    page = partner.post(page_of(own), {"act": "end-previous"}, follow=True).content.decode()
    again = partner.post(page_of(own), {"act": "end-previous"}, follow=True).content.decode()

    assert "The old secret no longer works." in page
    assert "The old secret has ended already." in again
    assert (opens(own), opens(new)) == (False, True)


def test_last_use_is_shown(partner: Client, own: Login) -> None:
    ApiUser.objects.update(last_used_at=None)
    unused = partner.get(reverse("onboarding:api-users")).content.decode()
    opens(own)

    listed, page = (partner.get(path).content.decode() for path in (reverse("onboarding:api-users"), page_of(own)))
    moment = 'datetime="2027-03-01T12:00:10Z"'
    assert listed.count(moment) == unused.count(moment) + 1
    assert page.count(moment) == 2  # last used, and created


def test_foreign_and_platform_keys_are_not_rotated(partner: Client, own: Login) -> None:
    foreign, platform = make_application("Foreign")[1], make_platform_login()

    statuses = [
        partner.post(page_of(login), {"act": act, "overlap": 0}).status_code
        for login in (foreign, platform)
        for act in ("rotate", "end-previous")
    ]

    assert statuses == [404] * 4
    assert all(map(opens, (foreign, platform)))


def test_keys_are_made_and_rotated_after_a_proof(
    partner: Client, application: tuple[Application, Login], clock: Any
) -> None:
    own = application[1]
    clock.shift(timedelta(minutes=5))
    new_key = reverse("onboarding:create-application-user", args=[application[0].public_id])
    keys = ApiUser.objects.count()

    made = partner.post(new_key, {"name": "Web shop", "key": "one"})
    rotated = partner.post(page_of(own), {"act": "rotate", "overlap": 0})
    opened = partner.get(f"{page_of(own)}?confirm=rotate")
    page = partner.get(page_of(own)).content.decode()

    assert [answer["Location"].partition("?")[0] for answer in (made, rotated, opened)] == [CONFIRM] * 3
    assert 'data-dialog-open="rotate"' not in page
    assert (ApiUser.objects.count(), opens(own)) == (keys, True)
    back = partner.post(rotated["Location"], {"password": PASSWORD, "next": f"{page_of(own)}?confirm=rotate"})
    assert "Give this key a new secret?" in partner.get(back["Location"]).content.decode()
    assert make_key(partner, new_key)["Location"].endswith("/secret/")


def test_new_platform_key_asks_for_a_proof(client: Client, clock: Any) -> None:
    client.force_login(make_person("ada@example.org", Role.ADMIN))
    clock.shift(timedelta(minutes=5))
    page = reverse("onboarding:create-platform-user")

    answers = [client.get(page), client.post(page, {"name": "Export", "key": "one", "role": "ROLE_ADMIN"})]

    assert [answer["Location"].partition("?")[0] for answer in answers] == [CONFIRM] * 2
    assert not ApiUser.objects.filter(role="ROLE_ADMIN").exists()


def test_new_key_is_asked_about_named_and_made_once(partner: Client, application: tuple[Application, Login]) -> None:
    page, before = new_key_of(application[0]), ApiUser.objects.count()

    form = partner.get(page).context["form"]
    unnamed = partner.post(page, {"name": " ", "key": form["key"].value()})
    assert (unnamed.status_code, "name" in unnamed.context["form"].errors) == (200, True)
    assert ApiUser.objects.count() == before

    first, again = (partner.post(page, {"name": " Web shop ", "key": form["key"].value()}) for _ in range(2))

    assert first["Location"] == again["Location"]
    assert ApiUser.objects.count() == before + 1
    made = ApiUser.objects.get(name="Web shop")
    assert (made.application_id, made.role) == (application[0].pk, Role.PARTNER)
    (secret,) = re.findall(r'id="secret-value">([^<]+)<', partner.get(again["Location"]).content.decode())
    assert opens(Login(made, Secret(secret)))
    other = partner.post(page, {"name": "Export", "key": form["key"].value()})
    assert "was sent before, with other contents" in other.content.decode()
    assert ApiUser.objects.count() == before + 1


def test_platform_key_is_made_once(client: Client, clock: Any) -> None:
    client.force_login(make_person("ada@example.org", Role.ADMIN))
    page = reverse("onboarding:create-platform-user")
    form = client.get(page).context["form"]

    sent = {"name": "Export", "role": "ROLE_PLATFORM", "key": form["key"].value()}
    answers = {client.post(page, sent)["Location"] for _ in range(2)}

    (made,) = ApiUser.objects.filter(name="Export")
    assert (made.role, made.application_id, len(answers)) == (Role.PLATFORM, None, 1)


def test_name_is_shown_in_lists_and_can_be_changed(partner: Client, own: Login) -> None:
    listed = reverse("onboarding:api-users")
    assert own.user.public_id in partner.get(listed).content.decode()

    refused = partner.post(page_of(own), {"act": "rename", "name": "x" * 61})
    partner.post(page_of(own), {"act": "rename", "name": "Nightly export"})

    assert re.search(r'<dialog[^>]*id="rename"[^>]* open data-dialog-shown', refused.content.decode())
    assert 'id="id_name-error"' in refused.content.decode()
    rows = partner.get(listed).content.decode()
    assert "Nightly export" in rows
    assert own.user.public_id in rows
    page = partner.get(page_of(own)).content.decode()
    assert "<h1>Nightly export</h1>" in page
    assert "Name: nothing" not in page


def test_new_key_begins_in_the_list_of_keys(partner: Client, client: Client, application: Any) -> None:
    choose = reverse("onboarding:choose-key-application")
    assert f'href="{choose}"' in partner.get(reverse("onboarding:api-users")).content.decode()
    assert partner.get(choose)["Location"] == new_key_of(application[0])

    other = make_application("Other")[0]
    admin = Client()
    admin.force_login(make_person("ada@example.org", Role.ADMIN))
    shown = admin.get(choose).content.decode()
    for each in (application[0], other):
        assert f'href="{new_key_of(each)}"' in shown
    foreign = partner.post(new_key_of(other), {"name": "Mine", "key": "one"})
    assert foreign.status_code == 404
    assert not ApiUser.objects.filter(name="Mine").exists()
