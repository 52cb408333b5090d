"""Where an application asks for two people, nobody closes, changes or adds what they pay out themselves."""

import uuid
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from django.utils import timezone

from events.models import Author
from onboarding.models import PaymentInstrument
from onboarding.services import create_payment_instrument, update_payment_instrument
from onboarding.services.reviews import OwnApproval, PersonNeeded, review
from payments import services
from payments.models import Settlement
from payments.services.settlement_reviews import item_of
from payments.services.settlements import close_due
from payments.services.two_people import NobodyAskedForIt, OwnPayout
from tenancy.actors import Actor, system
from tenancy.roles import Role
from tenancy.services import create_api_user, update_application
from tenancy.transactions import transaction
from tests.factories.payments import BANK_ACCOUNT, let_time_pass, make_bank_account, make_validated
from tests.payments.test_settlements import Shop

pytestmark = pytest.mark.django_db

RETURNING = {"account_number": "123120007"}


class TwoPeople(Shop):
    """A shop of an application that asks for two people, and two people of the platform."""

    def __init__(self) -> None:
        super().__init__(account=RETURNING, sandbox_profile="finix-2026")
        update_application(
            application=self.application, values={"maker_checker_enabled": True}, by=system(), at=timezone.now()
        )
        self.ann, self.bob = (
            Actor(
                kind=Author.PERSON,
                id=uuid.uuid4(),
                name=name,
                role=Role.PLATFORM,
                application_ids=system().application_ids,
            )
            for name in ("Ann", "Bob")
        )

    def key(self) -> Actor:
        """An API key whose secret nobody here was shown."""
        user, _ = create_api_user(role=Role.PLATFORM, by=system(), at=timezone.now())
        return replace(self.ann, kind=Author.API_USER, id=user.pk, name="Key")

    def closed_by(self, by: Actor) -> Settlement:
        return services.close_settlement(settlement=self.accrued(), by=by, at=timezone.now())

    def closed_by_schedule(self) -> Settlement:
        settlement = self.accrued()
        let_time_pass(self.application, timedelta(days=1).total_seconds())
        assert close_due(by=system(), at=timezone.now()) == 1
        return settlement

    def say(self, settlement: Settlement, outcome: str, by: Actor, to: PaymentInstrument | None = None) -> Settlement:
        with transaction(by=by):
            item = item_of(settlement, by)
        assert item is not None
        options = {"destination_id": to.pk} if to else {}
        review(item=item, outcome=outcome, reason="No.", by=by, at=timezone.now(), **options)
        return self.again(settlement)

    def pay(self, settlement: Settlement, to: PaymentInstrument, by: Actor) -> None:
        services.fund_settlement(settlement=settlement, amount=12_250, destination_id=to.pk, by=by, at=timezone.now())

    def returned(self, settlement: Settlement) -> Settlement:
        self.work()
        self.pass_time()
        assert self.again(settlement).unfunded_amount == 12_250
        return self.again(settlement)

    def add_account(self, by: Actor, number: str = "123456") -> PaymentInstrument:
        values = make_validated(self.identity, BANK_ACCOUNT | {"account_number": number})
        return create_payment_instrument(values=values, by=by, at=timezone.now())


@pytest.fixture
def shop() -> TwoPeople:
    return TwoPeople()


def test_who_closed_it_does_not_approve_it(shop: TwoPeople) -> None:
    settlement = shop.closed_by(shop.ann)

    with pytest.raises(OwnApproval):
        shop.say(settlement, "ACCEPTED", shop.ann)

    assert shop.say(settlement, "ACCEPTED", shop.bob).funded_amount == 12_250


def test_who_took_something_out_does_not_approve_it(shop: TwoPeople) -> None:
    settlement = shop.closed_by(shop.ann)
    services.remove_transfers(settlement=settlement, transfer_ids=[shop.sales[1].pk], by=shop.bob, at=timezone.now())

    with pytest.raises(OwnPayout, match="took transfers out of this settlement"):
        shop.say(settlement, "ACCEPTED", shop.bob)

    assert shop.again(settlement).status == "AWAITING_APPROVAL"
    assert shop.say(settlement, "REJECTED", shop.bob).status == "CANCELLED"


def test_what_was_taken_out_while_it_accrued_counts(shop: TwoPeople) -> None:
    services.remove_transfers(
        settlement=shop.accrued(), transfer_ids=[shop.sales[1].pk], by=shop.bob, at=timezone.now()
    )
    settlement = shop.closed_by(shop.ann)

    with pytest.raises(OwnPayout):
        shop.say(settlement, "ACCEPTED", shop.bob)


def test_who_changed_its_tags_approves_it(shop: TwoPeople) -> None:
    settlement = shop.closed_by(shop.ann)
    services.update_settlement(settlement=settlement, tags={"month": "may"}, by=shop.bob, at=timezone.now())

    assert shop.say(settlement, "ACCEPTED", shop.bob).status == "APPROVED"


def test_who_added_the_account_does_not_approve_what_is_paid_to_it(shop: TwoPeople) -> None:
    own = shop.add_account(shop.bob)
    settlement = shop.closed_by(shop.ann)

    with pytest.raises(OwnPayout, match="added or changed the bank account"):
        shop.say(settlement, "ACCEPTED", shop.bob)

    assert shop.say(settlement, "ACCEPTED", shop.bob, shop.account).destination_id == shop.account.pk
    assert own.pk != shop.account.pk


def test_who_changed_the_account_does_not_approve_what_is_paid_to_it(shop: TwoPeople) -> None:
    update_payment_instrument(instrument=shop.account, values={"name": "Bob"}, by=shop.bob, at=timezone.now())
    settlement = shop.closed_by(shop.ann)

    with pytest.raises(OwnPayout, match="added or changed the bank account"):
        shop.say(settlement, "ACCEPTED", shop.bob)


def test_who_was_shown_the_secret_of_the_key_that_added_it_is_its_hand(shop: TwoPeople) -> None:
    user, _ = create_api_user(role=Role.PLATFORM, by=replace(shop.bob, role=Role.ADMIN), at=timezone.now())
    key = replace(shop.ann, kind=Author.API_USER, id=user.pk, name="Key")
    shop.add_account(key)
    settlement = shop.closed_by(shop.ann)

    with pytest.raises(OwnPayout):
        shop.say(settlement, "ACCEPTED", shop.bob)


def test_what_closed_by_its_schedule_takes_two(shop: TwoPeople) -> None:
    settlement = shop.closed_by_schedule()

    with pytest.raises(NobodyAskedForIt):
        shop.say(settlement, "ACCEPTED", shop.bob)
    shop.say(settlement, "MANUAL_REVIEW", shop.bob)
    with pytest.raises(NobodyAskedForIt):
        shop.say(settlement, "ACCEPTED", shop.bob)

    assert shop.say(settlement, "ACCEPTED", shop.ann).status == "APPROVED"


def test_what_was_put_back_waits_for_two_again(shop: TwoPeople) -> None:
    settlement = shop.closed_by_schedule()
    for outcome in ("MANUAL_REVIEW", "PENDING"):
        shop.say(settlement, outcome, shop.bob)

    with pytest.raises(NobodyAskedForIt):
        shop.say(settlement, "ACCEPTED", shop.ann)


def test_who_approved_it_pays_the_approved_account_again(shop: TwoPeople) -> None:
    settlement = shop.returned(shop.say(shop.closed_by(shop.ann), "ACCEPTED", shop.bob))

    shop.pay(settlement, shop.account, shop.bob)

    assert shop.again(settlement).unfunded_amount == 0


def test_who_approved_it_does_not_pay_another_account(shop: TwoPeople) -> None:
    settlement = shop.returned(shop.say(shop.closed_by(shop.ann), "ACCEPTED", shop.bob))
    other = make_bank_account(shop.identity, account_number="123456")

    with pytest.raises(OwnPayout, match="approved this settlement, to be paid to another bank account"):
        shop.pay(settlement, other, shop.bob)

    shop.pay(settlement, other, shop.ann)
    assert shop.again(settlement).destination_id == other.pk


def test_who_added_another_account_does_not_pay_to_it(shop: TwoPeople) -> None:
    settlement = shop.returned(shop.say(shop.closed_by(shop.ann), "ACCEPTED", shop.bob))
    own = shop.add_account(shop.ann)

    with pytest.raises(OwnPayout, match="added or changed the bank account"):
        shop.pay(settlement, own, shop.ann)


def key() -> Actor:
    return replace(system(), kind=Author.API_USER, id=uuid.uuid4(), name="Key")


@pytest.mark.parametrize("who", [system, key])
def test_no_key_pays_again(shop: TwoPeople, who: Callable[[], Actor]) -> None:
    settlement = shop.returned(shop.say(shop.closed_by(shop.ann), "ACCEPTED", shop.bob))

    with pytest.raises(PersonNeeded):
        shop.pay(settlement, shop.account, who())


def test_taking_by_a_key_is_nobodys(shop: TwoPeople) -> None:
    settlement = shop.closed_by_schedule()
    shop.say(settlement, "MANUAL_REVIEW", shop.key())

    with pytest.raises(NobodyAskedForIt):
        shop.say(settlement, "ACCEPTED", shop.ann)

    assert shop.again(settlement).status == "AWAITING_APPROVAL"


def test_what_a_key_closed_is_taken_by_one_and_approved_by_another(shop: TwoPeople) -> None:
    settlement = shop.closed_by(shop.key())

    with pytest.raises(NobodyAskedForIt):
        shop.say(settlement, "ACCEPTED", shop.ann)
    shop.say(settlement, "MANUAL_REVIEW", shop.ann)
    with pytest.raises(NobodyAskedForIt):
        shop.say(settlement, "ACCEPTED", shop.ann)

    assert shop.say(settlement, "ACCEPTED", shop.bob).status == "APPROVED"
