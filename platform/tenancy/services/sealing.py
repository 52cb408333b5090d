"""The audit history of all tenants at once: sealing it, and checking the seals."""

from datetime import datetime

from events import sealing
from events.models import AuditSeal
from events.sealing import Verdict
from tenancy.actors import system
from tenancy.transactions import transaction


def seal_audit(*, at: datetime) -> AuditSeal | None:
    """Seal the audit rows that are committed for good; None if there are none, or another worker is at it."""
    with transaction(by=system()):
        return sealing.seal(at)


def verify_audit() -> Verdict:
    """Compute every seal anew from the rows it covers."""
    with transaction(by=system()):
        return sealing.verify()
