"""Refusals to start."""

from typing import Any

import pytest
from django.core.checks import run_checks
from django.db import connections
from pytest_django import Settings

from tenancy.checks import SMTP, app_role_is_bound, live_settings_are_safe, role_problems
from tests.tenancy.conftest import run

SAFE = {
    "IS_LIVE": True,
    "DEBUG": False,
    "PORTAL_OVER_HTTP": False,
    "PUBLIC_URL": "https://pay.example",
    "ALLOWED_HOSTS": ["pay.example"],
    "EMAIL_BACKEND": SMTP,
}


def set_all(settings: Settings, values: dict[str, Any]) -> None:
    for name, value in values.items():
        setattr(settings, name, value)


@pytest.mark.django_db
def test_app_role_is_fit() -> None:
    assert role_problems() == []
    assert app_role_is_bound(databases=["default"]) == []
    assert app_role_is_bound(databases=None) == []


@pytest.mark.django_db(databases=["default", "owner"])
def test_owner_is_not_fit_as_the_app_role() -> None:
    assert "DATABASE_URL: the app role must own no table; owners see through row security." in role_problems(
        using="owner"
    )


@pytest.mark.django_db(databases=["default", "owner"])
def test_superuser_is_not_fit_as_the_app_role() -> None:
    """Whoever may bypass row security: our own servers know only one, and tests may not be it."""
    with connections["owner"].cursor() as cursor:
        cursor.execute("SELECT rolname FROM pg_roles WHERE rolsuper OR rolbypassrls")
        names = [name for (name,) in cursor.fetchall()]
        cursor.execute("SELECT current_user")
        (owner,) = cursor.fetchone()

    problem = "DATABASE_URL: the app role must be neither superuser nor BYPASSRLS; row security would not bind it."
    assert (problem in role_problems(using="owner")) == (owner in names)
    assert "merchantry_app" not in names


@pytest.mark.django_db
def test_lost_acknowledgements_are_not_fit() -> None:
    run("SET LOCAL synchronous_commit = off")

    problem = "DATABASE_URL: synchronous_commit is off; acknowledged payments could be lost."
    assert role_problems() == [problem]
    assert [(error.id, error.msg) for error in app_role_is_bound(databases=["default"])] == [("tenancy.E001", problem)]


def test_safe_live_settings_pass(settings: Settings) -> None:
    set_all(settings, SAFE)

    assert live_settings_are_safe() == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DEBUG", True),
        ("PORTAL_OVER_HTTP", True),
        ("PUBLIC_URL", "http://pay.example"),
        ("ALLOWED_HOSTS", ["*"]),
        ("ALLOWED_HOSTS", ["pay.example", ".example"]),
        ("ALLOWED_HOSTS", ["*.example"]),
    ],
)
def test_each_unsafe_live_setting_is_named(settings: Settings, name: str, value: Any) -> None:
    set_all(settings, SAFE | {name: value})

    assert [error.msg for error in live_settings_are_safe()] == [f"{name} is not fit for a live installation."]
    assert [error.id for error in run_checks(tags=["security"]) if error.id.startswith("tenancy")] == ["tenancy.E010"]


def test_live_installation_sends_its_mail(settings: Settings) -> None:
    set_all(settings, SAFE | {"EMAIL_BACKEND": "django.core.mail.backends.console.EmailBackend"})

    assert [error.msg for error in live_settings_are_safe()] == ["EMAIL_URL is not fit for a live installation."]


def test_sandbox_may_be_unsafe(settings: Settings) -> None:
    set_all(settings, SAFE | {"IS_LIVE": False, "DEBUG": True, "ALLOWED_HOSTS": ["*"]})

    assert live_settings_are_safe() == []
