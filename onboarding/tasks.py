import uuid
from datetime import timedelta

from django.utils import timezone

from jobs.registry import handler
from onboarding import services
from onboarding.forms.imports import bank_account_of, entity_of
from onboarding.services import forms, imports
from onboarding.services.imports import JOB, RowReader, run_import
from tenancy.actors import system
from tenancy.transactions import transaction

READER = RowReader(
    entity=entity_of,
    bank_account=lambda answers, secrets, now: bank_account_of(answers, secrets, now=now),
)
_WORK = timedelta(seconds=20)


@handler(JOB, lease=timedelta(seconds=60))
def import_merchants(import_id: str, application_id: str) -> None:
    run_import(uuid.UUID(import_id), uuid.UUID(application_id), reader=READER, until=timezone.now() + _WORK)


@handler("onboarding.purge_tokens", every=timedelta(days=1))
def purge_tokens() -> None:
    """Tokens that nobody claimed, a month after they expired."""
    deleted = 1
    while deleted:
        with transaction(by=system()):
            deleted = services.purge_tokens(timezone.now())


@handler("onboarding.withdraw_forgotten", every=timedelta(days=1))
def withdraw_forgotten() -> None:
    """Imports that nobody confirmed and open forms that nobody touched, with what they held."""
    by, now = system(), timezone.now()
    imports.withdraw_forgotten(by=by, at=now)
    forms.withdraw_forgotten(by=by, at=now)
