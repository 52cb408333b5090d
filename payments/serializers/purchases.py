"""Wire shape of what a card's network is told of a purchase between businesses (level 2 and 3 data)."""

from datetime import date
from typing import Any

from rest_framework import serializers

from api.inputs import Flag, InputSerializer, Text, WholeNumber
from onboarding.serializers.instruments import LettersField

_LARGEST = 999_999_999_999


class _Told(InputSerializer):
    """Members that are null count as not told."""

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        return {name: value for name, value in super().to_internal_value(data).items() if value is not None}


class MinorUnits(WholeNumber):
    """Minor units; nothing owed is 0."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"min_value": 0, "max_value": _LARGEST, "required": False, "allow_null": True, **options})


class ShortText(Text):
    """Text that the networks cut at a length, and we refuse beyond it."""

    def __init__(self, max_length: int, **options: Any) -> None:
        super().__init__(**{"max_length": max_length, "required": False, "allow_null": True, **options})


class OrderDate(InputSerializer):
    """A day."""

    day = WholeNumber(min_value=1, max_value=31)
    month = WholeNumber(min_value=1, max_value=12)
    year = WholeNumber(min_value=1900, max_value=9999)

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        values = super().to_internal_value(data)
        try:
            date(values["year"], values["month"], values["day"])
        except ValueError as error:
            raise serializers.ValidationError({"day": ["The month has no such day"]}) from error
        return values


class PurchasedItem(_Told):
    """One line of an invoice."""

    item_description = ShortText(25)
    quantity = WholeNumber(min_value=1, max_value=99, required=False, allow_null=True)
    cost_per_unit = MinorUnits()
    unit_of_measure = ShortText(3)
    commodity_code = ShortText(12)
    merchant_product_code = ShortText(12)
    item_discount_amount = MinorUnits()
    amount_excluding_sales_tax = MinorUnits()
    amount_including_sales_tax = MinorUnits()


class AdditionalPurchaseData(_Told):
    """Level 2 needs the first two; the rest is level 3."""

    customer_reference_number = ShortText(17, required=True, allow_null=False)
    sales_tax = MinorUnits(required=True, allow_null=False)
    customs_duty_amount = MinorUnits()
    discount_amount = MinorUnits()
    shipping_amount = MinorUnits()
    tax_exempt = Flag(required=False, allow_null=True)
    destination_country_code = LettersField(what="country", required=False, allow_null=True)
    destination_postal_code = ShortText(10)
    ship_from_postal_code = ShortText(10)
    invoice_reference_number = ShortText(15)
    order_date = OrderDate(required=False, allow_null=True)
    item_data = PurchasedItem(many=True, required=False, allow_null=True)
