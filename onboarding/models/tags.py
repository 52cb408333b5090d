from django.db import models

from onboarding.models.identities import Identity


class IdentityTag(models.Model):
    """A term of an identity's tags, for filters to find it by (`resources.tag_index`). Written by triggers alone."""

    pk = models.CompositePrimaryKey("application_id", "term", "identity_id")
    application = models.ForeignKey(
        "tenancy.Application", models.DO_NOTHING, related_name="+", db_constraint=False, db_index=False
    )
    term = models.UUIDField()
    identity = models.ForeignKey(
        Identity, models.DO_NOTHING, related_name="tag_terms", db_constraint=False, db_index=False
    )

    class Meta:
        db_table = "identity_tag"

    def __str__(self) -> str:
        return f"{self.identity_id} {self.term}"
