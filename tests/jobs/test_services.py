import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from django.db import IntegrityError, connections, transaction
from django.utils import timezone

from jobs import registry, services
from jobs.models import Job
from jobs.registry import Handler
from jobs.tasks import purge as purge_job

NOW = datetime(2026, 1, 5, 12, tzinfo=UTC)


class Probe:
    """A handler that notes what it was called with, and fails while it is told to."""

    def __init__(self) -> None:
        self.calls: list[dict[str, str]] = []
        self.fails = False

    def __call__(self, **arguments: str) -> None:
        self.calls.append(arguments)
        if self.fails:
            raise ValueError("4111 1111 1111 1111")


@pytest.fixture
def probe(monkeypatch: pytest.MonkeyPatch) -> Probe:
    probe = Probe()
    monkeypatch.setitem(registry._handlers, "tests.probe", Handler(probe, timedelta(seconds=60), None))
    return probe


def ask(key: str = "one", *, at: datetime = NOW, kind: str = "tests.probe") -> Job:
    services.enqueue(kind, key=key, arguments={"row": key}, due_at=at)
    return Job.objects.get(kind=kind, key=key)


def taken(at: datetime = NOW) -> Job:
    job = services.take(at)
    assert job is not None
    return job


@pytest.mark.django_db
@pytest.mark.usefixtures("probe")
class TestQueue:
    def test_enqueue_twice_under_one_key_is_one_job(self) -> None:
        first = ask()
        services.enqueue("tests.probe", key="one", arguments={"row": "other"}, due_at=NOW)

        assert list(Job.objects.values_list("id", "arguments")) == [(first.id, {"row": "one"})]

    def test_enqueue_under_the_key_of_a_finished_job_does_nothing(self) -> None:
        ask(at=timezone.now())
        services.work()
        ask(at=timezone.now())

        assert services.work() == 0

    def test_take_leases_what_has_been_due_for_longest(self) -> None:
        ask("late", at=NOW - timedelta(seconds=5))
        ask("later", at=NOW)
        ask("not yet", at=NOW + timedelta(seconds=1))

        jobs = [taken(), taken()]

        assert [(job.key, job.attempts, job.leased_until) for job in jobs] == [
            ("late", 1, NOW + timedelta(seconds=60)),
            ("later", 1, NOW + timedelta(seconds=60)),
        ]
        assert services.take(NOW) is None

    def test_lease_is_taken_over_only_once_it_has_run_out(self) -> None:
        ask()
        first = taken()

        too_early = services.take(NOW + timedelta(seconds=59))
        second = taken(NOW + timedelta(seconds=60))

        assert too_early is None
        assert (second.id, second.attempts, second.lease == first.lease) == (first.id, 2, False)

    def test_old_lease_has_nothing_to_say(self) -> None:
        ask()
        first = taken()
        second = taken(NOW + timedelta(seconds=60))

        services.run(first)

        row = Job.objects.get()
        assert (row.lease, row.finished_at) == (second.lease, None)

    def test_old_lease_that_fails_has_nothing_to_say_either(self, probe: Probe) -> None:
        ask()
        first = taken()
        second = taken(NOW + timedelta(seconds=60))
        probe.fails = True

        services.run(first)

        row = Job.objects.get()
        assert (row.lease, row.due_at, row.last_error) == (second.lease, NOW, "")

    def test_run_calls_the_handler_and_finishes(self, probe: Probe) -> None:
        ask(at=timezone.now())

        assert services.work() == 1

        row = Job.objects.get()
        assert probe.calls == [{"row": "one"}]
        assert (row.lease, row.leased_until, row.last_error, row.finished_at is None) == (None, None, "", False)

    @pytest.mark.parametrize(("attempt", "pause"), [(1, 5), (2, 10), (3, 20), (11, 3600)])
    def test_failure_backs_off_and_keeps_no_text(self, probe: Probe, attempt: int, pause: int) -> None:
        ask()
        Job.objects.update(attempts=attempt - 1)
        probe.fails = True
        before = timezone.now()

        services.run(taken())

        row = Job.objects.get()
        assert (row.last_error, row.given_up_at, row.lease, row.attempts) == ("ValueError", None, None, attempt)
        assert before + timedelta(seconds=pause) <= row.due_at <= timezone.now() + timedelta(seconds=pause)

    def test_failure_is_given_up_at_the_last_attempt(self, probe: Probe) -> None:
        ask()
        Job.objects.update(attempts=services.MAX_ATTEMPTS - 1)
        probe.fails = True

        services.run(taken())

        assert Job.objects.get().given_up_at is not None
        assert services.take(timezone.now() + timedelta(days=9)) is None

    def test_job_that_takes_its_worker_down_each_time_is_given_up(self) -> None:
        ask("poison", at=NOW - timedelta(seconds=1))
        ask("sound")
        Job.objects.filter(key="poison").update(attempts=services.MAX_ATTEMPTS)

        job = taken()

        assert job.key == "sound"
        poison = Job.objects.get(key="poison")
        assert (poison.last_error, poison.given_up_at is None) == ("WorkerLost", False)

    def test_unknown_kind_waits_for_a_worker_that_knows_it(self) -> None:
        ask(kind="tests.of_a_newer_version")

        services.run(taken())

        row = Job.objects.get()
        assert (row.last_error, row.given_up_at, row.finished_at) == ("UnknownKind", None, None)
        assert row.due_at > timezone.now()

    def test_one_failing_job_stops_no_other(self, probe: Probe, monkeypatch: pytest.MonkeyPatch) -> None:
        broken = Probe()
        broken.fails = True
        monkeypatch.setitem(registry._handlers, "tests.broken", Handler(broken, timedelta(seconds=60), None))
        for number in range(3):
            ask(f"good {number}", at=NOW)
            ask(f"bad {number}", at=NOW, kind="tests.broken")

        assert services.work() == 6
        assert Job.objects.filter(finished_at__isnull=False).count() == len(probe.calls) == 3

    def test_work_stops_at_its_limit_of_jobs_and_of_time(self) -> None:
        for number in range(5):
            ask(str(number))

        assert [services.work(limit=2), services.work(seconds=0), services.work()] == [2, 0, 3]

    def test_purge_deletes_what_was_finished_long_ago(self) -> None:
        for key in ("old", "new", "given up", "open"):
            ask(key)
        long_ago = timezone.now() - services.KEPT - timedelta(minutes=1)
        Job.objects.filter(key="old").update(finished_at=long_ago)
        Job.objects.filter(key="new").update(finished_at=timezone.now())
        Job.objects.filter(key="given up").update(given_up_at=long_ago)

        purge_job()

        assert set(Job.objects.values_list("key", flat=True)) == {"new", "given up", "open"}

    def test_sweep_twice_makes_one_job_per_period(self, monkeypatch: pytest.MonkeyPatch, probe: Probe) -> None:
        monkeypatch.setattr(
            registry, "_handlers", {"tests.tick": Handler(probe, timedelta(seconds=60), timedelta(minutes=1))}
        )

        for second in (0, 15, 59, 60, 75):
            services.sweep(NOW + timedelta(seconds=second))
            Job.objects.update(finished_at=NOW)

        assert list(Job.objects.order_by("key").values_list("kind", "key", "due_at")) == [
            ("tests.tick", "2026-01-05T12:00:00+00:00", NOW),
            ("tests.tick", "2026-01-05T12:01:00+00:00", NOW + timedelta(minutes=1)),
        ]

    def test_sweep_does_not_pile_a_period_upon_one_that_is_open(
        self, monkeypatch: pytest.MonkeyPatch, probe: Probe
    ) -> None:
        monkeypatch.setattr(
            registry, "_handlers", {"tests.tick": Handler(probe, timedelta(seconds=60), timedelta(minutes=1))}
        )

        for minute in range(3):
            services.sweep(NOW + timedelta(minutes=minute))

        assert [job.key for job in Job.objects.all()] == ["2026-01-05T12:00:00+00:00"]

    def test_sweep_tells_how_much_is_due(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(registry, "_handlers", {})
        ask("due")
        ask("later", at=NOW + timedelta(hours=1))

        assert services.sweep(NOW) == 1

    @pytest.mark.parametrize(
        ("name", "values"),
        [
            ("job_lease_has_an_end", {"leased_until": NOW}),
            ("job_finished_or_given_up", {"finished_at": NOW, "given_up_at": NOW}),
        ],
    )
    def test_constraint_holds(self, name: str, values: dict[str, datetime]) -> None:
        ask()

        with pytest.raises(IntegrityError, match=name):
            Job.objects.update(**values)

    def test_finding_what_is_due_is_an_index_scan(self) -> None:
        Job.objects.bulk_create(Job(kind="tests.done", key=str(n), finished_at=NOW) for n in range(3000))
        ask()

        with connections["default"].cursor() as cursor:
            cursor.execute("ANALYZE job")
        plan = Job.objects.due(NOW).order_by("due_at")[:1].explain()

        assert "job_due" in plan


def test_two_handlers_of_one_kind_are_refused() -> None:
    with pytest.raises(ValueError, match=r"jobs\.purge"):
        registry.handler("jobs.purge")(lambda: None)


@pytest.mark.usefixtures("own_database")
def test_eight_workers_take_200_jobs_each_once(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: Counter[str] = Counter()
    guard = threading.Lock()

    def handle(row: str) -> None:
        with guard:
            seen[row] += 1

    monkeypatch.setitem(registry._handlers, "tests.probe", Handler(handle, timedelta(seconds=60), None))
    for number in range(200):
        ask(str(number))

    def worker(_: int) -> int:
        done = services.work(limit=1000)
        connections.close_all()
        return done

    with ThreadPoolExecutor(8) as pool:
        done = list(pool.map(worker, range(8)))

    assert sum(done) == 200
    assert set(seen.values()) == {1}
    assert len(seen) == 200


@pytest.fixture
def committed_job(own_database: None, probe: Probe) -> Iterator[Job]:
    return ask()


def test_workers_do_not_wait_for_each_other(committed_job: Job) -> None:
    def look() -> Job | None:
        try:
            return services.take(NOW)  # waiting would end with an error, by lock_timeout
        finally:
            connections.close_all()

    with transaction.atomic(), ThreadPoolExecutor(1) as pool:
        Job.objects.select_for_update().get(pk=committed_job.pk)

        assert pool.submit(look).result() is None
