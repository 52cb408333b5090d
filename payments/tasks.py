from datetime import timedelta

from django.utils import timezone

from jobs.registry import handler
from payments.services.accrual import accrue_all
from payments.services.expiry import release_expired
from payments.services.settlements import close_due
from tenancy.actors import system


@handler("payments.release_expired", every=timedelta(minutes=1))
def release_expired_holds() -> None:
    """Authorizations whose seven days are over."""
    while release_expired(by=system(), at=timezone.now()):
        pass


@handler("payments.settle", every=timedelta(minutes=1), lease=timedelta(minutes=10))
def settle() -> None:
    """What is ready accrues, and what is due by its schedule closes, whatever became of the first."""
    by = system()
    try:
        accrue_all(by=by, at=timezone.now())
    finally:
        while close_due(by=by, at=timezone.now()):
            pass
