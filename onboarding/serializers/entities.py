"""The `entity` of an identity as a caller sends it: the underwriting form of the documents, and its rules."""

import re
from collections.abc import Mapping
from datetime import date
from typing import Any

import phonenumbers
from django.core.exceptions import ValidationError as DjangoValidationError
from django.core.validators import EmailValidator, URLValidator
from rest_framework import serializers

from api.inputs import Choice, Flag, InputSerializer, ParsedText, Text, WholeNumber
from onboarding import countries
from onboarding.models import Identity
from onboarding.underwriting import OWNER_IS_A_PERSON, Phone
from vault.secret import Secret

OF_AGE = 18
"""How old in years whoever runs or owns a business has to be."""
_REGION = re.compile(r"[A-Za-z]{2}")


class PhoneField(ParsedText):
    """A possible phone number, in the country of the United States where it names none."""

    def parse(self, text: str) -> Phone:
        try:
            number = phonenumbers.parse(text, "US")
        except phonenumbers.NumberParseException as error:
            raise serializers.ValidationError("Must be a phone number") from error
        if not phonenumbers.is_possible_number(number):
            raise serializers.ValidationError("Must be a possible phone number")
        return Phone(text, phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))


class TaxIdField(ParsedText):
    """Nine digits; dashes as people write them are left out. A Secret from here on."""

    def parse(self, text: str) -> Secret:
        digits = text.replace("-", "")
        if not re.fullmatch(r"[0-9]{9}", digits):
            raise serializers.ValidationError("Must be nine digits")
        return Secret(digits)


class EmailText(ParsedText):
    def parse(self, text: str) -> str:
        return _validated(EmailValidator("Must be an e-mail address"), text, text)


class UrlText(ParsedText):
    """A public address; `www.BobsBurgers.com` does without a scheme."""

    def parse(self, text: str) -> str:
        whole = text if "://" in text else f"https://{text}"
        return _validated(URLValidator(["http", "https"], message="Must be a web address"), whole, text)


class DayField(serializers.Field):  # type: ignore[type-arg]
    """A day as `{"day": 27, "month": 6, "year": 1978}`; not in the future."""

    def to_internal_value(self, data: Any) -> date:
        if not isinstance(data, Mapping):
            raise serializers.ValidationError("Must be an object with day, month and year")
        parts, errors = {}, {}
        for name, lowest, highest in (("day", 1, 31), ("month", 1, 12), ("year", 1800, 2200)):
            try:
                parts[name] = WholeNumber(min_value=lowest, max_value=highest).run_validation(data.get(name))
            except serializers.ValidationError as error:
                errors[name] = error.detail
        if errors:
            raise serializers.ValidationError(errors)
        try:
            day = date(**parts)
        except ValueError as error:
            raise serializers.ValidationError("There is no such day") from error
        if day > date.today():  # noqa: DTZ011 - a day of somebody's life, in their own calendar
            raise serializers.ValidationError("Must not lie in the future")
        return day

    def to_representation(self, value: date) -> dict[str, int]:
        return {"day": value.day, "month": value.month, "year": value.year}


class AddressField(InputSerializer):
    """An address. Which members are needed depends on whose it is."""

    line1 = Text(max_length=35, required=False, allow_null=True)
    line2 = Text(max_length=35, required=False, allow_null=True, allow_blank=True)
    city = Text(max_length=20, required=False, allow_null=True)
    region = Text(max_length=20, required=False, allow_null=True)
    postal_code = Text(max_length=10, required=False, allow_null=True)
    country = Text(max_length=3, required=False, allow_null=True)

    def validate_country(self, value: str | None) -> str | None:
        if value is not None and not re.fullmatch(r"[A-Za-z]{3}", value):
            raise serializers.ValidationError("Must be a three-letter country code")
        if value is not None and not countries.is_country(value.upper()):
            raise serializers.ValidationError("There is no such country")
        return value.upper() if value else None

    def errors_across(self, data: Mapping[str, Any]) -> dict[str, list[str]]:
        told = {name: value.strip() for name, value in data.items() if isinstance(value, str)}
        country = told.get("country", "").upper() or countries.HOME
        errors = {}
        if (region := told.get("region")) and country in countries.WITH_REGION_CODES:
            if not _REGION.fullmatch(region):
                errors["region"] = ["Must be a two-letter state or province code"]
            elif not countries.is_region(region, country):
                errors["region"] = [f"{countries.country_name(country)} has no such state or province"]
        if (code := told.get("postal_code")) and not countries.is_postal_code(code, country):
            errors["postal_code"] = [f"Must be a postal code as in {countries.country_in_a_sentence(country)}"]
        return errors

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        told = {str(name): attrs.get(str(name)) or None for name in self.fields}
        if told["region"] and (told["country"] or countries.HOME) in countries.WITH_REGION_CODES:
            told["region"] = told["region"].upper()
        return told


class EntityInput(InputSerializer):
    """Every member of the form, each with its own rule. What a merchant needs is judged in `underwriting`."""

    title = Text(max_length=60, required=False, allow_null=True)
    first_name = Text(max_length=20, required=False, allow_null=True)
    last_name = Text(max_length=20, required=False, allow_null=True)
    email = EmailText(max_length=100, required=False, allow_null=True)
    business_name = Text(max_length=120, required=False, allow_null=True)
    business_type = Choice(choices=Identity.BusinessType.values, required=False, allow_null=True)
    doing_business_as = Text(max_length=60, required=False, allow_null=True)
    phone = PhoneField(max_length=40, required=False, allow_null=True)
    business_phone = PhoneField(max_length=40, required=False, allow_null=True)
    personal_address = AddressField(required=False, allow_null=True)
    business_address = AddressField(required=False, allow_null=True)
    mcc = Text(required=False, allow_null=True)
    dob = DayField(required=False, allow_null=True)
    max_transaction_amount = WholeNumber(min_value=0, max_value=10**12 - 1, required=False, allow_null=True)
    ach_max_transaction_amount = WholeNumber(min_value=0, max_value=10**12 - 1, required=False, allow_null=True)
    amex_mid = WholeNumber(min_value=10**9, max_value=10**11 - 1, required=False, allow_null=True)
    discover_mid = WholeNumber(min_value=0, max_value=10**18 - 1, required=False, allow_null=True)
    url = UrlText(max_length=100, required=False, allow_null=True)
    annual_card_volume = WholeNumber(min_value=0, max_value=10**23 - 1, required=False, allow_null=True)
    has_accepted_credit_cards_previously = Flag(required=False, allow_null=True)
    incorporation_date = DayField(required=False, allow_null=True)
    principal_percentage_ownership = WholeNumber(min_value=0, max_value=100, required=False, allow_null=True)
    short_business_name = Text(max_length=60, required=False, allow_null=True)
    ownership_type = Choice(choices=Identity.OwnershipType.values, required=False, allow_null=True)
    tax_authority = Text(max_length=100, required=False, allow_null=True)
    default_statement_descriptor = Text(max_length=20, required=False, allow_null=True)
    tax_id = TaxIdField(required=False, allow_null=True, write_only=True)
    business_tax_id = TaxIdField(required=False, allow_null=True, write_only=True)

    def errors_across(self, data: Mapping[str, Any]) -> dict[str, list[str]]:
        return self._too_young(data) if self._is_of_a_business(data) else {}

    def _is_of_a_business(self, data: Mapping[str, Any]) -> bool:
        """Whether it tells of a merchant's principal or of an owner; a buyer may be of any age."""
        present = getattr(self.parent, "instance", None)
        if data.get("business_type") is not None:
            return True
        return isinstance(present, Identity) and (present.is_merchant or present.associated_with_id is not None)

    def _too_young(self, data: Mapping[str, Any]) -> dict[str, list[str]]:
        try:
            born = self.fields["dob"].run_validation(data.get("dob"))
        except serializers.ValidationError:
            return {}  # told by the field itself
        return {} if born is None or _age(born) >= OF_AGE else {"dob": [f"Must lie at least {OF_AGE} years back"]}

    def validate_mcc(self, value: str | None) -> str | None:
        if value is not None and not re.fullmatch(r"[0-9]{4}", value):
            raise serializers.ValidationError("Must be four digits")
        return value


class OwnerEntity(EntityInput):
    """A beneficial owner: a person, known by name. The rest is optional, and the processor is told of it."""

    first_name = Text(max_length=20)
    last_name = Text(max_length=20)

    def errors_across(self, data: Mapping[str, Any]) -> dict[str, list[str]]:
        errors = self._too_young(data)
        if data.get("business_type") is not None:
            errors["business_type"] = [OWNER_IS_A_PERSON]
        return errors


def _age(born: date) -> int:
    today = date.today()  # noqa: DTZ011 - as above
    return today.year - born.year - ((today.month, today.day) < (born.month, born.day))


def _validated(validator: Any, value: str, result: str) -> str:
    try:
        validator(value)
    except DjangoValidationError as error:
        raise serializers.ValidationError(error.messages) from error
    return result
