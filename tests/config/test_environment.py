import pytest
from django.core.exceptions import ImproperlyConfigured

from config import environment
from config.environment import TABLE, as_markdown, read
from tests.plugin import ROOT


def test_docs_hold_the_table() -> None:
    """After a change: `python -m tests.environment python -c "..."`, as the page says."""
    page = (ROOT / "docs" / "settings.md").read_text()

    assert page.partition("\n\n| variable")[2] == as_markdown().partition("| variable")[2]


@pytest.mark.parametrize("variable", [one for one in TABLE if one.is_required], ids=lambda one: one.name)
def test_missing_variable_is_named(monkeypatch: pytest.MonkeyPatch, variable: environment.Variable) -> None:
    monkeypatch.delenv(variable.name, raising=False)

    with pytest.raises(ImproperlyConfigured, match=f"^{variable.name} is not set"):
        read(variable.name)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("ENVIRONMENT", "production"), ("SECRET_KEY", "short"), ("API_KEY_PEPPER", "short"), ("VAULT_KEYS", "k1"),
        ("DATABASE_URL", "sqlite:///x"), ("DATABASE_URL", "postgresql://host"), ("DATABASE_URL", "postgresql://h:p/name"),
        ("PUBLIC_URL", "example.org"), ("PUBLIC_URL", "https://example.org/"), ("PUBLIC_URL", "https://example.org/pay"),
        ("PUBLIC_URL", "https://example.org?a=b"), ("PUBLIC_URL", "https://"), ("DEBUG", "yes"), ("SWEEP_SECONDS", "0"),
        ("TRUSTED_PROXY_COUNT", "one"), ("TRUSTED_PROXY_COUNT", "-1"), ("DATABASE_STATEMENT_TIMEOUT", "0"),
        ("LOG_LEVEL", "LOUD"), ("LOG_FORMAT", "xml"), ("API_REQUESTS_PER_SECOND", "many"),
        ("API_REQUESTS_PER_SECOND", "-1"), ("CACHE_URL", "host:6379"), ("CACHE_URL", "http://host"),
        ("CACHE_URL", "redis:///1"), ("CACHE_URL", "redis://host:port"), ("CACHE_URL", "unix://"),
        ("CELERY_BROKER_URL", "kafka://host"), ("CELERY_BROKER_URL", "amqp://"), ("CELERY_BROKER_URL", "redis+socket://"),
        ("EMAIL_URL", "host:25"), ("EMAIL_URL", "smtp://"), ("EMAIL_URL", "smtp://host:port"),
        ("EMAIL_URL", "consolemail://"),
    ],
)  # fmt: skip
def test_malformed_variable_is_named(monkeypatch: pytest.MonkeyPatch, name: str, text: str) -> None:
    monkeypatch.setenv(name, text)

    with pytest.raises(ImproperlyConfigured, match=f"^{name} is malformed: "):
        read(name)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("CACHE_URL", "rediss://:secret@host:6380/1"), ("CACHE_URL", "unix:///run/valkey.sock?db=1"),
        ("CELERY_BROKER_URL", "amqps://name:secret@host/vhost"), ("PUBLIC_URL", "https://example.org:8443"),
        ("CELERY_BROKER_URL", "redis+socket:///run/valkey.sock?virtual_host=3"), ("SECRET_KEY", "$" * 50),
    ],
)  # fmt: skip
def test_sound_variable_is_taken_as_it_is(monkeypatch: pytest.MonkeyPatch, name: str, text: str) -> None:
    """A leading dollar sign, too: it is no reference to another variable."""
    monkeypatch.setenv(name, text)

    assert read(name) == text


@pytest.mark.parametrize(
    ("name", "text"),
    [("DATABASE_URL", "postgresql://app:s3cr/et@host/name"), ("CACHE_URL", "redis://:s3cr/et@host")],
)
def test_refusal_quotes_no_password(monkeypatch: pytest.MonkeyPatch, name: str, text: str) -> None:
    monkeypatch.setenv(name, text)

    with pytest.raises(ImproperlyConfigured, match=f"^{name} is malformed: host or port cannot be read\\. "):
        read(name)


@pytest.mark.parametrize("variable", [one for one in TABLE if not one.is_required], ids=lambda one: one.name)
def test_variable_that_is_unset_or_empty_has_its_default(
    monkeypatch: pytest.MonkeyPatch, variable: environment.Variable
) -> None:
    monkeypatch.delenv(variable.name, raising=False)
    unset = read(variable.name)
    monkeypatch.setenv(variable.name, "")

    assert unset == read(variable.name) == variable.default
