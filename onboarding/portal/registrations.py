"""What this app adds to the portal's frame: entries of the navigation, and the pages of authors in timelines."""

import uuid
from collections.abc import Collection, Mapping

from django.conf import settings
from django.urls import reverse

from events.models import Author
from onboarding.models import ReviewItem
from onboarding.portal.reviews import waiting_of
from portal.navigation import Entry, register
from portal.timeline import register_author_pages
from tenancy.actors import Actor
from tenancy.models import ApiUser
from tenancy.roles import Permission


def _waiting_reviews(by: Actor, most: int) -> int:
    return waiting_of(ReviewItem.EntityType.MERCHANT, by, most)


ENTRIES = (
    # Merchants see their application through the API, but have no business with its settings page.
    Entry("PEOPLE", "Applications", "onboarding:applications", "application", Permission.VIEW_PROCESSORS, order=10),
    Entry("PEOPLE", "Identities", "onboarding:identities", "identity", Permission.VIEW_IDENTITIES, order=20),
    Entry("PEOPLE", "Merchants", "onboarding:merchants", "merchant", Permission.VIEW_MERCHANTS, order=30),
    Entry(
        "PEOPLE",
        "Payment instruments",
        "onboarding:payment-instruments",
        "card",
        Permission.VIEW_INSTRUMENTS,
        order=40,
    ),
    Entry(
        "REVIEW",
        "Merchants",
        "onboarding:review-merchants",
        "review",
        Permission.VIEW_REVIEWS,
        order=50,
        waiting=_waiting_reviews,
    ),
    Entry("SYSTEM", "Users and roles", "onboarding:people", "users", Permission.VIEW_PEOPLE, order=60),
    Entry("SYSTEM", "API keys", "onboarding:api-users", "key", Permission.VIEW_API_USERS, order=70),
    Entry("SYSTEM", "Audit", "onboarding:audit", "audit", Permission.VIEW_AUDIT, order=80),
)


SANDBOX_ENTRY = Entry(
    "SYSTEM", "Test values", "onboarding:test-values", "terminal", Permission.CREATE_TRANSFERS, order=90
)


def register_navigation() -> None:
    for entry in ENTRIES:
        register(entry)
    if not settings.IS_LIVE:
        register(SANDBOX_ENTRY)


def register_pages_of_authors() -> None:
    register_author_pages(Author.API_USER, _pages_of_api_keys)


def _pages_of_api_keys(keys: Collection[uuid.UUID], by: Actor) -> Mapping[uuid.UUID, str]:
    if not by.may(Permission.VIEW_API_USERS):
        return {}
    found = ApiUser.objects.visible_to(by).filter(pk__in=keys)
    return {key.pk: reverse("onboarding:api-user", args=[key.public_id]) for key in found}
