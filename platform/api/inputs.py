"""Fields for request bodies, strict about types: a number is no text, a float is no amount, `1` is not true."""

import re
import uuid
from abc import abstractmethod
from collections.abc import Mapping
from typing import Any

from rest_framework import serializers
from rest_framework.fields import empty

from resources import ids
from resources.errors import FieldError
from resources.models import Resource
from resources.tags import clean_tags

_DIGITS = re.compile(r"-?[0-9]{1,30}")


class Text(serializers.CharField):
    """Text only, trimmed, never empty; null where the member may be null."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"allow_blank": False, **options})

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            raise serializers.ValidationError("Must be text")
        return super().to_internal_value(data)


class ParsedText(Text):
    """Text that becomes something else once its length and characters are judged; subclasses say what, in `parse`."""

    def run_validation(self, data: Any = empty) -> Any:
        text = super().run_validation(data)
        return self.parse(text) if isinstance(text, str) and text else None

    @abstractmethod
    def parse(self, text: str) -> Any: ...


class Flag(serializers.BooleanField):
    """true or false, nothing that only looks like it."""

    def to_internal_value(self, data: Any) -> bool:
        if not isinstance(data, bool):
            raise serializers.ValidationError("Must be true or false")
        return data


class WholeNumber(serializers.IntegerField):
    """An integer, or digits as text as some documented samples send; never a float."""

    def to_internal_value(self, data: Any) -> int:
        if isinstance(data, bool) or not (isinstance(data, int) or (isinstance(data, str) and _DIGITS.fullmatch(data))):
            raise serializers.ValidationError("Must be a whole number")
        number = int(data)
        self.run_validators(number)
        return number


class Choice(serializers.ChoiceField):
    """One of the listed values, in any case."""

    def to_internal_value(self, data: Any) -> str:
        known = {str(value).upper(): str(value) for value in self.choices}
        if not isinstance(data, str) or data.strip().upper() not in known:
            raise serializers.ValidationError(f"One of {', '.join(map(str, self.choices))} is needed")
        return known[data.strip().upper()]


class TagsField(serializers.DictField):
    """Tags as a whole."""

    child = serializers.CharField()

    def to_internal_value(self, data: Any) -> dict[str, str]:
        try:
            return clean_tags(data, field="")
        except FieldError as error:
            path = error.field.lstrip(".")
            raise serializers.ValidationError({path: [str(error)]} if path else str(error)) from error


class PublicId(ParsedText):
    """A public id of one resource; its key is the value."""

    def __init__(self, related: type[Resource], **options: Any) -> None:
        super().__init__(**options)
        self.related = related

    def parse(self, text: str) -> uuid.UUID:
        try:
            return self.related.parse_id(text)
        except ids.MalformedId as error:
            raise serializers.ValidationError(f"An id that begins with {self.related.PREFIX} is needed") from error


class FreeObject(serializers.DictField):
    """An object whose members are the caller's own."""

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        if not isinstance(data, dict):
            raise serializers.ValidationError("Must be an object")
        return data


class InputSerializer(serializers.Serializer[Any]):
    """The base of request bodies. Unknown members are ignored; `validated_data` holds only what was sent.

    What is wrong across members is told beside what is wrong with one, so that a caller sees all of it at once.
    """

    def errors_across(self, data: Mapping[str, Any]) -> Mapping[str, list[str]]:
        """What is wrong across members, by the member it is told of."""
        del data
        return {}

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        across = self.errors_across(data) if isinstance(data, Mapping) else {}
        try:
            values: dict[str, Any] = super().to_internal_value(data)
        except serializers.ValidationError as error:
            own: Any = error.detail
            raise serializers.ValidationError({**across, **own}) from error
        if across:
            raise serializers.ValidationError(across)
        return values
