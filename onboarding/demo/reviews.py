"""Words that were given on merchants which the processor had held."""

from datetime import datetime, timedelta

from onboarding.models import Merchant, ReviewItem
from onboarding.services import review
from tenancy.actors import Actor
from tenancy.transactions import transaction

TOOK = timedelta(days=1, minutes=-25)
WHY = "The website belongs to another company. Tell the one on which the business itself sells."


def waiting_item(merchant: Merchant, *, by: Actor) -> ReviewItem | None:
    """The item that waits for a word; None where it was given, as by a run that was cut off."""
    with transaction(by=by):
        items = ReviewItem.objects.visible_to(by).filter(
            merchant=merchant,
            entity_type=ReviewItem.EntityType.MERCHANT,
            outcome__in=ReviewItem.Outcome.open(),
        )
        return items.filter(decision="").first()


def give_word(item: ReviewItem, *, is_accepted: bool, by: Actor, at: datetime) -> None:
    """Approve, or reject with a reason."""
    outcome = ReviewItem.Outcome.ACCEPTED if is_accepted else ReviewItem.Outcome.REJECTED
    review(item=item, outcome=outcome, reason="" if is_accepted else WHY, by=by, at=at)
