from django.db import models

from resources import ids


class SealedValue(models.Model):
    """One sensitive value of one row elsewhere, encrypted and bound to that row and column."""

    id = models.UUIDField(primary_key=True, default=ids.new_id, editable=False)
    application_id = models.UUIDField()
    owner_table = models.CharField(max_length=60)
    owner_id = models.UUIDField()
    name = models.CharField(max_length=60, help_text="The column it would be, e.g. tax_id.")
    sealed = models.BinaryField(help_text="Key id, nonce and AES-256-GCM ciphertext.")

    class Meta:
        db_table = "vault_value"
        constraints = [
            models.UniqueConstraint(name="vault_value_once_per_owner", fields=["owner_id", "owner_table", "name"]),
        ]

    def __str__(self) -> str:
        return f"{self.name} of {self.owner_table} {self.owner_id}"


class KeyCheck(models.Model):
    """A known text under each key that was ever used here: a wrong key is found at start-up, not at a payout."""

    key_id = models.CharField(max_length=16, primary_key=True)
    sealed = models.BinaryField()

    class Meta:
        db_table = "vault_key_check"

    def __str__(self) -> str:
        return self.key_id
