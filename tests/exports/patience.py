"""A database that keeps somebody waiting, and how long this connection waits."""

import contextlib
from collections.abc import Iterator

from django.db import connection, connections, transaction


@contextlib.contextmanager
def locked(table: str) -> Iterator[None]:
    with transaction.atomic(using="owner"), connections["owner"].cursor() as cursor:
        cursor.execute(f"LOCK TABLE {table}")
        yield


@contextlib.contextmanager
def patience(**limits: str) -> Iterator[None]:
    """For as long as this connection grants them."""
    with connection.cursor() as cursor:
        for name, limit in limits.items():
            cursor.execute(f"SET {name} = '{limit}'")
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute("RESET ALL")
