from datetime import timedelta

import pytest
from django.utils import timezone

from api.models import Limit
from api.tasks import purge_limits

pytestmark = pytest.mark.django_db


def test_counters_of_past_windows_are_deleted() -> None:
    now = timezone.now()
    for name, age in (("old", timedelta(days=1, minutes=1)), ("fresh", timedelta(minutes=1))):
        Limit.objects.create(name=name, count=1, counted_at=now - age)

    purge_limits()

    assert list(Limit.objects.values_list("name", flat=True)) == ["fresh"]
