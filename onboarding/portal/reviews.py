"""Pages of the review queue (WF-5): what waits, what was decided, and one item."""

import uuid
from collections.abc import Callable, Collection, Mapping
from typing import Any, ClassVar

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from events.models import Author
from onboarding import services
from onboarding.filters import DecidedReviewSearch, WaitingReviewSearch
from onboarding.models import ReviewItem, Verification
from onboarding.portal.exports import DECIDED_REVIEWS, WAITING_REVIEWS
from onboarding.portal.facts import Facts, code, identity_facts, merchant_title
from onboarding.portal.following import following, mark_of, shows_already
from onboarding.portal.lists import TenantList
from onboarding.serializers.reviews import ReviewItemDocument
from onboarding.services.reviews import refuse_outcome
from portal.attempts import attempt_entries
from portal.design.states import badge, tag
from portal.design.values import moment
from portal.timeline import timeline_of
from portal.views import COUNTED, Page
from resources.errors import DomainError
from resources.lookup import find
from tenancy.actors import Actor
from tenancy.roles import Permission
from tenancy.transactions import transaction

SECTION = "review-merchants"
WAITING, DECIDED = "WAITING", "DECIDED"
"""The tabs of a queue."""

_Outcome = ReviewItem.Outcome
JOINED = ("application", "merchant__identity")
"""What a row tells of an item beside its own columns."""


class ReviewList(TenantList):
    """What lists of a queue share: what waits, or was decided on, of one kind of things, and the tabs.

    `tabs` are the names of both pages by their labels.
    """

    permission = Permission.VIEW_REVIEWS
    search_field = "q"
    entity_type: ClassVar[ReviewItem.EntityType]
    tabs: ClassVar[Mapping[str, str]]
    tab: ClassVar[str]

    def visible(self) -> QuerySet[ReviewItem]:
        outcomes = _Outcome.open() if self.tab == WAITING else _Outcome.decided()
        return reviews_of(self.entity_type, self.actor).filter(outcome__in=outcomes)

    def context(self) -> dict[str, Any]:
        count = waiting_of(self.entity_type, self.actor, COUNTED + 1)
        return {
            "tabs": [
                {
                    "label": label,
                    "url": reverse(name),
                    "is_current": label == self.tab,
                    "count": count if label == WAITING else None,
                }
                for label, name in self.tabs.items()
            ],
            "may_decide": self.actor.may(Permission.DECIDE_REVIEWS),
        }


def reviews_of(entity_type: ReviewItem.EntityType, by: Actor) -> QuerySet[ReviewItem]:
    """The items of one kind of things."""
    items: QuerySet[ReviewItem] = ReviewItem.objects.visible_to(by)
    return items.filter(entity_type=entity_type)


def waiting_of(entity_type: ReviewItem.EntityType, by: Actor, most: int) -> int:
    """How many of a kind wait for a word, counted up to a bound; call it in a transaction."""
    waiting = reviews_of(entity_type, by).filter(outcome__in=_Outcome.open())
    return waiting.order_by().values("pk")[:most].count()


class _Reviews(ReviewList):
    """The lists of merchants."""

    section = SECTION
    noun = ("merchant", "merchants")
    entity_type = ReviewItem.EntityType.MERCHANT
    tabs: ClassVar = {WAITING: "onboarding:review-merchants", DECIDED: "onboarding:decided-reviews"}

    def visible(self) -> QuerySet[ReviewItem]:
        return super().visible().select_related(*JOINED)


class WaitingReviews(_Reviews):
    """Merchants that wait for a word."""

    template_name = "onboarding/review_list.html"
    filter_class = WaitingReviewSearch
    listing = WAITING_REVIEWS
    caption = "Merchants that wait for a decision, newest first"
    tab = WAITING
    columns: ClassVar = [
        {"label": "Merchant"},
        {"label": "State"},
        {"label": "Processor"},
        {"label": "Check", "css": "cell-extra"},
        {"label": "Sent in by", "css": "cell-person cell-labelled"},
        {"label": "Application", "css": "shrink"},
        {"label": "Waits since", "css": "shrink cell-labelled"},
    ]

    def row(self, resource: ReviewItem) -> Mapping[str, Any]:
        title = merchant_title(resource.merchant)
        return {
            "key": resource.public_id,
            "label": title,
            "url": page_of(resource),
            "cells": [
                title,
                state_of(resource),
                resource.processor_type,
                tag(resource.get_review_type_display()),
                name_in_short(resource.asked_by_kind, resource.asked_by_name),
                resource.application.name,
                moment(resource.created_at),
            ],
        }


class DecidedReviews(_Reviews):
    """Who decided what, when, and why."""

    template_name = "onboarding/review_decided.html"
    filter_class = DecidedReviewSearch
    listing = DECIDED_REVIEWS
    caption = "Merchants on which was decided, newest first"
    tab = DECIDED
    columns: ClassVar = [
        {"label": "Merchant", "css": "cell-name"},
        {"label": "Outcome"},
        {"label": "Decided by", "css": "cell-person cell-labelled"},
        {"label": "Reason"},
        {"label": "Application", "css": "shrink cell-extra"},
        {"label": "Decided", "css": "shrink"},
    ]

    def row(self, resource: ReviewItem) -> Mapping[str, Any]:
        return {
            "url": page_of(resource),
            "cells": [
                merchant_title(resource.merchant),
                state_of(resource),
                reviewer_of(resource, name_in_short),
                resource.reason,
                resource.application.name,
                moment(resource.completed_at),
            ],
        }


class ReviewPage(Page):
    """One item: the business, who sent it in, and what was decided. A POST takes it into review, or puts it back."""

    permission = Permission.VIEW_REVIEWS
    section = SECTION
    template_name = "onboarding/review_detail.html"

    def get(self, request: HttpRequest, pk: str) -> HttpResponse:
        with transaction(by=self.actor):
            item = self._item(pk)
            checks = Verification.objects.visible_to(self.actor)
            verification = checks.get(pk=item.check_id)
            attempts = attempt_entries(verification, self.actor)
            mark = mark_of(item, verification, attempts=attempts)
            if shows_already(request, mark):
                return HttpResponse(status=204)
            timeline = timeline_of(item, by=self.actor)
            stands_against = why_not(item, _Outcome.ACCEPTED, self.actor)
        may_decide = self.actor.may(Permission.DECIDE_REVIEWS)
        is_under_way = item.is_open and not item.is_waiting
        return self.show(
            {
                "item": item,
                "title": merchant_title(item.merchant),
                "state": state_of(item),
                "notice": _notice(item, stands_against),
                "may_decide": may_decide and not stands_against,
                "may_take": may_decide and item.is_waiting,
                "is_in_review": item.outcome == _Outcome.MANUAL_REVIEW,
                "facts": _facts(item),
                "business": identity_facts(item.merchant.identity),
                "verification": verification,
                "attempts": attempts,
                "timeline": timeline,
                "document": ReviewItemDocument(context={"request": request}).to_representation(item),
                "following": following(request, mark, item.updated_at) if is_under_way else None,
                "breadcrumbs": review_trail(merchant_title(item.merchant)),
            }
        )

    def post(self, request: HttpRequest, pk: str) -> HttpResponse:
        self.actor.require(Permission.DECIDE_REVIEWS)
        with transaction(by=self.actor):
            item = self._item(pk)
        outcome = _Outcome.MANUAL_REVIEW if request.POST.get("take") == "yes" else _Outcome.PENDING
        name = merchant_title(item.merchant)
        try:
            item = services.review(item=item, outcome=outcome, by=self.actor, at=timezone.now())
        except DomainError as error:
            messages.error(request, str(error))
        else:
            told = "is in review, by you" if outcome == _Outcome.MANUAL_REVIEW else "waits for anybody again"
            messages.success(request, f"{name} {told}.")
        return HttpResponseRedirect(page_of(item))

    def _item(self, pk: str) -> ReviewItem:
        items = reviews_of(ReviewItem.EntityType.MERCHANT, self.actor)
        found: ReviewItem = find(items.select_related(*JOINED, "merchant__identity__associated_with"), pk)
        return found


def register_page(entity_type: ReviewItem.EntityType, page: Callable[[ReviewItem], str]) -> None:
    """Let an upper app say where an item of its things is looked at."""
    _pages[entity_type] = page


def page_of(item: ReviewItem) -> str:
    registered = _pages.get(item.entity_type)
    return registered(item) if registered else reverse("onboarding:review", args=[item.public_id])


_pages: dict[str, Callable[[ReviewItem], str]] = {}


def review_trail(*here: str) -> list[tuple[str, str]]:
    return [("Merchants in review", reverse("onboarding:review-merchants")), *((label, "") for label in here)]


def state_of(item: ReviewItem) -> SafeString:
    """How an item stands; a word that the processor has not confirmed is neither pending nor done."""
    if item.is_open and item.decision:
        label = "Being approved" if item.decision == _Outcome.ACCEPTED else "Being rejected"
        return badge("SENT", label=label)
    label = {_Outcome.ACCEPTED: "Approved", _Outcome.PENDING: "Waiting"}.get(_Outcome(item.outcome), "")
    return badge(item.outcome, label=label or item.get_outcome_display())


def whole_name(kind: str, name: str) -> Any:
    return code(name) if kind == Author.API_USER else name or None


def name_in_short(kind: str, name: str) -> Any:
    """For a row, where a whole id of a key takes a line of its own on a phone; the page of the review has it whole."""
    if kind != Author.API_USER:
        return name or None
    return format_html('<code title="{}">{}…{}</code>', name, name[:2], name[-6:])


def reviewer_of(item: ReviewItem, named: Callable[[str, str], Any] = whole_name) -> Any:
    if not item.is_open and not item.reviewed_by_kind:
        return "The processor itself"
    return named(item.reviewed_by_kind, item.reviewed_by_name)


def _facts(item: ReviewItem) -> Facts:
    return [("Processor", item.processor_type), ("Check", item.get_review_type_display()), *review_facts(item)]


def review_facts(item: ReviewItem) -> Facts:
    """Who sent it in, who decided, and why; its application is joined."""
    told: Facts = [
        ("Sent in by", whole_name(item.asked_by_kind, item.asked_by_name)),
        ("Two people needed", "Yes" if item.application.maker_checker_enabled else "No"),
    ]
    if item.is_open and not item.decision:
        return told + ([("In review by", reviewer_of(item))] if item.reviewed_by_kind else [])
    return [
        *told,
        ("Decided by", reviewer_of(item)),
        ("Reason", item.reason),
        *([("Decided", moment(item.completed_at))] if item.completed_at else []),
    ]


def why_not(
    item: ReviewItem, outcome: ReviewItem.Outcome, by: Actor, *, shown: Collection[uuid.UUID] | None = None
) -> str:
    """What stands against a word, as far as it is known before it is given; empty where nothing does.

    Call it in a transaction; `shown` as in `refuse_outcome`.
    """
    try:
        refuse_outcome(item, outcome, by, shown=shown)
    except DomainError as error:
        return str(error)
    return ""


def _notice(item: ReviewItem, stands_against: str) -> dict[str, str]:
    processor = item.processor_type
    if not item.is_open:
        level = "success" if item.outcome == _Outcome.ACCEPTED else "error"
        title = "Approved" if item.outcome == _Outcome.ACCEPTED else "Rejected"
        who = item.reviewed_by_name or f"{processor} itself"
        return {"level": level, "title": title, "text": f"Decided by {who}."}
    if item.decision:
        text = f"{processor} has not confirmed the decision yet. Nothing is sent twice; this page changes once it has."
        return {"level": "info", "title": "Decided, not confirmed", "text": text}
    if stands_against:
        return {"level": "warning", "title": "Somebody else has to decide", "text": stands_against}
    text = f"{processor} holds the business back until a person has decided on it."
    return {"level": "info", "title": "Waits for a decision", "text": text}
