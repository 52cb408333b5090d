"""Acts that are looked at before they are done, and done once: with a form before, or without one."""

import uuid
from abc import abstractmethod
from functools import partial
from typing import Any, ClassVar

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.http import urlencode

from jobs.models import IdempotencyKey
from onboarding.portal.once import FIELD, SentBefore, key_after, new_key, once, renew
from payments.forms.amounts import amount_in_words
from payments.forms.parts import PartForm
from payments.models import Payment, Transfer
from portal import step_up
from portal.views import Page
from resources import ids
from resources.errors import DomainError
from tenancy.transactions import transaction

PROOF_TOO_OLD = "More than five minutes have passed. Nothing was done yet."


class ConfirmedAct(Page):
    """An act that is shown before it is done, and done once. What was refused stands above what was shown."""

    template_name = "payments/confirmed_act.html"

    def confirm(self, context: dict[str, Any], *, refusal: DomainError | None = None) -> HttpResponse:
        key = self.request.POST.get(FIELD, "") if refusal else ""
        return self.show(
            {
                "key": key_after(refusal, key) if refusal and key else new_key(),
                "refusal": str(refusal) if refusal else "",
                **context,
            }
        )


class ReviewedAct(Page):
    """A transfer that is made of another payment. `step` in what is sent is `review`, `edit`, or the act's own name.

    A review has an address of its own, so that a step back in the browser after the act leads to it, not to a form that
    wants to be sent again. The same key never acts a second time: it leads to what the first one made.
    """

    review_template: ClassVar[str] = "payments/act_review.html"
    asks_for_proof: ClassVar[bool] = False
    """Whether whoever acts has to prove once more who they are. The address of a review holds what was filled in."""
    step: ClassVar[str]
    operation: ClassVar[str]

    payment: Any

    @abstractmethod
    def read(self, pk: str) -> Any:
        """The payment that is acted on, as it stands now. Raises NotVisible."""

    @abstractmethod
    def form_of(self, data: Any) -> PartForm:
        """The form, filled with what was sent, or with what is most likely wanted."""

    @abstractmethod
    def obstacle(self) -> str:
        """Why nothing can be done now, in a sentence; empty where something can."""

    @abstractmethod
    def objection(self, form: PartForm) -> DomainError | None:
        """What speaks against a valid form, as the payment stands now; the service asks again, under its locks."""

    @abstractmethod
    def act(self, form: PartForm) -> Transfer:
        """Do it, and leave a message where it succeeded."""

    @abstractmethod
    def review(self, form: PartForm) -> dict[str, Any]:
        """What will happen: heading, lead, facts, warning and verb. Raises DomainError."""

    @abstractmethod
    def frame(self) -> dict[str, Any]:
        """What every page of it needs."""

    def get(self, request: HttpRequest, pk: str) -> HttpResponse:
        self.payment = self.read(pk)
        if self._lacks_proof():
            return step_up.ask(request.get_full_path())
        is_review = request.GET.get("step") == "review"
        form = self.form_of(request.GET if is_review else None)
        return self._look(form) if is_review and form.is_valid() else self._show(form)

    def post(self, request: HttpRequest, pk: str) -> HttpResponse:
        self.payment = self.read(pk)
        form = self.form_of(request.POST)
        step = request.POST.get("step")
        if not form.is_valid() or step == "edit":
            return self._show(form)
        review_url = f"{request.path}?{urlencode(form.sent | _REVIEW)}"
        if self._lacks_proof():
            messages.warning(request, PROOF_TOO_OLD)
            return step_up.ask(review_url)
        if step == self.step:
            return self._carry_out(form)
        look = self._look(form)
        return look if form.errors else HttpResponseRedirect(review_url)

    def _lacks_proof(self) -> bool:
        return self.asks_for_proof and step_up.is_due(self.request)

    def _look(self, form: PartForm) -> HttpResponse:
        """Say what will happen, once nothing speaks against it."""
        try:
            if objection := self.objection(form):
                raise objection
            context = self.review(form)
        except DomainError as error:
            return self._refuse(form, error)
        return self.show({**self.frame(), **context, "form": form, "step": self.step}, template=self.review_template)

    def _carry_out(self, form: PartForm) -> HttpResponse:
        key = form.cleaned_data["key"]
        try:
            # What was done under this key has changed the payment, so that it would speak against itself.
            if (objection := self.objection(form)) and self._first(key) is None:
                raise objection
            made = once(
                self.operation,
                key=key,
                told=[self.payment.public_id, form.body],
                do=partial(self.act, form),
                made=self._made,
                by=self.actor,
            )
        except SentBefore as error:
            first = self._first(key)
            renew(form, new_key())
            return self._refuse(form, error, first_id=ids.public_id(Transfer.PREFIX, first) if first else "")
        except DomainError as error:
            self.payment = self.read(self.payment.public_id)
            return self._refuse(form, error)
        return HttpResponseRedirect(self.page_after(made))

    def page_after(self, made: Transfer) -> str:
        """Where what was made is told of."""
        return reverse("payments:transfer", args=[made.public_id])

    def _made(self, key: uuid.UUID) -> Transfer | None:
        """What the same form made when it was sent first."""
        transfer = Transfer.objects.visible_to(self.actor).filter(pk=key).first()
        if transfer is not None:
            messages.info(self.request, "The form was sent twice. Nothing was done a second time.")
        return transfer

    def _first(self, key: str) -> uuid.UUID | None:
        """What was made under the key before, if anything."""
        with transaction(by=self.actor):
            kept = IdempotencyKey.objects.filter(
                application_id=self.payment.application_id, operation=self.operation, key=key
            )
            return kept.values_list("resource_id", flat=True).first()

    def _refuse(self, form: PartForm, error: DomainError, **more: Any) -> HttpResponse:
        if not self.obstacle():  # which says it already, in the place of the form
            form.refuse(error)
        return self._show(form, **more)

    def _show(self, form: PartForm, **more: Any) -> HttpResponse:
        return self.show({**self.frame(), "form": form, "obstacle": self.obstacle(), **more})


_REVIEW = {"step": "review"}


def total(payment: Payment) -> str:
    """Its amount within a sentence."""
    return amount_in_words(payment.amount, payment.currency)
