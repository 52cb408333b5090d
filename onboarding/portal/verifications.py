"""The page of one verification: what a processor found about a merchant, or about a card."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from onboarding.models import PaymentInstrument, Verification
from onboarding.portal.facts import copy_facts, merchant_title, verification_facts, verification_outcome
from onboarding.portal.following import following, mark_of, shows_already
from onboarding.portal.inquiries import inquiry_groups, inquiry_outcome
from onboarding.portal.instrument import instrument_trail
from onboarding.portal.standing import held_among, review_url_of
from onboarding.serializers.verifications import VerificationDocument
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
            joined = visible.select_related("merchant__identity", "payment_instrument", "application")
            verification = find(joined, pk)
            attempts = attempt_entries(verification, self.actor)
            mark = mark_of(verification, attempts=attempts)
            if shows_already(request, mark):
                return HttpResponse(status=204)
            context = {"request": request, "shows_raw": shows_provider}
            document = VerificationDocument(context=context).to_representation(verification)
            timeline = timeline_of(verification, by=self.actor)
            is_held = bool(verification.merchant_id and held_among([verification], by=self.actor))
        is_moving = verification.state == Verification.State.PENDING
        card, merchant = verification.payment_instrument, verification.merchant
        of_its_subject = (
            self._of_card(verification, card) if card else self._of_merchant(verification, merchant, is_held=is_held)
        )
        return self.show(
            {
                "verification": verification,
                "facts": verification_facts(verification),
                "copy": copy_facts(verification),
                "shows_provider": shows_provider,
                "attempts": attempts,
                "timeline": timeline,
                "document": document,
                "following": following(request, mark, verification.updated_at) if is_moving else None,
                **of_its_subject,
            }
        )

    def _of_merchant(self, verification: Verification, merchant: Any, *, is_held: bool) -> dict[str, Any]:
        may_open_review = is_held and self.actor.may(Permission.VIEW_REVIEWS)
        may_correct = self.actor.may(Permission.MANAGE_IDENTITIES)
        is_latest = merchant.verification_id == verification.pk
        edit_url = ""
        if verification.state == Verification.State.FAILED and is_latest and may_correct:
            edit_url = reverse("onboarding:edit-identity", args=[merchant.identity.public_id])
        return {
            "merchant": merchant,
            "title": merchant_title(merchant),
            "outcome": verification_outcome(
                verification, is_held=is_held, is_latest=is_latest, may_correct=may_correct
            ),
            "review_url": review_url_of(merchant) if may_open_review else "",
            "edit_url": edit_url,
            "breadcrumbs": [
                ("Merchants", reverse("onboarding:merchants")),
                (merchant_title(merchant), reverse("onboarding:merchant", args=[merchant.public_id])),
                (verification.public_id, ""),
            ],
        }

    def _of_card(self, verification: Verification, card: PaymentInstrument) -> dict[str, Any]:
        self.request.portal_section = "payment-instruments"  # type: ignore[attr-defined]
        return {
            "card": card,
            "title": card.display_name,
            "outcome": inquiry_outcome(verification),
            "groups": inquiry_groups(verification),
            "breadcrumbs": [*instrument_trail(card, verification.public_id)],
        }
