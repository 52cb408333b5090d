"""The Celery app. Messages only wake workers: any of them may be lost, doubled or late (docs/decisions/0006)."""

import os
from typing import Any

from celery import Celery
from celery.signals import worker_init

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

app = Celery("merchantry")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@worker_init.connect
def refuse_unsafe_worker(**_: Any) -> None:
    from config.startup import refuse_unsafe  # noqa: PLC0415 - needs the loaded apps

    refuse_unsafe()
