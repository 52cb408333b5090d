"""The change lists of identities and transfers twice, under `default/` and `tuned/`; both show and search what the
portal's lists do. And transfers as a usual DRF viewset would list them.

Django counts all rows, and those of the filter, on every page. Tuned it leaves out the first of the two, and joins the
application by name instead of everything that an identity refers to.
"""

from typing import Any

from django.contrib.admin import AdminSite, ModelAdmin
from django.http import HttpRequest
from django.urls import path
from django_filters.rest_framework import DjangoFilterBackend
from rest_framework import generics, serializers
from rest_framework.pagination import PageNumberPagination
from rest_framework.renderers import JSONRenderer

from onboarding.models import Identity
from payments.models import Transfer


class _OpenSite(AdminSite):
    """Whoever is signed in may look: our people have no `is_staff`."""

    def has_permission(self, request: HttpRequest) -> bool:
        return request.user.is_active


class _Readable(ModelAdmin):
    ordering = ("-created_at", "-id")
    list_per_page = 25

    def has_module_permission(self, request: HttpRequest) -> bool:
        del request
        return True

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        del request, obj
        return True

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        del request, obj
        return True

    def has_add_permission(self, request: HttpRequest) -> bool:
        del request
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        del request, obj
        return False


class _Identities(_Readable):
    list_display = ("display_name", "business_type", "email", "application", "created_at")
    list_filter = ("business_type",)
    search_fields = ("^doing_business_as", "^business_name", "^first_name", "^last_name", "^email")


class _TunedIdentities(_Identities):
    show_full_result_count = False
    list_select_related = ("application",)


class _Transfers(_Readable):
    list_display = ("amount", "state", "merchant", "instrument_last_four", "application", "created_at")
    list_filter = ("state",)
    search_fields = ("=trace_id", "=instrument_last_four")


class _TunedTransfers(_Transfers):
    show_full_result_count = False
    list_select_related = ("merchant", "application")


def _site(name: str, identities: type[_Identities], transfers: type[_Transfers]) -> AdminSite:
    site = _OpenSite(name)
    site.register(Identity, identities)
    site.register(Transfer, transfers)
    return site


class _TransferSerializer(serializers.ModelSerializer):
    class Meta:
        model = Transfer
        exclude = ("provider_document",)


class _TransferList(generics.ListAPIView):
    """What a tutorial would write: a model serializer, a filter by fields, and pages that know their number."""

    queryset = Transfer.objects.order_by("-created_at", "-id")
    serializer_class = _TransferSerializer
    filter_backends = (DjangoFilterBackend,)
    filterset_fields = ("merchant", "state")
    pagination_class = type("Pages", (PageNumberPagination,), {"page_size": 20})
    authentication_classes = ()
    permission_classes = ()
    renderer_classes = (JSONRenderer,)


urlpatterns = [
    path("default/", _site("default", _Identities, _Transfers).urls),
    path("tuned/", _site("tuned", _TunedIdentities, _TunedTransfers).urls),
    path("viewset/transfers/", _TransferList.as_view()),
]
