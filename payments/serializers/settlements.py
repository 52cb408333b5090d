"""Wire shapes of settlements."""

import uuid
from collections.abc import Mapping
from typing import Any

from rest_framework import serializers

from api.documents import DocumentSerializer, PublicIdField
from api.inputs import Choice, InputSerializer, ParsedText, PublicId, TagsField, WholeNumber
from onboarding.models import Identity, Merchant, PaymentInstrument
from onboarding.serializers.instruments import LettersField
from onboarding.serializers.merchants import ProcessorName
from payments.models import Settlement, Transfer
from payments.serializers.transfers import LARGEST, not_offered
from resources import ids
from tenancy.models import Application

STOP_ACCRUAL = "STOP_ACCRUAL"
_OF_A_CHANGE = ("action", "destination", "tags")
_MOST_TRANSFERS = 1_000


class _MerchantField(ParsedText):
    """The id of a merchant, or of the identity that it is; the key is the value."""

    def parse(self, text: str) -> uuid.UUID:
        for model in (Merchant, Identity):
            try:
                return model.parse_id(text)
            except ids.MalformedId:
                continue
        raise serializers.ValidationError(f"An id that begins with {Merchant.PREFIX} is needed")


class SettlementInput(InputSerializer):
    """Body of POST /identities/{id}/settlements. Where the identity is several merchants, one is named."""

    currency = LettersField(what="currency")
    processor = ProcessorName(required=False, allow_null=True)
    merchant_id = _MerchantField(required=False, allow_null=True)
    tags = TagsField(required=False)


class SettlementChange(InputSerializer):
    """Body of PUT /settlements/{id}: one of the members. `destination` approves a closed settlement and pays it there;
    `action` STOP_ACCRUAL closes it now; `tags` are replaced as a whole.
    """

    action = Choice(choices=[STOP_ACCRUAL], required=False)
    destination = PublicId(PaymentInstrument, required=False)
    tags = TagsField(required=False)

    def errors_across(self, data: Mapping[str, Any]) -> Mapping[str, list[str]]:
        errors = not_offered(data, "type", "data")
        told = [name for name in _OF_A_CHANGE if name in data]
        return errors | {name: [f"Cannot be sent together with {told[0]}"] for name in told[1:]}


class FundingInput(InputSerializer):
    """Body of POST /settlements/{id}/funding_transfers: minor units of a settlement, to a bank account of the merchant.

    The parts of a settlement come to its net at most. The first one approves it.
    """

    destination = PublicId(PaymentInstrument)
    amount = WholeNumber(min_value=1, max_value=LARGEST)
    currency = LettersField(what="currency")
    tags = TagsField(required=False)


class RemovalInput(InputSerializer):
    """Body of DELETE /settlements/{id}/transfers: what leaves the settlement, all of it or nothing."""

    transfers = serializers.ListField(child=PublicId(Transfer), allow_empty=False, max_length=_MOST_TRANSFERS)


class SettlementDocument(DocumentSerializer):
    """A settlement; call it on one that was read with its processor. Amounts are minor units.

    `total_amount` is what the merchant gets before `total_fee`; what was given back is taken off already.
    """

    kind = Settlement.KIND

    application = PublicIdField(Application, source="application_id")
    identity = PublicIdField(Identity, source="identity_id")
    merchant_id = PublicIdField(Merchant)
    currency = serializers.CharField()
    processor = serializers.SerializerMethodField()
    total_amount = serializers.IntegerField()
    total_fee = serializers.IntegerField()
    total_fees = serializers.IntegerField(source="total_fee")
    net_amount = serializers.SerializerMethodField()
    destination = PublicIdField(PaymentInstrument, source="destination_id", allow_null=True)
    status = serializers.CharField()
    type = serializers.CharField()
    funds_flow = serializers.SerializerMethodField()
    payment_type = serializers.SerializerMethodField()
    tags = serializers.DictField(child=serializers.CharField())

    def get_processor(self, settlement: Settlement) -> str:
        return settlement.processor.processor

    def get_net_amount(self, settlement: Settlement) -> int:
        """Of the totals in hand: the column is that of the last save."""
        return settlement.total_amount - settlement.total_fee

    def get_funds_flow(self, _settlement: Settlement) -> str | None:
        """Not told by the providers here."""
        return None

    def get_payment_type(self, _settlement: Settlement) -> str | None:
        """The same."""
        return None
