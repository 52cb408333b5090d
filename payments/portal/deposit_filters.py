"""The filter panel of the list of deposits."""

from typing import Any

from django.db.models import Q, QuerySet

from api.filters import ListFilter, PublicIdFilter, TextFilter, ValueFilter
from onboarding.models import Merchant
from payments.models import Settlement, Transfer
from payments.portal.deposit_states import Standing, with_standing
from payments.portal.filters import EXAMPLE, AmountFilter, ApplicationFilter, CurrencyFilter
from resources import ids

SENT = "ON_ITS_WAY_OR_PAID"
"""What has not come back, whether the bank should have it by now or not: what charts count."""


class DepositPanel(ListFilter[Transfer]):
    """Deposits, each where its page says that it is."""

    q = TextFilter(method="by_anything", label="Id, trace id or last four")
    state = ValueFilter(method="by_state", values=[*Standing.values, SENT], label="State")
    amount = AmountFilter(label="Amount", help_text=EXAMPLE)
    amount__gte = AmountFilter(field_name="amount", lookup_expr="gte", label="Amount from")
    amount__lte = AmountFilter(field_name="amount", lookup_expr="lte", label="Amount until")
    currency = CurrencyFilter(label="Currency")
    statement_descriptor = TextFilter(label="Descriptor at the bank")
    settlement_id = PublicIdFilter(
        related=Settlement, field_name="settlement_id", label="Settlement id", help_text="Begins with ST."
    )
    merchant_id = PublicIdFilter(
        related=Merchant, field_name="merchant_id", label="Merchant id", help_text="Begins with MU."
    )
    application_id = ApplicationFilter()

    def by_state(self, queryset: QuerySet[Transfer], _name: str, value: str) -> QuerySet[Transfer]:
        states = Transfer.State
        if value == Standing.RETURNED:
            return queryset.filter(returned_at__isnull=False)
        if value == Standing.FAILED:
            return queryset.filter(state__in=[states.FAILED, states.CANCELED])
        sent = queryset.filter(state__in=[states.PENDING, states.SUCCEEDED], returned_at=None)
        return sent if value == SENT else with_standing(sent).filter(Q(standing=value))

    def by_anything(self, queryset: QuerySet[Transfer], _name: str, value: str) -> QuerySet[Transfer]:
        text: Any = value.strip()
        try:
            return queryset.filter(pk=Transfer.parse_id(text))
        except ids.MalformedId:
            return queryset.filter(trace_id=text) | queryset.filter(instrument_last_four=text)
