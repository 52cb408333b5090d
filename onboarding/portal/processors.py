"""The PROCESSORS tab of an application."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone

from onboarding.forms.applications import ProcessorForm, ProcessorSettingsForm
from onboarding.portal.applications import ApplicationPage
from portal.design.states import badge
from portal.design.values import moment
from resources.errors import DomainError, NotVisible
from tenancy import services as tenancy
from tenancy.models import Application, Processor
from tenancy.roles import Permission
from tenancy.transactions import transaction

_COLUMNS = [
    {"label": "Processor"},
    {"label": "State"},
    {"label": "Card sales"},
    {"label": "Bank debits"},
    {"label": "Enabled", "css": "shrink"},
]


class ApplicationProcessors(ApplicationPage):
    """Where the application's merchants are onboarded, and a form for one more processor."""

    tab = "PROCESSORS"
    template_name = "onboarding/application_processors.html"

    def get(self, request: HttpRequest, pk: str) -> HttpResponse:
        del request
        return self._show(pk, None)

    def post(self, request: HttpRequest, pk: str) -> HttpResponse:
        self.actor.require(Permission.MANAGE_PROCESSORS)
        with transaction(by=self.actor):
            application = self.application(pk)
        form = ProcessorForm(request.POST)
        if form.is_valid():
            try:
                tenancy.enable_processor(
                    application=application,
                    name=Processor.Name(form.cleaned_data["type"]),
                    config={"can_debit_bank_account": form.cleaned_data["can_debit_bank_account"]},
                    by=self.actor,
                    at=timezone.now(),
                )
            except DomainError as error:
                form.add_error(None, str(error))
            else:
                messages.success(request, f"{form.cleaned_data['type']} is enabled for {application.name}.")
                return HttpResponseRedirect(request.path)
        return self._show(pk, form)

    def _show(self, pk: str, form: ProcessorForm | None) -> HttpResponse:
        with transaction(by=self.actor):
            application = self.application(pk)
            found = Processor.objects.visible_to(self.actor).filter(application=application)
            processors = list(found.order_by("-created_at", "-id"))
        present = {processor.processor for processor in processors}
        may_manage = self.actor.may(Permission.MANAGE_PROCESSORS)
        return self.show(
            {
                **self.frame(application, "Processors"),
                "columns": _COLUMNS,
                "rows": [self._row(application, processor, may_manage=may_manage) for processor in processors],
                "may_manage": may_manage,
                "may_enable": may_manage and bool(set(Processor.Name.values) - present),
                "form": form or ProcessorForm.beside(present),
                "is_open": form is not None or "enable" in self.request.GET,
            },
        )

    @staticmethod
    def _row(application: Application, processor: Processor, *, may_manage: bool) -> dict[str, Any]:
        settings = processor.application_config
        sales = "In batches" if settings["card_sale_submission_method"] == "batch" else "At once"
        url = reverse("onboarding:edit-processor", args=[application.public_id, processor.processor])
        return {
            "url": url if may_manage else "",
            "cells": [
                processor.processor,
                badge(processor.enabled),
                sales,
                "Allowed" if settings["can_debit_bank_account"] else "Not allowed",
                moment(processor.created_at),
            ],
        }


class EditProcessor(ApplicationPage):
    """How card sales are submitted, and whether the processor is used at all."""

    permission = Permission.MANAGE_PROCESSORS
    tab = "PROCESSORS"
    template_name = "onboarding/processor_settings.html"

    def get(self, request: HttpRequest, pk: str, name: str) -> HttpResponse:
        del request
        application, processor = self._find(pk, name)
        return self._show(application, processor, ProcessorSettingsForm.of(processor))

    def post(self, request: HttpRequest, pk: str, name: str) -> HttpResponse:
        application, processor = self._find(pk, name)
        form = ProcessorSettingsForm.of(processor, request.POST)
        if not form.is_valid():
            return self._show(application, processor, form)
        values = {name: form.cleaned_data[name] for name in form.changed_data}
        enabled = values.pop("enabled", None)
        try:
            tenancy.update_processor(
                processor=processor,
                enabled=enabled,
                application_config=values,
                version=request.POST.get("version", ""),
                by=self.actor,
                at=timezone.now(),
            )
        except DomainError as error:
            form.add_error(None, str(error))
            return self._show(application, processor, form)
        messages.success(request, f"{processor.processor} was changed.")
        return HttpResponseRedirect(reverse("onboarding:application-processors", args=[application.public_id]))

    def _find(self, pk: str, name: str) -> tuple[Application, Processor]:
        with transaction(by=self.actor):
            application = self.application(pk)
            found = Processor.objects.visible_to(self.actor).filter(application=application, processor=name).first()
        if found is None:
            raise NotVisible(name)
        return application, found

    def _show(self, application: Application, processor: Processor, form: ProcessorSettingsForm) -> HttpResponse:
        cancel = reverse("onboarding:application-processors", args=[application.public_id])
        frame = self.frame(application, processor.processor)
        version = self.request.POST.get("version") or processor.version
        return self.show({**frame, "processor": processor, "form": form, "version": version, "cancel_url": cancel})
