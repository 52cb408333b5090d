"""The checklist, step by step: what is missing and whose turn it is. Rows alone, without a database."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from onboarding.checklist import Party, Remedy, Situation, State, Step, checklist, next_step
from onboarding.models import Identity, Merchant, Verification
from onboarding.switches import processing_off
from tenancy.models import Application, Processor
from tests.factories.onboarding import MERCHANT

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
WHOLE = {
    **{name: value for name, value in MERCHANT.items() if name not in {"tax_id", "business_tax_id", "dob"}},
    "tax_id_provided": True,
    "business_tax_id_provided": True,
    "dob_provided": True,
}


def situation(state: str | None = "APPROVED", **changes: Any) -> Situation:
    """A business with everything; `changes` by the names of `Situation`, and of rows with two underscores."""
    rows: dict[str, dict[str, Any]] = {"identity": {}, "application": {}, "merchant": {}, "verification": {}}
    told = {}
    for name, value in changes.items():
        row, _, field = name.partition("__")
        if field:
            rows[row][field] = value
        else:
            told[name] = value
    application = Application(name="Own", **rows["application"])
    identity = Identity(application=application, **(WHOLE | {"updated_at": NOW} | rows["identity"]))
    merchant = None
    if state is not None:
        is_on = {"processing_enabled": state == "APPROVED", "settlement_enabled": state == "APPROVED"}
        processor = Processor(
            application=application, processor="DUMMY_V1", enabled=rows["merchant"].pop("there", True)
        )
        merchant = Merchant(
            application=application,
            identity=identity,
            processor="DUMMY_V1",
            enabled_processor=processor,
            onboarding_state=state,
            **(is_on | rows["merchant"]),
        )
    check = Verification(
        application=application,
        **({"state": "SUCCEEDED", "created_at": NOW + timedelta(seconds=1)} | rows["verification"]),
    )
    defaults: dict[str, Any] = {"has_bank_account": True, "verification": check if state else None}
    return Situation(identity, application, merchant, **(defaults | told))


def turn(of: Situation) -> Step:
    step = next_step(checklist(of))
    assert step is not None
    return step


def test_whole_business_has_nothing_open() -> None:
    steps = checklist(situation())

    assert {step.state for step in steps} == {State.DONE}
    assert next_step(steps) is None
    assert [step.title for step in steps] == [
        "Underwriting form", "Bank account", "Sent to a processor", "Approved", "Processing on", "Settlements on",
        "Processor up to date",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("given", "who", "remedy", "words"),
    [
        ({"state": None, "identity__mcc": None}, Party.PARTNER, Remedy.EDIT_IDENTITY, "more than was told"),
        ({"state": None, "has_bank_account": False}, Party.PARTNER, Remedy.ADD_BANK_ACCOUNT, "nothing can be paid"),
        ({"state": None}, Party.PARTNER, Remedy.PROVISION, "no processor has it yet"),
        ({"state": "PROVISIONING"}, Party.PROCESSOR, None, "DUMMY_V1 is checking the business."),
        ({"state": "PROVISIONING", "is_held": True}, Party.PLATFORM, Remedy.DECIDE, "until a person has decided"),
        (
            {"state": "REJECTED", "merchant__rejection_reasons": ["No such firm."]},
            Party.PARTNER,
            Remedy.CREATE_VERIFICATION,
            "rejected the business. No such firm.",
        ),
        ({"application__enabled": False}, Party.PLATFORM, Remedy.EDIT_APPLICATION, "Own is disabled, and all"),
        ({"application__processing_enabled": False}, Party.PLATFORM, Remedy.EDIT_APPLICATION, "all merchants of Own"),
        ({"merchant__there": False}, Party.PLATFORM, Remedy.EDIT_PROCESSOR, "DUMMY_V1 is switched off for Own."),
        ({"merchant__processing_enabled": False}, Party.PLATFORM, Remedy.EDIT_MERCHANT, "for this merchant"),
        ({"application__settlement_enabled": False}, Party.PLATFORM, Remedy.EDIT_APPLICATION, "Settlements are"),
        ({"merchant__settlement_enabled": False}, Party.PLATFORM, Remedy.EDIT_MERCHANT, "Settlements are"),
        ({"verification__state": "PENDING"}, Party.PROCESSOR, None, "checking what was changed"),
        ({"verification__state": "PENDING", "is_held": True}, Party.PLATFORM, Remedy.DECIDE, "holds what was changed"),
        ({"verification__state": "FAILED"}, Party.PARTNER, Remedy.CREATE_VERIFICATION, "did not accept"),
        (
            {"identity__updated_at": NOW + timedelta(hours=1)},
            Party.PARTNER,
            Remedy.CREATE_VERIFICATION,
            "was changed since",
        ),
    ],
)
def test_next_step_and_whose_turn_it_is(given: dict[str, Any], who: Party, remedy: Remedy | None, words: str) -> None:
    step = turn(situation(**given))

    assert (step.who, step.remedy) == (who, remedy)
    assert words in step.text


@pytest.mark.parametrize(
    "refused",
    [
        {"state": "REJECTED", "verification__state": "FAILED"},
        {"verification__state": "FAILED"},
    ],
)
def test_what_was_refused_is_corrected_before_it_is_checked_again(refused: dict[str, Any]) -> None:
    untouched = turn(situation(**refused, has_bank_account=False))
    corrected = turn(situation(**refused, has_bank_account=False, identity__updated_at=NOW + timedelta(hours=1)))

    assert (untouched.before, untouched.remedy) == (Remedy.EDIT_IDENTITY, Remedy.CREATE_VERIFICATION)
    assert (corrected.before, corrected.remedy) == (None, Remedy.CREATE_VERIFICATION)


def test_widest_switch_is_told_first() -> None:
    merchant = situation(
        application__enabled=False, application__processing_enabled=False, merchant__processing_enabled=False
    ).merchant
    assert merchant is not None

    told = []
    for row, name in ((merchant.application, "enabled"), (merchant.application, "processing_enabled")):
        told.append(processing_off(merchant))
        setattr(row, name, True)
    told.append(processing_off(merchant))

    assert [off and off.short for off in told] == [
        "Application is disabled", "Processing is off for the application", "Processing is off",
    ]  # fmt: skip
    assert processing_off(merchant, once_approved=True) is None


def test_what_the_form_lacks_is_named() -> None:
    step = turn(situation(None, identity__mcc=None, identity__dob_provided=False))

    assert set(step.lacking) == {"mcc", "dob"}


@pytest.mark.parametrize(("is_required", "state"), [(True, State.LATER), (False, State.OPEN)])
def test_bank_account_may_be_asked_for_before(is_required: bool, state: State) -> None:
    steps = checklist(situation(None, has_bank_account=False, application__bank_account_required=is_required))

    (sent,) = [step for step in steps if step.title == "Sent to a processor"]
    assert sent.state == state


def test_recipient_needs_a_card_and_nothing_else() -> None:
    without = checklist(situation(None, receives_only=True, identity__mcc=None, has_bank_account=False))
    with_card = checklist(situation(None, receives_only=True, has_card=True))

    assert [step.title for step in without] == ["Card", "Sent to a processor", "Approved", "Settlements on"]
    assert without[0].remedy == Remedy.ADD_CARD
    next_one = next_step(with_card)
    assert next_one is not None
    assert next_one.remedy == Remedy.PROVISION
