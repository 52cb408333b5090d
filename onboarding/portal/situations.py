"""What the checklists of an identity are read from: where it stands at each processor."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from onboarding.checklist import Situation
from onboarding.models import Identity, Merchant, Verification
from onboarding.portal.standing import held_among
from onboarding.services import open_share_of
from onboarding.underwriting import RECEIVES_ONLY
from tenancy.actors import Actor

_SHOWN = 20


def merchants_of(identity: Identity, *, by: Actor) -> list[Merchant]:
    """The merchants that it is, newest first; call it in a transaction."""
    found = Merchant.objects.visible_to(by).filter(identity=identity).select_related("enabled_processor")
    merchants = list(found.order_by("-created_at", "-id")[:_SHOWN])
    for merchant in merchants:
        merchant.identity, merchant.application = identity, identity.application
    return merchants


def situations_of(
    identity: Identity,
    merchants: Sequence[Merchant],
    *,
    has_card: bool,
    has_bank_account: bool,
    by: Actor,
    is_offered: bool = False,
) -> list[Situation]:
    """One for the newest merchant at each processor, or for a business that is none yet; call it in a transaction.

    The identity's application is joined. `is_offered` tells that a processor would take who is no business, too.
    """
    if not merchants and not (identity.is_merchant or is_offered):
        return []
    newest: dict[str, Merchant] = {}
    for merchant in merchants:
        newest.setdefault(merchant.processor, merchant)
    named = [row.verification_id for row in newest.values() if row.verification_id]
    checks = Verification.objects.visible_to(by).in_bulk(named) if named else {}
    held = held_among(checks.values(), by=by)
    of_the_identity = partial(
        Situation,
        identity,
        identity.application,
        has_card=has_card,
        has_bank_account=has_bank_account,
        open_share=open_share_of(identity, by=by),
    )
    if not newest:
        return [of_the_identity(receives_only=not identity.is_merchant)]
    return [
        of_the_identity(
            merchant,
            checks.get(merchant.verification_id) if merchant.verification_id else None,
            is_held=merchant.pk in held,
            receives_only=name == RECEIVES_ONLY,
        )
        for name, merchant in newest.items()
    ]


@dataclass(frozen=True)
class Refusal:
    """What a processor held against a business when it last looked."""

    merchant: Merchant
    reasons: Sequence[str]


def newest_merchants_of(identity: Identity, *, by: Actor) -> list[Merchant]:
    """Those whose processors are told of the identity, one each; of an owner those of the business.

    Call it in a transaction. Nothing is joined.
    """
    business = identity.associated_with_id or identity.pk
    found = Merchant.objects.visible_to(by).filter(application=identity.application_id, identity=business)
    newest: dict[str, Merchant] = {}
    for merchant in found.order_by("-created_at", "-id")[:_SHOWN]:
        newest.setdefault(merchant.processor, merchant)
    return list(newest.values())


def refusals_of(identity: Identity, *, by: Actor) -> list[Refusal]:
    """What the latest checks of its merchants were failed for; call it in a transaction."""
    merchants = {row.verification_id: row for row in newest_merchants_of(identity, by=by) if row.verification_id}
    if not merchants:
        return []
    checks = Verification.objects.visible_to(by).filter(pk__in=merchants, state=Verification.State.FAILED)
    found = [(merchants[check.pk], check) for check in checks.order_by("created_at", "id")]
    return [Refusal(merchant, merchant.rejection_reasons or check.messages) for merchant, check in found]
