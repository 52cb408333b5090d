"""The underwriting form (WF-1), which is kept as one goes: begun anew, or taken up where somebody left it."""

import secrets
import uuid
from collections.abc import Mapping
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from onboarding import services
from onboarding.forms.identities import BuyerIdentityForm
from onboarding.forms.invitations import LinkForm
from onboarding.forms.saved import AT_HOME, MerchantDraftForm, begun_at_home, headings, shown_mark
from onboarding.models import Identity, OnboardingForm
from onboarding.portal.once import FIELD, key_after, new_key, once
from onboarding.portal.open_forms import link_state, name_of, progress_of
from onboarding.services import forms as saved
from portal.design.values import moment
from portal.handover import hand_over
from portal.timeline import timeline_of
from portal.views import Page
from resources import ids
from resources.errors import DomainError
from resources.lookup import find
from tenancy import services as tenancy
from tenancy.models import Application
from tenancy.roles import Permission
from tenancy.transactions import transaction

_SUBMIT, _WITHDRAW, _LINK, _REVOKE = "submit", "withdraw", "link", "revoke"


class MerchantFormPage(Page):
    """What the page of a new form and that of an open one share: it saves, it submits, and it keeps what is typed."""

    permission = Permission.MANAGE_IDENTITIES
    section = "applications"
    template_name = "onboarding/form_edit.html"

    def answer(self, tenant: Application, key: uuid.UUID, row: OnboardingForm | None) -> HttpResponse:
        """To a form that was sent: `act` tells whether to save or to submit, `section` which part left it by itself."""
        is_submitted = self.request.POST.get("act", _SUBMIT) == _SUBMIT
        names = row.sealed if row else []
        with transaction(by=self.actor):
            opened = saved.open_secrets(row, names) if row and is_submitted else {}
        form = MerchantDraftForm(self.request.POST, kept=names, opened=opened)
        is_whole = form.is_valid()
        draft = form.draft(seen=self.request.POST.get("seen"), page=self.request.POST.get("page", ""))
        told: dict[str, Any] = {
            "key": key,
            "application_id": tenant.pk,
            "draft": draft,
            "by": self.actor,
            "at": timezone.now(),
        }
        try:
            if is_submitted and is_whole:
                identity = saved.submit_form(entity=form.body["entity"], **told)
                messages.success(self.request, f"{identity.display_name} was created.")
                return _to_identity(identity.pk)
            if is_submitted and row is None and form.is_blank:
                return self.show_form(tenant, key, None, form, has_summary=True)
            return self._saved(tenant, saved.save_form(**told), is_submitted=is_submitted)
        except (saved.FormChanged, saved.FormClosed) as error:
            if isinstance(error, saved.FormSubmitted) and not self._is_part:
                messages.info(self.request, str(error))
                return _to_identity(error.identity_id)
            return self._refuse(tenant, key, row, form, error)

    @property
    def _is_part(self) -> bool:
        """Whether a section saves itself, and its page stays."""
        return self.request.headers.get("HX-Request") == "true"

    def _saved(self, tenant: Application, row: OnboardingForm, *, is_submitted: bool) -> HttpResponse:
        if self._is_part:
            return self._part(tenant, row)
        if not is_submitted:
            messages.success(self.request, "The draft was saved. Tax ids and birth date are kept encrypted.")
            return HttpResponseRedirect(_page_of(row))
        form = MerchantDraftForm(self.request.POST, kept=row.sealed)
        form.is_valid()
        form.ask_again()
        return self.show_form(tenant, row.pk, row, form, has_summary=True)

    def show_form(
        self,
        tenant: Application,
        key: uuid.UUID,
        row: OnboardingForm | None,
        form: MerchantDraftForm,
        **more: Any,
    ) -> HttpResponse:
        identities = reverse("onboarding:application-identities", args=[tenant.public_id])
        shown = {
            **self._state(key, row, form),
            **self._head(tenant, row),
            "form": form,
            "cancel_url": identities,
            "page_url": self.request.path,
        }
        return self.show(shown | more)

    def _head(self, tenant: Application, row: OnboardingForm | None) -> dict[str, Any]:
        """What stands above the form and in its dialogs, which its first save changes."""
        identities = reverse("onboarding:application-identities", args=[tenant.public_id])
        is_linked = row is not None and row.link_digest is not None
        is_open = row is None or (row.state == OnboardingForm.State.OPEN and row.identity_id is None)
        buyer = reverse("onboarding:create-identity", args=[tenant.public_id])
        return {
            "heading": "New merchant" if row is None else name_of(row),
            "lead": f"Belongs to {tenant.name}.",
            "breadcrumbs": [
                ("Applications", reverse("onboarding:applications")),
                (tenant.name, reverse("onboarding:application", args=[tenant.public_id])),
                ("Identities", identities),
                ("New" if row is None else name_of(row), ""),
            ],
            "sections_shown": is_open,
            "buyer_url": f"{buyer}?kind=buyer" if is_open and not is_linked else "",
            **({} if row is None else self._link(row)),
        }

    def _link(self, row: OnboardingForm, form: LinkForm | None = None) -> dict[str, Any]:
        """What the page says of the link, and the questions before something is done to it."""
        link = link_state(row, timezone.now())
        confirms = self.request.GET.get("confirm")
        return {
            "form_url": _page_of(row),
            "identity_url": _identity_url(row.identity_id) if row.identity_id else "",
            "link": link if row.state == OnboardingForm.State.OPEN else "",
            "link_text": _about_link(row),
            "link_title": "Make another link?" if link else "Let the merchant fill it in?",
            "link_form": form or LinkForm(),
            "confirms_withdraw": confirms == "withdraw",
            "confirms_revoke": confirms == "revoke",
            "confirms_link": confirms == "link" or form is not None,
        }

    def _state(self, key: uuid.UUID, row: OnboardingForm | None, form: MerchantDraftForm) -> dict[str, Any]:
        """What a page and a part of it show alike."""
        whole = row.sections if row else []
        covers = [name for name in form.fields if name not in form.secret_names]
        return {
            "sections": form.grouped_by_slug(),
            "kept": form.kept.names,
            "row": row,
            "key": ids.public_id(OnboardingForm.PREFIX, key),
            "seen": shown_mark(row, covers) if row else saved.mark_of({}, covers),
            "steps": [{"slug": slug, "heading": text, "is_whole": slug in whole} for slug, text in headings()],
            "progress": progress_of(row) if row else "",
            "page": self.request.POST.get("page") or secrets.token_urlsafe(12),
        }

    def _part(self, tenant: Application, row: OnboardingForm) -> HttpResponse:
        """The section that was left, with what is wrong in it beside its fields, and the head of the page."""
        slug = self.request.POST.get("section", "")
        form = MerchantDraftForm(self.request.POST, kept=row.sealed)
        form.is_valid()
        form.leave_open()
        form.ask_again()
        context = {**self._state(row.pk, row, form), **self._head(tenant, row), "form": form}
        context["section"] = next((part for part in context["sections"] if part.slug == slug), None)
        response = self.show(context, template="onboarding/form_part.html")
        response["HX-Replace-Url"] = _page_of(row)
        if context["section"] is None:
            response["HX-Reswap"] = "none"
        return response

    def _refuse(
        self,
        tenant: Application,
        key: uuid.UUID,
        row: OnboardingForm | None,
        form: MerchantDraftForm,
        error: DomainError,
    ) -> HttpResponse:
        """Nothing was saved: what was typed stays on the page, with the reason."""
        url = reverse("onboarding:onboarding-form", args=[ids.public_id(OnboardingForm.PREFIX, key)])
        if self._is_part:
            context = {"refusal": str(error), "reopen_url": url}
            response = self.show(context, template="onboarding/form_refused.html")
            response["HX-Reswap"] = "none"
            response["HX-Trigger"] = "form-refused"
            return response
        form.leave_open()
        form.add_error(None, str(error))
        shown = {"reopen_url": url, "seen": self.request.POST.get("seen", ""), "has_summary": True}
        return self.show_form(tenant, key, row, form, **shown)


class CreateIdentity(MerchantFormPage):
    """The underwriting form of a merchant, or the short one for a buyer with `?kind=buyer`."""

    def get(self, request: HttpRequest, application: str) -> HttpResponse:
        tenant = self._application(application)
        if request.GET.get("kind") == "buyer":
            return self._show_buyer(tenant, BuyerIdentityForm(initial=AT_HOME), new_key())
        return self.show_form(tenant, ids.new_id(), None, MerchantDraftForm())

    def post(self, request: HttpRequest, application: str) -> HttpResponse:
        tenant = self._application(application)
        if request.GET.get("kind") == "buyer":
            return self._create_buyer(tenant)
        key = self._key()
        with transaction(by=self.actor):
            row = OnboardingForm.objects.visible_to(self.actor).filter(application=tenant, pk=key).first()
        return self.answer(tenant, key, row)

    def _key(self) -> uuid.UUID:
        """The one that the page was given, so that what is sent twice is one form."""
        try:
            return OnboardingForm.parse_id(self.request.POST.get("key", ""))
        except ids.MalformedId:
            return ids.new_id()

    def _application(self, public_id: str) -> Application:
        with transaction(by=self.actor):
            return tenancy.find_application(public_id, by=self.actor)

    def _create_buyer(self, tenant: Application) -> HttpResponse:
        form, key = BuyerIdentityForm(self.request.POST), self.request.POST.get(FIELD, "")
        if form.is_valid():
            try:
                identity = once(
                    "portal create buyer",
                    key=key,
                    told=[tenant.public_id, form.body],
                    do=lambda: services.create_identity(
                        application_id=tenant.pk, entity=form.body["entity"], by=self.actor, at=timezone.now()
                    ),
                    made=self._made,
                    by=self.actor,
                )
            except DomainError as error:
                key = key_after(error, key)
                form.refuse(error)
            else:
                messages.success(self.request, f"{identity.display_name} was created.")
                return _to_identity(identity.pk)
        return self._show_buyer(tenant, form, key or new_key())

    def _made(self, key: uuid.UUID) -> Identity | None:
        return Identity.objects.visible_to(self.actor).filter(pk=key).first()

    def _show_buyer(self, tenant: Application, form: BuyerIdentityForm, key: str) -> HttpResponse:
        page = reverse("onboarding:application-identities", args=[tenant.public_id])
        context: Mapping[str, Any] = {
            "form": form,
            "key": key,
            "heading": "New buyer",
            "lead": f"Belongs to {tenant.name}.",
            "is_buyer": True,
            "is_new": True,
            "cancel_url": page,
            "breadcrumbs": [
                ("Applications", reverse("onboarding:applications")),
                (tenant.name, reverse("onboarding:application", args=[tenant.public_id])),
                ("Identities", page),
                ("New", ""),
            ],
        }
        return self.show(context, template="onboarding/identity_form.html")


class OpenForm(MerchantFormPage):
    """A form that was begun: taken up again, handed to the merchant by a link, submitted, or withdrawn."""

    def get(self, request: HttpRequest, pk: str) -> HttpResponse:
        del request
        with transaction(by=self.actor):
            row = self._row(pk)
            timeline = timeline_of(row, by=self.actor)
        if row.state == OnboardingForm.State.SUBMITTED and row.identity_id is not None:
            return _to_identity(row.identity_id)
        return self.show_form(row.application, row.pk, row, self._as_left(row), timeline=timeline)

    @staticmethod
    def _as_left(row: OnboardingForm) -> MerchantDraftForm:
        if not row.answers and not row.sealed:
            return MerchantDraftForm()
        form = MerchantDraftForm(begun_at_home(row.answers), kept=row.sealed)
        form.is_valid()
        form.leave_open()
        return form

    def post(self, request: HttpRequest, pk: str) -> HttpResponse:
        with transaction(by=self.actor):
            row = self._row(pk)
        acts = {_WITHDRAW: self._withdraw, _LINK: self._make_link, _REVOKE: self._revoke_link}
        if (act := acts.get(request.POST.get("act", ""))) is not None:
            return act(row)
        return self.answer(row.application, row.pk, row)

    def _make_link(self, row: OnboardingForm) -> HttpResponse:
        form = LinkForm(self.request.POST)
        if not form.is_valid():
            return self.show_form(row.application, row.pk, row, self._as_left(row), **self._link(row, form))
        try:
            row, token = saved.renew_link(form=row, lives=form.lives, by=self.actor, at=timezone.now())
        except DomainError as error:
            messages.warning(self.request, str(error))
            return HttpResponseRedirect(_page_of(row))
        hand_over(self.request, row.public_id, token)
        return HttpResponseRedirect(reverse("onboarding:onboarding-link", args=[row.public_id]))

    def _revoke_link(self, row: OnboardingForm) -> HttpResponse:
        try:
            saved.revoke_link(form=row, by=self.actor, at=timezone.now())
        except DomainError as error:
            messages.warning(self.request, str(error))
        else:
            messages.success(self.request, f"The link of {name_of(row)} leads nowhere from now on.")
        return HttpResponseRedirect(_page_of(row))

    def _withdraw(self, row: OnboardingForm) -> HttpResponse:
        try:
            saved.withdraw_form(form=row, by=self.actor, at=timezone.now())
        except DomainError as error:
            messages.warning(self.request, str(error))
        else:
            messages.success(self.request, f"The form of {name_of(row)} was withdrawn. What it held is erased.")
        page = reverse("onboarding:application-identities", args=[row.application.public_id])
        return HttpResponseRedirect(page)

    def _row(self, pk: str) -> OnboardingForm:
        visible = OnboardingForm.objects.visible_to(self.actor).select_related("application")
        found: OnboardingForm = find(visible, pk)
        return found


def _page_of(row: OnboardingForm) -> str:
    return reverse("onboarding:onboarding-form", args=[row.public_id])


def _identity_url(key: uuid.UUID) -> str:
    return reverse("onboarding:identity", args=[ids.public_id(Identity.PREFIX, key)])


def _to_identity(key: uuid.UUID) -> HttpResponse:
    return HttpResponseRedirect(_identity_url(key))


def _about_link(row: OnboardingForm) -> SafeString:
    seen = format_html("Somebody came by it {}.", moment(row.link_used_at)) if row.link_used_at else "Nobody came yet."
    return format_html("Its link leads here until {}. {}", moment(row.link_expires_at), seen)
