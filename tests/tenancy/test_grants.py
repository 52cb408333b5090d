"""What the app role may do in the database, tried out; and that histories only grow, whoever asks."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import DatabaseError, IntegrityError, ProgrammingError, connection

from tenancy.grants import APPEND_ONLY, UNTOUCHED
from tenancy.services import platform_id
from tests.tenancy.conftest import Tenant, refused, run

HISTORIES = ["event", "audit"]


def test_histories_hold_rows_that_could_be_changed(own: Tenant) -> None:
    assert set(HISTORIES) < set(APPEND_ONLY)
    assert own.partner.actor.application_ids == (own.application.pk,)


@pytest.mark.parametrize("table", APPEND_ONLY)
@pytest.mark.parametrize("statement", ["UPDATE {} SET {column} = {column}", "DELETE FROM {}", "TRUNCATE {}"])
@pytest.mark.django_db
def test_app_role_changes_no_history(table: str, statement: str) -> None:
    column = "number" if table == "audit_seal" else "id"

    with refused(ProgrammingError, f"permission denied for table {table}"):
        run(statement.format(table, column=column))


@pytest.mark.parametrize("table", APPEND_ONLY)
@pytest.mark.parametrize(
    "statement", ["UPDATE {} SET {column} = {column}", "DELETE FROM {}", "DELETE FROM {} WHERE false"]
)
@pytest.mark.django_db(databases=["default", "owner"])
def test_owner_changes_no_history_either(as_owner: Callable[[], Any], table: str, statement: str) -> None:
    column = "number" if table == "audit_seal" else "id"

    with as_owner(), pytest.raises(IntegrityError, match=f"{table} is append-only"):
        run(statement.format(table, column=column))


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE mine (id int)",
        "CREATE SCHEMA mine",
        "CREATE FUNCTION mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "CREATE ROLE mine",
        "ALTER TABLE identity DISABLE ROW LEVEL SECURITY",
        "ALTER TABLE identity ADD COLUMN mine int",
        "ALTER TABLE event DISABLE TRIGGER append_only",
        "ALTER ROLE CURRENT_USER BYPASSRLS",
        "ALTER FUNCTION tenancy_platform_id() SECURITY INVOKER",
        "DROP POLICY tenant ON identity",
        "DROP TABLE identity",
        "TRUNCATE identity CASCADE",
        "SET ROLE merchantry_owner",
        "SET SESSION AUTHORIZATION merchantry_owner",
        "SET session_replication_role = replica",
        "COPY identity TO PROGRAM 'cat'",
        "COPY identity FROM '/etc/passwd'",
        "SELECT pg_read_file('/etc/passwd')",
        "INSERT INTO django_migrations (app, name, applied) VALUES ('a', 'b', now())",
        "DELETE FROM django_migrations",
    ],
)
@pytest.mark.django_db
def test_app_role_reaches_no_further_than_rows(statement: str) -> None:
    with refused(DatabaseError, "permission denied|must be owner|must have|Only roles with"):
        run(statement)


@pytest.mark.django_db
def test_app_role_has_the_rights_on_rows_and_no_others() -> None:
    rights = run(
        "SELECT table_name, array_agg(privilege_type::text ORDER BY privilege_type)"
        " FROM information_schema.table_privileges"
        " WHERE grantee = current_user AND table_schema = 'public' GROUP BY table_name"
    )

    plain = ["DELETE", "INSERT", "SELECT", "UPDATE"]
    narrower = {table: ["INSERT", "SELECT"] for table in APPEND_ONLY} | {table: ["SELECT"] for table in UNTOUCHED}
    tables = connection.introspection.table_names()
    assert dict(rights) == {table: narrower.get(table, plain) for table in tables}


@pytest.mark.django_db
def test_functions_that_see_past_the_fence_tell_ids_and_numbers_only(own: Tenant) -> None:
    functions = run(
        "SELECT proname, pg_get_function_result(oid), proconfig FROM pg_proc"
        " WHERE prosecdef AND pronamespace = 'public'::regnamespace ORDER BY proname"
    )

    fixed_path = ["search_path=public, pg_temp"]
    assert functions == [
        ("event_last_sequence", "integer", fixed_path),
        ("ledger_journal_has_legs", "trigger", [*fixed_path, "enable_seqscan=off"]),
        ("ledger_posting_balance", "trigger", [*fixed_path, "enable_seqscan=off"]),
        ("onboarding_form_application", "uuid", fixed_path),
        ("tenancy_application_ids", "uuid[]", fixed_path),
        ("tenancy_is_application_enabled", "boolean", fixed_path),
        ("tenancy_platform_id", "uuid", fixed_path),
    ]
    callable_by_us = run(
        "SELECT proname FROM pg_proc WHERE prosecdef AND pronamespace = 'public'::regnamespace"
        " AND has_function_privilege(oid, 'EXECUTE') ORDER BY proname"
    )
    assert [name for (name,) in callable_by_us] == [name for name, returned, _ in functions if returned != "trigger"]
    ((ids,),) = run("SELECT tenancy_application_ids()")
    assert {own.application.pk, platform_id()} <= set(ids)
