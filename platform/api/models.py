from django.db import models
from django.db.models.functions import Now
from django.utils import timezone


class Limit(models.Model):
    """A counter of one window, used only while Valkey is away."""

    name = models.CharField(max_length=120, primary_key=True)
    count = models.PositiveIntegerField()
    counted_at = models.DateTimeField(default=timezone.now, db_default=Now())

    class Meta:
        db_table = "api_limit"

    def __str__(self) -> str:
        return self.name
