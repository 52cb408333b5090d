"""Pages of statements: of a settlement, and of a merchant from one day to another; each as CSV and PDF as well."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, timedelta
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect, StreamingHttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.http import urlencode

from events.services import record_audit
from onboarding.models import Merchant
from onboarding.portal.facts import code
from payments.forms.statements import StatementPeriod, WantedMerchant, of_month
from payments.models import Settlement
from payments.portal.settlement_facts import page_of as page_of_settlement
from payments.portal.statement_files import (
    csv_of,
    other_settlement_id,
    pdf_of,
    period_of,
    settlement_id,
    sums_of,
    told_totals,
    transfer_id,
)
from payments.services.statements import DEPOSIT, DEPOSIT_RETURNED, Line, Scope, Statement
from portal.design.values import moment, money
from portal.views import Page
from resources.errors import DomainError, NotVisible
from resources.lookup import find
from tenancy.actors import Actor
from tenancy.roles import Permission
from tenancy.transactions import transaction

SECTION = "statements"
SHOWN = 500
_MERCHANTS = 200
_MONTHS = 12
_LETTERS = 6
_DEPOSITS = (DEPOSIT, DEPOSIT_RETURNED)


class Statements(Page):
    """Of whom there are statements: the way to that of one merchant and month."""

    permission = Permission.VIEW_SETTLEMENTS
    section = SECTION
    template_name = "payments/statements.html"

    def get(self, request: HttpRequest) -> HttpResponse:
        asked = request.GET.get("merchant", "").strip()
        with transaction(by=self.actor, plans_anew=True):
            visible = Merchant.objects.visible_to(self.actor)
            found = _named(visible, asked) if asked else None
            newest = list(visible.select_related("identity", "application").order_by("-created_at", "-id")[:_MERCHANTS])
        if found is not None:
            return HttpResponseRedirect(_address(found))
        if len(newest) == 1:
            return HttpResponseRedirect(_address(newest[0]))
        return self.show(
            {
                "form": WantedMerchant(request.GET if asked else None),
                "merchants": [
                    {
                        "url": _address(merchant),
                        "cells": [merchant.display_name, merchant.processor, merchant.application.name],
                    }
                    for merchant in newest
                ],
                "columns": [{"label": "Merchant"}, {"label": "Processor"}, {"label": "Application"}],
                "has_more": len(newest) == _MERCHANTS,
            }
        )


class _StatementPage(Page):
    """What pages and files of statements have in common."""

    permission = Permission.VIEW_SETTLEMENTS
    section = SECTION
    template_name = "payments/statement.html"

    def page(self, statement: Statement, links: Mapping[str, str], **context: Any) -> HttpResponse:
        """The first lines, and totals of all."""
        shown = [_row(line, balance) for line, balance in statement.first_lines(SHOWN)]
        totals = told_totals(statement)
        rest = sum(one.count for one in totals) - len(shown)
        return self.show(
            {
                "statement": statement,
                "period": period_of(statement),
                "columns": _COLUMNS,
                "rows": shown,
                "rest": f"{rest:,}" if rest else "",
                "totals": [
                    {
                        "currency": one.currency,
                        "facts": [(label, money(amount, one.currency)) for label, amount in sums_of(one)],
                    }
                    for one in totals
                ],
                **links,
                **context,
            }
        )

    def file(self, statement: Statement, kind: str, name: str, back: str) -> HttpResponseBase:
        """It is told in the audit history who took it, as of every file."""
        paper = "letter" if self.request.GET.get("paper") == "letter" else "a4"
        try:
            pdf = pdf_of(statement, paper) if kind == "pdf" else b""
        except DomainError as error:
            messages.warning(self.request, str(error))
            return HttpResponseRedirect(back)
        _note(statement, kind, self.actor)
        answer: HttpResponseBase = (
            HttpResponse(pdf, content_type="application/pdf")
            if kind == "pdf"
            else StreamingHttpResponse(csv_of(statement), content_type="text/csv; charset=utf-8")
        )
        answer["Content-Disposition"] = f'attachment; filename="{name}.{kind}"'
        return answer


class SettlementStatement(_StatementPage):
    """What made up one settlement, to the cent."""

    def get(self, request: HttpRequest, pk: str, kind: str = "") -> HttpResponseBase:
        with transaction(by=self.actor):
            joined = Settlement.objects.visible_to(self.actor).select_related(
                "merchant__application", "merchant__identity"
            )
            settlement: Settlement = find(joined, pk)
        if settlement.status == Settlement.Status.CANCELLED:
            messages.info(request, "A settlement that was rejected has no statement: nothing in it was paid.")
            return HttpResponseRedirect(page_of_settlement(settlement))
        statement = Statement(Scope(settlement.merchant, settlement=settlement), self.actor)
        here = reverse("payments:settlement-statement", args=[settlement.public_id])
        if kind:
            return self.file(statement, kind, f"statement-{settlement.public_id}", here)
        return self.page(
            statement,
            _files(here, {}),
            settlement=settlement,
            is_accruing=settlement.status == Settlement.Status.PENDING,
            breadcrumbs=[
                ("Settlements", reverse("payments:settlements")),
                (settlement.public_id, page_of_settlement(settlement)),
                ("Statement", ""),
            ],
        )


class MerchantStatement(_StatementPage):
    """What a merchant was owed and paid from one day to another."""

    def get(self, request: HttpRequest, pk: str, kind: str = "") -> HttpResponseBase:
        with transaction(by=self.actor):
            joined = Merchant.objects.visible_to(self.actor).select_related("application", "identity")
            merchant: Merchant = find(joined, pk)
        today = merchant.application.business_time(timezone.now()).astimezone(UTC).date()
        is_asked = any(request.GET.get(name) for name in ("month", "start_date", "end_date"))
        form = StatementPeriod(request.GET if is_asked else of_month(today))
        here = _address(merchant)
        context = {
            "form": form,
            "months": _months(today),
            "breadcrumbs": [("Statements", reverse("payments:statements")), (merchant.display_name, "")],
        }
        if not form.is_valid():
            if kind:
                return HttpResponseRedirect(f"{here}?{request.GET.urlencode()}")
            return self.show({**context, "statement": {"scope": {"merchant": merchant}}})
        first, last = form.cleaned_data["start_date"], form.cleaned_data["end_date"]
        statement = Statement(Scope(merchant, first=first, last=last), self.actor)
        query = {"start_date": first.isoformat(), "end_date": last.isoformat()}
        if kind:
            name = f"statement-{merchant.public_id}-{first}-{last}"
            return self.file(statement, kind, name, f"{here}?{urlencode(query)}")
        context["form"] = StatementPeriod(query)
        return self.page(statement, _files(here, query), is_accruing=last >= today, **context)


def _named(visible: Any, asked: str) -> Merchant | None:
    try:
        found: Merchant = find(visible, asked)
    except NotVisible:
        return None
    return found


def _address(merchant: Merchant) -> str:
    return reverse("payments:merchant-statement", args=[merchant.public_id])


def _files(here: str, query: Mapping[str, str]) -> dict[str, str]:
    return {
        "csv_url": f"{here}csv/?{urlencode(query)}",
        "pdf_url": f"{here}pdf/?{urlencode(query)}",
        "letter_url": f"{here}pdf/?{urlencode({**query, 'paper': 'letter'})}",
    }


def _months(today: date) -> Sequence[tuple[str, str]]:
    """The last months, this one first: how each is called, and its query."""
    found, first = [], today.replace(day=1)
    for _ in range(_MONTHS):
        found.append((f"{first:%b %Y}", f"?{urlencode(of_month(first))}"))
        first = (first - timedelta(days=1)).replace(day=1)
    return found


def _row(line: Line, balance: int) -> dict[str, Any]:
    return {
        "cells": [
            moment(line.at),
            _what(line),
            _settlement(line),
            money(line.amount, line.currency),
            money(-line.fee, line.currency) if line.fee else None,
            money(line.net, line.currency),
            money(balance, line.currency),
        ]
    }


def _what(line: Line) -> object:
    """What it is, and below it the transfer, or the settlement at the other end, which leads to its page."""
    name, page = transfer_id(line), "payments:deposit" if line.kind in _DEPOSITS else "payments:transfer"
    if not name:
        name, page = other_settlement_id(line), "payments:settlement"
    if not name:
        return line.kind
    return format_html('{} <small><a href="{}">{}</a></small>', line.kind, reverse(page, args=[name]), code(name))


def _settlement(line: Line) -> object:
    """By its last letters, since the whole id would take the place of the figures; files tell it whole."""
    name = settlement_id(line)
    if not name:
        return None
    return format_html(
        '<a href="{}" title="{}">{}</a>',
        reverse("payments:settlement", args=[name]),
        name,
        code(f"\N{HORIZONTAL ELLIPSIS}{name[-_LETTERS:]}"),
    )


def _note(statement: Statement, kind: str, by: Actor) -> None:
    scope = statement.scope
    subject: Any = scope.settlement or scope.merchant
    with transaction(by=by):
        record_audit(
            "download_statement",
            application_id=scope.merchant.application_id,
            by=by.signature,
            at=timezone.now(),
            reason=f"{kind.upper()}, {period_of(statement)}",
            resource=subject.handle,
        )


_COLUMNS = (
    {"label": "Date", "css": "shrink"},
    {"label": "What"},
    {"label": "Settlement", "css": "shrink cell-wide"},
    {"label": "Amount", "css": "end shrink cell-labelled"},
    {"label": "Fee", "css": "end shrink cell-labelled"},
    {"label": "Net", "css": "end shrink cell-labelled"},
    {"label": "Balance", "css": "end shrink cell-labelled"},
)
