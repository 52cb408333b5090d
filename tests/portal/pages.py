"""What the tests of pages share: signed-in browsers, rows past every policy, and the text of an answer."""

import re
from html import unescape
from typing import Any

from django.test import Client

from onboarding.models import Identity
from tenancy.actors import system
from tenancy.models import Application, Person
from tenancy.roles import Role
from tenancy.transactions import transaction
from tests.factories.tenancy import make_person

CONFIRM = "/dashboard/account/confirm/"


def browser(role: Role, application: Application | None = None, identity: Identity | None = None) -> Client:
    """Somebody of that role who has signed in, of those it is for; each call is somebody else."""
    person = make_person(
        f"{role.name.lower()}{Person.objects.count()}@example.org",
        role,
        application=None if role in Role.of_the_platform() else application,
        identity_id=identity.pk if identity and role == Role.MERCHANT else None,
    )
    client = Client()
    client.force_login(person)
    return client


def rows(model: Any) -> Any:
    """All rows there are, oldest first."""
    with transaction(by=system()):
        return list(model.objects.order_by("created_at"))


def only(model: Any) -> Any:
    (row,) = rows(model)
    return row


def anew(row: Any) -> Any:
    with transaction(by=system()):
        return type(row).objects.get(pk=row.pk)


def text_of(answer: Any) -> str:
    """What a reader reads: without mark-up, in one line."""
    words = re.sub(r"<[^>]+>", " ", unescape(answer.content.decode()))
    return re.sub(r"\s+", " ", words).replace(" ,", ",")
