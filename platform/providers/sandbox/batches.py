"""Batches at the sandbox: a charge that waits joins the open one, which is submitted once its moment has come."""

from django.db import connection
from django.db.models import F

from providers import port
from providers.sandbox import scenarios
from providers.sandbox.calls import Visit
from providers.sandbox.models import Batch, Transfer
from resources import ids


def join(processor: str, visit: Visit) -> Batch:
    """The open batch of a processor; the first of a time opens one."""
    return _open(processor, visit) or _begin(processor, visit)


def submit_due(visit: Visit) -> None:
    """Submit the batches whose time has passed."""
    due = Transfer.objects.filter(application_id=visit.application_id, state="PENDING", due_at__lte=visit.now)
    due.update(state="SUCCEEDED", version=F("version") + 1, updated_at=F("due_at"))


def tell(batch: Batch, visit: Visit) -> port.Batch:
    """It is submitted when its time has passed; that is its second version."""
    is_submitted = batch.due_at <= visit.now
    return port.Batch(
        id=batch.id,
        version=f"{batch.version + is_submitted:08}",
        created_at=batch.created_at,
        updated_at=batch.due_at if is_submitted else batch.updated_at,
        raw={"id": str(batch.id), "due_at": batch.due_at.isoformat(), "is_submitted": is_submitted},
        tags=batch.tags,
        processor=batch.processor,
        due_at=batch.due_at,
        is_submitted=is_submitted,
    )


def _open(processor: str, visit: Visit) -> Batch | None:
    found = Batch.objects.filter(application_id=visit.application_id, processor=processor, due_at__gt=visit.now)
    return found.order_by("-due_at").first()


def _begin(processor: str, visit: Visit) -> Batch:
    """Open one, unless somebody else is just doing so."""
    with connection.cursor() as cursor:
        name = f"sandbox batch {visit.application_id} {processor}"
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [name])
    return _open(processor, visit) or Batch.objects.create(
        id=ids.new_id(),
        application_id=visit.application_id,
        processor=processor,
        due_at=visit.now + scenarios.pace(visit.profile).batch,
        created_at=visit.now,
        updated_at=visit.now,
    )
