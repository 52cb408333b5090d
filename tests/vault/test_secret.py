import copy
import json
import logging
import pickle
from dataclasses import asdict, dataclass
from typing import Any

import pytest
from rest_framework.utils.encoders import JSONEncoder

from vault.secret import Secret

NEEDLE = "078-05-1120"
SECRET = Secret(NEEDLE)


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        (str(SECRET), "•••"),
        (repr(SECRET), "Secret(•••)"),
        (f"{SECRET}", "•••"),
        (f"{SECRET!r:>20}", "         Secret(•••)"),
        (f"{SECRET:>50}", "•••"),
        ("%s %r" % (SECRET, SECRET), "••• Secret(•••)"),  # noqa: UP031 - loggers do it this way
        (str({"a": [SECRET]}), "{'a': [Secret(•••)]}"),
    ],
)
def test_secret_shows_as_dots(shown: str, expected: str) -> None:
    assert shown == expected


@pytest.mark.parametrize(
    "write",
    [
        pickle.dumps,
        lambda secret: pickle.dumps({"a": secret}, protocol=0),
        json.dumps,
        lambda secret: json.dumps({"a": secret}, cls=JSONEncoder),
        copy.copy,
        copy.deepcopy,
        lambda secret: asdict(Holder(secret)),
        vars,
        list,
        len,
    ],
)
def test_secret_is_not_written_anywhere(write: Any) -> None:
    with pytest.raises(TypeError) as refusal:
        write(SECRET)

    assert NEEDLE not in str(refusal.value)


@dataclass
class Holder:
    secret: Secret


def test_secret_stays_out_of_log_lines(caplog: pytest.LogCaptureFixture) -> None:
    logging.getLogger("test").warning("%s %r", SECRET, [SECRET], extra={"holder": Holder(SECRET)})

    assert caplog.messages == ["••• [Secret(•••)]"]
    assert NEEDLE not in caplog.text + str(vars(caplog.records[0]))


def test_secret_compares_with_secrets_only() -> None:
    assert Secret("a") == Secret("a")
    assert Secret("a") != Secret("b")
    assert Secret("a") != "a"
    assert hash(Secret("a")) == hash(Secret("a"))
    assert [bool(Secret("a")), bool(Secret(""))] == [True, False]
    assert SECRET.reveal() == NEEDLE
