from django.http import HttpRequest, HttpResponse
from django.urls import path

from benchmarks.naive.views import SmallTransferViewSet, TransferViewSet


def healthz(_request: HttpRequest) -> HttpResponse:
    return HttpResponse("ok")


urlpatterns = [
    path("healthz", healthz),
    path("transfers", TransferViewSet.as_view({"post": "create"})),
    path("small", SmallTransferViewSet.as_view({"post": "create"})),
]
