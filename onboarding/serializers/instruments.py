"""Wire shapes of payment instruments: cards and bank accounts."""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar

from django.utils import timezone
from rest_framework import serializers
from stdnum import luhn
from stdnum.us import rtn

from api.documents import DocumentSerializer, MomentField, PublicIdField
from api.inputs import Choice, Flag, InputSerializer, ParsedText, PublicId, TagsField, Text, WholeNumber
from onboarding.models import Identity, PaymentInstrument, Token
from onboarding.serializers.entities import AddressField
from resources import ids
from tenancy.models import Application
from vault.secret import Fleeting, Secret

_BANK_ACCOUNT, _PAYMENT_CARD = PaymentInstrument.Type.BANK_ACCOUNT, PaymentInstrument.Type.PAYMENT_CARD
TOKEN = PaymentInstrument.CreatedVia.TOKEN.value
"""What an instrument may be made of, besides the numbers of a card or an account."""

# Members of a body: those of every instrument, those of one type, and which of them that type cannot do without.
_OF_EVERY_TYPE = ("type", "identity", "tags", "name", "currency")
_OF_ONE_TYPE: Mapping[str, tuple[str, ...]] = {
    TOKEN: ("token", "address"),
    _BANK_ACCOUNT: ("account_number", "bank_code", "account_type", "country"),
    _PAYMENT_CARD: ("number", "security_code", "expiration_month", "expiration_year", "address"),
}
_NEEDED: Mapping[str, tuple[str, ...]] = {
    TOKEN: ("token",),
    _BANK_ACCOUNT: ("account_number", "bank_code", "account_type", "name"),
    _PAYMENT_CARD: ("number", "expiration_month", "expiration_year"),
}
Errors = dict[str, list[str]]


class AccountNumberField(ParsedText):
    """Five to seventeen digits, the last four of which are shown. A Secret from here on."""

    def parse(self, text: str) -> Secret:
        if not re.fullmatch(r"[0-9]{5,17}", text):
            raise serializers.ValidationError("Must be 5 to 17 digits")
        return Secret(text)


class RoutingNumberField(ParsedText):
    """Nine digits, the last of which checks the others."""

    def parse(self, text: str) -> str:
        if not re.fullmatch(r"[0-9]{9}", text):
            raise serializers.ValidationError("Must be nine digits")
        if not rtn.is_valid(text):
            raise serializers.ValidationError("Must be a routing number: a digit of it is wrong")
        return text


class CardNumberField(ParsedText):
    """Twelve to nineteen digits, the last of which checks the others; blanks and dashes as people write them are left
    out. A Secret from here on."""

    def parse(self, text: str) -> Secret:
        digits = text.replace(" ", "").replace("-", "")
        if not re.fullmatch(r"[0-9]{12,19}", digits):
            raise serializers.ValidationError("Must be 12 to 19 digits")
        if not luhn.is_valid(digits):
            raise serializers.ValidationError("Must be a card number: a digit of it is wrong")
        return Secret(digits)


class SecurityCodeField(ParsedText):
    """Three or four digits. A secret that leaves no trace, from here on."""

    def parse(self, text: str) -> Fleeting:
        if not re.fullmatch(r"[0-9]{3,4}", text):
            raise serializers.ValidationError("Must be three or four digits")
        return Fleeting(text)


class LettersField(ParsedText):
    """A code of three letters, in any case; answered in upper case."""

    def __init__(self, *, what: str, **options: Any) -> None:
        super().__init__(**options)
        self.what = what

    def parse(self, text: str) -> str:
        if not re.fullmatch(r"[A-Za-z]{3}", text):
            raise serializers.ValidationError(f"Must be a three-letter {self.what} code")
        return text.upper()


class InstrumentInput(InputSerializer):
    """Body of POST /payment_instruments: a card, a bank account, or a token. Members of the other types are ignored.

    `validated_data` holds every member of the type, null where an optional one was not told; numbers and security code
    are Secrets. Whether a card has expired is judged by `now` of the context, the application's business time.
    """

    type = Choice(choices=[*PaymentInstrument.Type.values, TOKEN])
    identity = PublicId(Identity)
    token = PublicId(Token, required=False)
    account_number = AccountNumberField(required=False, write_only=True)
    bank_code = RoutingNumberField(required=False)
    account_type = Choice(choices=PaymentInstrument.AccountType.values, required=False)
    country = Choice(choices=["USA"], required=False, allow_null=True)  # whose routing numbers are understood
    number = CardNumberField(required=False, write_only=True)
    security_code = SecurityCodeField(required=False, allow_null=True, write_only=True)
    expiration_month = WholeNumber(min_value=1, max_value=12, required=False)
    expiration_year = WholeNumber(
        min_value=1000,
        max_value=9999,
        required=False,
        error_messages=dict.fromkeys(("min_value", "max_value"), "Must be a year of four digits"),
    )
    address = AddressField(required=False, allow_null=True)
    name = Text(max_length=40, required=False, allow_null=True)
    currency = LettersField(what="currency", required=False, allow_null=True)
    tags = TagsField(required=False)

    def errors_across(self, data: Mapping[str, Any]) -> Mapping[str, list[str]]:
        kind = self._value_of("type", data)
        return _missing(data, kind) | (self._expired(data) if kind == _PAYMENT_CARD else {})

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        if not isinstance(data, Mapping):
            return super().to_internal_value(data)
        every = [*_OF_EVERY_TYPE, *_OF_ONE_TYPE.get(self._value_of("type", data), ())]
        members = [name for name in every if name in self.fields]
        values = super().to_internal_value({name: data[name] for name in members if name in data})
        defaults = {"tags": {}, "currency": "USD", "country": "USA"}
        return {name: values.get(name) or defaults.get(name) for name in members}

    def _value_of(self, name: str, data: Mapping[str, Any]) -> Any:
        """One member as a value, None where it cannot be read: its own field says why."""
        try:
            return self.fields[name].run_validation(data.get(name))
        except serializers.ValidationError:
            return None

    def _expired(self, told: Mapping[str, Any]) -> Errors:
        """A card is good until the end of its month."""
        now: datetime = self.context.get("now") or timezone.now()
        year, month = self._value_of("expiration_year", told), self._value_of("expiration_month", told)
        if year is not None and year < now.year:
            return {"expiration_year": [f"Expiration year `{year}` is expired"]}
        if year == now.year and month is not None and month < now.month:
            return {"expiration_month": [f"Expiration month `{month}` is expired"]}
        return {}


class TokenInput(InstrumentInput):
    """Body of POST /applications/{id}/tokens: a card or a bank account of nobody yet.

    The members may have the names that the phone libraries give them, too.
    """

    ALIASES: ClassVar[Mapping[str, str]] = {
        "cardNumber": "number",
        "expirationMonth": "expiration_month",
        "expirationYear": "expiration_year",
        "paymentType": "type",
        "instrument_type": "type",
    }

    type = Choice(choices=PaymentInstrument.Type.values)
    identity = None  # type: ignore[assignment]  # how a serializer leaves out a member of the one it derives from
    token = None  # type: ignore[assignment]
    tags = None  # type: ignore[assignment]

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        if isinstance(data, Mapping):
            aliased = {ours: data[theirs] for theirs, ours in self.ALIASES.items() if theirs in data}
            data = {**aliased, **data}
        return super().to_internal_value(data)


_TOLD_OTHERWISE = ("instrument_type", "identity")
"""Members of a document that are no columns."""


class InstrumentChange(InputSerializer):
    """Body of PUT /payment_instruments/{id}. `instrument` of the context is the one that is to change.

    What never changes may be sent as it is, as a document that was read is sent back; told otherwise it is refused.
    """

    NEVER: ClassVar[tuple[str, ...]] = ("number", "account_number", "security_code")
    FIXED: ClassVar[tuple[str, ...]] = (
        "type", "instrument_type", "identity", "expiration_month", "expiration_year", "bank_code", "account_type",
        "country", "currency",
    )  # fmt: skip

    name = Text(max_length=40, required=False, allow_null=True)
    address = AddressField(required=False, allow_null=True)
    enabled = Flag(required=False)
    tags = TagsField(required=False)

    def errors_across(self, data: Mapping[str, Any]) -> Mapping[str, list[str]]:
        instrument: PaymentInstrument = self.context["instrument"]
        is_now = {name: getattr(instrument, name) for name in self.FIXED if name not in _TOLD_OTHERWISE}
        is_now |= {
            "instrument_type": instrument.type,
            "identity": ids.public_id(Identity.PREFIX, instrument.identity_id),
        }
        told = {name: data[name] for name in (*self.NEVER, *self.FIXED) if data.get(name) is not None}
        refused = [
            name
            for name, value in told.items()
            if name in self.NEVER or str(value).upper() != str(is_now[name]).upper()
        ]
        errors = {name: ["Cannot be changed; add another instrument"] for name in refused}
        if not instrument.is_card and "name" in data and data["name"] is None:
            errors["name"] = ["This field may not be null."]
        return errors

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        values = super().to_internal_value(data)
        if not self.context["instrument"].is_card:
            values.pop("address", None)
        return values


def _missing(told: Mapping[str, Any], kind: str | None) -> Errors:
    return {name: ["This field is required."] for name in _NEEDED.get(kind or "", ()) if told.get(name) is None}


class _Always(serializers.CharField):
    """The same word for every row."""

    def __init__(self, word: str, **options: Any) -> None:
        super().__init__(source="*", **options)
        self.word = word

    def to_representation(self, value: Any) -> str:
        del value
        return self.word


class _OrUnknown(serializers.CharField):
    """A code that an inquiry tells; UNKNOWN before there was one, as with the other members of a new card."""

    def get_attribute(self, instance: Any) -> Any:
        return super().get_attribute(instance) or "UNKNOWN"


class InstrumentDocument(DocumentSerializer):
    """A card or a bank account. Members of the other type are not there at all, as documented."""

    kind = PaymentInstrument.KIND

    application = PublicIdField(Application, source="application_id")
    fingerprint = serializers.CharField()
    tags = serializers.DictField(child=serializers.CharField())
    expiration_month = serializers.IntegerField(required=False)
    expiration_year = serializers.IntegerField(required=False)
    bin = serializers.CharField(required=False)
    last_four = serializers.CharField(required=False)
    brand = serializers.CharField(required=False)
    card_type = serializers.CharField(required=False, allow_null=True)
    bank_code = serializers.CharField(required=False)
    country = serializers.CharField(required=False, allow_null=True)
    masked_account_number = serializers.CharField(required=False)
    name = serializers.CharField(allow_null=True)
    account_type = serializers.CharField(required=False)
    address = AddressField(required=False, allow_null=True)
    address_verification = serializers.CharField(required=False, allow_null=True)
    security_code_verification = serializers.CharField(required=False, allow_null=True)
    created_at = MomentField(read_only=True)
    updated_at = MomentField(read_only=True)
    instrument_type = serializers.CharField(source="type")
    type = serializers.CharField()
    currency = serializers.CharField()
    identity = PublicIdField(Identity, source="identity_id")
    enabled = serializers.BooleanField()
    created_via = serializers.CharField()
    payload_type = _Always("SOURCE")
    issuer_country = serializers.CharField(required=False, allow_null=True)
    fast_funds_indicator = _OrUnknown(required=False)
    push_funds_block_indicator = _OrUnknown(required=False)
    online_gambing_block_indicator = _OrUnknown(source="online_gambling_block_indicator", required=False)
    bank_account_validation_check = _Always("NOT_ATTEMPTED", required=False)

    def to_representation(self, instance: Any) -> dict[str, Any]:
        document = super().to_representation(instance)
        for name in _NOT_SHOWN_OF[instance.is_card]:
            del document[name]
        return document


_NOT_SHOWN_OF: Mapping[bool, tuple[str, ...]] = {
    True: ("bank_code", "country", "masked_account_number", "account_type", "bank_account_validation_check"),
    False: (
        "expiration_month",
        "expiration_year",
        "bin",
        "last_four",
        "brand",
        "card_type",
        "address",
        "address_verification",
        "security_code_verification",
        "issuer_country",
        "fast_funds_indicator",
        "push_funds_block_indicator",
        "online_gambing_block_indicator",
    ),
}
"""Members that an instrument does not have, for a card and for a bank account."""
