"""Who is paid: the merchant that a body names, or the one that an identity is."""

import uuid
from collections.abc import Mapping
from typing import Any

from onboarding.api.verifications import only_merchant
from onboarding.models import Merchant
from tenancy.actors import Actor
from tenancy.transactions import transaction


def merchant_of(body: Mapping[str, Any], *, by: Actor) -> uuid.UUID:
    """The merchant's key. Raises FieldError where an identity is no enabled merchant, or several; it names them."""
    if "merchant" in body:
        key: uuid.UUID = body["merchant"]
        return key
    named = {"identity_id": body["merchant_identity"]}
    if "processor" in body:
        named["processor"] = body["processor"]
    with transaction(by=by):
        enabled = Merchant.objects.visible_to(by).filter(processing_enabled=True, **named)
        return only_merchant(enabled, "merchant_identity").pk
