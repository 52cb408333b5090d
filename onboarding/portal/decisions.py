"""Many merchants decided on at once (WF-5): a preview with what will happen to each, then what has happened."""

import uuid
from collections.abc import Sequence
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone

from onboarding import services
from onboarding.forms.reviews import DecisionForm
from onboarding.models import Merchant, ReviewItem
from onboarding.portal.facts import merchant_title
from onboarding.portal.once import new_key, once
from onboarding.portal.reviews import JOINED, SECTION, page_of, review_trail, why_not
from onboarding.portal.standing import once_approved, with_bank_account
from onboarding.services.reviews import DECIDE, keys_shown
from portal.design.states import badge
from portal.views import Page
from providers.models import Attempt
from resources import ids
from resources.errors import DomainError
from tenancy.roles import Permission
from tenancy.transactions import transaction

MOST_AT_ONCE = 100

_SWITCHES = ("merchant__application", "merchant__enabled_processor")
"""What decides on how a merchant stands once it is approved."""

_Outcome = ReviewItem.Outcome
ACTIONS = {"approve": _Outcome.ACCEPTED, "reject": _Outcome.REJECTED}
_PAST = {"approve": "approved", "reject": "rejected"}


class DecideReviews(Page):
    """The chosen merchants, each with what will happen to it or why nothing will; then each with what has happened."""

    permission = Permission.DECIDE_REVIEWS
    section = SECTION
    template_name = "onboarding/review_decide.html"

    def get(self, request: HttpRequest) -> HttpResponse:
        action = request.GET.get("action", "")
        if action not in ACTIONS:
            return HttpResponseRedirect(reverse("onboarding:review-merchants"))
        told = request.GET.getlist("selected")
        return _refuse_many(request) if len(told) > MOST_AT_ONCE else self._preview(action, self._chosen(told), None)

    def post(self, request: HttpRequest) -> HttpResponse:
        action = request.POST.get("action", "")
        if action not in ACTIONS:
            return HttpResponseRedirect(reverse("onboarding:review-merchants"))
        if max(len(told.getlist("selected")) for told in (request.GET, request.POST)) > MOST_AT_ONCE:
            return _refuse_many(request)
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
            "breadcrumbs": review_trail("Result"),
        }
        return self.show(context, template="onboarding/review_result.html")

    def _chosen(self, told: Sequence[str]) -> list[ReviewItem]:
        """The items of these ids, in the order of the list; what is not there or out of sight is left out."""
        keys = {key for public_id in told if (key := _key(public_id))}
        with transaction(by=self.actor):
            items = ReviewItem.objects.visible_to(self.actor).select_related(*JOINED, *_SWITCHES).filter(pk__in=keys)
            return list(items.order_by("-created_at", "-id"))

    def _preview(self, action: str, items: Sequence[ReviewItem], form: DecisionForm | None) -> HttpResponse:
        outcome = ACTIONS[action]
        with transaction(by=self.actor):
            shown = keys_shown(items, self.actor)
            rows = [(item, why_not(item, outcome, self.actor, shown=shown)) for item in items]
            payable = with_bank_account((item.merchant.identity_id for item in items), by=self.actor)
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
                        "will": ""
                        if reason
                        else _what_will_happen(item, outcome, has_bank_account=item.merchant.identity_id in payable),
                        "why_not": reason,
                        "own_reason": form.own_reason(item),
                    }
                    for item, reason in rows
                ],
                "able": len(able),
                "has_own_reasons": any(form.own_reason(item) for item in able),
                "one": merchant_title(able[0].merchant) if len(able) == 1 else "",
                "breadcrumbs": review_trail("Reject" if is_rejection else "Approve"),
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


def _refuse_many(request: HttpRequest) -> HttpResponse:
    messages.error(request, f"At most {MOST_AT_ONCE} merchants are decided on at once. Nothing was done; tick fewer.")
    return HttpResponseRedirect(reverse("onboarding:review-merchants"))


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
