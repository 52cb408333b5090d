import uuid
from datetime import timedelta

from django.utils import timezone

from exports import services
from jobs.registry import handler

_WORK = timedelta(seconds=10)
_LONGER_THAN_A_STATEMENT = timedelta(seconds=90)
"""Workers grant one 60 seconds: a page that takes so long is not to be read by a second worker meanwhile."""


@handler(services.WRITE_JOB, lease=_LONGER_THAN_A_STATEMENT)
def write(export_id: str) -> None:
    services.write_export(uuid.UUID(export_id), until=timezone.now() + _WORK)


@handler(services.ASSEMBLE_JOB, lease=timedelta(seconds=240))
def assemble(export_id: str) -> None:
    """A sheet of a million rows takes more than a minute."""
    services.assemble_sheet(uuid.UUID(export_id))


@handler("exports.tidy", every=timedelta(minutes=10))
def tidy() -> None:
    services.tidy(timezone.now())
