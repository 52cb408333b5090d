"""Public ids: a prefix that tells the resource, and the UUID of the row as a base58 number.

All documented sample ids decode to valid UUIDs this way, so a row keeps one native `uuid` key and shows it under the
documented form, and an id made elsewhere keeps its value here.
"""

import uuid

import uuid_utils.compat

ALPHABET = "123456789abcdefghijkmnopqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ"
_DIGITS = {letter: digit for digit, letter in enumerate(ALPHABET)}
_LONGEST = 22  # 58 ** 22 is the first power above 2 ** 128


class MalformedId(ValueError):
    """The text is no id of the wanted kind."""


def new_id() -> uuid.UUID:
    """A UUIDv7: ids of one process grow with time, which keeps primary key inserts at the right edge of the index."""
    return uuid_utils.compat.uuid7()


def encode(value: uuid.UUID) -> str:
    """The base58 number of a UUID, without leading zeros: 21 or 22 characters for nearly all of them."""
    number, letters = value.int, ""
    while number:
        number, digit = divmod(number, 58)
        letters = ALPHABET[digit] + letters
    return letters or ALPHABET[0]


def decode(text: str) -> uuid.UUID:
    """The UUID of a base58 number. Raises MalformedId; a form that `encode` would not give is malformed too."""
    if not 0 < len(text) <= _LONGEST:
        raise MalformedId(text)
    number = 0
    for letter in text:
        digit = _DIGITS.get(letter)
        if digit is None:
            raise MalformedId(text)
        number = number * 58 + digit
    if number >= 1 << 128 or (len(text) > 1 and text[0] == ALPHABET[0]):
        raise MalformedId(text)
    return uuid.UUID(int=number)


def public_id(prefix: str, value: uuid.UUID) -> str:
    """The documented form of a row's key: `public_id("ID", identity.pk)`."""
    return prefix + encode(value)


def parse_public_id(prefix: str, text: str) -> uuid.UUID:
    """The key behind a public id of one resource. Raises MalformedId when the prefix or the number does not fit."""
    if not text.startswith(prefix):
        raise MalformedId(text)
    return decode(text.removeprefix(prefix))
