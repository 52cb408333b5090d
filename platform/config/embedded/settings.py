"""What the processes of a sandbox on one machine are told through their environment."""

import base64
import secrets
import shlex
from collections.abc import Mapping
from pathlib import Path

from config.embedded.folders import EmbeddedError, write_private

HOST = "127.0.0.1"


def generated_keys(path: Path) -> dict[str, str]:
    """The keys of this installation: made at the first start, then kept, or nothing sealed could be opened again."""
    kept = {}
    if path.exists():
        lines = (line.partition("=") for line in path.read_text().splitlines())
        kept = {name: value for name, separator, value in lines if separator}
    keys = {
        "SECRET_KEY": secrets.token_urlsafe(48),
        "API_KEY_PEPPER": secrets.token_urlsafe(48),
        "VAULT_KEYS": f"k1:{_random_key()}",
        "VAULT_INDEX_KEY": _random_key(),
    } | kept
    if keys != kept:
        write_private(path, "".join(f"{name}={value}\n" for name, value in keys.items()))
    return keys


def _random_key() -> str:
    return base64.b64encode(secrets.token_bytes(32)).decode()


def sandbox_settings(port: int) -> dict[str, str]:
    """What does not differ between two machines."""
    return {
        "ENVIRONMENT": "sandbox",
        "DEBUG": "false",
        "ALLOWED_HOSTS": f"{HOST},localhost",
        "PUBLIC_URL": f"http://{HOST}:{port}",
        "PORTAL_OVER_HTTP": "true",
        "REQUIRE_SECOND_FACTOR": "false",
        "LOG_FORMAT": "console",
        "PYTHONUNBUFFERED": "1",
    }


def without_owner(environment: Mapping[str, str]) -> dict[str, str]:
    """For web, worker and beat, which must not be able to act as the owner of the tables."""
    return {name: value for name, value in environment.items() if name != "DATABASE_OWNER_URL"}


def cache_beside(broker_url: str) -> str:
    """The cache for a broker that is a Redis or Valkey."""
    if broker_url.startswith(("redis://", "rediss://")):
        return broker_url
    if broker_url.startswith("redis+socket://"):
        return broker_url.replace("redis+socket://", "unix://").replace("virtual_host=", "db=")
    raise EmbeddedError("CELERY_BROKER_URL is set and is no Redis or Valkey: set CACHE_URL to one as well.")


def read_shell_lines(path: Path) -> dict[str, str]:
    """NAME=value lines as a shell would read them."""
    lines = (word.partition("=") for word in shlex.split(path.read_text(), comments=True))
    return {name.strip(): value for name, separator, value in lines if separator}


def shell_lines(values: Mapping[str, str]) -> str:
    """NAME=value lines that any shell reads back as they were."""
    return "".join(f"{name}={shlex.quote(value)}\n" for name, value in values.items())
