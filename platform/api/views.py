"""Base views: scope, permission, paging and documents. A concrete view states what differs."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, ClassVar, TypeVar

from django.db.models import QuerySet
from django.http import HttpResponseBase
from django.utils import timezone
from django.utils.functional import cached_property
from rest_framework import viewsets
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from api import idempotency as keys
from api.documents import DocumentSerializer, base_url
from api.filters import ListFilter
from api.inputs import InputSerializer
from api.paging import read_page
from jobs import idempotency
from jobs.idempotency import Answer, KeyTaken
from jobs.models import IdempotencyKey
from resources import ids
from resources.errors import DomainError
from resources.lookup import find
from resources.models import Resource
from tenancy.actors import Actor
from tenancy.roles import Permission
from tenancy.transactions import transaction

Row = TypeVar("Row", bound=Resource)
Body = TypeVar("Body", bound=InputSerializer)


class ApiView(APIView):
    """A view of the partner API. `permissions` names, per method, what the actor needs, `bodies` what is read."""

    permissions: ClassVar[Mapping[str, Permission]] = {}
    bodies: ClassVar[Mapping[str, type[InputSerializer]]] = {}
    is_result = True
    """Whether the answer tells how an act ended, and not that it was refused."""
    http_method_names = ["get", "head", "post", "put", "patch", "delete"]

    @property
    def actor(self) -> Actor:
        actor: Actor = self.request.actor  # type: ignore[attr-defined]  # authentication sets it
        return actor

    @property
    def actor_or_none(self) -> Actor | None:
        """Who asks; None before that is known."""
        actor: Actor | None = getattr(self.request, "actor", None)
        return actor

    @property
    def whose_keys(self) -> str:
        """Tells apart the callers of one application who do not share their idempotency keys; empty where all do."""
        return ""

    def read_body(self, body_class: type[Body], context: Mapping[str, Any] | None = None, **options: Any) -> Body:
        """The validated body of the request, whose idempotency key the next act takes.

        Raises ValidationError, which becomes one error per refused member.
        """
        # An empty body of a form's type arrives as a form, in which every flag that is not there counts as false.
        data = dict(self.request.data)
        body = body_class(data=data, context={"request": self.request, "view": self, **(context or {})}, **options)
        body.is_valid(raise_exception=True)
        claim = keys.claim_of(self.request, body.validated_data, self.kwargs, self.answer_of, whose=self.whose_keys)
        if claim is not None:
            idempotency.put(claim)
        return body

    def dispatch(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        with idempotency.scope():
            return super().dispatch(request, *args, **kwargs)

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        if isinstance(response, Response) and hasattr(request, "actor"):
            keys.keep_late(response, request.actor, self.kept, is_result=self.is_result)
        return super().finalize_response(request, response, *args, **kwargs)

    def handle_exception(self, exc: Exception) -> Any:
        if isinstance(exc, DomainError) and exc.status == HTTPStatus.UNPROCESSABLE_ENTITY:
            exc = keys.used_before(self.actor_or_none) or exc
        while isinstance(exc, KeyTaken):  # again, where the first one is undone and a third one takes the key
            try:
                return self._replay(exc)
            except Exception as error:  # whatever it is, it becomes an answer like any other
                exc = error
        self.is_result = isinstance(exc, DomainError) and exc.is_result
        return super().handle_exception(exc)

    @abstractmethod
    def answer_of(self, row: Any) -> Answer:
        """The answer that a row makes, to be kept in the transaction of its verdict."""

    def as_it_is(self, key: Any) -> Answer | None:
        """The answer to a repeat whose first answer was not kept, or not final; None while nothing is decided."""
        del key
        return None

    def kept(self, response: Response) -> Answer:
        """What is kept of an answer to an act of ours alone: all of it, but never a secret."""
        return Answer(response.status_code, keys.rendered(response.data))

    def _replay(self, taken: KeyTaken) -> HttpResponseBase:
        answer = keys.first_answer(taken, self.actor, as_it_is=self.as_it_is, name_of=self.name_of)
        if answer is None:  # the first one was refused meanwhile, and left the key free
            again: HttpResponseBase = getattr(self, str(self.request.method).lower())(
                self.request, *self.args, **self.kwargs
            )
            return again
        return keys.answer_from(answer, self.request, is_replay=True)

    def name_of(self, row: IdempotencyKey) -> str:
        """The public id of what a key made, as far as a view can tell."""
        del row
        return ""

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
        with transaction(by=self.actor, plans_anew=True):
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

    def answer_of(self, row: Any) -> Answer:
        return Answer(201 if self.request.method == "POST" else 200, keys.rendered(self.document_of(row)))

    def as_it_is(self, key: Any) -> Answer | None:
        with transaction(by=self.actor):
            row = self.visible().filter(pk=key).first()
            if row is None:
                return None
            self.prepare([row])
        return self.answer_of(row)

    def name_of(self, row: IdempotencyKey) -> str:
        if row.resource_id is None or row.resource_kind != self.resource.KIND:
            return ""
        return ids.public_id(self.resource.PREFIX, row.resource_id)

    def prepare(self, rows: Sequence[Any]) -> None:
        """Fetch what documents need beyond their rows, for all of them at once; called in the transaction of a read.

        What a service gives back needs nothing more: after a commit there is no read that could fail.
        """

    def document_of(self, row: Any) -> dict[str, Any]:
        """The document of a prepared row."""
        document: dict[str, Any] = self._documents.to_representation(row)
        return document

    @cached_property
    def _documents(self) -> DocumentSerializer:
        """One for all rows of a page: copying its fields would cost more than filling them."""
        return self.document_class(context=self.document_context())

    def document_context(self) -> dict[str, Any]:
        """What documents are made with besides their rows; the same for all of a request."""
        return {"request": self.request}
