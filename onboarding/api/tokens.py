"""The one call that needs no credentials: a browser or a phone hands in a card and gets a token for it."""

from collections.abc import Mapping
from typing import Any, ClassVar

from django.conf import settings
from django.http import HttpResponse
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from api import limits
from api.idempotency import HEADER, REPLAYED, rendered
from api.inputs import InputSerializer
from api.views import ResourceViewSet
from jobs.idempotency import Answer
from jobs.models import IdempotencyKey
from onboarding import services
from onboarding.models import Token
from onboarding.serializers.instruments import TokenInput
from onboarding.serializers.tokens import TokenDocument
from resources.errors import NotVisible
from resources.ids import MalformedId
from resources.lookup import find
from tenancy.actors import visitor
from tenancy.models import Application
from tenancy.origins import origin_of
from tenancy.transactions import transaction
from vault.keys import keyed_hash

_CORS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Expose-Headers": f"Retry-After, x-request-id, {REPLAYED}",
}
_PREFLIGHT = {
    "Access-Control-Allow-Methods": "POST",
    "Access-Control-Allow-Headers": f"Accept, Content-Type, Finix-Version, {HEADER}",
    "Access-Control-Max-Age": "3600",
}


class ApplicationTokenViewSet(ResourceViewSet):
    """Cards and bank accounts of nobody yet, from pages of any origin. Credentials are not read."""

    resource = Token
    document_class = TokenDocument
    tag = "applications"
    authentication_classes = ()
    permission_classes = ()
    http_method_names = ["options", "post"]
    bodies: ClassVar[Mapping[str, type[InputSerializer]]] = {"POST": TokenInput}

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Whoever asks is a visitor of the application that the path names. Raises TooManyRequests, NotVisible."""
        super().initial(request, *args, **kwargs)
        if request.method != "POST":
            return
        origin = origin_of(request)
        limits.admit_visitor(origin.address)
        try:
            key = Application.parse_id(kwargs["application"])
        except MalformedId as error:
            raise NotVisible(kwargs["application"]) from error
        actor = visitor(key, "Visitor", only=(), origin=origin)
        with transaction(by=actor):
            self.application = find(Application.objects.visible_to(actor).tenants(), kwargs["application"])
        limits.admit_visitor_of(key)
        request.actor = actor  # type: ignore[attr-defined]

    def create(self, request: Request, application: str) -> Response:
        """Keep a card or bank account for nobody yet. The token is good for one instrument within 24 hours."""
        del request, application
        now = self.now()
        body = self.read_body(TokenInput, context={"now": self._business_time(now)}).validated_data
        self._count(body)
        token = services.create_token(application=self.application, values=body, by=self.actor, at=now)
        return Response(self.document_of(token), status=status.HTTP_201_CREATED)

    def preflight(self, request: Request, *args: Any, **kwargs: Any) -> HttpResponse:
        """What a browser asks before a page of another origin may send a card."""
        del request, args, kwargs
        return HttpResponse(status=status.HTTP_204_NO_CONTENT, headers=_PREFLIGHT)

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        finished = super().finalize_response(request, response, *args, **kwargs)
        for name, value in _CORS.items():
            finished[name] = value
        return finished

    @property
    def whose_keys(self) -> str:
        """The address of the visitor, hashed: strangers' keys never meet."""
        return keyed_hash(settings.VAULT_INDEX_KEY, f"visitor:{self.actor.origin.address}").hex()[:32]

    def name_of(self, row: IdempotencyKey) -> str:
        """Nothing: who shares an address with somebody learns no id from them."""
        del row
        return ""

    def as_it_is(self, key: Any) -> Answer | None:
        with transaction(by=self.actor):
            refusal = services.refusal_of_token(key, by=self.actor)
        if refusal is None:
            return super().as_it_is(key)
        response = self.handle_exception(refusal)
        return Answer(response.status_code, rendered(response.data))

    def _count(self, told: Mapping[str, Any]) -> None:
        """Raises TooManyRequests."""
        number = told.get("number") or told["account_number"]
        bank = told.get("bank_code") or number.reveal()[:6]
        limits.admit_number(number, application_id=self.application.pk, bank=bank)

    def _business_time(self, now: Any) -> Any:
        return now if settings.IS_LIVE else self.application.business_time(now)
