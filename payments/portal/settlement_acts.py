"""What is done about one settlement: closing it, taking transfers out, and its tags."""

import uuid
from collections.abc import Sequence
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils import timezone

from onboarding.portal.once import FIELD, new_key, once, renew_after
from onboarding.switches import settlements_off
from payments import services
from payments.forms.settlements import TagsForm, refuse
from payments.models import Settlement, SettlementEntry, Transfer
from payments.portal.reviewed import ConfirmedAct
from payments.portal.settlement_facts import entry_rows, page_of
from payments.portal.settlements import SECTION, find_settlement, settlement_trail
from portal.design.values import money
from portal.views import Page, counted_words
from resources import ids
from resources.errors import DomainError
from tenancy.actors import Actor
from tenancy.roles import Permission
from tenancy.transactions import transaction

MOST_REMOVED = 100
_GONE = "Not all of them are in the settlement any more. Nothing was removed; look again at those that are."


class CloseSettlement(ConfirmedAct):
    """What is in it now is what will be paid; what becomes ready later goes with the next."""

    permission = Permission.FUND_SETTLEMENTS
    section = SECTION

    def get(self, request: HttpRequest, pk: str) -> HttpResponse:
        del request
        return self._show(_read(pk, self.actor))

    def post(self, request: HttpRequest, pk: str) -> HttpResponse:
        settlement = _read(pk, self.actor)
        try:
            closed = once(
                "portal close settlement",
                key=request.POST.get(FIELD, ""),
                told=[settlement.public_id],
                do=lambda: services.close_settlement(settlement=settlement, by=self.actor, at=timezone.now()),
                made=_made(self.actor),
                by=self.actor,
            )
        except DomainError as error:
            return self._show(_read(pk, self.actor), refusal=error)
        messages.success(request, f"The settlement of {_whose(settlement)} is closed and waits for a decision.")
        return HttpResponseRedirect(page_of(closed))

    def _show(self, settlement: Settlement, refusal: DomainError | None = None) -> HttpResponse:
        is_accruing = settlement.status == Settlement.Status.PENDING
        obstacle = "" if is_accruing else str(services.NotAccruing(settlement))
        if is_accruing and (off := settlements_off(settlement.merchant)):
            obstacle = off.text
        currency = settlement.currency
        return self.confirm(
            {
                "heading": "Close the settlement now?" if is_accruing else "Close",
                "lead": f"Of {_whose(settlement)}. What becomes ready from now on goes with the next.",
                "obstacle": obstacle,
                "obstacle_title": "Nothing can be closed",
                "card_title": "Closed now",
                "facts": [
                    ("Entries", f"{settlement.entry_count:,}"),
                    ("Before fees", money(settlement.total_amount, currency)),
                    ("Fees", money(-settlement.total_fee, currency)),
                    ("Net", money(settlement.net_amount, currency)),
                ],
                "warning": "It cannot be opened again. Nothing is paid before a person has approved it.",
                "verb": "Close now",
                "page_url": page_of(settlement),
                "page_label": "The settlement",
                "breadcrumbs": settlement_trail(settlement, "Close"),
            },
            refusal=refusal,
        )


class RemoveTransfers(ConfirmedAct):
    """Chosen transfers leave a settlement that nobody has decided on; they go with the next."""

    permission = Permission.MANAGE_SETTLEMENTS
    section = SECTION
    template_name = "payments/settlement_remove.html"

    def get(self, request: HttpRequest, pk: str) -> HttpResponse:
        return self._show(_read(pk, self.actor), request.GET.getlist("selected"))

    def post(self, request: HttpRequest, pk: str) -> HttpResponse:
        settlement = _read(pk, self.actor)
        told = request.POST.getlist("selected")
        chosen = self._chosen(settlement, told)
        keys = _keys_of(told)
        if not keys or len(told) > MOST_REMOVED:
            return self._show(settlement, told)
        try:
            once(
                "portal remove from settlement",
                key=request.POST.get(FIELD, ""),
                told=[settlement.public_id, sorted(map(str, keys))],
                do=lambda: services.remove_transfers(
                    settlement=settlement, transfer_ids=keys, by=self.actor, at=timezone.now()
                ),
                made=_made(self.actor),
                by=self.actor,
            )
        except services.NotInSettlement:
            return self._show(_read(pk, self.actor), told, refusal=DomainError(_GONE))
        except DomainError as error:
            return self._show(_read(pk, self.actor), told, refusal=error)
        them = counted_words(len(chosen) or len(keys), "transfer was", "transfers were")
        messages.success(request, f"{them} taken out, and can go with the next settlement.")
        return HttpResponseRedirect(page_of(settlement))

    def _chosen(self, settlement: Settlement, told: Sequence[str]) -> list[SettlementEntry]:
        with transaction(by=self.actor):
            entries = SettlementEntry.objects.visible_to(self.actor).held()
            found = entries.filter(
                application_id=settlement.application_id, settlement=settlement, transfer_id__in=_keys_of(told)
            )
            told_of = found.prefetch_related("transfer", "carried_from")
            return list(told_of.order_by("-occurred_at", "-id")[:MOST_REMOVED])

    def _show(
        self,
        settlement: Settlement,
        told: Sequence[str],
        refusal: DomainError | None = None,
    ) -> HttpResponse:
        chosen = self._chosen(settlement, told)
        currency = settlement.currency
        amount, fee = sum(entry.amount for entry in chosen), sum(entry.fee for entry in chosen)
        obstacle = "" if settlement.is_open else str(services.NotOpen(settlement))
        if not obstacle and len(told) > MOST_REMOVED:
            obstacle = f"At most {MOST_REMOVED} transfers are taken out at once. Tick fewer."
        if not obstacle and not chosen:
            obstacle = "Tick the box of one or more transfers, then press Remove selected transfers."
        them = counted_words(len(chosen), "transfer", "transfers")
        return self.confirm(
            {
                "heading": "Remove transfers" if obstacle else f"Remove {them}?",
                "lead": f"From the settlement of {_whose(settlement)}. They can go with the next one.",
                "obstacle": obstacle,
                "obstacle_title": "Nothing can be removed",
                "card_title": "What changes",
                "facts": [
                    ("Net now", money(settlement.net_amount, currency)),
                    ("Taken out", money(amount - fee, currency)),
                    ("Net afterwards", money(settlement.net_amount - amount + fee, currency)),
                ],
                "warning": "A transfer that is ready is taken up again by the next settlement that accrues.",
                "verb": f"Remove {them}",
                "columns": ({"label": "What"}, *_REMOVED_COLUMNS),
                "rows": entry_rows(chosen, settlement),
                "page_url": page_of(settlement),
                "page_label": "The settlement",
                "breadcrumbs": settlement_trail(settlement, "Remove transfers"),
            },
            refusal=refusal,
        )


class EditSettlement(Page):
    """Its tags, which say what it is in other books."""

    permission = Permission.MANAGE_SETTLEMENTS
    section = SECTION
    template_name = "payments/settlement_form.html"

    def get(self, request: HttpRequest, pk: str) -> HttpResponse:
        del request
        settlement = _read(pk, self.actor)
        return self._show(settlement, TagsForm.of(settlement, key=new_key()))

    def post(self, request: HttpRequest, pk: str) -> HttpResponse:
        settlement = _read(pk, self.actor)
        form = TagsForm(request.POST)
        if not form.is_valid():
            return self._show(settlement, form)
        try:
            once(
                "portal edit settlement",
                key=form.cleaned_data["key"],
                told=[settlement.public_id, form.cleaned_data["tags"]],
                do=lambda: services.update_settlement(
                    settlement=settlement, tags=form.cleaned_data["tags"], by=self.actor, at=timezone.now()
                ),
                made=_made(self.actor),
                by=self.actor,
            )
        except DomainError as error:
            renew_after(form, error)
            refuse(form, error, {"tags": "tags"})
            return self._show(settlement, form)
        messages.success(request, "The tags were saved.")
        return HttpResponseRedirect(page_of(settlement))

    def _show(self, settlement: Settlement, form: TagsForm) -> HttpResponse:
        return self.show(
            {
                "form": form,
                "whose": _whose(settlement),
                "cancel_url": page_of(settlement),
                "breadcrumbs": settlement_trail(settlement, "Tags"),
            }
        )


def _read(pk: str, by: Actor) -> Settlement:
    with transaction(by=by):
        return find_settlement(pk, by)


def _made(by: Actor) -> Any:
    def found(key: uuid.UUID) -> Settlement | None:
        return Settlement.objects.visible_to(by).filter(pk=key).first()

    return found


def _whose(settlement: Settlement) -> str:
    return settlement.merchant.display_name


def _keys_of(told: Sequence[str]) -> set[uuid.UUID]:
    keys = set()
    for public_id in told:
        try:
            keys.add(Transfer.parse_id(public_id))
        except ids.MalformedId:
            continue
    return keys


_REMOVED_COLUMNS = (
    {"label": "Paid with", "css": "nowrap"},
    {"label": "Amount", "css": "end shrink"},
    {"label": "Fee", "css": "end shrink"},
    {"label": "Ready since", "css": "shrink"},
)
