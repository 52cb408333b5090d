from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import IntegrityError

from resources.errors import DomainError, FieldError
from tenancy.actors import Actor
from tenancy.models import Application, MerchantProfile, Processor, RiskProfile
from tenancy.roles import Permission
from tenancy.transactions import act

_DEFAULTS: dict[str, Any] = {
    "can_debit_bank_account": False,
    "allow_split_payouts": False,
    "ach_immediate_destination_name": None,
    "default_currencies": ["USD"],
    "ach_settlement_delay_days": None,
    "alert_on_unknown_merchants": False,
    "template_countries_available": [],
    "card_sale_submission_method": Processor.SubmissionMethod.REAL_TIME.value,
}
_DOCUMENTED_CAMEL_CASE = {"canDebitBankAccount": "can_debit_bank_account"}


class ProcessorAlreadyEnabled(DomainError):
    message = "The application has this processor already; change it with PUT."


def enable_processor(
    *, application: Application, name: Processor.Name, config: Mapping[str, Any], by: Actor, at: datetime
) -> Processor:
    """Let an application onboard merchants at a processor. Raises ProcessorAlreadyEnabled."""
    by.require(Permission.MANAGE_PROCESSORS)
    if settings.IS_LIVE and name == Processor.Name.DUMMY_V1:
        raise FieldError("type", "DUMMY_V1 is for sandbox installations; this one is live.")
    settings_of_application = _DEFAULTS | _snake_case(config)
    _check_settings(settings_of_application, "config")
    try:
        with act("enable_processor", by=by, at=at, application_id=application.id) as current:
            risk_profile = RiskProfile.objects.create(application=application, created_at=at, updated_at=at)
            processor = Processor.objects.create(
                application=application,
                processor=name,
                config=dict(config),
                application_config=settings_of_application,
                default_merchant_profile=MerchantProfile.objects.create(
                    application=application, risk_profile=risk_profile, created_at=at, updated_at=at
                ),
                created_at=at,
                updated_at=at,
            )
            current.record(
                "processor.created",
                processor,
                application_id=application.id,
                changes={"processor": [None, name.value], "config": [None, dict(config)]},
            )
    except IntegrityError as error:
        if "processor_once_per_application" in str(error):
            raise ProcessorAlreadyEnabled from error
        raise
    return processor


def update_processor(
    *,
    processor: Processor,
    by: Actor,
    at: datetime,
    enabled: bool | None = None,
    config: Mapping[str, Any] | None = None,
    application_config: Mapping[str, Any] | None = None,
) -> Processor:
    """Change settings of a processor; members that are not given keep their values."""
    by.require(Permission.MANAGE_PROCESSORS)
    with act("update_processor", by=by, at=at, application_id=processor.application_id) as current:
        processor = Processor.objects.visible_to(by).select_for_update().get(pk=processor.pk)
        values: dict[str, Any] = {
            "application_config": processor.application_config
            | _snake_case(config or {})
            | _snake_case(application_config or {})
        }
        _check_settings(values["application_config"], "application_config")
        if config is not None:
            values["config"] = processor.config | dict(config)
        if enabled is not None:
            values["enabled"] = enabled
        changes = processor.assign(values)
        if changes:
            processor.updated_at = at
            processor.save(update_fields=[*changes, "updated_at"])
            current.record("processor.updated", processor, application_id=processor.application_id, changes=changes)
    return processor


def _snake_case(config: Mapping[str, Any]) -> dict[str, Any]:
    return {_DOCUMENTED_CAMEL_CASE.get(name, name): value for name, value in config.items()}


def _check_settings(values: Mapping[str, Any], member: str) -> None:
    """Refuse values that we act upon and cannot read. Free keys are kept as they are."""
    method = values["card_sale_submission_method"]
    if method not in Processor.SubmissionMethod.values:
        raise FieldError(f"{member}.card_sale_submission_method", "One of real_time, batch is needed")
    for name in ("can_debit_bank_account", "allow_split_payouts", "alert_on_unknown_merchants"):
        if not isinstance(values[name], bool):
            raise FieldError(f"{member}.{name}", "Must be true or false")
