from typing import Any, ClassVar

from django.db import models
from django.db.models import Q

from events.models import Author
from resources.moves import Moves, check_move
from tenancy.models.tenants import TenantQuerySet, TenantResource


class MerchantImport(TenantResource):
    """A file of merchants: read and judged row by row, carried out once somebody has looked at it."""

    PREFIX = "IM"
    KIND = "merchant_import"

    class State(models.TextChoices):
        CHECKED = "CHECKED", "Waiting for confirmation"
        RUNNING = "RUNNING", "Running"
        DONE = "DONE", "Done"
        WITHDRAWN = "WITHDRAWN", "Withdrawn"

    MOVES: ClassVar[Moves] = {"CHECKED": frozenset({"RUNNING", "WITHDRAWN"}), "RUNNING": frozenset({"DONE"})}

    state = models.CharField(max_length=20, choices=State, default=State.CHECKED)
    file_name = models.CharField(max_length=200)
    processor = models.CharField(max_length=40, blank=True, help_text="Where to provision; empty for nowhere.")
    made_by_kind = models.CharField(max_length=10, choices=Author)
    made_by_id = models.UUIDField(null=True)
    made_by_name = models.CharField(max_length=200, blank=True)

    objects = TenantQuerySet["MerchantImport"].as_manager()

    class Meta:
        db_table = "merchant_import"
        constraints = [models.UniqueConstraint(name="merchant_import_within_application", fields=["application", "id"])]
        indexes = [models.Index(name="merchant_import_newest", fields=["application", "-created_at", "-id"])]

    def move_to(self, state: str) -> dict[str, list[Any]]:
        """The one door to `state`. Tells what differs. Raises IllegalMove."""
        check_move(self.MOVES, self.state, state)
        return self.assign({"state": state})


class ImportedRow(TenantResource):
    """A row of such a file. The keys of what it makes are chosen beforehand, so that a second run makes nothing twice.

    `answers` are its cells as they were read; tax ids, birth date and account number lie in the vault.
    """

    PREFIX = "IR"
    KIND = "imported_row"

    class State(models.TextChoices):
        READY = "READY", "Ready"
        REFUSED = "REFUSED", "Cannot be imported"
        DONE = "DONE", "Imported"
        PARTLY = "PARTLY", "Imported in part"
        FAILED = "FAILED", "Failed"

    MOVES: ClassVar[Moves] = {"READY": frozenset({"DONE", "PARTLY", "FAILED"})}

    merchant_import = models.ForeignKey(
        MerchantImport, models.CASCADE, related_name="+", db_constraint=False, db_index=False
    )
    number = models.PositiveIntegerField(help_text="Of the line in the file.")
    state = models.CharField(max_length=20, choices=State, default=State.READY)
    answers = models.JSONField(default=dict)
    messages = models.JSONField(default=list, help_text="`{field, message}` each.")
    identity_id = models.UUIDField(help_text="The key that its identity gets.")
    instrument_id = models.UUIDField(null=True)
    merchant_id = models.UUIDField(null=True)

    objects = TenantQuerySet["ImportedRow"].as_manager()

    class Meta:
        db_table = "imported_row"
        constraints = [
            models.UniqueConstraint(name="imported_row_once", fields=["merchant_import", "number"]),
            models.CheckConstraint(name="imported_row_number", condition=Q(number__gte=1)),
        ]
        indexes = [models.Index(name="imported_row_of_import", fields=["application", "merchant_import", "number"])]

    def move_to(self, state: str) -> dict[str, list[Any]]:
        """The one door to `state`. Tells what differs. Raises IllegalMove."""
        check_move(self.MOVES, self.state, state)
        return self.assign({"state": state})
