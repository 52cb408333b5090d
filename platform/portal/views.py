"""Base views of the portal: who looks, what they may see, and pages that are lists, details or forms."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import django_filters
from django.db.models import Model, QuerySet
from django.forms import BaseForm
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.views import View

from portal import errors
from portal.signing_in import lead_to_sign_in
from resources import ids
from resources.errors import NotVisible
from resources.keyset import beyond, read_window
from resources.lookup import find
from resources.models import Resource
from tenancy.actors import Actor, MissingPermission
from tenancy.origins import origin_of
from tenancy.roles import Permission
from tenancy.services import person_actor
from tenancy.transactions import transaction

PAGE_SIZE = 25
COUNTED = 10_000


class Page(View):
    """A page for somebody who is signed in. `section` marks its entry in the navigation."""

    permission: ClassVar[Permission]
    section: ClassVar[str] = ""
    template_name: ClassVar[str]

    actor: Actor

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not request.user.is_authenticated:
            return lead_to_sign_in(request)
        self.actor = person_actor(request.user, origin=origin_of(request))
        request.actor = request.portal_actor = self.actor  # type: ignore[attr-defined]
        request.portal_section = self.section  # type: ignore[attr-defined]
        try:
            self.actor.require(self.permission)
            return super().dispatch(request, *args, **kwargs)
        except MissingPermission as error:
            return errors.forbidden(request, error)
        except NotVisible:
            return errors.not_found(request)

    def show(self, context: Mapping[str, Any], *, status: int = 200, template: str = "") -> HttpResponse:
        return render(self.request, template or self.template_name, dict(context), status=status)


class ListPage(Page):
    """A list with filters in the URL, newest first unless it says so, read from either side of a row (`after`,
    `before`).
    """

    filter_class: ClassVar[type[django_filters.FilterSet]]
    search_field: ClassVar[str] = ""
    columns: ClassVar[Sequence[Mapping[str, str]]]
    noun: ClassVar[tuple[str, str]]
    caption: ClassVar[str] = ""
    table_css: ClassVar[str] = "table-list"
    is_oldest_first: ClassVar[bool] = False

    @abstractmethod
    def visible(self) -> QuerySet[Any]:
        """What the actor may see; call it in a transaction."""

    @abstractmethod
    def row(self, resource: Any) -> Mapping[str, Any]:
        """A row of the table: `url`, and `cells` in the order of `columns`."""

    def rows(self, resources: Sequence[Any]) -> list[Mapping[str, Any]]:
        """The rows of a page; a list that has to look up something for all of them does it here."""
        return [self.row(resource) for resource in resources]

    def context(self) -> dict[str, Any]:
        """What the template needs besides the list."""
        return {}

    def get(self, request: HttpRequest, **_: Any) -> HttpResponse:
        with transaction(by=self.actor, plans_anew=True):
            visible = self.visible()
            found = self.filter_class(request.GET, visible)
            _use_words_of_a_page(found.form)
            listed = found.qs if found.is_valid() else visible.none()
            context = {
                **self.context(),
                **read_list(request, visible, listed, is_oldest_first=self.is_oldest_first),
                "filter_form": found.form,
                "search_field": self.search_field,
                "columns": self.columns,
                "caption": self.caption or _caption(self.noun[1]),
                "table_css": self.table_css,
                "is_filtered": any(request.GET.get(found.form.add_prefix(name)) for name in found.form.fields),
            }
            context["rows"] = self.rows(context["resources"])
        context["summary"] = counted_words(context["count"], *self.noun)
        return self.show(context)


def read_list(
    request: HttpRequest, visible: QuerySet[Any], listed: QuerySet[Any], *, is_oldest_first: bool = False
) -> dict[str, Any]:
    """One page of rows by the `after` or `before` of the URL, with the links to its neighbours and a bounded count."""
    before, after = request.GET.get("before"), request.GET.get("after")
    position = _position(visible, before or after)
    is_backwards = bool(before)
    is_older = is_backwards == is_oldest_first
    beside = listed.filter(beyond(position, older=is_older)) if position is not None else listed
    rows, has_more = read_window(beside, older=is_older, limit=PAGE_SIZE)
    if is_backwards:
        rows.reverse()
    has_previous = has_more if is_backwards else position is not None
    has_next = True if is_backwards else has_more
    previous_url = _beside(request, "before", rows[0]) if rows and has_previous else ""
    next_url = _beside(request, "after", rows[-1]) if rows and has_next else ""
    return {
        "resources": rows,
        "count": listed.order_by().values("pk")[: COUNTED + 1].count(),
        "newer_url": next_url if is_oldest_first else previous_url,
        "older_url": previous_url if is_oldest_first else next_url,
    }


def counted_words(count: int, one: str, many: str) -> str:
    if count > COUNTED:
        return f"More than {COUNTED:,} {many}"
    return f"{count:,} {one if count == 1 else many}"


def _caption(many: str) -> str:
    return f"{many[:1].upper()}{many[1:]}, newest first"


def _use_words_of_a_page(form: BaseForm) -> None:
    """What the API says of a wrong value lists constants; whoever reads a page chooses from a list of words."""
    for name, field in form.fields.items():
        if name in form.errors and hasattr(field, "choices"):
            form.errors[name] = form.error_class(["Choose one of the list."])


def _position(visible: QuerySet[Any], named: str | None) -> Any:
    """The row that a link of a list stands on; one that is gone or made up is the beginning of the list."""
    try:
        return find(visible, named) if named else None
    except NotVisible:
        return None


def _beside(request: HttpRequest, side: str, row: Model) -> str:
    parameters = request.GET.copy()
    for name in ("before", "after"):
        parameters.pop(name, None)
    parameters[side] = row.public_id if isinstance(row, Resource) else ids.encode(row.pk)
    return f"?{parameters.urlencode()}"
