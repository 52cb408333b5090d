from collections.abc import Mapping
from typing import Any, ClassVar

from django.db.models import QuerySet
from rest_framework.request import Request
from rest_framework.response import Response

from api.inputs import InputSerializer
from api.views import ResourceViewSet
from onboarding.filters import ApplicationProfileFilter, MerchantProfileFilter, RiskProfileFilter
from onboarding.serializers.applications import (
    ApplicationProfileDocument,
    MerchantProfileDocument,
    MerchantProfileUpdate,
    ProfileUpdate,
    RiskProfileDocument,
    RiskProfileUpdate,
)
from resources.errors import FieldError
from tenancy import services as tenancy
from tenancy.models import ApplicationProfile, MerchantProfile, RiskProfile
from tenancy.roles import Permission
from tenancy.transactions import transaction

_PERMISSIONS = {"GET": Permission.VIEW_PROFILES, "PUT": Permission.MANAGE_PROFILES}


class _ProfileViewSet(ResourceViewSet):
    permissions: ClassVar = _PERMISSIONS
    update_class: ClassVar[type[ProfileUpdate]] = ProfileUpdate
    bodies: ClassVar[Mapping[str, type[InputSerializer]]] = {"PUT": ProfileUpdate}

    def update(self, request: Request, pk: str) -> Response:
        """Point the profile to another risk profile of the same application."""
        del request
        with transaction(by=self.actor):
            profile = self.find(pk)
        body = dict(self.read_body(self.update_class).validated_data)
        if body.get("risk_profile") is not None:
            body["risk_profile"] = self._risk_profile(body["risk_profile"], profile.application_id)
        profile = tenancy.update_profile(profile=profile, values=body, by=self.actor, at=self.now())
        return Response(self.document_of(profile))

    def _risk_profile(self, key: Any, application_id: Any) -> RiskProfile:
        with transaction(by=self.actor):
            found = RiskProfile.objects.visible_to(self.actor).filter(pk=key, application_id=application_id).first()
        if found is None:
            raise FieldError("risk_profile", "The application has no such risk profile.")
        return found


class ApplicationProfileViewSet(_ProfileViewSet):
    """Profiles that hold for a whole application."""

    resource = ApplicationProfile
    document_class = ApplicationProfileDocument
    filter_class = ApplicationProfileFilter
    embedded_key = "application_profiles"


class OneApplicationProfileViewSet(ApplicationProfileViewSet):
    """The profile of one application."""

    tag = "applications"
    permissions: ClassVar = {"GET": Permission.VIEW_PROFILES}

    def retrieve(self, request: Request, application: str) -> Response:  # type: ignore[override]
        """The application's profile: which risk profile holds."""
        del request
        with transaction(by=self.actor):
            owner = tenancy.find_application(application, by=self.actor)
            profile = self.visible().get(application_id=owner.pk)
        return Response(self.document_of(profile))


class RiskProfileViewSet(ResourceViewSet):
    """Which failed card checks are let through."""

    resource = RiskProfile
    document_class = RiskProfileDocument
    filter_class = RiskProfileFilter
    embedded_key = "risk_profiles"
    permissions: ClassVar = _PERMISSIONS
    bodies: ClassVar[Mapping[str, type[InputSerializer]]] = {"PUT": RiskProfileUpdate}

    def update(self, request: Request, pk: str) -> Response:
        """Say which failed card checks are let through."""
        del request
        with transaction(by=self.actor):
            profile = self.find(pk)
        body = self.read_body(RiskProfileUpdate)
        profile = tenancy.update_risk_profile(profile=profile, values=body.validated_data, by=self.actor, at=self.now())
        return Response(self.document_of(profile))


class MerchantProfileViewSet(_ProfileViewSet):
    """Profiles of merchants; a processor's default one is what its new merchants begin with.

    The id of a risk profile is answered as `/risk_profiles` answers it.
    """

    resource = MerchantProfile
    document_class = MerchantProfileDocument
    filter_class = MerchantProfileFilter
    embedded_key = "merchant_profiles"
    update_class = MerchantProfileUpdate
    bodies: ClassVar[Mapping[str, type[InputSerializer]]] = {"PUT": MerchantProfileUpdate}

    def visible(self) -> QuerySet[MerchantProfile]:
        return super().visible().with_effective()  # type: ignore[attr-defined,no-any-return]

    def dispatch(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        if kwargs.get("pk", "").startswith(RiskProfile.PREFIX):
            return RiskProfileViewSet.as_view({**self.action_map})(request, *args, **kwargs)
        return super().dispatch(request, *args, **kwargs)
