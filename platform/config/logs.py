"""Structured logs with declared fields. Ids, codes and durations only: bodies, parameters and driver texts stay out."""

import logging
import re
from typing import Any

import structlog

FIELDS = frozenset({
    "event", "level", "timestamp", "logger", "request_id", "status", "logref", "method", "path", "actor", "job", "kind",
    "attempt", "state", "error", "where",
})  # fmt: skip
"""What a line may hold. A field that is not declared here is dropped, so that a new one is a decision."""

# A link is a way in, and a path is told by Django's own loggers.
_TOKEN_IN_PATH = re.compile(r"(/join/|/reset/key/)[^/\s]+")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def keep_declared_fields(_logger: Any, _method: str, line: structlog.types.EventDict) -> structlog.types.EventDict:
    return {name: _plain(value) for name, value in line.items() if name in FIELDS}


def exception_without_text(_logger: Any, _method: str, line: structlog.types.EventDict) -> structlog.types.EventDict:
    """Name an exception and its place. Its text may hold a row's values (psycopg's DETAIL) or a request's."""
    info = line.pop("exc_info", None)
    if info is True:
        raise TypeError("exc_info must be resolved before this processor")
    error = info[1] if isinstance(info, tuple) else info
    if isinstance(error, BaseException):
        line["error"] = type(error).__name__
        frames = []
        trace = error.__traceback__
        while trace is not None:
            code = trace.tb_frame.f_code
            frames.append(f"{code.co_filename.rpartition('/')[2]}:{trace.tb_lineno} {code.co_name}")
            trace = trace.tb_next
        line["where"] = " < ".join(reversed(frames[-8:]))
    return line


def resolve_exc_info(_logger: Any, _method: str, line: structlog.types.EventDict) -> structlog.types.EventDict:
    record: logging.LogRecord | None = line.get("_record")
    if record is not None and record.exc_info:
        line["exc_info"] = record.exc_info
    return line


class OnlyExceptions(logging.Filter):
    """Django tells every 5xx answer; those that we give on purpose are told where they are given."""

    def filter(self, record: logging.LogRecord) -> bool:
        return bool(record.exc_info)


def _plain(value: Any) -> Any:
    """Text without line ends and other control characters, so that no line and no terminal can be forged.

    Of anything but text, numbers and truth only the type is told: an exception's text may hold what must stay out.
    """
    if isinstance(value, str):
        text = _TOKEN_IN_PATH.sub(r"\1•••", value)
        return _CONTROL.sub(lambda found: found[0].encode("unicode_escape").decode(), text)
    return value if value is None or isinstance(value, bool | int | float) else type(value).__name__


def logging_config(*, level: str, form: str) -> dict[str, Any]:
    """Django's LOGGING: every line, ours or a library's, goes through the same processors."""
    shared: list[structlog.types.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    renderer: structlog.types.Processor = (
        structlog.processors.JSONRenderer() if form == "json" else structlog.dev.ConsoleRenderer(colors=False)
    )
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "structured": {
                "()": structlog.stdlib.ProcessorFormatter,
                "processors": [
                    resolve_exc_info,
                    exception_without_text,
                    structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                    keep_declared_fields,
                    renderer,
                ],
                "foreign_pre_chain": [*shared, structlog.stdlib.ExtraAdder()],
            }
        },
        "filters": {"only_exceptions": {"()": OnlyExceptions}},
        "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "structured"}},
        "root": {"handlers": ["console"], "level": level},
        "loggers": {
            "django.server": {"handlers": ["console"], "propagate": False},
            "django.request": {"filters": ["only_exceptions"]},
            "django.security.DisallowedHost": {"handlers": [], "propagate": False},
        },
    }
