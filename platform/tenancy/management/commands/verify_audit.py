"""Compute the hash chain over the audit history anew."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from tenancy.services import verify_audit


class Command(BaseCommand):
    help = "Check the seals over the audit history; ends with an error if a sealed row was changed, removed or added."

    def handle(self, *_: Any, **__: Any) -> None:
        verdict = verify_audit()
        if verdict.broken:
            raise CommandError(f"Seals that do not fit their rows: {', '.join(map(str, verdict.broken))}")
        reach = f"up to {verdict.reaches.isoformat()}" if verdict.reaches else "nothing is sealed yet"
        self.stdout.write(f"{verdict.rows} audit rows under {verdict.seals} seals are whole ({reach})")
