"""The columns of an export: what is read of a row, and how it is written, raw and the same in every language.

Everything becomes text, in the database where that is quicker, and a column at a time; each value that a page holds
several times is worked out once. `typed` gives a number or moment back to a sheet that has such cells. What somebody
may have typed is made neutral here, before any writer sees it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any

from django.db.models import F, Func, TextField
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Cast

from exports.cells import all_neutral
from portal.design.values import EXPONENTS
from resources import ids
from resources.models import Resource
from tenancy.actors import Actor

Cell = str | int | Decimal | bool | datetime | date
_FIRST_YEAR_OF_SHEETS = 1900
_REMEMBERED = 20_000
"""Ids of merchants and applications come again and again; those of the rows themselves do not."""


def everybody(_: Actor) -> bool:
    return True


def the_platform(by: Actor) -> bool:
    """For what whoever belongs to one application has no need of."""
    return by.is_platform


@dataclass(frozen=True)
class Column:
    """Text that somebody may have typed."""

    label: str
    source: str
    is_for: Callable[[Actor], bool] = field(default=everybody, kw_only=True)

    def read(self) -> list[Any]:
        """What is selected of a row for it."""
        return [F(self.source)]

    def texts(self, by: Actor, *values: Sequence[Any]) -> Sequence[str | None]:
        """The cells of many rows, None where there is nothing; `values` are what was read. Call it in a transaction."""
        del by
        return all_neutral(values[0])

    def typed(self, text: str) -> Cell:
        return text


@dataclass(frozen=True)
class Word(Column):
    """A constant of ours, or what our own rules let through: letters, digits, nothing to begin a formula with."""

    def texts(self, by: Actor, *values: Sequence[Any]) -> Sequence[str | None]:
        del by
        return values[0]


@dataclass(frozen=True)
class Id(Column):
    """The public id of a row, or of one that it points to."""

    model: type[Resource]

    def read(self) -> list[Any]:
        return [Cast(F(self.source), TextField())]

    def texts(self, by: Actor, *values: Sequence[Any]) -> Sequence[str | None]:
        del by
        prefix = self.model.PREFIX
        told = {value: value and prefix + _encoded(value) for value in set(values[0])}
        return [told[value] for value in values[0]]


@dataclass(frozen=True)
class Name(Id):
    """How a row that this one points to is called; one query for all of a page, since a join would read it all."""

    named: Callable[[Any], str]

    def texts(self, by: Actor, *values: Sequence[Any]) -> Sequence[str | None]:
        keys = {value for value in values[0] if value is not None}
        found = self.model._default_manager.filter(pk__in=keys)
        names = {str(row.pk): self.named(row) for row in found.visible_to(by)} if keys else {}  # type: ignore[attr-defined]  # each has it
        return all_neutral([names.get(value) for value in values[0]])


class _InUtc(Func):
    template = """to_char(%(expressions)s AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')"""
    output_field = TextField()


@dataclass(frozen=True)
class Moment(Word):
    """ISO 8601 in UTC, to the millisecond."""

    def read(self) -> list[Any]:
        return [_InUtc(F(self.source))]

    def typed(self, text: str) -> Cell:
        return datetime.fromisoformat(text[:23])  # a sheet knows no zones


@dataclass(frozen=True)
class Day(Word):
    def read(self) -> list[Any]:
        return [Cast(F(self.source), TextField())]

    def typed(self, text: str) -> Cell:
        day = date.fromisoformat(text)
        return day if day.year >= _FIRST_YEAR_OF_SHEETS else text


@dataclass(frozen=True)
class Amount(Column):
    """Minor units as currency units, with a point. The currency stands in a column of its own."""

    currency: str = "currency"

    def read(self) -> list[Any]:
        return [F(self.source), F(self.currency)]

    def texts(self, by: Actor, *values: Sequence[Any]) -> Sequence[str | None]:
        del by
        pairs = list(zip(*values, strict=True))
        told = {pair: None if pair[0] is None else units(pair[0], pair[1] or "") for pair in set(pairs)}
        return [told[pair] for pair in pairs]

    def typed(self, text: str) -> Cell:
        return Decimal(text)


@dataclass(frozen=True)
class Dollars(Column):
    """An amount of a row that names no currency, where it is US dollars."""

    def texts(self, by: Actor, *values: Sequence[Any]) -> Sequence[str | None]:
        del by
        return [None if amount is None else units(int(amount), "USD") for amount in values[0]]

    def typed(self, text: str) -> Cell:
        return Decimal(text)


@dataclass(frozen=True)
class Whole(Column):
    """A whole number."""

    def texts(self, by: Actor, *values: Sequence[Any]) -> Sequence[str | None]:
        del by
        return [None if value is None else str(value) for value in values[0]]

    def typed(self, text: str) -> Cell:
        return int(text)


@dataclass(frozen=True)
class Flag(Column):
    """true or false."""

    def texts(self, by: Actor, *values: Sequence[Any]) -> Sequence[str | None]:
        del by
        return [_FLAGS[value] for value in values[0]]

    def typed(self, text: str) -> Cell:
        return text == "true"


@dataclass(frozen=True)
class Member(Column):
    """One member of a JSON object, such as the city of an address."""

    member: str

    def read(self) -> list[Any]:
        return [KeyTextTransform(self.member, self.source)]


@dataclass(frozen=True)
class Json(Column):
    """A JSON value as it is, where it is not empty: tags, and lists of messages."""

    def read(self) -> list[Any]:
        return [Cast(F(self.source), TextField())]

    def texts(self, by: Actor, *values: Sequence[Any]) -> Sequence[str | None]:
        del by
        return all_neutral([None if value in _EMPTY else value for value in values[0]])


_EMPTY = frozenset({"{}", "[]", "null"})
_FLAGS: Mapping[bool | None, str | None] = {True: "true", False: "false", None: None}


def units(amount: int, currency: str) -> str:
    """Minor units as currency units: -1250 and USD become -12.50."""
    places = EXPONENTS.get(currency, 2)
    if not places:
        return str(amount)
    whole, rest = divmod(abs(amount), 10**places)
    return f"{'-' if amount < 0 else ''}{whole}.{rest:0{places}d}"


@lru_cache(maxsize=_REMEMBERED)
def _encoded(key: str) -> str:
    number = int(key.replace("-", ""), 16)
    letters = []
    while number:
        number, three = divmod(number, _THREE)
        letters.append(_THREES[three])
    return "".join(reversed(letters)).lstrip(ids.ALPHABET[0]) or ids.ALPHABET[0]


_THREE = len(ids.ALPHABET) ** 3
_THREES = [a + b + c for a in ids.ALPHABET for b in ids.ALPHABET for c in ids.ALPHABET]
"""Three digits at a time: an export encodes millions of ids."""
