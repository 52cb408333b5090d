"""Child processes that do not outlive their parent, and the way for root to start what refuses root."""

import functools
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from config.embedded.folders import EmbeddedError

POLL_SECONDS = 0.02
NOBODY = 65534
LAUNCHER = Path(__file__).with_name("launch.py")


def wait_until(condition: Callable[[], bool], seconds: float) -> bool:
    """Whether the condition came true in time."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() >= end:
            return False
        time.sleep(POLL_SECONDS)
    return True


class Child:
    """One process and whatever it starts, in a session of its own: Ctrl-C in a terminal reaches only us.

    `stops` are the signals that ask the main process to end, each with the seconds it gets; what is left after the
    last one is killed with its whole group. `death_signal` is what the kernel sends it if we die (Linux). With `log`
    the output goes to the end of that file, without it `output` is a pipe that somebody has to read. Start it from
    the main thread: to the kernel, the end of the starting thread is the parent's death.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        *,
        environment: Mapping[str, str],
        folder: Path,
        stops: Sequence[tuple[signal.Signals, float]] = ((signal.SIGTERM, 20.0),),
        death_signal: signal.Signals = signal.SIGTERM,
        log: Path | None = None,
    ) -> None:
        self.name = name
        self.log = log
        self._stops = stops
        with _sink(log) as sink:
            self._process = subprocess.Popen(  # noqa: S603 - our own commands
                _tied_to_parent(command, death_signal),
                env=dict(environment),
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def output(self) -> IO[bytes] | None:
        return self._process.stdout

    @property
    def exit_code(self) -> int | None:
        """None while it runs; negative if a signal ended it."""
        return self._process.poll()

    def wait(self, seconds: float) -> bool:
        """Whether it ended in time."""
        return wait_until(lambda: self.exit_code is not None, seconds)

    def kill(self) -> None:
        """End the whole group at once; also sweeps up after a main process that has ended."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)
        self._process.wait()

    def stop(self, wait: "Callable[[Child, float], bool] | None" = None) -> None:
        """Ask, then insist; on return nothing of it runs. `wait` may do something useful meanwhile."""
        for number, seconds in self._stops:
            if self.exit_code is not None:
                break
            # To the main process only: Celery's pool must not get the signal that asks Celery to finish.
            self._process.send_signal(number)
            (wait or Child.wait)(self, seconds)
        self.kill()

    def last_words(self, *, limit: int = 2000) -> str:
        """What it wrote last; waits for its end if it writes to a pipe."""
        if self.log is not None:
            return self.log.read_text(errors="replace")[-limit:]
        return self.output.read().decode(errors="replace")[-limit:] if self.output is not None else ""

    def close(self) -> None:
        """Let go of the pipe."""
        if self.output is not None:
            self.output.close()


@contextmanager
def _sink(log: Path | None) -> Iterator[int | IO[bytes]]:
    if log is None:
        yield subprocess.PIPE
        return
    with os.fdopen(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab") as file:
        yield file


def _tied_to_parent(command: Sequence[str], death_signal: signal.Signals) -> list[str]:
    if sys.platform != "linux":
        return list(command)
    return [sys.executable, "-I", "-S", str(LAUNCHER), str(os.getpid()), str(int(death_signal)), *command]


def run_to_end(
    command: Sequence[str],
    *,
    environment: Mapping[str, str] | None = None,
    folder: Path | None = None,
    is_shown: bool = False,
) -> subprocess.CompletedProcess[str]:
    """Its stdout holds both streams, unless they are shown as they come; it dies with us.

    What cannot be started at all ends with a code other than 0.
    """
    try:
        return subprocess.run(  # noqa: S603 - our own commands
            _tied_to_parent(command, signal.SIGKILL),
            env=environment,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=None if is_shown else subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            check=False,
            # Ctrl-C reaches us alone; it ends this too, without a traceback.
            start_new_session=True,
        )
    except OSError as error:
        return subprocess.CompletedProcess(list(command), 127, stdout=str(error))


@dataclass(frozen=True)
class Unprivileged:
    """How to start a program that refuses uid 0: what to put before the command, and who must own its files."""

    prefix: tuple[str, ...]
    owner: int


@functools.cache
def unprivileged() -> Unprivileged:
    """Nothing is needed for an ordinary user.

    Root is shown to the program as `nobody` by a user namespace: the files stay root's, also inside a private tree,
    and no account is made. Where user namespaces are off (some containers) the program really becomes `nobody`.
    """
    if os.getuid() != 0:
        return Unprivileged((), os.getuid())
    for way in (
        Unprivileged(_found("unshare", "--user", f"--map-user={NOBODY}", f"--map-group={NOBODY}", "--"), 0),
        # setpriv takes back the wish for a signal at the parent's death, hence it has to make it again.
        Unprivileged(
            _found("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "--pdeathsig", "INT", "--"),
            NOBODY,
        ),
    ):
        if way.prefix and run_to_end([*way.prefix, "true"]).returncode == 0:
            return way
    raise EmbeddedError(
        "PostgreSQL refuses to run as root, and neither unshare nor setpriv (util-linux) can start it as somebody "
        "else here. Run this as an ordinary user, or set DATABASE_URL and DATABASE_OWNER_URL."
    )


def _found(program: str, *arguments: str) -> tuple[str, ...]:
    path = shutil.which(program)
    return (path, *arguments) if path else ()


def processes_in(folder: Path) -> list[int]:
    """Processes that work in exactly this folder, as both servers do in their data. Empty where there is no /proc.

    Unlike a process id in a file this cannot mean a stranger: ids are given out again, after a restart at the latest.
    """
    wanted = str(folder.resolve())
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if str((entry / "cwd").readlink()) == wanted:
                found.append(int(entry.name))
    return found


def end_processes_in(folder: Path, *, number: signal.Signals, seconds: float) -> None:
    """Ask them to end, wait, then kill the rest. Returns when there are none."""
    for stop in (number, signal.SIGKILL):
        for pid in processes_in(folder):
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pid, stop)
        if wait_until(lambda: not processes_in(folder), seconds):
            return
    raise EmbeddedError(f"Processes {processes_in(folder)} use {folder} and cannot be stopped; stop them first.")
