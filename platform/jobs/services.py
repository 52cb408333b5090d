"""Asking for work, taking it under a lease, and finding what no message told about."""

import logging
import math
import time
import uuid
from datetime import UTC, datetime, timedelta
from functools import partial

from celery import current_app
from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from kombu.exceptions import OperationalError as BrokerError

from jobs import registry
from jobs.models import Job
from resources import ids

logger = logging.getLogger(__name__)

KEPT = timedelta(days=7)
KEPT_FOR_A_PERSON = timedelta(days=90)
MAX_ATTEMPTS = 12
_LONGEST_COUNTDOWN_SECONDS = 60  # above it Celery would hold messages for longer than a broker should be trusted
_EPOCH = datetime(2020, 1, 1, tzinfo=UTC)


def enqueue(
    kind: str,
    *,
    key: str,
    arguments: dict[str, str] | None = None,
    due_at: datetime | None = None,
    is_urgent: bool = True,
) -> None:
    """Ask for a job in the caller's transaction; asking twice under one key is asking once.

    What is due within a minute gets a message for that moment; what is later, or not urgent, the sweep finds.
    """
    now = timezone.now()
    due_at = due_at or now
    _add(Job(kind=kind, key=key, arguments=arguments or {}, due_at=due_at))
    wait = (due_at - now).total_seconds()
    if is_urgent and wait <= _LONGEST_COUNTDOWN_SECONDS:
        transaction.on_commit(partial(wake, countdown=max(0, math.ceil(wait))))


def forget(kind: str, *, key: str) -> None:
    """Take back a job that nobody needs any more; one that runs now is left to its worker."""
    Job.objects.filter(kind=kind, key=key, lease=None).delete()


def is_due(kind: str, *, key: str, at: datetime) -> bool:
    """Whether a job under this key is to run by then, or runs; not one that is done or was given up."""
    return Job.objects.open().filter(kind=kind, key=key, due_at__lte=at).exists()


def wake(*, countdown: int = 0) -> None:
    """Tell a worker to look. A broker that is away is no reason to fail: the sweep finds the row."""
    try:
        current_app.send_task("jobs.work", retry=False, countdown=countdown or None)
    except BrokerError as error:
        logger.warning("wake_up_not_sent", extra={"error": type(error).__name__})


def take(now: datetime) -> Job | None:
    """Lease the job that has been due for longest; None when nothing is due. Workers never wait for each other.

    A job that took its worker down at every attempt is given up here, for nobody was left to say so.
    """
    with transaction.atomic():
        jobs = Job.objects.due(now).select_for_update(skip_locked=True).order_by("due_at")
        while (job := jobs.first()) is not None and job.attempts >= MAX_ATTEMPTS:
            _put_back(job, "WorkerLost")
        if job is None:
            return None
        known = registry.get(job.kind)
        job.lease = ids.new_id()
        job.leased_until = now + (known.lease if known else timedelta(minutes=5))
        job.attempts += 1
        job.save(update_fields=["lease", "leased_until", "attempts"])
        return job


def run(job: Job) -> None:
    """Run a leased job and note how it ended; a failure leaves it due again later, at last given up."""
    known = registry.get(job.kind)
    if known is None:
        _put_back(job, "UnknownKind")  # an older or newer worker may know it
        return
    try:
        known.handle(**job.arguments)
    except Exception as error:  # the border between our work and the queue: one failure must stop one row only
        logger.exception("job_failed", extra={"job": str(job.id), "kind": job.kind, "attempt": job.attempts})
        _put_back(job, type(error).__name__)
    else:
        _close(job, job.lease, finished_at=timezone.now(), last_error="")


def work(*, limit: int = 100, seconds: float = 60) -> int:
    """Run what is due, at most `limit` jobs and none begun after `seconds`, and return how many were run."""
    end, done = time.monotonic() + seconds, 0
    while done < limit and time.monotonic() < end:
        job = take(timezone.now())
        if job is None:
            return done
        run(job)
        done += 1
    wake()  # there may be more; another message keeps tasks below Celery's time limit
    return done


def sweep(now: datetime) -> int:
    """Make the periodic jobs of this moment, and wake a worker where work is due. Safe under two schedulers.

    While one of a kind is still open, a failing one above all, the next period's is not piled upon it.
    """
    waiting = set(Job.objects.open().values_list("kind", flat=True))
    for kind, every in registry.periodic():
        if kind not in waiting:
            period = _EPOCH + (now - _EPOCH) // every * every
            _add(Job(kind=kind, key=period.isoformat(), due_at=period))
    due = Job.objects.due(now).count()
    if due:
        wake()
    return due


def purge(now: datetime) -> int:
    """Delete jobs that finished a week ago; what was given up stays a quarter of a year for a person to see."""
    old = Q(finished_at__lt=now - KEPT) | Q(given_up_at__lt=now - KEPT_FOR_A_PERSON)
    deleted, _ = Job.objects.filter(old).delete()
    return deleted


def _add(job: Job) -> None:
    Job.objects.bulk_create([job], ignore_conflicts=True)


def _put_back(job: Job, error: str) -> None:
    now = timezone.now()
    if job.attempts >= MAX_ATTEMPTS:
        logger.error("job_given_up", extra={"job": str(job.id), "kind": job.kind})
        _close(job, job.lease, given_up_at=now, last_error=error)
    else:
        pause = timedelta(seconds=min(5 * 2 ** (job.attempts - 1), 3600))
        _close(job, job.lease, due_at=now + pause, last_error=error)


def _close(job: Job, lease: uuid.UUID | None, **changes: datetime | str) -> None:
    """End a lease. A worker whose lease ran out and was taken over has nothing to say any more."""
    Job.objects.filter(pk=job.pk, lease=lease).update(lease=None, leased_until=None, **changes)
