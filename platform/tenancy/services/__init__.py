from tenancy.services.api_users import (
    CannotDisableItself,
    add_api_user,
    create_api_user,
    update_api_user,
)
from tenancy.services.applications import find_application, set_clock_offset, update_application
from tenancy.services.logins import authenticate_api_user, person_actor, record_denial
from tenancy.services.people import EmailTaken, Place, create_person, set_person_active, update_person
from tenancy.services.platform import platform_id
from tenancy.services.processors import ProcessorAlreadyEnabled, enable_processor, update_processor
from tenancy.services.profiles import update_profile, update_risk_profile
from tenancy.services.sealing import seal_audit, verify_audit

__all__ = [
    "CannotDisableItself",
    "EmailTaken",
    "Place",
    "ProcessorAlreadyEnabled",
    "add_api_user",
    "authenticate_api_user",
    "create_api_user",
    "create_person",
    "enable_processor",
    "find_application",
    "person_actor",
    "platform_id",
    "record_denial",
    "seal_audit",
    "set_clock_offset",
    "set_person_active",
    "update_api_user",
    "update_application",
    "update_person",
    "update_processor",
    "update_profile",
    "update_risk_profile",
    "verify_audit",
]
