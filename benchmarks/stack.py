"""PostgreSQL, Valkey and web for one run of a benchmark, thrown away after it."""

import http.client
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.tools import GRANIAN, ROOT, folder, install, with_path
from config.embedded.postgres import PostgresServer
from config.embedded.processes import Child, wait_until
from config.embedded.services import free_port, manage
from config.embedded.settings import HOST, generated_keys, sandbox_settings, without_owner
from config.embedded.valkey import ValkeyServer

READY_SECONDS = 60.0
DURABLE = ("fsync=on", "synchronous_commit=on", "full_page_writes=on", "shared_buffers=512MB", "max_wal_size=4GB")


@dataclass(frozen=True)
class Servers:
    """A PostgreSQL that waits for the disk, and a Valkey."""

    folder: Path
    postgres: PostgresServer
    valkey: ValkeyServer
    environment: Mapping[str, str]


@contextmanager
def servers(*, options: tuple[str, ...] = (), kept: str = "") -> Iterator[Servers]:
    """Started and migrated. `options` are more settings of PostgreSQL; what lies in a `kept` folder stays there."""
    here = folder() / kept if kept else Path(tempfile.mkdtemp(prefix="run-", dir=folder()))
    here.mkdir(exist_ok=True)
    here.chmod(0o711)
    postgres = PostgresServer(here, options=(*DURABLE, *options), log=here / "postgres.log")
    valkey = ValkeyServer(here, log=here / "valkey.log")
    environment = _environment(here, postgres, valkey)
    try:
        postgres.start()
        valkey.start()
        manage(environment, ROOT, "migrate", "--database", "owner", "--verbosity", "0")
        yield Servers(here, postgres, valkey, environment)
    finally:
        valkey.stop()
        postgres.stop()
        if not kept:
            shutil.rmtree(here, ignore_errors=True)


def _environment(here: Path, postgres: PostgresServer, valkey: ValkeyServer) -> dict[str, str]:
    """As in `make run`, but the requests of an API user are only counted: the limit is not what is measured."""
    return (
        dict(os.environ)
        | generated_keys(here / "keys.env")
        | sandbox_settings(0)
        | {
            "PUBLIC_URL": f"http://{HOST}",
            "DATABASE_URL": postgres.app_url,
            "DATABASE_OWNER_URL": postgres.owner_url,
            "CELERY_BROKER_URL": valkey.broker_url(),
            "CACHE_URL": valkey.cache_url(),
            "API_REQUESTS_PER_SECOND": "0",
            "LOG_LEVEL": "WARNING",
        }
    )


def use_django(environment: Mapping[str, str]) -> None:
    """Make this process one of the platform's. Call it before a model is imported."""
    import django

    os.environ.update(without_owner(environment), DJANGO_SETTINGS_MODULE="config.settings")
    django.setup()


@dataclass(frozen=True)
class WebServer:
    """A web server's name, and how many processes and threads it gets."""

    name: str
    processes: int
    threads: int

    def __str__(self) -> str:
        return f"{self.name} {self.processes}x{self.threads}"

    def command(self, application: str, port: int) -> list[str]:
        if self.name == "granian":
            return [
                *(sys.executable, "-m", "granian", "--interface", "wsgi", "--no-ws", "--log-level", "warning"),
                *("--host", HOST, "--port", str(port), "--backpressure", "64"),
                *("--workers", str(self.processes), "--blocking-threads", str(self.threads), application),
            ]
        return [
            *(sys.executable, "-m", "gunicorn", "-c", "python:config.gunicorn", application),
            *("--bind", f"{HOST}:{port}", "--log-level", "warning"),
            *("--workers", str(self.processes), "--threads", str(self.threads)),
        ]


OURS = WebServer("gunicorn", 2, 4)


@contextmanager
def web(
    environment: Mapping[str, str],
    server: WebServer = OURS,
    *,
    application: str = "config.wsgi:application",
    log: Path,
) -> Iterator[int]:
    """Serves a WSGI application on the port it gives, once it answers there."""
    path = (ROOT, ROOT / "platform") + ((install(GRANIAN),) if server.name == "granian" else ())
    port = free_port()
    with process(server.name, server.command(application, port), with_path(environment, *path), port, log=log):
        yield port


@contextmanager
def process(name: str, command: list[str], environment: Mapping[str, str], port: int, *, log: Path) -> Iterator[Child]:
    """A server that listens on the port; raises RuntimeError with its last words where it does not answer."""
    child = Child(name, command, environment=without_owner(environment), folder=ROOT, log=log)
    try:
        wait_until(lambda: child.exit_code is not None or answers(port), READY_SECONDS)
        if child.exit_code is not None or not answers(port):
            raise RuntimeError(f"{name} does not answer.\n{child.last_words()}")
        yield child
    finally:
        child.stop()


def answers(port: int) -> bool:
    """Whether anything is said there that is no error of the server."""
    connection = http.client.HTTPConnection(HOST, port, timeout=5)
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().status < 500
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
