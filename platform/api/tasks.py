from datetime import timedelta

from django.utils import timezone

from api.models import Limit
from jobs.registry import handler


@handler("api.purge_limits", every=timedelta(days=1))
def purge_limits() -> None:
    """Delete counters whose windows are long over."""
    Limit.objects.filter(counted_at__lt=timezone.now() - timedelta(days=1)).delete()
