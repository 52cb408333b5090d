"""Merchants at the sandbox's processors, and the checks that decide on them."""

import uuid
from datetime import datetime, timedelta
from typing import Any

from providers import port
from providers.port import Answer, DecideMerchant, ProvisionMerchant, Underwriting, Verdict, VerifyMerchant
from providers.redaction import redacted_details
from providers.sandbox import calls, scenarios
from providers.sandbox.calls import Visit
from providers.sandbox.models import Merchant, Verification
from resources import ids

REJECTED = "MERCHANT_REJECTED"
UNKNOWN = "MERCHANT_NOT_FOUND"
NOT_HELD = "MERCHANT_NOT_HELD"
_MESSAGES = {
    REJECTED: "The processor has rejected the merchant.",
    UNKNOWN: "The processor does not know this merchant.",
    NOT_HELD: "The processor does not wait for a word on this merchant any more.",
}
_HELD_CHECK = timedelta(minutes=1)


def provision_merchant(act: ProvisionMerchant, visit: Visit) -> Answer:
    """Onboard a merchant; its first verification decides, at once or later."""
    merchant = Merchant.objects.create(
        id=act.id,
        application_id=visit.application_id,
        identity_id=act.identity_id,
        verification_id=act.verification_id,
        processor=act.processor,
        onboarding_state="PROVISIONING",
        **_submitted(act.processor, act.underwriting),
        tags=dict(act.tags),
        created_at=visit.now,
        updated_at=visit.now,
    )
    verification = _begin(act.verification_id, merchant, act.underwriting, act.tags, visit)
    _decide_if_due(verification, merchant, visit.now)
    return _answer(verification, merchant, visit)


def verify_merchant(act: VerifyMerchant, visit: Visit) -> Answer:
    """Check a merchant again with the present data. One that is approved stays so, whatever is found."""
    merchants = Merchant.objects.select_for_update().filter(application_id=visit.application_id)
    merchant = merchants.filter(pk=act.merchant_id).first()
    if merchant is None:
        return Answer(Verdict.REFUSED, code=UNKNOWN, message=_MESSAGES[UNKNOWN])
    verification = _begin(act.id, merchant, act.underwriting, act.tags, visit)
    state = "APPROVED" if merchant.onboarding_state == "APPROVED" else "PROVISIONING"
    merchant.change(visit.now, verification_id=act.id, onboarding_state=state, reasons=[])
    _decide_if_due(verification, merchant, visit.now)
    return _answer(verification, merchant, visit)


def decide_merchant(act: DecideMerchant, visit: Visit) -> Answer:
    """Take a person's word on a merchant that is held; on any other it is refused."""
    of_the_merchant = {"pk": act.verification_id, "merchant_id": act.merchant_id}
    known = Verification.objects.filter(application_id=visit.application_id, **of_the_merchant)
    if not known.exists():
        return Answer(Verdict.REFUSED, code=UNKNOWN, message=_MESSAGES[UNKNOWN])
    verification, merchant = _locked(act.verification_id, visit)
    if not verification.is_held:
        return Answer(Verdict.REFUSED, code=NOT_HELD, message=_MESSAGES[NOT_HELD])
    verification.verdict = "SUCCEEDED" if act.is_accepted else "FAILED"
    verification.reasons = list(act.reasons)
    verification.due_at = visit.now
    verification.save(update_fields=["verdict", "reasons", "due_at"])
    _decide_if_due(verification, merchant, visit.now)
    return Answer(Verdict.ACCEPTED, _told(verification, merchant))


def recall_decision(verification_id: uuid.UUID, visit: Visit) -> Answer:
    """A word that was taken, whichever it was."""
    return Answer(Verdict.ACCEPTED, _told(*_locked(verification_id, visit)))


def recall(verification_id: uuid.UUID, visit: Visit) -> Answer:
    """What a verification has come to; one whose time has passed is decided now."""
    verification, merchant = _locked(verification_id, visit)
    _decide_if_due(verification, merchant, visit.now)
    return _answer(verification, merchant, visit)


def decide_due(visit: Visit) -> None:
    """Give the verdicts whose time has passed."""
    due = Verification.objects.filter(application_id=visit.application_id, state="PENDING", due_at__lte=visit.now)
    for verification_id in due.values_list("pk", flat=True):
        _decide_if_due(*_locked(verification_id, visit), visit.now)


def tell(merchant: Merchant) -> port.Merchant:
    details = redacted_details(_processor_details(merchant))
    return port.Merchant(
        id=merchant.id,
        version=f"{merchant.version:08}",
        created_at=merchant.created_at,
        updated_at=merchant.updated_at,
        raw={
            "id": ids.public_id("MU", merchant.id),
            "processor": merchant.processor,
            "onboarding_state": merchant.onboarding_state,
            "reasons": merchant.reasons,
            "merchant_name": merchant.merchant_name,
            "mcc": merchant.mcc,
            "mid": merchant.mid,
            "processor_details": details,
        },
        tags=merchant.tags,
        identity_id=merchant.identity_id,
        verification_id=merchant.verification_id,
        processor=merchant.processor,
        onboarding_state=merchant.onboarding_state,
        mid=merchant.mid,
        mcc=merchant.mcc,
        merchant_name=merchant.merchant_name,
        max_transaction_amount=merchant.max_transaction_amount,
        processor_details=details,
        reasons=tuple(merchant.reasons),
    )


def tell_verification(verification: Verification) -> port.Verification:
    findings = _findings(verification)
    return port.Verification(
        id=verification.id,
        version=f"{verification.version:08}",
        created_at=verification.created_at,
        updated_at=verification.updated_at,
        raw={
            "id": ids.public_id("VI", verification.id),
            "merchant": ids.public_id("MU", verification.merchant_id),
            "processor": verification.processor,
            "state": verification.state,
            "messages": verification.messages,
            "trace_id": verification.trace_id,
            "findings": findings,
            "is_held": verification.is_held,
        },
        tags=verification.tags,
        merchant_id=verification.merchant_id,
        identity_id=verification.identity_id,
        processor=verification.processor,
        state=verification.state,
        messages=tuple(verification.messages),
        trace_id=verification.trace_id,
        findings=findings,
        is_held=verification.is_held,
    )


def _begin(
    verification_id: uuid.UUID, merchant: Merchant, form: Underwriting, tags: port.Tags, visit: Visit
) -> Verification:
    tax_id = form.business_tax_id.reveal() if form.business_tax_id else None
    underwriter = scenarios.underwriter(merchant.processor, tax_id)
    waiting = scenarios.pace(visit.profile).verdict if underwriter.waits else timedelta(0)
    return Verification.objects.create(
        id=verification_id,
        application_id=visit.application_id,
        merchant_id=merchant.id,
        identity_id=merchant.identity_id,
        processor=merchant.processor,
        state="PENDING",
        trace_id=ids.public_id("FNX", ids.new_id()),
        **_submitted(merchant.processor, form),
        verdict="" if underwriter.is_held else "SUCCEEDED" if underwriter.is_approving else "FAILED",
        reasons=list(underwriter.reasons),
        due_at=None if underwriter.is_held else visit.now + waiting,
        tags=dict(tags),
        created_at=visit.now,
        updated_at=visit.now,
    )


def _submitted(processor: str, form: Underwriting) -> dict[str, Any]:
    """What of the form the processor keeps of a merchant; buyers' merchants at VISA_V1 are persons."""
    person = " ".join(name for name in (form.first_name, form.last_name) if name) or None
    if processor == "VISA_V1":
        return {"merchant_name": person, "mcc": None, "max_transaction_amount": 0}
    return {
        "merchant_name": form.doing_business_as or form.business_name or person,
        "mcc": form.mcc,
        "max_transaction_amount": form.max_transaction_amount,
    }


def _locked(verification_id: uuid.UUID, visit: Visit) -> tuple[Verification, Merchant]:
    """Merchant first, as in a new verification of it, so that the two do not wait for each other."""
    verifications = Verification.objects.filter(application_id=visit.application_id)
    (merchant_id,) = verifications.values_list("merchant_id", flat=True).filter(pk=verification_id)
    merchant = Merchant.objects.select_for_update().get(application_id=visit.application_id, pk=merchant_id)
    return verifications.select_for_update().get(pk=verification_id), merchant


def _decide_if_due(verification: Verification, merchant: Merchant, now: datetime) -> None:
    """Both rows are locked, or were just made. Does nothing before its time."""
    if not verification.is_due(now):
        return
    at = verification.due_at or now
    verification.change(at, state=verification.verdict, messages=verification.reasons)
    if merchant.verification_id != verification.id:  # a later one decides
        return
    if verification.verdict == "SUCCEEDED":
        mid = None if merchant.processor == "VISA_V1" else merchant.mid or ids.public_id("FNX", ids.new_id())
        merchant.change(
            at,
            onboarding_state="APPROVED",
            reasons=[],
            mid=mid,
            mcc=verification.mcc,
            merchant_name=verification.merchant_name,
            max_transaction_amount=verification.max_transaction_amount,
        )
    elif merchant.onboarding_state != "APPROVED":
        merchant.change(at, onboarding_state="REJECTED", reasons=verification.reasons)


def _told(verification: Verification, merchant: Merchant) -> tuple[port.News, ...]:
    return tell(merchant), tell_verification(verification)


def _answer(verification: Verification, merchant: Merchant, visit: Visit) -> Answer:
    news = _told(verification, merchant)
    if verification.state == "PENDING":
        again = calls.time_until(verification.due_at, visit.now) if verification.due_at else _HELD_CHECK
        return Answer(Verdict.WAITING, news, ask_again_in=again)
    if verification.state == "FAILED":
        return Answer(Verdict.REFUSED, news, code=REJECTED, message=_MESSAGES[REJECTED])
    return Answer(Verdict.ACCEPTED, news)


def _processor_details(merchant: Merchant) -> dict[str, str]:
    """As the processor has them, its key for the merchant included; never handed out like this."""
    return {} if merchant.mid is None else {"mid": merchant.mid, "api_key": "secretValue"}


def _findings(verification: Verification) -> dict[str, str] | None:
    if verification.state == "PENDING":
        return None
    return {
        "tax_id_check": "MATCH" if verification.state == "SUCCEEDED" else "NO_MATCH",
        "address_check": "MATCH" if verification.state == "SUCCEEDED" else "NO_MATCH",
        "watch_list_check": "CLEAR",
    }
