"""Pages of exports: one's own, one that is being written, its file; and reports, which are exports by days."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

import django_filters
from django.contrib import messages
from django.db import OperationalError
from django.db.models import QuerySet
from django.http import (
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    HttpResponseRedirect,
    QueryDict,
    StreamingHttpResponse,
)
from django.urls import path, reverse
from django.utils import timezone

from api.filters import MomentFilter, ValueFilter
from exports import services
from exports.files import CONTENT_TYPES
from exports.listings import Listing
from exports.listings import find as find_listing
from exports.models import Export
from exports.registrations import label_of
from exports.reports import Report, reports_for
from portal.design.states import badge
from portal.design.values import moment, money
from portal.views import ListPage, Page
from resources.errors import DomainError, NotVisible
from resources.lookup import find
from resources.timeouts import took_too_long
from tenancy.actors import Actor
from tenancy.roles import Permission
from tenancy.transactions import transaction

_SOON = timedelta(minutes=2)


class ExportFilter(django_filters.FilterSet):
    state = ValueFilter(values=Export.State.values, label="State")
    format = ValueFilter(values=Export.Format.values, label="Format")
    created_at__gte = MomentFilter(field_name="created_at", lookup_expr="gte", label="Asked for from")
    created_at__lte = MomentFilter(field_name="created_at", lookup_expr="lte", end_of_day=True, label="Asked for until")


class ExportList(ListPage):
    """What one has taken, or is waiting for."""

    permission = Permission.CREATE_EXPORTS
    section = "exports"
    template_name = "exports/export_list.html"
    filter_class = ExportFilter
    noun = ("export", "exports")
    columns: ClassVar = [
        {"label": "Export"},
        {"label": "State"},
        {"label": "Filters", "css": "cell-long"},
        {"label": "Rows", "css": "end shrink cell-labelled"},
        {"label": "Asked for", "css": "shrink"},
    ]

    def visible(self) -> QuerySet[Export]:
        return Export.objects.visible_to(self.actor)

    def row(self, resource: Export) -> Mapping[str, Any]:
        return {
            "url": page_of(resource),
            "cells": [
                label_of(resource),
                badge(resource.state, label=resource.get_state_display()),
                ", ".join(f"{label}: {value}" for label, value in filters_in_words(resource, self.actor)),
                f"{resource.rows:,}",
                moment(resource.created_at),
            ],
        }


class StartExport(Page):
    """A list as a file: sent at once where it is short, else written in the background."""

    permission = Permission.CREATE_EXPORTS
    section = "exports"

    def post(self, request: HttpRequest) -> HttpResponseBase:
        listing = find_listing(request.POST.get("listing", ""))
        form = request.POST.get("format", "")
        if listing is None or form not in Export.Format.values:
            raise NotVisible("This list")
        query = listing.filters_of(QueryDict(request.POST.get("query", "")), self.actor)
        try:
            made = services.begin_export(listing=listing, query=query, form=form, by=self.actor, at=timezone.now())
        except DomainError as error:
            if error.status == 403:
                raise
            messages.warning(request, str(error))
            return HttpResponseRedirect(reverse("exports:exports"))
        if made.state == Export.State.SENT:
            return as_download(made, services.file_at_once(made, by=self.actor))
        return HttpResponseRedirect(page_of(made))


class ExportPage(Page):
    """One export: how far it is, and its file. A POST cancels it."""

    permission = Permission.CREATE_EXPORTS
    section = "exports"
    template_name = "exports/export_detail.html"

    def get(self, request: HttpRequest, pk: str) -> HttpResponse:
        with transaction(by=self.actor):
            found: Export = find(Export.objects.visible_to(self.actor), pk)
        mark = f"{found.state}-{found.chunks}"
        if request.headers.get("HX-Request") == "true" and request.GET.get("mark") == mark:
            return HttpResponse(status=204)
        is_young = timezone.now() - found.created_at < _SOON
        asked_again = {"url": f"{request.path}?mark={mark}", "seconds": 2 if is_young else 10}
        return self.show(
            {
                "export": found,
                "label": label_of(found),
                "facts": _facts(found),
                "filters": filters_in_words(found, self.actor),
                "following": asked_again if found.is_open else None,
                "page_url": page_of(found),
                "file_url": reverse("exports:file", args=[found.public_id]),
                "breadcrumbs": [("Exports", reverse("exports:exports")), (label_of(found), "")],
            }
        )

    def post(self, request: HttpRequest, pk: str) -> HttpResponse:
        with transaction(by=self.actor):
            found: Export = find(Export.objects.visible_to(self.actor), pk)
        try:
            services.cancel_export(export=found, by=self.actor, at=timezone.now())
        except services.ExportNotOpen as error:
            messages.warning(request, str(error))
        else:
            messages.success(request, "The export was canceled. Nothing of it is kept.")
        return HttpResponseRedirect(page_of(found))


class ExportFile(Page):
    """The file of an export that is done."""

    permission = Permission.CREATE_EXPORTS
    section = "exports"

    def get(self, request: HttpRequest, pk: str) -> HttpResponseBase:
        with transaction(by=self.actor):
            found: Export = find(Export.objects.visible_to(self.actor), pk)
        try:
            pieces = services.open_file(found, by=self.actor, at=timezone.now())
        except DomainError as error:
            messages.warning(request, str(error))
            return HttpResponseRedirect(page_of(found))
        response = as_download(found, pieces)
        response["Content-Length"] = str(found.size)
        return response


class Reports(Page):
    """What happened from one day to another: totals to look at, and the rows as a file."""

    permission = Permission.CREATE_EXPORTS
    section = "reports"
    template_name = "exports/reports.html"

    def get(self, request: HttpRequest) -> HttpResponse:
        kinds = reports_for(self.actor)
        chosen = next(
            (kind for kind in kinds if kind.listing.name == request.GET.get("report")), kinds[0] if kinds else None
        )
        if chosen is None:
            return self.show({"kinds": []})
        given = request.GET if "start_date" in request.GET else _this_month()
        form = chosen.listing.form(given, self.actor)
        totals, is_too_long = None, False
        if form.is_valid():
            try:
                totals = self._totals(chosen, given)
            except OperationalError as error:
                if not took_too_long(error):
                    raise
                is_too_long = True  # more rows than can be added up while somebody waits
        query = chosen.listing.filters_of(given, self.actor)
        return self.show(
            {
                "kinds": [_tab(kind, chosen, query) for kind in kinds],
                "report": chosen,
                "form": form,
                "totals": totals,
                "is_too_long": is_too_long,
                "headings": [label for label, *_ in chosen.groups],
                "export": menu_for(chosen.listing, given, self.actor) if form.is_valid() else None,
            }
        )

    def _totals(self, report: Report, given: QueryDict) -> list[dict[str, Any]]:
        with transaction(by=self.actor, plans_anew=True):
            found = report.totals(report.listing.narrowed(given.urlencode(), self.actor))
        return [
            {
                "cells": [shown(row[name]) for _, name, shown in report.groups],
                "count": f"{row['total_count']:,}",
                "amount": money(row["total_amount"], row[report.currency]),
            }
            for row in found
        ]


def menu_for(listing: Listing | None, given: QueryDict, actor: Actor) -> dict[str, str] | None:
    """What `exports/_menu.html` needs: which list, narrowed by what. None where it cannot be taken."""
    if listing is None or not listing.may_be_taken_by(actor):
        return None
    return {"listing": listing.name, "query": listing.filters_of(given, actor)}


def page_of(export: Export) -> str:
    return reverse("exports:export", args=[export.public_id])


def filters_in_words(export: Export, actor: Actor) -> list[tuple[str, str]]:
    """What narrowed the list, by the labels of its page."""
    listing = find_listing(export.listing)
    if listing is None:
        return []
    given = QueryDict(export.query)
    form = listing.form(given, actor)
    fields = ((form.add_prefix(name), field.label) for name, field in form.fields.items())
    return [(str(label), value) for name, label in fields for value in given.getlist(name)]


def as_download(export: Export, pieces: Any) -> StreamingHttpResponse:
    response = StreamingHttpResponse(pieces, content_type=CONTENT_TYPES[export.format])
    response["Content-Disposition"] = f'attachment; filename="{export.file_name}"'
    return response


def _facts(export: Export) -> list[tuple[str, Any]]:
    facts: list[tuple[str, Any]] = [
        ("Format", export.get_format_display()),
        ("Rows", f"{export.rows:,}"),
        ("Asked for", moment(export.created_at)),
        ("Finished", moment(export.finished_at)),
    ]
    if export.state == Export.State.DONE:
        facts += [("Size", f"{export.size / 1_000_000:,.1f} MB"), ("Kept until", moment(export.expires_at))]
    return facts


def _this_month() -> QueryDict:
    today = datetime.now(UTC).date()
    given = QueryDict(mutable=True)
    given["start_date"], given["end_date"] = today.replace(day=1).isoformat(), today.isoformat()
    return given


def _tab(kind: Report, chosen: Report, query: str) -> dict[str, Any]:
    return {
        "label": kind.listing.label,
        "url": f"?report={kind.listing.name}&{query}",
        "is_current": kind is chosen,
    }


app_name = "exports"
urlpatterns = [
    path("exports/", ExportList.as_view(), name="exports"),
    path("exports/new/", StartExport.as_view(), name="start"),
    path("exports/<str:pk>/", ExportPage.as_view(), name="export"),
    path("exports/<str:pk>/file/", ExportFile.as_view(), name="file"),
    path("reports/", Reports.as_view(), name="reports"),
]
