from datetime import date
from typing import Self

from django.db import models
from django.db.models import Exists, OuterRef, Q

from resources.folded import folded
from tenancy.actors import Actor
from tenancy.models import Application
from tenancy.models.tenants import TenantQuerySet, TenantResource
from tenancy.roles import Role


class IdentityQuerySet(TenantQuerySet["Identity"]):
    def visible_to(self, actor: Actor) -> Self:
        visible = super().visible_to(actor)
        if actor.role != Role.MERCHANT:
            return visible
        return visible.filter(Q(pk=actor.identity_id) | Q(associated_with_id=actor.identity_id))

    def not_at_a_processor(self) -> Self:
        """Businesses that nobody has sent to one yet. The company behind an application does not wait to be."""
        owned = Application.objects.filter(pk=OuterRef("application_id"), owner_id=OuterRef("pk"))
        return self.filter(~Exists(owned), business_type__isnull=False, is_at_processor=False)


class EmailDomain(models.Func):
    template = "lower(split_part(%(expressions)s, '@', 2))"


class Identity(TenantResource):
    """A person or business: the unit that is underwritten, paid out and accounted for.

    With a business type it is a merchant's identity and carries the underwriting form; without one it is a buyer's, and
    every member is optional. Tax ids and birth dates lie in the vault, never here.
    """

    PREFIX = "ID"
    KIND = "identity"

    class BusinessType(models.TextChoices):
        INDIVIDUAL_SOLE_PROPRIETORSHIP = "INDIVIDUAL_SOLE_PROPRIETORSHIP", "Individual sole proprietorship"
        CORPORATION = "CORPORATION", "Corporation"
        LIMITED_LIABILITY_COMPANY = "LIMITED_LIABILITY_COMPANY", "Limited liability company"
        PARTNERSHIP = "PARTNERSHIP", "Partnership"
        LIMITED_PARTNERSHIP = "LIMITED_PARTNERSHIP", "Limited partnership"
        GENERAL_PARTNERSHIP = "GENERAL_PARTNERSHIP", "General partnership"
        JOINT_VENTURE = "JOINT_VENTURE", "Joint venture"
        ASSOCIATION_ESTATE_TRUST = "ASSOCIATION_ESTATE_TRUST", "Association, estate or trust"
        TAX_EXEMPT_ORGANIZATION = "TAX_EXEMPT_ORGANIZATION", "Tax-exempt organization"
        INTERNATIONAL_ORGANIZATION = "INTERNATIONAL_ORGANIZATION", "International organization"
        GOVERNMENT_AGENCY = "GOVERNMENT_AGENCY", "Government agency"

    class OwnershipType(models.TextChoices):
        PUBLIC = "PUBLIC", "Publicly traded"
        PRIVATE = "PRIVATE", "Privately held"

    title = models.CharField(max_length=60, null=True)
    first_name = models.CharField(max_length=20, null=True)
    last_name = models.CharField(max_length=20, null=True)
    email = models.CharField(max_length=100, null=True)
    email_domain = models.GeneratedField(
        expression=EmailDomain("email"), output_field=models.CharField(max_length=100, null=True), db_persist=True
    )
    email_folded = folded("email")
    title_folded = folded("title")
    first_name_folded = folded("first_name")
    last_name_folded = folded("last_name")
    business_name_folded = folded("business_name")
    doing_business_as_folded = folded("doing_business_as")
    business_name = models.CharField(max_length=120, null=True)
    business_type = models.CharField(max_length=40, choices=BusinessType, null=True)
    doing_business_as = models.CharField(max_length=60, null=True)
    phone = models.CharField(max_length=40, null=True, help_text="As it was sent.")
    phone_e164 = models.CharField(max_length=20, null=True, help_text="For adapters.")
    business_phone = models.CharField(max_length=40, null=True)
    business_phone_e164 = models.CharField(max_length=20, null=True)
    personal_address = models.JSONField(null=True, help_text="line1, line2, city, region, postal_code, country.")
    business_address = models.JSONField(null=True)
    mcc = models.CharField(max_length=4, null=True, help_text="Merchant category code.")
    max_transaction_amount = models.BigIntegerField(default=0, help_text="Minor units.")
    ach_max_transaction_amount = models.BigIntegerField(default=0, help_text="Minor units.")
    annual_card_volume = models.DecimalField(
        max_digits=23, decimal_places=0, default=0, help_text="Minor units; the document allows 23 digits."
    )
    amex_mid = models.CharField(max_length=11, null=True)
    discover_mid = models.CharField(max_length=20, null=True)
    url = models.CharField(max_length=100, null=True, help_text="A scheme may lack.")
    has_accepted_credit_cards_previously = models.BooleanField(default=False)
    incorporation_date = models.DateField(null=True)
    principal_percentage_ownership = models.PositiveSmallIntegerField(null=True)
    short_business_name = models.CharField(max_length=60, null=True)
    ownership_type = models.CharField(max_length=10, choices=OwnershipType, null=True)
    tax_authority = models.CharField(max_length=100, null=True)
    default_statement_descriptor = models.CharField(max_length=20, null=True)
    tax_id_provided = models.BooleanField(default=False)
    business_tax_id_provided = models.BooleanField(default=False)
    dob_provided = models.BooleanField(default=False)
    additional_underwriting_data = models.JSONField(null=True)
    is_at_processor = models.BooleanField(default=False, help_text="Whether it was ever made a merchant.")
    associated_with = models.ForeignKey(
        "self",
        models.PROTECT,
        null=True,
        related_name="+",
        db_constraint=False,
        db_index=False,
        help_text="The business that this person owns a share of.",
    )

    dob: date | None
    """The birth date, once `services.attach_birth_dates` has opened it."""

    objects = IdentityQuerySet.as_manager()

    class Meta:
        db_table = "identity"
        constraints = [
            models.UniqueConstraint(name="identity_within_application", fields=["application", "id"]),
            models.CheckConstraint(
                name="identity_amounts_not_negative",
                condition=Q(
                    max_transaction_amount__gte=0, ach_max_transaction_amount__gte=0, annual_card_volume__gte=0
                ),
            ),
            models.CheckConstraint(
                name="identity_ownership_is_a_percentage",
                condition=Q(principal_percentage_ownership=None) | Q(principal_percentage_ownership__lte=100),
            ),
            models.CheckConstraint(
                name="identity_associated_is_a_person", condition=Q(associated_with=None) | Q(business_type=None)
            ),
        ]
        indexes = [
            models.Index(name="identity_newest", fields=["-created_at", "-id"]),
            models.Index(name="identity_of_application", fields=["application", "-created_at", "-id"]),
            models.Index(name="identity_updated", fields=["application", "-updated_at", "-id"]),
            models.Index(name="identity_email", fields=["application", "email_folded"]),
            models.Index(name="identity_email_domain", fields=["application", "email_domain", "-created_at"]),
            models.Index(name="identity_business_name", fields=["application", "business_name"]),
            models.Index(name="identity_doing_business_as", fields=["application", "doing_business_as"]),
            models.Index(name="identity_business_begins", fields=["application", "business_name_folded"]),
            models.Index(name="identity_trade_begins", fields=["application", "doing_business_as_folded"]),
            models.Index(name="identity_business_type", fields=["application", "business_type", "-created_at"]),
            models.Index(name="identity_first_name", fields=["application", "first_name_folded"]),
            models.Index(name="identity_last_name", fields=["application", "last_name_folded"]),
            models.Index(name="identity_title", fields=["application", "title_folded"]),
            models.Index(name="identity_descriptor", fields=["application", "default_statement_descriptor"]),
            models.Index(
                name="identity_associated",
                fields=["application", "associated_with", "-created_at"],
                condition=Q(associated_with__isnull=False),
            ),
            models.Index(
                name="identity_not_at_processor",
                fields=["application", "-created_at", "-id"],
                condition=Q(business_type__isnull=False, is_at_processor=False),
            ),
        ]

    @property
    def is_merchant(self) -> bool:
        return self.business_type is not None

    @property
    def waits_to_be_sent(self) -> bool:
        """Whether `not_at_a_processor` finds it; its application is joined."""
        return self.is_merchant and not self.is_at_processor and self.pk != self.application.owner_id

    @property
    def display_name(self) -> str:
        """What a person calls it: the trading name, the business, the person, else the id."""
        person = " ".join(part for part in (self.first_name, self.last_name) if part)
        return self.doing_business_as or self.business_name or person or self.email or self.public_id
