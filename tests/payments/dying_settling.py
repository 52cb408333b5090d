"""The same as `tests.payments.dying` for a worker that settles, and for whoever decides on settlements.

With `seconds` the child is killed at that moment, wherever it is. The answer is -3 where the database was away.
"""

import os
import threading
import time
import uuid
from signal import SIGKILL
from typing import Any

from tests.payments.dying import main


def carry_out(told: dict[str, Any]) -> None:
    from django.conf import settings
    from django.db import InterfaceError, OperationalError

    from payments.services import accrual

    accrual.AT_ONCE = told["at_once"]
    settings.CRASH_POINT = told.get("point", "")
    if "seconds" in told:
        threading.Thread(target=_die_in, args=[told["seconds"]], daemon=True).start()
    try:
        _ACTS[told["act"]](told)
    except (OperationalError, InterfaceError):
        os._exit(3)


def _die_in(seconds: float) -> None:
    time.sleep(seconds)
    os.kill(os.getpid(), SIGKILL)


def _accrue(told: dict[str, Any]) -> None:
    from django.utils import timezone

    from payments.services.accrual import accrue_all
    from tenancy.actors import system

    del told
    accrue_all(by=system("test"), at=timezone.now())


def _settle(told: dict[str, Any]) -> None:
    from payments.tasks import settle

    del told
    settle()


def _approve(told: dict[str, Any]) -> None:
    """All that wait for it, one after the other; the crash point counts from the one after `spared` on."""
    from django.conf import settings
    from django.utils import timezone

    from onboarding.models import ReviewItem
    from onboarding.services.reviews import review
    from tenancy.actors import system
    from tenancy.transactions import transaction

    by = system("test")
    point, settings.CRASH_POINT = settings.CRASH_POINT, ""
    with transaction(by=by):
        items = list(ReviewItem.objects.filter(entity_type="SETTLEMENT", outcome="PENDING").order_by("created_at"))
    for number, item in enumerate(items):
        if number == told.get("spared", 0):
            settings.CRASH_POINT = point
        review(item=item, outcome="ACCEPTED", by=by, at=timezone.now())


def _pay(told: dict[str, Any]) -> None:
    """What was left to the worker."""
    from providers import attempts
    from providers.models import Attempt
    from tenancy.actors import system
    from tenancy.transactions import transaction

    del told
    with transaction(by=system("test")):
        waiting: list[tuple[uuid.UUID, uuid.UUID]] = list(
            Attempt.objects.unresolved().order_by("created_at").values_list("id", "application_id")
        )
    for attempt, application in waiting:
        attempts.resolve(attempt, application)


def _everything(told: dict[str, Any]) -> None:
    _settle(told)
    _approve(told)
    _pay(told)


_ACTS = {"accrue": _accrue, "settle": _settle, "approve": _approve, "pay": _pay, "everything": _everything}


if __name__ == "__main__":
    main(carry_out)
