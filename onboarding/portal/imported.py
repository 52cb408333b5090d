"""An import of merchants: the preview with a result per row, its progress, and what came of it, to take away."""

import uuid
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db.models import Exists, OuterRef
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone

from exports.cells import neutral
from onboarding.categories import category_name
from onboarding.forms.identities import AmountField
from onboarding.forms.imports import as_csv
from onboarding.models import Identity, ImportedRow, Merchant, MerchantImport, PaymentInstrument, ReviewItem
from onboarding.portal.applications import application_frame
from onboarding.portal.following import following, mark_of, shows_already
from onboarding.services import imports
from portal.design.states import words
from portal.timeline import timeline_of
from portal.views import Page
from resources import ids
from resources.errors import DomainError
from resources.lookup import find
from tenancy.models import Application
from tenancy.roles import Permission
from tenancy.transactions import transaction


class ImportPage(Page):
    """One import: what each row would make, then what it made."""

    permission = Permission.MANAGE_IDENTITIES
    section = "applications"
    template_name = "onboarding/import_detail.html"

    def get(self, request: HttpRequest, pk: str) -> HttpResponse:
        with transaction(by=self.actor):
            found, rows = self._find(pk)
            merchants = self._merchants(found, rows)
            timeline = timeline_of(found, by=self.actor)
        counts = Counter(row.state for row in rows)
        is_running = found.state == MerchantImport.State.RUNNING
        mark = mark_of(found, *(row for row in rows if row.state != ImportedRow.State.READY))
        if shows_already(request, mark):
            return HttpResponse(status=204)
        application = found.application
        return self.show(
            {
                "import": found,
                "rows": [
                    _row(row, merchants.get(row.merchant_id), is_preview=found.state == MerchantImport.State.CHECKED)
                    for row in rows
                ],
                "has_faults": any(row.state in _WITH_FAULTS for row in rows),
                "total": len(rows),
                "figures": _figures(found, counts),
                "done": len(rows) - counts[ImportedRow.State.READY],
                "ready": counts[ImportedRow.State.READY],
                "timeline": timeline,
                "following": following(request, mark, found.updated_at) if is_running else None,
                "page_url": page_of(found),
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
        return HttpResponseRedirect(page_of(found))

    def _find(self, pk: str) -> tuple[MerchantImport, list[ImportedRow]]:
        imports.require_rights(self.actor)
        visible = MerchantImport.objects.visible_to(self.actor).select_related("application")
        found: MerchantImport = find(visible, pk)
        rows = ImportedRow.objects.visible_to(self.actor).filter(
            application_id=found.application_id, merchant_import=found
        )
        return found, list(rows.order_by("number"))

    def _merchants(self, found: MerchantImport, rows: Sequence[ImportedRow]) -> dict[uuid.UUID | None, Merchant]:
        """What the rows have made, as it is now, with `is_held` for those that wait for a person."""
        made = [row.merchant_id for row in rows if row.merchant_id]
        if not made:
            return {}
        waiting = ReviewItem.objects.filter(
            application=found.application_id,
            merchant=OuterRef("pk"),
            entity_type=ReviewItem.EntityType.MERCHANT,
            outcome__in=ReviewItem.Outcome.open(),
        )
        visible = Merchant.objects.visible_to(self.actor).filter(application_id=found.application_id, pk__in=made)
        return {merchant.pk: merchant for merchant in visible.annotate(is_held=Exists(waiting))}


class ImportResult(ImportPage):
    """The result per row as a file, without anything sensitive, and with no cell that is a formula.

    With `?faults` only what went wrong, fault by fault.
    """

    def get(self, request: HttpRequest, pk: str) -> HttpResponse:
        with transaction(by=self.actor):
            found, rows = self._find(pk)
            merchants = self._merchants(found, rows)
        if "faults" in request.GET:
            return _as_file(_FAULTS_HEADER, _faults(rows), f"{found.public_id}-faults.csv")
        told = (_result(row, merchants.get(row.merchant_id)) for row in rows)
        return _as_file(_RESULT_HEADER, told, f"{found.public_id}.csv")

    def post(self, request: HttpRequest, pk: str) -> HttpResponse:
        del request, pk
        return HttpResponse(status=405)


def page_of(row: MerchantImport) -> str:
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


_WITH_FAULTS = frozenset({ImportedRow.State.REFUSED, ImportedRow.State.PARTLY, ImportedRow.State.FAILED})
_RESULT_HEADER = (
    "line", "business_name", "email", "result", "identity", "payment_instrument", "merchant", "merchant_state",
    "messages",
)  # fmt: skip
_FAULTS_HEADER = ("line", "business_name", "email", "result", "column", "message")


def _as_file(header: Sequence[str], rows: Iterable[Sequence[str]], name: str) -> HttpResponse:
    return download(as_csv(header, *([neutral(cell) for cell in row] for row in rows)), name)


def _told_by(row: ImportedRow) -> list[str]:
    return [str(row.number), row.answers.get("business_name", ""), row.answers.get("email", ""), row.state]


def _result(row: ImportedRow, merchant: Merchant | None) -> list[str]:
    made = [public for public, _ in _made(row).values()]
    standing = _standing(merchant).label if merchant else ""
    return [*_told_by(row), *made, standing, " ".join(_in_words(message) for message in row.messages)]


def _faults(rows: Iterable[ImportedRow]) -> Iterator[list[str]]:
    for row in rows:
        if row.state in _WITH_FAULTS:
            for message in row.messages:
                yield [*_told_by(row), message.get("field", ""), message["message"]]


@dataclass(frozen=True)
class _Standing:
    state: str
    label: str


def _standing(merchant: Any) -> _Standing:
    """Where the processor's word on a merchant stands now; `is_held` is annotated."""
    state = merchant.onboarding_state
    if state == Merchant.OnboardingState.PROVISIONING:
        waits = _Standing("AWAITING_REVIEW", "Waits for review")
        return waits if merchant.is_held else _Standing(state, "Being checked")
    return _Standing(state, merchant.get_onboarding_state_display())


def _read_as(row: ImportedRow) -> list[str]:
    """What the cells were taken for, beyond the name, of a row that waits to be imported. Nothing sensitive."""
    told = row.answers
    person = " ".join(told.get(name, "") for name in ("first_name", "last_name"))
    home = ", ".join(told.get(f"business_address.{part}", "") for part in ("city", "region", "country"))
    code = told.get("mcc", "")
    principal = f"{person}, {told.get('title', '')}, {told.get('principal_percentage_ownership', '')} %"
    pays_out = "No bank account"
    if kind := told.get("account_type"):
        pays_out = f"{words(kind.replace(' ', '_').upper())} at {told.get('bank_code', '')}"
    return [
        f"{home} · {code} {category_name(code) or ''}".strip(),
        principal,
        f"{_amount(told, 'annual_card_volume')} a year, {_amount(told, 'max_transaction_amount')} at most",
        pays_out,
    ]


def _amount(told: Mapping[str, str], name: str) -> str:
    try:
        cents = AmountField().clean(told.get(name, ""))
    except ValidationError:  # the rules have changed since it was read
        return told[name]
    return f"{Decimal(cents or 0) / 100:,.2f} USD"


def _row(row: ImportedRow, merchant: Merchant | None, *, is_preview: bool) -> dict[str, Any]:
    standing = _standing(merchant) if merchant and row.state == ImportedRow.State.DONE else None
    name = row.answers.get("doing_business_as") or row.answers.get("business_name")
    made = _made(row)
    identity = made["identity"][1] if row.state in {ImportedRow.State.DONE, ImportedRow.State.PARTLY} else ""
    return {
        "number": row.number,
        "name": name or "No name",
        "url": identity,
        "email": row.answers.get("email"),
        "state": standing.state if standing else row.state,
        "label": standing.label if standing else row.get_state_display(),
        "read_as": _read_as(row) if is_preview and row.state == ImportedRow.State.READY else [],
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


def download(text: str, name: str) -> HttpResponse:
    response = HttpResponse(text, content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response
