from datetime import datetime
from typing import Any, ClassVar, Self

from django.db import models
from django.db.models import Q

from events.models import Author
from onboarding.models.identities import Identity
from resources.moves import Moves, check_move
from tenancy.models.tenants import TenantQuerySet, TenantResource


class OnboardingFormQuerySet(TenantQuerySet["OnboardingForm"]):
    def open(self) -> Self:
        return self.filter(state="OPEN")


class OnboardingForm(TenantResource):
    """An underwriting form on its way: what was filled in so far, by whoever may come back to it.

    `answers` are the fields as they were typed. Tax ids, birth date and account number lie in the vault under the names
    in `sealed`. A link lets the merchant itself fill it in, without an account; the database keeps its hash alone.
    """

    PREFIX = "OF"
    KIND = "onboarding_form"

    class State(models.TextChoices):
        OPEN = "OPEN", "Being filled in"
        SUBMITTED = "SUBMITTED", "Submitted"
        WITHDRAWN = "WITHDRAWN", "Withdrawn"

    MOVES: ClassVar[Moves] = {"OPEN": frozenset({"SUBMITTED", "WITHDRAWN"})}

    identity = models.ForeignKey(
        Identity, models.PROTECT, null=True, related_name="+", db_constraint=False, db_index=False
    )
    state = models.CharField(max_length=20, choices=State, default=State.OPEN)
    name = models.CharField(max_length=120, blank=True, help_text="What the form is known by until it is submitted.")
    answers = models.JSONField(default=dict)
    sealed = models.JSONField(default=list, help_text="Names of the answers in the vault.")
    sections = models.JSONField(default=list, help_text="Sections that are whole.")
    revision = models.PositiveIntegerField(default=0, help_text="Grows with each save.")
    link_digest = models.BinaryField(null=True, help_text="Keyed hash of the token in the link.")
    link_expires_at = models.DateTimeField(null=True)
    link_used_at = models.DateTimeField(null=True, help_text="When somebody last came by it.")
    made_by_kind = models.CharField(max_length=10, choices=Author)
    made_by_id = models.UUIDField(null=True)
    made_by_name = models.CharField(max_length=200, blank=True)
    submitted_at = models.DateTimeField(null=True)

    objects = OnboardingFormQuerySet.as_manager()

    class Meta:
        db_table = "onboarding_form"
        constraints = [
            models.UniqueConstraint(name="onboarding_form_within_application", fields=["application", "id"]),
            models.UniqueConstraint(name="onboarding_form_link", fields=["link_digest"]),
            models.CheckConstraint(
                name="onboarding_form_submitted",
                condition=~Q(state="SUBMITTED") | Q(identity__isnull=False, submitted_at__isnull=False),
            ),
            models.CheckConstraint(
                name="onboarding_form_link_expires", condition=Q(link_digest=None) | Q(link_expires_at__isnull=False)
            ),
        ]
        indexes = [models.Index(name="onboarding_form_newest", fields=["application", "-created_at", "-id"])]

    def is_open_at(self, now: datetime) -> bool:
        """Whether its link still leads to it."""
        return self.state == self.State.OPEN and self.link_expires_at is not None and now < self.link_expires_at

    def move_to(self, state: str) -> dict[str, list[Any]]:
        """The one door to `state`. Tells what differs. Raises IllegalMove."""
        check_move(self.MOVES, self.state, state)
        return self.assign({"state": state})
