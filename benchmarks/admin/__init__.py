"""Django's admin over our tables: what the portal's lists are held against.

It is meant to be fair: it has Django's own middleware and none of ours, and reads as the owner, whom no policy binds.
"""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from subprocess import PIPE, Popen

from benchmarks.stack import Servers
from benchmarks.tools import ROOT, with_path

READY = "ready"


@contextmanager
def served(servers: Servers) -> Iterator[Callable[[str], float]]:
    """A process that answers a path of the admin, and tells how many milliseconds that took it."""
    environment = dict(servers.environment) | {
        "DATABASE_URL": servers.postgres.owner_url,
        "DJANGO_SETTINGS_MODULE": "benchmarks.admin.settings",
    }
    child = Popen(
        [sys.executable, "-m", "benchmarks.admin.answering"],
        cwd=ROOT,
        env=with_path(environment, ROOT, ROOT / "platform"),
        stdin=PIPE,
        stdout=PIPE,
        text=True,
        bufsize=1,
    )
    if child.stdin is None or child.stdout is None:
        raise RuntimeError("The admin cannot be spoken to")
    told, said = child.stdin, child.stdout
    try:
        if said.readline().strip() != READY:
            raise RuntimeError("The admin does not start")

        def ask(path: str) -> float:
            told.write(f"{path}\n")
            took = said.readline()
            if not took:
                raise RuntimeError(f"The admin does not answer {path}")
            return float(took)

        yield ask
    finally:
        told.close()
        child.wait()
