"""The supervisor as a real process, over a stand-in project of a few lines, and once over the real one."""

import http.client
import os
import re
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from config.embedded import preflight
from config.embedded.folders import EmbeddedError, FolderLock
from config.embedded.postgres import PostgresServer
from config.embedded.processes import wait_until
from config.embedded.services import free_port, is_ready
from config.embedded.settings import cache_beside, generated_keys, read_shell_lines, shell_lines
from config.embedded.valkey import ValkeyServer
from config.run import ROOT, ready_block, reset
from tests.config.stand_in import write_stand_in

READY_SECONDS = 60.0
STOP_SECONDS = 40.0

linux_only = pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc")


def processes_below(folder: Path) -> list[int]:
    """All that work in the folder or below it, as everything the supervisor starts does."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            works_in = (entry / "cwd").readlink()
        except OSError:
            continue
        if works_in.is_relative_to(folder):
            found.append(int(entry.name))
    return found


def parent_of(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"^PPid:\s+(\d+)$", status, re.MULTILINE)[1])


class Running:
    """`python -m config.run` as a process of its own, started from a folder that is not the project's."""

    def __init__(self, root: Path, *, folder: Path | None = None, **variables: str) -> None:
        self.root = root
        self.folder = folder or root / ".run"
        self.demo_file = self.folder / "demo.env"
        self.port = int(variables.setdefault("PORT", str(free_port())) or 0)
        inherited = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR", "LANG") if name in os.environ}
        self._output = self.folder.with_name("output")
        with self._output.open("wb") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "config.run", "--root", str(root), "--folder", str(self.folder)],
                env={**inherited, **{name: value for name, value in variables.items() if value}},
                cwd="/",
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def output(self) -> str:
        return self._output.read_text()

    def wait_until_ready(self) -> "Running":
        wait_until(lambda: "is ready after" in self.output or self._process.poll() is not None, READY_SECONDS)
        assert "is ready after" in self.output, self.output
        return self

    def send(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    def wait(self) -> int:
        return self._process.wait(STOP_SECONDS)

    def stop(self) -> int:
        if self._process.poll() is None:
            self.send(signal.SIGINT)
        return self.wait()

    def hurry(self) -> None:
        """A second signal means: do not wait for the worker to finish."""
        while self._process.poll() is None:
            self.send(signal.SIGINT)
            wait_until(lambda: self._process.poll() is not None, 0.1)

    def get(self, path: str) -> str:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", path)
            return connection.getresponse().read().decode()
        finally:
            connection.close()

    def process(self, name: str) -> int:
        """The process id of one of its children."""
        word = {"web": "gunicorn", "postgres": "/postgres", "valkey": "/valkey-server"}.get(name, name)
        for pid in processes_below(self.root):
            words = re.split(r"[\0 ]", Path(f"/proc/{pid}/cmdline").read_text())
            if parent_of(pid) == self.pid and (word in words or words[0].endswith(word)):
                return pid
        raise AssertionError(f"{name} does not run")


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One project for all tests of the file: only the first start has to set up the database."""
    return write_stand_in(tmp_path_factory.mktemp("project").resolve() / "stand-in")


@pytest.fixture
def start(root: Path) -> Iterator[Callable[..., Running]]:
    started: list[Running] = []

    def start_one(**variables: str) -> Running:
        started.append(Running(root, **variables))
        return started[-1]

    yield start_one
    for running in started:
        running.hurry()


def test_ready_means_a_private_file_with_address_and_log_ins(start):
    running = start().wait_until_ready()

    address = f"http://127.0.0.1:{running.port}"
    assert stat.S_IMODE(running.demo_file.stat().st_mode) == 0o600
    assert read_shell_lines(running.demo_file) == {
        "MERCHANTRY_URL": address,
        "MERCHANTRY_ADMIN_EMAIL": "admin@demo.example",
        "MERCHANTRY_ADMIN_PASSWORD": "a b$c",
    }
    told = subprocess.run(
        ["sh", "-c", f'. {running.demo_file}; printf %s "$MERCHANTRY_ADMIN_PASSWORD"'],
        capture_output=True,
        text=True,
        check=True,
    )
    assert told.stdout == "a b$c"
    assert f" s:  {address}\n" in running.output
    assert re.search(r"^Log-ins for the portal:\n  admin +admin@demo\.example +a b\$c$", running.output, re.MULTILINE)
    assert "web      | The web server speaks.\n" in running.output


def test_web_cannot_act_as_the_owner(start):
    environment = start().wait_until_ready().get("/environment")

    assert "DATABASE_URL=postgresql://merchantry_app@/" in environment
    assert "DATABASE_OWNER_URL" not in environment
    assert "merchantry_owner" not in environment


@linux_only
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signal_stops_everything_and_counts_as_success(start, root, number):
    running = start().wait_until_ready()

    running.send(number)

    assert running.wait() == 0
    assert processes_below(root) == []
    assert not running.demo_file.exists()


def test_output_that_nobody_reads_any_more_does_not_stop_it(root):
    port = str(free_port())
    with subprocess.Popen(
        [sys.executable, "-m", "config.run", "--root", str(root)],
        env={"PATH": os.environ["PATH"], "PORT": port},
        cwd="/",
        stdout=subprocess.PIPE,
        start_new_session=True,
    ) as running:
        running.stdout.readline()
        running.stdout.close()
        came_up = wait_until(lambda: is_ready(int(port)), READY_SECONDS)
        running.send_signal(signal.SIGINT)

        assert came_up
        assert running.wait(STOP_SECONDS) == 0


@linux_only
def test_second_signal_hurries(start, root):
    running = start().wait_until_ready()

    running.hurry()

    assert running.wait() == 0
    assert processes_below(root) == []


@linux_only
def test_signal_while_it_starts_stops_it_too(start, root):
    running = start()
    assert wait_until(lambda: "Preparing" in running.output, READY_SECONDS)

    running.send(signal.SIGINT)

    assert running.wait() == 0
    assert processes_below(root) == []


def test_second_start_keeps_data_and_keys(start, root):
    running = start().wait_until_ready()
    visits = int(running.get("/visit"))
    keys = (root / ".run" / "settings.env").read_text()
    running.stop()

    again = start().wait_until_ready()

    assert int(again.get("/visit")) == visits + 1
    assert (root / ".run" / "settings.env").read_text() == keys
    assert stat.S_IMODE((root / ".run" / "settings.env").stat().st_mode) == 0o600


def test_another_instance_says_that_it_runs_already(start, root):
    running = start().wait_until_ready()

    second = subprocess.run(
        [sys.executable, "-m", "config.run", "--root", str(root)], capture_output=True, text=True, cwd="/", check=False
    )

    assert second.returncode == 1
    assert second.stdout == f"It already runs from {root / '.run'}, as process {running.pid}.\n"
    assert running.get("/") != ""


@linux_only
@pytest.mark.parametrize("name", ["web", "worker", "beat", "postgres", "valkey"])
def test_end_of_one_part_ends_all(start, root, name):
    running = start().wait_until_ready()

    os.kill(running.process(name), signal.SIGKILL)

    assert running.wait() == 1
    assert f"\n{name} ended with code -9; stopping everything." in running.output
    assert processes_below(root) == []
    assert not running.demo_file.exists()


@linux_only
def test_kill_of_the_supervisor_leaves_nothing_and_the_next_start_is_sound(start, root):
    running = start().wait_until_ready()
    visits = int(running.get("/visit"))

    running.send(signal.SIGKILL)
    running.wait()
    again = start(PORT=str(running.port)).wait_until_ready()

    assert int(again.get("/visit")) == visits + 1
    again.stop()
    assert wait_until(lambda: not processes_below(root), 5)


@pytest.mark.parametrize("command", ["migrate", "demo"])
def test_set_up_that_fails_shows_its_output(start, command):
    running = start(FAIL=command)

    assert running.wait() == 1
    assert f"It went wrong on purpose.\n`manage.py {command}` ended with code 1.\n" in running.output
    assert not running.demo_file.exists()


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


def test_wanted_port_that_is_taken_is_a_sentence(start, taken_port):
    running = start(PORT=str(taken_port))

    assert running.wait() == 1
    assert f"Port {taken_port} is taken or not allowed; choose another one" in running.output


def test_usual_port_that_is_taken_gives_way(start):
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", 8000))
            listener.listen()
        except OSError:
            pass  # then somebody else has it, which serves as well

        running = start(PORT="").wait_until_ready()

        other = re.search(r"^Port 8000 is taken; using (\d+)\.$", running.output, re.MULTILINE)[1]
        assert read_shell_lines(running.demo_file)["MERCHANTRY_URL"] == f"http://127.0.0.1:{other}"


@pytest.mark.parametrize("port", ["no", "0", "65536", "-1"])
def test_port_that_is_none_is_a_sentence(root, port):
    done = subprocess.run(
        [sys.executable, "-m", "config.run", "--root", str(root)],
        env={"PATH": os.environ["PATH"], "PORT": port},
        capture_output=True,
        text=True,
        cwd="/",
        check=False,
    )

    assert (done.returncode, done.stdout) == (1, f"PORT is {port}; it has to be a number between 1 and 65535.\n")


def test_half_of_the_operators_database_is_a_sentence(start):
    running = start(DATABASE_URL="postgresql://somebody@/somewhere")

    assert running.wait() == 1
    assert "Set both DATABASE_URL (app role) and DATABASE_OWNER_URL (owner), or neither." in running.output


def test_servers_of_the_operator_are_used_and_none_is_started(tmp_path):
    postgres, valkey = PostgresServer(tmp_path, log=tmp_path / "log"), ValkeyServer(tmp_path, log=tmp_path / "log")
    root = write_stand_in(tmp_path / "project")
    postgres.start()
    valkey.start()
    try:
        running = Running(
            root,
            DATABASE_URL=postgres.app_url,
            DATABASE_OWNER_URL=postgres.owner_url,
            CELERY_BROKER_URL=valkey.broker_url(),
        ).wait_until_ready()
        environment = running.get("/environment")

        assert running.stop() == 0
        assert f"DATABASE_URL={postgres.app_url}\n" in environment
        assert f"CACHE_URL=unix://{valkey.socket}?db=0\n" in environment
        assert {path.name for path in (root / ".run").iterdir() if path.is_dir()} == set()
    finally:
        valkey.stop()
        postgres.stop()


@pytest.mark.stack
def test_real_project_comes_up_twice_with_the_same_log_ins(tmp_path):
    running = Running(ROOT, folder=tmp_path / "run").wait_until_ready()
    first = read_shell_lines(running.demo_file)
    page = running.get("/readyz")
    settings = running.folder / "manage.env"
    mode, told = stat.S_IMODE(settings.stat().st_mode), read_shell_lines(settings)
    checked = subprocess.run(
        [sys.executable, "manage.py", "check_ledger"], cwd=ROOT, env=told, capture_output=True, text=True, check=True
    )
    assert running.stop() == 0

    again = Running(ROOT, folder=tmp_path / "run", PORT=str(running.port)).wait_until_ready()
    second = read_shell_lines(again.demo_file)
    again.hurry()

    assert page == '{"status": "ready"}'
    assert first == second
    assert (mode, "DATABASE_OWNER_URL" in told, settings.exists()) == (0o600, False, False)
    assert "journals" in checked.stdout
    assert {name for name in first if name.endswith("_EMAIL")}


def test_keys_are_made_once_and_new_ones_added(tmp_path):
    path = tmp_path / "settings.env"
    path.write_text("SECRET_KEY=kept==\n")

    keys = generated_keys(path)

    assert keys["SECRET_KEY"] == "kept=="
    assert set(keys) == {"SECRET_KEY", "API_KEY_PEPPER", "VAULT_KEYS", "VAULT_INDEX_KEY"}
    assert generated_keys(path) == keys
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_two_installations_share_no_key(tmp_path):
    one, other = generated_keys(tmp_path / "one"), generated_keys(tmp_path / "other")

    assert not set(one.values()) & set(other.values())


@pytest.mark.parametrize(
    ("broker", "cache"),
    [
        ("redis://host:6379/0", "redis://host:6379/0"),
        ("rediss://host:6379/0", "rediss://host:6379/0"),
        ("redis+socket:///run/valkey.sock?virtual_host=3", "unix:///run/valkey.sock?db=3"),
    ],
)
def test_cache_lies_beside_a_redis_broker(broker, cache):
    assert cache_beside(broker) == cache


def test_cache_beside_another_broker_has_to_be_named():
    with pytest.raises(EmbeddedError, match="set CACHE_URL"):
        cache_beside("amqp://host")


def test_shell_lines_are_read_back_as_they_were(tmp_path):
    values = {"PLAIN": "word", "ODD": "a b'c\"$d\\", "EMPTY": ""}
    path = tmp_path / "lines"

    path.write_text(shell_lines(values))

    assert read_shell_lines(path) == values


def test_ready_block_names_each_log_in():
    credentials = {
        "MERCHANTRY_ADMIN_EMAIL": "admin@demo.example",
        "MERCHANTRY_ADMIN_PASSWORD": "secret",
        "MERCHANTRY_API_USERNAME": "US1",
        "MERCHANTRY_API_PASSWORD": "key",
        "MERCHANTRY_OTHER": "not a log-in",
    }

    block = ready_block("http://127.0.0.1:8000", credentials, seconds=1.25, file=Path("demo.env"))

    assert [re.split(r" {2,}", line.strip()) for line in block.splitlines()[3:-3]] == [
        ["Log-ins for the portal:"],
        ["admin", "admin@demo.example", "secret"],
        [""],
        ["Users of the API:"],
        ["api", "US1", "key"],
    ]


def test_this_system_is_not_refused(tmp_path):
    assert preflight.refusal(str(tmp_path)) == ""


@pytest.mark.parametrize(
    ("attribute", "value", "sentence"),
    [
        ("sys.version_info", (3, 10, 4), "Merchantry needs Python 3.11 or later; this is 3.10."),
        ("sys.platform", "win32", "Merchantry runs on Linux and macOS, not on win32; on Windows use WSL 2."),
        (
            "platform.machine",
            lambda: "riscv64",
            "There is no built-in PostgreSQL and Valkey for the processor riscv64.",
        ),
        ("platform.libc_ver", lambda: ("", ""), "The built-in PostgreSQL and Valkey need glibc; a Linux with musl"),
        ("platform.libc_ver", lambda: ("glibc", "2.17"), "need glibc 2.28 or later; this is 2.17."),
        ("importlib.util.find_spec", lambda _: None, "This Python comes without venv and pip; install them"),
        ("os.access", lambda *_: False, "is not writable."),
    ],
)
def test_system_that_cannot_run_it_hears_why(monkeypatch, tmp_path, attribute, value, sentence):
    monkeypatch.setattr(f"config.embedded.preflight.{attribute}", value)

    assert sentence in preflight.refusal(str(tmp_path))


def test_reset_takes_the_data_and_keeps_the_keys(tmp_path, capsys):
    for name in ("settings.env", "demo.env", "demo-credentials.env", "beat.dat"):
        (tmp_path / name).write_text(name)
    for name in ("pg18", "valkey"):
        (tmp_path / name).mkdir()

    assert reset(tmp_path) == 0

    assert sorted(path.name for path in tmp_path.iterdir()) == ["lock", "settings.env"]


def test_reset_refuses_while_it_runs(tmp_path, capsys):
    (tmp_path / "pg18").mkdir()
    lock = FolderLock(tmp_path)
    lock.acquire()

    assert reset(tmp_path) == 1

    lock.release()
    assert (tmp_path / "pg18").exists()
    assert "Stop it first." in capsys.readouterr().out
