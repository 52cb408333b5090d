"""What of an identity lies in the vault."""

from collections.abc import Sequence
from datetime import date

import vault.services as vault
from onboarding.models import Identity


def attach_birth_dates(identities: Sequence[Identity]) -> None:
    """Set `dob` on each row, a date or None, with one query for all of them; call it in a transaction."""
    opened = vault.open_all([identity for identity in identities if identity.dob_provided], "dob")
    for identity in identities:
        secret = opened.get(identity.pk)
        identity.dob = date.fromisoformat(secret.reveal()) if secret else None
