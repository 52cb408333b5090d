"""What pages tell of a resource, as pairs of label and value for `_facts.html`."""

from typing import Any

from onboarding.models import Identity
from portal.design.states import badge, words
from portal.design.values import day, moment, money
from tenancy.models import Application, RiskProfile

Facts = list[tuple[str, Any]]

_CURRENCY = "USD"  # amounts of the underwriting form carry no currency of their own


def identity_facts(identity: Identity) -> list[tuple[str, Facts]]:
    """The facts of an identity by section. Tax ids and birth dates are only ever "provided"."""
    person: Facts = [
        ("Name", " ".join(part for part in (identity.first_name, identity.last_name) if part)),
        ("E-mail", identity.email),
        ("Phone", identity.phone),
        ("Home address", _address(identity.personal_address)),
    ]
    if not identity.is_merchant:
        return [("Person", person)]
    return [
        ("Business", [
            ("Legal name", identity.business_name),
            ("Trading name", identity.doing_business_as),
            ("Type", identity.get_business_type_display()),
            ("Ownership", identity.get_ownership_type_display() if identity.ownership_type else None),
            ("Tax id", _provided(is_there=identity.business_tax_id_provided)),
            ("Founded", day(identity.incorporation_date)),
            ("Website", identity.url),
            ("Customer service", identity.business_phone),
            ("Address", _address(identity.business_address)),
        ]),
        ("Principal", [
            *person[:1],
            ("Title", identity.title),
            ("Share owned", _percent(identity.principal_percentage_ownership)),
            *person[1:],
            ("Date of birth", _provided(is_there=identity.dob_provided)),
            ("Tax id", _provided(is_there=identity.tax_id_provided)),
        ]),
        ("Processing", [
            ("Statement descriptor", identity.default_statement_descriptor),
            ("Merchant category", identity.mcc),
            ("Card sales a year", money(int(identity.annual_card_volume), _CURRENCY)),
            ("Largest transaction", money(identity.max_transaction_amount, _CURRENCY)),
            ("Took cards before", _yes_no(is_so=identity.has_accepted_credit_cards_previously)),
        ]),
    ]  # fmt: skip


def application_facts(application: Application) -> Facts:
    return [
        ("Processing", badge(application.processing_enabled)),
        ("Settlement", badge(application.settlement_enabled)),
        ("API access", badge(application.enabled)),
        ("Security code required", _yes_no(is_so=application.card_cvv_required)),
        ("Expiry required", _yes_no(is_so=application.card_expiration_date_required)),
        ("Funds ready upon", words(application.ready_to_settle_upon or "")),
        ("Fees ready upon", words(application.fee_ready_to_settle_upon)),
        ("Funding identifier", words(application.settlement_funding_identifier)),
        ("Created", moment(application.created_at)),
        ("Updated", moment(application.updated_at)),
    ]


def risk_facts(profile: RiskProfile) -> Facts:
    return [
        ("Failed address check", _let_through(is_allowed=profile.avs_failure_allowed)),
        ("Failed security code", _let_through(is_allowed=profile.csc_failure_allowed)),
    ]


def _let_through(*, is_allowed: bool) -> str:
    return "Let through" if is_allowed else "Declined"


def _yes_no(*, is_so: bool) -> str:
    return "Yes" if is_so else "No"


def _provided(*, is_there: bool) -> str | None:
    return "Provided" if is_there else None


def _percent(share: int | None) -> str | None:
    return None if share is None else f"{share} %"


def _address(address: dict[str, str | None] | None) -> str | None:
    if not address:
        return None
    place = " ".join(part for part in (address.get("region"), address.get("postal_code")) if part)
    lines = (address.get("line1"), address.get("line2"), address.get("city"), place, address.get("country"))
    return ", ".join(line for line in lines if line)
