from django.contrib.postgres.fields import ArrayField
from django.db import models

from resources import ids


class CurrentTransaction(models.Func):
    """The 64-bit number of the transaction that runs the statement."""

    template = "(pg_current_xact_id()::text::bigint)"
    arity = 0
    output_field = models.BigIntegerField()


class Author(models.TextChoices):
    """What kind of actor stands behind a row."""

    PERSON = "PERSON"
    API_USER = "API_USER"
    SYSTEM = "SYSTEM"
    STRANGER = "STRANGER", "not logged in"


class Event(models.Model):
    """One change of one resource, written in the transaction of the change."""

    id = models.UUIDField(primary_key=True, default=ids.new_id, editable=False)
    application_id = models.UUIDField(help_text="The tenant whose resource changed.")
    kind = models.CharField(max_length=60, help_text="`<resource>.<what>`, e.g. identity.updated.")
    resource_kind = models.CharField(max_length=40)
    resource_id = models.UUIDField()
    sequence = models.PositiveIntegerField(help_text="Grows per resource; written under the resource's lock.")
    changes = models.JSONField(default=dict, help_text="Member -> [before, after]; sensitive values are never in it.")
    author_kind = models.CharField(max_length=10, choices=Author)
    author_id = models.UUIDField(null=True)
    author_name = models.CharField(max_length=200)
    request_id = models.CharField(max_length=40, blank=True)
    occurred_at = models.DateTimeField()

    class Meta:
        db_table = "event"
        constraints = [
            models.UniqueConstraint(name="event_sequence_once_per_resource", fields=["resource_id", "sequence"]),
        ]
        indexes = [
            models.Index(name="event_of_application", fields=["application_id", "-occurred_at", "-id"]),
        ]

    def __str__(self) -> str:
        return f"{self.kind} #{self.sequence}"


class Audit(models.Model):
    """One act, denial or log-in: who, in what role, what, from where, with what result; points to its events."""

    class Result(models.TextChoices):
        DONE = "DONE"
        DENIED = "DENIED"

    id = models.UUIDField(primary_key=True, default=ids.new_id, editable=False)
    application_id = models.UUIDField(help_text="The tenant concerned; the platform's own before one is known.")
    action = models.CharField(max_length=60, help_text="Verb and noun, e.g. update_identity.")
    result = models.CharField(max_length=10, choices=Result)
    reason = models.CharField(
        max_length=200, blank=True, help_text="Why it was denied, or what the person gave as reason."
    )
    resource_kind = models.CharField(max_length=40, blank=True, help_text="Of what it was done to, where that is one.")
    resource_id = models.UUIDField(null=True)
    author_kind = models.CharField(max_length=10, choices=Author)
    author_id = models.UUIDField(null=True)
    author_name = models.CharField(max_length=200)
    author_role = models.CharField(max_length=20, blank=True)
    address = models.GenericIPAddressField(null=True)
    browser = models.CharField(max_length=200, blank=True)
    request_id = models.CharField(max_length=40, blank=True)
    events = ArrayField(models.UUIDField(), default=list, help_text="The events that this act led to.")
    occurred_at = models.DateTimeField()
    transaction_id = models.BigIntegerField(
        db_default=CurrentTransaction(), editable=False, help_text="What wrote it; rows are sealed in this order."
    )

    class Meta:
        db_table = "audit"
        indexes = [
            models.Index(name="audit_of_application", fields=["application_id", "-occurred_at", "-id"]),
            models.Index(name="audit_to_seal", fields=["transaction_id", "id"]),
        ]

    def __str__(self) -> str:
        return f"{self.action} by {self.author_name}: {self.result}"


class AuditSeal(models.Model):
    """A link of the hash chain over the audit rows of all tenants: what a range of transactions wrote.

    The range begins where the one before it ends, so a row that is put in, taken out or changed later does not fit.
    """

    number = models.PositiveBigIntegerField(primary_key=True, help_text="From 1, without gaps.")
    until_transaction = models.BigIntegerField(help_text="The first transaction that it does not cover.")
    count = models.PositiveIntegerField()
    first_audit_id = models.UUIDField()
    last_audit_id = models.UUIDField()
    hash = models.BinaryField(help_text="SHA-256 over the hash before it, these members and the rows.")
    sealed_at = models.DateTimeField()

    class Meta:
        db_table = "audit_seal"
        constraints = [
            models.CheckConstraint(name="audit_seal_covers_something", condition=models.Q(count__gt=0)),
        ]

    def __str__(self) -> str:
        return f"Seal {self.number} over {self.count} rows"
