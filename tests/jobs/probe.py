"""Kinds of jobs for tests, for a real worker (`--include tests.jobs.probe`). What they do they write to a table."""

import time
from datetime import timedelta

from django.db import connection

from jobs.registry import handler

TABLE = "CREATE TABLE probe (id serial PRIMARY KEY, note text); GRANT ALL ON probe, probe_id_seq TO PUBLIC"


@handler("tests.quick")
def quick(note: str) -> None:
    _write(note)


@handler("tests.slow_at_first", lease=timedelta(seconds=2))
def slow_at_first(note: str) -> None:
    """The first run takes longer than any test waits."""
    is_first = _write(f"{note} begun") == 1
    if is_first:
        time.sleep(120)
    _write(f"{note} ended")


@handler("tests.tick", every=timedelta(seconds=1))
def tick() -> None:
    _write("tick")


def _write(note: str) -> int:
    """How many times this was written by now."""
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO probe (note) VALUES (%s)", [note])
        cursor.execute("SELECT count(*) FROM probe WHERE note = %s", [note])
        (count,) = cursor.fetchone()
    return int(count)
