"""Move an application's business time, by which cards expire, batches are submitted and verdicts fall due."""

import re
from argparse import ArgumentParser
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from resources.errors import DomainError
from tenancy.actors import system
from tenancy.services import find_application, set_clock_offset
from tenancy.transactions import transaction

_PARTS = re.compile(r"(?:(\d{1,5})d)?(?:(\d{1,5})h)?(?:(\d{1,5})m)?(?:(\d{1,5})s)?")


class Command(BaseCommand):
    help = "Advance the business time of an application in the sandbox, or put it back to wall time."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("application", help="AP…")
        what = parser.add_mutually_exclusive_group(required=True)
        what.add_argument("--advance", help="By days, hours, minutes and seconds: 2d3h, 90m, 5s.")
        what.add_argument("--reset", action="store_true")

    def handle(self, *_: Any, **options: Any) -> None:
        if settings.IS_LIVE:
            raise CommandError("The clock is for sandbox installations; this one is live.")
        by = system("sandbox_clock")
        try:
            with transaction(by=by):
                application = find_application(options["application"], by=by)
            offset = timedelta(0) if options["reset"] else application.clock_offset + _span(options["advance"])
            application = set_clock_offset(application=application, offset=offset, by=by, at=timezone.now())
        except DomainError as error:
            raise CommandError(str(error)) from error
        now = application.business_time(timezone.now())
        self.stdout.write(f"It is {now:%Y-%m-%d %H:%M:%S} UTC for {application.public_id}.")


def _span(text: str) -> timedelta:
    found = _PARTS.fullmatch(text)
    if not text or found is None:
        raise CommandError(f"{text!r} is no span of time; 2d3h and 90m are")
    days, hours, minutes, seconds = (int(part or 0) for part in found.groups())
    return timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
