"""What a merchant finds behind the link that it was sent, where it fills in its own form without an account.

The token stands in the address. Pages go into no cache, and no other site is told the address: the referrer stays
within this origin. It is not left out altogether, because browsers would then name no origin when a form is sent, and
the check against forged forms would refuse it.
"""

from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views import View

from api.errors import TooManyRequests
from api.limits import admit_stranger
from onboarding import services
from onboarding.categories import category_name
from onboarding.forms.saved import (
    BANK_ACCOUNT,
    BankAccountDraftForm,
    MerchantDraftForm,
    Section,
    begun_at_home,
    headings,
    section_slugs,
)
from onboarding.models import Identity, OnboardingForm, PaymentInstrument
from onboarding.portal.once import SentBefore, once
from onboarding.services import forms as saved
from portal.design.values import day, money
from resources.errors import DomainError, FieldErrors
from tenancy.actors import Actor
from tenancy.origins import client_address, origin_of
from tenancy.transactions import transaction

VISITS_PER_MINUTE = 120
WRONG_LINKS_PER_MINUTE = 20

_CHANGED = "The form was changed in another window. Look at it once more, then submit it."
_AMOUNTS = ("annual_card_volume", "max_transaction_amount")


class JoinPage(View):
    """The base of what a merchant sees behind its link. Whoever has the link is let in, to this form alone."""

    template_name: str
    actor: Actor
    row: OnboardingForm

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        self.token: str = kwargs.pop("token")
        address = client_address(request)
        try:
            admit_stranger("join", address, per_minute=VISITS_PER_MINUTE)
            self.actor = saved.merchant_by_link(self.token, origin=origin_of(request))
            with transaction(by=self.actor):
                self.row = saved.find_by_link(self.token, by=self.actor, at=timezone.now())
            saved.note_visit(self.row, by=self.actor, at=timezone.now())
            return super().dispatch(request, *args, **kwargs)
        except saved.FormSubmitted:
            return self._sent() if request.method == "POST" else gone(request)
        except (saved.LinkDead, saved.FormClosed):
            try:
                admit_stranger("wrong_link", address, per_minute=WRONG_LINKS_PER_MINUTE)
            except TooManyRequests as error:
                return too_many(request, error)
            return gone(request)
        except TooManyRequests as error:
            return too_many(request, error)

    @property
    def link(self) -> bytes:
        return saved.digest_of(self.token)

    def url(self, name: str, *parts: str) -> str:
        return reverse(f"onboarding:{name}", args=[self.token, *parts])

    def show(self, context: Mapping[str, Any]) -> HttpResponse:
        whole = self.row.sections
        steps = [
            {"slug": slug, "heading": heading, "is_whole": slug in whole, "url": self.url("join-section", slug)}
            for slug, heading in headings(with_bank_account=True)
        ]
        shown = {
            "row": self.row,
            "application": self.row.application,
            "steps": steps,
            "start_url": self.url("join"),
            "review_url": self.url("join-review"),
            "is_identity_there": self.row.identity_id is not None,
        }
        return render(self.request, self.template_name, shown | dict(context))

    def merchant_form(self, data: Mapping[str, Any] | None, opened: Any = None) -> MerchantDraftForm:
        return MerchantDraftForm(data, kept=self.row.sealed, opened=opened)

    def bank_form(self, data: Mapping[str, Any] | None, opened: Any = None) -> BankAccountDraftForm:
        now = self.row.application.business_time(timezone.now())
        return BankAccountDraftForm(data, form=self.row, now=now, kept=self.row.sealed, opened=opened)

    def _sent(self) -> HttpResponse:
        return HttpResponseRedirect(reverse("onboarding:join-sent"))


class JoinStart(JoinPage):
    """Who invites, what will be asked, and how far one is."""

    template_name = "onboarding/invitation_start.html"

    def get(self, request: HttpRequest) -> HttpResponse:
        del request
        waiting = [slug for slug in section_slugs(with_bank_account=True) if slug not in self.row.sections]
        if self.row.identity_id is not None:
            waiting = [BANK_ACCOUNT] if BANK_ACCOUNT in waiting else []
        next_url = self.url("join-section", waiting[0]) if waiting else self.url("join-review")
        is_begun = bool(self.row.sections or self.row.answers or self.row.sealed)
        return self.show({"next_url": next_url, "is_begun": is_begun, "is_saved": "saved" in self.request.GET})


class JoinSection(JoinPage):
    """One section of the form, on a page of its own."""

    template_name = "onboarding/invitation_section.html"

    def get(self, request: HttpRequest, section: str) -> HttpResponse:
        if (refusal := self._out_of_place(section)) is not None:
            return refusal
        form = self._form(section, self.row.answers or None)
        if form.is_bound:
            form.is_valid()
            if "check" not in request.GET:
                form.leave_open()
        return self._show(section, form)

    def post(self, request: HttpRequest, section: str) -> HttpResponse:
        if (refusal := self._out_of_place(section)) is not None:
            return refusal
        shown = self._names(section)
        others = {name: text for name, text in self.row.answers.items() if name not in shown}
        form = self._bound(section, others | {name: request.POST[name] for name in shown if name in request.POST})
        form.is_valid()
        seen = request.POST.get("seen")
        draft = form.draft(seen=seen, only=section)
        tenant = self.row.application
        try:
            self.row = saved.save_form(
                key=self.row.pk,
                application_id=self.row.application_id,
                draft=draft,
                by=self.actor,
                at=timezone.now(),
                link=self.link,
            )
        except saved.FormChanged as error:
            form.leave_open()
            form.add_error(None, str(error))
            return self._show(section, form, reopen_url=request.path, seen=seen)
        self.row.application = tenant
        is_whole = section in self.row.sections
        if request.POST.get("act") == "later":
            return HttpResponseRedirect(f"{self.url('join')}?saved")
        if not is_whole:
            form = self._bound(section, form.data)
            form.is_valid()
            form.ask_again()
            return self._show(section, form)
        return HttpResponseRedirect(self._next(section))

    def _form(self, section: str, data: Mapping[str, Any] | None) -> MerchantDraftForm | BankAccountDraftForm:
        """As it stands: bound where something of it was filled in, so that what is wrong is told."""
        if section == BANK_ACCOUNT:
            begun = data is not None and any(name in data for name in self.bank_form({}).names)
            return self.bank_form(data if begun else None)
        return self.merchant_form(None if data is None else begun_at_home(data))

    def _bound(self, section: str, data: Mapping[str, Any]) -> MerchantDraftForm | BankAccountDraftForm:
        return self.bank_form(data) if section == BANK_ACCOUNT else self.merchant_form(data)

    def _names(self, section: str) -> list[str]:
        """The names of the section's controls."""
        part = self._part(section, self._form(section, None))
        return [bound.html_name for bound in part.fields]

    @staticmethod
    def _part(section: str, form: MerchantDraftForm | BankAccountDraftForm) -> Section:
        return next(part for part in form.grouped_by_slug() if part.slug == section)

    def _out_of_place(self, section: str) -> HttpResponse | None:
        """For a section that there is not, or that is submitted already."""
        if section not in section_slugs(with_bank_account=True):
            return gone(self.request)
        if self.row.identity_id is not None and section != BANK_ACCOUNT:
            return HttpResponseRedirect(self.url("join"))
        return None

    def _next(self, section: str) -> str:
        slugs = section_slugs(with_bank_account=True)
        after = slugs[slugs.index(section) + 1 :]
        return self.url("join-section", after[0]) if after else self.url("join-review")

    def _show(self, section: str, form: MerchantDraftForm | BankAccountDraftForm, **more: Any) -> HttpResponse:
        slugs = section_slugs(with_bank_account=True)
        number = slugs.index(section) + 1
        part = self._part(section, form)
        names = {bound.name for bound in part.fields}
        for name in [name for name in form.errors if name not in {*names, "__all__"}]:
            del form.errors[name]  # of the other sections nothing is said here
        before = slugs[number - 2] if number > 1 and self.row.identity_id is None else ""
        return self.show(
            {
                "form": form,
                "section": part,
                "kept": form.kept.names,
                "number": number,
                "count": len(slugs),
                "seen": saved.mark_of(self.row.answers, self._covers(part, form)),
                "back_url": self.url("join-section", before) if before else self.url("join"),
                **more,
            }
        )

    @staticmethod
    def _covers(part: Section, form: MerchantDraftForm | BankAccountDraftForm) -> list[str]:
        hidden = form.secret_names
        return [bound.html_name for bound in part.fields if bound.name not in hidden]


class JoinReview(JoinPage):
    """All of it once more, without what is kept sealed, and the button that submits it."""

    template_name = "onboarding/invitation_review.html"

    def get(self, request: HttpRequest) -> HttpResponse:
        del request
        return self._show()

    def post(self, request: HttpRequest) -> HttpResponse:
        came_at = timezone.now()
        with transaction(by=self.actor):
            self.row = saved.find_by_link(self.token, by=self.actor, at=came_at, locks=True)
            opened = saved.open_secrets(self.row, self.row.sealed)
        if request.POST.get("seen") != self._mark():
            return self._show(_CHANGED)
        bank = self.bank_form(self.row.answers, opened)
        merchant = None if self.row.identity_id else self.merchant_form(self.row.answers, opened)
        if not bank.is_valid() or (merchant is not None and not merchant.is_valid()):
            return self._show("Some sections are not whole yet.")
        try:
            identity = self._submit(merchant)
            self._add_bank_account(identity, bank)
            saved.finish_form(form=self.row, by=self.actor, at=timezone.now(), link=self.link, came_at=came_at)
        except (saved.LinkDead, saved.FormSubmitted):
            raise
        except saved.FormChanged:
            return self._show(_CHANGED)
        except DomainError as error:
            return self._show(_why_not(error))
        return self._sent()

    def _submit(self, merchant: MerchantDraftForm | None) -> Identity:
        """The identity of the form: made now, or found where an earlier try came so far."""
        covers = frozenset(MerchantDraftForm.base_fields)
        return saved.submit_form(
            key=self.row.pk,
            application_id=self.row.application_id,
            draft=saved.Draft(covers=covers, answers={}),
            entity=merchant.body["entity"] if merchant is not None else {},
            by=self.actor,
            at=timezone.now(),
            link=self.link,
            revision=self.row.revision,
        )

    def _add_bank_account(self, identity: Identity, bank: BankAccountDraftForm) -> PaymentInstrument:
        """Once for what stands in the form now: tried again, it is the first one or its refusal."""
        values = {**bank.body, "identity": identity.pk}
        return once(
            "onboarding form bank account",
            key=f"{self.row.public_id}.{self.row.revision}",
            told=values,
            do=lambda: services.create_payment_instrument(values=values, by=self.actor, at=timezone.now()),
            made=self._made,
            by=self.actor,
        )

    def _made(self, key: Any) -> PaymentInstrument | None:
        if refusal := services.refusal_of(key, by=self.actor):
            raise refusal
        return PaymentInstrument.objects.visible_to(self.actor).filter(pk=key).first()

    def _mark(self) -> str:
        """Of the form as it is shown: each save is another, also of what is sealed."""
        return str(self.row.revision)

    def _show(self, refusal: str = "") -> HttpResponse:
        with transaction(by=self.actor):
            self.row = saved.find_by_link(self.token, by=self.actor, at=timezone.now())
        parts: list[Section] = []
        if self.row.identity_id is None:
            merchant = self.merchant_form(self.row.answers)
            merchant.is_valid()
            parts = merchant.grouped_by_slug()
        bank = self.bank_form(self.row.answers)
        bank.is_valid()
        parts += bank.grouped_by_slug()
        sections = [
            {
                "heading": part.heading,
                "is_whole": part.is_whole,
                "url": f"{self.url('join-section', part.slug)}?check",
                "facts": [(bound.label, self._shown(bound)) for bound in part.fields],
            }
            for part in parts
        ]
        return self.show(
            {
                "parts": sections,
                "is_whole": all(part.is_whole for part in parts),
                "refusal": refusal,
                "seen": self._mark(),
                "back_url": self.url("join-section", BANK_ACCOUNT),
            }
        )

    def _shown(self, bound: Any) -> str | None:
        """What a field says to its reader; of what is sealed only that it is there."""
        if bound.name in {*MerchantDraftForm.secret_names, saved.ACCOUNT_NUMBER}:
            return "Kept, not shown" if bound.name in self.row.sealed else None
        value = bound.value()
        if isinstance(value, bool):
            return "Yes" if value else "No"
        if value and bound.name not in bound.form.errors:
            return _in_words(bound, value)
        return value or None


def _in_words(bound: Any, value: str) -> str:
    """An answer that is in order, as people read it."""
    meant = bound.form.cleaned_data.get(bound.name)
    if bound.name in _AMOUNTS:
        return money(meant, "USD")
    if bound.name == "incorporation_date":
        return day(meant)
    if bound.name == "principal_percentage_ownership":
        return f"{meant} %"
    if bound.name == "mcc" and (name := category_name(value)):
        return f"{value} {name}"
    return str(dict(getattr(bound.field, "choices", [])).get(value, value))


def sent(request: HttpRequest) -> HttpResponse:
    """Where a merchant lands whose form has arrived; it names nobody, for anybody may open it."""
    return render(request, "onboarding/invitation_sent.html")


def gone(request: HttpRequest) -> HttpResponse:
    """One page for a link that expired, was used, revoked or never was."""
    return render(request, "onboarding/invitation_gone.html", status=404)


def too_many(request: HttpRequest, error: TooManyRequests) -> HttpResponse:
    response = render(request, "onboarding/invitation_busy.html", status=429)
    response["Retry-After"] = str(error.retry_after_seconds or 60)
    return response


def _why_not(error: DomainError) -> str:
    """What keeps a form from being submitted, for the merchant to read."""
    if isinstance(error, services.ProviderUndecided):
        return (
            "Your details have arrived, but it is not known yet whether your bank account has. Wait a moment, then"
            " press Submit again: nothing is done twice."
        )
    if isinstance(error, SentBefore | services.InstrumentRefused):
        return f"The bank account was not accepted: {error} Correct it, then submit again."
    return " ".join(str(each) for each in (error.errors if isinstance(error, FieldErrors) else [error]))
