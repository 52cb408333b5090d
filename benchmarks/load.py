"""Requests over connections that stay open, as many at a time as there are clients, and what came back.

It works on bare sockets, in a process of its own: a client in comfort would take half of two cores for itself.
"""

import itertools
import json
import selectors
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from statistics import quantiles

from config.embedded.settings import HOST

NUMBER = "{number}"
"""Stands for a number that no other request has, of nine digits, so that lengths stay."""


@dataclass(frozen=True)
class Request:
    """What is sent again and again. `head` are the header lines, without Host and Content-Length."""

    method: str
    path: str
    head: Sequence[str] = ()
    body: str = ""

    def maker(self, port: int, first: int) -> Callable[[], bytes]:
        """Makes the next one; `first` is where the numbers begin."""
        length = len(self.body.replace(NUMBER, "0" * 9).encode())
        lines = [f"{self.method} {self.path} HTTP/1.1", f"Host: {HOST}:{port}", *self.head, f"Content-Length: {length}"]
        parts = ("\r\n".join(lines) + "\r\n\r\n" + self.body).encode().split(NUMBER.encode())
        numbers = itertools.count(first)
        return lambda: (b"%09d" % next(numbers)).join(parts)


@dataclass(frozen=True)
class Measured:
    """What one round found. Latencies are seconds; `busy` is what the client itself took of one core."""

    seconds: float
    latencies: list[float]
    statuses: dict[str, int]
    busy: float

    @property
    def rate(self) -> float:
        """Answers per second."""
        return len(self.latencies) / self.seconds

    def quantile(self, percent: int) -> float:
        """In milliseconds."""
        return quantiles(self.latencies, n=100)[percent - 1] * 1000


def measure(
    request: Request, port: int, *, clients: int, status: int, seconds: float = 3600, count: int = 10**9, first: int = 0
) -> Measured:
    """Send for so many seconds, or so many requests, whichever ends first.

    Raises RuntimeError where anything but `status` is answered: a refusal is quick, and would pass for speed.
    """
    told = json.dumps([vars(request), port, clients, seconds, count, first])
    command = [sys.executable, "-m", "benchmarks.load"]
    done = subprocess.run(command, input=told, text=True, stdout=subprocess.PIPE, check=True)
    measured = Measured(*json.loads(done.stdout))
    if set(measured.statuses) != {str(status)}:
        raise RuntimeError(f"{status} was expected of {request.method} {request.path}, and {measured.statuses} came.")
    return measured


@dataclass
class _Connection:
    wire: socket.socket
    sent_at: float = 0.0
    answer: bytes = b""


@dataclass
class _Round:
    port: int
    make: Callable[[], bytes]
    left: int
    end: float
    latencies: list[float] = field(default_factory=list)
    statuses: Counter[str] = field(default_factory=Counter)

    def run(self, clients: int) -> None:
        with selectors.DefaultSelector() as open_connections:
            for _ in range(clients):
                self._begin(open_connections)
            while open_connections.get_map():
                for key, _ in open_connections.select():
                    self._read(key.data, open_connections)

    def _begin(self, open_connections: selectors.BaseSelector) -> None:
        wire = socket.create_connection((HOST, self.port))
        wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection = _Connection(wire)
        open_connections.register(wire, selectors.EVENT_READ, connection)
        self._send(connection, open_connections)

    def _send(self, connection: _Connection, open_connections: selectors.BaseSelector) -> None:
        if self.left <= 0 or time.perf_counter() >= self.end:
            open_connections.unregister(connection.wire)
            connection.wire.close()
            return
        self.left -= 1
        connection.answer = b""
        connection.sent_at = time.perf_counter()
        connection.wire.sendall(self.make())

    def _read(self, connection: _Connection, open_connections: selectors.BaseSelector) -> None:
        data = connection.wire.recv(65536)
        connection.answer += data
        head, found, body = connection.answer.partition(b"\r\n\r\n")
        lower = head.lower()
        if data and (not found or len(body) < _length(lower)):
            return
        self.latencies.append(time.perf_counter() - connection.sent_at)
        self.statuses[head[9:12].decode() if found else "none"] += 1
        if not data or b"\r\nconnection: close" in lower:
            open_connections.unregister(connection.wire)
            connection.wire.close()
            self._begin(open_connections)
        else:
            self._send(connection, open_connections)


def _length(head: bytes) -> int:
    _, found, rest = head.partition(b"\r\ncontent-length:")
    if not found:
        raise RuntimeError("An answer does not tell its length.")
    return int(rest.partition(b"\r\n")[0])


def main() -> None:
    request, port, clients, seconds, count, first = json.load(sys.stdin)
    start, cpu = time.perf_counter(), time.process_time()
    round_ = _Round(port, Request(**request).maker(port, first), left=count, end=start + seconds)
    round_.run(clients)
    took = time.perf_counter() - start
    busy = (time.process_time() - cpu) / took
    json.dump([took, round_.latencies, round_.statuses, busy], sys.stdout)


if __name__ == "__main__":
    main()
