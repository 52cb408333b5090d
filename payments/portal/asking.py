"""Many attempts asked about at once: a preview with what will happen to each, then what has happened."""

import uuid
from collections.abc import Sequence
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from onboarding.portal.once import FIELD, new_key
from payments.portal.unresolved import SECTION, ask_once, unresolved_trail, why_not_asked
from payments.portal.unresolved_facts import About, about, page_of, title_of
from portal.design.states import badge
from portal.views import Page
from providers.models import Attempt
from resources import ids
from resources.errors import DomainError
from tenancy.roles import Permission
from tenancy.transactions import transaction

MOST_AT_ONCE = 100


class AskNow(Page):
    """The chosen attempts, each with what will happen or why nothing will; then each with what has happened."""

    permission = Permission.RESOLVE_ATTEMPTS
    section = SECTION
    template_name = "payments/unresolved_ask.html"

    def get(self, request: HttpRequest) -> HttpResponse:
        told = request.GET.getlist("selected")
        if len(told) > MOST_AT_ONCE:
            return _refuse_many(request)
        chosen, whose = self._chosen(told)
        rows = [_entry(attempt, whose) | {"why_not": why_not_asked(attempt)} for attempt in chosen]
        context = {
            "rows": rows,
            "able": sum(not row["why_not"] for row in rows),
            "key": new_key(),
            "breadcrumbs": unresolved_trail("Ask now"),
        }
        return self.show(context)

    def post(self, request: HttpRequest) -> HttpResponse:
        told = request.POST.getlist("selected")
        if len(told) > MOST_AT_ONCE:
            return _refuse_many(request)
        chosen, whose = self._chosen(told)
        if not chosen:
            return HttpResponseRedirect(request.get_full_path())
        key = request.POST.get(FIELD, "")
        results = [_entry(attempt, whose) | self._ask(attempt, key) for attempt in chosen]
        context = {
            "results": results,
            "done": sum(result["is_done"] for result in results),
            "breadcrumbs": unresolved_trail("Result"),
        }
        return self.show(context, template="payments/unresolved_asked.html")

    def _chosen(self, told: Sequence[str]) -> tuple[list[Attempt], About]:
        """The attempts of these ids, oldest first; what is not there or out of sight is left out."""
        keys = {key for text in told if (key := _key(text))}
        with transaction(by=self.actor):
            found = Attempt.objects.visible_to(self.actor).filter(pk__in=keys).order_by("created_at", "id")
            chosen = list(found)
            return chosen, about(chosen, by=self.actor)

    def _ask(self, attempt: Attempt, key: str) -> dict[str, Any]:
        """Ask about one; what was refused stands in its row, and keeps no other from its turn."""
        try:
            ask_once(attempt, key=f"{key}:{ids.encode(attempt.pk)}" if key else "", by=self.actor)
        except DomainError as error:
            return {"is_done": False, "badge": badge("REFUSED", label="Not done"), "text": str(error)}
        return {
            "is_done": True,
            "badge": badge("SENT", label="Being asked"),
            "text": "What the provider says shows on its page.",
        }


def _refuse_many(request: HttpRequest) -> HttpResponse:
    messages.error(request, f"At most {MOST_AT_ONCE} attempts are asked about at once. Nothing was done; tick fewer.")
    return HttpResponseRedirect(reverse("payments:unresolved"))


def _key(text: str) -> uuid.UUID | None:
    try:
        return ids.decode(text)
    except ids.MalformedId:
        return None


def _entry(attempt: Attempt, whose: About) -> dict[str, Any]:
    return {
        "key": ids.encode(attempt.pk),
        "title": title_of(attempt),
        "reference": attempt.reference,
        "url": page_of(attempt),
        "application": whose.application(attempt),
    }
