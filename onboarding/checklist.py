"""What stands between a business and its first payment, step by step, and whose turn each step is.

It only looks at rows that a page has read: no queries, no actor. Pages put it into the words of who looks.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from onboarding.models import Identity, Merchant, Verification
from onboarding.underwriting import lacking_for_underwriting
from tenancy.models import Application, Processor

RECEIVES_ONLY = Processor.Name.VISA_V1
"""It asks a recipient for a card, not for the form."""


class Party(StrEnum):
    """Whose turn a step is."""

    MERCHANT = "Merchant"
    PARTNER = "Partner"
    PLATFORM = "Platform"
    PROCESSOR = "Processor"


class State(StrEnum):
    DONE = "done"
    OPEN = "open"
    LATER = "later"
    """Nobody's turn yet: it waits for a step before it."""


class Remedy(StrEnum):
    """What would finish a step; a page knows where it is done, and who may."""

    EDIT_IDENTITY = "Edit identity"
    ADD_BANK_ACCOUNT = "Add Bank Account"
    ADD_CARD = "Add card"
    PROVISION = "Provision Merchant"
    CREATE_VERIFICATION = "Create Verification"
    DECIDE = "Open review"
    EDIT_MERCHANT = "Edit merchant"
    EDIT_APPLICATION = "Edit application"
    EDIT_PROCESSOR = "Edit processor"


@dataclass(frozen=True)
class Step:
    title: str
    state: State
    who: Party
    text: str
    remedy: Remedy | None = None
    lacking: tuple[str, ...] = ()
    """Members of the identity, by the names of the API."""


@dataclass(frozen=True)
class Situation:
    """What the steps are read from. `application` and `enabled_processor` of the merchant are joined.

    `verification` is the latest one; `is_held` tells that a person's word is waited for, `receives_only` that the
    processor pays out and sells nothing.
    """

    identity: Identity
    application: Application
    merchant: Merchant | None = None
    verification: Verification | None = None
    has_bank_account: bool = False
    has_card: bool = False
    is_held: bool = False
    receives_only: bool = False


def checklist(situation: Situation) -> list[Step]:
    """All steps, in the order in which they are usually taken."""
    first = [_card(situation)] if situation.receives_only else [_form(situation), _bank_account(situation)]
    is_ready = all(step.state == State.DONE for step in first if step.remedy != Remedy.ADD_BANK_ACCOUNT)
    is_ready &= first[-1].state == State.DONE or not situation.application.bank_account_required
    steps = [*first, _sent(situation, is_ready=is_ready), _verdict(situation)]
    if not situation.receives_only:
        steps.append(_processing(situation))
    steps.append(_settlements(situation))
    if situation.merchant is not None and _is_approved(situation):
        steps.append(_present_data(situation, situation.merchant))
    return steps


def next_step(steps: Sequence[Step]) -> Step | None:
    """The first one that somebody can take now."""
    return next((step for step in steps if step.state == State.OPEN), None)


def _form(situation: Situation) -> Step:
    title = "Underwriting form"
    lacking = tuple(error.field.removeprefix("entity.") for error in lacking_for_underwriting(situation.identity))
    if not lacking:
        return Step(title, State.DONE, Party.MERCHANT, "Everything that a processor asks for is told.")
    return Step(
        title, State.OPEN, Party.MERCHANT, "The processor needs more than was told.", Remedy.EDIT_IDENTITY, lacking
    )


def _bank_account(situation: Situation) -> Step:
    title = "Bank account"
    if situation.has_bank_account:
        return Step(title, State.DONE, Party.MERCHANT, "There is one to pay out to.", Remedy.ADD_BANK_ACCOUNT)
    text = "Without one nothing can be paid out."
    if situation.application.bank_account_required and situation.merchant is None:
        text = f"{situation.application.name} sends nobody to a processor without one."
    return Step(title, State.OPEN, Party.MERCHANT, text, Remedy.ADD_BANK_ACCOUNT)


def _card(situation: Situation) -> Step:
    if situation.has_card:
        return Step("Card", State.DONE, Party.MERCHANT, "There is one to pay to.")
    return Step("Card", State.OPEN, Party.MERCHANT, "There is none to pay to.", Remedy.ADD_CARD)


def _sent(situation: Situation, *, is_ready: bool) -> Step:
    title = "Sent to a processor"
    if situation.merchant is not None:
        return Step(title, State.DONE, Party.PARTNER, f"{situation.merchant.processor} has the business.")
    if is_ready:
        return Step(title, State.OPEN, Party.PARTNER, "All is there; no processor has it yet.", Remedy.PROVISION)
    return Step(title, State.LATER, Party.PARTNER, "Once what is missing above is there.")


def _verdict(situation: Situation) -> Step:
    title, merchant = "Approved", situation.merchant
    if merchant is None:
        return Step(title, State.LATER, Party.PROCESSOR, "The processor checks the business once it has it.")
    if merchant.onboarding_state == Merchant.OnboardingState.APPROVED:
        return Step(title, State.DONE, Party.PROCESSOR, f"{merchant.processor} approved the business.")
    if merchant.onboarding_state == Merchant.OnboardingState.REJECTED:
        why = " ".join(merchant.rejection_reasons) or "The verification says why."
        text = f"{merchant.processor} rejected the business. {why} Correct the identity and have it checked again."
        return Step(title, State.OPEN, Party.PARTNER, text, Remedy.CREATE_VERIFICATION)
    if situation.is_held:
        text = f"{merchant.processor} holds it until a person has decided."
        return Step(title, State.OPEN, Party.PLATFORM, text, Remedy.DECIDE)
    return Step(title, State.OPEN, Party.PROCESSOR, f"{merchant.processor} is checking the business.")


def _processing(situation: Situation) -> Step:
    title, merchant = "Processing on", situation.merchant
    if merchant is None or not _is_approved(situation):
        return Step(title, State.LATER, Party.PLATFORM, "It is switched on with the approval.")
    application = situation.application
    for is_on, text, remedy in (
        (application.enabled, f"{application.name} is disabled.", Remedy.EDIT_APPLICATION),
        (
            application.processing_enabled,
            f"Processing is switched off for all merchants of {application.name}.",
            Remedy.EDIT_APPLICATION,
        ),
        (
            merchant.enabled_processor.enabled,
            f"{merchant.processor} is switched off for {application.name}.",
            Remedy.EDIT_PROCESSOR,
        ),
        (merchant.processing_enabled, "Processing is switched off for this merchant.", Remedy.EDIT_MERCHANT),
    ):
        if not is_on:
            return Step(title, State.OPEN, Party.PLATFORM, text, remedy)
    return Step(title, State.DONE, Party.PLATFORM, "Payments are let through.")


def _settlements(situation: Situation) -> Step:
    title, merchant = "Settlements on", situation.merchant
    if merchant is None or not _is_approved(situation):
        return Step(title, State.LATER, Party.PLATFORM, "They are switched on with the approval.")
    if not situation.application.settlement_enabled:
        text = f"Settlements are switched off for all merchants of {situation.application.name}."
        return Step(title, State.OPEN, Party.PLATFORM, text, Remedy.EDIT_APPLICATION)
    if not merchant.settlement_enabled:
        text = "Settlements are switched off for this merchant."
        return Step(title, State.OPEN, Party.PLATFORM, text, Remedy.EDIT_MERCHANT)
    return Step(title, State.DONE, Party.PLATFORM, "Funds can be paid out.")


def _present_data(situation: Situation, merchant: Merchant) -> Step:
    """An update of the identity reaches the processor by a verification alone."""
    title, check = "Processor up to date", situation.verification
    if check is not None and check.state == Verification.State.PENDING:
        return Step(title, State.OPEN, Party.PROCESSOR, f"{merchant.processor} is checking what was changed.")
    is_behind = (
        check is None or check.state != Verification.State.SUCCEEDED or situation.identity.updated_at > check.created_at
    )
    if not is_behind:
        return Step(title, State.DONE, Party.PARTNER, f"{merchant.processor} knows what the identity tells today.")
    text = f"The identity was changed since {merchant.processor} last checked it."
    if check is not None and check.state == Verification.State.FAILED:
        text = f"{merchant.processor} did not accept the latest data; what it approved before still holds."
    return Step(title, State.OPEN, Party.PARTNER, text, Remedy.CREATE_VERIFICATION)


def _is_approved(situation: Situation) -> bool:
    merchant = situation.merchant
    return merchant is not None and merchant.onboarding_state == Merchant.OnboardingState.APPROVED
