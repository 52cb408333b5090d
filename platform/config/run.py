"""What `make run` does: everything the platform needs, on this machine, with demo data, in the foreground.

Nothing it starts outlives it, and what was written stays in the folder .run for the next start.
"""

import argparse
import os
import selectors
import shutil
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import NoReturn

from config.embedded.folders import EmbeddedError, FolderLock, make_private, write_private
from config.embedded.postgres import PostgresServer
from config.embedded.preflight import refusal
from config.embedded.processes import Child
from config.embedded.services import free_port, is_free, is_ready, manage, start_beat, start_web, start_worker
from config.embedded.settings import (
    HOST,
    cache_beside,
    generated_keys,
    read_shell_lines,
    sandbox_settings,
    shell_lines,
    without_owner,
)
from config.embedded.valkey import ValkeyServer
from config.environment import TABLE

ROOT = Path(__file__).resolve().parents[2]
USUAL_PORT = 8000
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
READY_SECONDS = 60.0
# How long the web server of a killed run may hold its port: its time-out for graceful stops, and some.
PORT_SECONDS = 8.0


class StopRequested(Exception):
    """Somebody pressed Ctrl-C or sent SIGTERM."""


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m config.run", description="Run everything in the foreground.")
    parser.add_argument("--root", type=Path, default=ROOT, help="the checkout")
    parser.add_argument("--folder", type=Path, help="where data is kept; <root>/.run unless given")
    parser.add_argument("--reset", action="store_true", help="throw the data away instead; keys are kept")
    options = parser.parse_args(arguments)
    root = options.root.resolve()
    folder = (options.folder or root / ".run").resolve()
    return reset(folder) if options.reset else Supervisor(root, folder, os.environ).run()


def reset(folder: Path) -> int:
    """Remove databases, messages and log-ins of a folder that nothing runs from."""
    if not folder.exists():
        return 0
    lock = FolderLock(folder)
    if not lock.acquire():
        say(f"It runs from {folder}, as process {lock.holder()}. Stop it first.")
        return 1
    for path in (*folder.glob("pg*"), folder / "valkey"):
        shutil.rmtree(path, ignore_errors=True)
    for path in (*folder.glob("beat*"), *folder.glob("demo*.env")):
        path.unlink()
    lock.release()
    say(f"The data in {folder} is gone.")
    return 0


class Supervisor:
    """Starts everything in order, watches it, and stops it in reverse order. One thread, one loop."""

    def __init__(self, root: Path, folder: Path, environment: Mapping[str, str]) -> None:
        self.root = root
        self.folder = folder
        # A variable that is set to nothing counts as unset, for the settings too.
        self._given = {name: value for name, value in environment.items() if value}
        self._lock = FolderLock(folder)
        self._demo_file = folder / "demo.env"
        self._credentials_file = folder / "demo-credentials.env"
        self._manage_file = folder / "manage.env"
        self._servers: list[PostgresServer | ValkeyServer] = []
        self._children: list[Child] = []
        self._unfinished: dict[Child, bytes] = {}
        self._selector = selectors.DefaultSelector()
        self._is_stopping = False
        self._is_hurried = False

    def run(self) -> int:
        """The exit code: 0 only if somebody asked it to stop."""
        for number in STOP_SIGNALS:
            # Under nohup a closed terminal is to be ignored; the shell's "ignore Ctrl-C in the background" is not.
            if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
                signal.signal(number, self._on_signal)
        try:
            self._enter_folder()
        except EmbeddedError as error:
            say(f"{error}")
            return 1
        except StopRequested:
            return 0
        try:
            self._start(time.monotonic())
            self._watch()
        except EmbeddedError as error:
            self._is_stopping = True
            say(f"{error}")
            return 1
        except StopRequested:
            say("Stopping ...")
            return 0
        finally:
            self._is_stopping = True
            self._stop()

    def _on_signal(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002 - the signature is Python's
        if self._is_stopping:
            self._is_hurried = True
            return
        self._is_stopping = True
        raise StopRequested

    def _enter_folder(self) -> None:
        reason = refusal(str(self.root))
        if reason:
            raise EmbeddedError(reason)
        make_private(self.folder)
        if not self._lock.acquire():
            raise EmbeddedError(f"It already runs from {self.folder}, as process {self._lock.holder()}.")

    def _start(self, began: float) -> None:
        # The file means "ready", so one that a killed run has left must go first.
        was_killed = self._demo_file.exists()
        self._demo_file.unlink(missing_ok=True)
        port = self._choose_port(patience=PORT_SECONDS if was_killed else 0.0)
        environment = {
            **sandbox_settings(port),
            **generated_keys(self.folder / "settings.env"),
            **self._start_servers(),
            **self._given,
        }
        say("Preparing the database ...")
        manage(environment, self.root, "migrate", "--verbosity", "0")
        # Shown, because the first time it has a while to tell of.
        manage(environment, self.root, "demo", "--credentials", str(self._credentials_file), is_shown=True)
        say("Starting web, worker and beat ...")
        self._adopt(start_web(environment, self.root, port))
        self._adopt(start_worker(environment, self.root))
        self._adopt(start_beat(environment, self.root, self.folder / "beat"))
        self._wait_until_ready(port)
        self._tell_manage(environment)
        self._announce(f"http://{HOST}:{port}", time.monotonic() - began)

    def _choose_port(self, *, patience: float) -> int:
        wanted = self._given.get("PORT", str(USUAL_PORT))
        if not wanted.isdecimal() or not 0 < int(wanted) < 65536:
            raise EmbeddedError(f"PORT is {wanted}; it has to be a number between 1 and 65535.")
        port = int(wanted)
        end = time.monotonic() + patience
        while not is_free(port) and time.monotonic() < end:
            time.sleep(0.02)
        if is_free(port):
            return port
        if "PORT" in self._given:
            raise EmbeddedError(f"Port {port} is taken or not allowed; choose another one, e.g. `make run PORT=8001`.")
        other = free_port()
        say(f"Port {port} is taken; using {other}.")
        return other

    def _start_servers(self) -> dict[str, str]:
        """Whatever the operator has not brought along, as settings."""
        settings: dict[str, str] = {}
        databases = {"DATABASE_URL", "DATABASE_OWNER_URL"} & self._given.keys()
        if len(databases) == 1:
            raise EmbeddedError("Set both DATABASE_URL (app role) and DATABASE_OWNER_URL (owner), or neither.")
        if not databases:
            postgres = PostgresServer(self.folder, log=self._fresh_log("postgres"))
            self._serve(postgres, "PostgreSQL")
            settings |= {"DATABASE_URL": postgres.app_url, "DATABASE_OWNER_URL": postgres.owner_url}
        if "CELERY_BROKER_URL" not in self._given:
            valkey = ValkeyServer(self.folder, log=self._fresh_log("valkey"))
            self._serve(valkey, "Valkey")
            settings |= {"CELERY_BROKER_URL": valkey.broker_url(), "CACHE_URL": valkey.cache_url()}
        elif "CACHE_URL" not in self._given:
            settings["CACHE_URL"] = cache_beside(self._given["CELERY_BROKER_URL"])
        return settings

    def _serve(self, server: PostgresServer | ValkeyServer, name: str) -> None:
        say(f"Starting {name} ...")
        self._servers.append(server)
        server.start()

    def _fresh_log(self, name: str) -> Path:
        path = self.folder / f"{name}.log"
        write_private(path, "")
        return path

    def _adopt(self, child: Child) -> None:
        self._children.append(child)
        if child.output is not None:
            self._selector.register(child.output, selectors.EVENT_READ, child)

    def _wait_until_ready(self, port: int) -> None:
        end = time.monotonic() + READY_SECONDS
        while not is_ready(port):
            self._pump(0.05)
            self._refuse_losses()
            if time.monotonic() > end:
                raise EmbeddedError(f"The web server did not become ready within {READY_SECONDS:.0f} seconds.")

    def _tell_manage(self, environment: Mapping[str, str]) -> None:
        """The settings of what runs, for `make manage`; those of web and worker, not the owner's."""
        known = {variable.name for variable in TABLE}
        told = {name: value for name, value in without_owner(environment).items() if name in known}
        write_private(self._manage_file, shell_lines(told))

    def _announce(self, address: str, seconds: float) -> None:
        credentials = read_shell_lines(self._credentials_file)
        write_private(self._demo_file, shell_lines({"MERCHANTRY_URL": address} | credentials))
        say(ready_block(address, credentials, seconds=seconds, file=self._demo_file))

    def _watch(self) -> NoReturn:
        while True:
            self._pump(0.2)
            self._refuse_losses()

    def _refuse_losses(self) -> None:
        """The stack is whole or it is not there."""
        for child in [*(server.child for server in self._servers), *self._children]:
            if child is not None and child.exit_code is not None:
                self._pump(0)
                words = f"\n{child.last_words()}" if child.log else ""
                raise EmbeddedError(f"{child.name} ended with code {child.exit_code}; stopping everything.{words}")

    def _pump(self, seconds: float) -> None:
        """Pass on what the children write, each line with its writer's name."""
        for key, _ in self._selector.select(seconds):
            child: Child = key.data
            data = os.read(key.fd, 65536)
            if not data:
                self._selector.unregister(key.fileobj)
            *lines, self._unfinished[child] = (self._unfinished.pop(child, b"") + data).split(b"\n")
            for line in lines:
                say(f"{child.name:<8} | {line.decode(errors='replace')}")

    def _pumped_wait(self, child: Child, seconds: float) -> bool:
        end = time.monotonic() + seconds
        while child.exit_code is None and time.monotonic() < end and not self._is_hurried:
            self._pump(0.02)
        return child.exit_code is not None

    def _stop(self) -> None:
        self._demo_file.unlink(missing_ok=True)
        self._manage_file.unlink(missing_ok=True)
        for child in reversed(self._children):
            child.stop(self._pumped_wait)
        self._pump(0)
        for child in self._children:
            child.close()
        for server in reversed(self._servers):
            server.stop()
        self._selector.close()
        self._lock.release()
        # Nothing is left to stop, and a late Ctrl-C must not change the exit code.
        for number in STOP_SIGNALS:
            signal.signal(number, signal.SIG_IGN)


def ready_block(address: str, credentials: Mapping[str, str], *, seconds: float, file: Path) -> str:
    """What the person at the terminal reads. A log-in is an X_EMAIL or X_USERNAME together with its X_PASSWORD."""
    lines = ["", f"Merchantry is ready after {seconds:.1f} s:  {address}"]
    for title, kind in (("Log-ins for the portal", "_EMAIL"), ("Users of the API", "_USERNAME")):
        people = [name.removesuffix(kind) for name in credentials if name.endswith(kind)]
        lines += ["", f"{title}:"] if people else []
        for person in people:
            label = person.removeprefix("MERCHANTRY_").replace("_", " ").lower()
            lines.append(f"  {label:<16} {credentials[person + kind]:<26} {credentials.get(f'{person}_PASSWORD', '')}")
    return "\n".join([*lines, "", f"The same as shell variables: {file}", "Ctrl-C stops.", ""])


def say(text: str) -> None:
    try:
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()
    except BrokenPipeError:
        # A reader that went away is no reason to stop.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
    sys.exit(main())
