import pytest
from django.db import transaction as database
from django.utils import timezone

from events.models import Audit, Event
from onboarding.models import Identity
from tenancy.actors import system
from tenancy.transactions import act, transaction
from tests.tenancy.conftest import Tenant, in_sight_of, run


def setting() -> str | None:
    ((value,),) = run("SELECT current_setting('app.applications', true)")
    return value


def test_transaction_sees_the_applications_of_its_actor(own: Tenant, foreign: Tenant) -> None:
    with transaction(by=own.partner.actor):
        assert setting() == str(own.application.pk)
        assert list(Identity.objects.filter(pk__in=[own.identity.pk, foreign.identity.pk])) == [own.identity]

    assert setting() == ""
    assert list(Identity.objects.all()) == []


def test_transaction_of_the_platform_lists_every_application(own: Tenant, foreign: Tenant) -> None:
    with transaction(by=system()):
        seen = set((setting() or "").split(","))
        assert {str(own.application.pk), str(foreign.application.pk)} < seen
        assert Identity.objects.filter(pk__in=[own.identity.pk, foreign.identity.pk]).count() == 2


@pytest.mark.django_db
def test_transaction_is_never_opened_within_another() -> None:
    with (
        transaction(by=system()),
        pytest.raises(RuntimeError, match="durable atomic block cannot be nested"),
        transaction(by=system()),
    ):
        raise AssertionError("entered")


def test_plain_atomic_block_sees_nothing(own: Tenant) -> None:
    with database.atomic():
        assert list(Identity.objects.all()) == []
        assert run("SELECT count(*) FROM application") == [(0,)]


def test_setting_of_what_encloses_it_is_put_back(own: Tenant, foreign: Tenant) -> None:
    """As in tests, where one transaction encloses all."""
    with in_sight_of(foreign.application.pk):
        with transaction(by=own.partner.actor):
            assert setting() == str(own.application.pk)
        assert setting() == str(foreign.application.pk)


def test_setting_is_put_back_after_an_error(own: Tenant) -> None:
    with pytest.raises(ZeroDivisionError), transaction(by=own.partner.actor):
        raise ZeroDivisionError

    assert setting() == ""


def test_act_ends_with_its_audit_row(own: Tenant) -> None:
    now = timezone.now()
    with act(
        "try_out", by=own.partner.actor, at=now, application_id=own.application.pk, reason="for a test"
    ) as current:
        current.record("identity.tried", own.identity, application_id=own.application.pk, changes={"a": [1, 2]})

    with transaction(by=own.partner.actor):
        event, row = Event.objects.get(kind="identity.tried"), Audit.objects.get(action="try_out")
    assert (row.events, row.reason, row.result, row.occurred_at) == ([event.pk], "for a test", "DONE", now)
    assert (event.changes, event.sequence, event.author_id) == ({"a": [1, 2]}, 2, own.partner.user.pk)


def test_refusal_inside_an_act_leaves_nothing(own: Tenant) -> None:
    def attempt() -> None:
        with act("try_out", by=own.partner.actor, at=timezone.now(), application_id=own.application.pk) as current:
            current.record("identity.tried", own.identity, application_id=own.application.pk)
            raise LookupError

    with pytest.raises(LookupError):
        attempt()

    with transaction(by=own.partner.actor):
        assert not Event.objects.filter(kind="identity.tried").exists()
        assert not Audit.objects.filter(action="try_out").exists()


def test_commits_are_acknowledged_only_when_they_are_durable(db: None) -> None:
    assert run("SHOW synchronous_commit") == [("on",)]
    assert run("SHOW statement_timeout") == [("5s",)]
    assert run("SHOW lock_timeout") == [("3s",)]
    assert run("SHOW idle_in_transaction_session_timeout") == [("30s",)]
    assert run("SHOW transaction_isolation") == [("read committed",)]
