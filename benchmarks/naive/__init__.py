"""A sale the way it is written first: a ModelViewSet over plain models. What the platform is compared with.

It is meant to be fair: connections are kept, passwords are hashed cheaply, and no list is ever counted.
"""

import base64
import sys
from collections.abc import Mapping

from benchmarks.load import NUMBER, Request
from benchmarks.shop import AMOUNT, FEE
from benchmarks.stack import Servers
from benchmarks.tools import ROOT
from config.embedded.folders import EmbeddedError
from config.embedded.postgres import OWNER
from config.embedded.processes import run_to_end

APPLICATION = "benchmarks.naive.wsgi:application"
DATABASE = "naive"


def set_up(servers: Servers) -> Mapping[str, str]:
    """A database on the same server; gives the environment to serve it with."""
    with servers.postgres.connect() as connection:
        connection.execute(f"CREATE DATABASE {DATABASE} OWNER {OWNER}")
    environment = dict(servers.environment) | {"NAIVE_DATABASE_URL": servers.postgres.url(OWNER, DATABASE)}
    done = run_to_end([sys.executable, "-m", "benchmarks.naive.wsgi"], environment=environment, folder=ROOT)
    if done.returncode != 0:
        raise EmbeddedError(done.stdout)
    return environment


def sale(path: str) -> Request:
    """POST to `/transfers`, the same work as ours, or to `/small`."""
    pair = base64.b64encode(b"shop:shop").decode()
    body = (
        f'{{"merchant": 1, "source": 1, "amount": {AMOUNT}, "fee": {FEE}, "currency": "USD", '
        f'"tags": {{"order_number": "{NUMBER}"}}}}'
    )
    head = (f"Authorization: Basic {pair}", "Content-Type: application/json", f"Idempotency-Key: order-{NUMBER}")
    return Request("POST", path, head, body)
