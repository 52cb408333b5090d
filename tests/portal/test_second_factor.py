"""The second factor in the portal: nothing opens before all factors, no code twice, and how one is lost and reset."""

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
import time_machine
from allauth.mfa.models import Authenticator
from django.core import mail
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse
from django.utils import timezone
from pytest_django import Settings

from events.models import Audit
from tenancy.actors import Origin, system
from tenancy.models import Person
from tenancy.roles import Role
from tenancy.services import person_actor, reset_second_factor, set_up_second_factor
from tenancy.transactions import transaction
from tests.factories.onboarding import make_merchant_identity
from tests.factories.payments import make_processor
from tests.factories.tenancy import PASSWORD, make_application, make_person
from tests.totp import code_of
from vault.secret import Secret

pytestmark = pytest.mark.django_db

LOGIN, CODE, SET_UP = (
    "/dashboard/account/login/",
    "/dashboard/account/code/",
    "/dashboard/account/second-factor/set-up/",
)
INDEX, CODES = "/dashboard/account/second-factor/", "/dashboard/account/second-factor/recovery-codes/"
CONFIRM, PAGE = "/dashboard/account/confirm/", "/dashboard/people/"
KEY = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
NOTICE = "Second factor not required"


@pytest.fixture
def clock() -> Iterator[Any]:
    with time_machine.travel(datetime.fromisoformat("2027-03-01T12:00:10+00:00"), tick=False) as coordinates:
        yield coordinates


@pytest.fixture
def ada(clock: Any) -> Person:
    return make_person("ada@example.org", Role.ADMIN)


@pytest.fixture
def required(settings: Settings) -> None:
    settings.REQUIRE_SECOND_FACTOR = True


def enrol(person: Person) -> list[str]:
    at = timezone.now() - timedelta(hours=1)
    codes = set_up_second_factor(
        person=person, secret=Secret(KEY), code=code_of(KEY, at), by=person_actor(person, origin=Origin()), at=at
    )
    return [code.reveal() for code in codes]


def enter_password(client: Client, email: str = "ada@example.org") -> Any:
    return client.post(LOGIN, {"login": email, "password": PASSWORD})


def enter_code(client: Client, code: str) -> Any:
    return client.post(CODE, {"code": code})


def sign_in(client: Client, *, steps: int = 0) -> None:
    assert enter_password(client)["Location"] == CODE
    assert enter_code(client, code_of(KEY, timezone.now(), steps=steps))["Location"] == "/dashboard/"


def is_signed_in(client: Client) -> bool:
    return client.get(PAGE).status_code == 200


def shown_key(client: Client) -> str:
    """The text under the QR code, put together as a person would type it."""
    page = client.get(SET_UP).content.decode()
    (text,) = re.findall(r'<div class="set-up-key">\s*<code>(.*?)</code>', page, re.DOTALL)
    return re.sub(r"<[^>]*>|\s", "", text)


def audited() -> list[tuple[str, str, str]]:
    with transaction(by=system()):
        return list(Audit.objects.order_by("pk").values_list("action", "result", "reason"))


def portal_paths() -> list[str]:
    """Every address of the portal; parameters are made up."""
    found = []

    def walk(patterns: list[Any], before: str) -> None:
        for pattern in patterns:
            route = before + str(pattern.pattern)
            if isinstance(pattern, URLResolver):
                walk(pattern.url_patterns, route)
            elif isinstance(pattern, URLPattern) and route.startswith("dashboard/"):
                plain = re.sub(r"<uuid:[^>]*>", "0192d3a4-0000-7000-8000-000000000000", route)
                plain = re.sub(r"\(\?P<[^)]*\)|<[^>]*>", "1", plain)
                found.append("/" + plain.translate({ord("^"): None, ord("$"): None}))

    walk(get_resolver().url_patterns, "")
    return found


# --- required ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", list(Role))
@pytest.mark.parametrize("method", ["get", "post"])
def test_nothing_opens_before_a_required_factor_is_set_up(
    client: Client, ada: Person, required: None, *, role: Role, method: str
) -> None:
    application = make_application()[0]
    if role != Role.ADMIN:
        place = {} if role == Role.PLATFORM else {"application": application}
        make_person(
            "bob@example.org", role, **place, identity_id=application.owner_id if role == Role.MERCHANT else None
        )
    enter_password(client, "ada@example.org" if role == Role.ADMIN else "bob@example.org")
    reachable = {SET_UP, CONFIRM, "/dashboard/account/logout/"}

    answers = {path: getattr(client, method)(path) for path in portal_paths() if path not in reachable}

    assert len(answers) > 50
    elsewhere = {
        path: answer.status_code for path, answer in answers.items() if answer.headers.get("Location") != SET_UP
    }
    assert elsewhere == {}
    assert client.get(SET_UP).status_code == 200


def test_part_of_a_page_leads_to_the_set_up_as_well(client: Client, ada: Person, required: None) -> None:
    enter_password(client)

    answer = client.get(PAGE, headers={"HX-Request": "true"})

    assert (answer.status_code, answer.headers["HX-Redirect"]) == (200, SET_UP)


def test_first_sign_in_sets_up_the_factor_and_goes_on_under_another_session(
    client: Client, ada: Person, required: None
) -> None:
    enter_password(client)
    before = client.cookies["merchantry-session"].value
    key = shown_key(client)

    answer = client.post(SET_UP, {"code": code_of(key, timezone.now())})

    assert answer["Location"] == CODES
    assert client.cookies["merchantry-session"].value != before
    assert is_signed_in(client)
    assert [action for action, *_ in audited()[-2:]] == ["sign_in", "set_up_second_factor"]


def test_required_factor_is_not_turned_off(client: Client, ada: Person, required: None) -> None:
    enrol(ada)
    sign_in(client)

    page = client.post(f"{INDEX}turn-off/", follow=True).content.decode()

    assert "A second factor is required here" in page
    assert "Turn off" not in page
    assert Authenticator.objects.filter(user_id=ada.pk).count() == 2


def test_nothing_opens_between_password_and_code(client: Client, ada: Person, required: None) -> None:
    enrol(ada)
    enter_password(client)
    paths = [path for path in portal_paths() if "/account/" not in path]

    answers = {path: client.get(path) for path in paths}

    opened = {path: answer.status_code for path, answer in answers.items() if not _leads_to_sign_in(answer)}
    assert opened == {path: Client().get(path).status_code for path in opened}  # what strangers may see anyway
    assert len(opened) < len(paths) / 4
    assert client.get(INDEX)["Location"].startswith(LOGIN)
    assert ("sign_in", "DONE", "") not in audited()


def _leads_to_sign_in(answer: Any) -> bool:
    return answer.status_code == 302 and answer["Location"].startswith(LOGIN)


def test_wrong_code_lets_nobody_in_and_is_written_down(client: Client, ada: Person) -> None:
    enrol(ada)
    enter_password(client)

    answer = enter_code(client, code_of(KEY, timezone.now(), steps=5))

    assert (answer.status_code, is_signed_in(client)) == (200, False)
    assert "This code is not right, or it was used already." in answer.content.decode()
    assert audited()[-1] == ("use_second_factor", "DENIED", "wrong code")


def test_code_signs_in_once(client: Client, ada: Person, clock: Any) -> None:
    enrol(ada)
    sign_in(client, steps=1)
    other = Client()
    clock.shift(timedelta(seconds=59))  # still right: the end of the step after the next

    enter_password(other)
    answer = enter_code(other, code_of(KEY, timezone.now() - timedelta(seconds=59), steps=1))

    assert (answer.status_code, is_signed_in(other)) == (200, False)


def test_session_id_changes_at_the_code(client: Client, ada: Person) -> None:
    enrol(ada)
    enter_password(client)
    before = client.cookies["merchantry-session"].value

    enter_code(client, code_of(KEY, timezone.now()))

    assert client.cookies["merchantry-session"].value != before
    assert is_signed_in(client)


def test_recovery_code_signs_in_once(client: Client, ada: Person) -> None:
    codes = enrol(ada)
    other = Client()

    for browser in (client, other):
        enter_password(browser)
        enter_code(browser, codes[0])

    assert (is_signed_in(client), is_signed_in(other)) == (True, False)
    assert ("use_recovery_code", "DONE", "9 are left") in audited()


def test_eleventh_guess_is_not_looked_at(client: Client, ada: Person) -> None:
    enrol(ada)
    enter_password(client)
    for _ in range(10):
        enter_code(client, "000000")

    answer = enter_code(client, code_of(KEY, timezone.now()))

    assert "Too many tries" in answer.content.decode()
    assert not is_signed_in(client)
    assert audited()[-1] == ("use_second_factor", "DENIED", "too many attempts")


def test_right_codes_are_no_guesses(client: Client, ada: Person, clock: Any) -> None:
    enrol(ada)

    for _ in range(12):
        browser = Client()
        sign_in(browser)
        assert is_signed_in(browser)
        clock.shift(timedelta(seconds=60))


@pytest.mark.parametrize("told", [{}, {"code": ""}, {"credential": "{}"}])
def test_code_that_is_not_there_is_asked_for_again(client: Client, ada: Person, told: dict[str, str]) -> None:
    enrol(ada)
    enter_password(client)

    answer = client.post(CODE, told)

    assert (answer.status_code, "This field is required." in answer.content.decode()) == (200, True)


# --- not required -----------------------------------------------------------------------------------------------------


def test_switched_off_factor_is_told_on_every_page(client: Client, ada: Person, settings: Settings) -> None:
    before = [client.get(path).content.decode() for path in (LOGIN, "/dashboard/account/password/reset/")]
    enter_password(client)
    for_strangers = "/dashboard/join/"  # nobody signs in there
    pages = {path: client.get(path) for path in portal_paths() if not path.startswith(for_strangers)}
    bodies = [answer.content.decode() for answer in pages.values() if answer.status_code in {200, 404, 403}]
    assert len(bodies) > 20

    assert [body for body in before + bodies if NOTICE not in body] == []
    settings.REQUIRE_SECOND_FACTOR = True
    assert NOTICE not in Client().get(LOGIN).content.decode()


def test_who_sets_one_up_by_choice_is_asked_for_it(client: Client, ada: Person) -> None:
    enter_password(client)
    assert is_signed_in(client)
    key = shown_key(client)
    assert client.post(SET_UP, {"code": code_of(key, timezone.now())})["Location"] == CODES

    other = Client()

    assert enter_password(other)["Location"] == CODE
    assert not is_signed_in(other)


def test_recovery_codes_are_shown_once(client: Client, ada: Person) -> None:
    enter_password(client)
    client.post(SET_UP, {"code": code_of(shown_key(client), timezone.now())})

    shown = re.findall(r"<code>(\d{4}) (\d{4})</code>", client.get(CODES).content.decode())
    again = client.get(CODES)

    assert len(shown) == 10
    assert again["Location"] == INDEX
    other = Client()
    enter_password(other)
    enter_code(other, " ".join(shown[0]))
    assert is_signed_in(other)


@pytest.mark.parametrize("is_demanded", [False, True])
def test_codes_lead_back_to_where_the_set_up_began(
    client: Client, ada: Person, settings: Settings, is_demanded: bool
) -> None:
    settings.REQUIRE_SECOND_FACTOR = is_demanded
    enter_password(client)
    client.post(SET_UP, {"code": code_of(shown_key(client), timezone.now())})

    (after,) = re.findall(r'href="([^"]+)">I have kept them', client.get(CODES).content.decode())
    page = client.get(after, follow=True).content.decode()

    assert after == ("/dashboard/" if is_demanded else INDEX)
    assert ("Your second factor is set up." in page) is not is_demanded


def test_neither_key_nor_codes_lie_open_in_the_session(client: Client, ada: Person) -> None:
    enter_password(client)
    key = shown_key(client)
    assert key not in str(dict(client.session))

    client.post(SET_UP, {"code": code_of(key, timezone.now())})

    waiting = str(dict(client.session))
    (shown, *_) = re.findall(r"<code>(\d{4}) (\d{4})</code>", client.get(CODES).content.decode())
    assert "".join(shown) not in waiting


def test_changes_of_the_factor_end_other_sessions_and_are_mailed(client: Client, ada: Person, clock: Any) -> None:
    other = Client()
    for browser in (client, other):
        enter_password(browser)
    assert is_signed_in(other)

    client.post(SET_UP, {"code": code_of(shown_key(client), timezone.now())})

    assert (is_signed_in(client), is_signed_in(other)) == (True, False)
    assert [(letter.to, letter.subject) for letter in mail.outbox] == [
        (["ada@example.org"], "[Merchantry] A second factor was set up")
    ]


def test_factor_is_turned_off_where_it_may_be(client: Client, ada: Person) -> None:
    enrol(ada)
    sign_in(client)

    page = client.post(f"{INDEX}turn-off/", follow=True).content.decode()

    assert "Your second factor is off." in page
    assert enter_password(Client())["Location"] == "/dashboard/"
    assert audited()[-2][0] == "turn_off_second_factor"


def test_new_recovery_codes_end_the_ones_before(client: Client, ada: Person) -> None:
    codes = enrol(ada)
    sign_in(client)

    page = client.post(f"{CODES}renew/", follow=True).content.decode()

    assert len(re.findall(r"<code>\d{4} \d{4}</code>", page)) == 10
    other = Client()
    enter_password(other)
    enter_code(other, codes[0])
    assert not is_signed_in(other)


@pytest.mark.parametrize("code", ["", "12345", "abc def"])
def test_wrong_code_at_the_set_up_keeps_the_key(client: Client, ada: Person, code: str) -> None:
    enter_password(client)
    key = shown_key(client)

    answer = client.post(SET_UP, {"code": code})

    assert (answer.status_code, 'aria-invalid="true"' in answer.content.decode()) == (200, True)
    assert shown_key(client) == key
    ada.refresh_from_db()
    assert not ada.has_second_factor


# --- step-up ----------------------------------------------------------------------------------------------------------


def test_sensitive_pages_ask_again_after_five_minutes(client: Client, ada: Person, clock: Any) -> None:
    enter_password(client)
    clock.shift(timedelta(minutes=4, seconds=59))
    assert client.get(SET_UP).status_code == 200
    clock.shift(timedelta(seconds=1))

    asked = client.get(SET_UP)

    assert asked["Location"] == f"{CONFIRM}?next={SET_UP.replace('/', '%2F')}"
    assert 'name="password"' in client.get(asked["Location"]).content.decode()
    assert client.post(CONFIRM, {"password": "wrong horse 42", "next": SET_UP}).status_code == 200
    assert client.get(SET_UP).status_code == 302
    assert audited()[-1] == ("confirm_password", "DENIED", "wrong password")
    assert client.post(CONFIRM, {"password": PASSWORD, "next": SET_UP})["Location"] == SET_UP
    assert client.get(SET_UP).status_code == 200


def test_who_has_a_factor_is_asked_for_a_code_and_the_password_proves_nothing(
    client: Client, ada: Person, clock: Any
) -> None:
    enrol(ada)
    sign_in(client)
    clock.shift(timedelta(minutes=5))

    page = client.get(CONFIRM, {"next": SET_UP}).content.decode()
    client.post(CONFIRM, {"password": PASSWORD, "next": SET_UP})
    by_password = client.get(SET_UP)
    client.post(CONFIRM, {"code": code_of(KEY, timezone.now()), "next": SET_UP})

    assert ('name="code"' in page, 'name="password"' in page) == (True, False)
    assert by_password.status_code == 302
    assert client.get(SET_UP).status_code == 200


@pytest.mark.parametrize("told", ["https://evil.example/", "//evil.example", "javascript:alert(1)", ""])
def test_proof_leads_to_our_own_pages_only(client: Client, ada: Person, told: str) -> None:
    enter_password(client)

    assert client.post(CONFIRM, {"password": PASSWORD, "next": told})["Location"] == "/dashboard/"


def test_guesses_at_the_proof_are_counted(client: Client, ada: Person) -> None:
    enter_password(client)
    for _ in range(10):
        client.post(CONFIRM, {"password": "wrong horse 42"})

    assert "Too many tries" in client.post(CONFIRM, {"password": PASSWORD}).content.decode()


# --- lost -------------------------------------------------------------------------------------------------------------


def test_lost_factor_is_reset_by_another_admin(client: Client, ada: Person, required: None) -> None:
    eve = make_person("eve@example.org", Role.ADMIN)
    enrol(ada)
    lost = Client()
    sign_in(lost)
    client.force_login(eve)
    enrol(eve)
    client.force_login(Person.objects.get(pk=eve.pk))
    page = reverse("onboarding:person", args=[ada.pk])
    assert "Reset second factor" in client.get(page).content.decode()

    refused = client.post(page, {"act": "reset", "reason": " "})
    done = client.post(page, {"act": "reset", "reason": "Lost the phone"}, follow=True)

    assert "This field is required." in refused.content.decode()
    assert "can set up a new one" in done.content.decode()
    assert not is_signed_in(lost)
    assert enter_password(lost)["Location"] == "/dashboard/"
    assert lost.get(PAGE)["Location"] == SET_UP
    assert [letter.subject for letter in mail.outbox] == ["[Merchantry] Your second factor was reset"]
    assert ("reset_second_factor", "DONE", "ada@example.org: Lost the phone") in audited()


@pytest.mark.parametrize("is_required", [True, False])
def test_factor_whose_rows_are_gone_lets_nobody_in(
    client: Client, ada: Person, settings: Settings, *, is_required: bool
) -> None:
    settings.REQUIRE_SECOND_FACTOR = is_required
    (code, *_) = enrol(ada)
    Authenticator.objects.all().delete()

    assert enter_password(client)["Location"] == CODE
    answers = [enter_code(client, told) for told in (code_of(KEY, timezone.now()), code)]

    assert all("An admin can reset it for you." in answer.content.decode() for answer in answers)
    assert not is_signed_in(client)
    assert client.get(SET_UP).status_code == 302
    assert ("sign_in", "DONE", "") not in audited()


def test_session_of_a_factor_whose_rows_are_gone_ends_where_one_is_required(
    client: Client, ada: Person, required: None
) -> None:
    enrol(ada)
    sign_in(client)
    assert is_signed_in(client)
    Authenticator.objects.all().delete()

    answer = client.get(PAGE, follow=True)

    assert [place for place, _ in answer.redirect_chain] == [LOGIN]
    assert "An admin can reset it for you." in answer.content.decode()
    assert not is_signed_in(client)


def test_app_that_is_gone_alone_leaves_the_recovery_codes(client: Client, ada: Person) -> None:
    (code, *_) = enrol(ada)
    Authenticator.objects.filter(type=Authenticator.Type.TOTP).delete()

    assert enter_password(client)["Location"] == CODE
    assert "This code is not right" in enter_code(client, code_of(KEY, timezone.now())).content.decode()
    assert enter_code(client, code)["Location"] == "/dashboard/"


def test_nobody_resets_their_own_factor(client: Client, ada: Person) -> None:
    enrol(ada)
    sign_in(client)
    page = reverse("onboarding:person", args=[ada.pk])

    assert "Reset second factor" not in client.get(page).content.decode()
    client.post(page, {"act": "reset", "reason": "I want to"})

    ada.refresh_from_db()
    assert ada.has_second_factor


def test_reset_between_password_and_code_begins_anew(client: Client, ada: Person) -> None:
    enrol(ada)
    enter_password(client)
    reset_second_factor(person=ada, reason="Lost", by=system(), at=timezone.now())

    enter_code(client, code_of(KEY, timezone.now()))

    assert not is_signed_in(client)


def test_reset_of_a_factor_asks_for_a_proof(client: Client, ada: Person, clock: Any) -> None:
    bob = make_person("bob@example.org", Role.PLATFORM)
    enrol(bob)
    enter_password(client)
    clock.shift(timedelta(minutes=6))
    page = reverse("onboarding:person", args=[bob.pk])

    answers = [client.get(f"{page}?confirm=reset"), client.post(page, {"act": "reset", "reason": "Lost"})]

    assert {answer["Location"].partition("?")[0] for answer in answers} == {CONFIRM}
    bob.refresh_from_db()
    assert bob.has_second_factor


def test_bank_account_asks_for_a_proof(client: Client, ada: Person, clock: Any) -> None:
    application = make_application()[0]
    make_processor(application)
    identity = make_merchant_identity(application)
    enter_password(client)
    page = reverse("onboarding:identity-instruments", args=[identity.public_id])
    assert 'data-dialog-open="add-bank-account"' in client.get(page).content.decode()
    clock.shift(timedelta(minutes=5))

    shown = client.get(page).content.decode()
    answers = [client.get(f"{page}?add=bank-account"), client.post(f"{page}?add=bank-account", {"name": "X"})]

    assert ('data-dialog-open="add-bank-account"' in shown, 'data-dialog-open="add-card"' in shown) == (False, True)
    assert {answer["Location"].partition("?")[0] for answer in answers} == {CONFIRM}
    back = client.post(CONFIRM, {"password": PASSWORD, "next": f"{page}?add=bank-account"})
    assert 'name="account_number"' in client.get(back["Location"]).content.decode()
