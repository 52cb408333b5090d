from django.db import models

from onboarding.models.identities import Identity
from onboarding.models.instruments import PaymentInstrument


class TagTerm(models.Model):
    """A term of a row's tags, for filters to find it by (`resources.tag_index`). Written by triggers alone."""

    application = models.ForeignKey(
        "tenancy.Application", models.DO_NOTHING, related_name="+", db_constraint=False, db_index=False
    )
    term = models.UUIDField()

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return str(self.pk)


class IdentityTag(TagTerm):
    pk = models.CompositePrimaryKey("application_id", "term", "identity_id")
    identity = models.ForeignKey(
        Identity, models.DO_NOTHING, related_name="tag_terms", db_constraint=False, db_index=False
    )

    class Meta:
        db_table = "identity_tag"


class PaymentInstrumentTag(TagTerm):
    pk = models.CompositePrimaryKey("application_id", "term", "payment_instrument_id")
    payment_instrument = models.ForeignKey(
        PaymentInstrument, models.DO_NOTHING, related_name="tag_terms", db_constraint=False, db_index=False
    )

    class Meta:
        db_table = "payment_instrument_tag"
