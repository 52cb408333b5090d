"""Pages of this app, under /dashboard/."""

from django.urls import path

from payments.portal import sales, transfers

app_name = "payments"
urlpatterns = [
    path("transfers/", transfers.TransferList.as_view(), name="transfers"),
    path("transfers/new/", sales.ChooseMerchant.as_view(), name="choose-merchant"),
    path("transfers/new/<str:merchant>/", sales.CreateTransfer.as_view(), name="create-transfer"),
    path("transfers/<str:pk>/", transfers.TransferPage.as_view(), name="transfer"),
]
