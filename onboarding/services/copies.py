"""The copying functions of this app's resources: the one way in which a provider's word enters their tables."""

from collections.abc import Mapping
from typing import Any

from onboarding.models import Identity, Merchant, PaymentInstrument, Verification
from providers import port
from providers.copying import is_contradicted, is_old, stamp
from resources.errors import NotVisible
from tenancy.models import MerchantProfile, Processor, RiskProfile
from tenancy.transactions import Act

_OF_AN_INSTRUMENT = (
    "identity_id", "type", "fingerprint", "currency", "name", "last_four", "enabled", "bank_code", "account_type",
    "country", "bin", "brand", "card_type", "issuer_country", "expiration_month", "expiration_year", "address",
    "address_verification", "security_code_verification",
)  # fmt: skip


def copy_instrument(current: Act, account: port.Account, provider: str, news: port.Instrument) -> PaymentInstrument:
    """Take over a card or bank account."""
    values = {name: getattr(news, name) for name in _OF_AN_INSTRUMENT}
    values["address"] = None if news.address is None else dict(news.address)
    row = PaymentInstrument.objects.visible_to(current.by).select_for_update().filter(pk=news.id).first()
    if row is None:
        row = PaymentInstrument(
            id=news.id,
            application_id=account.application_id,
            tags=dict(news.tags),
            created_at=news.created_at,
            updated_at=news.updated_at,
            **values,
        )
        stamp(row, provider, news, current.at)
        row.save(force_insert=True)
        current.record(
            "payment_instrument.created", row, application_id=account.application_id, changes={}, is_first=True
        )
    elif not is_old(row, news):
        _save(current, row, row.assign(values), provider, news)
    return row


def copy_merchant(current: Act, account: port.Account, provider: str, news: port.Merchant) -> Merchant:
    """Take over what a processor says of a merchant. Its switches follow its state, and are ours otherwise."""
    row = Merchant.objects.visible_to(current.by).select_for_update().filter(pk=news.id).first()
    if row is None:
        row = _new_merchant(current, account, news)
    elif is_old(row, news) or is_contradicted(
        current, row, Merchant.MOVES, row.onboarding_state, news.onboarding_state
    ):
        return row
    changes = row.assign(
        {
            "mid": news.mid,
            "mcc": news.mcc,
            "merchant_name": row.merchant_name or news.merchant_name,
            "processor_details": dict(news.processor_details),
        }
    )
    changes.pop("processor_details", None)
    if news.onboarding_state != row.onboarding_state:
        changes |= row.move_to(news.onboarding_state)
    _save(current, row, changes, provider, news, kind="underwritten" if "onboarding_state" in changes else "updated")
    return row


def copy_verification(current: Act, account: port.Account, provider: str, news: port.Verification) -> Verification:
    """Take over what a processor found about a merchant."""
    row = Verification.objects.visible_to(current.by).select_for_update().filter(pk=news.id).first()
    if row is None:
        row = Verification(
            id=news.id,
            application_id=account.application_id,
            merchant_id=news.merchant_id,
            merchant_identity_id=news.identity_id,
            processor=news.processor,
            tags=dict(news.tags),
            created_at=news.created_at,
            updated_at=news.updated_at,
        )
        row.save(force_insert=True)
        merchants = Merchant.objects.visible_to(current.by).filter(pk=news.merchant_id)
        merchants.update(verification_id=news.id)  # news come in the order in which they were made
    elif is_old(row, news) or is_contradicted(current, row, Verification.MOVES, row.state, news.state):
        return row
    changes = row.assign(
        {
            "messages": list(news.messages),
            "raw": None if news.findings is None else dict(news.findings),
            "trace_id": news.trace_id,
        }
    )
    changes.pop("raw", None)
    if news.state != row.state:
        changes |= row.move_to(news.state)
    _save(current, row, changes, provider, news)
    return row


def new_profile(processor: Processor, current: Act) -> MerchantProfile:
    """The profile of a new merchant: its own, beginning as its processor's default stands."""
    default = processor.default_merchant_profile.risk_profile
    moments = {"created_at": current.at, "updated_at": current.at}
    risk_profile = RiskProfile.objects.create(
        application_id=processor.application_id,
        avs_failure_allowed=default.avs_failure_allowed,
        csc_failure_allowed=default.csc_failure_allowed,
        **moments,
    )
    return MerchantProfile.objects.create(application_id=processor.application_id, risk_profile=risk_profile, **moments)


def _new_merchant(current: Act, account: port.Account, news: port.Merchant) -> Merchant:
    """A merchant that the provider knows and we do not."""
    processors = Processor.objects.visible_to(current.by).select_related("default_merchant_profile__risk_profile")
    processor = processors.filter(application_id=account.application_id, processor=news.processor).first()
    if processor is None or not Identity.objects.visible_to(current.by).filter(pk=news.identity_id).exists():
        raise NotVisible(str(news.id))
    row = Merchant(
        id=news.id,
        application_id=account.application_id,
        identity_id=news.identity_id,
        processor=news.processor,
        enabled_processor=processor,
        merchant_profile=new_profile(processor, current),
        tags=dict(news.tags),
        created_at=news.created_at,
        updated_at=news.updated_at,
    )
    row.save(force_insert=True)
    return row


def _save(
    current: Act,
    row: PaymentInstrument | Merchant | Verification,
    changes: Mapping[str, Any],
    provider: str,
    news: port.News,
    *,
    kind: str = "updated",
) -> None:
    stamp(row, provider, news, current.at)
    if changes and not current.is_backfill:
        row.updated_at = max(row.updated_at, news.updated_at)
    row.save()
    if changes:
        current.record(f"{row.KIND}.{kind}", row, application_id=row.application_id, changes=dict(changes))
