"""Who else owns the demo's businesses: whoever shares one with its principal, before the processor is told."""

import random
from datetime import timedelta
from typing import Any

from onboarding.demo.names import PEOPLE
from onboarding.demo.plan import SEED, Business
from onboarding.models import Identity
from onboarding.serializers.identities import AssociatedIdentityInput
from onboarding.services import create_associated_identity, owners_of
from tenancy.actors import Actor
from tenancy.transactions import transaction

_SHARES = {25: (40, 35), 50: (50,), 51: (30,)}
"""What others hold by what the principal holds; a fifth of some businesses nobody has told of."""


def ensure_owners(business: Business, identity: Identity, by: Actor) -> None:
    """Those of them that an earlier run has not made."""
    shares = _SHARES.get(business.entity["principal_percentage_ownership"], ())
    with transaction(by=by):
        present = owners_of(identity, by=by).count()
    for position, share in enumerate(shares[present:], start=present):
        body = AssociatedIdentityInput(data={"entity": _person(business, position, share)})
        body.is_valid(raise_exception=True)
        create_associated_identity(
            business=identity,
            entity=body.validated_data["entity"],
            tags={"owner_of": business.key},
            by=by,
            at=business.made_at + timedelta(minutes=12 + position),
        )


def _person(business: Business, position: int, share: int) -> dict[str, Any]:
    dice = random.Random(f"{SEED} {business.key} {position}")  # noqa: S311 - a demo, the same every time
    others = [name for name in PEOPLE if name[0] != business.entity["first_name"]]
    first, last = dice.choice(others)
    return {
        "first_name": first,
        "last_name": last,
        "title": dice.choice(("Partner", "Co-founder", "Silent partner", "CFO")),
        "principal_percentage_ownership": share,
        "dob": {"day": dice.randrange(1, 28), "month": dice.randrange(1, 13), "year": dice.randrange(1955, 2001)},
        "tax_id": f"{dice.randrange(10**8, 10**9)}",
        "email": f"{first}.{last}@mail.example".lower(),
        "phone": f"503555{dice.randrange(10000):04d}",
        "personal_address": business.entity["personal_address"],
    }
