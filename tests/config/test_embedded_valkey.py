import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import kombu
import pytest
import redis

from config.embedded import valkey
from config.embedded.folders import EmbeddedError
from config.embedded.processes import processes_in, wait_until
from config.embedded.valkey import ValkeyServer, find_valkey


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ValkeyServer]:
    server = ValkeyServer(tmp_path, log=tmp_path / "valkey.log")
    server.start()
    yield server
    server.stop()


def send(server: ValkeyServer, text: str) -> None:
    with kombu.Connection(server.broker_url()) as connection, connection.SimpleQueue("letters") as queue:
        queue.put(text)


def receive(server: ValkeyServer) -> str:
    with kombu.Connection(server.broker_url()) as connection, connection.SimpleQueue("letters") as queue:
        message = queue.get(timeout=5)
        message.ack()
        return str(message.payload)


def setting(server: ValkeyServer, name: str) -> str:
    with redis.Redis.from_url(server.cache_url(), decode_responses=True) as client:
        return str(client.config_get(name)[name])


def test_broker_and_cache_are_different_databases(server):
    send(server, "a letter")

    with redis.Redis.from_url(server.cache_url()) as cache, redis.Redis.from_url(server.cache_url(0)) as broker:
        assert cache.keys("letters") == []
        assert broker.keys("letters") == [b"letters"]
    assert receive(server) == "a letter"


def test_only_its_user_reaches_it(server):
    assert setting(server, "port") == "0"
    assert stat.S_IMODE(server.socket.stat().st_mode) == 0o700
    assert stat.S_IMODE(server.socket.parent.stat().st_mode) == 0o700
    assert stat.S_IMODE(server.data.stat().st_mode) == 0o700


def test_it_refuses_rather_than_forgets(server):
    assert setting(server, "maxmemory-policy") == "noeviction"


def test_second_start_keeps_messages(server):
    send(server, "a letter")

    server.stop()
    server.start()

    assert receive(server) == "a letter"


def test_messages_survive_kill(server):
    send(server, "a letter")

    os.kill(server.child.pid, signal.SIGKILL)
    assert server.child.wait(5)
    server.stop()
    server.start()

    assert receive(server) == "a letter"


def test_left_over_server_is_stopped_first(server, tmp_path):
    send(server, "a letter")
    second = ValkeyServer(tmp_path, log=tmp_path / "second.log")

    second.start()

    try:
        assert server.child.exit_code == 0
        assert receive(second) == "a letter"
    finally:
        second.stop()


def test_stop_leaves_no_process_and_no_socket(server):
    folder = server.socket.parent

    server.stop()

    assert processes_in(server.data) == []
    assert not folder.exists()


@pytest.mark.skipif(sys.platform != "linux", reason="other kernels send no signal at the parent's death")
def test_nothing_is_left_when_the_starter_is_killed(tmp_path):
    script = (
        "import os, pathlib, signal, sys; from config.embedded.valkey import ValkeyServer;"
        "server = ValkeyServer(pathlib.Path(sys.argv[1]), log=pathlib.Path(sys.argv[1]) / 'log'); server.start();"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )

    done = subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=False)

    assert done.returncode == -signal.SIGKILL
    server = ValkeyServer(tmp_path)
    assert wait_until(lambda: not processes_in(server.data), 5)
    assert server.socket.parent.is_dir()
    server.remove_socket_folder()


def test_server_that_ends_while_it_starts_says_why(tmp_path):
    server = ValkeyServer(tmp_path, databases=-1, log=tmp_path / "log")

    with pytest.raises(EmbeddedError, match=r"ended while it started\.\n(?s:.*)databases"):
        server.start()

    assert server.child is None


def test_no_program_is_a_sentence(monkeypatch):
    monkeypatch.setattr(valkey.importlib.util, "find_spec", lambda _: None)
    monkeypatch.setattr(valkey.shutil, "which", lambda _: None)

    with pytest.raises(EmbeddedError, match="No Valkey that runs here was found"):
        find_valkey.__wrapped__()
