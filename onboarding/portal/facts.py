"""What pages tell of a resource, as pairs of label and value for `_facts.html`."""

import json
from typing import Any

from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from onboarding.categories import category_name
from onboarding.models import Identity, Merchant, PaymentInstrument, Verification
from onboarding.portal.standing import processing_badge, settlements_badge
from onboarding.underwriting import RECEIVES_ONLY
from portal.design.states import badge, words
from portal.design.values import day, moment, money
from providers.models import CopiedFromProvider
from tenancy.models import Application, RiskProfile

Facts = list[tuple[str, Any]]

_CURRENCY = "USD"  # amounts of the underwriting form carry no currency of their own
_SETTLED_UPON = Application.SettleUpon.RECONCILIATION  # where neither merchant nor application says
_BRANDS = {
    "AMERICAN_EXPRESS": "American Express",
    "CHINA_UNION_PAY": "China UnionPay",
    "DINERS_CLUB": "Diners Club",
    "JCB": "JCB",
}
_DETAILS = {"api_key": "API key", "mid": "MID"}


def identity_facts(identity: Identity) -> list[tuple[str, Facts]]:
    """The facts of an identity, whose business is joined, by section. What is sealed is only ever "provided"."""
    person: Facts = [
        ("Name", " ".join(part for part in (identity.first_name, identity.last_name) if part)),
        ("E-mail", identity.email),
        ("Phone", identity.phone),
        ("Home address", _address(identity.personal_address)),
    ]
    if identity.associated_with_id is not None:
        business: Facts = [("Owns a share of", _business_link(identity.associated_with))]
        return [("Beneficial owner", [*person[:1], *business, *_as_owner(identity), *person[1:], *_sealed(identity)])]
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
            *_as_owner(identity),
            *person[1:],
            *_sealed(identity),
        ]),
        ("Processing", [
            ("Statement descriptor", identity.default_statement_descriptor),
            ("Merchant category", _category(identity.mcc)),
            ("Card sales a year", money(int(identity.annual_card_volume), _CURRENCY)),
            ("Largest transaction", money(identity.max_transaction_amount, _CURRENCY)),
            ("Took cards before", _yes_no(is_so=identity.has_accepted_credit_cards_previously)),
        ]),
    ]  # fmt: skip


def _business_link(business: Identity | None) -> SafeString | None:
    if business is None:
        return None
    page = reverse("onboarding:identity-owners", args=[business.public_id])
    return format_html('<a href="{}">{}</a>', page, business.display_name)


def _as_owner(identity: Identity) -> Facts:
    return [
        ("Title", identity.title),
        ("Share owned", _percent(identity.principal_percentage_ownership)),
    ]


def _sealed(identity: Identity) -> Facts:
    return [
        ("Date of birth", _provided(is_there=identity.dob_provided)),
        ("Tax id", _provided(is_there=identity.tax_id_provided)),
    ]


def _category(code: str | None) -> str | None:
    name = category_name(code) if code else None
    return f"{code} {name}" if name else code


def application_facts(application: Application) -> Facts:
    return [
        ("Processing", badge(application.processing_enabled)),
        ("Settlements", badge(application.settlement_enabled)),
        ("API access", badge(application.enabled)),
        ("Security code required", _yes_no(is_so=application.card_cvv_required)),
        ("Expiry required", _yes_no(is_so=application.card_expiration_date_required)),
        ("Bank account first", _yes_no(is_so=application.bank_account_required)),
        ("Reviews need two people", _yes_no(is_so=application.maker_checker_enabled)),
        ("Funds ready upon", application.ready_to_settle_upon and application.get_ready_to_settle_upon_display()),
        ("Fees ready upon", application.get_fee_ready_to_settle_upon_display()),
        ("Funding identifier", application.get_settlement_funding_identifier_display()),
        ("Created", moment(application.created_at)),
        ("Updated", moment(application.updated_at)),
    ]


def risk_facts(profile: RiskProfile) -> Facts:
    return [
        ("Failed address check", _let_through(is_allowed=profile.avs_failure_allowed)),
        ("Failed security code", _let_through(is_allowed=profile.csc_failure_allowed)),
    ]


def instrument_facts(instrument: PaymentInstrument) -> Facts:
    """What may be shown of a card or bank account: never its number."""
    if not instrument.is_card:
        return [
            ("Holder", instrument.name),
            ("Account number", instrument.masked_account_number),
            ("Account type", instrument.get_account_type_display()),
            ("Routing number", instrument.bank_code),
            ("Country", instrument.country),
            ("Currency", instrument.currency),
            ("Fingerprint", code(instrument.fingerprint)),
        ]
    return [
        ("Holder", instrument.name),
        ("Number", f"{instrument.bin} •••••• {instrument.last_four}"),
        ("Brand", _known(instrument.brand)),
        ("Card type", _known(instrument.card_type)),
        ("Expires", expiry(instrument)),
        ("Issued in", None if instrument.issuer_country == "UNKNOWN" else instrument.issuer_country),
        ("Billing address", _address(instrument.address)),
        ("Address check", _checked(instrument.address_verification)),
        ("Security code check", _checked(instrument.security_code_verification)),
        ("Currency", instrument.currency),
        ("Fingerprint", code(instrument.fingerprint)),
    ]


def brand_in_words(constant: str) -> str:
    """A card's network by the name it goes by; any other constant in words."""
    return _BRANDS.get(constant) or words(constant)


def expiry(card: PaymentInstrument) -> str | None:
    """The last month in which a card is good: 12 / 2040. None of a card that came without a date."""
    return f"{card.expiration_month:02} / {card.expiration_year}" if card.expiration_year else None


def merchant_title(merchant: Merchant) -> str:
    """The name at the processor, else that of the identity, which is joined."""
    return merchant.merchant_name or merchant.identity.display_name


def merchant_facts(merchant: Merchant) -> Facts:
    """Settings of ours. Application and processor are joined: what the merchant leaves open, they decide."""
    upon = merchant.ready_to_settle_upon or merchant.application.ready_to_settle_upon or _SETTLED_UPON
    return [
        ("Processing", processing_badge(merchant)),
        ("Settlements", settlements_badge(merchant)),
        ("Paid out gross", _yes_no(is_so=merchant.gross_settlement_enabled)),
        *([] if merchant.processor == RECEIVES_ONLY else _asked_of_cards(merchant)),
        ("Funds ready upon", Application.SettleUpon(upon).label),
        ("Fees ready upon", merchant.get_fee_ready_to_settle_upon_display()),
        ("Funding identifier", merchant.get_settlement_funding_identifier_display()),
        ("Transfers from reports", _yes_no(is_so=merchant.creating_transfer_from_report_enabled)),
    ]


def _asked_of_cards(merchant: Merchant) -> Facts:
    return [
        ("Security code required", _yes_no(is_so=_either(merchant, "card_cvv_required"))),
        ("Expiry required", _yes_no(is_so=_either(merchant, "card_expiration_date_required"))),
    ]


def processor_facts(merchant: Merchant, *, has_details: bool = True) -> Facts:
    """Who the merchant is at its processor; with its details there, whose keys come masked by the adapter."""
    told = merchant.processor_details if has_details else {}
    details = [(_DETAILS.get(name, words(name)), _plain(value)) for name, value in told.items()]
    return [
        ("Processor", merchant.processor),
        ("Number there (MID)", merchant.mid and code(merchant.mid)),
        ("Merchant category", _category(merchant.mcc)),
        ("Largest transaction", _limit(merchant)),
        *((label, value) for label, value in details if value != merchant.mid),
    ]


def verification_facts(verification: Verification) -> Facts:
    return [
        ("State", badge(verification.state)),
        ("Processor", verification.processor),
        ("Trace id", verification.trace_id and code(verification.trace_id)),
        ("Created", moment(verification.created_at)),
        ("Updated", moment(verification.updated_at)),
    ]


def verification_outcome(
    verification: Verification, *, is_held: bool, is_latest: bool, may_correct: bool
) -> dict[str, str]:
    """What a verification came to: level, title and text of a notice. The application is joined.

    `is_held` tells that it waits for a person, `may_correct` that the reader may change the identity.
    """
    processor = verification.processor
    if is_held:
        text = f"{processor} holds it for review: a person of the platform decides on it."
        return {"level": "warning", "title": "Waits for review", "text": text}
    if verification.state == Verification.State.PENDING:
        text = f"{processor} has it. This page changes by itself once it has decided."
        return {"level": "info", "title": "Being checked", "text": text}
    if verification.state == Verification.State.SUCCEEDED:
        return {"level": "success", "title": "Passed", "text": f"{processor} found nothing to object to."}
    if not is_latest:
        text = "The business was checked again since."
    elif may_correct:
        text = "Correct what it names, then create another verification on the page of the merchant."
    else:
        text = f"Ask {verification.application.name} to correct what it names and have it checked again."
    return {"level": "error", "title": "Not passed", "text": text}


def copy_facts(row: CopiedFromProvider) -> Facts:
    """Whose word a row is, and how fresh; nothing before a provider has spoken of it."""
    if not row.provider:
        return []
    return [
        ("Provider", row.provider),
        ("Version", code(row.provider_version)),
        ("Copied", moment(row.copied_at)),
    ]


def code(text: str) -> SafeString:
    """An id or number as it is typed."""
    return format_html("<code>{}</code>", text)


def _either(merchant: Merchant, name: str) -> bool:
    """What merchant or application asks for holds."""
    return bool(getattr(merchant, name) or getattr(merchant.application, name))


def _limit(merchant: Merchant) -> str | None:
    """What the processor lets a sale be at most; None as long as it has told nothing."""
    known = merchant.max_transaction_amount
    return None if known is None else money(known, _CURRENCY) if known else "No limit"


def _known(constant: str | None) -> str | None:
    return None if constant is None or constant in {"", "UNKNOWN"} else brand_in_words(constant)


def _checked(constant: str | None) -> str:
    return "Not checked yet" if constant in {None, "", "UNKNOWN"} else words(constant)


def _plain(value: Any) -> Any:
    return value if value is None or isinstance(value, str) else json.dumps(value, ensure_ascii=False)


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
