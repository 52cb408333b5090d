"""Arrange what goes wrong at the sandbox; docs/sandbox.md tells the kinds."""

import uuid
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from providers.sandbox import faults
from providers.sandbox.models import Fault
from resources.ids import MalformedId
from tenancy.actors import all_application_ids
from tenancy.models import Application


class Command(BaseCommand):
    help = "Let calls of an application to the sandbox go wrong, show what is arranged, or take it back."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("application", help="AP…")
        parser.add_argument("--kind", choices=Fault.Kind.values)
        parser.add_argument("--operation", choices=faults.OPERATIONS)
        parser.add_argument("--amount", type=int, help="Of sales of this amount only, in minor units.")
        parser.add_argument("--key", help="Of this idempotency id or reference only.")
        parser.add_argument("--times", type=int, help="How often; without it, until it is cleared.")
        parser.add_argument("--seconds", type=float, help="How long the answer takes, for LATENCY.")
        parser.add_argument("--clear", action="store_true")
        parser.add_argument("--list", action="store_true")

    def handle(self, *_: Any, **options: Any) -> None:
        if settings.IS_LIVE:
            raise CommandError("Faults are for sandbox installations; this one is live.")
        if [bool(options["kind"]), options["clear"], options["list"]].count(True) != 1:
            raise CommandError("Say one of --kind, --clear and --list.")
        application_id = _application_id(options["application"])
        if options["clear"]:
            self.stdout.write(f"{faults.clear(application_id)} taken back.")
        elif options["list"]:
            for fault in faults.arranged(application_id):
                self.stdout.write(_line(fault))
        else:
            self._arrange(application_id, options)

    def _arrange(self, application_id: uuid.UUID, options: dict[str, Any]) -> None:
        chosen = {name: options[name] for name in ("kind", "operation", "amount", "key", "times", "seconds")}
        try:
            fault = faults.arrange(application_id=application_id, **chosen)
        except faults.NoSuchFault as error:
            raise CommandError(str(error)) from error
        self.stdout.write(_line(fault))


def _application_id(text: str) -> uuid.UUID:
    try:
        application_id = Application.parse_id(text)
    except MalformedId as error:
        raise CommandError("An application is named by its id, AP…") from error
    if application_id not in all_application_ids():
        raise CommandError(f"No application has the id {text}")
    return application_id


def _line(fault: Fault) -> str:
    narrower = [
        f"{name} {value}"
        for name, value in (
            ("operation", fault.operation),
            ("amount", fault.amount),
            ("key", fault.key),
            ("seconds", fault.seconds or None),
        )
        if value is not None
    ]
    how_often = "until cleared" if fault.times is None else f"{fault.times} times"
    return ", ".join([fault.kind, *narrower, how_often])
