from collections.abc import Mapping, Sequence
from typing import Any

from django.db import models

from resources.errors import FieldError
from tenancy.models.tenants import TenantQuerySet, TenantResource


class Processor(TenantResource):
    """A processor that is enabled for an application, with its settings."""

    PREFIX = "PR"
    KIND = "processor"

    class Name(models.TextChoices):
        DUMMY_V1 = "DUMMY_V1"
        VISA_V1 = "VISA_V1"

    class SubmissionMethod(models.TextChoices):
        REAL_TIME = "real_time"
        BATCH = "batch"

    processor = models.CharField(max_length=40, choices=Name)
    enabled = models.BooleanField(default=True)
    config = models.JSONField(default=dict, help_text="As it was sent.")
    application_config = models.JSONField(default=dict, help_text="Defaults, what was sent, in snake_case.")
    default_merchant_profile = models.ForeignKey(
        "tenancy.MerchantProfile", models.PROTECT, related_name="+", db_constraint=False
    )

    objects = TenantQuerySet["Processor"].as_manager()

    class Meta:
        db_table = "processor"
        constraints = [
            models.UniqueConstraint(name="processor_once_per_application", fields=["application", "processor"]),
            models.UniqueConstraint(name="processor_within_application", fields=["application", "id"]),
        ]
        indexes = [models.Index(name="processor_of_application", fields=["application", "-created_at", "-id"])]

    @property
    def submission_method(self) -> str:
        return str(self.application_config["card_sale_submission_method"])


def currencies_of(settings: Mapping[str, Any]) -> Sequence[str]:
    """What may be paid in at a processor with these settings, the first one by default."""
    return settings.get("default_currencies") or ["USD"]


def refuse_currency(currency: str, settings: Mapping[str, Any]) -> None:
    """Raises FieldError."""
    if currency not in (currencies := currencies_of(settings)):
        raise FieldError("currency", f"One of {', '.join(currencies)} is needed")
