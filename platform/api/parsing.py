"""The one door for JSON bodies. Stricter than the library's: what two readers could read differently is refused."""

import json
import re
from collections.abc import Mapping
from typing import IO, Any, NoReturn

from rest_framework.exceptions import UnsupportedMediaType
from rest_framework.parsers import BaseParser

from api.errors import BadRequest, PayloadTooLarge

MAX_BYTES = 256 * 1024
MAX_DEPTH = 32
MAX_KEYS = 1000
MAX_DIGITS = 30

MEDIA_TYPES = frozenset(
    {"application/json", "application/vnd.json+api", "application/vnd.api+json", "application/hal+json"}
)

# Possessive, and content with a string that never ends: a match that fails would be tried anew at every later quote.
_STRING = re.compile(r'"(?:[^"\\]|\\.)*+"?', re.DOTALL)


class StrictJSONParser(BaseParser):
    """UTF-8 JSON objects under every documented media type. Raises BadRequest, PayloadTooLarge or
    UnsupportedMediaType."""

    media_type = "*/*"

    def parse(
        self, stream: IO[bytes], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        del parser_context
        _refuse_other_media(media_type or "")
        body = stream.read(MAX_BYTES + 1)
        if len(body) > MAX_BYTES:
            raise PayloadTooLarge
        return parse_object(body)


def parse_object(body: bytes) -> dict[str, Any]:
    """A JSON object from bytes; an empty body is an empty object. Raises BadRequest."""
    if not body.strip():
        return {}
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise BadRequest("The body is not UTF-8.") from error
    _refuse_depth(text)
    keys = _KeyCount()
    try:
        value = json.loads(
            text,
            object_pairs_hook=keys.object,
            parse_constant=_refuse_constant,
            parse_int=_whole,
            parse_float=_fraction,
        )
    except json.JSONDecodeError as error:
        raise BadRequest(f"The body is not JSON: {error.msg} at line {error.lineno}, column {error.colno}.") from error
    if not isinstance(value, dict):
        raise BadRequest("The body must be a JSON object.")
    return value


class _KeyCount:
    """Builds objects, refuses a key that comes twice, and counts keys over the whole body."""

    def __init__(self) -> None:
        self.seen = 0

    def object(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        self.seen += len(pairs)
        if self.seen > MAX_KEYS:
            raise BadRequest(f"The body has more than {MAX_KEYS} members.")
        result: dict[str, Any] = {}
        for key, value in pairs:
            _refuse_text(key)
            if key in result:
                raise BadRequest(f"The member `{key[:40]}` comes twice.")
            _refuse_texts(value)
            result[key] = value
        return result


def _refuse_texts(value: Any) -> None:
    if isinstance(value, str):
        _refuse_text(value)
    elif isinstance(value, list):
        for item in value:
            _refuse_texts(item)


def _refuse_text(text: str) -> None:
    if "\x00" in text:
        raise BadRequest("Text must not hold NUL characters.")
    if any("\ud800" <= letter <= "\udfff" for letter in text):
        raise BadRequest("Text must not hold lone surrogates.")


def _refuse_depth(text: str) -> None:
    """The library's scanner recurses; count brackets outside strings first."""
    depth = 0
    for bracket in re.findall(r"[\[\]{}]", _STRING.sub("", text)):
        depth += 1 if bracket in "[{" else -1
        if depth > MAX_DEPTH:
            raise BadRequest(f"The body is nested deeper than {MAX_DEPTH} levels.")


def _refuse_constant(name: str) -> NoReturn:
    raise BadRequest(f"{name} is no JSON number.")


def _whole(digits: str) -> int:
    if len(digits) > MAX_DIGITS:
        raise BadRequest(f"A number has more than {MAX_DIGITS} digits.")
    return int(digits)


def _fraction(digits: str) -> float:
    if len(digits) > MAX_DIGITS:
        raise BadRequest(f"A number has more than {MAX_DIGITS} digits.")
    number = float(digits)
    if number in (float("inf"), float("-inf")):
        raise BadRequest("A number is too large.")
    return number


def _refuse_other_media(content_type: str) -> None:
    media_type, *parameters = [part.strip().lower() for part in content_type.split(";")]
    charsets = [value.strip('"') for name, _, value in (p.partition("=") for p in parameters) if name == "charset"]
    if media_type not in MEDIA_TYPES or any(charset not in {"utf-8", "utf8"} for charset in charsets):
        raise UnsupportedMediaType(content_type[:100])
