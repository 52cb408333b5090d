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
        ("VAULT_INDEX_KEY", "AAAA"), ("DATABASE_URL", "sqlite:///x"), ("PUBLIC_URL", "example.org"), ("DEBUG", "yes"),
        ("PUBLIC_URL", "https://example.org/"), ("TRUSTED_PROXY_COUNT", "one"), ("SWEEP_SECONDS", "0"),
        ("LOG_LEVEL", "LOUD"), ("LOG_FORMAT", "xml"), ("API_REQUESTS_PER_SECOND", "many"),
    ],
)  # fmt: skip
def test_malformed_variable_is_named(monkeypatch: pytest.MonkeyPatch, name: str, text: str) -> None:
    monkeypatch.setenv(name, text)

    with pytest.raises(ImproperlyConfigured, match=f"^{name} is malformed: "):
        read(name)


@pytest.mark.parametrize("variable", [one for one in TABLE if not one.is_required], ids=lambda one: one.name)
def test_variable_that_is_unset_or_empty_has_its_default(
    monkeypatch: pytest.MonkeyPatch, variable: environment.Variable
) -> None:
    monkeypatch.delenv(variable.name, raising=False)
    unset = read(variable.name)
    monkeypatch.setenv(variable.name, "")

    assert unset == read(variable.name) == variable.default
