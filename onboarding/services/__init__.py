from onboarding.services.applications import UserOwnsApplication, create_application
from onboarding.services.identities import (
    ChangedMeanwhile,
    NoApplication,
    create_identity,
    create_identity_user,
    update_identity,
)
from onboarding.services.sealed import attach_birth_dates

__all__ = [
    "ChangedMeanwhile",
    "NoApplication",
    "UserOwnsApplication",
    "attach_birth_dates",
    "create_application",
    "create_identity",
    "create_identity_user",
    "update_identity",
]
