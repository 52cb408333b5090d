"""Base views: scope, permission, paging and documents. A concrete view states what differs."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, TypeVar

from django.db.models import QuerySet
from django.utils import timezone
from rest_framework import viewsets
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from api.documents import DocumentSerializer, base_url
from api.filters import ListFilter
from api.inputs import InputSerializer
from api.paging import read_page
from resources.lookup import find
from resources.models import Resource
from tenancy.actors import Actor
from tenancy.roles import Permission
from tenancy.transactions import transaction

Row = TypeVar("Row", bound=Resource)
Body = TypeVar("Body", bound=InputSerializer)


class ApiView(APIView):
    """A view of the partner API. `permissions` names, per method, what the actor needs."""

    permissions: ClassVar[Mapping[str, Permission]] = {}
    http_method_names = ["get", "head", "post", "put", "patch", "delete"]

    @property
    def actor(self) -> Actor:
        actor: Actor = self.request.actor  # type: ignore[attr-defined]  # authentication sets it
        return actor

    def read_body(self, body_class: type[Body], **options: Any) -> Body:
        """The validated body of the request. Raises ValidationError, which becomes one error per refused member."""
        # An empty body of a form's type arrives as a form, in which every flag that is not there counts as false.
        data = dict(self.request.data)
        body = body_class(data=data, context={"request": self.request, "view": self}, **options)
        body.is_valid(raise_exception=True)
        return body

    @staticmethod
    def now() -> Any:
        return timezone.now()


class ResourceViewSet(viewsets.ViewSetMixin, ApiView):
    """Lists and single documents of one resource, within what the actor may see."""

    resource: ClassVar[type[Resource]]
    document_class: ClassVar[type[DocumentSerializer]]
    filter_class: ClassVar[type[ListFilter[Any]]]
    embedded_key: ClassVar[str]
    sortable: ClassVar[Sequence[str]] = ("created_at", "updated_at")
    always_offset: ClassVar[bool] = False

    def visible(self) -> QuerySet[Any]:
        """What the actor may see of this resource; narrowed by a sub-list to its parent."""
        queryset: QuerySet[Any] = self.resource._default_manager.visible_to(self.actor)  # type: ignore[attr-defined]
        return queryset

    def list(self, request: Request, **_: Any) -> Response:
        with transaction(by=self.actor):
            visible = self.visible()
            filtered = self.filter_class(request.query_params, visible).apply()
            page = read_page(
                filtered, request, visible=visible, sortable=self.sortable, always_offset=self.always_offset
            )
            self.prepare(page.rows)
        base = base_url(request)
        return Response(
            {
                "_embedded": {self.embedded_key: [self.document_of(row) for row in page.rows]},
                "_links": {rel: {"href": base + href} for rel, href in page.links.items()},
                "page": page.page,
            }
        )

    def retrieve(self, request: Request, pk: str, **_: Any) -> Response:
        del request
        with transaction(by=self.actor):
            row = self.find(pk)
            self.prepare([row])
        return Response(self.document_of(row))

    def find(self, public_id: str) -> Any:
        """The row with this id within what the actor may see; call it in a transaction. Raises NotVisible."""
        return find(self.visible(), public_id)

    def prepare(self, rows: Sequence[Any]) -> None:
        """Fetch what documents need beyond their rows, for all of them at once; called in the transaction of a read.

        What a service gives back needs nothing more: after a commit there is no read that could fail.
        """

    def document_of(self, row: Any) -> dict[str, Any]:
        """The document of a prepared row."""
        document: dict[str, Any] = self.document_class(context={"request": self.request}).to_representation(row)
        return document
