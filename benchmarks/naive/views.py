from typing import Any

from django.db import transaction
from django.db.models import F
from django.utils import timezone
from rest_framework import serializers, viewsets
from rest_framework.request import Request
from rest_framework.response import Response

from benchmarks.naive.models import (
    Account,
    Attempt,
    Audit,
    Card,
    Entry,
    Event,
    IdempotencyKey,
    Merchant,
    Outbox,
    ProviderTransfer,
    Transfer,
)


class TransferSerializer(serializers.ModelSerializer):
    class Meta:
        model = Transfer
        fields = "__all__"
        read_only_fields = ("state", "trace_id", "created_at", "updated_at")


class TransferViewSet(viewsets.ModelViewSet):
    """The same rows as a sale of the platform leaves, in one transaction, without a provider to wait for."""

    queryset = Transfer.objects.all()
    serializer_class = TransferSerializer

    @transaction.atomic
    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        key, is_new = IdempotencyKey.objects.get_or_create(key=request.headers["Idempotency-Key"])
        if not is_new:
            return Response(key.body, status=key.status)
        response = super().create(request, *args, **kwargs)
        key.status, key.body = response.status_code, response.data
        key.save()
        return response

    def perform_create(self, serializer: Any) -> None:
        merchant = Merchant.objects.select_for_update().get(pk=serializer.validated_data["merchant"].pk)
        card = Card.objects.get(pk=serializer.validated_data["source"].pk)
        if not (merchant.approved and merchant.processing_enabled and card.enabled):
            raise serializers.ValidationError("Not possible")
        transfer = serializer.save()
        Event.objects.create(transfer=transfer, kind="transfer.created")
        Audit.objects.create(action="create_transfer", author=self.request.user)
        attempt = Attempt.objects.create(transfer=transfer)
        told = ProviderTransfer.objects.create(
            reference=f"TR{transfer.pk}-1", amount=transfer.amount, currency=transfer.currency, state="SUCCEEDED"
        )
        attempt.state, attempt.decided_at = "ACCEPTED", timezone.now()
        attempt.save()
        transfer.state, transfer.trace_id = told.state, f"FNX{told.pk}"
        transfer.save()
        self.enter(transfer)
        Event.objects.create(transfer=transfer, kind="transfer.updated", changes={"state": ["PENDING", told.state]})

    def enter(self, transfer: Transfer) -> None:
        legs = {"CLEARING": transfer.amount, "BALANCE": transfer.fee - transfer.amount, "FEES": -transfer.fee}
        for kind, amount in legs.items():
            account, _ = Account.objects.get_or_create(
                merchant=transfer.merchant, kind=kind, currency=transfer.currency
            )
            Entry.objects.create(transfer=transfer, account=account, amount=amount)
            Account.objects.filter(pk=account.pk).update(balance=F("balance") + amount)


class SmallTransferViewSet(viewsets.ModelViewSet):
    """Far less: the transfer, two ledger rows and one of an outbox."""

    queryset = Transfer.objects.all()
    serializer_class = TransferSerializer

    @transaction.atomic
    def perform_create(self, serializer: Any) -> None:
        transfer = serializer.save()
        for account, amount in ((1, transfer.amount), (2, -transfer.amount)):
            Entry.objects.create(transfer=transfer, account_id=account, amount=amount)
        Outbox.objects.create(kind="transfer.created", payload={"id": transfer.pk})
