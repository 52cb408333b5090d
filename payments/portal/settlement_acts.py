"""What is done about one settlement: closing it, taking transfers out, paying it again or in part, and its tags."""

import uuid
from collections.abc import Sequence
from typing import Any

from django.contrib import messages
from django.db.models import Count, QuerySet, Sum
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone

from onboarding.models import Merchant, PaymentInstrument
from onboarding.portal.merchants import find_merchant, merchant_trail
from onboarding.portal.once import FIELD, key_after, new_key, once, renew_after
from onboarding.switches import settlements_off
from payments import services
from payments.forms.amounts import amount_in_words, units
from payments.forms.parts import PartForm
from payments.forms.settlements import PaymentForm, TagsForm, refuse
from payments.models import Settlement, SettlementEntry, Transfer
from payments.portal.reviewed import ReviewedAct
from payments.portal.settlement_facts import entry_rows, page_of
from payments.portal.settlements import SECTION, find_settlement, settlement_trail
from payments.services.settlement_flags import accounts_of
from portal.design.values import money
from portal.views import Page, counted_words
from resources import ids
from resources.errors import DomainError, FieldError
from tenancy.actors import Actor
from tenancy.roles import Permission
from tenancy.transactions import transaction

MOST_REMOVED = 100
_LEFT = "left"
_GONE = "Not all of them are in the settlement any more. Nothing was removed; look again at those that are."


class ConfirmedAct(Page):
    """An act that is shown before it is done, and done once. What was refused stands above what was shown."""

    template_name = "payments/settlement_act.html"

    def confirm(self, context: dict[str, Any], *, refusal: DomainError | None = None) -> HttpResponse:
        key = self.request.POST.get(FIELD, "") if refusal else ""
        return self.show(
            {
                "key": key_after(refusal, key) if refusal and key else new_key(),
                "refusal": str(refusal) if refusal else "",
                **context,
            }
        )


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
        currency = settlement.currency
        return self.confirm(
            {
                "heading": "Close the settlement now?" if is_accruing else "Close",
                "lead": f"Of {_whose(settlement)}. What becomes ready from now on goes with the next.",
                "obstacle": "" if is_accruing else str(services.NotAccruing(settlement)),
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


class PaySettlement(ReviewedAct):
    """What was approved and is not paid: all of it, or part of it, to a bank account of the merchant.

    The form tells what was left when it was shown, so that two people do not pay two parts for one.
    """

    permission = Permission.FUND_SETTLEMENTS
    section = SECTION
    template_name = "payments/settlement_pay.html"
    step = "pay"
    operation = "portal pay settlement"

    payment: Settlement
    accounts: Sequence[PaymentInstrument]

    def read(self, pk: str) -> Settlement:
        with transaction(by=self.actor):
            settlement = find_settlement(pk, self.actor)
            self.accounts = list(accounts_of(settlement)[:50])
        return settlement

    def form_of(self, data: Any) -> PaymentForm:
        left, currency = self.payment.unfunded_amount, self.payment.currency
        initial = {"key": new_key(), _LEFT: left, "amount": units(left, currency)}
        return PaymentForm(data, accounts=self.accounts, currency=currency, initial=initial)

    def obstacle(self) -> str:
        if self.payment.status != Settlement.Status.APPROVED:
            return services.NotApproved.message
        if not self.payment.unfunded_amount:
            return "All of it was paid, or is being paid just now."
        return "" if self.accounts else services.NoBankAccount.message

    def objection(self, form: PartForm) -> DomainError | None:
        left, seen = self.payment.unfunded_amount, form.cleaned_data[_LEFT]
        if obstacle := self.obstacle():
            return DomainError(obstacle)
        if left != seen:
            form.data = {**dict(form.data.items()), _LEFT: str(left)}
            return DomainError(
                f"{self._left()} is still to be paid now, not {amount_in_words(seen, self.payment.currency)} as when "
                "this page was shown. Nothing was done. Look again before you go on."
            )
        if form.body["amount"] > left:
            return FieldError("amount", f"At most {self._left()} is still to be paid.")
        return None

    def act(self, form: PartForm) -> Transfer:
        body = form.body
        try:
            deposit = services.fund_settlement(
                settlement=self.payment,
                amount=body["amount"],
                destination_id=PaymentInstrument.parse_id(body["destination"]),
                by=self.actor,
                at=timezone.now(),
            )
        except FieldError as error:
            if error.field != "amount":
                raise
            self.payment = self.read(self.payment.public_id)
            # Somebody was faster; the service speaks of minor units.
            raise FieldError(error.field, f"At most {self._left()} is still to be paid.") from error
        messages.success(self.request, f"{amount_in_words(deposit.amount, deposit.currency)} is being paid.")
        return deposit

    def page_after(self, made: Transfer) -> str:
        del made
        return page_of(self.payment)

    def review(self, form: PartForm) -> dict[str, Any]:
        settlement, amount = self.payment, form.body["amount"]
        currency, paid = settlement.currency, amount_in_words(amount, settlement.currency)
        account = {one.public_id: one for one in self.accounts}[form.body["destination"]]
        left = settlement.unfunded_amount - amount
        return {
            "heading": f"Pay {paid}?",
            "lead": f"To {account.display_name} of {_whose(settlement)}, in the name of {account.name}.",
            "card_title": "Deposit",
            "facts": [
                ("Net of the settlement", money(settlement.net_amount, currency)),
                *([("Paid before", money(settlement.funded_amount, currency))] if settlement.funded_amount else []),
                ("Paid now", money(amount, currency)),
                ("Left to be paid", money(left, currency) if left else "Nothing"),
                ("Bank account", account.display_name),
            ],
            "warning": "A deposit that was sent cannot be called back. The bank may return it.",
            "verb": f"Pay {paid}",
        }

    def frame(self) -> dict[str, Any]:
        url = page_of(self.payment)
        return {
            "settlement": self.payment,
            "whose": _whose(self.payment),
            "left": self._left(),
            "page_url": url,
            "cancel_url": url,
            "breadcrumbs": settlement_trail(self.payment, "Pay"),
        }

    def _left(self) -> str:
        return amount_in_words(self.payment.unfunded_amount, self.payment.currency)


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


class SettleNow(ConfirmedAct):
    """What is ready of a merchant is taken into its settlement, without waiting for the worker."""

    permission = Permission.MANAGE_SETTLEMENTS
    section = "merchants"

    def get(self, request: HttpRequest, pk: str) -> HttpResponse:
        del request
        return self._show(*self._read(pk))

    def post(self, request: HttpRequest, pk: str) -> HttpResponse:
        merchant, ready = self._read(pk)
        currency = request.POST.get("currency", "")
        try:
            settlement = once(
                "portal settle",
                key=request.POST.get(FIELD, ""),
                told=[merchant.public_id, currency],
                do=lambda: services.create_settlement(
                    merchant=merchant, currency=currency, by=self.actor, at=timezone.now()
                ),
                made=_made(self.actor),
                by=self.actor,
            )
        except DomainError as error:
            return self._show(merchant, ready, refusal=error)
        messages.success(request, "What was ready is in this settlement. It is paid once it is closed and approved.")
        return HttpResponseRedirect(page_of(settlement))

    def _read(self, pk: str) -> tuple[Merchant, list[dict[str, Any]]]:
        with transaction(by=self.actor):
            merchant = find_merchant(self, pk)
            grouped = ready_to_settle(merchant, self.actor).order_by().values("currency")
            sums = grouped.annotate(n=Count("id"), amount=Sum("settled_amount"), fees=Sum("fee"))
            return merchant, [dict(row) for row in sums]

    def _show(
        self, merchant: Merchant, ready: Sequence[dict[str, Any]], *, refusal: DomainError | None = None
    ) -> HttpResponse:
        off = settlements_off(merchant)
        obstacle = off.text if off else "" if ready else "Nothing of the merchant is ready to settle."
        return self.confirm(
            {
                "heading": "Settle" if obstacle else "Settle what is ready?",
                "lead": f"What {merchant.display_name} has earned and may be paid is taken into its settlement.",
                "obstacle": obstacle,
                "obstacle_title": "Nothing can be settled",
                "card_title": "Ready to settle",
                "facts": [
                    (
                        counted_words(row["n"], "transfer", "transfers"),
                        money(row["amount"] - row["fees"], row["currency"]),
                    )
                    for row in ready
                ],
                "warning": "Nothing is paid yet: a settlement is paid once it is closed, and a person has approved it.",
                "verb": "Settle now",
                "choices": [row["currency"] for row in ready],
                "page_url": reverse("onboarding:merchant", args=[merchant.public_id]),
                "page_label": "The merchant",
                "breadcrumbs": merchant_trail(merchant, "Settle"),
            },
            refusal=refusal,
        )


def ready_to_settle(merchant: Merchant, by: Actor) -> QuerySet[Transfer]:
    """What of a merchant, whose application is joined, may be taken into a settlement now."""
    return Transfer.objects.visible_to(by).filter(
        application_id=merchant.application_id,
        merchant=merchant,
        settlement=None,
        state=Transfer.State.SUCCEEDED,
        ready_to_settle_at__lte=merchant.application.business_time(timezone.now()),
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
