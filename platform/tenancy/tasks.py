"""Periodic work that looks at all tenants, or at what belongs to none."""

from datetime import timedelta

from django.core.management import call_command
from django.utils import timezone

from jobs import idempotency
from jobs.registry import handler
from tenancy import services
from tenancy.actors import system
from tenancy.transactions import transaction


@handler("events.seal_audit", every=timedelta(seconds=60), lease=timedelta(minutes=5))
def seal_audit() -> None:
    services.seal_audit(at=timezone.now())


@handler("tenancy.clear_sessions", every=timedelta(days=1))
def clear_sessions() -> None:
    call_command("clearsessions", verbosity=0)


@handler("jobs.purge_idempotency_keys", every=timedelta(days=1))
def purge_idempotency_keys() -> None:
    with transaction(by=system()):
        idempotency.purge(timezone.now())
