from datetime import datetime

from django.db import models

from providers.models import CopiedFromProvider
from tenancy.models.tenants import TenantQuerySet, TenantResource


class Token(CopiedFromProvider, TenantResource):
    """A card or bank account that the provider keeps for nobody yet: good for one instrument, until it expires.

    The instrument that is made of it has the same key, so its id is `PI` and the token's suffix.
    """

    PREFIX = "TK"
    KIND = "token"

    instrument_type = models.CharField(max_length=30)
    fingerprint = models.CharField(max_length=40)
    currency = models.CharField(max_length=3, default="USD")
    expires_at = models.DateTimeField()
    claimed_at = models.DateTimeField(null=True, help_text="When an instrument was asked for with it.")

    objects = TenantQuerySet["Token"].as_manager()

    class Meta:
        db_table = "token"
        constraints = [models.UniqueConstraint(name="token_within_application", fields=["application", "id"])]
        indexes = [models.Index(name="token_newest", fields=["application", "-created_at", "-id"])]

    def has_expired(self, now: datetime) -> bool:
        """By the application's business time."""
        return self.expires_at <= now
