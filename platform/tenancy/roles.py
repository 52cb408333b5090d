"""What each role may do. Permissions are one enum, a role is a set of them, and a view names the one it needs."""

from enum import StrEnum

from django.db import models


class Role(models.TextChoices):
    ADMIN = "ROLE_ADMIN", "Admin"
    PLATFORM = "ROLE_PLATFORM", "Platform"
    PARTNER = "ROLE_PARTNER", "Partner"
    MERCHANT = "ROLE_MERCHANT", "Merchant"

    @classmethod
    def of_the_platform(cls) -> frozenset["Role"]:
        """Roles that see every application."""
        return frozenset({cls.ADMIN, cls.PLATFORM})


class Permission(StrEnum):
    """Named in a refusal exactly as written here."""

    VIEW_APPLICATIONS = "applications.view"
    MANAGE_APPLICATIONS = "applications.manage"
    VIEW_PROCESSORS = "processors.view"
    MANAGE_PROCESSORS = "processors.manage"
    VIEW_PROFILES = "profiles.view"
    MANAGE_PROFILES = "profiles.manage"
    VIEW_API_USERS = "api_users.view"
    CREATE_API_USERS = "api_users.create"
    MANAGE_API_USERS = "api_users.manage"
    CREATE_OWNER_USERS = "api_users.create_owner"
    CREATE_PLATFORM_USERS = "api_users.create_platform"
    VIEW_IDENTITIES = "identities.view"
    MANAGE_IDENTITIES = "identities.manage"
    VIEW_PEOPLE = "people.view"
    MANAGE_PEOPLE = "people.manage"
    VIEW_AUDIT = "audit.view"


_MERCHANT = frozenset({Permission.VIEW_APPLICATIONS, Permission.VIEW_IDENTITIES})
_PARTNER = _MERCHANT | {
    Permission.VIEW_PROCESSORS,
    Permission.VIEW_PROFILES,
    Permission.VIEW_API_USERS,
    Permission.CREATE_API_USERS,
    Permission.MANAGE_API_USERS,
    Permission.MANAGE_IDENTITIES,
}
_PLATFORM = _PARTNER | {
    Permission.MANAGE_APPLICATIONS,
    Permission.MANAGE_PROCESSORS,
    Permission.MANAGE_PROFILES,
    Permission.CREATE_OWNER_USERS,
    Permission.VIEW_PEOPLE,
    Permission.VIEW_AUDIT,
}
_ADMIN = _PLATFORM | {Permission.CREATE_PLATFORM_USERS, Permission.MANAGE_PEOPLE}

PERMISSIONS: dict[Role, frozenset[Permission]] = {
    Role.MERCHANT: _MERCHANT,
    Role.PARTNER: _PARTNER,
    Role.PLATFORM: _PLATFORM,
    Role.ADMIN: _ADMIN,
}
