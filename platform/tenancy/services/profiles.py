from collections.abc import Mapping
from datetime import datetime
from typing import Any, TypeVar

from tenancy.actors import Actor
from tenancy.models import ApplicationProfile, MerchantProfile, RiskProfile
from tenancy.roles import Permission
from tenancy.transactions import Act, act

Profile = TypeVar("Profile", ApplicationProfile, MerchantProfile)
AnyProfile = TypeVar("AnyProfile", ApplicationProfile, MerchantProfile, RiskProfile)


def update_profile(
    *, profile: Profile, values: Mapping[str, Any], by: Actor, at: datetime, version: str | None = None
) -> Profile:
    """Point an application's or merchant's profile to another risk profile, or set its tags.

    A merchant's that is pointed to nothing, or to its application's, has none of its own any more. Raises
    ChangedMeanwhile for an older `version`.
    """
    if isinstance(profile, MerchantProfile):
        return _update_merchant_profile(profile, values, by, at, version)
    return _update(profile, values, by, at, version)


def update_risk_profile(
    *, profile: RiskProfile, values: Mapping[str, Any], by: Actor, at: datetime, version: str | None = None
) -> RiskProfile:
    """Say which failed checks are let through. Raises ChangedMeanwhile for an older `version`."""
    return _update(profile, values, by, at, version)


def give_own_risk_profile(
    *, profile: MerchantProfile, values: Mapping[str, Any], by: Actor, at: datetime, version: str | None = None
) -> RiskProfile:
    """Let a merchant have a risk profile that is nobody else's, with these values.

    The one that it has is changed where nothing else points to it. Raises ChangedMeanwhile for an older `version` of
    the merchant's profile.
    """
    by.require(Permission.MANAGE_PROFILES)
    with act(
        "give_own_risk_profile", by=by, at=at, application_id=profile.application_id, resource=profile.handle
    ) as current:
        profile = _locked(profile, by)
        profile.refuse_stale(version)
        own = _own(profile, by)
        if own is not None:
            _save(current, own, own.assign(values))
            _save(current, profile, {}, is_touched=True)
            return own
        moments = {"created_at": at, "updated_at": at}
        own = RiskProfile.objects.create(application_id=profile.application_id, **moments, **values)
        changes = {name: [None, value] for name, value in values.items()}
        current.record("risk_profile.created", own, application_id=own.application_id, changes=changes)
        _save(current, profile, profile.assign({"risk_profile": own}))
    return own


def _own(profile: MerchantProfile, by: Actor) -> RiskProfile | None:
    """The profile's own, locked: while it is, nothing else begins to point to it. None where it is shared."""
    if profile.risk_profile_id is None:
        return None
    own = RiskProfile.objects.visible_to(by).select_for_update().get(pk=profile.risk_profile_id)
    others = MerchantProfile.objects.visible_to(by).filter(risk_profile=own).exclude(pk=profile.pk)
    applications = ApplicationProfile.objects.visible_to(by).filter(risk_profile=own)
    return None if others.exists() or applications.exists() else own


def _update_merchant_profile(
    profile: MerchantProfile, values: Mapping[str, Any], by: Actor, at: datetime, version: str | None
) -> MerchantProfile:
    by.require(Permission.MANAGE_PROFILES)
    with act(
        "update_merchant_profile", by=by, at=at, application_id=profile.application_id, resource=profile.handle
    ) as current:
        profile = _locked(profile, by)
        profile.refuse_stale(version)
        told = dict(values)
        if told.get("risk_profile") is not None:
            inherited = ApplicationProfile.objects.visible_to(by).filter(application=profile.application_id)
            if inherited.filter(risk_profile=told["risk_profile"]).exists():
                told["risk_profile"] = None
        _save(current, profile, profile.assign(told))
        return MerchantProfile.objects.visible_to(by).with_effective().get(pk=profile.pk)


def _locked(profile: MerchantProfile, by: Actor) -> MerchantProfile:
    profiles = MerchantProfile.objects.visible_to(by).select_related("risk_profile")
    return profiles.select_for_update(of=("self",)).get(pk=profile.pk)


def _update(profile: AnyProfile, values: Mapping[str, Any], by: Actor, at: datetime, version: str | None) -> AnyProfile:
    by.require(Permission.MANAGE_PROFILES)
    with act(
        f"update_{profile.KIND}", by=by, at=at, application_id=profile.application_id, resource=profile.handle
    ) as current:
        profile = type(profile).objects.visible_to(by).select_for_update(of=("self",)).get(pk=profile.pk)
        profile.refuse_stale(version)
        _save(current, profile, profile.assign(values))
    return profile


def _save(
    current: Act,
    profile: ApplicationProfile | MerchantProfile | RiskProfile,
    changes: Mapping[str, list[Any]],
    *,
    is_touched: bool = False,
) -> None:
    """`is_touched`: what it points to was changed, and a page that showed it before is out of date."""
    if changes or is_touched:
        profile.updated_at = current.at
        profile.save(update_fields=[*changes, "updated_at"])
    if changes:
        kind = f"{profile.KIND}.updated"
        current.record(kind, profile, application_id=profile.application_id, changes=dict(changes))
