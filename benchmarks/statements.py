"""What one request asks the database, in its transactions, as a script for pgbench.

The statements are recorded, not retyped, so the comparison follows the code. What differs between two recorded requests
(ids, keys, moments) is made anew at each run of the script; everything else stays as it was recorded.
"""

import math
import re
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection, transaction
from psycopg import sql

from config.embedded.postgres import APP, DATABASE, PostgresServer
from config.embedded.processes import run_to_end

BEGIN, COMMIT = "BEGIN", "COMMIT"
_IDS_PER_RUN = 64


@dataclass(frozen=True)
class Statement:
    """A statement with `%s` or `%(name)s` in it, and its parameters."""

    text: str
    parameters: Any = ()

    @property
    def leaves(self) -> Iterator[Any]:
        yield from _leaves(self.parameters)


def record(act: Callable[[], object]) -> list[Statement]:
    """What an act asks through Django's connection, BEGIN and COMMIT included where it is in a transaction."""
    found: list[Statement] = []

    def note(execute: Any, text: str, parameters: Any, many: bool, context: Any) -> Any:  # noqa: FBT001 - Django's
        if connection.in_atomic_block and not _is_begun(found):
            found.append(Statement(BEGIN))
            transaction.on_commit(lambda: found.append(Statement(COMMIT)))
        found.append(Statement(str(text), parameters or ()))
        return execute(text, parameters, many, context)

    with connection.execute_wrapper(note):
        act()
    return found


def _is_begun(found: Sequence[Statement]) -> bool:
    borders = [statement.text for statement in found if statement.text in {BEGIN, COMMIT}]
    return borders[-1:] == [BEGIN]


def script(first: Sequence[Statement], second: Sequence[Statement]) -> str:
    """A script for pgbench from two recordings of the same act, with `n` as its counter (`-D n=0`)."""
    if [statement.text for statement in first] != [statement.text for statement in second]:
        raise RuntimeError("Two requests asked different statements.")
    renewed = _Renewed(first, second)
    lines = ["\\set n :n + 1", f"\\set run (:n * 1000 + :client_id) * {_IDS_PER_RUN}"]
    lines += [" ".join(renewed.rendered(statement).split()).rstrip(";") + ";" for statement in second]
    return "\n".join(lines) + "\n"


def _leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list | tuple):
        for part in value:
            yield from _leaves(part)
    else:
        yield value


class _Renewed:
    """How the values of the second recording are written so that each run has its own where the two differed."""

    def __init__(self, first: Sequence[Statement], second: Sequence[Statement]) -> None:
        before = [leaf for statement in first for leaf in statement.leaves]
        after = [leaf for statement in second for leaf in statement.leaves]
        if len(before) != len(after):
            raise RuntimeError("Two requests told different numbers of parameters.")
        self._new: dict[Any, str] = {}
        self._began = min((leaf for leaf in after if isinstance(leaf, datetime)), default=None)
        for old, new in zip(before, after, strict=True):
            if old != new and isinstance(new, uuid.UUID | str):
                self._new.setdefault(new, self._expression(new, len(self._new)))

    def _expression(self, value: uuid.UUID | str, position: int) -> str:
        """Ids ascend from run to run, as those of the platform do; a text keeps its length."""
        if isinstance(value, uuid.UUID):
            return f"lpad(to_hex(:run::bigint + {position}), 32, '0')::uuid"
        return f"rpad('{position}-' || :run::bigint, {len(value)}, '.')"

    def rendered(self, statement: Statement) -> str:
        parameters: Any = statement.parameters
        if isinstance(parameters, dict):
            return statement.text % {name: self.literal(value) for name, value in parameters.items()}
        return statement.text % tuple(map(self.literal, parameters)) if parameters else statement.text

    def literal(self, value: Any) -> str:
        if isinstance(value, list | tuple):
            return f"ARRAY[{', '.join(map(self.literal, value))}]" if value else "'{}'"
        if isinstance(value, uuid.UUID | str) and value in self._new:
            return self._new[value]
        if isinstance(value, datetime) and self._began is not None:
            return f"now() + interval '{(value - self._began).total_seconds():.6f} s'"
        return _constant(value)


def _constant(value: Any) -> str:
    """A literal without a colon inside of it, after which pgbench would look for a variable."""
    text = sql.Literal(value).as_string(connection.connection)
    quoted, quote, kind = text.rpartition("'")
    if ":" not in quoted:
        return text
    return f"E{quoted.removeprefix(' ').removeprefix('E')}".replace(":", "\\x3a") + quote + kind


def pgbench(server: PostgresServer, text: str, *, clients: int, seconds: float, first: int) -> float:
    """Transactions per second of a script, prepared, as the app role. `first` is where its counter begins."""
    file = server.data.parent / "statements.sql"
    file.write_text(text)
    command = [
        *(str(server.binaries.folder / "pgbench"), "--no-vacuum", "--protocol=prepared", f"--file={file}"),
        *(f"--client={clients}", f"--jobs={min(clients, 2)}", f"--time={math.ceil(seconds)}", f"--define=n={first}"),
        *("--host", str(server.socket_folder), "--username", APP, DATABASE),
    ]
    done = run_to_end(command)
    rate = re.search(r"^tps = ([0-9.]+)", done.stdout, re.MULTILINE)
    if done.returncode != 0 or rate is None or "number of failed transactions: 0 " not in done.stdout:
        raise RuntimeError(f"pgbench did not run to its end.\n{done.stdout[-2000:]}")
    return float(rate[1])
