"""A long export with a real worker that is killed in the middle of it."""

import csv
import io
import time
import zlib
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from config.embedded.processes import wait_until
from config.embedded.services import manage
from tests.stack import Stack

pytestmark = pytest.mark.stack

ROWS = 60_000
PATIENCE = 240.0
"""Longer than the lease of a worker that is gone."""
MARK = "Copied for an export"
ASK = """
from django.utils import timezone
from exports import services
from exports.listings import find
from tenancy.actors import Origin
from tenancy.models import Person
from tenancy.services import person_actor
by = person_actor(Person.objects.get(email={email!r}), origin=Origin())
services.begin_export(listing=find("identities"), query="title={mark}", form="CSV", by=by, at=timezone.now())
"""


@pytest.fixture
def database(stack: Stack) -> Iterator[psycopg.Connection]:
    """As the owner, with many identities of the demo's partner while the test runs."""
    email = stack.credentials["MERCHANTRY_PORTAL_PARTNER_EMAIL"]
    with psycopg.connect(stack.owner_url, autocommit=True) as owner:
        columns = [
            name
            for (name,) in owner.execute(
                "SELECT column_name FROM information_schema.columns"
                " WHERE table_name = 'identity' AND is_generated = 'NEVER'"
            ).fetchall()
        ]
        changed = {"id": "gen_random_uuid()", "title": f"'{MARK}'", "tags": "'{}'", "created_at": "now()"}
        owner.execute(
            f"INSERT INTO identity ({', '.join(columns)}) SELECT {', '.join(changed.get(n, n) for n in columns)}"
            " FROM (SELECT * FROM identity WHERE application_id ="
            " (SELECT application_id FROM person WHERE email = %s) LIMIT 1) AS one, generate_series(1, %s)",
            [email, ROWS],
        )
        yield owner
        owner.execute("DELETE FROM identity WHERE title = %s", [MARK])


def standing(database: psycopg.Connection) -> tuple[str, int]:
    found: Any = database.execute("SELECT state, rows FROM export ORDER BY created_at DESC LIMIT 1").fetchone()
    return found or ("", 0)


def test_worker_that_is_killed_leaves_an_export_that_goes_on(stack: Stack, database: psycopg.Connection) -> None:
    email = stack.credentials["MERCHANTRY_PORTAL_PARTNER_EMAIL"]
    environment = stack.environment | {"EXPORT_AT_ONCE_ROWS": "10"}
    code = ASK.format(email=email, mark=MARK.replace(" ", "+"))
    manage(environment, stack.root, "shell", "--verbosity", "0", "-c", code)
    assert wait_until(lambda: standing(database)[1] > 0, PATIENCE)

    stack.kill_worker()
    time.sleep(1)  # for what the database was still about
    cut = standing(database)
    stack.start_worker()

    assert cut[0] == "RUNNING"
    assert 0 < cut[1] < ROWS
    assert wait_until(lambda: standing(database)[0] != "RUNNING", PATIENCE)
    assert standing(database) == ("DONE", ROWS)
    chunks = database.execute("SELECT content FROM export_chunk ORDER BY number").fetchall()
    text = b"".join(zlib.decompress(content) for (content,) in chunks).decode()
    ids = [row["Id"] for row in csv.DictReader(io.StringIO(text, newline=""))]
    assert len(ids) == len(set(ids)) == ROWS
