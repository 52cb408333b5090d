"""What this app adds to the start page: merchants to decide on, and forms that somebody has begun."""

from django.urls import reverse

from onboarding.models import OnboardingForm, ReviewItem
from onboarding.portal.reviews import waiting_of
from portal.home import Task, Waiting, register_task
from tenancy.actors import Actor
from tenancy.models import Application
from tenancy.roles import Permission


def register_home() -> None:
    register_task(
        Task(
            "merchant waits for a decision",
            "merchants wait for a decision",
            "review",
            Permission.DECIDE_REVIEWS,
            _merchants,
            order=10,
        )
    )
    register_task(
        Task(
            "onboarding form is not submitted yet",
            "onboarding forms are not submitted yet",
            "edit",
            Permission.MANAGE_IDENTITIES,
            _open_forms,
            order=40,
        )
    )


def _merchants(by: Actor, most: int) -> Waiting:
    return Waiting(waiting_of(ReviewItem.EntityType.MERCHANT, by, most), reverse("onboarding:review-merchants"))


def _open_forms(by: Actor, most: int) -> Waiting:
    """They stand with their application; where they are of several, its list leads to each."""
    found = OnboardingForm.objects.visible_to(by).open().order_by().values_list("application_id", flat=True)[:most]
    applications = list(found)
    if len(set(applications)) == 1:
        page = reverse("onboarding:onboarding-forms", args=[Application(pk=applications[0]).public_id])
        return Waiting(len(applications), page)
    return Waiting(len(applications), reverse("onboarding:applications"))
