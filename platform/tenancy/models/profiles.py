import uuid
from typing import Self

from django.db import models
from django.db.models import OuterRef, Subquery
from django.db.models.functions import Coalesce

from tenancy.models.tenants import TenantQuerySet, TenantResource


class RiskProfile(TenantResource):
    """Which failed checks an application, or one merchant, lets through."""

    PREFIX = "RP"
    KIND = "risk_profile"

    avs_failure_allowed = models.BooleanField(default=False, help_text="Accept a sale whose address check fails.")
    csc_failure_allowed = models.BooleanField(default=False, help_text="Accept a sale whose security code check fails.")

    objects = TenantQuerySet["RiskProfile"].as_manager()

    class Meta:
        db_table = "risk_profile"
        constraints = [
            models.UniqueConstraint(name="risk_profile_within_application", fields=["application", "id"]),
        ]
        indexes = [models.Index(name="risk_profile_of_application", fields=["application", "-created_at", "-id"])]


class ApplicationProfile(TenantResource):
    """The profiles that hold for an application: one each."""

    PREFIX = "PP"
    KIND = "application_profile"

    risk_profile = models.ForeignKey(RiskProfile, models.PROTECT, related_name="+", db_constraint=False)

    objects = TenantQuerySet["ApplicationProfile"].as_manager()

    class Meta:
        db_table = "application_profile"
        constraints = [
            models.UniqueConstraint(name="application_profile_once", fields=["application"]),
        ]
        indexes = [models.Index(name="application_profile_newest", fields=["-created_at", "-id"])]


class MerchantProfileQuerySet(TenantQuerySet["MerchantProfile"]):
    def with_effective(self) -> Self:
        """With `effective_risk_profile_id`: the merchant's own risk profile, else its application's."""
        of_the_application = ApplicationProfile.objects.filter(application=OuterRef("application"))
        inherited = Subquery(of_the_application.values("risk_profile_id")[:1])
        effective = Coalesce("risk_profile_id", inherited, output_field=models.UUIDField())
        return self.annotate(effective_risk_profile_id=effective)


class MerchantProfile(TenantResource):
    """The profiles that hold for a merchant; a processor names the one that its new merchants begin with."""

    PREFIX = "MP"
    KIND = "merchant_profile"

    risk_profile = models.ForeignKey(
        RiskProfile,
        models.PROTECT,
        null=True,
        related_name="+",
        db_constraint=False,
        help_text="Its own; without one the application's holds.",
    )

    effective_risk_profile_id: uuid.UUID
    """Which one holds, in rows of `with_effective()`."""

    objects = MerchantProfileQuerySet.as_manager()

    class Meta:
        db_table = "merchant_profile"
        constraints = [
            models.UniqueConstraint(name="merchant_profile_within_application", fields=["application", "id"]),
        ]
        indexes = [models.Index(name="merchant_profile_newest", fields=["application", "-created_at", "-id"])]
