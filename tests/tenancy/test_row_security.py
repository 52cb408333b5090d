"""The second fence alone: raw SQL as the app role, with one application in the setting."""

import uuid

import pytest
from django.db import DataError, IntegrityError, ProgrammingError

from tenancy.grants import APPEND_ONLY
from tenancy.roles import Role
from tests.factories.tenancy import make_person
from tests.tenancy.conftest import Tenant, in_sight_of, refused, run

TABLES = {
    "application": "id",
    "processor": "application_id",
    "risk_profile": "application_id",
    "application_profile": "application_id",
    "merchant_profile": "application_id",
    "identity": "application_id",
    "identity_tag": "application_id",
    "vault_value": "application_id",
    "event": "application_id",
    "audit": "application_id",
    "idempotency_key": "application_id",
    "payment_instrument": "application_id",
    "payment_instrument_tag": "application_id",
    "merchant": "application_id",
    "verification": "application_id",
    "token": "application_id",
    "instrument_update": "application_id",
    "review_queue_item": "application_id",
    "onboarding_form": "application_id",
    "merchant_import": "application_id",
    "imported_row": "application_id",
    "export": "application_id",
    "export_chunk": "application_id",
    "attempt": "application_id",
    "provider_feed": "application_id",
    "provider_untaken_word": "application_id",
    "transfer": "application_id",
    "transfer_tag": "application_id",
    "transfer_batch": "application_id",
    "card_authorization": "application_id",
    "card_authorization_tag": "application_id",
    "settlement": "application_id",
    "settlement_entry": "application_id",
    "settlement_schedule": "application_id",
    "ledger_account": "application_id",
    "ledger_journal": "application_id",
    "ledger_posting": "application_id",
    "sandbox_instrument": "application_id",
    "sandbox_merchant": "application_id",
    "sandbox_verification": "application_id",
    "sandbox_inquiry": "application_id",
    "sandbox_card_update": "application_id",
    "sandbox_batch": "application_id",
    "sandbox_authorization": "application_id",
    "sandbox_transfer": "application_id",
    "sandbox_call": "application_id",
    "sandbox_fault": "application_id",
}
MUTABLE = [table for table in TABLES if table not in APPEND_ONLY]
WITHOUT_POLICY = {
    "person", "api_user", "job", "api_limit", "audit_seal", "vault_key_check", "django_session", "django_migrations",
    "django_content_type", "auth_group", "auth_group_permissions", "auth_permission", "account_emailaddress",
    "account_emailconfirmation", "mfa_authenticator",
}  # fmt: skip
"""What comes before an actor is known, or belongs to no tenant."""


def count(table: str, application: uuid.UUID) -> int:
    ((found,),) = run(f"SELECT count(*) FROM {table} WHERE {TABLES[table]} = %s", application)
    return found


@pytest.mark.django_db
def test_every_table_has_a_policy_or_a_reason() -> None:
    tables = run(
        "SELECT relname, relrowsecurity, relforcerowsecurity FROM pg_class"
        " WHERE relkind IN ('r', 'p') AND relnamespace = 'public'::regnamespace"
    )

    assert {name for name, is_on, _ in tables if is_on} == set(TABLES)
    assert {name for name, is_on, _ in tables if not is_on} == WITHOUT_POLICY
    assert not any(is_forced for *_, is_forced in tables)


@pytest.mark.django_db
def test_policies_read_the_setting_once_per_statement() -> None:
    policies = run("SELECT tablename, qual, with_check FROM pg_policies WHERE schemaname = 'public'")

    assert {table for table, *_ in policies} == set(TABLES)
    for _, using, check in policies:
        assert using == check
        assert "( SELECT (string_to_array(NULLIF(current_setting('app.applications'::text, true), ''::text)" in using


@pytest.mark.parametrize("table", TABLES)
def test_only_rows_in_sight_are_seen(own: Tenant, foreign: Tenant, table: str) -> None:
    mine, others = own.application.pk, foreign.application.pk

    with in_sight_of(mine):
        assert count(table, mine) > 0
        assert count(table, others) == 0
        ((everything,),) = run(f"SELECT count(*) FROM {table}")
        assert everything == count(table, mine)
    with in_sight_of(mine, others):
        assert count(table, others) > 0


@pytest.mark.parametrize("table", TABLES)
def test_without_a_setting_there_are_no_rows(own: Tenant, table: str) -> None:
    """Unset it is NULL; after a transaction that set it, the same connection reads an empty text."""
    assert run(f"SELECT count(*) FROM {table}") == [(0,)]
    run("SELECT set_config('app.applications', NULL, true)")
    assert run(f"SELECT count(*) FROM {table}") == [(0,)]


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("setting", ["*", "all", "1", "' OR true --", "{}", ",", " "])
def test_malformed_setting_raises(own: Tenant, table: str, setting: str) -> None:
    with refused(DataError, "invalid input syntax for type uuid"), in_sight_of(setting):
        run(f"SELECT * FROM {table}")


@pytest.mark.parametrize("table", MUTABLE)
def test_foreign_rows_are_neither_changed_nor_deleted(own: Tenant, foreign: Tenant, table: str) -> None:
    column, others = TABLES[table], foreign.application.pk

    with in_sight_of(own.application.pk):
        assert run(f"UPDATE {table} SET {column} = {column} WHERE {column} = %s", others) == 0
        assert run(f"DELETE FROM {table} WHERE {column} = %s", others) == 0
    with in_sight_of(others):
        assert count(table, others) > 0


@pytest.mark.parametrize("table", MUTABLE)
def test_own_row_is_not_given_to_another_tenant(own: Tenant, foreign: Tenant, table: str) -> None:
    column = TABLES[table]

    with in_sight_of(own.application.pk), refused(ProgrammingError, "violates row-level security policy"):
        run(f"UPDATE {table} SET {column} = %s WHERE {column} = %s", foreign.application.pk, own.application.pk)


@pytest.mark.parametrize("table", TABLES)
def test_foreign_row_is_not_inserted(own: Tenant, foreign: Tenant, table: str) -> None:
    """A row like one of our own, under a new key, that says it is another's."""
    column = TABLES[table]
    columns = column_names(table)
    values = {"id": "gen_random_uuid()", column: "%s", "balance": "0"}  # an account begins empty
    chosen = ", ".join(values.get(name, name) for name in columns)
    tenant = foreign.application.pk if column != "id" else uuid.uuid4()

    with in_sight_of(own.application.pk), refused(ProgrammingError, "violates row-level security policy"):
        run(f"INSERT INTO {table} ({', '.join(columns)}) SELECT {chosen} FROM {table} LIMIT 1", tenant)


def column_names(table: str) -> list[str]:
    """Without those that the database computes itself."""
    found = run(
        "SELECT column_name FROM information_schema.columns WHERE table_name = %s AND is_generated = 'NEVER'", table
    )
    return [name for (name,) in found]


@pytest.mark.parametrize(
    ("table", "column", "kind", "constraint"),
    [
        ("application_profile", "risk_profile_id", "risk_profile", "application_profile_risk_profile_id_same_tenant"),
        ("merchant_profile", "risk_profile_id", "risk_profile", "merchant_profile_risk_profile_id_same_tenant"),
        ("processor", "default_merchant_profile_id", "merchant_profile", "default_merchant_profile_id_same_tenant"),
        ("application", "owner_id", "identity", "application_owner_same_tenant"),
        ("api_user", "identity_id", "identity", "api_user_identity_id_same_tenant"),
        ("person", "identity_id", "identity", "person_identity_id_same_tenant"),
        ("payment_instrument", "identity_id", "identity", "payment_instrument_identity_id_same_tenant"),
        ("merchant", "identity_id", "identity", "merchant_identity_id_same_tenant"),
        ("merchant", "merchant_profile_id", "merchant_profile", "merchant_merchant_profile_id_same_tenant"),
        ("merchant", "enabled_processor_id", "processor", "merchant_enabled_processor_id_same_tenant"),
        ("merchant", "verification_id", "verification", "merchant_verification_id_same_tenant"),
        ("verification", "merchant_id", "merchant", "verification_merchant_id_same_tenant"),
        ("verification", "merchant_identity_id", "identity", "verification_merchant_identity_id_same_tenant"),
        ("instrument_update", "merchant_id", "merchant", "instrument_update_merchant_id_same_tenant"),
        ("instrument_update", "payment_instrument_id", "payment_instrument", "instrument_update_payment_instrument_id"),
        ("onboarding_form", "identity_id", "identity", "onboarding_form_identity_id_same_tenant"),
        ("export_chunk", "export_id", "export", "export_chunk_export_id_same_tenant"),
        ("transfer", "merchant_identity_id", "identity", "transfer_merchant_identity_id_same_tenant"),
        ("transfer", "processor_id", "processor", "transfer_processor_id_same_tenant"),
        ("transfer_batch", "processor_id", "processor", "transfer_batch_processor_id_same_tenant"),
        ("card_authorization", "processor_id", "processor", "card_authorization_processor_id_same_tenant"),
        ("settlement", "identity_id", "identity", "settlement_identity_id_same_tenant"),
        ("settlement", "processor_id", "processor", "settlement_processor_id_same_tenant"),
        ("settlement", "destination_id", "payment_instrument", "settlement_destination_id_same_tenant"),
        ("settlement_schedule", "merchant_id", "merchant", "settlement_schedule_merchant_id_same_tenant"),
    ],
)
def test_reference_across_tenants_is_refused_by_the_database(
    own: Tenant, foreign: Tenant, *, table: str, column: str, kind: str, constraint: str
) -> None:
    make_person("merchant@example.org", Role.MERCHANT, application=own.application, identity_id=own.identity.pk)
    condition = f"{TABLES.get(table, 'application_id')} = %s"

    with in_sight_of(own.application.pk), refused(IntegrityError, constraint):
        run(f"UPDATE {table} SET {column} = %s WHERE {condition}", getattr(foreign, kind).pk, own.application.pk)


def test_review_item_of_a_foreign_merchant_is_refused_by_the_database(own: Tenant, foreign: Tenant) -> None:
    others = foreign.merchant.pk

    with in_sight_of(own.application.pk), refused(IntegrityError, "review_queue_item_merchant_id_same_tenant"):
        run(
            "UPDATE review_queue_item SET merchant_id = %s, entity_id = %s WHERE application_id = %s",
            others,
            others,
            own.application.pk,
        )
