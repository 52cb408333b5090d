"""Jobs with a real worker, beat and broker that are killed, flushed and doubled."""

import time
from collections.abc import Iterator

import psycopg
import pytest
import redis

from config.embedded.processes import wait_until
from config.embedded.services import manage, start_beat
from tests.jobs.probe import TABLE
from tests.stack import Stack

pytestmark = pytest.mark.stack

PATIENCE = 30.0


class ProbedStack:
    """The stack with a worker that knows the kinds of jobs of `tests.jobs.probe`."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.database = psycopg.connect(stack.owner_url, autocommit=True)

    def start_worker(self) -> None:
        self.stack.start_worker("--include", "tests.jobs.probe")

    def enqueue(self, kind: str, note: str, **environment: str) -> None:
        """As web does: the row, and a message once it is committed."""
        code = f"from jobs.services import enqueue; enqueue({kind!r}, key={note!r}, arguments={{'note': {note!r}}})"
        manage(self.stack.environment | environment, self.stack.root, "shell", "--verbosity", "0", "-c", code)

    def notes(self, note: str) -> list[str]:
        query = "SELECT note FROM probe WHERE starts_with(note, %s) ORDER BY id"
        return [text for (text,) in self.database.execute(query, [note]).fetchall()]

    def job(self, key: str) -> tuple[int, bool]:
        """Its attempts, and whether it is finished."""
        query = "SELECT attempts, finished_at IS NOT NULL FROM job WHERE key = %s"
        found: tuple[int, bool] = self.database.execute(query, [key]).fetchone() or (0, False)
        return found

    def ends(self, key: str) -> bool:
        return wait_until(lambda: self.job(key)[1], PATIENCE)

    def broker(self) -> "redis.Redis[str]":
        address = self.stack.environment["CACHE_URL"].rpartition("=")[0]
        return redis.Redis.from_url(f"{address}={self.broker_number}", decode_responses=True)

    @property
    def broker_number(self) -> str:
        return self.stack.broker_url.rpartition("=")[2]

    def lose_all_messages(self) -> int:
        """How many there were."""
        with self.broker() as broker:
            waiting = broker.llen("celery")
            broker.flushdb()
        return int(waiting)

    def cut_wires(self) -> int:
        """How many connections of worker and beat were cut."""
        with self.broker() as broker:
            wires = [one["id"] for one in broker.client_list() if one["db"] == self.broker_number]
            return sum(broker.client_kill_filter(_id=wire) for wire in wires if int(wire) != broker.client_id())


@pytest.fixture(scope="module")
def probed(stack: Stack) -> Iterator[ProbedStack]:
    probed = ProbedStack(stack)
    probed.database.execute(TABLE)
    stack.kill_worker()
    probed.start_worker()
    yield probed
    stack.restart_worker()
    probed.database.close()


def test_job_is_run_by_the_worker(probed: ProbedStack) -> None:
    probed.enqueue("tests.quick", "plain")

    assert probed.ends("plain")
    assert (probed.notes("plain"), probed.job("plain")) == (["plain"], (1, True))


def test_job_whose_worker_is_killed_runs_again_and_ends_once(probed: ProbedStack) -> None:
    probed.enqueue("tests.slow_at_first", "killed")
    assert wait_until(lambda: "killed begun" in probed.notes("killed"), PATIENCE)

    probed.stack.kill_worker()
    probed.start_worker()

    assert probed.ends("killed")
    assert probed.notes("killed") == ["killed begun", "killed begun", "killed ended"]
    assert probed.job("killed") == (2, True)


def test_job_whose_message_is_lost_is_found_by_the_sweep(probed: ProbedStack) -> None:
    probed.stack.kill_worker()
    probed.enqueue("tests.quick", "flushed")

    lost = probed.lose_all_messages()
    probed.start_worker()

    assert lost > 0
    assert probed.ends("flushed")
    assert probed.job("flushed") == (1, True)


def test_broker_that_is_away_fails_nothing_and_loses_nothing(probed: ProbedStack) -> None:
    probed.enqueue("tests.quick", "unheard", CELERY_BROKER_URL="redis+socket:///nonexistent?virtual_host=0")

    assert probed.ends("unheard")
    assert probed.job("unheard") == (1, True)


def test_asking_for_work_does_not_wait_for_a_broker_that_is_away(probed: ProbedStack) -> None:
    """Five at six seconds each was what the broker's client takes by itself."""
    stack = probed.stack
    environment = stack.environment | {"CELERY_BROKER_URL": "redis+socket:///nonexistent?virtual_host=0"}
    started = time.monotonic()

    manage(environment, stack.root, "shell", "-v0", "-c", "from jobs.services import wake; [wake() for _ in range(5)]")

    assert time.monotonic() - started < 20


def test_worker_whose_wire_is_cut_goes_on(probed: ProbedStack) -> None:
    assert probed.cut_wires() > 0
    probed.enqueue("tests.quick", "after the cut")

    assert probed.ends("after the cut")


def test_worker_whose_database_connection_is_cut_goes_on(probed: ProbedStack) -> None:
    probed.enqueue("tests.quick", "before the cut")
    assert probed.ends("before the cut")

    with psycopg.connect(probed.stack.app_url, autocommit=True) as app_role:
        others = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND usename = user"
        app_role.execute(f"SELECT pg_terminate_backend(pid) FROM ({others}) AS other WHERE pid <> pg_backend_pid()")
    probed.enqueue("tests.quick", "after it")

    assert probed.ends("after it")


def test_audit_history_is_sealed_without_being_asked(probed: ProbedStack) -> None:
    """The demo's acts are in it. Transactions of other tests may hold it up to the next minute."""
    sealed = "SELECT coalesce(sum(count), 0) FROM audit_seal"
    assert wait_until(lambda: probed.database.execute(sealed).fetchone()[0] > 50, 60 + PATIENCE)

    manage(probed.stack.environment, probed.stack.root, "verify_audit")


def test_two_schedulers_make_each_period_once(probed: ProbedStack) -> None:
    stack = probed.stack
    second = start_beat(stack.environment, stack.root, stack.folder / "beat2", log=stack.folder / "beat2.log")
    try:
        before = len(probed.notes("tick"))
        assert wait_until(lambda: len(probed.notes("tick")) >= before + 3, PATIENCE)
    finally:
        second.kill()

    count = "SELECT count(*), count(DISTINCT key), sum(attempts) FROM job WHERE kind = %s AND finished_at < now()"
    jobs, periods, attempts = probed.database.execute(count, ["tests.tick"]).fetchone() or (0, 0, 0)
    assert jobs == periods == attempts > 0
