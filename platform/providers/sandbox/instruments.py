"""Cards and bank accounts at the sandbox."""

import uuid
from datetime import datetime

from providers import port
from providers.port import Answer, ClaimToken, TokeniseBankAccount, TokeniseCard, UpdateInstrument, Verdict
from providers.sandbox import tokens
from providers.sandbox.calls import Visit
from providers.sandbox.models import Instrument
from providers.sandbox.scenarios import (
    CARD_TYPES,
    CARDS,
    PUSH_CARDS,
    REFUND_CARDS,
    bank_return,
    inquiry_name,
    update_name,
)
from resources import cards, ids
from vault.secret import Secret
from vault.services import fingerprint


def tokenise_card(act: TokeniseCard, visit: Visit) -> Answer:
    """Keep what a provider tells of a card. The number ends here; a test card leaves the name of its behaviour."""
    number = act.number.reveal()
    instrument = Instrument.objects.create(
        id=act.id,
        application_id=visit.application_id,
        identity_id=act.identity_id,
        token_expires_at=_token_expires_at(act, visit),
        type="PAYMENT_CARD",
        fingerprint=fingerprint(act.number, application_id=visit.application_id),
        currency=act.currency,
        name=act.name,
        last_four=cards.last_four(number),
        bin=cards.bank_identification_number(number),
        brand=cards.brand(number),
        card_type=CARD_TYPES.get(number, "UNKNOWN"),
        issuer_country="UNKNOWN",
        expiration_month=act.expiration_month,
        expiration_year=act.expiration_year,
        address=None if act.address is None else dict(act.address),
        address_verification="UNKNOWN",
        security_code_verification="UNKNOWN",
        security_code_provided=act.security_code is not None,
        scenario=CARDS.get(number, ""),
        push_code=PUSH_CARDS.get(number, ""),
        refund_code=REFUND_CARDS.get(number, ""),
        inquiry=inquiry_name(number),
        updater=update_name(number),
        tags=dict(act.tags),
        created_at=visit.now,
        updated_at=visit.now,
    )
    return _made(instrument)


def tokenise_bank_account(act: TokeniseBankAccount, visit: Visit) -> Answer:
    number = act.account_number.reveal()
    instrument = Instrument.objects.create(
        id=act.id,
        application_id=visit.application_id,
        identity_id=act.identity_id,
        token_expires_at=_token_expires_at(act, visit),
        type="BANK_ACCOUNT",
        # An account number means something at its bank only.
        fingerprint=fingerprint(Secret(f"{act.bank_code}:{number}"), application_id=visit.application_id),
        currency=act.currency,
        name=act.name,
        last_four=cards.last_four(number),
        bank_code=act.bank_code,
        account_type=act.account_type,
        country=act.country,
        return_code=bank_return(act.bank_code, number),
        tags=dict(act.tags),
        created_at=visit.now,
        updated_at=visit.now,
    )
    return _made(instrument)


def claim_token(act: ClaimToken, visit: Visit) -> Answer:
    """Make the instrument of an identity of a token, whose name and address stay where none are told."""
    kept = locked(act.id, visit)
    if (code := tokens.why_not_claimable(kept, visit.now)) or kept is None:
        return tokens.refusal(code)
    kept.change(
        visit.now,
        identity_id=act.identity_id,
        name=kept.name if act.name is None else act.name,
        address=kept.address if act.address is None else dict(act.address),
        tags=dict(act.tags),
        created_at=visit.now,
    )
    return Answer(Verdict.ACCEPTED, (tell(kept),))


def update_instrument(act: UpdateInstrument, visit: Visit) -> Answer:
    """Write what may change. How a test card behaves, and what was flagged for good, stays."""
    kept = locked(act.id, visit)
    if kept is None or kept.identity_id is None:
        return Answer(Verdict.REFUSED, code="INSTRUMENT_NOT_FOUND", message="There is no such instrument.")
    address = None if act.address is None else dict(act.address)
    enabled = kept.enabled if act.enabled is None else act.enabled
    kept.change(visit.now, name=act.name, address=address, enabled=enabled, tags=dict(act.tags))
    return Answer(Verdict.ACCEPTED, (tell(kept),))


def recall(instrument_id: uuid.UUID, visit: Visit) -> Answer:
    """The answer to an act on an instrument, from the instrument as it is now."""
    instrument = Instrument.objects.get(application_id=visit.application_id, pk=instrument_id)
    return Answer(Verdict.ACCEPTED, (tell(instrument),))


def recall_made(instrument_id: uuid.UUID, visit: Visit) -> Answer:
    """The answer to an act that made an instrument or a token."""
    return _made(Instrument.objects.get(application_id=visit.application_id, pk=instrument_id))


def tell_one(instrument: Instrument) -> port.News:
    """A token until it is claimed."""
    return tokens.tell_token(instrument) if instrument.identity_id is None else tell(instrument)


def locked(instrument_id: uuid.UUID, visit: Visit) -> Instrument | None:
    found = Instrument.objects.select_for_update().filter(application_id=visit.application_id, pk=instrument_id)
    return found.first()


def _made(instrument: Instrument) -> Answer:
    """What began as a token is told as one, whatever became of it since."""
    news = tell(instrument) if instrument.token_expires_at is None else tokens.tell_token(instrument)
    return Answer(Verdict.ACCEPTED, (news,))


def _token_expires_at(act: TokeniseCard | TokeniseBankAccount, visit: Visit) -> datetime | None:
    return visit.now + tokens.LIFE if act.identity_id is None else None


def tell(instrument: Instrument) -> port.Instrument:
    if instrument.identity_id is None:
        raise ValueError("A token that nobody has claimed")
    return port.Instrument(
        id=instrument.id,
        version=f"{instrument.version:08}",
        created_at=instrument.created_at,
        updated_at=instrument.updated_at,
        raw={
            "id": ids.public_id("PI", instrument.id),
            "instrument_type": instrument.type,
            "fingerprint": instrument.fingerprint,
            "brand": instrument.brand,
            "bin": instrument.bin,
            "last_four": instrument.last_four,
            "enabled": instrument.enabled,
            "address_verification": instrument.address_verification,
            "security_code_verification": instrument.security_code_verification,
        },
        tags=instrument.tags,
        identity_id=instrument.identity_id,
        type=instrument.type,
        fingerprint=instrument.fingerprint,
        currency=instrument.currency,
        name=instrument.name,
        last_four=instrument.last_four,
        enabled=instrument.enabled,
        bank_code=instrument.bank_code,
        account_type=instrument.account_type,
        country=instrument.country,
        bin=instrument.bin,
        brand=instrument.brand,
        card_type=instrument.card_type,
        issuer_country=instrument.issuer_country,
        expiration_month=instrument.expiration_month,
        expiration_year=instrument.expiration_year,
        address=instrument.address,
        address_verification=instrument.address_verification,
        security_code_verification=instrument.security_code_verification,
        security_code_provided=instrument.security_code_provided,
        fast_funds_indicator=instrument.fast_funds_indicator,
        push_funds_block_indicator=instrument.push_funds_block_indicator,
        online_gambling_block_indicator=instrument.online_gambling_block_indicator,
    )
