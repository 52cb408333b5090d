"""The queue of attempts whose outcome is not known: the list, and one attempt with what may be done about it."""

import uuid
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.html import strip_tags

from onboarding.portal.following import following, mark_of, shows_already
from onboarding.portal.lists import TenantList
from onboarding.portal.once import new_key, once
from payments.portal.exports import UNRESOLVED
from payments.portal.unresolved_facts import (
    About,
    about,
    age_of,
    attempt_facts,
    is_of_unknown_outcome,
    next_check_with_tries,
    page_of,
    reason_of,
    state_of,
    state_with_reason,
    subject_of,
    title_of,
    why_no_repeat,
)
from payments.portal.unresolved_filters import UnresolvedPanel
from portal.attempts import entries_about
from portal.timeline import changes_of
from portal.views import Page
from providers.models import Attempt
from providers.unresolved import ask_now, refuse_to_ask
from resources import ids
from resources.errors import DomainError
from resources.lookup import find
from tenancy.actors import Actor
from tenancy.roles import Permission
from tenancy.transactions import transaction

SECTION = "unresolved"


class UnresolvedList(TenantList):
    """What may have been executed or not, the oldest first."""

    permission = Permission.VIEW_ATTEMPTS
    section = SECTION
    template_name = "payments/unresolved_list.html"
    filter_class = UnresolvedPanel
    listing = UNRESOLVED
    noun = ("attempt", "attempts")
    caption = "Open attempts, oldest first"
    is_oldest_first = True
    columns: ClassVar = [
        {"label": "Act"},
        {"label": "State"},
        {"label": "Next check", "css": "shrink cell-labelled"},
        {"label": "Age", "css": "shrink cell-labelled"},
        {"label": "About"},
        {"label": "Application"},
    ]

    told: About

    def visible(self) -> QuerySet[Attempt]:
        return Attempt.objects.visible_to(self.actor)

    def rows(self, resources: Sequence[Attempt]) -> list[Mapping[str, Any]]:
        self.told = about(resources, by=self.actor)
        return super().rows(resources)

    def row(self, resource: Attempt) -> Mapping[str, Any]:
        now = timezone.now()
        return {
            "key": ids.encode(resource.pk),
            "label": f"{strip_tags(title_of(resource))}, {resource.reference}",
            "url": page_of(resource),
            "cells": [
                title_of(resource),
                state_with_reason(resource, now),
                next_check_with_tries(resource, now),
                age_of(resource, now),
                subject_of(resource, self.told),
                self.told.application(resource),
            ],
        }

    def context(self) -> dict[str, Any]:
        return {"may_ask": self.actor.may(Permission.RESOLVE_ATTEMPTS)}


class UnresolvedPage(Page):
    """One attempt, also once its outcome is known. A POST lets the provider be asked now."""

    permission = Permission.VIEW_ATTEMPTS
    section = SECTION
    template_name = "payments/unresolved_detail.html"

    def get(self, request: HttpRequest, pk: str) -> HttpResponse:
        with transaction(by=self.actor):
            attempt = self._attempt(pk)
            mark = mark_of(attempts=[vars(attempt)])
            if shows_already(request, mark):
                return HttpResponse(status=204)
            told = about([attempt], by=self.actor)
            history = entries_about([attempt.resource_id], self.actor)
            changes = changes_of(attempt.resource_id, currency=attempt.currency or "USD", by=self.actor)
        now = timezone.now()
        check_at = attempt.next_check_at if attempt.is_open else None
        why_not = why_not_asked(attempt)
        return self.show(
            {
                "attempt": attempt,
                "title": title_of(attempt),
                "plain_title": strip_tags(title_of(attempt)),
                "state": state_of(attempt, now),
                "notice": _notice(attempt),
                "facts": attempt_facts(attempt, told, now),
                "subject": told.subject(attempt),
                "history": history,
                "changes": changes,
                "may_ask": self.actor.may(Permission.RESOLVE_ATTEMPTS) and not why_not,
                "why_not": why_not if attempt.is_open else "",
                "why_no_repeat": why_no_repeat(attempt),
                "key": new_key(),
                "following": following(request, mark, max(attempt.created_at, min(check_at, now)))
                if check_at
                else None,
                "breadcrumbs": unresolved_trail(attempt.reference),
            }
        )

    def post(self, request: HttpRequest, pk: str) -> HttpResponse:
        self.actor.require(Permission.RESOLVE_ATTEMPTS)
        with transaction(by=self.actor):
            attempt = self._attempt(pk)
        try:
            ask_once(attempt, key=request.POST.get("key", ""), by=self.actor)
        except DomainError as error:
            messages.error(request, str(error))
        else:
            messages.success(request, "The provider is being asked. What it says shows here.")
        return HttpResponseRedirect(page_of(attempt))

    def _attempt(self, pk: str) -> Attempt:
        found: Attempt = find(Attempt.objects.visible_to(self.actor), pk)
        return found


def ask_once(attempt: Attempt, *, key: str, by: Actor) -> Attempt:
    """Let the provider be asked; the same form sent again asks no second time."""

    def asked(_: uuid.UUID) -> Attempt:
        return Attempt.objects.visible_to(by).get(pk=attempt.pk)

    return once(
        "portal ask provider",
        key=key,
        told=[str(attempt.pk)],
        do=lambda: ask_now(attempt_id=attempt.pk, by=by, at=timezone.now()),
        made=asked,
        by=by,
    )


def why_not_asked(attempt: Attempt) -> str:
    """What stands against asking now, as far as the row tells; empty where nothing does."""
    try:
        refuse_to_ask(attempt, timezone.now())
    except DomainError as error:
        return str(error)
    return ""


def unresolved_attempts(by: Actor, most: int) -> int:
    """How many need somebody, counted up to a bound; call it in a transaction."""
    unknown = Attempt.objects.visible_to(by).of_unknown_outcome(timezone.now())
    return unknown.values("pk")[:most].count()


def unresolved_trail(*here: str) -> list[tuple[str, str]]:
    return [("Unresolved", reverse("payments:unresolved")), *((label, "") for label in here)]


def _notice(attempt: Attempt) -> dict[str, str]:
    now = timezone.now()
    reason = reason_of(attempt, now)
    if not attempt.is_open:
        level = "success" if attempt.state == Attempt.State.ACCEPTED else "info"
        return {"level": level, "title": "The outcome is known", "text": reason}
    if not is_of_unknown_outcome(attempt, now):
        return {"level": "info", "title": strip_tags(state_of(attempt, now)).strip(), "text": reason}
    if attempt.next_check_at is None:
        text = f"{reason} Nobody asks any more, so it stays like this until somebody has it asked about."
    else:
        text = f"{reason} The worker keeps asking."
    return {"level": "warning", "title": "Outcome not known", "text": f"{text} {why_no_repeat(attempt)}"}
