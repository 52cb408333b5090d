from django.db import models

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


class MerchantProfile(TenantResource):
    """The profiles that hold for a merchant; a processor names the one that its new merchants begin with."""

    PREFIX = "MP"
    KIND = "merchant_profile"

    risk_profile = models.ForeignKey(RiskProfile, models.PROTECT, related_name="+", db_constraint=False)

    objects = TenantQuerySet["MerchantProfile"].as_manager()

    class Meta:
        db_table = "merchant_profile"
        constraints = [
            models.UniqueConstraint(name="merchant_profile_within_application", fields=["application", "id"]),
        ]
        indexes = [models.Index(name="merchant_profile_newest", fields=["application", "-created_at", "-id"])]
