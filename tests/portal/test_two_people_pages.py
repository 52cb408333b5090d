"""What the preview of an approval tells where two people are asked for, or an account was added since the closing."""

import pytest
from django.test import Client
from django.utils import timezone

from onboarding.models import PaymentInstrument
from payments import services
from tenancy.actors import Origin, system
from tenancy.models import Person
from tenancy.roles import Role
from tenancy.services import person_actor, update_application
from tenancy.transactions import transaction
from tests.factories.payments import make_bank_account
from tests.factories.tenancy import make_person
from tests.portal.pages import text_of
from tests.portal.settled import DECIDE, SettledShop, page_of
from tests.portal.test_settlement_review_pages import ids_of, preview, shown_by

pytestmark = pytest.mark.django_db


@pytest.fixture
def shop() -> SettledShop:
    return SettledShop()


@pytest.fixture
def person() -> Person:
    return make_person("ann@example.com", Role.ADMIN)


@pytest.fixture
def admin(person: Person) -> Client:
    client = Client()
    client.force_login(person)
    return client


def test_account_added_after_closing_is_flagged_before_it_is_paid(shop: SettledShop, admin: Client) -> None:
    with transaction(by=system("test")):
        PaymentInstrument.objects.filter(pk=shop.bank_account.pk).update(created_at="2020-01-01T00:00Z")
    settlement = shop.closed(10_000)
    shop.pass_time()
    added = make_bank_account(shop.identity, account_number="987654321")

    look = preview(admin, "approve", ids_of(shop, [settlement]))
    admin.post(DECIDE, shown_by(look))

    assert (settlement.flags, look.context["flagged"]) == (["FIRST_PAYOUT"], 1)
    assert "New bank account" in text_of(look)
    paid = shop.again(settlement)
    assert (paid.destination_id, paid.flags) == (added.pk, ["FIRST_PAYOUT", "BANK_ACCOUNT_CHANGED"])


def test_what_nobody_asked_for_is_left_out_of_an_approval(shop: SettledShop, admin: Client) -> None:
    update_application(
        application=shop.application, values={"maker_checker_enabled": True}, by=system(), at=timezone.now()
    )
    settlement = shop.closed(10_000)
    (row,) = preview(admin, "approve", ids_of(shop, [settlement])).context["rows"]

    assert row["why_not"] == (
        "No person closed this settlement. The application asks for two people: one takes it into review, and another "
        "one approves it."
    )
    assert "Left out" not in text_of(preview(admin, "reject", ids_of(shop, [settlement])))


def test_who_took_something_out_is_left_out(shop: SettledShop, admin: Client, person: Person) -> None:
    update_application(
        application=shop.application, values={"maker_checker_enabled": True}, by=system(), at=timezone.now()
    )
    sale, other = shop.sale(5_000), shop.browser(Role.PLATFORM)
    settlement = shop.closed(10_000)
    services.remove_transfers(
        settlement=settlement, transfer_ids=[sale.pk], by=person_actor(person, origin=Origin()), at=timezone.now()
    )
    other.post(page_of(settlement), {"take": "yes"})

    (row,) = preview(admin, "approve", ids_of(shop, [settlement])).context["rows"]

    assert row["why_not"] == (
        "You took transfers out of this settlement. The application asks for two people: somebody else has to pay it."
    )
