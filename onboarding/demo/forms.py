"""Merchants that are on their way in: a form half filled in, an invitation, and a file that was imported."""

import uuid
from collections.abc import Mapping
from datetime import datetime, timedelta

from jobs.services import forget
from onboarding.forms.imports import Line, judge
from onboarding.forms.saved import MerchantDraftForm
from onboarding.models import MerchantImport, OnboardingForm
from onboarding.services import forms, imports
from onboarding.tasks import READER
from providers import clock
from tenancy.actors import Actor
from tenancy.models import Application
from tenancy.transactions import transaction

_DRAFT = {
    "business_name": "Tidepool Printmakers LLC", "doing_business_as": "Tidepool Printmakers",
    "business_type": "LIMITED_LIABILITY_COMPANY", "ownership_type": "PRIVATE", "business_tax_id": "471234567",
    "incorporation_date": "2019-04-02", "url": "www.tidepoolprintmakers.example", "business_phone": "+1 (503) 555-0188",
    "business_address__line1": "88 Front St", "business_address__city": "Portland", "business_address__region": "OR",
    "business_address__postal_code": "97209", "business_address__country": "USA",
    "first_name": "Wanda", "last_name": "Ortiz", "email": "wanda@tidepoolprintmakers.example",
    "personal_address__country": "USA",
}  # fmt: skip
_INVITED = "Marigold Bindery"
_ROW = {
    "business_type": "CORPORATION", "ownership_type": "PRIVATE", "url": "www.example.org",
    "business_phone": "+1 (218) 555-0171", "incorporation_date": "2016-09-12", "business_address.line1": "14 Mill Road",
    "business_address.city": "Duluth", "business_address.region": "MN", "business_address.postal_code": "55802",
    "business_address.country": "USA", "title": "Owner", "principal_percentage_ownership": "100", "dob": "1979-03-08",
    "phone": "2185550172", "personal_address.line1": "3 Canal St", "personal_address.city": "Duluth",
    "personal_address.region": "MN", "personal_address.postal_code": "55802", "personal_address.country": "USA",
    "mcc": "5947", "annual_card_volume": "180000", "max_transaction_amount": "900",
    "has_accepted_credit_cards_previously": "yes", "bank_code": "122105278", "account_type": "BUSINESS_CHECKING",
}  # fmt: skip
_FILE = (
    {
        "business_name": "Lakeshore Gifts Inc", "doing_business_as": "Lakeshore Gifts", "first_name": "Petra",
        "last_name": "Lund", "email": "petra@lakeshoregifts.example", "business_tax_id": "471234571",
        "tax_id": "471234572", "default_statement_descriptor": "LAKESHORE GIFTS", "account_number": "7700112233",
    },
    {
        "business_name": "Agate Hall Inc", "doing_business_as": "Agate Hall", "first_name": "Omar",
        "last_name": "Diallo", "email": "omar@agatehall.example", "business_tax_id": "471234573",
        "tax_id": "471234574", "default_statement_descriptor": "AGATE HALL", "account_number": "7700112244",
    },
    {
        "business_name": "Copper Kettle Inc", "doing_business_as": "Copper Kettle", "first_name": "Nils",
        "last_name": "Berg", "email": "nils at copperkettle", "business_tax_id": "47123", "tax_id": "471234576",
        "default_statement_descriptor": "COPPER KETTLE", "account_number": "7700112255",
    },
)  # fmt: skip


def ensure_merchants_on_their_way(application: Application, now: datetime, by: Actor) -> None:
    """Each under a key of its own, so that a second run finds what the first has made."""
    _ensure_draft(application, now - timedelta(hours=20), by)
    _ensure_invitation(application, now - timedelta(hours=3), by)
    _ensure_import(application, now, by)


def _ensure_draft(application: Application, at: datetime, by: Actor) -> None:
    key = _key(application, "draft")
    with transaction(by=by):
        if OnboardingForm.objects.visible_to(by).filter(pk=key).exists():
            return
    form = MerchantDraftForm(_DRAFT)
    form.is_valid()
    forms.save_form(key=key, application_id=application.pk, draft=form.draft(seen=None), by=by, at=at)


def _ensure_invitation(application: Application, at: datetime, by: Actor) -> None:
    """Nobody has its link: the page of the form makes another."""
    key = _key(application, "invitation")
    with transaction(by=by):
        if OnboardingForm.objects.visible_to(by).filter(pk=key).exists():
            return
    forms.invite_merchant(key=key, application_id=application.pk, name=_INVITED, lives=timedelta(days=14), by=by, at=at)


def _ensure_import(application: Application, now: datetime, by: Actor) -> None:
    key = _key(application, "import")
    with transaction(by=by):
        found = MerchantImport.objects.visible_to(by).filter(pk=key).first()
    if found is None:
        rows = [judge(Line(number, _whole(row)), now=now) for number, row in enumerate(_FILE, start=2)]
        found = imports.check_import(
            key=key,
            application_id=application.pk,
            file_name="harbor-market-spring.csv",
            processor="",
            rows=rows,
            by=by,
            at=now,
        )
    if found.state == MerchantImport.State.CHECKED:
        found = imports.confirm_import(merchant_import=found, by=by, at=now)
    if found.state == MerchantImport.State.RUNNING:
        with clock.at(now):
            imports.run_import(found.pk, application.pk, reader=READER, until=now + timedelta(hours=1))
        forget(imports.JOB, key=imports.first_run_of(found))


def _whole(row: Mapping[str, str]) -> dict[str, str]:
    return {**_ROW, **row}


def _key(application: Application, what: str) -> uuid.UUID:
    return uuid.uuid5(application.pk, f"demo {what}")
