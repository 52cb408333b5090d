from onboarding.services.applications import UserOwnsApplication, create_application, found_application
from onboarding.services.identities import (
    NoApplication,
    create_identity,
    create_identity_user,
    update_identity,
)
from onboarding.services.sealed import attach_birth_dates

__all__ = [
    "NoApplication",
    "UserOwnsApplication",
    "attach_birth_dates",
    "create_application",
    "create_identity",
    "create_identity_user",
    "found_application",
    "update_identity",
]
