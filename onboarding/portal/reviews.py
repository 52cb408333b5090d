"""Pages of the review queue (WF-5): what waits, what was decided, one item, and many at once with a preview."""

import uuid
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.safestring import SafeString

from events.models import Author
from onboarding import services
from onboarding.filters import DecidedReviewSearch, WaitingReviewSearch
from onboarding.forms.reviews import DecisionForm
from onboarding.models import Merchant, ReviewItem, Verification
from onboarding.portal.facts import Facts, code, identity_facts, merchant_title
from onboarding.portal.following import following, mark_of
from onboarding.portal.lists import TenantList
from onboarding.portal.once import new_key, once
from onboarding.serializers.reviews import ReviewItemDocument
from onboarding.services.reviews import DECIDE, refuse
from portal.attempts import attempt_entries
from portal.design.states import badge, tag
from portal.design.values import moment
from portal.timeline import timeline_of
from portal.views import COUNTED, Page
from providers.models import Attempt
from resources import ids
from resources.errors import DomainError
from resources.lookup import find
from tenancy.actors import Actor
from tenancy.roles import Permission
from tenancy.transactions import transaction

SECTION = "review-merchants"
MOST_AT_ONCE = 100

_Outcome = ReviewItem.Outcome
ACTIONS = {"approve": _Outcome.ACCEPTED, "reject": _Outcome.REJECTED}
_JOINED = ("application", "merchant__identity")


class _Reviews(TenantList):
    """What both lists share: the tabs, and what a row begins with."""

    permission = Permission.VIEW_REVIEWS
    section = SECTION
    search_field = "q"
    noun = ("merchant", "merchants")
    outcomes: ClassVar[frozenset[ReviewItem.Outcome]]
    tab: ClassVar[str]

    def visible(self) -> QuerySet[ReviewItem]:
        items = ReviewItem.objects.visible_to(self.actor).filter(outcome__in=self.outcomes)
        return items.select_related(*_JOINED)

    def context(self) -> dict[str, Any]:
        return {"tabs": _tabs(self.actor, self.tab), "may_decide": self.actor.may(Permission.DECIDE_REVIEWS)}


class WaitingReviews(_Reviews):
    """Merchants that wait for a word."""

    template_name = "onboarding/review_list.html"
    filter_class = WaitingReviewSearch
    caption = "Merchants that wait for a decision, newest first"
    outcomes = _Outcome.open()
    tab = "WAITING"
    columns: ClassVar = [
        {"label": "Merchant"},
        {"label": "State"},
        {"label": "Processor"},
        {"label": "Check", "css": "cell-extra"},
        {"label": "Sent in by", "css": "cell-person"},
        {"label": "Application", "css": "shrink"},
        {"label": "Waits since", "css": "shrink"},
    ]

    def row(self, resource: ReviewItem) -> Mapping[str, Any]:
        title = merchant_title(resource.merchant)
        return {
            "key": resource.public_id,
            "label": title,
            "url": page_of(resource),
            "cells": [
                title,
                _state(resource),
                resource.processor_type,
                tag(resource.get_review_type_display()),
                _name(resource.asked_by_kind, resource.asked_by_name),
                resource.application.name,
                moment(resource.created_at),
            ],
        }


class DecidedReviews(_Reviews):
    """Who decided what, when, and why."""

    template_name = "onboarding/review_decided.html"
    filter_class = DecidedReviewSearch
    caption = "Merchants on which was decided, newest first"
    outcomes = frozenset({_Outcome.ACCEPTED, _Outcome.REJECTED})
    tab = "DECIDED"
    columns: ClassVar = [
        {"label": "Merchant", "css": "cell-name"},
        {"label": "Outcome"},
        {"label": "Decided by", "css": "cell-person"},
        {"label": "Reason"},
        {"label": "Application", "css": "shrink cell-extra"},
        {"label": "Decided", "css": "shrink"},
    ]

    def row(self, resource: ReviewItem) -> Mapping[str, Any]:
        return {
            "url": page_of(resource),
            "cells": [
                merchant_title(resource.merchant),
                _state(resource),
                _reviewer(resource),
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
            verification = checks.get(pk=item.verification_id)
            attempts = attempt_entries(verification, self.actor)
            mark = mark_of(item, verification, attempts=attempts)
            if request.htmx and request.GET.get("mark") == mark:  # type: ignore[attr-defined]
                return HttpResponse(status=204)
            timeline = timeline_of(item, by=self.actor)
            stands_against = _why_not(item, _Outcome.ACCEPTED, self.actor)
        may_decide = self.actor.may(Permission.DECIDE_REVIEWS)
        is_under_way = item.is_open and not item.is_waiting
        return self.show(
            {
                "item": item,
                "title": merchant_title(item.merchant),
                "state": _state(item),
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
                "breadcrumbs": _trail(merchant_title(item.merchant)),
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
        items = ReviewItem.objects.visible_to(self.actor)
        found: ReviewItem = find(items.select_related(*_JOINED, "merchant__identity__associated_with"), pk)
        return found


class DecideReviews(Page):
    """The chosen merchants, each with what will happen to it or why nothing will; then each with what has happened."""

    permission = Permission.DECIDE_REVIEWS
    section = SECTION
    template_name = "onboarding/review_decide.html"

    def get(self, request: HttpRequest) -> HttpResponse:
        action = request.GET.get("action", "")
        if action not in ACTIONS:
            return HttpResponseRedirect(reverse("onboarding:review-merchants"))
        return self._preview(action, self._chosen(request.GET.getlist("selected")), None)

    def post(self, request: HttpRequest) -> HttpResponse:
        action = request.POST.get("action", "")
        if action not in ACTIONS:
            return HttpResponseRedirect(reverse("onboarding:review-merchants"))
        items = self._chosen(request.POST.getlist("selected"))
        form = DecisionForm(items, is_rejection=action == "reject", data=request.POST)
        if not items or not form.is_valid():
            shown = self._chosen(request.GET.getlist("selected")) or items
            return self._preview(action, shown, form if items else None)
        results = [self._carry_out(item, ACTIONS[action], form) for item in items]
        done = sum(result["is_done"] for result in results)
        context = {
            "results": results,
            "done": done,
            "verb": _PAST[action],
            "is_partial": done < len(results),
            "breadcrumbs": _trail("Result"),
        }
        return self.show(context, template="onboarding/review_result.html")

    def _chosen(self, told: Sequence[str]) -> list[ReviewItem]:
        """The items of these ids, in the order of the list; what is not there or out of sight is left out."""
        keys = {key for public_id in told[:MOST_AT_ONCE] if (key := _key(public_id))}
        with transaction(by=self.actor):
            items = ReviewItem.objects.visible_to(self.actor).select_related(*_JOINED).filter(pk__in=keys)
            return list(items.order_by("-created_at", "-id"))

    def _preview(self, action: str, items: Sequence[ReviewItem], form: DecisionForm | None) -> HttpResponse:
        outcome = ACTIONS[action]
        with transaction(by=self.actor):
            rows = [(item, _why_not(item, outcome, self.actor)) for item in items]
        able = [item for item, reason in rows if not reason]
        is_rejection = outcome == _Outcome.REJECTED
        form = form or DecisionForm(able, is_rejection=is_rejection, initial={"key": new_key()})
        return self.show(
            {
                "action": action,
                "verb": "Reject" if is_rejection else "Approve",
                "is_rejection": is_rejection,
                "form": form,
                "rows": [
                    {
                        **_entry(item),
                        "public_id": item.public_id,
                        "will": "" if reason else _what_will_happen(item, outcome),
                        "why_not": reason,
                        "own_reason": form.own_reason(item),
                    }
                    for item, reason in rows
                ],
                "able": len(able),
                "has_own_reasons": any(form.own_reason(item) for item in able),
                "one": merchant_title(able[0].merchant) if len(able) == 1 else "",
                "breadcrumbs": _trail("Reject" if is_rejection else "Approve"),
            }
        )

    def _carry_out(self, item: ReviewItem, outcome: ReviewItem.Outcome, form: DecisionForm) -> dict[str, Any]:
        """Decide on one; what was refused stands in its row, and keeps no other from its turn."""
        reason = form.reason_of(item)
        try:
            made = once(
                "portal review merchant",
                key=f"{form.cleaned_data['key']}:{item.public_id}",
                told=[item.public_id, outcome, reason],
                do=lambda: services.review(item=item, outcome=outcome, reason=reason, by=self.actor, at=timezone.now()),
                made=self._made,
                by=self.actor,
            )
        except DomainError as error:
            return _entry(item) | {"is_done": False, "badge": badge("REFUSED", label="Not done"), "text": str(error)}
        return _entry(item) | _result(made, outcome)

    def _made(self, key: uuid.UUID) -> ReviewItem | None:
        """What the same form has made; None while that is being sent."""
        item = ReviewItem.objects.visible_to(self.actor).filter(pk=key).first()
        if item is None or not item.is_open or item.is_waiting:
            return item
        claimed = Attempt.objects.visible_to(self.actor).filter(
            resource_id=item.verification_id,
            operation=DECIDE,
            state=Attempt.State.CLAIMED,
            leased_until__gt=timezone.now(),
        )
        return None if claimed.exists() else item


_PAST = {"approve": "approved", "reject": "rejected"}


def page_of(item: ReviewItem) -> str:
    return reverse("onboarding:review", args=[item.public_id])


def _tabs(actor: Actor, current: str) -> list[dict[str, Any]]:
    waiting = ReviewItem.objects.visible_to(actor).filter(outcome__in=_Outcome.open())
    count = waiting.order_by().values("pk")[: COUNTED + 1].count()
    return [
        {"label": label, "url": reverse(f"onboarding:{name}"), "is_current": label == current, "count": number}
        for label, name, number in (("WAITING", "review-merchants", count), ("DECIDED", "decided-reviews", None))
    ]


def _trail(*here: str) -> list[tuple[str, str]]:
    return [("Merchants in review", reverse("onboarding:review-merchants")), *((label, "") for label in here)]


def _key(public_id: str) -> uuid.UUID | None:
    try:
        return ReviewItem.parse_id(public_id)
    except ids.MalformedId:
        return None


def _state(item: ReviewItem) -> SafeString:
    """How an item stands; a word that the processor has not confirmed is neither pending nor done."""
    if item.is_open and item.decision:
        label = "Being approved" if item.decision == _Outcome.ACCEPTED else "Being rejected"
        return badge("SENT", label=label)
    label = {_Outcome.ACCEPTED: "Approved", _Outcome.PENDING: "Waiting"}.get(_Outcome(item.outcome), "")
    return badge(item.outcome, label=label or item.get_outcome_display())


def _name(kind: str, name: str) -> Any:
    return code(name) if kind == Author.API_USER else name or None


def _reviewer(item: ReviewItem) -> Any:
    if not item.is_open and not item.reviewed_by_kind:
        return "The processor itself"
    return _name(item.reviewed_by_kind, item.reviewed_by_name)


def _facts(item: ReviewItem) -> Facts:
    told: Facts = [
        ("Processor", item.processor_type),
        ("Check", item.get_review_type_display()),
        ("Sent in by", _name(item.asked_by_kind, item.asked_by_name)),
        ("Two people needed", "Yes" if item.application.maker_checker_enabled else "No"),
    ]
    if item.is_open and not item.decision:
        return told + ([("In review by", _reviewer(item))] if item.reviewed_by_kind else [])
    return [
        *told,
        ("Decided by", _reviewer(item)),
        ("Reason", item.reason),
        *([("Decided", moment(item.completed_at))] if item.completed_at else []),
    ]


def _why_not(item: ReviewItem, outcome: ReviewItem.Outcome, by: Actor) -> str:
    """What stands against a word, as far as it is known before it is given; empty where nothing does.

    Call it in a transaction.
    """
    try:
        refuse(item, outcome, by)
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


def _what_will_happen(item: ReviewItem, outcome: ReviewItem.Outcome) -> str:
    if item.merchant.onboarding_state == Merchant.OnboardingState.APPROVED:
        if outcome == _Outcome.ACCEPTED:
            return "Stays approved; the processor takes over the new data."
        return "Stays approved; this check fails, and the processor keeps the data it has."
    if outcome == _Outcome.ACCEPTED:
        return "Becomes approved: it can take payments and is paid out."
    return "Becomes rejected: it cannot take payments until it was checked again."


def _entry(item: ReviewItem) -> dict[str, Any]:
    return {
        "title": merchant_title(item.merchant),
        "url": page_of(item),
        "application": item.application.name,
        "processor": item.processor_type,
    }


def _result(item: ReviewItem, outcome: ReviewItem.Outcome) -> dict[str, Any]:
    if item.is_open:
        text = (
            f"{item.processor_type} has not answered. Nothing is sent twice; the review tells as soon as it is known."
        )
        return {"is_done": False, "badge": badge("UNKNOWN", label="Not known yet"), "text": text}
    if item.outcome != outcome:
        return {"is_done": False, "badge": badge("REFUSED", label="Not done"), "text": services.why_decided(item)}
    if outcome == _Outcome.REJECTED:
        return {"is_done": True, "badge": badge("REJECTED"), "text": item.reason}
    return {"is_done": True, "badge": badge("APPROVED"), "text": f"{item.processor_type} has confirmed it."}
