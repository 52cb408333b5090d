"""Text that is found in any case, or by its beginning, through an index that row security leaves in use.

Of a query's conditions only those that are known to leak nothing go before a policy: comparing columns is one, `ILIKE`
and an expression over `lower(...)` are none. So the text in lower case is a column of its own, and what begins with a
text is a range of it. Compared byte by byte, what begins alike stands side by side.
"""

from django.db import models
from django.db.models import Q, Value
from django.db.models.functions import Concat, Lower

_LAST_CHARACTER = "\U0010ffff"


def folded(name: str) -> models.GeneratedField:
    """The column `<name>_folded`; an index over (application, `<name>_folded`) goes with it."""
    column = models.TextField(null=True, db_collation="C")
    return models.GeneratedField(expression=Lower(name), output_field=column, db_persist=True)


def is_alike(name: str, text: str) -> Q:
    """Whose `name` is this text, in any case."""
    return Q(**{f"{name}_folded": Lower(Value(text))})


def begins(name: str, text: str) -> Q:
    """Whose `name` begins with this text, in any case."""
    first = Lower(Value(text))
    return Q(**{f"{name}_folded__gte": first, f"{name}_folded__lt": Concat(first, Value(_LAST_CHARACTER))})
