"""From an id in a path to the row behind it."""

from typing import Any

from django.db.models import QuerySet

from resources import ids
from resources.errors import NotVisible
from resources.models import Resource


def find(visible: QuerySet[Any], public_id: str) -> Any:
    """The row with this id among visible ones; call it in a transaction.

    A resource is found by its public id, any other row by the base58 number of its key. Foreign, absent and malformed
    are the same: NotVisible.
    """
    model = visible.model
    try:
        key = model.parse_id(public_id) if issubclass(model, Resource) else ids.decode(public_id)
    except ids.MalformedId as error:
        raise NotVisible(public_id) from error
    row = visible.filter(pk=key).first()
    if row is None:
        raise NotVisible(public_id)
    return row
