from typing import ClassVar

from django.db import models

from providers.models import CopiedFromProvider
from resources.moves import Moves
from tenancy.models import Processor
from tenancy.models.tenants import TenantQuerySet, TenantResource


class TransferBatch(CopiedFromProvider, TenantResource):
    """Transfers that a processor takes in together: what waits in it is PENDING until it is submitted."""

    PREFIX = "BT"
    KIND = "transfer_batch"

    class State(models.TextChoices):
        OPEN = "OPEN", "Open"
        SUBMITTED = "SUBMITTED", "Submitted"

    MOVES: ClassVar[Moves] = {"OPEN": frozenset({"SUBMITTED"})}

    processor = models.ForeignKey(Processor, models.PROTECT, related_name="+", db_constraint=False, db_index=False)
    state = models.CharField(max_length=20, choices=State, default=State.OPEN)
    due_at = models.DateTimeField(help_text="Business time at which it is submitted.")

    objects = TenantQuerySet["TransferBatch"].as_manager()

    class Meta:
        db_table = "transfer_batch"
        constraints = [
            models.UniqueConstraint(name="transfer_batch_within_application", fields=["application", "id"]),
        ]
        indexes = [
            models.Index(name="transfer_batch_of_tenant", fields=["application", "-created_at", "-id"]),
            models.Index(name="transfer_batch_state", fields=["application", "state", "-created_at"]),
        ]
