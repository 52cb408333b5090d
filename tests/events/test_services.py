import pytest
from django.utils import timezone

from events.models import Audit, Author, Event
from events.services import Signature, record_audit, record_event
from tenancy.actors import system
from tenancy.transactions import transaction
from tests.factories.onboarding import make_identity
from tests.factories.tenancy import make_application

BY = Signature(
    kind=Author.PERSON, id=None, name="Ann", role="ROLE_ADMIN", address="192.0.2.1", browser="B" * 300, request_id="r"
)


@pytest.mark.django_db
def test_sequence_grows_by_one_per_resource() -> None:
    application, _ = make_application()
    one, other = make_identity(application), make_identity(application)

    with transaction(by=system()):
        for resource in (one, other, one, one):
            record_event("identity.tried", resource, application_id=application.pk, by=BY, at=timezone.now())
        rows = Event.objects.filter(kind="identity.tried").order_by("pk")

        assert [(row.resource_id, row.sequence) for row in rows] == [
            (one.pk, 2),
            (other.pk, 2),
            (one.pk, 3),
            (one.pk, 4),
        ]
        assert {(row.resource_kind, row.author_name, row.author_kind) for row in rows} == {
            ("identity", "Ann", "PERSON")
        }


@pytest.mark.django_db
def test_audit_row_tells_who_what_where_and_cuts_what_strangers_may_fill() -> None:
    application, _ = make_application()
    now = timezone.now()

    with transaction(by=system()):
        made = record_audit("try_out", application_id=application.pk, by=BY, at=now, reason="r" * 300)
        row = Audit.objects.filter(pk=made.pk).values().get()

    for name in ("id", "transaction_id"):
        row.pop(name, None)
    assert row == {
        "application_id": application.pk,
        "action": "try_out",
        "result": "DONE",
        "reason": "r" * 200,
        "resource_kind": "",
        "resource_id": None,
        "author_kind": "PERSON",
        "author_id": None,
        "author_name": "Ann",
        "author_role": "ROLE_ADMIN",
        "address": "192.0.2.1",
        "browser": "B" * 200,
        "request_id": "r",
        "events": [],
        "occurred_at": now,
    }
