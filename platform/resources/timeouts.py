"""Statements that the database gave up, told from a database that is away."""

from django.db import OperationalError
from psycopg.errors import QueryCanceled


def took_too_long(error: OperationalError) -> bool:
    """Whether a statement ran into its time limit. Waiting for a lock in vain, and a lost connection, are others."""
    return isinstance(error.__cause__, QueryCanceled)
