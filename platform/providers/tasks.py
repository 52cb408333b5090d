import uuid
from datetime import timedelta

from jobs.registry import handler
from providers import attempts


@handler(attempts.RESOLVE, lease=timedelta(seconds=60))
def resolve(attempt_id: str, application_id: str) -> None:
    attempts.resolve(uuid.UUID(attempt_id), uuid.UUID(application_id))
