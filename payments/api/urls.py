"""Paths of the partner API that this app owns. Both slash forms are served (api.middleware)."""

from typing import Any

from django.urls import path

from payments.api.transfers import (
    ApplicationTransferViewSet,
    IdentityTransferViewSet,
    InstrumentTransferViewSet,
    TransferInstrumentViewSet,
    TransferViewSet,
)

LIST: dict[str, Any] = {"get": "list"}
CREATE: dict[str, Any] = {"post": "create"}
ONE: dict[str, Any] = {"get": "retrieve"}
UPDATE: dict[str, Any] = {"put": "update"}

app_name = "payments-api"
urlpatterns = [
    path("transfers", TransferViewSet.as_view(LIST | CREATE)),
    path("transfers/<str:pk>", TransferViewSet.as_view(ONE | UPDATE)),
    path("transfers/<str:transfer>/payment_instruments", TransferInstrumentViewSet.as_view(LIST)),
    path("applications/<str:application>/transfers", ApplicationTransferViewSet.as_view(LIST)),
    path("identities/<str:identity>/transfers", IdentityTransferViewSet.as_view(LIST)),
    path("payment_instruments/<str:instrument>/transfers", InstrumentTransferViewSet.as_view(LIST)),
]
