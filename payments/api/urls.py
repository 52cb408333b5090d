"""Paths of the partner API that this app owns. Both slash forms are served (api.middleware)."""

from typing import Any

from django.urls import path

from payments.api.authorizations import (
    ApplicationAuthorizationViewSet,
    AuthorizationViewSet,
    IdentityAuthorizationViewSet,
    InstrumentAuthorizationViewSet,
)
from payments.api.reversals import ApplicationReversalViewSet, ReversalViewSet
from payments.api.settlements import (
    ApplicationSettlementViewSet,
    FundingTransferViewSet,
    HeldTransferViewSet,
    IdentitySettlementViewSet,
    SettlementViewSet,
)
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
FUND: dict[str, Any] = {"post": "fund"}
REMOVE: dict[str, Any] = {"delete": "remove"}

app_name = "payments-api"
urlpatterns = [
    path("transfers", TransferViewSet.as_view(LIST | CREATE)),
    path("transfers/<str:pk>", TransferViewSet.as_view(ONE | UPDATE)),
    path("transfers/<str:transfer>/reversals", ReversalViewSet.as_view(LIST | CREATE)),
    path("transfers/<str:transfer>/payment_instruments", TransferInstrumentViewSet.as_view(LIST)),
    path("applications/<str:application>/transfers", ApplicationTransferViewSet.as_view(LIST)),
    path("applications/<str:application>/reversals", ApplicationReversalViewSet.as_view(LIST)),
    path("identities/<str:identity>/transfers", IdentityTransferViewSet.as_view(LIST)),
    path("payment_instruments/<str:instrument>/transfers", InstrumentTransferViewSet.as_view(LIST)),
    path("authorizations", AuthorizationViewSet.as_view(LIST | CREATE)),
    path("authorizations/<str:pk>", AuthorizationViewSet.as_view(ONE | UPDATE)),
    path("applications/<str:application>/authorizations", ApplicationAuthorizationViewSet.as_view(LIST)),
    path("identities/<str:identity>/authorizations", IdentityAuthorizationViewSet.as_view(LIST)),
    path("payment_instruments/<str:instrument>/authorizations", InstrumentAuthorizationViewSet.as_view(LIST)),
    path("settlements", SettlementViewSet.as_view(LIST)),
    path("settlements/<str:pk>", SettlementViewSet.as_view(ONE | UPDATE | FUND)),
    path("settlements/<str:settlement>/transfers", HeldTransferViewSet.as_view(LIST | REMOVE)),
    path("settlements/<str:settlement>/funding_transfers", FundingTransferViewSet.as_view(LIST | CREATE)),
    path("applications/<str:application>/settlements", ApplicationSettlementViewSet.as_view(LIST)),
    path("identities/<str:identity>/settlements", IdentitySettlementViewSet.as_view(LIST | CREATE)),
]
