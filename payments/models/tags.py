from django.db import models

from onboarding.models.tags import TagTerm
from payments.models.authorizations import Authorization
from payments.models.transfers import Transfer


class TransferTag(TagTerm):
    pk = models.CompositePrimaryKey("application_id", "term", "transfer_id")
    transfer = models.ForeignKey(
        Transfer, models.DO_NOTHING, related_name="tag_terms", db_constraint=False, db_index=False
    )

    class Meta:
        db_table = "transfer_tag"


class AuthorizationTag(TagTerm):
    pk = models.CompositePrimaryKey("application_id", "term", "authorization_id")
    authorization = models.ForeignKey(
        Authorization, models.DO_NOTHING, related_name="tag_terms", db_constraint=False, db_index=False
    )

    class Meta:
        db_table = "card_authorization_tag"
