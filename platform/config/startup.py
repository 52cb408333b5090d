"""What is asked before a process serves or works: safe settings, a role that row security binds, and the right keys."""

import functools
import logging

from django.core.exceptions import ImproperlyConfigured
from django.db import InterfaceError, OperationalError

import vault.services as vault
from tenancy.checks import live_settings_are_safe, role_problems
from vault.keys import UnusableKey

logger = logging.getLogger(__name__)


def refuse_unsafe() -> None:
    """Raises ImproperlyConfigured. A database that is away is no refusal: it is asked again, and it may come back."""
    unsafe = live_settings_are_safe()
    if unsafe:
        raise ImproperlyConfigured(" ".join(error.msg for error in unsafe))
    try:
        refuse_unfit_database()
    except (OperationalError, InterfaceError):
        logger.warning("started_without_database")


@functools.cache  # of what returns: a process asks until it has passed once
def refuse_unfit_database() -> None:
    """Raises ImproperlyConfigured, or Django's OperationalError while the database is away."""
    problems = role_problems()
    try:
        vault.check_keys()
    except UnusableKey as error:
        problems.append(str(error))
    if problems:
        raise ImproperlyConfigured(" ".join(problems))
