from typing import Self

from django.db import models
from django.db.models import Q

from onboarding.models.identities import Identity
from providers.models import CopiedFromProvider
from resources.folded import folded
from tenancy.actors import Actor
from tenancy.models.tenants import TenantQuerySet, TenantResource
from tenancy.roles import Role


class PaymentInstrumentQuerySet(TenantQuerySet["PaymentInstrument"]):
    def visible_to(self, actor: Actor) -> Self:
        visible = super().visible_to(actor)
        return visible.filter(identity_id=actor.identity_id) if actor.role == Role.MERCHANT else visible


class PaymentInstrument(CopiedFromProvider, TenantResource):
    """A card or bank account of an identity: what may be shown of it. The number of a card is stored nowhere.

    It belongs to one identity for good; the same number entered twice gives two instruments with one fingerprint.
    """

    PREFIX = "PI"
    KIND = "payment_instrument"

    class Type(models.TextChoices):
        BANK_ACCOUNT = "BANK_ACCOUNT", "Bank account"
        PAYMENT_CARD = "PAYMENT_CARD", "Payment card"

    class AccountType(models.TextChoices):
        CHECKING = "CHECKING", "Checking"
        SAVINGS = "SAVINGS", "Savings"
        PERSONAL_CHECKING = "PERSONAL_CHECKING", "Personal checking"
        PERSONAL_SAVINGS = "PERSONAL_SAVINGS", "Personal savings"
        BUSINESS_CHECKING = "BUSINESS_CHECKING", "Business checking"
        BUSINESS_SAVINGS = "BUSINESS_SAVINGS", "Business savings"

    class CreatedVia(models.TextChoices):
        API = "API", "The API"
        TOKEN = "TOKEN", "A token"
        PORTAL = "PORTAL", "The portal"

    identity = models.ForeignKey(Identity, models.PROTECT, related_name="+", db_constraint=False, db_index=False)
    type = models.CharField(max_length=30, choices=Type)
    fingerprint = models.CharField(max_length=40)
    name = models.CharField(max_length=40, null=True, help_text="Of the holder.")
    name_folded = folded("name")
    currency = models.CharField(max_length=3, default="USD")
    last_four = models.CharField(max_length=4)
    enabled = models.BooleanField(default=True, help_text="Off: payments with it are refused.")
    bank_code = models.CharField(max_length=9, null=True, help_text="Routing number.")
    account_type = models.CharField(max_length=20, choices=AccountType, null=True)
    country = models.CharField(max_length=3, null=True)
    bin = models.CharField(max_length=6, null=True)
    brand = models.CharField(max_length=30, null=True)
    card_type = models.CharField(max_length=30, null=True)
    issuer_country = models.CharField(max_length=20, null=True)
    expiration_month = models.PositiveSmallIntegerField(null=True)
    expiration_year = models.PositiveSmallIntegerField(null=True)
    address = models.JSONField(null=True)
    address_verification = models.CharField(max_length=40, null=True)
    security_code_verification = models.CharField(max_length=40, null=True)
    security_code_provided = models.BooleanField(default=False, help_text="It was entered with its security code.")
    fast_funds_indicator = models.CharField(max_length=10, null=True, help_text="By its last inquiry at VISA_V1.")
    push_funds_block_indicator = models.CharField(max_length=10, null=True)
    online_gambling_block_indicator = models.CharField(max_length=10, null=True)
    created_via = models.CharField(max_length=20, choices=CreatedVia, default=CreatedVia.API)

    objects = PaymentInstrumentQuerySet.as_manager()

    class Meta:
        db_table = "payment_instrument"
        constraints = [
            models.UniqueConstraint(name="payment_instrument_within_application", fields=["application", "id"]),
            models.CheckConstraint(
                name="payment_instrument_is_whole",
                condition=Q(type="BANK_ACCOUNT", bank_code__isnull=False, account_type__isnull=False, bin=None)
                | Q(
                    type="PAYMENT_CARD",
                    bin__isnull=False,
                    brand__isnull=False,
                    bank_code=None,
                ),
            ),
            models.CheckConstraint(
                name="payment_instrument_expires",
                condition=Q(expiration_month=None, expiration_year=None)
                | Q(expiration_month__range=(1, 12), expiration_year__isnull=False),
            ),
            models.CheckConstraint(
                name="payment_instrument_shows_four", condition=Q(last_four__regex=r"^[0-9A-Za-z]{1,4}$")
            ),
        ]
        indexes = [
            models.Index(name="payment_instrument_newest", fields=["-created_at", "-id"]),
            models.Index(name="payment_instrument_of_tenant", fields=["application", "-created_at", "-id"]),
            models.Index(name="payment_instrument_updated", fields=["application", "-updated_at", "-id"]),
            models.Index(name="payment_instrument_of_identity", fields=["application", "identity", "-created_at"]),
            models.Index(name="payment_instrument_type", fields=["application", "type", "-created_at"]),
            models.Index(name="payment_instrument_name", fields=["application", "name"]),
            models.Index(name="payment_instrument_name_begins", fields=["application", "name_folded"]),
            models.Index(name="payment_instrument_last_four", fields=["application", "last_four", "-created_at"]),
            models.Index(name="payment_instrument_print", fields=["application", "fingerprint"]),
            models.Index(
                name="payment_instrument_bank_code",
                fields=["application", "bank_code", "-created_at"],
                condition=Q(bank_code__isnull=False),
            ),
            models.Index(
                name="payment_instrument_bin",
                fields=["application", "bin", "-created_at"],
                condition=Q(bin__isnull=False),
            ),
            models.Index(
                name="payment_instrument_brand",
                fields=["application", "brand", "-created_at"],
                condition=Q(brand__isnull=False),
            ),
            models.Index(
                name="payment_instrument_expiration",
                fields=["application", "expiration_year", "expiration_month", "-created_at"],
                condition=Q(expiration_year__isnull=False),
            ),
            models.Index(
                name="payment_instrument_disabled",
                fields=["application", "-created_at"],
                condition=Q(enabled=False),
            ),
        ]

    @property
    def is_card(self) -> bool:
        return self.type == self.Type.PAYMENT_CARD

    @property
    def masked_account_number(self) -> str | None:
        return None if self.is_card else f"XXXXX{self.last_four}"

    @property
    def display_name(self) -> str:
        """What a person calls it: VISA •••• 0006."""
        kind = (self.brand or "Card").replace("_", " ").title() if self.is_card else "Bank account"
        kind = {"Jcb": "JCB", "China Union Pay": "China UnionPay"}.get(kind, kind)
        return f"{kind} •••• {self.last_four}"
