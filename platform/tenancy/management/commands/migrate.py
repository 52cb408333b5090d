"""Django's migrate, as the owner of the tables, with what must follow it: grants and the platform's application."""

import hashlib
import inspect
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError
from django.core.management.commands import migrate
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations.loader import MigrationLoader

from tenancy.grants import grant_app_role
from tenancy.services.platform import ensure_platform


class Command(migrate.Command):
    def add_arguments(self, parser: Any) -> None:
        super().add_arguments(parser)
        parser.set_defaults(database="owner")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["database"] not in settings.DATABASES:
            raise CommandError("DATABASE_OWNER_URL is not set: migrations run as the owner of the tables.")
        connection = connections[options["database"]]
        refuse_rewritten(connection)
        super().handle(*args, **options)
        if not options["check_unapplied"] and not options["plan"]:
            grant_app_role(connection, role=settings.DATABASES["default"]["USER"])
            ensure_platform(using=options["database"])
            remember(connection)


def refuse_rewritten(connection: BaseDatabaseWrapper) -> None:
    """Until 1.0 migrations may be rewritten. A database that an older text of them made cannot be brought forward."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT obj_description(to_regclass('django_migrations'), 'pg_class')")
        (known,) = cursor.fetchone()
    if known and known != _fingerprint(connection):
        raise CommandError(
            "The tables of this database were made by migrations that have been rewritten since. Until release 1.0 that"
            " means to begin anew: `make reset` for the built-in database, an empty database for any other."
        )


def remember(connection: BaseDatabaseWrapper) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"COMMENT ON TABLE django_migrations IS '{_fingerprint(connection)}'")


def _fingerprint(connection: BaseDatabaseWrapper) -> str:
    """Of the texts of our applied migrations."""
    loader = MigrationLoader(connection)
    digest = hashlib.sha256()
    for key in sorted(loader.applied_migrations):
        migration = loader.disk_migrations.get(key)
        path = Path(inspect.getfile(type(migration))) if migration else None
        if path is not None and "site-packages" not in path.parts:
            digest.update(repr(key).encode() + path.read_bytes())
        elif path is None:
            digest.update(repr(key).encode())
    return digest.hexdigest()
