"""Signing in: what is let in, what is refused, what is written down, and how sessions end."""

from datetime import timedelta
from typing import Any
from urllib.parse import quote

import pytest
import time_machine
from django.conf import settings
from django.core import mail
from django.test import Client
from django.utils import timezone

from events.models import Audit
from tenancy.actors import system
from tenancy.models import Person
from tenancy.roles import Role
from tenancy.services import set_person_active
from tenancy.transactions import transaction
from tests.factories.tenancy import PASSWORD, make_person

pytestmark = pytest.mark.django_db

LOGIN = "/dashboard/account/login/"
PAGE = "/dashboard/people/"
WHY_IDLE = "You were signed out after 15 minutes without activity."


@pytest.fixture
def ada() -> Person:
    return make_person("ada@example.org", Role.ADMIN)


def sign_in(client: Client, password: str = PASSWORD, **headers: str) -> int:
    return client.post(LOGIN, {"login": "ada@example.org", "password": password}, headers=headers).status_code


def reasons() -> list[str]:
    with transaction(by=system()):
        denied = Audit.objects.filter(action="sign_in", result="DENIED").order_by("occurred_at", "id")
        return list(denied.values_list("reason", flat=True))


def audited() -> list[tuple[str, str, str]]:
    with transaction(by=system()):
        return list(Audit.objects.order_by("occurred_at").values_list("action", "result", "author_name"))


def test_signing_in_is_audited(client: Client, ada: Person) -> None:
    assert sign_in(client) == 302

    assert audited()[-1] == ("sign_in", "DONE", "Ada")


def test_too_many_sign_ins_of_one_network_get_a_page(client: Client, ada: Person, settings: Any) -> None:
    settings.ACCOUNT_RATE_LIMITS = {"login": "1/m/ip"}
    assert sign_in(client) == 302

    answer = Client().post(LOGIN, {"login": "ada@example.org", "password": PASSWORD})

    assert answer.status_code == 429
    assert "Nothing was done. Wait a minute" in answer.content.decode()
    assert 'rel="icon"' in answer.content.decode()


@pytest.mark.parametrize(
    "form", [{f"field{number}": "x" for number in range(1100)}, {"password": "x" * 3_000_000}], ids=["many", "large"]
)
def test_form_that_is_too_large_is_told_so(client: Client, form: dict[str, str]) -> None:
    answer = client.post(LOGIN, {"login": "ada@example.org"} | form)

    assert answer.status_code == 413
    assert "Nothing was done. Go back and send less of it." in answer.content.decode()


def test_wrong_password_is_audited_and_told_like_an_unknown_address(client: Client, ada: Person) -> None:
    wrong = client.post(LOGIN, {"login": "ada@example.org", "password": "wrong horse 42"}).content
    unknown = client.post(LOGIN, {"login": "eve@example.org", "password": "wrong horse 42"}).content

    assert b"The e-mail address or the password is wrong." in wrong
    assert [b"is wrong" in answer for answer in (wrong, unknown)] == [True, True]
    assert audited()[-1] == ("sign_in", "DENIED", "eve@example.org")


def test_eleventh_guess_is_not_looked_at(client: Client, ada: Person) -> None:
    for _ in range(10):
        sign_in(client, "wrong horse 42", **{"X-Test": "1"})

    assert sign_in(client) == 200
    assert client.get(PAGE).status_code == 302
    assert reasons() == ["wrong e-mail or password"] * 10 + ["too many attempts"]


def test_disabled_person_is_not_let_in_and_that_is_audited(client: Client, ada: Person) -> None:
    set_person_active(person=ada, is_active=False, by=system(), at=timezone.now())

    sign_in(client)

    assert client.get(PAGE).status_code == 302
    assert reasons() == ["the account is disabled"]


@pytest.mark.parametrize(
    "path", ["signup", "email", "confirm-email", "confirm-email/MQ:x", "login/code", "phone/change"]
)
def test_accounts_and_addresses_are_not_for_everybody_to_change(client: Client, ada: Person, path: str) -> None:
    sign_in(client)

    answers = [
        client.get(f"/dashboard/account/{path}/"),
        client.post(f"/dashboard/account/{path}/", {"email": "eve@example.org"}),
    ]

    assert [answer.status_code for answer in answers] == [404, 404]
    assert not Person.objects.filter(email="eve@example.org").exists()


def test_new_password_keeps_this_session_and_is_audited(client: Client, ada: Person) -> None:
    other = Client()
    sign_in(client)
    sign_in(other)

    answer = client.post(
        "/dashboard/account/password/change/",
        {"oldpassword": PASSWORD, "password1": "brand new horse 44", "password2": "brand new horse 44"},
    )

    assert answer["Location"] == "/dashboard/"
    assert (client.get(PAGE).status_code, other.get(PAGE).status_code) == (200, 302)
    assert ("change_password", "DONE", "Ada") in audited()


def test_refused_password_is_named_as_its_label(client: Client, ada: Person) -> None:
    sign_in(client)

    page = client.post(
        "/dashboard/account/password/change/", {"oldpassword": "x", "password1": "brand new 44", "password2": "other"}
    ).content.decode()

    assert "Current password: " in page
    assert "New password again: " in page


def test_signing_out_is_audited(client: Client, ada: Person) -> None:
    sign_in(client)

    client.post("/dashboard/account/logout/")

    assert client.get(PAGE).status_code == 302
    assert audited()[-1] == ("sign_out", "DONE", "Ada")


def test_session_ends_after_a_quarter_of_an_hour_without_use(client: Client, ada: Person) -> None:
    with time_machine.travel(timezone.now(), tick=False) as clock:
        sign_in(client)
        clock.shift(timedelta(minutes=14))
        assert client.get(PAGE).status_code == 200
        clock.shift(timedelta(minutes=14))
        assert client.get(PAGE).status_code == 200
        clock.shift(timedelta(minutes=15, seconds=1))

        sent = client.get(f"{PAGE}?q=thistle", follow=True)

        assert sent.redirect_chain == [(f"{LOGIN}?next={quote(f'{PAGE}?q=thistle')}", 302)]
        assert WHY_IDLE in sent.content.decode()
        assert WHY_IDLE not in client.get(PAGE, follow=True).content.decode()  # told once


@pytest.mark.parametrize("cookie", ["", "x" * 32, "made-up"])
def test_only_a_session_that_ran_out_is_told_of(client: Client, ada: Person, cookie: str) -> None:
    if cookie:
        client.cookies[settings.SESSION_COOKIE_NAME] = cookie
    assert "You were signed out" not in client.get(PAGE, follow=True).content.decode()

    sign_in(client)
    client.post("/dashboard/account/logout/")
    assert "You were signed out" not in client.get(PAGE, follow=True).content.decode()


def test_page_that_asks_by_itself_keeps_nobody_signed_in(client: Client, ada: Person) -> None:
    with time_machine.travel(timezone.now(), tick=False) as clock:
        sign_in(client)
        client.get(PAGE)
        for _ in range(14):
            clock.shift(timedelta(minutes=1))
            assert client.get(PAGE, {"mark": "x"}, headers={"HX-Request": "true"}).status_code == 200
        clock.shift(timedelta(minutes=1))

        asked = client.get(PAGE, {"mark": "x"}, headers={"HX-Request": "true"})

        assert (asked.status_code, asked.headers["HX-Redirect"]) == (200, LOGIN)
        assert WHY_IDLE in client.get(LOGIN).content.decode()
        assert client.get(PAGE).status_code == 302


def test_session_ends_after_twelve_hours_however_busy(client: Client, ada: Person) -> None:
    with time_machine.travel(timezone.now(), tick=False) as clock:
        sign_in(client)
        client.get(PAGE)
        for _ in range(12 * 60 // 14):
            clock.shift(timedelta(minutes=14))
            assert client.get(PAGE).status_code == 200
        clock.shift(timedelta(minutes=14))

        assert "You were signed out 12 hours after" in client.get(PAGE, follow=True).content.decode()


def test_session_id_changes_when_signing_in(client: Client, ada: Person) -> None:
    client.get(LOGIN)
    before = client.cookies.get("merchantry-session")

    sign_in(client)

    assert before is None or client.cookies["merchantry-session"].value != before.value


def test_disabling_a_person_ends_its_sessions(client: Client, ada: Person) -> None:
    sign_in(client)

    set_person_active(person=ada, is_active=False, by=system(), at=timezone.now())

    assert client.get(PAGE).status_code == 302
    assert sign_in(client) != 302 or client.get(PAGE).status_code == 302


def test_new_password_ends_other_sessions(client: Client, ada: Person) -> None:
    sign_in(client)

    ada.set_password("another horse 43")
    ada.save()

    assert client.get(PAGE).status_code == 302


def test_basic_authentication_means_nothing_in_the_portal(client: Client, ada: Person) -> None:
    answer = client.get(PAGE, headers={"Authorization": "Basic YWRhQGV4YW1wbGUub3JnOmNvcnJlY3QgaG9yc2UgNDI="})

    assert answer.status_code == 302


def test_next_leads_only_to_our_own_pages(client: Client, ada: Person) -> None:
    answer = client.post(
        f"{LOGIN}?next=https://evil.example/",
        {"login": "ada@example.org", "password": PASSWORD, "next": "https://evil.example/"},
    )

    assert answer["Location"] == "/dashboard/"


def test_form_without_token_is_refused() -> None:
    answer = Client(enforce_csrf_checks=True).post(LOGIN, {"login": "ada@example.org", "password": PASSWORD})

    assert answer.status_code == 403


def test_reset_mail_leads_to_a_new_password(client: Client, ada: Person) -> None:
    client.post("/dashboard/account/password/reset/", {"email": "ada@example.org"})
    client.post("/dashboard/account/password/reset/", {"email": "eve@example.org"})

    (letter,) = mail.outbox
    assert letter.subject == "[Merchantry] Choose a new password"
    link = next(word for word in letter.body.split() if word.startswith("http"))
    form = client.get(link, follow=True)
    client.post(form.request["PATH_INFO"], {"password1": "brand new horse 44", "password2": "brand new horse 44"})
    assert sign_in(client, "brand new horse 44") == 302
    assert ("reset_password", "DONE", "Ada") in audited()


def test_reset_refuses_a_weak_password(client: Client, ada: Person) -> None:
    client.post("/dashboard/account/password/reset/", {"email": "ada@example.org"})
    link = next(word for word in mail.outbox[0].body.split() if word.startswith("http"))
    form = client.get(link, follow=True)

    answer = client.post(form.request["PATH_INFO"], {"password1": "short1", "password2": "short1"})

    assert b"Use 12 to 128 characters." in answer.content
