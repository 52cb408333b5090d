"""Each constraint of the tables of tenancy and the histories has a statement that it refuses."""

from typing import Any

import pytest
from django.db import IntegrityError

from tenancy.models import ApiUser, Application, Person
from tests.tenancy.conftest import Tenant, in_sight_of, refused, run


@pytest.mark.parametrize("role", ["ROLE_ADMIN", "ROLE_PLATFORM"])
def test_user_of_the_platform_has_no_application(own: Tenant, role: str) -> None:
    with refused(IntegrityError, "api_user_platform_has_no_application"):
        ApiUser.objects.create(role=role, application=own.application, secret_hash=b"")


@pytest.mark.parametrize("lacking", ["application", "identity_id"])
def test_merchants_user_has_application_and_identity(own: Tenant, lacking: str) -> None:
    columns: dict[str, Any] = {"application": own.application, "identity_id": own.identity.pk} | {lacking: None}

    with refused(IntegrityError, "api_user_merchant_has_identity"):
        ApiUser.objects.create(role="ROLE_MERCHANT", secret_hash=b"", **columns)


@pytest.mark.parametrize(
    ("role", "has_application", "has_identity"),
    [
        ("ROLE_ADMIN", True, False),
        ("ROLE_ADMIN", False, True),
        ("ROLE_PLATFORM", True, False),
        ("ROLE_PARTNER", False, False),
        ("ROLE_MERCHANT", True, False),
        ("ROLE_MERCHANT", False, True),
        ("ROLE_KING", False, False),
    ],
)
def test_person_belongs_where_the_role_says(
    own: Tenant, role: str, *, has_application: bool, has_identity: bool
) -> None:
    with refused(IntegrityError, "person_tenant_fits_role"):
        Person.objects.create(
            email="x@example.org",
            role=role,
            application=own.application if has_application else None,
            identity_id=own.identity.pk if has_identity else None,
        )


def test_email_is_taken_once(own: Tenant) -> None:
    Person.objects.create(email="x@example.org", role="ROLE_ADMIN")

    with refused(IntegrityError, "person_email"):
        Person.objects.create(email="x@example.org", role="ROLE_ADMIN")


def test_there_is_one_platform(own: Tenant) -> None:
    with in_sight_of(own.application.pk), refused(IntegrityError, "application_one_platform"):
        Application.objects.filter(pk=own.application.pk).update(is_platform=True)


@pytest.mark.parametrize(
    ("table", "constraint"),
    [
        ("processor", "processor_once_per_application"),
        ("application_profile", "application_profile_once"),
        ("vault_value", "vault_value_once_per_owner"),
        ("event", "event_sequence_once_per_resource"),
    ],
)
def test_row_under_another_key_is_a_second_one(own: Tenant, table: str, constraint: str) -> None:
    columns = run("SELECT column_name FROM information_schema.columns WHERE table_name = %s", table)
    others = ", ".join(name for (name,) in columns if name != "id")

    with in_sight_of(own.application.pk), refused(IntegrityError, constraint):
        run(f"INSERT INTO {table} (id, {others}) SELECT gen_random_uuid(), {others} FROM {table}")


@pytest.mark.parametrize("table", ["application", "identity", "risk_profile", "merchant_profile"])
def test_row_that_others_stand_on_is_not_deleted(own: Tenant, table: str) -> None:
    with in_sight_of(own.application.pk), refused(IntegrityError, "violates foreign key constraint"):
        run(f"DELETE FROM {table}")
