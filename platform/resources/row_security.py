"""Migration operations for the second fence between tenants: row level security in PostgreSQL.

A policy reads the transaction-local setting `app.applications`, which `tenancy.transaction` fills. Unset or empty means
no rows. The sub-select is evaluated once per statement instead of once per row. Policies bind the app role only: the
owner migrates and backs up, and under FORCE its data migrations would change nothing without a word.
"""

from collections.abc import Sequence

from django.db import migrations

SETTING = "app.applications"

_ACTOR_APPLICATIONS = f"(SELECT string_to_array(nullif(current_setting('{SETTING}', true), ''), ',')::uuid[])::uuid[]"


def tenant_policy(table: str, *, column: str = "application_id") -> migrations.RunSQL:
    """Let the app role see and write only rows whose application the actor of the transaction may see."""
    condition = f"{column} = ANY ({_ACTOR_APPLICATIONS})"
    return migrations.RunSQL(
        f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY;"
        f"CREATE POLICY tenant ON {table} USING ({condition}) WITH CHECK ({condition});",
        f"DROP POLICY tenant ON {table}; ALTER TABLE {table} DISABLE ROW LEVEL SECURITY;",
    )


def same_tenant_reference(table: str, column: str, target: str) -> migrations.RunSQL:
    """Refuse a reference across tenants in the database: a composite foreign key (application_id, column).

    The target needs a unique constraint over (application_id, id). The field itself carries `db_constraint=False`,
    or is a plain uuid where the target belongs to an upper app.
    """
    name = f"{table}_{column}_same_tenant"
    return migrations.RunSQL(
        f"ALTER TABLE {table} ADD CONSTRAINT {name} FOREIGN KEY (application_id, {column})"
        f" REFERENCES {target} (application_id, id) DEFERRABLE INITIALLY DEFERRED;",
        f"ALTER TABLE {table} DROP CONSTRAINT {name};",
    )


def append_only(table: str) -> migrations.RunSQL:
    """Refuse UPDATE, DELETE and TRUNCATE on a history, whoever asks."""
    return migrations.RunSQL(
        f"""
        CREATE FUNCTION {table}_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN RAISE EXCEPTION '{table} is append-only' USING ERRCODE = 'restrict_violation'; END $$;
        CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table}
            FOR EACH STATEMENT EXECUTE FUNCTION {table}_append_only();
        """,
        f"DROP TRIGGER append_only ON {table}; DROP FUNCTION {table}_append_only();",
    )


def frozen(table: str, columns: Sequence[str]) -> migrations.RunSQL:
    """Refuse to change these columns of a row once it is there, whoever asks."""
    differs = " OR ".join(f"OLD.{column} IS DISTINCT FROM NEW.{column}" for column in columns)
    return migrations.RunSQL(
        f"""
        CREATE FUNCTION {table}_frozen() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN RAISE EXCEPTION '{table}: {", ".join(columns)} never change' USING ERRCODE = 'restrict_violation'; END $$;
        CREATE TRIGGER frozen BEFORE UPDATE OF {", ".join(columns)} ON {table}
            FOR EACH ROW WHEN ({differs}) EXECUTE FUNCTION {table}_frozen();
        """,
        f"DROP TRIGGER frozen ON {table}; DROP FUNCTION {table}_frozen();",
    )
