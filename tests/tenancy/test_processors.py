"""Settings of a processor, under either spelling."""

from typing import Any

import pytest
from django.utils import timezone

from resources.errors import FieldError, FieldErrors
from tenancy import services
from tenancy.actors import system
from tenancy.models import Processor
from tests.tenancy.conftest import Tenant


@pytest.fixture
def processor(own: Tenant) -> Processor:
    return services.enable_processor(
        application=own.application,
        name=Processor.Name.VISA_V1,
        config={"canDebitBankAccount": True, "key": 1},
        by=system(),
        at=timezone.now(),
    )


def update(processor: Processor, **settings: Any) -> Processor:
    return services.update_processor(processor=processor, by=system(), at=timezone.now(), **settings)


def test_other_spelling_takes_the_place_of_the_one_before(processor: Processor) -> None:
    changed = update(processor, config={"can_debit_bank_account": False})

    assert changed.config == {"key": 1, "can_debit_bank_account": False}
    assert update(changed, config=changed.config).application_config["can_debit_bank_account"] is False


def test_refusals_name_what_was_sent_all_at_once(processor: Processor) -> None:
    with pytest.raises(FieldErrors) as refusal:
        update(processor, config={"canDebitBankAccount": "x", "default_currencies": 3})

    assert [(error.field, str(error)) for error in refusal.value.errors] == [
        ("config.canDebitBankAccount", "Must be true or false"),
        ("config.default_currencies", "Must be a list of three-letter currency codes"),
    ]


def test_two_members_that_differ_are_refused(processor: Processor) -> None:
    with pytest.raises(FieldError) as refusal:
        update(processor, config={"can_debit_bank_account": True}, application_config={"can_debit_bank_account": False})

    assert refusal.value.field == "application_config.can_debit_bank_account"
