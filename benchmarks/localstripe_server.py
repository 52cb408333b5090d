"""localstripe on a port, with a card and so many charges: `localstripe_server PORT CHARGES FOLDER`.

Two things differ from its own start, both in its favour: no access log, and the charges it begins with are not written
to disk one by one.
"""

import sys
from pathlib import Path
from typing import Any

# Installed apart from the project (benchmarks.tools).
from aiohttp import web  # type: ignore[import-not-found]
from localstripe import resources  # type: ignore[import-not-found]
from localstripe.server import app  # type: ignore[import-not-found]

CARD = {"number": "4242424242424242", "exp_month": 12, "exp_year": 2040, "cvc": "123"}


def main() -> None:
    port, charges, folder = int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3])
    # It names a file in /tmp, which all runs on a machine would share.
    resources.open = lambda _path, mode: (folder / "localstripe.pickle").open(mode)
    source = resources.PaymentMethod._api_create(type="card", card=CARD)  # noqa: SLF001 - as its routes do
    (folder / "source.txt").write_text(source.id)
    dump, resources.Store.dump_to_disk = resources.Store.dump_to_disk, _keep_in_memory
    for _ in range(charges):
        resources.Charge._api_create(amount=1000, currency="usd", source=source.id)  # noqa: SLF001
    resources.Store.dump_to_disk = dump
    web.run_app(app, host="127.0.0.1", port=port, access_log=None, print=None)


def _keep_in_memory(_store: Any) -> None:
    """Instead of writing all of it."""


if __name__ == "__main__":
    main()
