"""Refusals to start: with a role that row security does not bind, with lost acknowledgements, with unsafe settings."""

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, register
from django.db import connections

SMTP = "django.core.mail.backends.smtp.EmailBackend"


@register(Tags.database)
def app_role_is_bound(databases: Sequence[str] | None = None, **_: Any) -> list[CheckMessage]:
    """The run-time role is neither superuser nor BYPASSRLS nor owner of a table, and commits are durable."""
    if "default" not in (databases or []):
        return []
    return [Error(problem, id=f"tenancy.E{number:03}") for number, problem in enumerate(role_problems(), 1)]


def role_problems(*, using: str = "default") -> list[str]:
    problems = []
    with connections[using].cursor() as cursor:
        cursor.execute("SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user")
        if cursor.fetchone()[0]:
            problems.append(
                "DATABASE_URL: the app role must be neither superuser nor BYPASSRLS; row security would not bind it."
            )
        cursor.execute("SELECT count(*) FROM pg_tables WHERE tableowner = current_user AND schemaname = 'public'")
        if cursor.fetchone()[0]:
            problems.append("DATABASE_URL: the app role must own no table; owners see through row security.")
        cursor.execute("SHOW synchronous_commit")
        if cursor.fetchone()[0] == "off":
            problems.append("DATABASE_URL: synchronous_commit is off; acknowledged payments could be lost.")
    return problems


@register(Tags.security)
def live_settings_are_safe(**_: Any) -> list[CheckMessage]:
    """What a live installation must not have."""
    if not settings.IS_LIVE:
        return []
    wrong = {
        "DEBUG": settings.DEBUG,
        "PORTAL_OVER_HTTP": settings.PORTAL_OVER_HTTP,
        "PUBLIC_URL": not settings.PUBLIC_URL.startswith("https://"),
        "ALLOWED_HOSTS": any("*" in host or host.startswith(".") for host in settings.ALLOWED_HOSTS),
        "EMAIL_URL": settings.EMAIL_BACKEND != SMTP,
    }
    return [
        Error(f"{name} is not fit for a live installation.", id="tenancy.E010")
        for name, is_wrong in wrong.items()
        if is_wrong
    ]
