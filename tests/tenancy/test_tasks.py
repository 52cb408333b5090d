from datetime import timedelta

import pytest
from django.contrib.sessions.models import Session
from django.utils import timezone

from jobs import registry
from tenancy.tasks import clear_sessions

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)


def test_expired_sessions_are_deleted() -> None:
    now = timezone.now()
    for key, left in (("expired", -DAY), ("alive", DAY)):
        Session.objects.create(session_key=key, session_data="", expire_date=now + left)

    clear_sessions()

    assert list(Session.objects.values_list("session_key", flat=True)) == ["alive"]


@pytest.mark.parametrize("kind", ["tenancy.clear_sessions", "api.purge_limits", "jobs.purge"])
def test_clearing_up_comes_round_every_day(kind: str) -> None:
    assert dict(registry.periodic())[kind] == DAY
