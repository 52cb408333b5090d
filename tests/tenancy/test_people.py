from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.utils import timezone

from events.models import Audit
from resources.errors import FieldError, FieldErrors
from tenancy import services
from tenancy.actors import MissingPermission, system
from tenancy.models import Person
from tenancy.roles import Role
from tenancy.transactions import transaction
from tests.factories.tenancy import PASSWORD, make_person
from tests.tenancy.conftest import Tenant
from vault.secret import Secret


def create(**changes: Any) -> Person:
    told: dict[str, Any] = {
        "email": "ann@example.org",
        "name": "Ann",
        "password": Secret(PASSWORD),
        "by": system(),
        "at": timezone.now(),
    }
    place = services.Place(
        changes.pop("role", Role.ADMIN), changes.pop("application", None), changes.pop("identity_id", None)
    )
    return services.create_person(place=place, **told | changes)


def audits(action: str) -> list[tuple[Any, str, str]]:
    with transaction(by=system()):
        return list(Audit.objects.filter(action=action).values_list("application_id", "reason", "result"))


def test_person_signs_in_with_a_hash_and_is_audited_in_its_tenant(own: Tenant) -> None:
    person = create(email=" Ann@Example.ORG ", role=Role.PARTNER, application=own.application)

    person.refresh_from_db()
    assert (person.email, person.check_password(PASSWORD), PASSWORD in person.password) == (
        "ann@example.org",
        True,
        False,
    )
    assert audits("create_person") == [(own.application.pk, "ann@example.org as Partner", "DONE")]


@pytest.mark.parametrize("email", ["ann@example.org", "ANN@example.org"])
@pytest.mark.django_db
def test_address_is_taken_once_in_any_case(email: str) -> None:
    create()

    with pytest.raises(services.EmailTaken) as refusal:
        create(email=email)

    assert (refusal.value.field, Person.objects.count()) == ("email", 1)


@pytest.mark.parametrize(
    ("role", "with_application", "with_identity", "field"),
    [
        (Role.ADMIN, True, False, "application"),
        (Role.PLATFORM, True, True, "application"),
        (Role.PARTNER, False, False, "application"),
        (Role.MERCHANT, False, True, "application"),
        (Role.MERCHANT, True, False, "identity"),
        (Role.PARTNER, True, True, "identity"),
        (Role.ADMIN, False, True, "identity"),
    ],
)
def test_role_without_its_tenant_is_refused(
    own: Tenant, *, role: Role, with_application: bool, with_identity: bool, field: str
) -> None:
    with pytest.raises(FieldError) as refusal:
        create(
            role=role,
            application=own.application if with_application else None,
            identity_id=own.identity.pk if with_identity else None,
        )

    assert (refusal.value.field, Person.objects.count(), audits("create_person")) == (field, 0, [])


@pytest.mark.django_db
def test_weak_password_is_refused() -> None:
    with pytest.raises(FieldErrors) as refusal:
        create(password=Secret("short"), email="not an address", name="n" * 101)

    assert [(error.field, str(error)) for error in refusal.value.errors] == [
        ("email", "Enter a valid email address."),
        ("name", "Ensure this value has at most 100 characters (it has 101)."),
        ("password", "Use 12 to 128 characters. Use letters and digits."),
    ]
    assert not Person.objects.exists()


def test_another_role_and_address_end_what_the_old_ones_opened(own: Tenant) -> None:
    person = create()
    EmailAddress.objects.create(user=person, email=person.email, verified=True, primary=True)
    before = person.get_session_auth_hash()

    services.update_person(
        person=person,
        email="Ann@other.org",
        name="Ann O",
        place=services.Place(Role.PARTNER, own.application),
        by=system(),
        at=timezone.now(),
    )

    person.refresh_from_db()
    assert (person.email, person.role, person.application_id) == ("ann@other.org", Role.PARTNER, own.application.pk)
    assert person.get_session_auth_hash() != before
    assert not EmailAddress.objects.exists()
    ((tenant, reason, result),) = audits("update_person")
    assert (tenant, result) == (own.application.pk, "DONE")
    assert reason == (
        "ann@example.org: email ann@example.org → ann@other.org, name Ann → Ann O,"
        f" role ROLE_ADMIN → ROLE_PARTNER, application none → {own.application.public_id}"
    )


@pytest.mark.django_db
def test_nobody_changes_their_own_role() -> None:
    person = create()
    actor = services.person_actor(person, origin=system().origin)

    with pytest.raises(FieldError) as refusal:
        services.update_person(
            person=person,
            email=person.email,
            name="Ann",
            place=services.Place(Role.PLATFORM),
            by=actor,
            at=timezone.now(),
        )

    assert (refusal.value.field, Person.objects.get().role) == ("role", Role.ADMIN)


def test_people_are_managed_by_admins_alone(own: Tenant) -> None:
    person = make_person("bob@example.org", Role.PARTNER, application=own.application)

    with pytest.raises(MissingPermission):
        create(by=own.partner.actor)
    with pytest.raises(MissingPermission):
        services.set_person_active(person=person, is_active=False, by=own.partner.actor, at=timezone.now())

    assert list(Person.objects.values_list("email", "is_active")) == [("bob@example.org", True)]


@pytest.mark.django_db
def test_nobody_switches_off_their_own_access() -> None:
    person = create()
    actor = services.person_actor(person, origin=system().origin)

    with pytest.raises(FieldError) as refusal:
        services.set_person_active(person=person, is_active=False, by=actor, at=timezone.now())

    assert (refusal.value.field, Person.objects.get().is_active) == ("is_active", True)


def test_switching_off_and_on_is_audited(own: Tenant) -> None:
    person = make_person("bob@example.org", Role.PARTNER, application=own.application)

    for is_active in (False, True):
        services.set_person_active(person=person, is_active=is_active, by=system(), at=timezone.now())
        assert Person.objects.get().is_active is is_active

    expected = [(own.application.pk, "bob@example.org", "DONE")]
    assert audits("disable_person") == audits("enable_person") == expected
