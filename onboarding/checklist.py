"""What stands between a business and its first payment, step by step, and whose turn each step is.

It only looks at rows that a page has read: no queries, no actor. Pages put it into the words of who looks.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from onboarding.models import Identity, Merchant, Verification
from onboarding.switches import Whose, processing_off, settlements_off
from onboarding.underwriting import about_open_share, lacking_for_underwriting
from tenancy.models import Application


class Party(StrEnum):
    """Whose turn a step is. Merchants look only: what is missing of them, their partner tells for them."""

    PARTNER = "Partner"
    PLATFORM = "Platform"
    PROCESSOR = "Processor"


class State(StrEnum):
    DONE = "done"
    OPEN = "open"
    LATER = "later"
    """Nobody's turn yet: it waits for a step before it."""
    OPTIONAL = "optional"
    """Nothing waits for it."""


class Remedy(StrEnum):
    """What would finish a step; a page knows where it is done, and who may."""

    EDIT_IDENTITY = "Edit identity"
    ADD_OWNERS = "Beneficial owners"
    ADD_BANK_ACCOUNT = "Add Bank Account"
    ADD_CARD = "Add card"
    PROVISION = "Provision Merchant"
    CREATE_VERIFICATION = "Create Verification"
    DECIDE = "Open review"
    EDIT_MERCHANT = "Edit merchant"
    EDIT_APPLICATION = "Edit application"
    EDIT_PROCESSOR = "Edit processor"


_WHERE = {
    Whose.APPLICATION: Remedy.EDIT_APPLICATION,
    Whose.PROCESSOR: Remedy.EDIT_PROCESSOR,
    Whose.MERCHANT: Remedy.EDIT_MERCHANT,
}
"""Where a switch is turned on again."""


@dataclass(frozen=True)
class Step:
    title: str
    state: State
    who: Party
    text: str
    remedy: Remedy | None = None
    lacking: tuple[str, ...] = ()
    """Members of the identity, by the names of the API."""
    before: Remedy | None = None
    """What comes before the remedy, where it would fail again otherwise."""
    is_refused: bool = False
    """Whether somebody has said no: nothing above it is as urgent."""


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
    open_share: int = 0
    """Percent of the business that nobody told, where owners are asked for it."""


def checklist(situation: Situation) -> list[Step]:
    """All steps, in the order in which they are usually taken."""
    first = [_card(situation)] if situation.receives_only else [_form(situation), _bank_account(situation)]
    is_ready = all(step.state == State.DONE for step in first if step.remedy != Remedy.ADD_BANK_ACCOUNT)
    is_ready &= first[-1].state == State.DONE or not situation.application.bank_account_required
    if situation.open_share and not situation.receives_only:
        text = about_open_share(situation.open_share)
        first.insert(1, Step("Beneficial owners", State.OPTIONAL, Party.PARTNER, text, Remedy.ADD_OWNERS))
    steps = [*first, _sent(situation, is_ready=is_ready), _verdict(situation)]
    if not situation.receives_only:
        steps.append(_processing(situation))
    steps.append(_settlements(situation))
    if situation.merchant is not None and _is_approved(situation):
        steps.append(_present_data(situation, situation.merchant))
    return steps


def next_step(steps: Sequence[Step]) -> Step | None:
    """The one to take now: what was refused, else the first that somebody can take."""
    found = sorted((step for step in steps if step.state == State.OPEN), key=lambda step: not step.is_refused)
    return found[0] if found else None


def _form(situation: Situation) -> Step:
    title = "Underwriting form"
    lacking = tuple(error.field.removeprefix("entity.") for error in lacking_for_underwriting(situation.identity))
    if not lacking:
        return Step(title, State.DONE, Party.PARTNER, "Everything that a processor asks for is told.")
    return Step(
        title, State.OPEN, Party.PARTNER, "The processor needs more than was told.", Remedy.EDIT_IDENTITY, lacking
    )


def _bank_account(situation: Situation) -> Step:
    title = "Bank account"
    if situation.has_bank_account:
        return Step(title, State.DONE, Party.PARTNER, "There is one to pay out to.", Remedy.ADD_BANK_ACCOUNT)
    text = "Without one nothing can be paid out."
    if situation.application.bank_account_required and situation.merchant is None:
        text = f"{situation.application.name} sends nobody to a processor without one."
    return Step(title, State.OPEN, Party.PARTNER, text, Remedy.ADD_BANK_ACCOUNT)


def _card(situation: Situation) -> Step:
    if situation.has_card:
        return Step("Card", State.DONE, Party.PARTNER, "There is one to pay to.")
    return Step("Card", State.OPEN, Party.PARTNER, "There is none to pay to.", Remedy.ADD_CARD)


def _sent(situation: Situation, *, is_ready: bool) -> Step:
    title = "Sent to a processor"
    if situation.merchant is not None:
        text = f"{situation.merchant.processor} has {_whom(situation)}."
        return Step(title, State.DONE, Party.PARTNER, text)
    if is_ready:
        return Step(title, State.OPEN, Party.PARTNER, "All is there; no processor has it yet.", Remedy.PROVISION)
    return Step(title, State.LATER, Party.PARTNER, "Once what is missing above is there.")


def _verdict(situation: Situation) -> Step:
    title, merchant = "Approved", situation.merchant
    if merchant is None:
        return Step(title, State.LATER, Party.PROCESSOR, f"The processor checks {_whom(situation)} once it has it.")
    if merchant.onboarding_state == Merchant.OnboardingState.APPROVED:
        return Step(title, State.DONE, Party.PROCESSOR, f"{merchant.processor} approved {_whom(situation)}.")
    if merchant.onboarding_state == Merchant.OnboardingState.REJECTED:
        why = " ".join(merchant.rejection_reasons) or "The verification says why."
        text = f"{merchant.processor} rejected {_whom(situation)}. {why}"
        return _verify_again(title, text, situation)
    if situation.is_held:
        text = f"{merchant.processor} holds it until a person has decided."
        return Step(title, State.OPEN, Party.PLATFORM, text, Remedy.DECIDE)
    return Step(title, State.OPEN, Party.PROCESSOR, f"{merchant.processor} is checking {_whom(situation)}.")


def _processing(situation: Situation) -> Step:
    title, merchant = "Processing on", situation.merchant
    if merchant is None or not _is_approved(situation):
        return Step(title, State.LATER, Party.PLATFORM, "It is switched on with the approval.")
    if off := processing_off(merchant):
        return Step(title, State.OPEN, Party.PLATFORM, off.text, _WHERE[off.whose])
    return Step(title, State.DONE, Party.PLATFORM, "Payments are let through.")


def _settlements(situation: Situation) -> Step:
    title, merchant = "Settlements on", situation.merchant
    if merchant is None or not _is_approved(situation):
        return Step(title, State.LATER, Party.PLATFORM, "They are switched on with the approval.")
    if off := settlements_off(merchant):
        return Step(title, State.OPEN, Party.PLATFORM, off.text, _WHERE[off.whose])
    return Step(title, State.DONE, Party.PLATFORM, "Funds can be paid out.")


def _present_data(situation: Situation, merchant: Merchant) -> Step:
    """An update of the identity reaches the processor by a verification alone."""
    title, check = "Processor up to date", situation.verification
    if situation.is_held:
        text = f"{merchant.processor} holds what was changed until a person has decided."
        return Step(title, State.OPEN, Party.PLATFORM, text, Remedy.DECIDE)
    if check is not None and check.state == Verification.State.PENDING:
        return Step(title, State.OPEN, Party.PROCESSOR, f"{merchant.processor} is checking what was changed.")
    if check is not None and check.state == Verification.State.SUCCEEDED and not _is_changed_since(situation):
        return Step(title, State.DONE, Party.PARTNER, f"{merchant.processor} knows what the identity tells today.")
    text = f"The identity was changed since {merchant.processor} last checked it."
    if check is not None and check.state == Verification.State.FAILED:
        text = f"{merchant.processor} did not accept the latest data; what it approved before still holds."
    return _verify_again(title, text, situation)


def _verify_again(title: str, text: str, situation: Situation) -> Step:
    """Another verification; what was refused is corrected before, unless it was since."""
    before = None if _is_changed_since(situation) else Remedy.EDIT_IDENTITY
    check = situation.verification
    is_refused = check is not None and check.state == Verification.State.FAILED
    return Step(
        title, State.OPEN, Party.PARTNER, text, Remedy.CREATE_VERIFICATION, before=before, is_refused=is_refused
    )


def _is_changed_since(situation: Situation) -> bool:
    """Whether the latest check has not seen what the identity tells today."""
    check = situation.verification
    return check is None or situation.identity.updated_at > check.created_at


def _whom(situation: Situation) -> str:
    """What a processor has: a recipient may be a person."""
    return "the recipient" if situation.receives_only else "the business"


def _is_approved(situation: Situation) -> bool:
    merchant = situation.merchant
    return merchant is not None and merchant.onboarding_state == Merchant.OnboardingState.APPROVED
