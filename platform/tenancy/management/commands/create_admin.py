"""The first person of a new installation. Everybody else is added in the portal."""

import getpass
import os
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from resources.errors import FieldError, FieldErrors
from tenancy.actors import system
from tenancy.roles import Role
from tenancy.services import Place, create_person
from vault.secret import Secret


class Command(BaseCommand):
    help = "Let an admin sign in to the portal. The password is asked for, or read from ADMIN_PASSWORD."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("email")
        parser.add_argument("--name", default="Admin")

    def handle(self, *_: Any, **options: Any) -> None:
        password = Secret(os.environ.get("ADMIN_PASSWORD") or self._ask())
        try:
            person = create_person(
                email=options["email"],
                name=options["name"],
                place=Place(role=Role.ADMIN),
                password=password,
                by=system("create_admin"),
                at=timezone.now(),
            )
        except (FieldError, FieldErrors) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"{person.email} can sign in now.")

    def _ask(self) -> str:
        password = getpass.getpass("Password: ")
        if getpass.getpass("Once more: ") != password:
            raise CommandError("The two differ; nobody was added.")
        return password
