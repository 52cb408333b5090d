"""Import of merchants from a file: what its columns are, the template, and the upload."""

import uuid
from typing import Any

from django.core.exceptions import RequestDataTooBig
from django.core.files.uploadhandler import MemoryFileUploadHandler
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.views.decorators.csrf import csrf_exempt, csrf_protect

from onboarding.forms.import_guide import example, explained
from onboarding.forms.imports import LARGEST_BYTES, MOST_ROWS, ImportForm, UnreadableFile, judge, read, template
from onboarding.models import MerchantImport
from onboarding.portal.applications import ApplicationPage
from onboarding.portal.imported import download, page_of
from onboarding.services import imports
from onboarding.underwriting import RECEIVES_ONLY
from resources import ids
from tenancy.models import Application, Processor
from tenancy.roles import Permission
from tenancy.transactions import transaction

_RECENT = 10
_LONGEST_REQUEST = 10 * LARGEST_BYTES


class _InMemory(MemoryFileUploadHandler):
    """Takes a file into memory as far as we read it, and lets the rest go: nothing is ever written to a disk."""

    def handle_raw_input(self, *args: Any, **options: Any) -> None:
        del args, options
        self.activated = True

    def receive_data_chunk(self, raw_data: bytes, start: int) -> bytes | None:
        return super().receive_data_chunk(raw_data, start) if start <= LARGEST_BYTES else None


@method_decorator(csrf_exempt, name="dispatch")  # the check reads the form, and comes after the handler is set
class ImportMerchants(ApplicationPage):
    """Upload a file; its rows are judged and shown before anything is made."""

    permission = Permission.MANAGE_IDENTITIES
    tab = "IDENTITIES"
    template_name = "onboarding/import_new.html"

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if int(request.META.get("CONTENT_LENGTH") or 0) > _LONGEST_REQUEST:
            raise RequestDataTooBig
        request.upload_handlers = [_InMemory(request)]
        return _checked_dispatch(request, super().dispatch, *args, **kwargs)

    def get(self, request: HttpRequest, pk: str) -> HttpResponse:
        del request
        return self._show(pk, None)

    def post(self, request: HttpRequest, pk: str) -> HttpResponse:
        with transaction(by=self.actor):
            application = self.application(pk)
            form = self._form(application, request.POST, request.FILES)
        if not form.is_valid():
            return self._show(pk, form)
        try:
            lines = read(form.cleaned_data["file"].read())
        except UnreadableFile as error:
            for reason in error.reasons:
                form.add_error("file", reason)
            return self._show(pk, form)
        now = timezone.now()
        rows = [judge(line, now=application.business_time(now)) for line in lines]
        try:
            made = imports.check_import(
                key=self._key(),
                application_id=application.pk,
                file_name=form.cleaned_data["file"].name,
                processor=form.cleaned_data["processor"],
                rows=rows,
                by=self.actor,
                at=now,
            )
        except imports.OtherFile as error:
            form.add_error("file", str(error))
            return self._show(pk, form)
        return HttpResponseRedirect(page_of(made))

    def _key(self) -> uuid.UUID:
        """The one that the page was given, so that a file sent twice is one import."""
        try:
            return MerchantImport.parse_id(self.request.POST.get("key", ""))
        except ids.MalformedId:
            return ids.new_id()

    def _show(self, pk: str, form: ImportForm | None) -> HttpResponse:
        imports.require_rights(self.actor)
        with transaction(by=self.actor):
            application = self.application(pk)
            form = form or self._form(application)
            recent = list(
                MerchantImport.objects.visible_to(self.actor)
                .filter(application=application)
                .order_by("-created_at", "-id")[:_RECENT]
            )
        return self.show(
            {
                **self.frame(application, "Import merchants"),
                "form": form,
                "key": ids.public_id(MerchantImport.PREFIX, ids.new_id()),
                "columns": explained(),
                "most": MOST_ROWS,
                "recent": [{"row": row, "url": page_of(row)} for row in recent],
                "cancel_url": reverse("onboarding:application-identities", args=[pk]),
            }
        )

    def _form(self, application: Application, *data: Any) -> ImportForm:
        found = Processor.objects.visible_to(self.actor).filter(application=application, enabled=True)
        names = found.exclude(processor=RECEIVES_ONLY).order_by("created_at", "id")
        return ImportForm(*data, processors=list(names.values_list("processor", flat=True)))


class ImportTemplate(ApplicationPage):
    """The header of a file of merchants, to be filled in; with `?example` a merchant below it."""

    permission = Permission.MANAGE_IDENTITIES
    tab = "IDENTITIES"

    def get(self, request: HttpRequest, pk: str) -> HttpResponse:
        with transaction(by=self.actor):
            self.application(pk)
        if "example" in request.GET:
            return download(example(), "merchants-example.csv")
        return download(template(), "merchants.csv")


@csrf_protect
def _checked_dispatch(request: HttpRequest, dispatch: Any, *args: Any, **kwargs: Any) -> HttpResponseBase:
    response: HttpResponseBase = dispatch(request, *args, **kwargs)
    return response
