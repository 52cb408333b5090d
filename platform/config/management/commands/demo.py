"""Demo data for a sandbox installation: made once, through the services, with log-ins that differ per installation."""

import os
import secrets
import shlex
from argparse import ArgumentParser
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import connection
from django.utils import timezone

from events.models import Audit
from onboarding import demo as onboarding
from onboarding.models import Merchant
from payments import demo as payments
from tenancy import services as tenancy
from tenancy.actors import Origin, system
from tenancy.models import Application, Person
from tenancy.roles import Role
from tenancy.services import authenticate_api_user
from tenancy.transactions import act, transaction
from vault.secret import Secret

_ALPHABET = "abcdefghijkmnopqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"
_ACTION = "make_demo_data"
_PEOPLE = {
    "ADMIN": ("ada@merchantry.example", "Ada Lindgren", Role.ADMIN),
    "PLATFORM": ("omar@merchantry.example", "Omar Reyes", Role.PLATFORM),
    "PARTNER": ("mina@harbormarket.example", "Mina Harlow", Role.PARTNER),
    "MERCHANT": ("june@juniperrye.example", "June Rye", Role.MERCHANT),
}


class Command(BaseCommand):
    help = "Make demo data, once, and write the log-ins to a file that only you can read."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--credentials", type=Path, required=True, help="Where the log-ins are written, mode 0600.")
        parser.add_argument("--scale", type=int, default=1, help="How many times the ordinary amount of data.")

    def handle(self, *_: Any, **options: Any) -> None:
        if settings.IS_LIVE:
            raise CommandError("Demo data is for sandbox installations; this one is live.")
        path: Path = options["credentials"]
        if not self._is_made():
            self._make(options["scale"])
            path.unlink(missing_ok=True)
        if not path.exists() or not self._still_let_in(path):
            self._write(path, self._new_credentials())

    def _make(self, scale: int) -> None:
        earlier = onboarding.began_at()
        if earlier is not None:
            self.stdout.write("demo data: an earlier run was cut off; making the rest")
        plan = onboarding.plan(earlier or timezone.now(), scale=scale)
        planned = payments.plan(plan, count=payments.SALES * scale)
        applications, identities = len(plan.owners), len(plan.businesses) + len(plan.buyers)
        tell = self._progress(applications + identities + len(planned.steps))
        with _without_waiting_for_the_disk():
            made = onboarding.make(plan, tell)
            payments.make(planned, plan, made, tell)
        with act(_ACTION, by=system("Demo"), at=timezone.now(), application_id=tenancy.platform_id()):
            pass  # the audit history remembers that all of it is there, whatever people change later
        counts = f"{applications} applications, {identities} identities and {len(planned.sales)} sales made"
        self.stdout.write(f"\rdemo data: {counts}" + " " * 20)

    def _progress(self, total: int) -> Callable[[], None]:
        done = 0

        def tell() -> None:
            nonlocal done
            done += 1
            if self.stdout.isatty():
                filled = 30 * done // total
                self.stdout.write(f"\rdemo data {'█' * filled}{'░' * (30 - filled)} {done}/{total}", ending="")
                self.stdout.flush()

        return tell

    def _is_made(self) -> bool:
        """Whether a run came to its end, even if people have changed since then what it made."""
        with transaction(by=system("Demo")):
            return Audit.objects.filter(application_id=tenancy.platform_id(), action=_ACTION).exists()

    def _new_credentials(self) -> dict[str, str]:
        """Fresh secrets for the demo's log-ins; those of an earlier file end to work for people."""
        by, now = system("Demo"), timezone.now()
        applications = self._demo_applications()
        lines: dict[str, str] = {}
        admin, secret = tenancy.create_api_user(
            role=Role.ADMIN, name="Demo of an admin", by=by, at=now, tags={"demo": "admin"}
        )
        lines |= _user("ADMIN", admin.public_id, secret)
        for label, application in zip(("PARTNER", "PARTNER2"), applications, strict=False):
            user, secret = tenancy.create_api_user(
                role=Role.PARTNER,
                name="Demo of a partner",
                application=application,
                identity_id=application.owner_id,
                by=by,
                at=now,
            )
            lines |= _user(label, user.public_id, secret)
        for label, (email, name, role) in _PEOPLE.items():
            password = Secret("".join(secrets.choice(_ALPHABET) for _ in range(14)) + "7k")
            self._set_password(email, name, role, password, applications[0])
            lines |= {
                f"MERCHANTRY_PORTAL_{label}_EMAIL": email,
                f"MERCHANTRY_PORTAL_{label}_PASSWORD": password.reveal(),
            }
        return lines

    def _set_password(self, email: str, name: str, role: Role, password: Secret, application: Application) -> None:
        person = Person.objects.filter(email=email).first()
        if person is not None:
            person.set_password(password.reveal())
            person.save(update_fields=["password"])
            return
        is_tenant = role not in Role.of_the_platform()
        tenancy.create_person(
            email=email,
            name=name,
            place=tenancy.Place(
                role=role,
                application=application if is_tenant else None,
                identity_id=self._first_merchant(application) if role == Role.MERCHANT else None,
                may_refund=role == Role.MERCHANT,
            ),
            password=password,
            by=system("Demo"),
            at=timezone.now(),
        )

    def _first_merchant(self, application: Application) -> Any:
        by = system("Demo")
        with transaction(by=by):
            merchants = Merchant.objects.visible_to(by).filter(
                application=application, tags__account=onboarding.BUSIEST
            )
            return merchants.values_list("identity_id", flat=True)[0]

    def _demo_applications(self) -> list[Application]:
        by = system("Demo")
        with transaction(by=by):
            tenants = Application.objects.visible_to(by).tenants()
            return list(tenants.filter(tags__has_key="trade").order_by("created_at"))

    def _still_let_in(self, path: Path) -> bool:
        lines = dict(line.split("=", 1) for line in path.read_text().splitlines() if "=" in line)
        values = {name: "".join(shlex.split(text)) for name, text in lines.items()}
        return all(
            authenticate_api_user(
                user_id=values.get(f"MERCHANTRY_{label}_USERNAME", ""),
                secret=Secret(values.get(f"MERCHANTRY_{label}_PASSWORD", "")),
                origin=Origin(),
            )
            for label in ("ADMIN", "PARTNER", "PARTNER2")
        )

    def _write(self, path: Path, lines: dict[str, str]) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_suffix(".draft")
        draft.unlink(missing_ok=True)
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w") as file:
            file.writelines(f"{name}={shlex.quote(value)}\n" for name, value in lines.items())
        draft.replace(path)


@contextmanager
def _without_waiting_for_the_disk() -> Iterator[None]:
    """A power cut may take the last moments of it: the next run makes them again. What is committed later waits."""
    with connection.cursor() as cursor:
        cursor.execute("SET synchronous_commit = off")
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute("RESET synchronous_commit")


def _user(label: str, username: str, secret: Secret) -> dict[str, str]:
    return {f"MERCHANTRY_{label}_USERNAME": username, f"MERCHANTRY_{label}_PASSWORD": secret.reveal()}
