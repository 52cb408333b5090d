"""The Celery app. Messages only wake workers: any of them may be lost, doubled or late (docs/decisions/0006)."""

import os
import sys
from typing import Any

from celery import Celery, Task
from celery.signals import beat_init, worker_init

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")


class FitTask(Task[Any, Any]):
    """A worker that started while the database was away asks before it works."""

    def before_start(self, task_id: str, args: Any, kwargs: Any) -> None:
        from config.startup import refuse_unfit_database  # noqa: PLC0415 - needs the loaded apps

        del task_id, args, kwargs
        refuse_unfit_database()


app = Celery("merchantry", task_cls=FitTask)
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@worker_init.connect
@beat_init.connect
def refuse_unsafe_process(**_: Any) -> None:
    from django.core.exceptions import ImproperlyConfigured  # noqa: PLC0415 - needs the loaded apps

    from config.startup import refuse_unsafe  # noqa: PLC0415

    try:
        refuse_unsafe()
    except ImproperlyConfigured as error:
        sys.exit(str(error))  # Celery only logs what else a receiver raises, and goes on
