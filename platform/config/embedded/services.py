"""The platform's own processes: web, worker, beat, and the commands of manage.py."""

import http.client
import signal
import socket
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from config.embedded.folders import EmbeddedError
from config.embedded.processes import Child, run_to_end
from config.embedded.settings import HOST, without_owner

# A worker's job may lawfully take longer than a request's statement.
WORKER_STATEMENT_TIMEOUT = "60"


def start_web(environment: Mapping[str, str], root: Path, port: int, *, log: Path | None = None) -> Child:
    return Child(
        "web",
        [
            *(sys.executable, "-m", "gunicorn", "-c", "python:config.gunicorn", "config.wsgi:application"),
            *("--bind", f"{HOST}:{port}", "--graceful-timeout", "5", "--log-level", "warning"),
        ],
        environment=without_owner(environment),
        folder=root,
        # If we die the database goes too, so there is nothing to finish: SIGINT ends gunicorn at once.
        death_signal=signal.SIGINT,
        log=log,
    )


def start_worker(
    environment: Mapping[str, str], root: Path, *, options: Sequence[str] = (), log: Path | None = None
) -> Child:
    return Child(
        "worker",
        [
            *(*_celery(), "worker", "--pool", "prefork", "--concurrency", "2", "--loglevel", "WARNING"),
            *("--without-gossip", "--without-mingle", "--without-heartbeat", *options),
        ],
        environment={"DATABASE_STATEMENT_TIMEOUT": WORKER_STATEMENT_TIMEOUT} | without_owner(environment),
        folder=root,
        log=log,
    )


def start_beat(environment: Mapping[str, str], root: Path, schedule: Path, *, log: Path | None = None) -> Child:
    return Child(
        "beat",
        [*_celery(), "beat", "--schedule", str(schedule), "--loglevel", "WARNING"],
        environment=without_owner(environment),
        folder=root,
        log=log,
    )


def _celery() -> list[str]:
    # Root is fine here: messages are JSON and the broker's socket is private.
    return [sys.executable, "-W", "ignore:::celery.platforms", "-m", "celery", "--quiet", "-A", "config"]


def manage(environment: Mapping[str, str], root: Path, *arguments: str, is_shown: bool = False) -> None:
    """Run a command of manage.py to its end. Raises EmbeddedError, with its output if that was not shown."""
    command = [sys.executable, "manage.py", *arguments]
    done = run_to_end(command, environment=environment, folder=root, is_shown=is_shown)
    if done.returncode != 0:
        ended = f"`manage.py {arguments[0]}` ended with code {done.returncode}."
        raise EmbeddedError(f"{(done.stdout or '').rstrip()}\n{ended}".lstrip())


def is_ready(port: int) -> bool:
    """Whether GET /readyz says so."""
    connection = http.client.HTTPConnection(HOST, port, timeout=5)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        # As the web server will: connections that are only lingering are no obstacle.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])
