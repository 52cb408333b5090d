"""Items of the review queue for tests that need one beside merchants whose processor has decided already."""

from onboarding.models import Merchant, ReviewItem
from tenancy.actors import system
from tenancy.transactions import transaction


def make_review_item(merchant: Merchant) -> ReviewItem:
    """An item about the merchant's latest check, as whoever never told his name would have asked for it."""
    with transaction(by=system("test")):
        current = Merchant.objects.get(pk=merchant.pk)
        return ReviewItem.objects.create(
            application_id=current.application_id,
            merchant=current,
            entity_id=current.pk,
            verification_id=current.verification_id,
            processor_type=current.processor,
            asked_by_kind="SYSTEM",
        )
