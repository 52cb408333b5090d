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
    VIEW_MERCHANTS = "merchants.view"
    PROVISION_MERCHANTS = "merchants.provision"
    MANAGE_MERCHANTS = "merchants.manage"
    VIEW_INSTRUMENTS = "payment_instruments.view"
    CREATE_INSTRUMENTS = "payment_instruments.create"
    MANAGE_INSTRUMENTS = "payment_instruments.manage"
    VIEW_REVIEWS = "review.view"
    DECIDE_REVIEWS = "review.decide"
    VIEW_TRANSFERS = "transfers.view"
    CREATE_TRANSFERS = "transfers.create"
    REFUND_TRANSFERS = "transfers.refund"
    ADJUST_MERCHANTS = "transfers.adjust"
    VIEW_SETTLEMENTS = "settlements.view"
    MANAGE_SETTLEMENTS = "settlements.manage"
    FUND_SETTLEMENTS = "settlements.fund"
    VIEW_ATTEMPTS = "attempts.view"
    RESOLVE_ATTEMPTS = "attempts.resolve"
    VIEW_PROVIDER_DATA = "provider_data.view"
    CREATE_EXPORTS = "exports.create"
    VIEW_PEOPLE = "people.view"
    MANAGE_PEOPLE = "people.manage"
    VIEW_AUDIT = "audit.view"


_MERCHANT = frozenset(
    {
        Permission.VIEW_APPLICATIONS,
        Permission.VIEW_IDENTITIES,
        Permission.VIEW_MERCHANTS,
        Permission.VIEW_INSTRUMENTS,
        Permission.VIEW_TRANSFERS,
        Permission.VIEW_SETTLEMENTS,
        Permission.CREATE_EXPORTS,
    }
)
_PARTNER = _MERCHANT | {
    Permission.VIEW_PROCESSORS,
    Permission.VIEW_PROFILES,
    Permission.VIEW_API_USERS,
    Permission.CREATE_API_USERS,
    Permission.MANAGE_API_USERS,
    Permission.MANAGE_IDENTITIES,
    Permission.PROVISION_MERCHANTS,
    Permission.CREATE_INSTRUMENTS,
    Permission.MANAGE_INSTRUMENTS,
    Permission.CREATE_TRANSFERS,
    Permission.REFUND_TRANSFERS,
    Permission.MANAGE_SETTLEMENTS,
    Permission.VIEW_ATTEMPTS,
}
_PLATFORM = _PARTNER | {
    Permission.MANAGE_APPLICATIONS,
    Permission.MANAGE_PROCESSORS,
    Permission.MANAGE_PROFILES,
    Permission.MANAGE_MERCHANTS,
    Permission.VIEW_REVIEWS,
    Permission.DECIDE_REVIEWS,
    Permission.ADJUST_MERCHANTS,
    Permission.FUND_SETTLEMENTS,
    Permission.RESOLVE_ATTEMPTS,
    Permission.VIEW_PROVIDER_DATA,
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
