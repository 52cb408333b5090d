"""One PostgreSQL and one Valkey for a test run, there before pytest-django reads the settings.

The process that was called starts them; the processes of xdist inherit their addresses and start nothing. A PostgreSQL
the operator brings along (DATABASE_URL with DATABASE_OWNER_URL) is used instead of ours.
"""

import os
import shutil
import tempfile
from collections.abc import Generator
from pathlib import Path

import pytest

from config.embedded.folders import EmbeddedError, FolderLock, make_private
from config.embedded.postgres import PostgresServer
from config.embedded.valkey import ValkeyServer
from tests.environment import NO_SERVERS, TEST_SETTINGS

ROOT = Path(__file__).resolve().parents[1]
VALKEY_DATABASES_PER_WORKER = 4  # broker and cache of the tests, broker and cache of the fixture `stack`
WORKERS_AT_MOST = 64
# With one of these nothing is run, so nothing is started.
LOOKING_ONLY = ("help", "version", "collectonly", "showfixtures", "show_fixtures_per_test", "markers", "setupplan")


class Servers:
    """Kept in .run/test, so that the next run need not migrate; a second run at a time gets a throwaway folder.

    Addresses are known at once, servers run from `start` on.
    """

    def __init__(self) -> None:
        self.folder = make_private(make_private(ROOT / ".run") / "test")
        self._lock = FolderLock(self.folder)
        self._is_throwaway = not self._lock.acquire()
        if self._is_throwaway:
            self.folder = Path(tempfile.mkdtemp(prefix="merchantry-test-"))
        self.postgres = None if "DATABASE_URL" in os.environ else self._postgres()
        self.valkey = self._valkey()

    def _postgres(self) -> PostgresServer:
        # A power cut may cost the data of a test run, so it does not wait for the disk.
        quick = ("fsync=off", "full_page_writes=off", "max_connections=300")
        return PostgresServer(self.folder, options=quick, log=self.folder / "postgres.log")

    def _valkey(self) -> ValkeyServer:
        databases = VALKEY_DATABASES_PER_WORKER * WORKERS_AT_MOST
        return ValkeyServer(self.folder, databases=databases, durable=False, log=self.folder / "valkey.log")

    def settings(self) -> dict[str, str]:
        settings = {"MERCHANTRY_TEST_RUN": str(os.getpid()), "MERCHANTRY_TEST_VALKEY": str(self.valkey.socket)}
        if self.postgres:
            settings |= {"DATABASE_URL": self.postgres.app_url, "DATABASE_OWNER_URL": self.postgres.owner_url}
        return settings

    def start(self) -> None:
        if self.postgres:
            self.postgres.start()
            self._drop_copies(self.postgres)
        self.valkey.start()

    def stop(self) -> None:
        self.valkey.stop()
        if self.postgres:
            if self.postgres.child is not None:
                self._drop_copies(self.postgres)
            self.postgres.stop()
        self._lock.release()
        if self._is_throwaway:
            shutil.rmtree(self.folder, ignore_errors=True)

    @staticmethod
    def _drop_copies(postgres: PostgresServer) -> None:
        """Of this run, and of one that was killed: the server is ours alone, so no copy is in use elsewhere."""
        with postgres.connect() as connection:
            copies = connection.execute(r"SELECT datname FROM pg_database WHERE datname LIKE 'merchantry\_test\_%'")
            for (name,) in copies.fetchall():
                connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


SERVERS = pytest.StashKey[Servers]()


def worker_number() -> int:
    return int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % WORKERS_AT_MOST


def valkey_settings(*, offset: int) -> dict[str, str]:
    """Broker and cache of this worker, from its own databases."""
    socket = os.environ["MERCHANTRY_TEST_VALKEY"]
    first = VALKEY_DATABASES_PER_WORKER * worker_number() + offset
    return {
        "CELERY_BROKER_URL": f"redis+socket://{socket}?virtual_host={first}",
        "CACHE_URL": f"unix://{socket}?db={first + 1}",
    }


# A wrapper, because wrappers come before pytest-django's own `tryfirst`, which reads the settings.
@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> Generator[None, None, None]:
    os.environ.update(TEST_SETTINGS)
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"  # playwright runs a loop in the thread of the tests
    if "PYTEST_XDIST_WORKER" not in os.environ:
        os.environ.update(_chosen_settings(early_config))
    if "MERCHANTRY_TEST_VALKEY" in os.environ:
        os.environ.update(valkey_settings(offset=0))
    return (yield)


def _chosen_settings(config: pytest.Config) -> dict[str, str]:
    if any(getattr(config.known_args_namespace, option, False) for option in LOOKING_ONLY):
        return {name: os.environ.get(name, value) for name, value in NO_SERVERS.items()}
    if ("DATABASE_URL" in os.environ) != ("DATABASE_OWNER_URL" in os.environ):
        raise pytest.UsageError("Set both DATABASE_URL (app role) and DATABASE_OWNER_URL (owner), or neither.")
    try:
        servers = config.stash[SERVERS] = Servers()
    except EmbeddedError as error:
        raise pytest.UsageError(str(error)) from error
    return servers.settings()


def pytest_configure(config: pytest.Config) -> None:
    # Later than the installed plugins, so that its `django_db_setup` takes the place of pytest-django's.
    config.pluginmanager.import_plugin("tests.databases")


# Later than pytest-randomly, which shuffles.
@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes long comes first, so that at the end no worker waits for another's last file."""
    slowest = ("browser", "stack")
    items.sort(key=lambda item: next((place for place, name in enumerate(slowest) if name in item.keywords), 2))


@pytest.hookimpl(tryfirst=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    servers = session.config.stash.get(SERVERS, None)
    if servers is None:
        return
    try:
        servers.start()
    except EmbeddedError as error:
        raise pytest.UsageError(str(error)) from error


@pytest.hookimpl(trylast=True)
def pytest_unconfigure(config: pytest.Config) -> None:
    servers = config.stash.get(SERVERS, None)
    if servers is not None:
        servers.stop()
