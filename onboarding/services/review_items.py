"""What becomes of the review queue when a processor speaks: a check that it holds waits, one that it ends is done."""

from typing import Any

from events.models import Author, Event
from onboarding.models import ReviewItem, Verification
from onboarding.models.reviews import LONGEST_REASON
from providers import port
from tenancy.transactions import Act

_NO_REASON = "The processor gave no reason."
_NOBODY = {"reviewed_by_kind": "", "reviewed_by_id": None, "reviewed_by_name": ""}


def follow(current: Act, verification: Verification, news: port.Verification) -> None:
    """Take in what a processor said of the check of a merchant, which is locked: it is held, or decided."""
    if verification.state != Verification.State.PENDING:
        complete(current, verification, at=news.updated_at)
    elif news.is_held:
        _add(current, verification, news)


def restore(current: Act, verification: Verification, news: port.Verification) -> None:
    """Put back an item that was lost, of a check of which the processor says nothing new."""
    if news.is_held and verification.state == Verification.State.PENDING:
        _add(current, verification, news)


def complete(current: Act, verification: Verification, *, at: Any) -> None:
    """End the item of a check that was decided. A word that the processor did not follow is nobody's."""
    item = _locked(current, verification)
    if item is None or not item.is_open:
        return
    is_passed = verification.state == Verification.State.SUCCEEDED
    outcome = ReviewItem.Outcome.ACCEPTED if is_passed else ReviewItem.Outcome.REJECTED
    values: dict[str, Any] = {"completed_at": at}
    if item.decision != outcome:
        values |= {"decision": "", "reason": "", **_NOBODY}
    changes = item.assign(values)
    if not item.reason and not is_passed:
        changes |= item.assign({"reason": " ".join(verification.messages)[:LONGEST_REASON] or _NO_REASON})
    changes |= item.move_to(outcome)
    item.updated_at = max(item.updated_at, at)
    item.save(update_fields=[*changes, "updated_at"])
    told = {"outcome": changes["outcome"], **({"reason": [None, item.reason]} if item.reason else {})}
    current.record("review_queue_item.completed", item, application_id=item.application_id, changes=told)


def give_back(current: Act, item: ReviewItem) -> None:
    """Let an item wait again, whose word the processor has not taken; the item is locked."""
    is_in_review = item.outcome == ReviewItem.Outcome.MANUAL_REVIEW
    changes = item.assign({"decision": "", "reason": "", **({} if is_in_review else _NOBODY)})
    item.updated_at = max(item.updated_at, current.at)
    item.save(update_fields=[*changes, "updated_at"])
    told = {"decision": [changes["decision"][0], None]} if "decision" in changes else {}
    current.record("review_queue_item.returned", item, application_id=item.application_id, changes=told)


def _add(current: Act, verification: Verification, news: port.Verification) -> None:
    merchant_id = verification.merchant_id
    if merchant_id is None or _locked(current, verification) is not None:
        return
    checks = Verification.objects.visible_to(current.by).filter(merchant=merchant_id)
    first = checks.order_by("created_at", "id").values_list("pk", flat=True).first()
    is_first = first == verification.pk
    item = ReviewItem(
        application_id=verification.application_id,
        entity_id=merchant_id,
        merchant_id=merchant_id,
        verification_id=verification.pk,
        processor_type=verification.processor,
        review_type=ReviewItem.ReviewType.CREATED if is_first else ReviewItem.ReviewType.VERIFIED,
        created_at=news.updated_at,
        updated_at=news.updated_at,
        **_who_asked(verification),
    )
    item.save(force_insert=True)
    current.record("review_queue_item.created", item, application_id=item.application_id, is_first=True)


def _who_asked(verification: Verification) -> dict[str, Any]:
    """Whoever sent the merchant in, though the worker may have brought the answer; nobody, of a restored copy."""
    made = Event.objects.filter(resource_id=verification.pk, kind="verification.created")
    known = made.order_by("sequence").values_list("author_kind", "author_id", "author_name").first()
    kind, author, name = known or (Author.SYSTEM, None, "")
    return {"asked_by_kind": kind, "asked_by_id": author, "asked_by_name": name}


def _locked(current: Act, verification: Verification) -> ReviewItem | None:
    items = ReviewItem.objects.visible_to(current.by).select_for_update()
    return items.filter(verification_id=verification.pk).first()
