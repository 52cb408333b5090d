from collections.abc import Iterator

import pytest
from django.core.cache import cache


@pytest.fixture(autouse=True)
def forgotten_guesses() -> Iterator[None]:
    """Limits on guessing are counted in Valkey, which no transaction rolls back."""
    cache.clear()
    yield
    cache.clear()
