"""Two requests of one person at the same time: neither takes back what the other has put into the session."""

from datetime import timedelta

import pytest
from django.contrib.sessions.backends.base import UpdateError
from django.contrib.sessions.models import Session
from django.utils import timezone

from portal.sessions import SessionStore

pytestmark = pytest.mark.django_db


def begun() -> SessionStore:
    session = SessionStore()
    session["signed_in"] = "yes"
    session.create()
    session.save()
    return session


def test_request_that_changes_nothing_leaves_what_another_has_put_in() -> None:
    key = begun().session_key
    slow, quick = SessionStore(key), SessionStore(key)
    assert slow["signed_in"] == quick["signed_in"] == "yes"

    quick["message"] = "Thistle Tea was created."
    quick.save()
    slow.save()

    assert SessionStore(key)["message"] == "Thistle Tea was created."


def test_request_that_changes_nothing_prolongs_the_session() -> None:
    key = begun().session_key
    Session.objects.filter(session_key=key).update(expire_date=timezone.now() + timedelta(seconds=5))
    looked_at = SessionStore(key)
    assert looked_at["signed_in"] == "yes"

    looked_at.save()

    assert Session.objects.get(session_key=key).expire_date > timezone.now() + timedelta(minutes=14)


def test_session_that_ended_meanwhile_does_not_come_back() -> None:
    key = begun().session_key
    slow = SessionStore(key)
    assert slow["signed_in"] == "yes"
    SessionStore(key).delete()

    with pytest.raises(UpdateError):
        slow.save()

    assert not Session.objects.filter(session_key=key).exists()


def test_request_that_changes_something_else_leaves_what_another_has_put_in_and_taken_out() -> None:
    session = begun()
    session["secret"] = "shown once"
    session["seen_at"] = "noon"
    session.save()
    slow, quick = SessionStore(session.session_key), SessionStore(session.session_key)
    assert slow["secret"] == quick["secret"] == "shown once"

    del quick["secret"]
    quick["message"] = "Thistle Tea was created."
    quick.save()
    slow["seen_at"] = "a minute later"
    slow.save()
    slow["seen_at"] = "two minutes later"
    slow.save()

    assert dict(SessionStore(session.session_key).items()) == {
        "signed_in": "yes", "seen_at": "two minutes later", "message": "Thistle Tea was created.",
    }  # fmt: skip


def test_session_that_ended_meanwhile_does_not_come_back_with_a_change_either() -> None:
    key = begun().session_key
    slow = SessionStore(key)
    slow["signed_in"] = "no"
    SessionStore(key).delete()

    with pytest.raises(UpdateError):
        slow.save()

    assert not Session.objects.filter(session_key=key).exists()


def test_session_under_another_key_has_all_of_it() -> None:
    session = SessionStore(begun().session_key)
    session["proved"] = "now"
    session.cycle_key()
    session["message"] = "Welcome."
    session.save()

    assert dict(SessionStore(session.session_key).items()) == {
        "signed_in": "yes", "proved": "now", "message": "Welcome.",
    }  # fmt: skip
