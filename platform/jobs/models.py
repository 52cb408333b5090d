from datetime import datetime

from django.db import models
from django.db.models import Q
from django.utils import timezone

from resources import ids


class JobQuerySet(models.QuerySet["Job"]):
    def open(self) -> "JobQuerySet":
        return self.filter(finished_at=None, given_up_at=None)

    def due(self, now: datetime) -> "JobQuerySet":
        """Open, its time has come, and nobody holds a lease on it that is still good."""
        return self.open().filter(Q(leased_until=None) | Q(leased_until__lte=now), due_at__lte=now)


class Job(models.Model):
    """A piece of background work: what, for whom by id, when it is due, and who holds it until when."""

    id = models.UUIDField(primary_key=True, default=ids.new_id, editable=False)
    kind = models.CharField(max_length=60, help_text="Names the registered handler.")
    key = models.CharField(max_length=120, help_text="Business key: the same work asked for twice is one row.")
    arguments = models.JSONField(default=dict, help_text="Ids only, never a tenant's data.")
    due_at = models.DateTimeField(default=timezone.now)
    lease = models.UUIDField(
        null=True, help_text="Of the worker that runs it now; a result under an old lease is dropped."
    )
    leased_until = models.DateTimeField(null=True)
    attempts = models.PositiveIntegerField(default=0)
    last_error = models.CharField(
        max_length=200, blank=True, help_text="The exception's class; its text may hold data."
    )
    created_at = models.DateTimeField(default=timezone.now)
    finished_at = models.DateTimeField(null=True)
    given_up_at = models.DateTimeField(null=True)

    objects = JobQuerySet.as_manager()

    class Meta:
        db_table = "job"
        constraints = [
            models.UniqueConstraint(name="job_once_per_key", fields=["kind", "key"]),
            models.CheckConstraint(
                name="job_lease_has_an_end",
                condition=Q(lease=None, leased_until=None) | Q(lease__isnull=False, leased_until__isnull=False),
            ),
            models.CheckConstraint(
                name="job_finished_or_given_up", condition=Q(finished_at=None) | Q(given_up_at=None)
            ),
        ]
        indexes = [
            models.Index(name="job_due", fields=["due_at"], condition=Q(finished_at=None, given_up_at=None)),
            models.Index(name="job_finished", fields=["finished_at"], condition=Q(finished_at__isnull=False)),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.key}"


class IdempotencyKey(models.Model):
    """What a key of a caller was used for, and what it was answered: the same request again gets the same answer.

    The row is written in the transaction that claims the act, so it is there exactly when the act is.
    """

    id = models.UUIDField(primary_key=True, default=ids.new_id, editable=False)
    application_id = models.UUIDField(help_text="Whose key it is; the platform's where an act belongs to no tenant.")
    operation = models.CharField(max_length=100, help_text="Method and route, ids left out.")
    key = models.CharField(max_length=255)
    fingerprint = models.BinaryField(help_text="HMAC-SHA-256 over the validated request.")
    resource_kind = models.CharField(max_length=40, blank=True)
    resource_id = models.UUIDField(null=True, help_text="What the act was about, once it is known.")
    status = models.PositiveSmallIntegerField(null=True)
    body = models.BinaryField(null=True, help_text="The answer as it was sent, secrets as null.")
    is_final = models.BooleanField(default=False, help_text="Off: the answer showed something still pending.")
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        db_table = "idempotency_key"
        constraints = [
            models.UniqueConstraint(name="idempotency_key_once", fields=["application_id", "operation", "key"]),
            models.CheckConstraint(
                name="idempotency_key_answer_is_whole",
                condition=Q(status=None, body=None) | Q(status__isnull=False, body__isnull=False),
            ),
        ]
        indexes = [
            models.Index(name="idempotency_key_age", fields=["created_at"]),
            models.Index(name="idempotency_key_unanswered", fields=["resource_id"], condition=Q(body=None)),
        ]

    def __str__(self) -> str:
        return f"{self.operation} {self.key}"
