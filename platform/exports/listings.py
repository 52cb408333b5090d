"""Which lists can be exported. Apps register theirs; a page, a job and a download find them by their names."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, cast

import django_filters
from django.db.models import QuerySet
from django.http import QueryDict

from exports.columns import Column
from resources.errors import DomainError
from tenancy.actors import Actor
from tenancy.roles import Permission


class UnreadableFilters(DomainError):
    message = "A filter of this list cannot be read. Correct it on the page of the list, and export it again."


@dataclass(frozen=True)
class Listing:
    """A list as a file: whoever may open its page, and may export, takes the rows they see there.

    `visible` begins with `visible_to`; `filter_class` is that of the page. Rows come in the order of the page.
    """

    name: str
    label: str
    permission: Permission
    filter_class: type[django_filters.FilterSet]
    visible: Callable[[Actor], QuerySet[Any]]
    columns: Sequence[Column]
    is_oldest_first: bool = False

    def may_be_taken_by(self, actor: Actor) -> bool:
        return actor.may(Permission.CREATE_EXPORTS) and actor.may(self.permission)

    def columns_for(self, actor: Actor) -> list[Column]:
        return [column for column in self.columns if column.is_for(actor)]

    def narrowed(self, query: str, actor: Actor) -> QuerySet[Any]:
        """The rows that these filters leave; call it in a transaction. Raises UnreadableFilters."""
        found = self.filter_class(QueryDict(query), self.visible(actor))
        if not found.is_valid():
            raise UnreadableFilters
        left: QuerySet[Any] = found.qs
        return left

    def form(self, given: QueryDict, actor: Actor) -> Any:
        """The form of its filters, filled with these."""
        return self.filter_class(given, self.visible(actor)).form

    def filters_of(self, given: QueryDict, actor: Actor) -> str:
        """What of a page's address narrows the list, without where in it one stood."""
        form = self.form(given, actor)
        read = cast("QueryDict", form.data)  # with what may be written in several ways as it is meant
        kept = QueryDict(mutable=True)
        for name in (form.add_prefix(field) for field in form.fields):
            for value in read.getlist(name):
                if value != "":
                    kept.appendlist(name, value)
        return kept.urlencode()


_listings: dict[str, Listing] = {}


def register(listing: Listing) -> None:
    if listing.name in _listings:
        raise ValueError(f"Two lists are exported as {listing.name}")
    _listings[listing.name] = listing


def find(name: str) -> Listing | None:
    return _listings.get(name)


def listings() -> list[Listing]:
    return list(_listings.values())
