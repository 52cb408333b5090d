"""The change list of identities twice, under `default/` and `tuned/`; both show and search what the portal's list does.

Django counts all rows, and those of the filter, on every page. Tuned it leaves out the first of the two, and joins the
application by name instead of everything that an identity refers to.
"""

from typing import Any

from django.contrib.admin import AdminSite, ModelAdmin
from django.http import HttpRequest
from django.urls import path

from onboarding.models import Identity


class _OpenSite(AdminSite):
    """Whoever is signed in may look: our people have no `is_staff`."""

    def has_permission(self, request: HttpRequest) -> bool:
        return request.user.is_active


class _Identities(ModelAdmin):
    list_display = ("display_name", "business_type", "email", "application", "created_at")
    list_filter = ("business_type",)
    search_fields = ("^doing_business_as", "^business_name", "^first_name", "^last_name", "^email")
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


class _TunedIdentities(_Identities):
    show_full_result_count = False
    list_select_related = ("application",)


def _site(name: str, shown: type[_Identities]) -> AdminSite:
    site = _OpenSite(name)
    site.register(Identity, shown)
    return site


urlpatterns = [
    path("default/", _site("default", _Identities).urls),
    path("tuned/", _site("tuned", _TunedIdentities).urls),
]
