from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar

from django.db.models import QuerySet
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from api.inputs import InputSerializer
from api.views import ResourceViewSet
from jobs.idempotency import Answer
from onboarding import services
from onboarding.api.profiles import MerchantProfileViewSet
from onboarding.filters import MerchantFilter
from onboarding.models import Identity, Merchant
from onboarding.serializers.merchants import MerchantDocument, MerchantInput, MerchantUpdate
from resources.lookup import find
from tenancy import services as tenancy
from tenancy.models import MerchantProfile
from tenancy.roles import Permission
from tenancy.transactions import transaction


class MerchantViewSet(ResourceViewSet):
    """Identities as merchants of a processor.

    The id of a merchant profile is answered as `/merchant_profiles` answers it.
    """

    resource = Merchant
    document_class = MerchantDocument
    filter_class = MerchantFilter
    embedded_key = "merchants"
    permissions: ClassVar = {"GET": Permission.VIEW_MERCHANTS, "PUT": Permission.PROVISION_MERCHANTS}
    bodies: ClassVar[Mapping[str, type[InputSerializer]]] = {"PUT": MerchantUpdate}

    def visible(self) -> QuerySet[Merchant]:
        if self.action == "list":  # not joined: beside two policies all rows of a filter would be sorted for one page
            return super().visible().prefetch_related("application")
        return super().visible().select_related("application")

    def dispatch(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        if request.method == "GET" and kwargs.get("pk", "").startswith(MerchantProfile.PREFIX):
            return MerchantProfileViewSet.as_view({**self.action_map})(request, *args, **kwargs)
        return super().dispatch(request, *args, **kwargs)

    def update(self, request: Request, pk: str) -> Response:
        """Switch processing or settlement, or change settings; a partner sets tags only."""
        del request
        with transaction(by=self.actor):
            merchant = self.find(pk)
        body = self.read_body(MerchantUpdate)
        merchant = services.update_merchant(merchant=merchant, values=body.validated_data, by=self.actor, at=self.now())
        return Response(self.document_of(merchant))


class ApplicationMerchantViewSet(MerchantViewSet):
    """Merchants of one application."""

    tag = "applications"

    def visible(self) -> QuerySet[Merchant]:
        application = tenancy.find_application(self.kwargs["application"], by=self.actor)
        return super().visible().filter(application_id=application.pk)


class IdentityMerchantViewSet(MerchantViewSet):
    """Merchants that one identity is."""

    tag = "identities"
    permissions: ClassVar = {"GET": Permission.VIEW_MERCHANTS, "POST": Permission.PROVISION_MERCHANTS}
    bodies: ClassVar[Mapping[str, type[InputSerializer]]] = {"POST": MerchantInput}

    def visible(self) -> QuerySet[Merchant]:
        return super().visible().filter(identity=self._identity())

    def create(self, request: Request, identity: str) -> Response:
        """Provision the identity as a merchant. The sandbox decides at once, a processor may take its time."""
        del request, identity
        with transaction(by=self.actor):
            owner = self._identity()
        body = self.read_body(MerchantInput).validated_data
        merchant = services.provision_merchant(
            identity=owner,
            processor=body.get("processor"),
            tags=body.get("tags"),
            by=self.actor,
            at=self.now(),
        )
        return Response(self.document_of(merchant), status=status.HTTP_201_CREATED)

    def answer_of(self, row: Merchant) -> Answer:
        return replace(super().answer_of(row), is_final=not self._is_undecided(row))

    def kept(self, response: Response) -> Answer:
        is_final = response.data["onboarding_state"] != Merchant.OnboardingState.PROVISIONING
        return replace(super().kept(response), is_final=is_final)

    def as_it_is(self, key: Any) -> Answer | None:
        with transaction(by=self.actor):
            row = self.visible().filter(pk=key).first()
        return None if row is None or self._is_undecided(row) else self.answer_of(row)

    @staticmethod
    def _is_undecided(merchant: Merchant) -> bool:
        return merchant.onboarding_state == Merchant.OnboardingState.PROVISIONING

    def document_context(self) -> dict[str, Any]:
        return {**super().document_context(), "is_creation": self.request.method == "POST"}

    def _identity(self) -> Identity:
        found: Identity = find(Identity.objects.visible_to(self.actor), self.kwargs["identity"])
        return found
