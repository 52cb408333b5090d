"""Cards and bank accounts at the sandbox."""

import uuid

from providers import port
from providers.port import Answer, TokeniseBankAccount, TokeniseCard, Verdict
from providers.sandbox.calls import Visit
from providers.sandbox.models import Instrument
from providers.sandbox.scenarios import CARD_TYPES, CARDS
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
        scenario=CARDS.get(number, ""),
        tags=dict(act.tags),
        created_at=visit.now,
        updated_at=visit.now,
    )
    return Answer(Verdict.ACCEPTED, (tell(instrument),))


def tokenise_bank_account(act: TokeniseBankAccount, visit: Visit) -> Answer:
    number = act.account_number.reveal()
    instrument = Instrument.objects.create(
        id=act.id,
        application_id=visit.application_id,
        identity_id=act.identity_id,
        type="BANK_ACCOUNT",
        # An account number means something at its bank only.
        fingerprint=fingerprint(Secret(f"{act.bank_code}:{number}"), application_id=visit.application_id),
        currency=act.currency,
        name=act.name,
        last_four=cards.last_four(number),
        bank_code=act.bank_code,
        account_type=act.account_type,
        country=act.country,
        tags=dict(act.tags),
        created_at=visit.now,
        updated_at=visit.now,
    )
    return Answer(Verdict.ACCEPTED, (tell(instrument),))


def recall(instrument_id: uuid.UUID, visit: Visit) -> Answer:
    """The answer to an act that made an instrument, from the instrument as it is now."""
    instrument = Instrument.objects.get(application_id=visit.application_id, pk=instrument_id)
    return Answer(Verdict.ACCEPTED, (tell(instrument),))


def tell(instrument: Instrument) -> port.Instrument:
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
    )
