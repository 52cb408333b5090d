"""When settlements close by themselves: the rule of an application, and that of a merchant which has its own."""

import uuid
from abc import abstractmethod
from typing import Any, Generic, TypeVar

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone

from onboarding.models import Merchant
from onboarding.portal.merchants import find_merchant, merchant_trail
from onboarding.portal.once import new_key, once, renew_after
from payments.forms.settlements import ScheduleForm, refuse
from payments.models import SettlementSchedule
from payments.services.schedules import rule_of, set_schedule
from portal.views import Page
from resources.errors import DomainError
from resources.lookup import find
from tenancy.models import Application
from tenancy.roles import Permission
from tenancy.transactions import transaction

Whose = TypeVar("Whose", Merchant, Application)


class SchedulePage(Page, Generic[Whose]):
    """A rule, shown and changed; the same form sent again changes nothing a second time."""

    template_name = "payments/settlement_schedule.html"

    whose: Whose

    @abstractmethod
    def read(self, pk: str) -> Whose:
        """Whose rule it is; called in a transaction. Raises NotVisible."""

    @abstractmethod
    def frame(self) -> dict[str, Any]:
        """How the page calls it: name, lead, breadcrumbs, and where Cancel leads."""

    def above(self) -> SettlementSchedule | None:
        """The rule that holds where there is none of its own; called in a transaction."""
        return None

    def get(self, request: HttpRequest, pk: str) -> HttpResponse:
        del request
        form: ScheduleForm = self._form(pk, None)
        return self.show({**self.frame(), "form": form})

    def post(self, request: HttpRequest, pk: str) -> HttpResponse:
        form: ScheduleForm = self._form(pk, request.POST)
        if not form.is_valid():
            return self.show({**self.frame(), "form": form})
        try:
            once(
                "portal set schedule",
                key=form.cleaned_data["key"],
                told=[self.whose.public_id, *form.chosen],
                do=lambda: self._set(form),
                made=self._made,
                by=self.actor,
            )
        except DomainError as error:
            renew_after(form, error)
            refuse(form, error, ScheduleForm.names)
            return self.show({**self.frame(), "form": form})
        messages.success(request, "The schedule was saved.")
        return HttpResponseRedirect(self.frame()["cancel_url"])

    def _form(self, pk: str, data: Any) -> ScheduleForm:
        with transaction(by=self.actor):
            self.whose = self.read(pk)
            rule, above = rule_of(self.whose), self.above()
        return ScheduleForm(data, rule=rule, follows=str(above) if above else "", key=new_key())

    def _set(self, form: ScheduleForm) -> bool:
        frequency, day = form.chosen
        set_schedule(of=self.whose, frequency=frequency, day=day, by=self.actor, at=timezone.now())
        return True

    def _made(self, _: uuid.UUID) -> bool:
        return True


class MerchantSchedule(SchedulePage[Merchant]):
    """Of one merchant; without a rule of its own it follows its application."""

    permission = Permission.MANAGE_MERCHANTS
    section = "merchants"

    def read(self, pk: str) -> Merchant:
        return find_merchant(self, pk)

    def above(self) -> SettlementSchedule:
        application = self.whose.application
        return rule_of(application) or SettlementSchedule(application=application)

    def frame(self) -> dict[str, Any]:
        merchant = self.whose
        return {
            "lead": f"When what {merchant.display_name} has earned is closed, and goes to be approved.",
            "breadcrumbs": merchant_trail(merchant, "Settlement schedule"),
            "cancel_url": reverse("onboarding:merchant", args=[merchant.public_id]),
        }


class ApplicationSchedule(SchedulePage[Application]):
    """Of an application; it holds for its merchants that have no rule of their own."""

    permission = Permission.MANAGE_APPLICATIONS
    section = "applications"

    def read(self, pk: str) -> Application:
        found: Application = find(Application.objects.visible_to(self.actor).tenants(), pk)
        return found

    def frame(self) -> dict[str, Any]:
        application = self.whose
        page = reverse("onboarding:application", args=[application.public_id])
        name = application.name
        return {
            "lead": f"For every merchant of {name} that has no schedule of its own.",
            "breadcrumbs": [
                ("Applications", reverse("onboarding:applications")),
                (name, page),
                ("Settlement schedule", ""),
            ],
            "cancel_url": page,
        }
