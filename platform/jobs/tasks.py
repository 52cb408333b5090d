"""Celery's entry points: both only say "look now"."""

from datetime import timedelta

from celery import shared_task
from django.utils import timezone

from jobs import services
from jobs.registry import handler


@shared_task(name="jobs.work")
def work() -> None:
    services.work()


@shared_task(name="jobs.sweep")
def sweep() -> None:
    services.sweep(timezone.now())


@handler("jobs.purge", every=timedelta(days=1))
def purge() -> None:
    services.purge(timezone.now())
