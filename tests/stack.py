"""The platform as real processes, for tests that cut wires and kill workers."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from config.embedded.processes import Child, wait_until
from config.embedded.services import free_port, is_ready, manage, start_beat, start_web, start_worker
from config.embedded.settings import HOST, read_shell_lines, sandbox_settings
from tests.plugin import valkey_settings

READY_SECONDS = 60.0

IS_LONG = os.environ.get("MERCHANTRY_LONG") == "1"
"""Whether fault tests run in their long form: `make test-faults`."""


class Stack:
    """Gunicorn, a Celery worker and beat on databases of their own, with demo data.

    `environment` is what the processes get, the owner's address included; `credentials` are the lines the demo wrote.
    Logs lie in `folder`.
    """

    def __init__(self, *, root: Path, folder: Path, app_url: str, owner_url: str) -> None:
        self.root = root
        self.folder = folder
        self.port = free_port()
        self.url = f"http://{HOST}:{self.port}"
        self.app_url = app_url
        self.owner_url = owner_url
        self.environment = (
            dict(os.environ)
            | sandbox_settings(self.port)
            | valkey_settings(offset=2)
            | {"DATABASE_URL": app_url, "DATABASE_OWNER_URL": owner_url, "SWEEP_SECONDS": "1"}
        )
        self.broker_url = self.environment["CELERY_BROKER_URL"]
        self.credentials: dict[str, str] = {}
        self.web: Child | None = None
        self.worker: Child | None = None
        self.beat: Child | None = None

    def start(self) -> None:
        """Returns when the web server says that it is ready."""
        credentials = self.folder / "demo-credentials.env"
        manage(self.environment, self.root, "demo", "--credentials", str(credentials))
        self.credentials = read_shell_lines(credentials)
        self.start_worker()
        self.start_beat()
        self.start_web()

    def stop(self) -> None:
        """At once: nobody will read what they would still write."""
        for child in (self.web, self.beat, self.worker):
            if child is not None:
                child.kill()

    def start_web(self) -> None:
        """Returns when it is ready."""
        self.web = start_web(self.environment, self.root, self.port, log=self.folder / "web.log")
        self.wait_until_ready()

    @contextmanager
    def another_web(self, name: str, **environment: str) -> Iterator[str]:
        """A second web server on the same databases, told something else; gives its address, and is killed after."""
        port, log = free_port(), self.folder / f"{name}.log"
        web = start_web(self.environment | environment, self.root, port, log=log)
        try:
            if not wait_until(lambda: is_ready(port), READY_SECONDS):
                raise AssertionError(f"The web server {name} is not ready.\n{web.last_words()}")
            yield f"http://{HOST}:{port}"
        finally:
            web.kill()

    def start_worker(self, *options: str) -> None:
        """Returns at once: messages wait for it. `options` are more of Celery's own."""
        log = self.folder / "worker.log"
        self.worker = start_worker(self.environment, self.root, options=options, log=log)

    def start_beat(self) -> None:
        self.beat = start_beat(self.environment, self.root, self.folder / "beat", log=self.folder / "beat.log")

    def kill_web(self) -> None:
        """All of it, with SIGKILL."""
        _running(self.web).kill()

    def kill_worker(self) -> None:
        """With its pool, with SIGKILL."""
        _running(self.worker).kill()

    def restart_web(self) -> None:
        self.kill_web()
        self.start_web()

    def restart_worker(self) -> None:
        self.kill_worker()
        self.start_worker()

    def wait_until_ready(self) -> None:
        web = _running(self.web)
        wait_until(lambda: web.exit_code is not None or is_ready(self.port), READY_SECONDS)
        if web.exit_code is not None or not is_ready(self.port):
            raise AssertionError(f"The web server is not ready.\n{web.last_words()}")


def _running(child: Child | None) -> Child:
    assert child is not None, "the stack has not been started"
    return child
