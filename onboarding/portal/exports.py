"""The lists of this app as files: who, what they are at their processors, and what they are paid with or out to."""

from django.db.models import QuerySet

from exports.columns import Column, Day, Dollars, Flag, Id, Json, Member, Moment, Name, Whole, Word, the_platform
from exports.listings import Listing, register
from onboarding.filters import DecidedReviewSearch, IdentitySearch, MerchantSearch, WaitingReviewSearch
from onboarding.models import Identity, Merchant, PaymentInstrument, ReviewItem
from onboarding.portal.filters import InstrumentPanel
from tenancy.actors import Actor
from tenancy.models import Application
from tenancy.roles import Permission

APPLICATION = (
    Id("Application id", "application_id", Application, is_for=the_platform),
    Name("Application", "application_id", Application, lambda row: row.name, is_for=the_platform),
)
_MOMENTS = (Moment("Created", "created_at"), Moment("Updated", "updated_at"))
_ADDRESS = ("line1", "line2", "city", "region", "postal_code", "country")


def _address(label: str, source: str) -> tuple[Member, ...]:
    return tuple(Member(f"{label} {part.replace('_', ' ')}", source, part) for part in _ADDRESS)


IDENTITIES = Listing(
    name="identities",
    label="Identities",
    permission=Permission.VIEW_IDENTITIES,
    filter_class=IdentitySearch,
    visible=Identity.objects.visible_to,
    columns=(
        Id("Id", "id", Identity),
        *_MOMENTS,
        Word("Business type", "business_type"),
        Column("Legal name", "business_name"),
        Column("Trading name", "doing_business_as"),
        Column("Title", "title"),
        Column("First name", "first_name"),
        Column("Last name", "last_name"),
        Column("E-mail", "email"),
        Column("Phone", "phone"),
        Column("Business phone", "business_phone"),
        Column("Website", "url"),
        Column("Merchant category", "mcc"),
        Column("Statement descriptor", "default_statement_descriptor"),
        Dollars("Largest card payment", "max_transaction_amount"),
        Dollars("Largest bank payment", "ach_max_transaction_amount"),
        Dollars("Card sales a year", "annual_card_volume"),
        Day("Incorporated", "incorporation_date"),
        Whole("Share owned", "principal_percentage_ownership"),
        *_address("Business", "business_address"),
        *_address("Personal", "personal_address"),
        Id("Associated with", "associated_with_id", Identity),
        Json("Tags", "tags"),
        *APPLICATION,
    ),
)

MERCHANTS = Listing(
    name="merchants",
    label="Merchants",
    permission=Permission.VIEW_MERCHANTS,
    filter_class=MerchantSearch,
    visible=Merchant.objects.visible_to,
    columns=(
        Id("Id", "id", Merchant),
        *_MOMENTS,
        Column("Name", "merchant_name"),
        Word("State", "onboarding_state"),
        Flag("Processing", "processing_enabled"),
        Flag("Settlements", "settlement_enabled"),
        Word("Processor", "processor"),
        Column("Number there (MID)", "mid"),
        Column("Merchant category", "mcc"),
        Json("Rejected because", "rejection_reasons"),
        Id("Identity id", "identity_id", Identity),
        Json("Tags", "tags"),
        *APPLICATION,
    ),
)

INSTRUMENTS = Listing(
    name="payment-instruments",
    label="Payment instruments",
    permission=Permission.VIEW_INSTRUMENTS,
    filter_class=InstrumentPanel,
    visible=PaymentInstrument.objects.visible_to,
    columns=(
        Id("Id", "id", PaymentInstrument),
        *_MOMENTS,
        Word("Type", "type"),
        Column("Holder", "name"),
        Word("Brand", "brand"),
        Word("Last four", "last_four"),
        Word("First six", "bin"),
        Whole("Expires in month", "expiration_month"),
        Whole("Expires in year", "expiration_year"),
        Word("Account type", "account_type"),
        Column("Routing number", "bank_code"),
        Flag("Enabled", "enabled"),
        Word("Currency", "currency"),
        Id("Identity id", "identity_id", Identity),
        Name("Identity", "identity_id", Identity, lambda row: row.display_name),
        Json("Tags", "tags"),
        *APPLICATION,
    ),
)


def review_columns(*what: Column) -> tuple[Column, ...]:
    """Of items of the review queue; `what` tells of those things that such items are about."""
    return (
        Id("Id", "id", ReviewItem),
        *_MOMENTS,
        Word("Outcome", "outcome"),
        *what,
        Word("Processor", "processor_type"),
        Id("Merchant id", "merchant_id", Merchant),
        Name("Merchant", "merchant_id", Merchant, lambda row: row.display_name),
        Column("Sent in by", "asked_by_name"),
        Column("Decided by", "reviewed_by_name"),
        Moment("Decided", "completed_at"),
        Column("Reason", "reason"),
        *APPLICATION,
    )


def _of_merchants(by: Actor) -> QuerySet[ReviewItem]:
    items: QuerySet[ReviewItem] = ReviewItem.objects.visible_to(by)
    return items.filter(entity_type=ReviewItem.EntityType.MERCHANT)


WAITING_REVIEWS = Listing(
    name="waiting-reviews",
    label="Merchants that wait",
    permission=Permission.VIEW_REVIEWS,
    filter_class=WaitingReviewSearch,
    visible=lambda by: _of_merchants(by).filter(outcome__in=ReviewItem.Outcome.open()),
    columns=review_columns(Word("Check", "review_type")),
)
DECIDED_REVIEWS = Listing(
    name="decided-reviews",
    label="Merchants decided on",
    permission=Permission.VIEW_REVIEWS,
    filter_class=DecidedReviewSearch,
    visible=lambda by: _of_merchants(by).filter(outcome__in=ReviewItem.Outcome.decided()),
    columns=review_columns(Word("Check", "review_type")),
)


def register_exports() -> None:
    for listing in (IDENTITIES, MERCHANTS, INSTRUMENTS, WAITING_REVIEWS, DECIDED_REVIEWS):
        register(listing)
