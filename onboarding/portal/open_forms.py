"""Underwriting forms that are not submitted yet, as the IDENTITIES tab of an application lists them."""

from datetime import datetime
from typing import Any

from django.urls import reverse
from django.utils import timezone

from events.models import Event
from onboarding.forms.saved import section_slugs
from onboarding.models import OnboardingForm
from tenancy.actors import Actor
from tenancy.models import Application

SHOWN = 3


def open_forms(application: Application, *, by: Actor) -> list[dict[str, Any]]:
    """The newest, and one more where there are more; how far each is, who saved it last. Call it in a transaction."""
    visible = OnboardingForm.objects.visible_to(by).filter(application=application)
    forms = list(visible.open().order_by("-created_at", "-id")[: SHOWN + 1])
    authors = _last_authors(forms)
    now = timezone.now()
    return [
        {
            "name": name_of(form),
            "url": reverse("onboarding:onboarding-form", args=[form.public_id]),
            "progress": progress_of(form),
            "saved_at": form.updated_at,
            "saved_by": authors.get(form.pk, form.made_by_name),
            "link": link_state(form, now),
            "expires_at": form.link_expires_at,
        }
        for form in forms
    ]


def name_of(form: OnboardingForm) -> str:
    return form.name or "Unnamed merchant"


def progress_of(form: OnboardingForm) -> str:
    """`3 of 5 sections`; a form with a link ends with a bank account, which is one more."""
    wanted = section_slugs(with_bank_account=form.link_digest is not None)
    return f"{sum(slug in form.sections for slug in wanted)} of {len(wanted)} sections"


def link_state(form: OnboardingForm, now: datetime) -> str:
    """`open`, `expired`, or nothing without a link."""
    if form.link_digest is None:
        return ""
    return "open" if form.is_open_at(now) else "expired"


def _last_authors(forms: list[OnboardingForm]) -> dict[Any, str]:
    if not forms:
        return {}
    events = Event.objects.filter(
        application_id=forms[0].application_id, resource_id__in=[form.pk for form in forms]
    ).order_by("resource_id", "-sequence")
    return dict(events.distinct("resource_id").values_list("resource_id", "author_name"))
