import json
import logging
from typing import Any

import pytest
import structlog
from django.db import IntegrityError, connection

from config.logs import FIELDS, OnlyExceptions, logging_config

NEEDLE = "4111111111111111"


def written(form: str = "json", message: str = "something_happened", **extra: Any) -> str:
    """The line that a log call becomes."""
    options = dict(logging_config(level="INFO", form=form)["formatters"]["structured"])
    options.pop("()")
    exc_info = extra.pop("exc_info", None)
    record = logging.getLogger("tests").makeRecord("tests", logging.WARNING, "x", 1, message, (), exc_info, extra=extra)
    return structlog.stdlib.ProcessorFormatter(**options).format(record)


@pytest.mark.parametrize("form", ["json", "console"])
def test_only_declared_fields_are_written(form: str) -> None:
    line = written(form, job="j1", card=NEEDLE, body={"number": NEEDLE}, password=NEEDLE)

    assert "j1" in line
    assert NEEDLE not in line


@pytest.mark.parametrize("form", ["json", "console"])
def test_token_of_a_link_is_not_written(form: str) -> None:
    path = f"/dashboard/join/{NEEDLE}-x/review/"

    line = written(form, f"Internal Server Error: {path}", path=path)

    assert NEEDLE not in line
    assert line.count("review/") == 2


@pytest.mark.parametrize("form", ["json", "console"])
def test_key_of_a_new_password_is_not_written(form: str) -> None:
    path = f"/dashboard/account/password/reset/key/3-{NEEDLE}/"

    assert NEEDLE not in written(form, f"Internal Server Error: {path}", path=path)


def test_line_is_json_with_declared_fields() -> None:
    with structlog.contextvars.bound_contextvars(request_id="r1", secret=NEEDLE):
        line = json.loads(written(kind="a.b", attempt=3, status=503))

    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "event": "something_happened", "level": "warning", "logger": "tests", "request_id": "r1", "kind": "a.b",
        "attempt": 3, "status": 503,
    }  # fmt: skip
    assert line.keys() <= FIELDS


@pytest.mark.parametrize("form", ["json", "console"])
@pytest.mark.parametrize("end", ["\r\n", "\n", "\r", "\x1b[2J", "\x85", "\u2028", "\x00", "\x9b31m"])
def test_no_line_and_no_terminal_can_be_forged(form: str, end: str) -> None:
    line = written(form, message=f"a{end}b", path=f"/x{end}level=error event=forged")

    assert end not in line
    assert len(line.splitlines()) == 1


@pytest.mark.parametrize("value", [ValueError(NEEDLE), {"number": NEEDLE}, [NEEDLE], (NEEDLE,), NEEDLE.encode()])
def test_of_other_values_only_the_type_is_told(value: Any) -> None:
    assert json.loads(written(error=value))["error"] == type(value).__name__


@pytest.mark.parametrize("form", ["json", "console"])
def test_exception_is_named_and_placed_without_its_text(form: str) -> None:
    with pytest.raises(ValueError, match=NEEDLE) as caught:
        int(f"no number: {NEEDLE}")

    line = written(form, exc_info=caught._excinfo)

    assert "ValueError" in line
    assert "test_logs.py:" in line
    assert NEEDLE not in line


@pytest.mark.django_db
def test_database_error_leaves_its_detail_out() -> None:
    with pytest.raises(IntegrityError, match=NEEDLE) as caught, connection.cursor() as cursor:
        cursor.execute("INSERT INTO job (id, kind, key) VALUES (gen_random_uuid(), %s, %s)", ["a", NEEDLE])

    line = written(exc_info=caught._excinfo)

    assert json.loads(line)["error"] == "IntegrityError"
    assert NEEDLE not in line


def test_answers_given_on_purpose_are_not_told_twice() -> None:
    record = logging.getLogger("django.request").makeRecord("django.request", 40, "x", 1, "503: /x", (), None)

    assert OnlyExceptions().filter(record) is False
