"""Wire shapes of instrument updates."""

from rest_framework import serializers

from api.documents import DocumentSerializer, PublicIdField
from api.inputs import InputSerializer, PublicId, TagsField
from onboarding.models import InstrumentUpdate, Merchant, PaymentInstrument
from tenancy.models import Application


class InstrumentUpdateInput(InputSerializer):
    """Body of POST /payment_instruments/{id}/updates: for which merchant the card's issuer is asked."""

    merchant = PublicId(Merchant)
    tags = TagsField(required=False)


class InstrumentUpdateDocument(DocumentSerializer):
    """What a card's issuer said of it."""

    kind = InstrumentUpdate.KIND

    application = PublicIdField(Application, source="application_id")
    merchant = PublicIdField(Merchant, source="merchant_id")
    payment_instrument = PublicIdField(PaymentInstrument, source="payment_instrument_id")
    state = serializers.CharField()
    messages = serializers.ListField(child=serializers.CharField())
    trace_id = serializers.CharField(allow_null=True)
    tags = serializers.DictField(child=serializers.CharField())
