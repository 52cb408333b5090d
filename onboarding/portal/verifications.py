"""The page of one verification: what a processor found about a merchant."""

from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from onboarding.models import Verification
from onboarding.portal.facts import copy_facts, merchant_title, verification_facts, verification_outcome
from onboarding.portal.following import following, mark_of
from onboarding.serializers.merchants import VerificationDocument
from portal.attempts import attempt_entries
from portal.timeline import timeline_of
from portal.views import Page
from resources.lookup import find
from tenancy.roles import Permission
from tenancy.transactions import transaction


class VerificationPage(Page):
    """Facts, messages, history and document; the processor's own findings for the platform."""

    permission = Permission.VIEW_MERCHANTS
    section = "merchants"
    template_name = "onboarding/verification_detail.html"

    def get(self, request: HttpRequest, pk: str) -> HttpResponse:
        shows_provider = self.actor.may(Permission.VIEW_PROVIDER_DATA)
        with transaction(by=self.actor):
            visible = Verification.objects.visible_to(self.actor)
            verification = find(visible.select_related("merchant__identity", "application"), pk)
            attempts = attempt_entries(verification, self.actor)
            mark = mark_of(verification, attempts=attempts)
            if request.htmx and request.GET.get("mark") == mark:  # type: ignore[attr-defined]
                return HttpResponse(status=204)
            context = {"request": request, "shows_raw": shows_provider}
            document = VerificationDocument(context=context).to_representation(verification)
            timeline = timeline_of(verification, by=self.actor)
        merchant = verification.merchant
        is_moving = verification.state == Verification.State.PENDING
        return self.show(
            {
                "verification": verification,
                "merchant": merchant,
                "title": merchant_title(merchant),
                "outcome": verification_outcome(verification),
                "facts": verification_facts(verification),
                "copy": copy_facts(verification),
                "shows_provider": shows_provider,
                "attempts": attempts,
                "timeline": timeline,
                "document": document,
                "following": following(request, mark, verification.updated_at) if is_moving else None,
                "breadcrumbs": [
                    ("Merchants", reverse("onboarding:merchants")),
                    (merchant_title(merchant), reverse("onboarding:merchant", args=[merchant.public_id])),
                    (verification.public_id, ""),
                ],
            }
        )
