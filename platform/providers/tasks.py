import uuid
from datetime import timedelta

from django.utils import timezone

from jobs.registry import handler
from providers import attempts, feeds


@handler(attempts.RESOLVE, lease=timedelta(seconds=60))
def resolve(attempt_id: str, application_id: str) -> None:
    attempts.resolve(uuid.UUID(attempt_id), uuid.UUID(application_id))


@handler(feeds.LISTEN, every=timedelta(seconds=15))
def listen() -> None:
    """What has happened at the providers of itself."""
    feeds.listen(until=timezone.now() + timedelta(seconds=40))
