"""Merchants and their verifications: an identity at a processor, from the form to the verdict."""

import uuid
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

import vault.services as vault
from onboarding.models import Identity, Merchant, PaymentInstrument, Verification
from onboarding.services import review_items
from onboarding.services.copies import (
    copy_merchant,
    copy_verification,
    fail,
    new_profile,
    note_at_processor,
    refuse_others,
)
from onboarding.services.processors import choose_processor
from onboarding.underwriting import RECEIVES_ONLY, SEALED, lacking_for_underwriting
from providers import attempts, port
from providers.attempts import Ending, Operation
from providers.models import Attempt
from resources import ids
from resources.errors import DomainError, FieldErrors
from resources.tags import Tags
from tenancy.actors import Actor
from tenancy.models import Application, Processor
from tenancy.roles import Permission
from tenancy.transactions import Act, act
from vault.secret import Secret

PROVISION = "provisioning"
VERIFY = "verification"

_UNREACHED = "The processor did not carry it out. Create another verification to try again."


class VerificationPending(DomainError):
    message = "An existing verification is already PENDING."


class RecipientNeedsCard(DomainError):
    message = "A recipient at VISA_V1 needs a card; add one to the identity first."


class BankAccountNeeded(DomainError):
    message = "A merchant of this application needs a bank account first; add one to the identity."


class ProcessorDisabled(DomainError):
    message = "The merchant's processor is switched off for the application."


class NotApproved(DomainError):
    message = "Only an approved merchant can be switched on."


def provision_merchant(
    *, identity: Identity, by: Actor, at: datetime, processor: str | None = None, tags: Tags | None = None
) -> Merchant:
    """Onboard an identity at a processor of its application; the answer may come at once, or later by the worker.

    Raises FieldErrors for what the underwriting form lacks, FieldError for the processor, RecipientNeedsCard, and
    BankAccountNeeded where the application asks for one before.
    """
    by.require(Permission.PROVISION_MERCHANTS)
    key, verification_key = ids.new_id(), ids.new_id()
    application_id = identity.application_id
    with act(
        "provision_merchant", by=by, at=at, application_id=application_id, resource=(Merchant.KIND, key)
    ) as current:
        identity = Identity.objects.visible_to(by).select_related("application").get(pk=identity.pk)
        chosen = choose_processor(application_id, processor, by=by)
        _refuse_unready(identity, chosen, by)
        made_at = identity.application.business_time(at)
        moments = {"created_at": made_at, "updated_at": made_at}
        merchant = Merchant(
            id=key,
            application=identity.application,
            identity=identity,
            processor=chosen.processor,
            enabled_processor=chosen,
            merchant_profile=new_profile(chosen, current),
            verification_id=verification_key,
            tags=tags or {},
            **moments,
        )
        merchant.save(force_insert=True)
        note_at_processor(identity)
        verification = _add_verification(current, merchant, verification_key, {})
        current.record("merchant.created", merchant, application_id=application_id, is_first=True)
        attempt = attempts.claim(
            operation=PROVISION,
            model=Merchant,
            resource_id=key,
            application_id=application_id,
            processor=chosen.processor,
            at=at,
        )
        request = port.ProvisionMerchant(
            id=key,
            verification_id=verification.pk,
            identity_id=identity.pk,
            processor=chosen.processor,
            underwriting=underwriting_of(identity),
            tags=merchant.tags,
        )
        account = port.Account(application_id, chosen.application_config)
    row: Merchant = attempts.carry_out(attempt, request, account=account, by=by, claimed=merchant)
    return row


def verify_merchant(*, merchant: Merchant, by: Actor, at: datetime, tags: Tags | None = None) -> Verification:
    """Send the identity's present data to the processor; the worker brings the verdict.

    After a rejection it is the next try, and the merchant is provisioning again; while approved it updates the
    processor, and state and switches stay. Raises VerificationPending.
    """
    by.require(Permission.PROVISION_MERCHANTS)
    key = ids.new_id()
    application_id = merchant.application_id
    with act(
        "verify_merchant", by=by, at=at, application_id=application_id, resource=(Verification.KIND, key)
    ) as current:
        merchant = (
            Merchant.objects.visible_to(by)
            .select_related("application", "enabled_processor")
            .select_for_update(of=("self",))
            .get(pk=merchant.pk)
        )
        if not merchant.enabled_processor.enabled:
            raise ProcessorDisabled
        pending = Verification.objects.visible_to(by).filter(merchant=merchant, state=Verification.State.PENDING)
        if pending.exists():
            raise VerificationPending
        identity = Identity.objects.visible_to(by).get(pk=merchant.identity_id)
        if merchant.processor != RECEIVES_ONLY and (lacking := lacking_for_underwriting(identity)):
            raise FieldErrors(lacking)
        verification = _add_verification(current, merchant, key, tags or {})
        changes = merchant.assign({"verification_id": key})
        if merchant.onboarding_state == Merchant.OnboardingState.REJECTED:
            changes |= merchant.move_to(Merchant.OnboardingState.PROVISIONING)
        merchant.updated_at = merchant.application.business_time(at)
        merchant.save(update_fields=[*changes, "updated_at"])
        changes["verification_id"] = [None, verification.public_id]
        current.record("merchant.updated", merchant, application_id=application_id, changes=changes)
        attempts.claim(
            operation=VERIFY,
            model=Verification,
            resource_id=key,
            application_id=application_id,
            processor=merchant.processor,
            at=at,
            is_deferred=True,
        )
    return verification


def update_merchant(
    *, merchant: Merchant, values: Mapping[str, Any], by: Actor, at: datetime, version: str | None = None
) -> Merchant:
    """Change settings of a merchant that are ours. A partner may set the tags only.

    Raises MissingPermission, NotApproved for a switch turned on too early, ChangedMeanwhile for an older `version`.
    """
    by.require(Permission.PROVISION_MERCHANTS if set(values) <= {"tags"} else Permission.MANAGE_MERCHANTS)
    with act(
        "update_merchant", by=by, at=at, application_id=merchant.application_id, resource=merchant.handle
    ) as current:
        merchant = (Merchant.objects.visible_to(by).select_related("application").select_for_update(of=("self",))).get(
            pk=merchant.pk
        )
        merchant.refuse_stale(version)
        is_approved = merchant.onboarding_state == Merchant.OnboardingState.APPROVED
        if not is_approved and (values.get("processing_enabled") or values.get("settlement_enabled")):
            raise NotApproved
        changes = merchant.assign(values)
        if changes:
            merchant.updated_at = merchant.application.business_time(at)
            merchant.save(update_fields=[*changes, "updated_at"])
            current.record("merchant.updated", merchant, application_id=merchant.application_id, changes=changes)
    return merchant


def underwriting_of(identity: Identity) -> port.Underwriting:
    """What a processor is told of an identity and of its owners, opened from the vault; call it in a transaction."""
    owners = Identity.objects.filter(application_id=identity.application_id, associated_with=identity)
    people = list(owners.order_by("created_at", "id")) if identity.is_merchant else []
    opened = {name: vault.open_all([identity, *people], name) for name in SEALED}
    return _told_of(identity, opened, tuple(_told_of(person, opened) for person in people))


def _told_of(
    identity: Identity,
    sealed: Mapping[str, Mapping[uuid.UUID, Secret]],
    owners: tuple[port.Underwriting, ...] = (),
) -> port.Underwriting:
    opened = {name: values.get(identity.pk) for name, values in sealed.items()}
    born = opened.pop("dob")
    return port.Underwriting(
        business_name=identity.business_name,
        doing_business_as=identity.doing_business_as,
        first_name=identity.first_name,
        last_name=identity.last_name,
        mcc=identity.mcc,
        max_transaction_amount=identity.max_transaction_amount,
        dob=date.fromisoformat(born.reveal()) if born else None,
        members={
            "title": identity.title,
            "email": identity.email,
            "phone": identity.phone_e164,
            "business_type": identity.business_type,
            "business_phone": identity.business_phone_e164,
            "business_address": identity.business_address,
            "personal_address": identity.personal_address,
            "ownership_type": identity.ownership_type,
            "principal_percentage_ownership": identity.principal_percentage_ownership,
            "annual_card_volume": int(identity.annual_card_volume),
            "default_statement_descriptor": identity.default_statement_descriptor,
            "url": identity.url,
        },
        owners=owners,
        **opened,
    )


def _refuse_unready(identity: Identity, processor: Processor, by: Actor) -> None:
    if processor.processor != RECEIVES_ONLY:
        if lacking := lacking_for_underwriting(identity):
            raise FieldErrors(lacking)
        accounts = PaymentInstrument.objects.visible_to(by).filter(
            identity=identity, type=PaymentInstrument.Type.BANK_ACCOUNT, enabled=True
        )
        if identity.application.bank_account_required and not accounts.exists():
            raise BankAccountNeeded
        return
    cards = PaymentInstrument.objects.visible_to(by).filter(
        identity=identity, type=PaymentInstrument.Type.PAYMENT_CARD, enabled=True
    )
    if not cards.exists():
        raise RecipientNeedsCard


def _add_verification(current: Act, merchant: Merchant, key: uuid.UUID, tags: Tags) -> Verification:
    verification = Verification(
        id=key,
        application_id=merchant.application_id,
        merchant=merchant,
        merchant_identity_id=merchant.identity_id,
        processor=merchant.processor,
        tags=tags,
        created_at=merchant.application.business_time(current.at),
        updated_at=merchant.application.business_time(current.at),
    )
    verification.save(force_insert=True)
    current.record("verification.created", verification, application_id=merchant.application_id, is_first=True)
    return verification


def _lock_merchant(attempt: Attempt, by: Actor) -> Merchant:
    key = attempt.resource_id
    if attempt.operation == VERIFY:
        verifications = Verification.objects.visible_to(by)
        key = verifications.values_list("merchant_id", flat=True).get(pk=attempt.resource_id)
    merchants = Merchant.objects.visible_to(by).select_related("application").select_for_update(of=("self",))
    return merchants.get(pk=key)


def _copy(current: Act, attempt: Attempt, merchant: Merchant, ending: Ending) -> Merchant:
    """The verdict on a merchant, with its verification; an act that was not carried out is a failed verification."""
    account = port.Account(attempt.application_id)
    application: Application = merchant.application
    about = {port.Merchant: merchant.pk, port.Verification: None}
    ties = {"merchant_id": merchant.pk, "identity_id": merchant.identity_id, "processor": merchant.processor}
    refuse_others(ending.news, about, **ties)
    for news in ending.news:
        if isinstance(news, port.Verification):
            copy_verification(current, account, attempt.provider, news)
        elif isinstance(news, port.Merchant):
            merchant = copy_merchant(current, account, attempt.provider, news)
    if ending.state == Attempt.State.ACCEPTED and merchant.onboarding_state == Merchant.OnboardingState.PROVISIONING:
        raise ValueError("The processor decided, under a version that is known as undecided")
    if ending.state in {Attempt.State.ABSENT, Attempt.State.REFUSED} and not ending.news:
        _fail(current, merchant, ending)
    merchant.application = application
    return merchant


def _fail(current: Act, merchant: Merchant, ending: Ending) -> None:
    verifications = Verification.objects.visible_to(current.by).select_for_update()
    verification = verifications.get(merchant=merchant, state=Verification.State.PENDING)
    fail(current, verification, ending, _UNREACHED)
    review_items.complete(current, verification, at=verification.updated_at)
    if merchant.onboarding_state == Merchant.OnboardingState.PROVISIONING:
        changes = merchant.move_to(Merchant.OnboardingState.REJECTED)
        changes |= merchant.assign({"rejection_reasons": verification.messages})
        merchant.updated_at = max(merchant.updated_at, current.at)
        merchant.save(update_fields=[*changes, "updated_at"])
        current.record("merchant.underwritten", merchant, application_id=merchant.application_id, changes=changes)


def _rebuild_provision(attempt: Attempt, by: Actor) -> port.ProvisionMerchant:
    merchant = Merchant.objects.visible_to(by).select_related("identity").get(pk=attempt.resource_id)
    first = Verification.objects.visible_to(by).filter(merchant=merchant).order_by("created_at", "id")[0]
    return port.ProvisionMerchant(
        id=merchant.pk,
        verification_id=first.pk,
        identity_id=merchant.identity_id,
        processor=merchant.processor,
        underwriting=underwriting_of(merchant.identity),
        tags=merchant.tags,
    )


def _rebuild_verify(attempt: Attempt, by: Actor) -> port.VerifyMerchant:
    verification = Verification.objects.visible_to(by).select_related("merchant__identity").get(pk=attempt.resource_id)
    merchant = verification.merchant
    if merchant is None:
        raise ValueError("A card is not verified as a merchant")
    return port.VerifyMerchant(
        id=verification.pk,
        merchant_id=merchant.pk,
        identity_id=merchant.identity_id,
        processor=verification.processor,
        underwriting=underwriting_of(merchant.identity),
        tags=verification.tags,
    )


provision = Operation(PROVISION, lock=_lock_merchant, copy=_copy, rebuild=_rebuild_provision)
verify = Operation(VERIFY, lock=_lock_merchant, copy=_copy, rebuild=_rebuild_verify)
