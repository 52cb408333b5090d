# ruff: noqa: DJ008 - nobody looks at these rows

from django.db import models


class Merchant(models.Model):
    name = models.CharField(max_length=100)
    approved = models.BooleanField(default=True)
    processing_enabled = models.BooleanField(default=True)


class Card(models.Model):
    last_four = models.CharField(max_length=4)
    enabled = models.BooleanField(default=True)


class Transfer(models.Model):
    merchant = models.ForeignKey(Merchant, models.PROTECT)
    source = models.ForeignKey(Card, models.PROTECT)
    amount = models.BigIntegerField()
    fee = models.BigIntegerField(default=0)
    currency = models.CharField(max_length=3)
    state = models.CharField(max_length=20, default="PENDING")
    trace_id = models.CharField(max_length=60, null=True)
    tags = models.JSONField(default=dict)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        indexes = [
            models.Index(fields=["-created_at"]),
            models.Index(fields=["merchant", "state", "-created_at"]),
            models.Index(fields=["trace_id"]),
        ]


class IdempotencyKey(models.Model):
    key = models.CharField(max_length=255, unique=True)
    status = models.IntegerField(null=True)
    body = models.JSONField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)


class Attempt(models.Model):
    transfer = models.ForeignKey(Transfer, models.PROTECT)
    state = models.CharField(max_length=20, default="CLAIMED")
    created_at = models.DateTimeField(auto_now_add=True)
    decided_at = models.DateTimeField(null=True)


class ProviderTransfer(models.Model):
    reference = models.CharField(max_length=60, unique=True)
    amount = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    state = models.CharField(max_length=20)
    created_at = models.DateTimeField(auto_now_add=True)


class Account(models.Model):
    merchant = models.ForeignKey(Merchant, models.PROTECT)
    kind = models.CharField(max_length=30)
    currency = models.CharField(max_length=3)
    balance = models.BigIntegerField(default=0)

    class Meta:
        unique_together = [("merchant", "kind", "currency")]


class Entry(models.Model):
    transfer = models.ForeignKey(Transfer, models.PROTECT)
    account = models.ForeignKey(Account, models.PROTECT)
    amount = models.BigIntegerField()
    created_at = models.DateTimeField(auto_now_add=True)


class Event(models.Model):
    transfer = models.ForeignKey(Transfer, models.PROTECT)
    kind = models.CharField(max_length=60)
    changes = models.JSONField(default=dict)
    created_at = models.DateTimeField(auto_now_add=True)


class Audit(models.Model):
    action = models.CharField(max_length=60)
    author = models.ForeignKey("auth.User", models.PROTECT)
    created_at = models.DateTimeField(auto_now_add=True)


class Outbox(models.Model):
    kind = models.CharField(max_length=60)
    payload = models.JSONField()
    created_at = models.DateTimeField(auto_now_add=True)
