"""Import of merchants from a file: upload, preview with a result per row, progress, and the results to take away."""

import csv
import io
import uuid
from collections import Counter
from collections.abc import Mapping
from typing import Any

from django.contrib import messages
from django.core.exceptions import RequestDataTooBig
from django.core.files.uploadhandler import MemoryFileUploadHandler
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.views.decorators.csrf import csrf_exempt, csrf_protect

from onboarding.forms.imports import (
    LARGEST_BYTES,
    MOST_ROWS,
    ImportForm,
    UnreadableFile,
    judge,
    needed_columns,
    neutral,
    read,
    template,
)
from onboarding.models import Identity, ImportedRow, Merchant, MerchantImport, PaymentInstrument
from onboarding.portal.applications import ApplicationPage, application_frame
from onboarding.portal.following import following, mark_of
from onboarding.services import imports
from portal.timeline import timeline_of
from portal.views import Page
from resources import ids
from resources.errors import DomainError
from resources.lookup import find
from tenancy.models import Application, Processor
from tenancy.roles import Permission
from tenancy.transactions import transaction

_RECENT = 10
_LONGEST_REQUEST = 10 * LARGEST_BYTES
_UNDERWRITES_NOBODY = Processor.Name.VISA_V1


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
        return HttpResponseRedirect(_page_of(made))

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
                "needed": needed_columns(),
                "most": MOST_ROWS,
                "recent": [{"row": row, "url": _page_of(row)} for row in recent],
                "cancel_url": reverse("onboarding:application-identities", args=[pk]),
            }
        )

    def _form(self, application: Application, *data: Any) -> ImportForm:
        found = Processor.objects.visible_to(self.actor).filter(application=application, enabled=True)
        names = found.exclude(processor=_UNDERWRITES_NOBODY).order_by("created_at", "id")
        return ImportForm(*data, processors=list(names.values_list("processor", flat=True)))


class ImportTemplate(ApplicationPage):
    """The header of a file of merchants, to be filled in."""

    permission = Permission.MANAGE_IDENTITIES
    tab = "IDENTITIES"

    def get(self, request: HttpRequest, pk: str) -> HttpResponse:
        del request
        with transaction(by=self.actor):
            self.application(pk)
        return _download(template(), "merchants.csv")


class ImportPage(Page):
    """One import: what each row would make, then what it made."""

    permission = Permission.MANAGE_IDENTITIES
    section = "applications"
    template_name = "onboarding/import_detail.html"

    def get(self, request: HttpRequest, pk: str) -> HttpResponse:
        with transaction(by=self.actor):
            found, rows = self._find(pk)
            timeline = timeline_of(found, by=self.actor)
        counts = Counter(row.state for row in rows)
        is_running = found.state == MerchantImport.State.RUNNING
        mark = mark_of(found, *(row for row in rows if row.state != ImportedRow.State.READY))
        if request.headers.get("HX-Request") == "true" and request.GET.get("mark") == mark:
            return HttpResponse(status=204)
        application = found.application
        return self.show(
            {
                "import": found,
                "rows": [_row(row) for row in rows],
                "total": len(rows),
                "figures": _figures(found, counts),
                "done": len(rows) - counts[ImportedRow.State.READY],
                "ready": counts[ImportedRow.State.READY],
                "timeline": timeline,
                "following": following(request, mark, found.updated_at) if is_running else None,
                "page_url": _page_of(found),
                "upload_url": reverse("onboarding:import-merchants", args=[application.public_id]),
                "result_url": reverse("onboarding:merchant-import-result", args=[found.public_id]),
                "confirms_withdraw": request.GET.get("confirm") == "withdraw",
                **_frame(self.actor, application, found.file_name),
            }
        )

    def post(self, request: HttpRequest, pk: str) -> HttpResponse:
        with transaction(by=self.actor):
            found, _ = self._find(pk)
        act = imports.withdraw_import if request.POST.get("act") == "withdraw" else imports.confirm_import
        try:
            act(merchant_import=found, by=self.actor, at=timezone.now())
        except DomainError as error:
            if error.status == 403:
                raise
            messages.warning(request, str(error))
        return HttpResponseRedirect(_page_of(found))

    def _find(self, pk: str) -> tuple[MerchantImport, list[ImportedRow]]:
        imports.require_rights(self.actor)
        visible = MerchantImport.objects.visible_to(self.actor).select_related("application")
        found: MerchantImport = find(visible, pk)
        rows = ImportedRow.objects.visible_to(self.actor).filter(
            application_id=found.application_id, merchant_import=found
        )
        return found, list(rows.order_by("number"))


class ImportResult(ImportPage):
    """The result per row as a file, without anything sensitive, and with no cell that is a formula."""

    def get(self, request: HttpRequest, pk: str) -> HttpResponse:
        del request
        with transaction(by=self.actor):
            found, rows = self._find(pk)
        out = io.StringIO()
        writer = csv.writer(out)
        writer.writerow(
            ["line", "business_name", "email", "result", "identity", "payment_instrument", "merchant", "messages"]
        )
        for row in rows:
            told = [
                str(row.number),
                row.answers.get("business_name", ""),
                row.answers.get("email", ""),
                row.state,
                *(public or "" for public, _ in _made(row).values()),
                " ".join(_in_words(message) for message in row.messages),
            ]
            writer.writerow([neutral(cell) for cell in told])
        return _download(out.getvalue(), f"{found.public_id}.csv")

    def post(self, request: HttpRequest, pk: str) -> HttpResponse:
        del request, pk
        return HttpResponse(status=405)


@csrf_protect
def _checked_dispatch(request: HttpRequest, dispatch: Any, *args: Any, **kwargs: Any) -> HttpResponseBase:
    response: HttpResponseBase = dispatch(request, *args, **kwargs)
    return response


def _page_of(row: MerchantImport) -> str:
    return reverse("onboarding:merchant-import", args=[row.public_id])


def _frame(actor: Any, application: Application, here: str) -> dict[str, Any]:
    return application_frame(actor, application, "IDENTITIES", "Import merchants", here)


def _figures(found: MerchantImport, counts: Mapping[str, int]) -> list[tuple[str, int]]:
    """How many rows stand where, in words of what happens next."""
    if found.state == MerchantImport.State.CHECKED:
        shown = [("Ready", "READY"), ("Cannot be imported", "REFUSED")]
    else:
        shown = [
            ("Imported", "DONE"),
            ("In part", "PARTLY"),
            ("Failed", "FAILED"),
            ("Waiting", "READY"),
            ("Left out", "REFUSED"),
        ]
    return [(label, counts.get(state, 0)) for label, state in shown]


def _row(row: ImportedRow) -> dict[str, Any]:
    name = row.answers.get("doing_business_as") or row.answers.get("business_name")
    made = _made(row)
    identity = made["identity"][1] if row.state in {ImportedRow.State.DONE, ImportedRow.State.PARTLY} else ""
    return {
        "number": row.number,
        "name": name or "No name",
        "url": identity,
        "email": row.answers.get("email"),
        "state": row.state,
        "label": row.get_state_display(),
        "messages": [_in_words(message) for message in row.messages],
        "links": [
            {"label": label, "url": url}
            for label, (public, url) in zip(("Identity", "Bank account", "Merchant"), made.values(), strict=True)
            if public
        ],
    }


def _made(row: ImportedRow) -> dict[str, tuple[str, str]]:
    """What a row has made: public id and page of each, empty where it has not."""
    is_there = row.state in {ImportedRow.State.DONE, ImportedRow.State.PARTLY}
    found: dict[str, tuple[type[Any], uuid.UUID | None, str]] = {
        "identity": (Identity, row.identity_id if is_there else None, "identity"),
        "payment_instrument": (PaymentInstrument, row.instrument_id, "payment-instrument"),
        "merchant": (Merchant, row.merchant_id, "merchant"),
    }
    return {
        name: (
            (ids.public_id(model.PREFIX, key), reverse(f"onboarding:{page}", args=[ids.public_id(model.PREFIX, key)]))
            if key
            else ("", "")
        )
        for name, (model, key, page) in found.items()
    }


def _in_words(message: Mapping[str, str]) -> str:
    return f"{message['field']}: {message['message']}" if message.get("field") else message["message"]


def _download(text: str, name: str) -> HttpResponse:
    response = HttpResponse(text, content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response
