"""What is asked before a process serves or works: a role that row security binds, and the right keys."""

import logging

from django.core.exceptions import ImproperlyConfigured
from django.db import OperationalError

import vault.services as vault
from tenancy.checks import role_problems
from vault.keys import UnusableKey

logger = logging.getLogger(__name__)


def refuse_unsafe() -> None:
    """Raises ImproperlyConfigured. A database that is away is no refusal: /readyz tells, and it may come back."""
    try:
        problems = role_problems()
        vault.check_keys()
    except OperationalError:
        logger.warning("started_without_database")
        return
    except UnusableKey as error:
        raise ImproperlyConfigured(str(error)) from error
    if problems:
        raise ImproperlyConfigured(" ".join(problems))
