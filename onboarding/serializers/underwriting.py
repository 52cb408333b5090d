"""`additional_underwriting_data`: sent by the official clients, kept and answered, never required."""

from rest_framework import serializers

from api.inputs import Flag, InputSerializer, ParsedText, Text, WholeNumber

_REFUND_POLICIES = ["NO_REFUNDS", "MERCHANDISE_EXCHANGE_ONLY", "WITHIN_30_DAYS", "OTHER"]


class _RefundPolicy(ParsedText):
    def parse(self, text: str) -> str:
        text = text.upper()
        text = "WITHIN_30_DAYS" if text == "30_DAYS" else text
        if text not in _REFUND_POLICIES:
            raise serializers.ValidationError(f"One of {', '.join(_REFUND_POLICIES)} is needed")
        return text


def _percentage() -> WholeNumber:
    return WholeNumber(min_value=0, max_value=100, required=False, allow_null=True)


class _CardVolume(InputSerializer):
    card_present_percentage = _percentage()
    mail_order_telephone_order_percentage = _percentage()
    ecommerce_percentage = _percentage()


class _BusinessVolume(InputSerializer):
    business_to_business_volume_percentage = _percentage()
    business_to_consumer_volume_percentage = _percentage()
    consumer_to_consumer_volume_percentage = _percentage()
    person_to_person_volume_percentage = _percentage()
    other_volume_percentage = _percentage()


class UnderwritingData(InputSerializer):
    annual_ach_volume = WholeNumber(min_value=0, max_value=10**18, required=False, allow_null=True)
    average_ach_transfer_amount = WholeNumber(min_value=0, max_value=10**18, required=False, allow_null=True)
    average_card_transfer_amount = WholeNumber(min_value=0, max_value=10**18, required=False, allow_null=True)
    business_description = Text(max_length=1000, required=False, allow_null=True)
    refund_policy = _RefundPolicy(required=False, allow_null=True)
    card_volume_distribution = _CardVolume(required=False, allow_null=True)
    volume_distribution_by_business_type = _BusinessVolume(required=False, allow_null=True)
    credit_check_allowed = Flag(required=False, allow_null=True)
    credit_check_ip_address = Text(max_length=45, required=False, allow_null=True)
    credit_check_timestamp = Text(max_length=40, required=False, allow_null=True)
    credit_check_user_agent = Text(max_length=300, required=False, allow_null=True)
    merchant_agreement_accepted = Flag(required=False, allow_null=True)
    merchant_agreement_ip_address = Text(max_length=45, required=False, allow_null=True)
    merchant_agreement_timestamp = Text(max_length=40, required=False, allow_null=True)
    merchant_agreement_user_agent = Text(max_length=300, required=False, allow_null=True)
