import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psycopg
import pytest

from config.embedded import postgres, processes
from config.embedded.folders import EmbeddedError, FolderLock, make_private, socket_folder
from config.embedded.postgres import APP, DATABASE, OWNER, Binaries, PostgresServer, find_binaries
from config.embedded.processes import processes_in, unprivileged, wait_until


@pytest.fixture(scope="module")
def data_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One data folder for all tests that leave it in order: the first start is the slow one."""
    return tmp_path_factory.mktemp("postgres")


@pytest.fixture
def server(data_root: Path) -> Iterator[PostgresServer]:
    server = PostgresServer(data_root, log=data_root / "postgres.log")
    server.start()
    yield server
    server.stop()


def add_row(server: PostgresServer) -> None:
    with server.connect(OWNER, DATABASE) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS kept (number integer)")
        connection.execute("INSERT INTO kept VALUES (1)")


def count_rows(server: PostgresServer) -> int:
    with server.connect(OWNER, DATABASE) as connection:
        return connection.execute("SELECT count(*) FROM kept").fetchone()[0]


def restart(server: PostgresServer) -> None:
    server.stop()
    server.start()


def test_roles_are_an_owner_that_is_no_superuser_and_an_app_that_owns_nothing(server):
    with server.connect() as connection:
        rows = connection.execute(
            "SELECT rolname, rolcanlogin, rolcreatedb, rolcreaterole, rolsuper, rolbypassrls FROM pg_roles"
            " WHERE rolname LIKE 'merchantry%' ORDER BY rolname"
        ).fetchall()
        owner = connection.execute(
            "SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = %s", [DATABASE]
        ).fetchone()

    assert rows == [(APP, True, False, False, False, False), (OWNER, True, True, False, False, False)]
    assert owner == (OWNER,)


def test_owner_may_create_the_extensions_we_use(server):
    with server.connect(OWNER, DATABASE) as connection:
        for extension in ("pg_trgm", "btree_gist", "citext"):
            connection.execute(f"CREATE EXTENSION IF NOT EXISTS {extension}")


def test_app_may_not_create_tables(server):
    with server.connect(APP, DATABASE) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute("CREATE TABLE mine ()")


def test_urls_name_role_and_database(server):
    for url, role in ((server.app_url, APP), (server.owner_url, OWNER)):
        with psycopg.connect(url) as connection:
            assert connection.execute("SELECT current_user, current_database()").fetchone() == (role, DATABASE)


def test_only_its_user_reaches_it(server):
    with server.connect() as connection:
        assert connection.execute("SHOW listen_addresses").fetchone() == ("",)
    for folder in (server.data, server.socket_folder):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert folder.stat().st_uid == unprivileged().owner


def test_commits_wait_for_the_disk(server):
    with server.connect(APP, DATABASE) as connection:
        assert connection.execute("SHOW synchronous_commit").fetchone() == ("on",)
        assert connection.execute("SHOW fsync").fetchone() == ("on",)


def test_second_start_keeps_the_data(server):
    add_row(server)
    before = count_rows(server)

    restart(server)

    assert count_rows(server) == before


def test_data_survives_kill_of_the_server(server):
    add_row(server)
    before = count_rows(server)

    os.kill(server.child.pid, signal.SIGKILL)
    assert server.child.wait(5)
    restart(server)

    assert count_rows(server) == before


def test_stop_leaves_no_process_and_no_socket(server):
    folder = server.socket_folder

    server.stop()

    assert processes_in(server.data) == []
    assert not folder.exists()


def test_stop_does_not_wait_for_clients(server):
    with server.connect():
        server.stop()

    assert processes_in(server.data) == []


@pytest.mark.skipif(sys.platform != "linux", reason="other kernels send no signal at the parent's death")
def test_nothing_is_left_when_the_starter_is_killed(data_root):
    script = (
        "import os, pathlib, signal, sys; from config.embedded.postgres import PostgresServer;"
        "server = PostgresServer(pathlib.Path(sys.argv[1]), log=pathlib.Path(sys.argv[1]) / 'log'); server.start();"
        "connection = server.connect(); os.kill(os.getpid(), signal.SIGKILL)"
    )

    done = subprocess.run([sys.executable, "-c", script, str(data_root)], check=False)

    assert done.returncode == -signal.SIGKILL
    server = PostgresServer(data_root)
    assert wait_until(lambda: not processes_in(server.data), 5)
    assert server.socket_folder.is_dir()
    server.remove_socket_folder()


def test_left_over_server_is_stopped_first(server, data_root):
    add_row(server)
    before = count_rows(server)
    second = PostgresServer(data_root, log=data_root / "second.log")

    second.start()

    try:
        assert server.child.exit_code == 0
        assert count_rows(second) == before
    finally:
        second.stop()


def test_process_id_of_a_stranger_in_the_pid_file_is_no_obstacle(server):
    server.stop()

    with subprocess.Popen(["sleep", "60"]) as stranger:
        (server.data / "postmaster.pid").write_text(f"{stranger.pid}\n{server.data}\n0\n5432\n")
        server.start()
        stranger_lives = stranger.poll() is None
        stranger.kill()

    assert stranger_lives
    assert server.child.exit_code is None


def test_variables_of_the_operators_clients_do_not_matter(server, monkeypatch):
    for name, value in {"PGPORT": "1", "PGDATA": "/nonexistent", "PGHOST": "nowhere", "PGUSER": "nobody"}.items():
        monkeypatch.setenv(name, value)

    restart(server)

    assert server.child.exit_code is None


def test_data_of_another_version_is_refused_and_left_alone(tmp_path):
    server = PostgresServer(tmp_path)
    make_private(server.data)
    (server.data / "PG_VERSION").write_text("14\n")

    with pytest.raises(EmbeddedError, match=r"holds data of PostgreSQL 14, and the server here is PostgreSQL \d+\."):
        server.start()

    assert [path.name for path in server.data.iterdir()] == ["PG_VERSION"]
    server.remove_socket_folder()


def test_set_up_that_was_cut_short_begins_afresh(tmp_path):
    server = PostgresServer(tmp_path, log=tmp_path / "log")
    for folder in (server.data, server.data.with_name(f"{server.data.name}.part")):
        make_private(folder / "base")
        (folder / "half").write_text("")
    (folder / "PG_VERSION").write_text(f"{server.binaries.version}\n")

    server.start()

    server.stop()
    assert not (server.data / "half").exists()
    assert not folder.exists()


def test_server_that_ends_while_it_starts_says_why(data_root):
    server = PostgresServer(data_root, options=["shared_buffers=many"], log=data_root / "refused.log")

    with pytest.raises(EmbeddedError, match="ended while it started"):
        server.start()

    assert 'invalid value for parameter "shared_buffers"' in (data_root / "refused.log").read_text()
    assert server.child is None


def test_first_installation_that_runs_is_taken(tmp_path, monkeypatch):
    broken, working = tmp_path / "16" / "bin", tmp_path / "15" / "bin"
    for folder, script in ((broken, "exit 1"), (working, 'echo "postgres (PostgreSQL) 15.3 (Debian)"')):
        folder.mkdir(parents=True)
        (folder / "postgres").write_text(f"#!/bin/sh\n{script}\n")
        (folder / "postgres").chmod(0o700)
    monkeypatch.setattr(postgres, "PACKAGES", [("no_such_package", "pginstall")])
    monkeypatch.setattr(postgres, "SYSTEM", tmp_path)

    assert find_binaries.__wrapped__() == Binaries(working, 15)


def test_no_installation_is_a_sentence(tmp_path, monkeypatch):
    monkeypatch.setattr(postgres, "PACKAGES", [])
    monkeypatch.setattr(postgres, "SYSTEM", tmp_path)

    with pytest.raises(EmbeddedError, match="No PostgreSQL that runs here was found"):
        find_binaries.__wrapped__()


@pytest.mark.skipif(not any(postgres.SYSTEM.glob("*/bin/postgres")), reason="no PostgreSQL in the system's packages")
def test_server_of_the_system_is_run_the_same_way(tmp_path, monkeypatch):
    monkeypatch.setattr(postgres, "PACKAGES", [])
    monkeypatch.setattr(postgres, "find_binaries", find_binaries.__wrapped__)
    server = PostgresServer(tmp_path, log=tmp_path / "log")

    server.start()

    try:
        add_row(server)
        assert count_rows(server) == 1
    finally:
        server.stop()


@pytest.fixture
def no_user_namespaces(monkeypatch):
    if os.getuid() != 0 or shutil.which("setpriv") is None:
        pytest.skip("only root needs setpriv")
    find = shutil.which
    monkeypatch.setattr(processes.shutil, "which", lambda name: None if name == "unshare" else find(name))
    unprivileged.cache_clear()
    yield
    unprivileged.cache_clear()


def owners_of(pids: list[int]) -> set[int]:
    """Of those that are still there: PostgreSQL's workers come and go."""
    owners = set()
    for pid in pids:
        with suppress(FileNotFoundError):
            owners.add(Path(f"/proc/{pid}").stat().st_uid)
    return owners


def test_root_without_user_namespaces_becomes_nobody(no_user_namespaces):
    with tempfile.TemporaryDirectory() as folder:
        data_root = Path(folder)
        data_root.chmod(0o711)
        server = PostgresServer(data_root, log=data_root / "log")
        way = unprivileged().prefix
        if subprocess.run([*way, "test", "-x", str(server.binaries.folder / "postgres")], check=False).returncode:
            pytest.skip("the environment lies where nobody may go")

        server.start()

        assert owners_of(processes_in(server.data)) == {processes.NOBODY}
        add_row(server)
        restart(server)
        assert count_rows(server) == 1
        server.stop()
        unprivileged.cache_clear()


def test_root_without_user_namespaces_in_a_private_folder_is_a_sentence(no_user_namespaces, tmp_path):
    tmp_path.chmod(0o700)
    server = PostgresServer(tmp_path / "deep" / "data")

    with pytest.raises(EmbeddedError, match="as the user nobody it cannot enter"):
        server.start()

    server.remove_socket_folder()


@pytest.mark.skipif(os.getuid() != 0, reason="only root needs another way")
def test_root_with_neither_way_is_a_sentence(monkeypatch):
    monkeypatch.setattr(processes.shutil, "which", lambda _: None)

    with pytest.raises(EmbeddedError, match="PostgreSQL refuses to run as root, and neither unshare nor setpriv"):
        unprivileged.__wrapped__()


def test_folder_has_one_user_at_a_time(tmp_path):
    first, second = FolderLock(tmp_path), FolderLock(tmp_path)

    assert first.acquire()
    assert not second.acquire()
    assert second.holder() == str(os.getpid())
    first.release()
    assert second.acquire()
    second.release()


def test_socket_folder_of_somebody_else_is_refused(tmp_path):
    folder = socket_folder(tmp_path / "data", owner=os.getuid())
    folder.rmdir()
    folder.symlink_to(tmp_path)

    try:
        with pytest.raises(EmbeddedError, match="belongs to somebody else"):
            socket_folder(tmp_path / "data", owner=os.getuid())
    finally:
        folder.unlink()


def test_folder_that_cannot_be_made_is_a_sentence(tmp_path):
    (tmp_path / "file").write_text("")

    with pytest.raises(EmbeddedError, match="cannot be made"):
        make_private(tmp_path / "file" / "folder")
