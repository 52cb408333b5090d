from typing import Self

from django.db import models
from django.db.models import Q
from django.utils import timezone

from onboarding.models import Merchant
from resources import ids
from tenancy.actors import Actor
from tenancy.models.tenants import TenantQuerySet
from tenancy.roles import Role


class LedgerAccountQuerySet(TenantQuerySet["LedgerAccount"]):
    """A merchant sees what it is owed, and nothing of what the processor and the partner have to do with it."""

    def visible_to(self, actor: Actor) -> Self:
        visible = super().visible_to(actor)
        if actor.role != Role.MERCHANT:
            return visible
        owed = [LedgerAccount.Kind.MERCHANT_BALANCE, LedgerAccount.Kind.SETTLEMENT_PAYABLE]
        return visible.filter(merchant__identity_id=actor.identity_id, kind__in=owed)


class LedgerAccount(models.Model):
    """Where money of one merchant stands, in one currency. The balance is kept by the database, posting by posting."""

    class Kind(models.TextChoices):
        PROCESSOR_CLEARING = "PROCESSOR_CLEARING", "Clearing at the processor"
        MERCHANT_BALANCE = "MERCHANT_BALANCE", "Merchant balance"
        PARTNER_FEES = "PARTNER_FEES", "Partner fees"
        SETTLEMENT_PAYABLE = "SETTLEMENT_PAYABLE", "Settlements to pay"
        OPERATING_FUNDS = "OPERATING_FUNDS", "Operating funds"

    id = models.UUIDField(primary_key=True, default=ids.new_id, editable=False)
    application = models.ForeignKey("tenancy.Application", models.PROTECT, related_name="+", db_index=False)
    merchant = models.ForeignKey(Merchant, models.PROTECT, related_name="+", db_constraint=False, db_index=False)
    kind = models.CharField(max_length=30, choices=Kind)
    currency = models.CharField(max_length=3)
    balance = models.BigIntegerField(default=0, help_text="Minor units, debits minus credits.")

    objects = LedgerAccountQuerySet.as_manager()

    class Meta:
        db_table = "ledger_account"
        constraints = [
            models.UniqueConstraint(name="ledger_account_once", fields=["application", "merchant", "kind", "currency"]),
            models.UniqueConstraint(name="ledger_account_within_application", fields=["application", "id"]),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.currency}"


class JournalQuerySet(TenantQuerySet["Journal"]):
    def visible_to(self, actor: Actor) -> Self:
        visible = super().visible_to(actor)
        if actor.role != Role.MERCHANT:
            return visible
        return visible.filter(pk__in=Posting.objects.visible_to(actor).values("journal_id"))


class Journal(models.Model):
    """One movement in the ledger, for one reason. Never changed: a correction is a journal of its own."""

    id = models.UUIDField(primary_key=True, default=ids.new_id, editable=False)
    application = models.ForeignKey("tenancy.Application", models.PROTECT, related_name="+", db_index=False)
    reason = models.CharField(max_length=40, help_text="Why it was posted, e.g. sale.")
    resource_kind = models.CharField(max_length=40)
    resource_id = models.UUIDField()
    posted_at = models.DateTimeField(default=timezone.now)

    objects = JournalQuerySet.as_manager()

    class Meta:
        db_table = "ledger_journal"
        constraints = [
            models.UniqueConstraint(name="ledger_journal_once", fields=["application", "resource_id", "reason"]),
            models.UniqueConstraint(name="ledger_journal_within_application", fields=["application", "id"]),
        ]

    def __str__(self) -> str:
        return f"{self.reason} of {self.resource_kind} {self.resource_id}"


class PostingQuerySet(TenantQuerySet["Posting"]):
    def visible_to(self, actor: Actor) -> Self:
        visible = super().visible_to(actor)
        if actor.role != Role.MERCHANT:
            return visible
        return visible.filter(account__in=LedgerAccount.objects.visible_to(actor))


class Posting(models.Model):
    """One leg of a journal: positive debits the account, negative credits it. All legs of a journal sum to zero."""

    id = models.UUIDField(primary_key=True, default=ids.new_id, editable=False)
    application = models.ForeignKey("tenancy.Application", models.PROTECT, related_name="+", db_index=False)
    journal = models.ForeignKey(Journal, models.PROTECT, related_name="postings", db_constraint=False)
    account = models.ForeignKey(LedgerAccount, models.PROTECT, related_name="+", db_constraint=False, db_index=False)
    amount = models.BigIntegerField(help_text="Minor units.")
    currency = models.CharField(max_length=3)

    objects = PostingQuerySet.as_manager()

    class Meta:
        db_table = "ledger_posting"
        constraints = [
            models.CheckConstraint(name="ledger_posting_moves_something", condition=~Q(amount=0)),
        ]
        indexes = [
            models.Index(name="ledger_posting_of_account", fields=["application", "account", "id"]),
        ]

    def __str__(self) -> str:
        return f"{self.amount} {self.currency}"
