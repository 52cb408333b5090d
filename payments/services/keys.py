"""Idempotency ids that outlive what is kept of them: the row that they made refuses them still."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import IntegrityError

from resources.errors import DomainError
from resources.models import Resource
from tenancy.actors import Actor
from tenancy.transactions import transaction


class IdempotencyIdUsed(DomainError):
    """The key is older than what is kept of it; what it once made still stands."""

    code = "IDEMPOTENCY_MISMATCH"

    def __init__(self, made: Resource) -> None:
        super().__init__(f"This idempotency id was used before, for {made.public_id}.")


@contextmanager
def refusing_used(
    constraint: str, model: type[Resource], *, application_id: uuid.UUID, by: Actor, **key: Any
) -> Iterator[None]:
    """Around the act that inserts a row: where its key made another one, tell which. Raises IdempotencyIdUsed."""
    try:
        yield
    except IntegrityError as error:
        if constraint not in str(error):
            raise
        with transaction(by=by):
            made = model._default_manager.visible_to(by).get(application_id=application_id, **key)  # type: ignore[attr-defined]  # of every tenant's model
        raise IdempotencyIdUsed(made) from error
