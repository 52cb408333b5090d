"""Sealing and opening the sensitive values of a row. The rest of Merchantry holds only whether one is there."""

import uuid
from collections.abc import Collection, Iterable

from django.conf import settings
from django.db import models

from resources import ids
from vault.keys import KeyRing, UnusableKey, keyed_hash
from vault.models import KeyCheck, SealedValue
from vault.secret import Secret

_CHECK_TEXT = "merchantry"


def seal(owner: models.Model, name: str, secret: Secret, *, application_id: uuid.UUID) -> None:
    """Keep a sensitive value of a row, in place of the one it had under this name."""
    sealed = _ring().seal(secret.reveal(), context=_context(owner._meta.db_table, owner.pk, name))
    value = SealedValue(
        owner_table=owner._meta.db_table, owner_id=owner.pk, name=name, sealed=sealed, application_id=application_id
    )
    SealedValue.objects.bulk_create(
        [value],
        update_conflicts=True,
        unique_fields=["owner_id", "owner_table", "name"],
        update_fields=["sealed", "application_id"],
    )


def seal_new(secrets: Iterable[tuple[models.Model, str, Secret]], *, application_id: uuid.UUID) -> None:
    """Keep values of rows that are new themselves, all in one statement: owner, name, value."""
    SealedValue.objects.bulk_create(
        [
            SealedValue(
                application_id=application_id,
                owner_table=owner._meta.db_table,
                owner_id=owner.pk,
                name=name,
                sealed=_ring().seal(secret.reveal(), context=_context(owner._meta.db_table, owner.pk, name)),
            )
            for owner, name, secret in secrets
        ]
    )


def erase(owner: models.Model, name: str) -> None:
    SealedValue.objects.filter(owner_table=owner._meta.db_table, owner_id=owner.pk, name=name).delete()


def erase_all(model: type[models.Model], keys: Collection[uuid.UUID]) -> int:
    """Erase whatever the vault holds of rows of a table; tells how much that was."""
    erased, _ = SealedValue.objects.filter(owner_table=model._meta.db_table, owner_id__in=keys).delete()
    return erased


def owners_with(model: type[models.Model], name: str) -> models.QuerySet[SealedValue, uuid.UUID]:
    """The keys of the rows of a table of which the vault holds a value of this name, whether they exist or not."""
    return SealedValue.objects.filter(owner_table=model._meta.db_table, name=name).values_list("owner_id", flat=True)


def open_all(owners: Iterable[models.Model], name: str) -> dict[uuid.UUID, Secret]:
    """The values of this name by owner id, in one query. Raises UnusableKey when one does not open."""
    owners = list(owners)
    if not owners:
        return {}
    table = owners[0]._meta.db_table
    rows = SealedValue.objects.filter(owner_table=table, owner_id__in=[owner.pk for owner in owners], name=name)
    return {
        row.owner_id: Secret(_ring().unseal(bytes(row.sealed), context=_context(table, row.owner_id, name)))
        for row in rows
    }


def fingerprint(secret: Secret, *, application_id: uuid.UUID) -> str:
    """The same for the same number within an application, and telling nothing of it: `FPR` and a base58 number."""
    digest = keyed_hash(settings.VAULT_INDEX_KEY, f"{application_id}:{secret.reveal()}")
    return "FPR" + ids.encode(uuid.UUID(bytes=digest[:16]))


def check_keys() -> None:
    """Refuse to go on with a wrong or missing key; note the present ones. Raises UnusableKey naming the key id."""
    ring = _ring()
    known = {check.key_id: bytes(check.sealed) for check in KeyCheck.objects.all()}
    for key_id, sealed in known.items():
        try:
            ring.unseal(sealed, context=_check_context(key_id))
        except UnusableKey as error:
            raise UnusableKey(
                f"VAULT_KEYS: key {key_id} is missing or not the one that was used here: {error}"
            ) from error
    sealing_key = ring.keys[0][0]
    if sealing_key not in known:
        KeyCheck.objects.bulk_create(
            [KeyCheck(key_id=sealing_key, sealed=ring.seal(_CHECK_TEXT, context=_check_context(sealing_key)))],
            ignore_conflicts=True,
        )


def _ring() -> KeyRing:
    ring: KeyRing = settings.VAULT_KEYS
    return ring


def _context(table: str, owner_id: uuid.UUID, name: str) -> str:
    return f"{table}:{owner_id}:{name}"


def _check_context(key_id: str) -> str:
    return f"vault_key_check:{key_id}"
