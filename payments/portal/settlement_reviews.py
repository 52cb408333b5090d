"""The review queue of settlements (WF-10): what waits, what was decided, and many decided on at once."""

import re
import uuid
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, ClassVar

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, QueryDict
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.http import urlencode

from onboarding import services as onboarding
from onboarding.forms.reviews import DecisionForm
from onboarding.models import PaymentInstrument, ReviewItem
from onboarding.portal.decisions import ACTIONS, DecideItems, Look, Queue
from onboarding.portal.facts import merchant_title
from onboarding.portal.reviews import (
    DECIDED,
    WAITING,
    ReviewList,
    name_in_short,
    reviewer_of,
    reviews_of,
    state_of,
    waiting_of,
    why_not,
)
from onboarding.services.reviews import keys_shown
from onboarding.switches import settlements_off
from payments.forms.amounts import amount_in_words
from payments.models import Settlement
from payments.portal.exports import DECIDED_SETTLEMENTS, WAITING_SETTLEMENTS
from payments.portal.filters import DecidedSettlementPanel, WaitingSettlementPanel
from payments.portal.reviewed import PROOF_TOO_OLD
from payments.portal.settlement_facts import flag_tags, net_with_parts, page_of_review
from payments.services import NoBankAccount
from payments.services.settlement_flags import flags_before_paying
from payments.services.two_people import refuse_lone_approval, touched_by
from portal import step_up
from portal.design.states import badge
from portal.design.values import moment, money
from portal.views import COUNTED, counted_words
from resources import ids
from resources.errors import DomainError
from tenancy.actors import Actor
from tenancy.transactions import transaction

SECTION = "review-settlements"
AT_ONCE = 200
"""How many are decided on at once; each is an act of its own."""

_Type = ReviewItem.EntityType
_Outcome = ReviewItem.Outcome
_JOINED = ("application", "merchant")


class NotShown(DomainError):
    message = "The form did not say which net and account were shown. Open it again from the queue. Nothing was done."


class _Settlements(ReviewList):
    """What both lists share: the settlements of a page of items are looked up together."""

    section = SECTION
    noun = ("settlement", "settlements")
    entity_type = _Type.SETTLEMENT
    tabs: ClassVar = {WAITING: "payments:review-settlements", DECIDED: "payments:decided-settlements"}

    settlements: Mapping[uuid.UUID, Settlement]

    def visible(self) -> QuerySet[ReviewItem]:
        return super().visible().prefetch_related(*_JOINED)

    def rows(self, resources: Sequence[ReviewItem]) -> list[Mapping[str, Any]]:
        self.settlements = settlements_of(resources, self.actor)
        return super().rows(resources)


class WaitingSettlements(_Settlements):
    """Settlements that wait for a word, longest first."""

    template_name = "payments/settlement_queue.html"
    filter_class = WaitingSettlementPanel
    listing = WAITING_SETTLEMENTS
    caption = "Settlements that wait for a decision, oldest first"
    is_oldest_first = True
    tab = WAITING
    columns: ClassVar = [
        {"label": "Settlement", "css": "cell-name"},
        {"label": "State"},
        {"label": "Net", "css": "end shrink"},
        {"label": "Flags"},
        {"label": "Application", "css": "shrink"},
        {"label": "Waits since", "css": "cell-labelled"},
    ]

    def row(self, resource: ReviewItem) -> Mapping[str, Any]:
        settlement = self.settlements[resource.entity_id]
        title = merchant_title(resource.merchant)
        return {
            "key": resource.public_id,
            "label": f"{title}, {_net_in_words(settlement)}",
            "url": page_of_review(resource),
            "cells": [
                format_html("{} <small><code>{}</code></small>", title, settlement.public_id),
                state_of(resource),
                net_with_parts(settlement),
                flag_tags(settlement),
                resource.application.name,
                moment(resource.created_at),
            ],
        }

    def context(self) -> dict[str, Any]:
        given = self.request.GET.copy()
        for name in ("before", "after"):
            given.pop(name, None)
        return {**super().context(), "matching": _all_urls(given), "at_once": AT_ONCE}


class DecidedSettlements(_Settlements):
    """Who decided what, when, and why."""

    template_name = "payments/settlement_decided.html"
    filter_class = DecidedSettlementPanel
    listing = DECIDED_SETTLEMENTS
    caption = "Settlements on which was decided, newest first"
    tab = DECIDED
    columns: ClassVar = [
        {"label": "Settlement", "css": "cell-name"},
        {"label": "Outcome"},
        {"label": "Net", "css": "end shrink"},
        {"label": "Decided by", "css": "cell-person cell-labelled"},
        {"label": "Reason"},
        {"label": "Application", "css": "shrink cell-extra"},
        {"label": "Decided", "css": "shrink"},
    ]

    def row(self, resource: ReviewItem) -> Mapping[str, Any]:
        settlement = self.settlements[resource.entity_id]
        title = merchant_title(resource.merchant)
        return {
            "url": page_of_review(resource),
            "cells": [
                format_html("{} <small><code>{}</code></small>", title, settlement.public_id),
                state_of(resource),
                net_with_parts(settlement),
                reviewer_of(resource, name_in_short),
                resource.reason,
                resource.application.name,
                moment(resource.completed_at),
            ],
        }


class SettlementDecisionForm(DecisionForm):
    about_rejection = "The merchant reads it."


class DecideSettlements(DecideItems):
    """Settlements: the ticked ones, or with `all` those that match the filters, the longest waiting first.

    What is sent names each of them, with the net and the bank account that were shown: nothing else is approved. Who
    approves proves once more who they are, since that pays.
    """

    section = SECTION
    template_name = "payments/settlement_decide.html"
    entity_type = _Type.SETTLEMENT
    operation = "portal review settlement"
    form_class = SettlementDecisionForm
    joined = ("application", "merchant__application")
    at_once = AT_ONCE
    is_oldest_first = True
    queue = Queue(
        one="settlement",
        many="settlements",
        url="payments:review-settlements",
        decided_url="payments:decided-settlements",
        approving="Each is paid at once, to the bank account beside it. It cannot be taken back.",
        rejecting="Nothing is paid, and it cannot be taken back. What was in it goes with the next settlement.",
        done={
            "approve": ("What is paid of it stands below.", "What is paid of each stands below."),
            "reject": ("What was in it is free again.", "What was in them is free again."),
        },
    )
    columns: ClassVar = (
        {"label": "Net", "css": "end shrink"},
        {"label": "Flags"},
        {"label": "Application", "css": "shrink"},
    )

    matching: int | None = None

    def get(self, request: HttpRequest) -> HttpResponse:
        if self._pays(request.GET) and step_up.is_due(request):
            return step_up.ask(request.get_full_path())
        return super().get(request)

    def post(self, request: HttpRequest) -> HttpResponse:
        if not (self._pays(request.POST) and step_up.is_due(request)):
            return super().post(request)
        messages.warning(request, PROOF_TOO_OLD)
        preview = request.GET.copy()
        preview["action"], preview["reason"] = request.POST["action"], request.POST.get("reason", "")
        if preview.get("all") != "yes":
            preview.setlist("selected", request.POST.getlist("selected")[: AT_ONCE + 1])
        return step_up.ask(f"{request.path}?{preview.urlencode()}")

    def _pays(self, told: QueryDict) -> bool:
        return ACTIONS.get(told.get("action", "")) == _Outcome.ACCEPTED

    def selected(self, told: QueryDict) -> list[str]:
        if told.get("all") != "yes":
            return super().selected(told)
        with transaction(by=self.actor, plans_anew=True):
            waiting = reviews_of(self.entity_type, self.actor).filter(outcome__in=_Outcome.open())
            found = WaitingSettlementPanel(told, waiting)
            listed = found.qs if found.is_valid() else waiting.none()
            self.matching = listed.order_by().values("pk")[: COUNTED + 1].count()
            keys = list(listed.order_by("created_at", "id").values_list("pk", flat=True)[:AT_ONCE])
        return [ids.public_id(ReviewItem.PREFIX, key) for key in keys]

    def look(self, items: Sequence[ReviewItem], outcome: ReviewItem.Outcome) -> list[Look]:
        shown = keys_shown(items, self.actor)
        settlements = settlements_of(items, self.actor)
        accounts = accounts_to_pay(settlements.values(), self.actor)
        ask_for_two = [item for item in items if item.is_open and item.application.maker_checker_enabled]
        is_approval = outcome == _Outcome.ACCEPTED
        touched = touched_by(self.actor, ask_for_two, accounts.values()) if ask_for_two and is_approval else ()
        looks = []
        for item in items:
            settlement = settlements[item.entity_id]
            account = accounts.get((settlement.identity_id, settlement.currency)) if _net(settlement) > 0 else None
            stands_against = why_not(item, outcome, self.actor, shown=shown)
            if is_approval:
                stands_against = (
                    stands_against
                    or _obstacle(item, settlement, account)
                    or _why_not_alone(item, account, self.actor, touched)
                )
            looks.append(self._look(item, settlement, account, outcome, stands_against))
        return looks

    def _look(
        self,
        item: ReviewItem,
        settlement: Settlement,
        paid_to: PaymentInstrument | None,
        outcome: ReviewItem.Outcome,
        stands_against: str,
    ) -> Look:
        hidden = {f"net_{item.public_id}": str(_net(settlement))}
        if outcome == _Outcome.ACCEPTED and _net(settlement) > 0:
            settlement.flags = flags_before_paying(settlement, paid_to)
            if paid_to is not None:
                hidden[f"destination_{item.public_id}"] = paid_to.public_id
        return Look(
            item,
            title=merchant_title(item.merchant),
            will=_what_will_happen(settlement, outcome, paid_to),
            why_not=stands_against,
            cells=(money(_net(settlement), settlement.currency), flag_tags(settlement), item.application.name),
            hidden=hidden,
            told=settlement,
        )

    def more(self, looks: Sequence[Look]) -> dict[str, Any]:
        """What all of them that can be decided on come to, by currency."""
        totals: Counter[str] = Counter()
        able = [look for look in looks if not look.why_not]
        for look in able:
            totals[look.told.currency] += max(_net(look.told), 0)
        bounded = ""
        if self.matching is not None and self.matching > len(looks):
            them = counted_words(self.matching, "settlement", "settlements")
            bounded = (
                f"{them} match. These are the {len(looks)} that wait longest; the others stay in the queue for the "
                "next time."
            )
        return {
            "totals": [(f"Net in {currency}", money(total, currency)) for currency, total in sorted(totals.items())],
            "flagged": sum(bool(look.told.flags) for look in able),
            "bounded": bounded,
        }

    def shown_of(self, item: ReviewItem) -> Any:
        return [self._seen(item), self._destination(item)]

    def decide(self, item: ReviewItem, outcome: ReviewItem.Outcome, reason: str) -> ReviewItem:
        seen_net, destination = self._seen(item), self._destination(item)
        is_approval = outcome == _Outcome.ACCEPTED
        if seen_net is None or (is_approval and seen_net > 0 and not destination):
            raise NotShown
        return onboarding.review(
            item=item,
            outcome=outcome,
            reason=reason,
            seen_net=seen_net,
            destination_id=PaymentInstrument.parse_id(destination) if destination and is_approval else None,
            by=self.actor,
            at=timezone.now(),
        )

    def made(self, key: uuid.UUID) -> ReviewItem | None:
        return reviews_of(self.entity_type, self.actor).filter(pk=key).first()

    def result(self, item: ReviewItem, outcome: ReviewItem.Outcome) -> dict[str, Any]:
        if outcome == _Outcome.REJECTED:
            return {"is_done": True, "badge": badge("REJECTED"), "text": item.reason}
        with transaction(by=self.actor):
            settlement = settlements_of([item], self.actor)[item.entity_id]
        return {"is_done": True, "badge": badge("APPROVED"), "text": _what_was_done(settlement)}

    def _seen(self, item: ReviewItem) -> int | None:
        told = self.request.POST.get(f"net_{item.public_id}", "")
        return int(told) if re.fullmatch(r"-?[0-9]{1,19}", told) else None

    def _destination(self, item: ReviewItem) -> str:
        told = self.request.POST.get(f"destination_{item.public_id}", "")
        try:
            PaymentInstrument.parse_id(told)
        except ids.MalformedId:
            return ""
        return told


def settlements_of(items: Sequence[ReviewItem], by: Actor) -> dict[uuid.UUID, Settlement]:
    """The settlements that these items wait on behalf of, by their keys; call it in a transaction."""
    found = Settlement.objects.visible_to(by).filter(
        application_id__in={item.application_id for item in items}, pk__in={item.entity_id for item in items}
    )
    return {settlement.pk: settlement for settlement in found.select_related("destination")}


def accounts_to_pay(settlements: Iterable[Settlement], by: Actor) -> dict[tuple[uuid.UUID, str], PaymentInstrument]:
    """By identity and currency, the newest bank account that can be paid; call it in a transaction."""
    wanted = list(settlements)
    accounts = PaymentInstrument.objects.visible_to(by).filter(
        application_id__in={settlement.application_id for settlement in wanted},
        identity_id__in={settlement.identity_id for settlement in wanted},
        type=PaymentInstrument.Type.BANK_ACCOUNT,
        enabled=True,
    )
    return {(account.identity_id, account.currency): account for account in accounts.order_by("created_at", "id")}


def waiting_settlements(by: Actor, most: int) -> int:
    """How many wait, for the navigation; call it in a transaction."""
    return waiting_of(_Type.SETTLEMENT, by, most)


def _all_urls(given: QueryDict) -> dict[str, str]:
    """By the action, the preview of all that match what the list is narrowed by."""
    told = [(name, value) for name, values in given.lists() for value in values if value != ""]
    page = reverse("payments:decide-settlements")
    return {action: f"{page}?{urlencode([('action', action), ('all', 'yes'), *told])}" for action in ACTIONS}


def _obstacle(item: ReviewItem, settlement: Settlement, paid_to: PaymentInstrument | None) -> str:
    """What the approval would be refused for, as far as it is known before."""
    if off := settlements_off(item.merchant):
        return off.text
    return str(NoBankAccount(settlement.currency)) if _net(settlement) > 0 and paid_to is None else ""


def _why_not_alone(
    item: ReviewItem, paid_to: PaymentInstrument | None, by: Actor, touched: Collection[uuid.UUID]
) -> str:
    """Why two are asked for and the actor would be the only one."""
    if not item.application.maker_checker_enabled:
        return ""
    try:
        refuse_lone_approval(item, paid_to, by=by, touched=touched)
    except DomainError as error:
        return str(error)
    return ""


def _what_will_happen(settlement: Settlement, outcome: ReviewItem.Outcome, paid_to: PaymentInstrument | None) -> str:
    if outcome == _Outcome.REJECTED:
        them = counted_words(settlement.entry_count, "entry is", "entries are")
        return f"Is cancelled; its {them} free for the next settlement."
    net = _net_in_words(settlement)
    if _net(settlement) < 0:
        return f"Nothing is paid; {net} is carried into the next settlement."
    if _net(settlement) == 0 or paid_to is None:
        return "Nothing is paid: nothing is left of it."
    return f"{net} is paid to {paid_to.display_name}."


def _what_was_done(settlement: Settlement) -> str:
    if settlement.destination is None:
        return "Nothing is paid."
    return f"{_net_in_words(settlement)} is being paid to {settlement.destination.display_name}."


def _net(settlement: Settlement) -> int:
    return settlement.total_amount - settlement.total_fee


def _net_in_words(settlement: Settlement) -> str:
    return amount_in_words(_net(settlement), settlement.currency)
