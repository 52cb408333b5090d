from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import IntegrityError

from resources.errors import DomainError, FieldError, FieldErrors
from tenancy.actors import Actor
from tenancy.models import Application, MerchantProfile, Processor
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
_DOCUMENTED_CAMEL_CASE = {"canDebitBankAccount": "can_debit_bank_account", "sandboxProfile": "sandbox_profile"}
_SANDBOX_PROFILES = (None, "realistic", "finix-2026")


class ProcessorAlreadyEnabled(DomainError):
    message = "The application has this processor already."


def enable_processor(
    *, application: Application, name: Processor.Name, config: Mapping[str, Any], by: Actor, at: datetime
) -> Processor:
    """Let an application onboard merchants at a processor. Raises ProcessorAlreadyEnabled."""
    by.require(Permission.MANAGE_PROCESSORS)
    if settings.IS_LIVE and name == Processor.Name.DUMMY_V1:
        raise FieldError("type", "DUMMY_V1 is for sandbox installations; this one is live.")
    settings_of_application = _DEFAULTS | _read(config, "config")
    try:
        with act("enable_processor", by=by, at=at, application_id=application.id) as current:
            processor = Processor.objects.create(
                application=application,
                processor=name,
                config=dict(config),
                application_config=settings_of_application,
                default_merchant_profile=MerchantProfile.objects.create(
                    application=application, created_at=at, updated_at=at
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
    version: str | None = None,
) -> Processor:
    """Change settings of a processor; members that are not given keep their values.

    Raises FieldError naming the refused setting, and ChangedMeanwhile for an older `version`.
    """
    by.require(Permission.MANAGE_PROCESSORS)
    told = _read(config or {}, "config")
    for name, value in _read(application_config or {}, "application_config").items():
        if told.setdefault(name, value) != value:
            raise FieldError(f"application_config.{name}", "Says another thing than config")
    with act(
        "update_processor", by=by, at=at, application_id=processor.application_id, resource=processor.handle
    ) as current:
        processor = Processor.objects.visible_to(by).select_for_update().get(pk=processor.pk)
        processor.refuse_stale(version)
        values: dict[str, Any] = {"application_config": processor.application_config | told}
        if config is not None:
            values["config"] = _echo(processor.config, config)
        if enabled is not None:
            values["enabled"] = enabled
        changes = processor.assign(values)
        if changes:
            processor.updated_at = at
            processor.save(update_fields=[*changes, "updated_at"])
            current.record("processor.updated", processor, application_id=processor.application_id, changes=changes)
    return processor


def _read(config: Mapping[str, Any], member: str) -> dict[str, Any]:
    """Settings under our names. Refuses those that we act upon and cannot read; free keys are kept as they are."""
    settings: dict[str, Any] = {}
    refusals = []
    for name, value in config.items():
        own = _own_name(name)
        if settings.setdefault(own, value) != value:
            refusals.append(FieldError(f"{member}.{name}", "Said twice, and differently"))
        if problem := _PROBLEMS.get(own, _no_problem)(value):
            refusals.append(FieldError(f"{member}.{name}", problem))
    if refusals:
        raise FieldErrors(refusals)
    return settings


def _own_name(name: str) -> str:
    return _DOCUMENTED_CAMEL_CASE.get(name, name)


def _echo(kept: Mapping[str, Any], told: Mapping[str, Any]) -> dict[str, Any]:
    """`config` as it was sent last: a setting told under another spelling takes the place of the one before."""
    own = {_own_name(name) for name in told}
    return {name: value for name, value in kept.items() if _own_name(name) not in own} | dict(told)


def _no_problem(_value: Any) -> str:
    return ""


def _flag_problem(value: Any) -> str:
    return "" if isinstance(value, bool) else "Must be true or false"


def _method_problem(value: Any) -> str:
    return "" if value in Processor.SubmissionMethod.values else "One of real_time, batch is needed"


def _profile_problem(value: Any) -> str:
    return "" if value in _SANDBOX_PROFILES else "One of realistic, finix-2026 or null is needed"


def _currencies_problem(value: Any) -> str:
    is_list = isinstance(value, list) and all(isinstance(code, str) and len(code) == 3 for code in value)
    return "" if is_list else "Must be a list of three-letter currency codes"


_PROBLEMS = {
    "card_sale_submission_method": _method_problem,
    "sandbox_profile": _profile_problem,
    "can_debit_bank_account": _flag_problem,
    "allow_split_payouts": _flag_problem,
    "alert_on_unknown_merchants": _flag_problem,
    "default_currencies": _currencies_problem,
}
