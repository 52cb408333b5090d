from datetime import datetime
from typing import Any, ClassVar

from django.db import models
from django.db.models import Q
from django.utils import timezone

from resources import ids
from resources.moves import Moves, check_move
from tenancy.models.tenants import TenantQuerySet


class CopiedFromProvider(models.Model):
    """What every copied row tells of its copy: whose word it is, which state of it, and when it was taken over."""

    provider = models.CharField(max_length=20, default="", help_text="Empty until a provider has spoken of the row.")
    provider_version = models.CharField(max_length=60, default="")
    copied_at = models.DateTimeField(null=True)
    provider_document = models.JSONField(null=True, help_text="The provider's own words, redacted.")

    class Meta:
        abstract = True


class AttemptQuerySet(TenantQuerySet["Attempt"]):
    def unresolved(self) -> "AttemptQuerySet":
        return self.filter(state__in=Attempt.State.open())

    def of_unknown_outcome(self, at: datetime) -> "AttemptQuerySet":
        """Those that may have been executed: nobody can tell, or whoever sent them has not come back in time."""
        is_late = Q(state=Attempt.State.CLAIMED, sends__gt=0, leased_until__lte=at)
        return self.unresolved().filter(is_late | Q(state=Attempt.State.UNKNOWN))


class Attempt(models.Model):
    """One try of an act at a provider, written before the call: what is known of it, and when somebody asks again."""

    class State(models.TextChoices):
        CLAIMED = "CLAIMED", "Being sent"
        WAITING = "WAITING", "Waiting for the provider"
        UNKNOWN = "UNKNOWN", "Outcome not known"
        ACCEPTED = "ACCEPTED", "Accepted"
        REFUSED = "REFUSED", "Refused"
        ABSENT = "ABSENT", "Not executed"

        @classmethod
        def open(cls) -> frozenset["Attempt.State"]:
            return frozenset({cls.CLAIMED, cls.WAITING, cls.UNKNOWN})

    MOVES: ClassVar[Moves] = {
        "CLAIMED": frozenset({"ACCEPTED", "REFUSED", "WAITING", "UNKNOWN", "ABSENT"}),
        "WAITING": frozenset({"ACCEPTED", "REFUSED", "UNKNOWN"}),
        "UNKNOWN": frozenset({"CLAIMED", "ACCEPTED", "REFUSED", "WAITING", "ABSENT"}),
    }

    id = models.UUIDField(primary_key=True, default=ids.new_id, editable=False)
    application = models.ForeignKey("tenancy.Application", models.PROTECT, related_name="+", db_index=False)
    operation = models.CharField(max_length=40, help_text="Names the registered operation.")
    resource_kind = models.CharField(max_length=40)
    resource_id = models.UUIDField()
    number = models.PositiveSmallIntegerField(help_text="Of this operation on this resource, from 1.")
    reference = models.CharField(max_length=60, help_text="The provider's own idempotency key.")
    processor = models.CharField(max_length=40, blank=True, help_text="Names the provider and its settings.")
    provider = models.CharField(max_length=20)
    amount = models.BigIntegerField(null=True, help_text="Minor units, where money moves.")
    currency = models.CharField(max_length=3, blank=True)
    owner_id = models.UUIDField(null=True, help_text="Whose the resource will be, where the provider makes it.")
    is_sent_once = models.BooleanField(default=False, help_text="It held what is stored nowhere, so never again.")
    state = models.CharField(max_length=10, choices=State, default=State.CLAIMED)
    code = models.CharField(max_length=80, blank=True, help_text="Of the refusal, or why nothing is known.")
    message = models.CharField(max_length=200, blank=True)
    sends = models.PositiveSmallIntegerField(default=1, help_text="0 while it is left to the worker.")
    checks = models.PositiveSmallIntegerField(default=0, help_text="How often the resolver asked.")
    leased_until = models.DateTimeField(help_text="Until then its caller may still be waiting for the answer.")
    next_check_at = models.DateTimeField(null=True)
    sent_at = models.DateTimeField(null=True)
    silent_since = models.DateTimeField(null=True, help_text="When a question was not answered first, after a word.")
    created_at = models.DateTimeField(default=timezone.now)
    decided_at = models.DateTimeField(null=True)

    objects = AttemptQuerySet.as_manager()

    class Meta:
        db_table = "attempt"
        constraints = [
            models.UniqueConstraint(name="attempt_reference", fields=["application", "reference"]),
            models.UniqueConstraint(
                name="attempt_one_open",
                fields=["resource_id", "operation"],
                condition=Q(state__in=["CLAIMED", "WAITING", "UNKNOWN"]),
            ),
            models.CheckConstraint(
                name="attempt_decided_when_final",
                condition=Q(state__in=["CLAIMED", "WAITING", "UNKNOWN"], decided_at=None)
                | Q(state__in=["ACCEPTED", "REFUSED", "ABSENT"], decided_at__isnull=False),
            ),
        ]
        indexes = [
            models.Index(name="attempt_of_resource", fields=["application", "resource_id", "-created_at"]),
            models.Index(
                name="attempt_unresolved",
                fields=["application", "created_at"],
                condition=Q(state__in=["CLAIMED", "WAITING", "UNKNOWN"]),
            ),
        ]

    def __str__(self) -> str:
        return self.reference

    @property
    def is_open(self) -> bool:
        return self.state in self.State.open()

    @property
    def is_unsent(self) -> bool:
        """Left to the worker, which has not come to it."""
        return self.is_open and self.sends == 0

    def move_to(self, state: "Attempt.State", **values: Any) -> None:
        """The one door to `state`. Raises IllegalMove."""
        check_move(self.MOVES, self.state, state)
        self.state = state
        for name, value in values.items():
            setattr(self, name, value)


class Feed(models.Model):
    """How far we have heard what happens of itself at the provider behind a processor of an application."""

    id = models.UUIDField(primary_key=True, default=ids.new_id, editable=False)
    application = models.ForeignKey("tenancy.Application", models.PROTECT, related_name="+", db_index=False)
    processor = models.CharField(max_length=40)
    mark = models.CharField(max_length=200, blank=True, help_text="The provider's own; empty before the first word.")
    earlier_mark = models.CharField(max_length=200, blank=True, help_text="From which the next thorough round begins.")
    thorough_mark = models.CharField(max_length=200, null=True, help_text="How far the present one has come, if any.")
    thorough_at = models.DateTimeField(null=True, help_text="When the latest one began.")
    heard_at = models.DateTimeField(null=True, help_text="When it was last asked, to the end or not.")
    is_behind = models.BooleanField(default=False, help_text="There was more than could be heard in time.")

    objects = TenantQuerySet["Feed"].as_manager()

    class Meta:
        db_table = "provider_feed"
        constraints = [models.UniqueConstraint(name="provider_feed_once", fields=["application", "processor"])]

    def __str__(self) -> str:
        return self.processor


class UntakenWord(models.Model):
    """A word of a feed that could not be copied in, and is tried again: what it refers to may come later."""

    id = models.UUIDField(primary_key=True, default=ids.new_id, editable=False)
    application = models.ForeignKey("tenancy.Application", models.PROTECT, related_name="+", db_index=False)
    feed = models.ForeignKey(Feed, models.CASCADE, related_name="untaken", db_index=False)
    word = models.CharField(max_length=100, help_text="The resource's id, and the version.")
    mark = models.CharField(max_length=200, blank=True, help_text="From which on it is told.")
    since = models.DateTimeField()

    objects = TenantQuerySet["UntakenWord"].as_manager()

    class Meta:
        db_table = "provider_untaken_word"
        constraints = [models.UniqueConstraint(name="provider_untaken_word_once", fields=["feed", "word"])]

    def __str__(self) -> str:
        return self.word
