"""What the app role may do in the database: rows, not tables; and histories only grow."""

from django.db.backends.base.base import BaseDatabaseWrapper

APPEND_ONLY = ("event", "audit", "audit_seal", "ledger_account", "ledger_journal", "ledger_posting")
UNTOUCHED = ("django_migrations",)
FUNCTIONS = (
    "event_last_sequence(uuid)",
    "tenancy_application_ids()",
    "tenancy_is_application_enabled(uuid)",
    "tenancy_platform_id()",
)


def grant_app_role(connection: BaseDatabaseWrapper, *, role: str) -> None:
    """Grant the app role its rights on every table, anew each time: safe to repeat."""
    name = connection.ops.quote_name(role)
    with connection.cursor() as cursor:
        tables = connection.introspection.table_names(cursor)
        if "application" not in tables:  # migrated back to nothing
            return
        cursor.execute(f"GRANT USAGE ON SCHEMA public TO {name}")
        cursor.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {name}")
        cursor.execute(f"GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO {name}")
        for table in APPEND_ONLY:
            cursor.execute(f"REVOKE UPDATE, DELETE ON {table} FROM {name}")
        for table in UNTOUCHED:
            cursor.execute(f"REVOKE INSERT, UPDATE, DELETE ON {table} FROM {name}")
        for function in FUNCTIONS:
            cursor.execute(f"REVOKE ALL ON FUNCTION {function} FROM PUBLIC")
            cursor.execute(f"GRANT EXECUTE ON FUNCTION {function} TO {name}")
