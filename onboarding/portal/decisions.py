"""Many items of a queue decided on at once (WF-5, WF-10): a preview with what will happen to each, then what has."""

import uuid
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.urls import reverse
from django.utils import timezone
from django.utils.safestring import SafeString

from onboarding import services
from onboarding.forms.reviews import DecisionForm
from onboarding.models import Merchant, ReviewItem
from onboarding.portal.facts import merchant_title
from onboarding.portal.once import new_key, once
from onboarding.portal.reviews import JOINED, SECTION, page_of, reviews_of, why_not
from onboarding.portal.standing import once_approved, with_bank_account
from onboarding.services.reviews import DECIDE, keys_shown
from portal.design.states import badge
from portal.views import Page
from providers.models import Attempt
from resources import ids
from resources.errors import DomainError
from tenancy.roles import Permission
from tenancy.transactions import transaction

_SWITCHES = ("merchant__application", "merchant__enabled_processor")
"""What decides on how a merchant stands once it is approved."""

_Outcome = ReviewItem.Outcome
ACTIONS = {"approve": _Outcome.ACCEPTED, "reject": _Outcome.REJECTED}
_PAST = {"approve": "approved", "reject": "rejected"}


@dataclass(frozen=True)
class Queue:
    """How the pages of a queue speak of what is in it, and where they lead; `url` and `decided_url` are names."""

    one: str
    many: str
    url: str
    decided_url: str
    approving: str
    rejecting: str
    done: Mapping[str, tuple[str, str]]
    """By the action, what holds once it is done: of one, and of each of several."""


@dataclass(frozen=True)
class Look:
    """One chosen item in a preview: what will happen to it, or why nothing will; and cells of the queue's own."""

    item: ReviewItem
    title: str
    will: str
    why_not: str = ""
    cells: Sequence[Any] = ()
    hidden: Mapping[str, str] = field(default_factory=dict)
    """What the form sends back of what was shown."""
    told: Any = None
    """What the item waits on behalf of, where the queue needs it again."""


class DecideItems(Page):
    """The chosen items, each with what will happen to it or why nothing will; then each with what has happened."""

    permission = Permission.DECIDE_REVIEWS
    template_name = "onboarding/review_decide.html"
    entity_type: ClassVar[ReviewItem.EntityType]
    queue: ClassVar[Queue]
    operation: ClassVar[str]
    form_class: ClassVar[type[DecisionForm]] = DecisionForm
    columns: ClassVar[Sequence[Mapping[str, str]]]
    joined: ClassVar[Sequence[str]] = JOINED
    at_once: ClassVar[int] = 100
    is_oldest_first: ClassVar[bool] = False

    @abstractmethod
    def look(self, items: Sequence[ReviewItem], outcome: ReviewItem.Outcome) -> list[Look]:
        """What would become of each; call it in a transaction."""

    @abstractmethod
    def decide(self, item: ReviewItem, outcome: ReviewItem.Outcome, reason: str) -> ReviewItem:
        """Give the word on one. Raises DomainError."""

    @abstractmethod
    def made(self, key: uuid.UUID) -> ReviewItem | None:
        """What the same form has made; None while that is being sent. Call it in a transaction."""

    @abstractmethod
    def result(self, item: ReviewItem, outcome: ReviewItem.Outcome) -> dict[str, Any]:
        """What has become of one on which a word was given: `is_done`, a badge, and a text."""

    def shown_of(self, item: ReviewItem) -> Any:
        """What the form said of this item beside the reason, so that another one is not taken for the same."""
        del item
        return None

    def more(self, looks: Sequence[Look]) -> dict[str, Any]:
        """What the preview tells of all of them together."""
        del looks
        return {}

    def selected(self, told: QueryDict) -> list[str]:
        """The ids that are asked for."""
        return told.getlist("selected")

    def get(self, request: HttpRequest) -> HttpResponse:
        action = request.GET.get("action", "")
        if action not in ACTIONS:
            return HttpResponseRedirect(reverse(self.queue.url))
        told = self.selected(request.GET)
        return self._refuse_many() if len(told) > self.at_once else self._preview(action, self._chosen(told), None)

    def post(self, request: HttpRequest) -> HttpResponse:
        action = request.POST.get("action", "")
        if action not in ACTIONS:
            return HttpResponseRedirect(reverse(self.queue.url))
        told = request.POST.getlist("selected")
        if max(len(request.GET.getlist("selected")), len(told)) > self.at_once:
            return self._refuse_many()
        items = self._chosen(told)
        form = self.form_class(items, is_rejection=action == "reject", data=request.POST)
        if not items or not form.is_valid():
            shown = self._chosen(request.GET.getlist("selected")) or items
            return self._preview(action, shown, form if items else None)
        results = [self._carry_out(item, ACTIONS[action], form) for item in items]
        done = sum(result["is_done"] for result in results)
        context = {
            "queue": self.queue,
            "results": results,
            "done": done,
            "verb": _PAST[action],
            "what_holds": self.queue.done[action][done != 1],
            "is_partial": done < len(results),
            "queue_url": reverse(self.queue.url),
            "decided_url": reverse(self.queue.decided_url),
            "breadcrumbs": self.trail("Result"),
        }
        return self.show(context, template="onboarding/review_result.html")

    def trail(self, *here: str) -> list[tuple[str, str]]:
        return [
            (f"{self.queue.many.capitalize()} in review", reverse(self.queue.url)),
            *((label, "") for label in here),
        ]

    def _chosen(self, told: Sequence[str]) -> list[ReviewItem]:
        """The items of these ids, in the order of the list; what is not there or out of sight is left out."""
        keys = {key for public_id in told if (key := _key(public_id))}
        order = ("created_at", "id") if self.is_oldest_first else ("-created_at", "-id")
        with transaction(by=self.actor):
            items = reviews_of(self.entity_type, self.actor).select_related(*self.joined).filter(pk__in=keys)
            return list(items.order_by(*order))

    def _preview(self, action: str, items: Sequence[ReviewItem], form: DecisionForm | None) -> HttpResponse:
        outcome = ACTIONS[action]
        with transaction(by=self.actor):
            looks = self.look(items, outcome)
            more = self.more(looks)
        able = [look for look in looks if not look.why_not]
        is_rejection = outcome == _Outcome.REJECTED
        chosen = [look.item for look in able]
        filled = {"key": new_key(), "reason": self.request.GET.get("reason", "")}
        form = form or self.form_class(chosen, is_rejection=is_rejection, initial=filled)
        return self.show(
            {
                **more,
                "queue": self.queue,
                "queue_url": reverse(self.queue.url),
                "action": action,
                "verb": "Reject" if is_rejection else "Approve",
                "is_rejection": is_rejection,
                "lead": self.queue.rejecting if is_rejection else self.queue.approving,
                "form": form,
                "columns": self.columns,
                "rows": [
                    {
                        "title": look.title,
                        "url": page_of(look.item),
                        "public_id": look.item.public_id,
                        "will": look.will,
                        "why_not": look.why_not,
                        "cells": look.cells,
                        "hidden": look.hidden,
                        "own_reason": form.own_reason(look.item),
                    }
                    for look in looks
                ],
                "able": len(able),
                "has_own_reasons": any(form.own_reason(item) for item in chosen),
                "one": able[0].title if len(able) == 1 else "",
                "breadcrumbs": self.trail("Reject" if is_rejection else "Approve"),
            }
        )

    def _carry_out(self, item: ReviewItem, outcome: ReviewItem.Outcome, form: DecisionForm) -> dict[str, Any]:
        """Decide on one; what was refused stands in its row, and keeps no other from its turn."""
        reason = form.reason_of(item)
        entry = {"title": merchant_title(item.merchant), "url": page_of(item), "application": item.application.name}
        try:
            made = once(
                self.operation,
                key=f"{form.cleaned_data['key']}:{item.public_id}",
                told=[item.public_id, outcome, reason, *filter(None, [self.shown_of(item)])],
                do=lambda: self.decide(item, outcome, reason),
                made=self.made,
                by=self.actor,
            )
        except DomainError as error:
            return entry | not_done(str(error))
        if not made.is_open and made.outcome != outcome:
            return entry | not_done(services.why_decided(made))
        return entry | self.result(made, outcome)

    def _refuse_many(self) -> HttpResponse:
        text = f"At most {self.at_once} {self.queue.many} are decided on at once. Nothing was done; tick fewer."
        messages.error(self.request, text)
        return HttpResponseRedirect(reverse(self.queue.url))


def not_done(text: str | SafeString) -> dict[str, Any]:
    """The result of an item on which the word had no effect."""
    return {"is_done": False, "badge": badge("REFUSED", label="Not done"), "text": text}


class DecideReviews(DecideItems):
    """Merchants."""

    section = SECTION
    entity_type = ReviewItem.EntityType.MERCHANT
    operation = "portal review merchant"
    joined = (*JOINED, *_SWITCHES)
    queue = Queue(
        one="merchant",
        many="merchants",
        url="onboarding:review-merchants",
        decided_url="onboarding:decided-reviews",
        approving="The processor is told at once, and it cannot be taken back.",
        rejecting=(
            "The processor is told at once, and it cannot be taken back. A merchant that has corrected its form can be "
            "checked again."
        ),
        done=dict.fromkeys(ACTIONS, ("The processor has confirmed it.", "The processor has confirmed each of them.")),
    )
    columns: ClassVar = ({"label": "Processor", "css": "shrink"}, {"label": "Application", "css": "shrink"})

    def look(self, items: Sequence[ReviewItem], outcome: ReviewItem.Outcome) -> list[Look]:
        shown = keys_shown(items, self.actor)
        payable = with_bank_account((item.merchant.identity_id for item in items), by=self.actor)
        return [
            Look(
                item,
                title=merchant_title(item.merchant),
                will=_what_will_happen(item, outcome, has_bank_account=item.merchant.identity_id in payable),
                why_not=why_not(item, outcome, self.actor, shown=shown),
                cells=(item.processor_type, item.application.name),
            )
            for item in items
        ]

    def decide(self, item: ReviewItem, outcome: ReviewItem.Outcome, reason: str) -> ReviewItem:
        return services.review(item=item, outcome=outcome, reason=reason, by=self.actor, at=timezone.now())

    def made(self, key: uuid.UUID) -> ReviewItem | None:
        item: ReviewItem | None = ReviewItem.objects.visible_to(self.actor).filter(pk=key).first()
        if item is None or not item.is_open or item.is_waiting:
            return item
        claimed = Attempt.objects.visible_to(self.actor).filter(
            resource_id=item.check_id,
            operation=DECIDE,
            state=Attempt.State.CLAIMED,
            leased_until__gt=timezone.now(),
        )
        return None if claimed.exists() else item

    def result(self, item: ReviewItem, outcome: ReviewItem.Outcome) -> dict[str, Any]:
        processor = item.processor_type
        if item.is_open:
            text = f"{processor} has not answered. Nothing is sent twice; the review tells as soon as it is known."
            return {"is_done": False, "badge": badge("UNKNOWN", label="Not known yet"), "text": text}
        if outcome == _Outcome.REJECTED:
            return {"is_done": True, "badge": badge("REJECTED"), "text": item.reason}
        return {"is_done": True, "badge": badge("APPROVED"), "text": f"{processor} has confirmed it."}


def _key(public_id: str) -> uuid.UUID | None:
    try:
        return ReviewItem.parse_id(public_id)
    except ids.MalformedId:
        return None


def _what_will_happen(item: ReviewItem, outcome: ReviewItem.Outcome, *, has_bank_account: bool) -> str:
    if item.merchant.onboarding_state == Merchant.OnboardingState.APPROVED:
        if outcome == _Outcome.ACCEPTED:
            return "Stays approved; the processor takes over the new data."
        return "Stays approved; this check fails, and the processor keeps the data it has."
    if outcome == _Outcome.ACCEPTED:
        return once_approved(item.merchant, has_bank_account=has_bank_account)
    return "Becomes rejected: it cannot take payments until it was checked again."
