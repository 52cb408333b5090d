"""Deposits as files: the list as it is filtered, and the report of a period."""

from django.db.models import QuerySet

from exports import reports
from exports.columns import Amount, Column, Day, Id, Json, Moment, Name, Word
from exports.listings import Listing, register
from exports.reports import PeriodFilter, Report
from onboarding.models import Identity, Merchant, PaymentInstrument
from onboarding.portal.exports import APPLICATION
from payments.models import Settlement, Transfer
from payments.portal.deposit_filters import DepositPanel
from payments.portal.deposit_states import standing_badge, with_standing
from tenancy.actors import Actor
from tenancy.roles import Permission


def deposits_visible_to(actor: Actor) -> QuerySet[Transfer]:
    return Transfer.objects.visible_to(actor).deposits()


def _deposits(actor: Actor) -> QuerySet[Transfer]:
    return with_standing(deposits_visible_to(actor))


_COLUMNS = (
    Id("Id", "id", Transfer),
    Moment("Created", "created_at"),
    Moment("Updated", "updated_at"),
    Word("State", "standing"),
    Amount("Amount", "amount"),
    Word("Currency", "currency"),
    Day("Expected", "expected_on"),
    Moment("Returned", "returned_at"),
    Id("Settlement id", "settlement_id", Settlement),
    Word("Kind", "subtype"),
    Id("Merchant id", "merchant_id", Merchant),
    Name("Merchant", "merchant_id", Merchant, lambda row: row.display_name),
    Id("Merchant's identity id", "merchant_identity_id", Identity),
    Id("Bank account id", "destination_id", PaymentInstrument),
    Column("Holder", "instrument_name"),
    Word("Last four", "instrument_last_four"),
    Column("Statement descriptor", "statement_descriptor"),
    Column("Trace id", "trace_id"),
    Column("Failure code", "failure_code"),
    Column("Failure message", "failure_message"),
    Json("Tags", "tags"),
    *APPLICATION,
)
DEPOSITS = Listing(
    name="deposit-list",
    label="Deposits",
    permission=Permission.VIEW_SETTLEMENTS,
    filter_class=DepositPanel,
    visible=_deposits,
    columns=_COLUMNS,
)
REPORT = Report(
    listing=Listing(
        name="deposits",
        label="Deposits",
        permission=Permission.VIEW_SETTLEMENTS,
        filter_class=PeriodFilter,
        visible=_deposits,
        columns=_COLUMNS,
    ),
    about="Every deposit sent in the period, whether it arrived or not.",
    groups=(("State", "standing", standing_badge),),
)


def register_deposit_exports() -> None:
    register(DEPOSITS)
    reports.register(REPORT)
