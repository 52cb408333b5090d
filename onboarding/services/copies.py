"""The copying functions of this app's resources: the one way in which a provider's word enters their tables."""

import uuid
from collections.abc import Iterable, Mapping
from typing import Any

from onboarding.models import Identity, InstrumentUpdate, Merchant, PaymentInstrument, Token, Verification
from onboarding.services import review_items
from providers import port
from providers.attempts import Ending
from providers.copying import is_contradicted, is_old, stamp
from providers.redaction import redacted, redacted_details, redacted_text
from resources.errors import NotVisible
from tenancy.models import MerchantProfile, Processor
from tenancy.transactions import Act

_OF_AN_INSTRUMENT = (
    "identity_id", "type", "fingerprint", "currency", "name", "last_four", "enabled", "bank_code", "account_type",
    "country", "bin", "brand", "card_type", "issuer_country", "expiration_month", "expiration_year", "address",
    "address_verification", "security_code_verification", "security_code_provided", "fast_funds_indicator",
    "push_funds_block_indicator", "online_gambling_block_indicator", "tags",
)  # fmt: skip


def refuse_others(news: Iterable[port.News], about: Mapping[type[port.News], uuid.UUID | None], **members: Any) -> None:
    """An answer to an act speaks of what was asked for, `about`, whose None is any of the kind; `members` are its ties.

    Raises ValueError for everything else, so that nothing of the answer is relied on.
    """
    for told in news:
        is_of_the_act = type(told) in about and about[type(told)] in {None, told.id}
        if not is_of_the_act or any(getattr(told, name, value) != value for name, value in members.items()):
            raise ValueError(f"The provider speaks of another {type(told).__name__}")


def copy_token(current: Act, account: port.Account, provider: str, news: port.Token) -> Token:
    """Take over a card or bank account that nobody has claimed yet; that somebody asked for it is ours."""
    values = {name: getattr(news, name) for name in ("instrument_type", "fingerprint", "currency", "expires_at")}
    row = Token.objects.visible_to(current.by).select_for_update().filter(pk=news.id).first()
    if row is None:
        row = Token(
            id=news.id,
            application_id=account.application_id,
            created_at=news.created_at,
            updated_at=news.updated_at,
            **values,
        )
        stamp(row, provider, news, current.at)
        row.save(force_insert=True)
        current.record("token.created", row, application_id=account.application_id, is_first=True)
    elif not is_old(row, news):
        _save(current, row, row.assign(values), provider, news)
    return row


def copy_instrument(
    current: Act,
    account: port.Account,
    provider: str,
    news: port.Instrument,
    *,
    created_via: PaymentInstrument.CreatedVia = PaymentInstrument.CreatedVia.API,
) -> PaymentInstrument:
    """Take over a card or bank account. `created_via` is told of one that we do not know yet."""
    values = {name: getattr(news, name) for name in _OF_AN_INSTRUMENT}
    values["address"] = None if news.address is None else dict(news.address)
    values["tags"] = dict(news.tags)
    row = PaymentInstrument.objects.visible_to(current.by).select_for_update().filter(pk=news.id).first()
    if row is not None and (row.identity_id, row.type) != (news.identity_id, news.type):
        raise ValueError("An instrument belongs to one identity for good")
    if row is None:
        row = PaymentInstrument(
            id=news.id,
            application_id=account.application_id,
            created_via=created_via,
            created_at=news.created_at,
            updated_at=news.updated_at,
            **values,
        )
        stamp(row, provider, news, current.at)
        row.save(force_insert=True)
        current.record(
            "payment_instrument.created",
            row,
            application_id=account.application_id,
            changes={},
            is_first=created_via != PaymentInstrument.CreatedVia.TOKEN,  # a token's history is under the same key
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
            "rejection_reasons": [redacted_text(reason) for reason in news.reasons],
            "mid": news.mid,
            "mcc": news.mcc,
            "merchant_name": row.merchant_name or news.merchant_name,
            "max_transaction_amount": news.max_transaction_amount,
            "processor_details": redacted_details(news.processor_details),
        }
    )
    changes.pop("processor_details", None)
    if news.onboarding_state != row.onboarding_state:
        changes |= row.move_to(news.onboarding_state)
    _save(current, row, changes, provider, news, kind="underwritten" if "onboarding_state" in changes else "updated")
    return row


def copy_verification(current: Act, account: port.Account, provider: str, news: port.Verification) -> Verification:
    """Take over what a processor found about a merchant, or about a card."""
    if news.merchant_id is not None:  # before its verifications, as when somebody asks for one
        merchants = Merchant.objects.visible_to(current.by).filter(pk=news.merchant_id)
        merchants.select_for_update().first()
    row = Verification.objects.visible_to(current.by).select_for_update().filter(pk=news.id).first()
    if row is None:
        row = Verification(
            id=news.id,
            application_id=account.application_id,
            merchant_id=news.merchant_id,
            merchant_identity_id=news.identity_id,
            payment_instrument_id=news.instrument_id,
            processor=news.processor,
            tags=dict(news.tags),
            created_at=news.created_at,
            updated_at=news.updated_at,
        )
        row.save(force_insert=True)
        if news.merchant_id is not None:
            merchants.update(verification_id=news.id)  # news come in the order in which they were made
    elif is_old(row, news) or is_contradicted(current, row, Verification.MOVES, row.state, news.state):
        if row.provider_version == news.version:
            review_items.restore(current, row, news)
        return row
    may_be_in_review = row.merchant_id is not None and (bool(row.provider) or news.is_held)
    changes = row.assign(
        {
            "messages": [redacted_text(message) for message in news.messages],
            "raw": None if news.findings is None else redacted(news.findings),
            "trace_id": news.trace_id,
            "payment_instrument_verification_details": None if news.details is None else dict(news.details),
        }
    )
    changes.pop("raw", None)
    changes.pop("payment_instrument_verification_details", None)
    if news.state != row.state:
        changes |= row.move_to(news.state)
    _save(current, row, changes, provider, news)
    if may_be_in_review:
        review_items.follow(current, row, news)
    return row


def copy_instrument_update(
    current: Act, account: port.Account, provider: str, news: port.CardUpdate
) -> InstrumentUpdate:
    """Take over what a card's issuer said of it; what changed on the card comes as news of the instrument."""
    row = InstrumentUpdate.objects.visible_to(current.by).select_for_update().filter(pk=news.id).first()
    if row is None:
        row = InstrumentUpdate(
            id=news.id,
            application_id=account.application_id,
            merchant_id=news.merchant_id,
            payment_instrument_id=news.instrument_id,
            tags=dict(news.tags),
            created_at=news.created_at,
            updated_at=news.updated_at,
        )
        row.save(force_insert=True)
    elif is_old(row, news) or is_contradicted(current, row, InstrumentUpdate.MOVES, row.state, news.state):
        return row
    messages = [redacted_text(message) for message in news.messages]
    changes = row.assign({"messages": messages, "trace_id": news.trace_id})
    if news.state != row.state:
        changes |= row.move_to(news.state)
    _save(current, row, changes, provider, news)
    return row


def fail(current: Act, row: Verification | InstrumentUpdate, ending: Ending, unreached: str) -> None:
    """End what was not carried out, without a provider keeping anything of it; `unreached` is said where it is mute."""
    changes = row.move_to(row.State.FAILED)
    changes |= row.assign({"messages": [ending.message or unreached]})
    row.updated_at = max(row.updated_at, current.at)
    row.save(update_fields=[*changes, "updated_at"])
    current.record(f"{row.KIND}.updated", row, application_id=row.application_id, changes=changes)


def new_profile(processor: Processor, current: Act) -> MerchantProfile:
    """The profile of a new merchant: as its processor's default, which follows the application's unless told."""
    return MerchantProfile.objects.create(
        application_id=processor.application_id,
        risk_profile_id=processor.default_merchant_profile.risk_profile_id,
        created_at=current.at,
        updated_at=current.at,
    )


def note_at_processor(identity: Identity) -> None:
    """Tell the identity that a merchant was made of it; nothing that it tells of itself changes by that."""
    if not identity.is_at_processor:
        Identity.objects.filter(pk=identity.pk, application_id=identity.application_id).update(is_at_processor=True)
        identity.is_at_processor = True


def _new_merchant(current: Act, account: port.Account, news: port.Merchant) -> Merchant:
    """A merchant that the provider knows and we do not."""
    processors = Processor.objects.visible_to(current.by).select_related("default_merchant_profile")
    processor = processors.filter(application_id=account.application_id, processor=news.processor).first()
    identity = Identity.objects.visible_to(current.by).filter(pk=news.identity_id).first()
    if processor is None or identity is None:
        raise NotVisible(str(news.id))
    note_at_processor(identity)
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
    row: PaymentInstrument | Token | Merchant | Verification | InstrumentUpdate,
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
