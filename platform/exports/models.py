from datetime import timedelta
from typing import Any, ClassVar, Self

from django.db import models
from django.db.models import Q

from events.models import Author
from resources.moves import Moves, check_move
from tenancy.actors import Actor
from tenancy.models.tenants import TenantQuerySet, TenantResource
from tenancy.roles import Role

KEPT = timedelta(days=7)


class ExportQuerySet(TenantQuerySet["Export"]):
    def visible_to(self, actor: Actor) -> Self:
        """An export is its maker's alone, whatever others may see of the same list. The system tends all of them."""
        visible = super().visible_to(actor)
        if actor.kind == Author.SYSTEM:
            return visible
        return visible.filter(made_by_kind=actor.kind, made_by_id=actor.id)

    def open(self) -> Self:
        return self.filter(state__in=Export.State.open())


class Export(TenantResource):
    """A list that somebody took as a file: which one, how it was filtered, how many rows, and how far it is.

    A short one was sent at once and nothing of it is kept; a long one is written page by page, and kept for a week.
    What spans several applications stands under the platform's.
    """

    PREFIX = "EX"
    KIND = "export"

    class State(models.TextChoices):
        SENT = "SENT", "Sent at once"
        QUEUED = "QUEUED", "Waiting"
        RUNNING = "RUNNING", "Running"
        DONE = "DONE", "Done"
        FAILED = "FAILED", "Failed"
        CANCELED = "CANCELED", "Canceled"
        EXPIRED = "EXPIRED", "Expired"

        @classmethod
        def open(cls) -> frozenset["Export.State"]:
            return frozenset({cls.QUEUED, cls.RUNNING})

    class Format(models.TextChoices):
        CSV = "CSV", "CSV"
        XLSX = "XLSX", "XLSX"

    MOVES: ClassVar[Moves] = {
        "QUEUED": frozenset({"RUNNING", "FAILED", "CANCELED"}),
        "RUNNING": frozenset({"DONE", "FAILED", "CANCELED"}),
        "DONE": frozenset({"EXPIRED"}),
    }

    listing = models.CharField(max_length=60, help_text="Names the list.")
    query = models.TextField(blank=True, help_text="Its filters, as the page's address had them.")
    format = models.CharField(max_length=10, choices=Format)
    state = models.CharField(max_length=20, choices=State)
    made_by_kind = models.CharField(max_length=10, choices=Author)
    made_by_id = models.UUIDField(null=True)
    made_by_name = models.CharField(max_length=200, blank=True)
    made_by_role = models.CharField(max_length=20, choices=Role, help_text="In which role; in another it is refused.")
    made_by_identity_id = models.UUIDField(null=True, help_text="Of a merchant who asked for it.")
    rows = models.BigIntegerField(default=0, help_text="Written by now; of one that was sent, all.")
    expected_rows = models.BigIntegerField(default=0, help_text="As the planner guessed when it was asked for.")
    chunks = models.PositiveIntegerField(default=0, help_text="Written by now.")
    last_created_at = models.DateTimeField(null=True, help_text="Of the last row that was written.")
    last_id = models.UUIDField(null=True)
    size = models.BigIntegerField(default=0, help_text="Bytes of the whole file.")
    error = models.CharField(max_length=300, blank=True)
    finished_at = models.DateTimeField(null=True)
    expires_at = models.DateTimeField(null=True)

    objects = ExportQuerySet.as_manager()

    class Meta:
        db_table = "export"
        constraints = [
            models.UniqueConstraint(name="export_within_application", fields=["application", "id"]),
            models.CheckConstraint(
                name="export_failed_with_an_error",
                condition=~Q(error="") & Q(state="FAILED") | Q(error="") & ~Q(state="FAILED"),
            ),
            models.CheckConstraint(
                name="export_done_expires",
                condition=Q(state__in=["DONE", "EXPIRED"], finished_at__isnull=False, expires_at__isnull=False)
                | ~Q(state__in=["DONE", "EXPIRED"]) & Q(expires_at=None),
            ),
            models.CheckConstraint(
                name="export_stands_on_one_row",
                condition=Q(last_created_at=None, last_id=None)
                | Q(last_created_at__isnull=False, last_id__isnull=False),
            ),
        ]
        indexes = [
            models.Index(name="export_of_its_maker", fields=["application", "made_by_id", "-created_at", "-id"]),
            models.Index(name="export_open", fields=["updated_at"], condition=Q(state__in=["QUEUED", "RUNNING"])),
            models.Index(name="export_expires", fields=["expires_at"], condition=Q(state="DONE")),
        ]

    @property
    def is_open(self) -> bool:
        return self.state in self.State.open()

    @property
    def percent_done(self) -> int:
        """A guess, since nobody counts the rows of a long list beforehand."""
        return min(99, 100 * self.rows // max(self.expected_rows, 1))

    @property
    def file_name(self) -> str:
        return f"{self.listing}-{self.created_at:%Y%m%d-%H%M%S}.{self.format.lower()}"

    def move_to(self, state: str) -> dict[str, list[Any]]:
        """The one door to `state`. Tells what differs. Raises IllegalMove."""
        check_move(self.MOVES, self.state, state)
        return self.assign({"state": state})


class ExportChunk(models.Model):
    """A piece of an export: of a file that is done, its bytes; before that, as many rows as are written, as CSV.

    It lies in the database, so that any web process can serve it. Compressed by us: it is read as a whole only.
    """

    id = models.UUIDField(primary_key=True, editable=False)
    application_id = models.UUIDField()
    export = models.ForeignKey(Export, models.CASCADE, related_name="+", db_constraint=False, db_index=False)
    number = models.PositiveIntegerField()
    content = models.BinaryField(help_text="zlib.")

    class Meta:
        db_table = "export_chunk"
        constraints = [models.UniqueConstraint(name="export_chunk_once", fields=["export", "number"])]

    def __str__(self) -> str:
        return f"{self.export_id} {self.number}"
