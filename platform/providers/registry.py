"""Which provider stands behind a processor."""

from functools import cache

from django.conf import settings

from providers.port import Provider
from providers.values_to_try import TestProfile, TestTable
from resources.errors import DomainError
from tenancy.models import Processor

_SANDBOX = frozenset({Processor.Name.DUMMY_V1, Processor.Name.VISA_V1})


class NoProvider(DomainError):
    """No adapter here speaks to what is behind a processor's name."""


def provider_of(processor: str) -> Provider:
    """The provider behind a processor's name. Raises NoProvider."""
    if processor in _SANDBOX and not settings.IS_LIVE:
        return _sandbox()
    raise NoProvider(f"No provider stands behind {processor or 'an application without a processor'} here.")


@cache
def _sandbox() -> Provider:
    from providers.sandbox.provider import Sandbox  # noqa: PLC0415 - its tables are loaded after this module

    return Sandbox()


def values_to_try() -> tuple[TestTable, ...]:
    """What decides how the sandbox answers; none in a live installation."""
    if settings.IS_LIVE:
        return ()
    from providers.sandbox import catalogue  # noqa: PLC0415 - as above

    return catalogue.tables()


def profiles_to_try() -> tuple[TestProfile, ...]:
    """What changes those answers; none in a live installation."""
    if settings.IS_LIVE:
        return ()
    from providers.sandbox import catalogue  # noqa: PLC0415 - as above

    return catalogue.profiles()
