"""Integers reach PostgreSQL as wide as they are.

Django tells psycopg the width of a number by the field it is for, and the binary dumper of a narrow one drops the
upper bits in silence: `F("refunded_amount") + 2**31` would take 2**31 away.
"""

from typing import ClassVar

from django.db.backends.base.base import BaseDatabaseWrapper
from psycopg.abc import DumperKey
from psycopg.adapt import Dumper, PyFormat
from psycopg.types.numeric import Int2, Int2BinaryDumper, Int4, Int4BinaryDumper, Int8, Int8BinaryDumper


class _OrWider(Dumper):
    """A number that does not fit is sent as a bigint: then it counts in sums, and a column too narrow refuses it."""

    bits: ClassVar[int]

    def get_key(self, obj: int, format: PyFormat) -> DumperKey:  # noqa: A002, ARG002 - psycopg's
        limit = 1 << (self.bits - 1)
        return self.cls if -limit <= obj < limit else Int8

    def upgrade(self, obj: int, format: PyFormat) -> Dumper:  # noqa: A002 - psycopg's
        return self if self.get_key(obj, format) is self.cls else Int8BinaryDumper(Int8)


class Int2OrWider(_OrWider, Int2BinaryDumper):
    bits = 16


class Int4OrWider(_OrWider, Int4BinaryDumper):
    bits = 32


def send_as_wide_as_they_are(connection: BaseDatabaseWrapper, **_: object) -> None:
    """For the signal connection_created."""
    connection.connection.adapters.register_dumper(Int2, Int2OrWider)
    connection.connection.adapters.register_dumper(Int4, Int4OrWider)
