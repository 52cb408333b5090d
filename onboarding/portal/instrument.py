"""The page of one card or bank account: what it is, what its network and issuer said of it, and its settings."""

import uuid
from collections.abc import Callable
from typing import Any, TypeVar

from django.contrib import messages
from django.forms import Form
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone

from onboarding import services
from onboarding.forms.cards import CHOOSABLE, CardUpdateForm, CardVerificationForm, InstrumentForm
from onboarding.models import InstrumentUpdate, Merchant, PaymentInstrument, Verification
from onboarding.portal.actions import actions_for
from onboarding.portal.facts import copy_facts, instrument_facts
from onboarding.portal.following import following, mark_of, shows_already
from onboarding.portal.inquiries import inquiry_line, receiving, receiving_facts
from onboarding.portal.once import new_key, once, renew_after
from onboarding.serializers.instruments import InstrumentDocument
from onboarding.underwriting import RECEIVES_ONLY
from portal.attempts import attempt_entries
from portal.timeline import timeline_of
from portal.views import Page
from resources.errors import DomainError, NotVisible
from resources.lookup import find
from resources.models import Resource
from tenancy.roles import Permission
from tenancy.transactions import transaction

Row = TypeVar("Row", bound=Resource)

_SHOWN = 20
_VERIFY, _UPDATE, _SWITCH = "verify", "update", "switch"


class InstrumentPage(Page):
    """What may be shown of an instrument. A card is verified, and its issuer asked, by POST; so is it switched."""

    permission = Permission.VIEW_INSTRUMENTS
    section = "payment-instruments"
    template_name = "onboarding/instrument_detail.html"

    def get(self, request: HttpRequest, pk: str) -> HttpResponse:
        del request
        return self._show(pk)

    def post(self, request: HttpRequest, pk: str) -> HttpResponse:
        self.actor.require(Permission.MANAGE_INSTRUMENTS)
        acts = {_VERIFY: self._verify, _UPDATE: self._update, _SWITCH: self._switch}
        act = acts.get(request.POST.get("act", ""))
        if act is None:
            raise NotVisible(pk)
        with transaction(by=self.actor):
            instrument = find_instrument(self, pk)
        refused = act(instrument)
        if refused is not None:
            return self._show(pk, refused)
        return HttpResponseRedirect(_page_of(instrument))

    def _verify(self, card: PaymentInstrument) -> Form | None:
        form = CardVerificationForm(self.request.POST)
        if form.is_valid():
            told = [card.public_id, form.body]

            def ask() -> Verification:
                verification = services.verify_card(
                    instrument=card,
                    security_code=form.body.get("security_code"),
                    address=form.body.get("address"),
                    by=self.actor,
                    at=timezone.now(),
                )
                self._tell_of_inquiry(card, verification)
                return verification

            self._once("portal verify card", form, told, ask, Verification)
        return form if form.errors else None

    def _update(self, card: PaymentInstrument) -> Form | None:
        with transaction(by=self.actor):
            merchants = self._merchants(card)
        form = CardUpdateForm(self.request.POST, merchants=merchants)
        if form.is_valid():
            told = [card.public_id, form.body]

            def ask() -> InstrumentUpdate:
                update = services.update_card(
                    instrument=card, merchant_id=form.body["merchant"], by=self.actor, at=timezone.now()
                )
                self._tell_of_update(card, update)
                return update

            self._once("portal update card", form, told, ask, InstrumentUpdate)
        return form if form.errors else None

    def _switch(self, instrument: PaymentInstrument) -> Form | None:
        is_on = self.request.POST.get("enabled") == "true"
        try:
            services.update_payment_instrument(
                instrument=instrument, values={"enabled": is_on}, by=self.actor, at=timezone.now()
            )
        except DomainError as error:
            messages.error(self.request, str(error))
        else:
            state = "enabled: payments with it are taken again" if is_on else "disabled: payments with it are refused"
            messages.success(self.request, f"{instrument.display_name} is now {state}.")
        return None

    def _once(
        self,
        operation: str,
        form: CardVerificationForm | CardUpdateForm,
        told: Any,
        ask: Callable[[], Row],
        model: type[Row],
    ) -> None:
        def made(key: uuid.UUID) -> Row | None:
            found: Row | None = model._default_manager.visible_to(self.actor).filter(pk=key).first()  # type: ignore[attr-defined]
            return found

        try:
            once(operation, key=form.cleaned_data["key"], told=told, do=ask, made=made, by=self.actor)
        except DomainError as error:
            renew_after(form, error)
            form.refuse(error)

    def _tell_of_inquiry(self, card: PaymentInstrument, verification: Verification) -> None:
        if verification.state == Verification.State.FAILED:
            messages.error(self.request, f"{card.display_name} was not verified. {' '.join(verification.messages)}")
        elif verification.state == Verification.State.PENDING:
            messages.info(self.request, f"{verification.processor} was asked about {card.display_name}.")
        else:
            messages.success(self.request, f"{card.display_name} was verified at {verification.processor}.")

    def _tell_of_update(self, card: PaymentInstrument, update: InstrumentUpdate) -> None:
        if update.state == InstrumentUpdate.State.FAILED:
            messages.error(self.request, f"{card.display_name} was not updated. {' '.join(update.messages)}")
        else:
            messages.success(self.request, f"The issuer of {card.display_name} was asked; it answers within days.")

    def _show(self, pk: str, refused: Form | None = None) -> HttpResponse:
        may_manage = self.actor.may(Permission.MANAGE_INSTRUMENTS)
        with transaction(by=self.actor):
            instrument = find_instrument(self, pk)
            verifications, updates = self._verifications(instrument), self._updates(instrument)
            attempts = attempt_entries(instrument, self.actor, also=[row.pk for row in (*verifications, *updates)])
            mark = mark_of(instrument, *verifications, *updates, attempts=attempts)
            if shows_already(self.request, mark):
                return HttpResponse(status=204)
            document = InstrumentDocument(context={"request": self.request}).to_representation(instrument)
            timeline = timeline_of(instrument, by=self.actor)
            actions = actions_for(instrument, self.actor)
            manages_card = may_manage and instrument.is_card
            may_verify = manages_card and services.may_verify_cards(instrument.application_id, by=self.actor)
            merchants = self._merchants(instrument) if manages_card else []
        is_updating = any(row.state == InstrumentUpdate.State.PENDING for row in updates)
        is_moving = (
            is_updating
            or any(row.state == Verification.State.PENDING for row in verifications)
            or any(entry["is_open"] for entry in attempts)
        )
        question = self.request.GET.get("confirm", "")
        return self.show(
            {
                "instrument": instrument,
                "facts": instrument_facts(instrument),
                "receiving_facts": receiving_facts(instrument),
                "receiving": receiving(instrument),
                "verifications": [{"row": row, "lines": inquiry_line(row) or row.messages} for row in verifications],
                "updates": updates,
                "copy": copy_facts(instrument),
                "shows_provider": self.actor.may(Permission.VIEW_PROVIDER_DATA),
                "timeline": timeline,
                "attempts": attempts,
                "actions": actions,
                "document": document,
                "following": following(self.request, mark, timezone.now()) if is_moving else None,
                "may_manage": may_manage,
                "may_verify": may_verify,
                "lacks_visa": manages_card and not may_verify,
                "may_update": bool(merchants) and not is_updating,
                "verification_form": _shown(refused, CardVerificationForm) or CardVerificationForm(key=new_key()),
                "update_form": _shown(refused, CardUpdateForm) or CardUpdateForm(merchants=merchants, key=new_key()),
                "asks_verification": question == _VERIFY or isinstance(refused, CardVerificationForm),
                "asks_update": question == _UPDATE or isinstance(refused, CardUpdateForm),
                "asks_switch": question == _SWITCH,
                "may_open_application": self.actor.may(Permission.VIEW_PROCESSORS),
                "breadcrumbs": instrument_trail(instrument),
            }
        )

    def _verifications(self, instrument: PaymentInstrument) -> list[Verification]:
        if not instrument.is_card:
            return []
        found = Verification.objects.visible_to(self.actor).filter(payment_instrument=instrument)
        return list(found.order_by("-created_at", "-id")[:_SHOWN])

    def _updates(self, instrument: PaymentInstrument) -> list[InstrumentUpdate]:
        if not instrument.is_card:
            return []
        found = InstrumentUpdate.objects.visible_to(self.actor).filter(payment_instrument=instrument)
        return list(found.select_related("merchant__identity").order_by("-created_at", "-id")[:_SHOWN])

    def _merchants(self, card: PaymentInstrument) -> list[Merchant]:
        """In whose name its issuer can be asked, and one more than can be chosen among; call it in a transaction."""
        approved = (
            Merchant.objects.visible_to(self.actor)
            .filter(
                application=card.application_id,
                onboarding_state=Merchant.OnboardingState.APPROVED,
                enabled_processor__enabled=True,
            )
            .exclude(processor=RECEIVES_ONLY)
        )  # they are paid, and charge no cards
        return list(approved.order_by("-created_at", "-id")[: CHOOSABLE + 1])


class EditInstrument(Page):
    """Holder, billing address and tags. What somebody else changed meanwhile is not overwritten."""

    permission = Permission.MANAGE_INSTRUMENTS
    section = "payment-instruments"
    template_name = "onboarding/instrument_form.html"

    def get(self, request: HttpRequest, pk: str) -> HttpResponse:
        del request
        with transaction(by=self.actor):
            instrument = find_instrument(self, pk)
        return self._show(instrument, InstrumentForm(instrument=instrument))

    def post(self, request: HttpRequest, pk: str) -> HttpResponse:
        with transaction(by=self.actor):
            instrument = find_instrument(self, pk)
        form = InstrumentForm(request.POST, instrument=instrument)
        if form.is_valid():
            try:
                services.update_payment_instrument(
                    instrument=instrument,
                    values=form.body,
                    version=request.POST.get("version", ""),
                    by=self.actor,
                    at=timezone.now(),
                )
            except DomainError as error:
                form.refuse(error)
        if form.errors:
            return self._show(instrument, form)
        messages.success(request, f"The changes to {instrument.display_name} were saved.")
        return HttpResponseRedirect(_page_of(instrument))

    def _show(self, instrument: PaymentInstrument, form: InstrumentForm) -> HttpResponse:
        return self.show(
            {
                "instrument": instrument,
                "form": form,
                "version": self.request.POST.get("version") or instrument.version,
                "cancel_url": _page_of(instrument),
                "breadcrumbs": instrument_trail(instrument, "Edit"),
            }
        )


def find_instrument(page: Page, pk: str) -> PaymentInstrument:
    """The instrument with all that its pages tell joined; call it in a transaction. Raises NotVisible."""
    visible = PaymentInstrument.objects.visible_to(page.actor)
    found: PaymentInstrument = find(visible.select_related("application", "identity"), pk)
    return found


def instrument_trail(instrument: PaymentInstrument, *here: str) -> list[tuple[str, str]]:
    """Breadcrumbs from the list to the instrument, and on to `here`."""
    return [
        ("Payment instruments", reverse("onboarding:payment-instruments")),
        (instrument.display_name, _page_of(instrument) if here else ""),
        *((label, "") for label in here),
    ]


def _page_of(instrument: PaymentInstrument) -> str:
    return reverse("onboarding:payment-instrument", args=[instrument.public_id])


def _shown(refused: Form | None, form_class: type[Form]) -> Form | None:
    return refused if isinstance(refused, form_class) else None
