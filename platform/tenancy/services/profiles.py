from collections.abc import Mapping
from datetime import datetime
from typing import Any, TypeVar

from events.services import Changes
from tenancy.actors import Actor
from tenancy.models import ApplicationProfile, MerchantProfile, RiskProfile
from tenancy.roles import Permission
from tenancy.transactions import act

Profile = TypeVar("Profile", ApplicationProfile, MerchantProfile)


def update_profile(*, profile: Profile, values: Mapping[str, Any], by: Actor, at: datetime) -> Profile:
    """Point an application's or merchant's profile to another risk profile, or set its tags."""
    return _update(profile, values, by, at)


def update_risk_profile(*, profile: RiskProfile, values: Mapping[str, Any], by: Actor, at: datetime) -> RiskProfile:
    """Say which failed checks are let through."""
    return _update(profile, values, by, at)


AnyProfile = TypeVar("AnyProfile", ApplicationProfile, MerchantProfile, RiskProfile)


def _update(profile: AnyProfile, values: Mapping[str, Any], by: Actor, at: datetime) -> AnyProfile:
    by.require(Permission.MANAGE_PROFILES)
    with act(
        f"update_{profile.KIND}", by=by, at=at, application_id=profile.application_id, resource=profile.handle
    ) as current:
        profile = type(profile).objects.visible_to(by).select_for_update(of=("self",)).get(pk=profile.pk)
        changes: Changes = profile.assign(values)
        if changes:
            profile.updated_at = at
            profile.save(update_fields=[*changes, "updated_at"])
            current.record(f"{profile.KIND}.updated", profile, application_id=profile.application_id, changes=changes)
    return profile
