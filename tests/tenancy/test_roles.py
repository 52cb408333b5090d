import pytest

from tenancy.actors import MissingPermission, system
from tenancy.roles import PERMISSIONS, Permission, Role

ONLY_FROM = {
    Role.MERCHANT: {
        "applications.view", "identities.view", "merchants.view", "payment_instruments.view", "settlements.view",
        "transfers.view", "exports.create",
    },
    Role.PARTNER: {
        "processors.view", "profiles.view", "api_users.view", "api_users.create", "api_users.manage",
        "identities.manage", "merchants.provision", "payment_instruments.create", "payment_instruments.manage",
        "transfers.create", "transfers.refund", "settlements.manage", "attempts.view",
    },
    Role.PLATFORM: {
        "applications.manage", "processors.manage", "profiles.manage", "api_users.create_owner", "people.view",
        "audit.view", "merchants.manage", "provider_data.view", "review.view", "review.decide",
        "attempts.resolve", "settlements.fund", "transfers.adjust",
    },
    Role.ADMIN: {"api_users.create_platform", "people.manage"},
}  # fmt: skip
"""What each role may do beyond the one before it."""


def test_each_role_may_what_the_one_below_may_and_what_is_listed() -> None:
    below: set[str] = set()
    for role, more in ONLY_FROM.items():
        below |= more
        assert {permission.value for permission in PERMISSIONS[role]} == below
    assert below == {permission.value for permission in Permission}


@pytest.mark.django_db
def test_missing_permission_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    actor = system()
    actor.require(Permission.VIEW_AUDIT)
    monkeypatch.setitem(PERMISSIONS, Role.ADMIN, frozenset())

    with pytest.raises(MissingPermission) as refusal:
        actor.require(Permission.VIEW_AUDIT)

    assert (refusal.value.permission, refusal.value.status, str(refusal.value)) == (
        "audit.view",
        403,
        "Access is denied",
    )
