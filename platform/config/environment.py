"""Every setting of an installation, in one table, read from the environment.

A variable that is missing or malformed stops the start with its name. `docs/settings.md` is made from this table.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, urlsplit

import environ
from django.core.exceptions import ImproperlyConfigured

from vault.keys import KeyRing, parse_key

_REQUIRED = object()
_SOCKETS = frozenset({"unix", "redis+socket"})
_UNREADABLE = "host or port cannot be read"  # Python's own words would quote what may be a piece of a password


def _flag(text: str) -> bool:
    known = {"true": True, "false": False}
    if text.strip().lower() not in known:
        raise ValueError("write true or false")
    return known[text.strip().lower()]


def _names(text: str) -> list[str]:
    names = [name.strip() for name in text.split(",") if name.strip()]
    if not names:
        raise ValueError("at least one name is needed")
    return names


def _long_text(text: str) -> str:
    if len(text.strip()) < 50:
        raise ValueError("at least 50 random characters are needed")
    return text


def _number(*, least: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        if int(text) < least:
            raise ValueError(f"{least} or more is needed")
        return int(text)

    return read


def _choice(*allowed: str) -> Callable[[str], str]:
    def read(text: str) -> str:
        if text not in allowed:
            raise ValueError(f"one of {', '.join(allowed)} is needed")
        return text

    return read


def _split(text: str) -> SplitResult:
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        raise ValueError(_UNREADABLE) from None
    return parts


def _server(*schemes: str) -> Callable[[str], str]:
    """`<scheme>://<host>`, or `<scheme>:///<path>` for a socket."""

    def read(text: str) -> str:
        parts = _split(text)
        if parts.scheme not in schemes:
            raise ValueError(f"an address with {', '.join(f'{scheme}://' for scheme in schemes)} is needed")
        if not (parts.path if parts.scheme in _SOCKETS else parts.hostname):
            raise ValueError("the host, or the path of the socket, is missing")
        return text

    return read


def _public_address(text: str) -> str:
    parts = _split(text)
    if parts.scheme not in {"http", "https"} or not parts.hostname or text != f"{parts.scheme}://{parts.netloc}":
        raise ValueError("http(s)://host[:port] with nothing behind it is needed")
    return text


def _postgresql(text: str) -> dict[str, Any]:
    if not text.startswith(("postgresql://", "postgres://")):
        raise ValueError("a postgresql:// address is needed")
    try:
        config = dict(environ.Env.db_url_config(text))
    except ValueError:
        raise ValueError(_UNREADABLE) from None
    if not config["NAME"]:
        raise ValueError("the name of the database is missing")
    return config


def _mail(text: str) -> dict[str, Any]:
    return dict(environ.Env.email_url_config(_server("smtp", "smtp+tls", "smtp+ssl")(text)))


@dataclass(frozen=True)
class Variable:
    name: str
    read: Callable[[str], Any]
    meaning: str
    default: object = _REQUIRED

    @property
    def is_required(self) -> bool:
        return self.default is _REQUIRED


TABLE = [
    Variable("ENVIRONMENT", _choice("sandbox", "live"), "What this installation is; shown on every page. A live one refuses test processors."),
    Variable("SECRET_KEY", _long_text, "Signs sessions and forms; 50 random characters or more."),
    Variable("API_KEY_PEPPER", _long_text, "Keys the hashes of API secrets; 50 random characters or more. Changing it ends every API key."),
    Variable("VAULT_KEYS", KeyRing.parse, "`<id>:<base64 of 32 bytes>`, several with commas; the first one seals, all of them open."),
    Variable("VAULT_INDEX_KEY", parse_key, "Base64 of 32 bytes; keys the fingerprints of cards and bank accounts, and of requests with an idempotency key. Never changed: it would part equal cards."),
    Variable("CRASH_POINT", str, "For fault tests in a sandbox: where a process kills itself. Never set it.", None),
    Variable("DATABASE_URL", _postgresql, "PostgreSQL as the app role, which owns nothing: web and workers."),
    Variable("DATABASE_OWNER_URL", _postgresql, "PostgreSQL as the owner: only for `manage.py migrate`; not for web and workers.", None),
    Variable("CELERY_BROKER_URL", _server("amqp", "amqps", "redis", "rediss", "redis+socket"), "RabbitMQ, Redis or Valkey. It only carries wake-ups; the work itself is in the database."),
    Variable("CACHE_URL", _server("redis", "rediss", "unix"), "Redis or Valkey for limits on guessing; `unix://<path>?db=1` for a socket."),
    Variable("ALLOWED_HOSTS", _names, "Host names that are answered, exactly, with commas."),
    Variable("PUBLIC_URL", _public_address, "The address under which this installation is known; for links made outside a request."),
    Variable("DEBUG", _flag, "Django's debug pages. Never on a reachable host; a live installation refuses it.", default=False),
    Variable("PORTAL_OVER_HTTP", _flag, "Allows the portal over plain http, for loopback only.", default=False),
    Variable("REQUIRE_SECOND_FACTOR", _flag, "Everybody who signs in to the portal needs an authenticator app as well. Off, every page says so.", default=True),
    Variable("TRUSTED_PROXY_COUNT", _number(least=0), "How many of our own proxies append to X-Forwarded-For and set X-Forwarded-Proto.", 0),
    Variable("EMAIL_URL", _mail, "Where mail is sent, e.g. smtp+tls://user:password@host:587. Unset: to the log, which a live installation refuses.", None),
    Variable("MAIL_FROM", str, "Sender of our mails.", "Merchantry <no-reply@localhost>"),
    Variable("DATABASE_STATEMENT_TIMEOUT", _number(least=1), "Seconds a statement may take; workers want more than web: 60.", 5),
    Variable("API_REQUESTS_PER_SECOND", _number(least=0), "Reads, and again writes, that one API user may make in a second; 0 is no limit.", 100),
    Variable("EXPORT_AT_ONCE_ROWS", _number(least=0), "Rows up to which an export is sent at once; a longer one is written in the background.", 10_000),
    Variable("SWEEP_SECONDS", _number(least=1), "How often beat looks for due work that no message told a worker about.", 15),
    Variable("STATIC_ROOT", Path, "Folder that `manage.py collectstatic` fills and web serves from. Unset: served from the checkout.", None),
    Variable("LOG_FORMAT", _choice("json", "console"), "How log lines are written.", "json"),
    Variable("LOG_LEVEL", _choice("DEBUG", "INFO", "WARNING", "ERROR"), "From which level on lines are written.", "INFO"),
]  # fmt: skip

_BY_NAME = {variable.name: variable for variable in TABLE}


def read(name: str) -> Any:
    """The value of a variable of the table. Raises ImproperlyConfigured with the variable's name."""
    variable = _BY_NAME[name]
    text = os.environ.get(name, "")
    if not text:
        if variable.is_required:
            raise ImproperlyConfigured(f"{name} is not set. {variable.meaning}")
        return variable.default
    try:
        return variable.read(text)
    except ValueError as error:
        raise ImproperlyConfigured(f"{name} is malformed: {error}. {variable.meaning}") from error


def as_markdown() -> str:
    """The table for docs/settings.md."""
    rows = [
        f"| `{variable.name}` | {variable.meaning} | {'required' if variable.is_required else _shown(variable.default)} |"
        for variable in TABLE
    ]
    return "\n".join(["| variable | meaning | default |", "|---|---|---|", *rows]) + "\n"


def _shown(default: object) -> str:
    if default is None:
        return "unset"
    return f"`{str(default).lower() if isinstance(default, bool) else default}`"
