"""Many rows by SQL: copies of one that a service made."""

import uuid
from typing import Any

from django.db import connection

from tenancy.actors import system
from tenancy.transactions import transaction


def copies_of(row: Any, count: int) -> None:
    """The same row under other keys, a second apart, each earlier than the one before."""
    columns = [field.column for field in row._meta.local_concrete_fields if not field.generated]
    changed = {"id": "gen_random_uuid()", "created_at": "created_at - make_interval(secs => number)"}
    changed |= {"idempotency_id": "NULL", "idempotency_operation": "NULL"}
    chosen = ", ".join(changed.get(name, f'"{name}"') for name in columns)
    named = ", ".join(f'"{name}"' for name in columns)
    table = row._meta.db_table
    with transaction(by=system()), connection.cursor() as cursor:
        cursor.execute("SET LOCAL statement_timeout = '60s'")
        cursor.execute(
            f"INSERT INTO {table} ({named})"
            f" SELECT {chosen} FROM {table}, generate_series(1, %s) AS number WHERE id = %s",
            [count, row.pk],
        )


def all_ids(model: Any) -> set[uuid.UUID]:
    with transaction(by=system()):
        return set(model.objects.values_list("pk", flat=True))
