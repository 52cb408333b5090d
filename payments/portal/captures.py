"""Taking what an authorization holds, and letting it go."""

import uuid
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone

from onboarding.portal.once import FIELD, new_key, once
from payments import services
from payments.forms.amounts import amount_in_words, units
from payments.forms.parts import CaptureForm, PartForm
from payments.models import Authorization, Transfer
from payments.portal.authorization_facts import page_of
from payments.portal.facts import instrument_name
from payments.portal.reviewed import ConfirmedAct, ReviewedAct, total
from payments.services.admission import admit_capture
from portal.design.values import moment, money
from resources.errors import DomainError, FieldError
from resources.lookup import find
from tenancy.actors import Actor
from tenancy.roles import Permission
from tenancy.transactions import transaction

SECTION = "authorizations"


class CaptureAuthorization(ReviewedAct):
    """All of what is held, or part of it, is taken; the rest is let go."""

    permission = Permission.CREATE_TRANSFERS
    section = SECTION
    template_name = "payments/capture_form.html"
    step = "capture"
    operation = "portal capture"

    payment: Authorization

    def read(self, pk: str) -> Authorization:
        return _read(pk, self.actor)

    def form_of(self, data: Any) -> CaptureForm:
        held = self.payment
        initial = {
            "key": new_key(),
            "amount": units(held.amount, held.currency),
            "fee": units(held.fee, held.currency) if held.fee else "",
        }
        return CaptureForm(data, currency=held.currency, initial=initial)

    def obstacle(self) -> str:
        return _obstacle(self.payment)

    def objection(self, form: PartForm) -> DomainError | None:
        if obstacle := self.obstacle():
            return services.NotHeld(obstacle)
        if form.body["amount"] > self.payment.amount:
            return FieldError("amount", f"At most {total(self.payment)} is held.")
        return None

    def act(self, form: PartForm) -> Transfer:
        body = form.body
        capture = services.capture_authorization(
            authorization=self.payment, amount=body["amount"], fee=body["fee"], by=self.actor, at=timezone.now()
        )
        if capture.has_succeeded:
            taken = amount_in_words(capture.amount, capture.currency)
            messages.success(self.request, f"{taken} was captured for {self.payment.merchant.display_name}.")
        return capture

    def review(self, form: PartForm) -> dict[str, Any]:
        with transaction(by=self.actor):
            admission = admit_capture(self.payment.merchant_id, by=self.actor)
        held, amount, fee = self.payment, form.body["amount"], form.body["fee"]
        currency, taken = held.currency, amount_in_words(amount, held.currency)
        shares = [("Fee", money(fee, currency)), ("Left for the merchant", money(amount - fee, currency))]
        released = held.amount - amount
        return {
            "heading": f"Capture {taken}?",
            "lead": f"Takes {taken} from {instrument_name(held)} for {held.merchant.display_name}."
            + (" It is pending until the processor's next batch." if admission.is_batched else ""),
            "card_title": "Capture",
            "facts": [
                ("Held", money(held.amount, currency)),
                ("Captured", money(amount, currency)),
                ("Let go", money(released, currency) if released else "Nothing"),
                *(shares if fee else []),
                ("Card", instrument_name(held)),
                ("Statement descriptor", held.statement_descriptor),
            ],
            "warning": "A capture cannot be undone, and an authorization is captured once"
            + (": what is not taken now is let go." if released else ".")
            + " To give money back, refund the sale that it becomes.",
            "verb": f"Capture {taken}",
        }

    def frame(self) -> dict[str, Any]:
        return _frame(self.payment, "Capture")


class VoidAuthorization(ConfirmedAct):
    """What is held is let go; nothing of it can be taken any more."""

    permission = Permission.CREATE_TRANSFERS
    section = SECTION

    def get(self, request: HttpRequest, pk: str) -> HttpResponse:
        del request
        return self._show(_read(pk, self.actor))

    def post(self, request: HttpRequest, pk: str) -> HttpResponse:
        held = _read(pk, self.actor)
        try:
            once(
                "portal void",
                key=request.POST.get(FIELD, ""),
                told=[held.public_id],
                do=lambda: services.void_authorization(authorization=held, by=self.actor, at=timezone.now()),
                made=self._made,
                by=self.actor,
            )
        except DomainError as error:
            return self._show(_read(pk, self.actor), refusal=error)
        return HttpResponseRedirect(page_of(held))

    def _made(self, key: uuid.UUID) -> Authorization | None:
        return Authorization.objects.visible_to(self.actor).filter(pk=key).first()

    def _show(self, held: Authorization, *, refusal: DomainError | None = None) -> HttpResponse:
        obstacle = _obstacle(held)
        context = {
            **_frame(held, "Void"),
            "heading": "Void" if obstacle else f"Void {total(held)}?",
            "lead": f"Held on {instrument_name(held)} for {held.merchant.display_name}.",
            "obstacle": obstacle,
            "obstacle_title": "Nothing can be voided",
            "card_title": "Void",
            "facts": [
                ("Held", money(held.amount, held.currency)),
                ("Card", instrument_name(held)),
                ("Merchant", held.merchant.display_name),
                ("Otherwise held until", moment(held.expires_at)),
            ],
            "warning": "All of it is let go, and nothing of it can be captured afterwards. A void cannot be undone; to "
            "take the money after all, make a new authorization.",
            "verb": f"Void {total(held)}",
            "is_danger": True,
            "page_label": "The authorization",
        }
        return self.confirm(context, refusal=refusal)


def _read(pk: str, by: Actor) -> Authorization:
    with transaction(by=by):
        visible = Authorization.objects.visible_to(by)
        found: Authorization = find(visible.select_related("merchant", "application"), pk)
        return found


def _obstacle(held: Authorization) -> str:
    return services.obstacle_to_hold(held, held.application.business_time(timezone.now()))


def _frame(held: Authorization, here: str) -> dict[str, Any]:
    url = page_of(held)
    return {
        "authorization": held,
        "amount": total(held),
        "card": instrument_name(held),
        "page_url": url,
        "cancel_url": url,
        "breadcrumbs": [("Authorizations", reverse("payments:authorizations")), (held.public_id, url), (here, "")],
    }
