"""Who may sign in, and as what, is changed only by somebody who proved just now who they are."""

from datetime import timedelta

import pytest
import time_machine
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from tenancy.models import Person
from tenancy.roles import Role
from tests.factories.tenancy import PASSWORD, make_person

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("method", ["get", "post"])
def test_open_session_makes_and_changes_nobody(client: Client, method: str) -> None:
    admin, other = make_person("ada@example.org", Role.ADMIN), make_person("bo@example.org", Role.PLATFORM)
    client.force_login(admin)
    pages = [reverse("onboarding:create-person"), reverse("onboarding:edit-person", args=[other.pk])]
    told = {
        "email": "eve@example.org",
        "name": "Eve",
        "role": Role.ADMIN,
        "password": PASSWORD,
        "version": other.version,
    }

    with time_machine.travel(timezone.now() + timedelta(minutes=6), tick=True):
        answers = [getattr(client, method)(page, told if method == "post" else None) for page in pages]

    assert [answer.status_code for answer in answers] == [302, 302]
    assert all(answer["Location"].startswith("/dashboard/account/confirm/?next=") for answer in answers)
    assert set(Person.objects.values_list("email", flat=True)) == {"ada@example.org", "bo@example.org"}
    assert [client.get(page).status_code for page in pages] == [200, 200]
