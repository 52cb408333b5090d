import random
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from io import StringIO
from typing import Any

import psycopg
import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, connections

from config.embedded.processes import wait_until
from events.models import Audit, AuditSeal
from events.sealing import NumbersWentBack
from jobs import registry
from tenancy.actors import Origin, system
from tenancy.services import record_denial, seal_audit, verify_audit
from tenancy.transactions import transaction
from tests.databases import database_url

pytestmark = pytest.mark.usefixtures("own_database")

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


@pytest.fixture
def owner() -> Iterator[psycopg.Connection]:
    """The owner of the tables, with the trigger that refuses changes switched off."""
    name = connection.settings_dict["NAME"]
    with psycopg.connect(database_url("DATABASE_OWNER_URL", name), autocommit=True) as owner:
        owner.execute("ALTER TABLE audit DISABLE TRIGGER append_only")
        owner.execute("ALTER TABLE audit_seal DISABLE TRIGGER append_only")
        yield owner


@contextmanager
def open_transaction() -> Iterator[None]:
    """Somebody else's, which has a number already."""
    name = connection.settings_dict["NAME"]
    with psycopg.connect(database_url("DATABASE_URL", name)) as other:
        other.execute("SELECT pg_current_xact_id()")
        yield


def write_audit(count: int = 1) -> None:
    for number in range(count):
        record_denial("log_in", reason=f"reason {number}", at=NOW, origin=Origin(address="192.0.2.7", browser="curl"))


def nothing_holds_up_sealing() -> bool:
    """Whether no transaction that began before our last row is still open, in other tests on this server either."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint")
        (oldest,) = cursor.fetchone()
    return not everything(Audit.objects.filter(transaction_id__gte=oldest).exists)


def seal_soon() -> AuditSeal:
    """Seal all that was written."""
    assert wait_until(nothing_holds_up_sealing, 60)
    seal = seal_audit(at=NOW)
    assert seal is not None
    return seal


def everything(read: Callable[[], Any]) -> Any:
    with transaction(by=system()):
        return read()


def test_seal_covers_what_is_committed_and_the_next_goes_on_from_there() -> None:
    write_audit(3)
    first = seal_soon()
    write_audit(2)
    second = seal_soon()

    assert [(seal.number, seal.count) for seal in (first, second)] == [(1, 3), (2, 2)]
    assert seal_audit(at=NOW) is None
    verdict = verify_audit()
    assert (verdict.seals, verdict.rows, verdict.reaches, verdict.broken) == (2, 5, NOW, [])


def test_seal_waits_for_transactions_that_may_still_write() -> None:
    write_audit(1)
    assert wait_until(nothing_holds_up_sealing, 60)
    with open_transaction():
        write_audit(1)
        early = seal_audit(at=NOW)
        nothing = seal_audit(at=NOW)
    late = seal_soon()

    assert early is not None
    assert [early.count, nothing, late.count] == [1, None, 1]
    assert verify_audit().rows == 2


def test_seal_by_many_at_once_is_one_chain() -> None:
    def seal_and_leave(_: int) -> None:
        write_audit(1)
        seal_audit(at=NOW)
        connections.close_all()

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(seal_and_leave, range(24)))
    assert wait_until(lambda: bool(seal_audit(at=NOW)) or verify_audit().rows == 24, 60)

    verdict = verify_audit()
    assert (verdict.rows, verdict.broken) == (24, [])
    assert list(AuditSeal.objects.order_by("number").values_list("number", flat=True)) == [*range(1, verdict.seals + 1)]


CHANGES = {
    "application_id": "gen_random_uuid()",
    "action": "action || 'x'",
    "result": "CASE result WHEN 'DONE' THEN 'DENIED' ELSE 'DONE' END",
    "reason": "reason || ' '",
    "resource_kind": "resource_kind || 'x'",
    "resource_id": "gen_random_uuid()",
    "author_kind": "'PERSON'",
    "author_id": "gen_random_uuid()",
    "author_name": "'someone else'",
    "author_role": "'ROLE_ADMIN'",
    "address": "'192.0.2.8'",
    "browser": "'Firefox'",
    "request_id": "'r1'",
    "events": "ARRAY[gen_random_uuid()]",
    "occurred_at": "occurred_at + interval '1 microsecond'",
    "transaction_id": "transaction_id - 1000",
    "id": "gen_random_uuid()",
}


def test_every_one_of_200_tampers_is_found(owner: psycopg.Connection) -> None:
    for _ in range(4):
        write_audit(5)
        seal_soon()
    dice = random.Random(7)
    owner.execute("CREATE TABLE kept AS SELECT * FROM audit")
    ids = [key for (key,) in owner.execute("SELECT id FROM audit").fetchall()]
    found = 0

    for number in range(200):
        column = [*CHANGES, "delete", "insert"][number % (len(CHANGES) + 2)]
        victim = dice.choice(ids)
        if column == "delete":
            owner.execute("DELETE FROM audit WHERE id = %s", [victim])
        elif column == "insert":
            owner.execute("UPDATE kept SET id = gen_random_uuid() WHERE id = %s", [victim])
            owner.execute("INSERT INTO audit SELECT * FROM kept WHERE id NOT IN (SELECT id FROM audit)")
        else:
            owner.execute(f"UPDATE audit SET {column} = {CHANGES[column]} WHERE id = %s", [victim])
        found += bool(verify_audit().broken)
        if column == "insert":
            owner.execute("UPDATE kept SET id = %s WHERE id NOT IN (SELECT unnest(%s::uuid[]))", [victim, ids])
        owner.execute("DELETE FROM audit")
        owner.execute("INSERT INTO audit SELECT * FROM kept")

    assert found == 200
    assert verify_audit().broken == []


def test_every_column_of_an_audit_row_is_under_the_seal() -> None:
    assert CHANGES.keys() == {field.attname for field in Audit._meta.concrete_fields}


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE audit_seal SET sealed_at = now() WHERE number = 2",
        "UPDATE audit_seal SET hash = '\\x00' WHERE number = 1",
        "UPDATE audit_seal SET last_audit_id = gen_random_uuid() WHERE number = 2",
        "DELETE FROM audit_seal WHERE number = 1",
        "UPDATE audit_seal SET number = 9 WHERE number = 3",
    ],
)
def test_a_changed_seal_is_found(owner: psycopg.Connection, change: str) -> None:
    for _ in range(3):
        write_audit()
        seal_soon()

    owner.execute(change)

    assert verify_audit().broken


@pytest.mark.parametrize("statement", ["UPDATE audit_seal SET count = 1", "DELETE FROM audit_seal"])
def test_the_app_role_cannot_touch_a_seal(statement: str) -> None:
    write_audit()
    seal_soon()

    with pytest.raises(DatabaseError, match="permission denied"), connection.cursor() as cursor:
        cursor.execute(statement)


def test_numbers_that_went_back_are_refused(owner: psycopg.Connection) -> None:
    write_audit()
    seal_soon()
    owner.execute("UPDATE audit_seal SET until_transaction = until_transaction + 1000000")

    with pytest.raises(NumbersWentBack):
        seal_audit(at=NOW)


def test_verify_audit_command_tells_how_far_the_seals_reach(owner: psycopg.Connection) -> None:
    said = StringIO()
    call_command("verify_audit", stdout=said)
    write_audit(2)
    seal_soon()
    call_command("verify_audit", stdout=said)

    assert said.getvalue().splitlines() == [
        "0 audit rows under 0 seals are whole (nothing is sealed yet)",
        "2 audit rows under 1 seals are whole (up to 2026-11-20T12:00:00+00:00)",
    ]
    owner.execute("UPDATE audit SET reason = 'another'")
    with pytest.raises(CommandError, match=r"do not fit their rows: 1$"):
        call_command("verify_audit")


def test_sealing_is_a_job_of_every_minute() -> None:
    write_audit(2)
    job = registry.get("events.seal_audit")
    assert job is not None

    assert wait_until(nothing_holds_up_sealing, 60)

    job.handle()

    assert ("events.seal_audit", 60.0) in [(kind, every.total_seconds()) for kind, every in registry.periodic()]
    assert everything(lambda: AuditSeal.objects.get().count) == 2
