"""Migrated databases for tests: one template per state of the migrations, one copy per worker.

Tests connect as the app role, as web and workers do. The owner, under the alias "owner", migrates the template and owns
the copies.
"""

import ast
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit

import django
import psycopg
import pytest
from django.apps import apps
from django.conf import settings
from django.core.management import call_command, get_commands
from django.db import connections
from psycopg import sql
from pytest_django import DjangoDbBlocker

from tests.needles import findings
from tests.plugin import ROOT
from tests.stack import Stack

TEMPLATE_PREFIX = "merchantry_template_"
TEMPLATE_LOCK = 7_001  # any number, the same for all workers


@pytest.fixture(scope="session")
def template_database(django_db_blocker: DjangoDbBlocker) -> str:
    """The name of a migrated database that nobody uses except to copy it."""
    name = f"{TEMPLATE_PREFIX}{fingerprint()}"
    with connect_as_owner() as connection:
        connection.execute("SELECT pg_advisory_lock(%s)", [TEMPLATE_LOCK])
        if not _exists(connection, name):
            _drop_templates(connection)
            part = f"{name}_part"
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(part)))
            with django_db_blocker.unblock():
                use_database(part)
                try:
                    call_command("migrate", database="owner", interactive=False, verbosity=0)
                finally:
                    connections.close_all()
            # Only a database that was migrated to the end gets the name the others look for.
            rename = sql.SQL("ALTER DATABASE {} RENAME TO {}")
            connection.execute(rename.format(sql.Identifier(part), sql.Identifier(name)))
    return name


@pytest.fixture(scope="session")
def django_db_setup(template_database: str, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """Takes the place of pytest-django's: both aliases use this worker's copy of the template."""
    with database_copy(template_database) as name:
        with django_db_blocker.unblock():
            use_database(name)
        yield
        with django_db_blocker.unblock():
            connections.close_all()


@pytest.fixture(scope="session")
def stack(template_database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Web, worker and beat as real processes, with demo data, on databases of their own. One per worker, lazily.

    When all tests are through, what was typed and must not be kept is sought in all that they left behind.
    """
    with database_copy(template_database, suffix="_stack") as name:
        running = Stack(
            root=ROOT,
            folder=tmp_path_factory.mktemp("stack"),
            app_url=database_url("DATABASE_URL", name),
            owner_url=database_url("DATABASE_OWNER_URL", name),
        )
        try:
            running.start()
            yield running
            found = findings(running)
        finally:
            running.stop()
    assert found == []


@pytest.fixture(scope="session", autouse=True)
def quick_password_hasher() -> None:
    """Argon2 takes a third of a second for each person a test makes."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher", *settings.PASSWORD_HASHERS]


def connect_as_owner() -> psycopg.Connection:
    """To the owner's own database, which no test writes to. Autocommit."""
    return psycopg.connect(os.environ["DATABASE_OWNER_URL"], autocommit=True)


@contextmanager
def database_copy(template: str, *, suffix: str = "") -> Iterator[str]:
    """A copy of the template for this worker, owned by the owner. Leave no connection to it open."""
    worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
    name = f"merchantry_test_{os.environ['MERCHANTRY_TEST_RUN']}_{worker}{suffix}"
    with connect_as_owner() as connection:
        copy = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
        connection.execute(copy.format(sql.Identifier(name), sql.Identifier(template)))
    try:
        yield name
    finally:
        # On our own server the end of the run drops what a forgotten connection holds.
        with connect_as_owner() as connection, suppress(psycopg.errors.ObjectInUse):
            connection.execute(sql.SQL("DROP DATABASE {}").format(sql.Identifier(name)))


def use_database(name: str) -> None:
    """Point Django's aliases at another database of the same server."""
    for alias in connections:
        connections[alias].close()
        connections[alias].settings_dict["NAME"] = name


def database_url(variable: str, name: str) -> str:
    """The address in this variable, with another database."""
    return urlsplit(os.environ[variable])._replace(path=f"/{name}").geturl()


def fingerprint() -> str:
    """Of all that shapes a migrated database: migrations, `migrate` itself, and what of ours these import."""
    command = import_module(f"{get_commands()['migrate']}.management.commands.migrate")
    sources = {Path(str(command.__file__))}
    for app in apps.get_app_configs():
        sources.update(Path(app.path).glob("migrations/*.py"))
    files = sources.union(*(_imported_by(source) for source in sources if _is_ours(source)))
    digest = hashlib.sha256(django.__version__.encode())
    for file in sorted(files):
        digest.update(file.name.encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()[:16]


def _is_ours(file: Path) -> bool:
    return file.is_relative_to(ROOT) and ".venv" not in file.parts


def _imported_by(file: Path) -> Iterator[Path]:
    for node in ast.walk(ast.parse(file.read_text())):
        names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        for name in names:
            spec = find_spec(name) if name else None
            if spec and spec.origin and _is_ours(Path(spec.origin)):
                yield Path(spec.origin)


def _exists(connection: psycopg.Connection, name: str) -> bool:
    return bool(connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone())


def _drop_templates(connection: psycopg.Connection) -> None:
    older = connection.execute("SELECT datname FROM pg_database WHERE starts_with(datname, %s)", [TEMPLATE_PREFIX])
    for (name,) in older.fetchall():
        with suppress(psycopg.errors.ObjectInUse):
            connection.execute(sql.SQL("DROP DATABASE {}").format(sql.Identifier(name)))


@pytest.fixture
def own_database(template_database: str, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """For a test whose commits must count, for threads or for what asks about open transactions. Dropped afterwards."""
    with database_of_its_own(template_database, django_db_blocker):
        yield


@contextmanager
def database_of_its_own(template: str, blocker: DjangoDbBlocker) -> Iterator[None]:
    """Both aliases use a fresh copy of the template meanwhile."""
    shared = {alias: connections[alias].settings_dict["NAME"] for alias in connections}
    with database_copy(template, suffix="_own") as name, blocker.unblock():
        use_database(name)
        try:
            yield
        finally:
            for alias, before in shared.items():
                connections[alias].close()
                connections[alias].settings_dict["NAME"] = before
