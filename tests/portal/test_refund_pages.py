"""Refunds in process: what the page of a sale tells of what went back, and what refunding by hand does."""

from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from payments.models import Transfer
from payments.services import Purpose, create_visa_direct
from providers import feeds
from providers.sandbox import faults
from tenancy.actors import system
from tenancy.models import Processor
from tenancy.roles import Role
from tests.factories.onboarding import make_identity
from tests.factories.payments import let_time_pass, make_card, make_merchant, make_processor
from tests.portal.pages import anew, rows, text_of
from tests.portal.shop import TRANSFERS, Shop, hidden_of, page_of

pytestmark = pytest.mark.django_db

DECLINED_PUSH = "4957030420210504"
FAILING_CARD = "4000000000000135"
MINUS = "\N{MINUS SIGN}"


@pytest.fixture
def shop() -> Shop:
    return Shop()


class BankShop(Shop):
    """A merchant that debits bank accounts."""

    def __init__(self, **config: Any) -> None:
        super().__init__(can_debit_bank_account=True, sandbox_profile="finix-2026", **config)

    def debit(self, number: str = "0000000016", amount: int = 5000) -> Transfer:
        """A charge of a bank account, after its batch."""
        debit = self.sale(amount, card=self.account(number))
        let_time_pass(self.application, 6)
        charged: Transfer = anew(debit)
        return charged

    def returned(self) -> Transfer:
        """One that its bank has taken back since."""
        debit = self.debit("123120006")
        for seconds in (10, 4):  # in the first the bank acts, in the second the feed tells of it
            let_time_pass(self.application, seconds)
            feeds.hear(self.application.pk, "DUMMY_V1")
        charged: Transfer = anew(debit)
        return charged


def refund_of(charge: Transfer) -> str:
    return f"{page_of(charge)}refund/"


def form_of(client: Client, charge: Transfer, **changes: str) -> dict[str, str]:
    """What a browser sends of the form of a refund."""
    form = client.get(refund_of(charge)).context["form"]
    told = {name: str(form[name].value()) for name in ("key", "left", "amount")}
    return told | {"reason": "", "step": "refund"} | changes


def reversals() -> list[Transfer]:
    return [transfer for transfer in rows(Transfer) if transfer.type == Transfer.Type.REVERSAL]


# --- what pages tell


def test_page_of_a_sale_tells_what_went_back_and_what_is_left(shop: Shop) -> None:
    sale = shop.sale(5000)
    first = shop.refund(sale, 1500, tags={"refund_reason": "Wrong colour"})

    answer = shop.browser().get(page_of(sale))

    page = text_of(answer)
    assert "Refunded 15.00 USD Can still be refunded 35.00 USD" in page
    assert f"{MINUS}15.00 USD Refund Succeeded Wrong colour" in page
    assert f'href="{page_of(first)}"' in answer.content.decode()
    assert answer.context["refund_url"] == refund_of(sale)


def test_page_of_a_refund_leads_to_its_sale(shop: Shop) -> None:
    sale = shop.sale(5000, fee=50)
    refund = shop.refund(sale, 1500)

    answer = shop.browser().get(page_of(refund))

    page = text_of(answer)
    assert "Refund of 15.00 USD Succeeded" in page
    assert "Type Refund of a sale of 50.00 USD" in page
    assert f'href="{page_of(sale)}"' in answer.content.decode()
    assert "Left for the merchant" not in page
    assert "Merchant balance" in page
    assert (answer.context["refund_url"], answer.context["again_url"]) == ("", "")


def test_list_tells_what_is_no_sale(shop: Shop) -> None:
    sale = shop.sale(5000)
    shop.refund(sale, 1500)

    answer = shop.browser().get(TRANSFERS)

    page = text_of(answer)
    assert f"{MINUS}15.00 USD Succeeded Refund Own Bakery Visa •••• 0006" in page
    assert "50.00 USD Succeeded Own Bakery" in page


@pytest.mark.parametrize("role", [Role.PARTNER, Role.MERCHANT])
def test_page_of_a_refund_that_failed_says_that_nothing_went_back(shop: Shop, role: Role) -> None:
    sale = shop.sale(5000, card=make_card(shop.buyer, number=FAILING_CARD))
    refund = shop.refund(sale, 1500)
    client = shop.browser(role)

    page, of_sale = text_of(client.get(page_of(refund))), text_of(client.get(page_of(sale)))

    assert "The refund failed. Nothing was given back." in page
    assert "The amount is free again: refund it once more, or give it back in another way." in page
    assert "Nothing was posted: only a refund that succeeds moves the ledger." in page
    assert "Refunded 0.00 USD Can still be refunded 50.00 USD" in of_sale


def test_refund_of_a_bank_debit_is_pending_at_the_provider_until_its_batch() -> None:
    shop = BankShop()
    debit = shop.debit()
    refund = shop.refund(debit, 1000)
    client = shop.browser()

    page, of_sale = client.get(page_of(refund)), client.get(page_of(debit))

    assert page.context["notice"]["title"] == "Refund pending at the provider"
    assert "carries it out with its next batch. Do not refund again." in text_of(page)
    assert "Refunded 10.00 USD Can still be refunded 40.00 USD" in text_of(of_sale)
    followed = of_sale.context["following"]["url"]
    assert client.get(followed, headers={"HX-Request": "true"}).status_code == 204
    let_time_pass(shop.application, 6)
    after = client.get(followed, headers={"HX-Request": "true"})
    assert (after.status_code, after.context["following"]) == (200, None)


def test_refund_of_unknown_outcome_says_not_to_refund_again(shop: Shop) -> None:
    sale = shop.sale(5000)
    faults.arrange(application_id=shop.application.pk, kind="TIMEOUT_AFTER", operation="refund", times=1)
    refund = shop.refund(sale, 5000)
    client = shop.browser(Role.MERCHANT)

    answer = client.get(page_of(refund))

    assert answer.context["notice"]["title"] == "Outcome of the refund not known"
    assert "The provider has not answered. Do not refund again yet; we keep asking." in text_of(answer)
    assert "Can still be refunded Nothing" in text_of(client.get(page_of(sale)))


def test_refund_that_was_not_sent_says_it_is_safe(shop: Shop) -> None:
    sale = shop.sale(5000)
    faults.arrange(application_id=shop.application.pk, kind="UNREACHABLE", operation="refund")

    page = text_of(shop.browser().get(page_of(shop.refund(sale, 1500))))

    assert "Not carried out. Nothing was given back." in page
    assert "It is safe to refund again." in page


def test_returned_debit_says_what_the_bank_did_and_what_to_do() -> None:
    shop = BankShop()
    debit = shop.returned()
    (bank_return,) = reversals()
    client = shop.browser()

    answer = client.get(page_of(debit))

    notice = answer.context["notice"]
    assert (notice["level"], notice["title"]) == ("error", "The bank took this payment back")
    assert notice["text"] == "R01: There is not enough money on the account. Ask the buyer for another way to pay."
    assert notice["url"] == page_of(bank_return)
    page = text_of(answer)
    assert "Returned by the bank" in page
    assert "Taken back by the bank 50.00 USD" in page
    assert "Can still be refunded Nothing" in page
    assert (answer.context["refund_url"], answer.context["again_url"]) == ("", shop.form_url())
    of_return = text_of(client.get(page_of(bank_return)))
    assert "Bank return of 50.00 USD Succeeded" in of_return
    assert "Type Bank return of a sale of 50.00 USD" in of_return
    listed = text_of(client.get(TRANSFERS))
    assert f"{MINUS}50.00 USD Succeeded Bank return" in listed
    assert "50.00 USD Succeeded Returned by the bank" in listed


def test_readiness_is_told_in_words() -> None:
    shop = BankShop()
    at_once = Shop("Other")
    waiting = shop.sale(1000, card=shop.account())
    client = shop.browser(Role.ADMIN)

    pending = text_of(client.get(page_of(waiting)))
    let_time_pass(shop.application, 60)
    feeds.hear(shop.application.pk, "DUMMY_V1")
    ready = text_of(client.get(page_of(waiting)))
    failed = text_of(client.get(page_of(at_once.sale(102))))

    assert "Ready to settle Once the processor confirms" in pending
    assert "The account was not charged" not in pending
    assert "Ready to settle Since " in ready
    assert "Ready to settle" not in failed


def test_declined_bank_debit_speaks_of_the_account() -> None:
    shop = BankShop()

    page = text_of(shop.browser().get(page_of(shop.sale(102, card=shop.account()))))

    assert "Declined. The account was not charged." in page
    assert "New sale with this account" in page


@pytest.mark.parametrize(("purpose", "title", "tag"), [
    (Purpose.PUSH, "Push of 20.00 USD", f"{MINUS}20.00 USD Succeeded Push to card"),
    (Purpose.PULL, "Pull of 20.00 USD", "20.00 USD Succeeded Pull from card"),
])  # fmt: skip
def test_money_to_and_from_cards_is_called_what_it_is(shop: Shop, purpose: Purpose, title: str, tag: str) -> None:
    make_processor(shop.application, name=Processor.Name.VISA_V1)
    recipient = make_identity(shop.application)
    card = make_card(recipient)
    make_merchant(recipient, processor="VISA_V1")
    now = shop.sale(100).created_at
    transfer = create_visa_direct(
        purpose=purpose, instrument_id=card.pk, amount=2000, currency="USD", by=system("test"), at=now
    )
    client = shop.browser()

    answer = client.get(page_of(transfer))

    page = text_of(answer)
    assert title in page
    assert "Can still be refunded" not in page
    assert "Left for the merchant" not in page
    assert (answer.context["refund_url"], answer.context["again_url"]) == ("", "")
    assert tag in text_of(client.get(TRANSFERS))


@pytest.mark.parametrize("purpose", [Purpose.PUSH, Purpose.PULL])
def test_network_is_quoted_where_it_declines(shop: Shop, purpose: Purpose) -> None:
    make_processor(shop.application, name=Processor.Name.VISA_V1)
    recipient = make_identity(shop.application)
    card = make_card(recipient, number=DECLINED_PUSH)
    make_merchant(recipient, processor="VISA_V1")
    transfer = create_visa_direct(
        purpose=purpose,
        instrument_id=card.pk,
        amount=2000,
        currency="USD",
        by=system("test"),
        at=timezone.now(),
    )

    page = text_of(shop.browser().get(page_of(transfer)))

    assert transfer.state == "FAILED"
    assert f"Said by the network {': '.join(transfer.messages)} Amount" in page


@pytest.mark.parametrize("role", list(Role))
def test_every_link_of_a_refund_opens(shop: Shop, role: Role) -> None:
    client = shop.browser(role)
    answer = client.get(page_of(shop.refund(shop.sale(), 100)))

    parties = answer.context["parties"]
    assert {client.get(party["url"]).status_code for party in parties if party["url"]} == {200}


def test_page_of_a_sale_costs_the_same_for_one_refund_and_for_three(shop: Shop) -> None:
    sale, client = shop.sale(5000), shop.browser()
    shop.refund(sale, 100)
    client.get(page_of(sale))  # the first request of a process checks its surroundings as well
    with CaptureQueriesContext(connection) as one:
        client.get(page_of(sale))
    shop.refund(sale, 100)
    shop.refund(sale, 100)
    with CaptureQueriesContext(connection) as three:
        client.get(page_of(sale))

    assert len(three) == len(one)


# --- a refund by hand


def test_form_begins_with_all_that_is_left(shop: Shop) -> None:
    sale = shop.sale(5000, fee=50)
    shop.refund(sale, 1500)

    answer = shop.browser().get(refund_of(sale))

    assert answer.context["form"]["amount"].value() == "35.00"
    page = text_of(answer)
    assert "Of a sale of 50.00 USD by Own Bakery, of which 35.00 USD is left." in page
    assert "It goes back to Visa •••• 0006, which was charged. The fee of 0.50 USD stays with the partner." in page


def test_review_says_what_will_happen_and_gives_nothing_back(shop: Shop) -> None:
    sale, client = shop.sale(5000, fee=50), shop.browser()

    told = form_of(client, sale, amount="15", reason="Wrong colour", step="review")
    answer = client.post(refund_of(sale), told, follow=True)

    assert [status for _, status in answer.redirect_chain] == [302]
    page = text_of(answer)
    assert "Refund 15.00 USD?" in page
    assert "Gives 15.00 USD back to Visa •••• 0006, and takes it from Own Bakery." in page
    assert "Refunded now 15.00 USD Left of the sale 35.00 USD Fee of the sale 0.50 USD, not given back" in page
    assert "Reason Wrong colour" in page
    assert "A refund cannot be undone." in page
    assert reversals() == []


def test_reviewed_refund_is_made_as_it_was_shown(shop: Shop) -> None:
    sale, client = shop.sale(5000), shop.browser()
    told = form_of(client, sale, amount="15", reason="Wrong colour", step="review")
    review = client.post(refund_of(sale), told, follow=True)

    answer = client.post(refund_of(sale), hidden_of(review) | {"step": "refund"})

    (refund,) = reversals()
    assert answer["Location"] == page_of(refund)
    assert (refund.state, refund.amount, refund.parent_id, refund.tags) == (
        "SUCCEEDED", 1500, sale.pk, {"refund_reason": "Wrong colour"},
    )  # fmt: skip
    assert "15.00 USD was refunded to Visa •••• 0006." in text_of(client.get(answer["Location"]))


def test_refund_that_is_sent_twice_gives_back_once(shop: Shop) -> None:
    sale, client = shop.sale(5000), shop.browser()
    form = form_of(client, sale)

    answers = [client.post(refund_of(sale), form) for _ in range(2)]

    (refund,) = reversals()
    assert [answer["Location"] for answer in answers] == [page_of(refund)] * 2
    assert "Nothing was done a second time." in text_of(client.get(page_of(refund)))


def test_step_back_after_a_part_gives_nothing_back_again(shop: Shop) -> None:
    sale, client = shop.sale(5000), shop.browser()
    form = form_of(client, sale, amount="15", step="review")
    address = client.post(refund_of(sale), form)["Location"]
    client.post(refund_of(sale), form | {"step": "refund"})

    back = client.get(address)
    client.post(refund_of(sale), form | {"step": "refund"})

    assert "Something was refunded since this page was shown: 35.00 USD of the sale is left now" in text_of(back)
    assert len(reversals()) == 1


def test_sent_refund_with_another_amount_is_asked_about_first(shop: Shop) -> None:
    sale, client = shop.sale(5000), shop.browser()
    form = form_of(client, sale, amount="15")
    client.post(refund_of(sale), form)

    answer = client.post(refund_of(sale), form | {"amount": "20"})

    (refund,) = reversals()
    assert "This form was sent before, with other contents, and that was done." in text_of(answer)
    assert f'href="{page_of(refund)}"' in answer.content.decode()


def test_two_people_who_refund_the_same_order_give_it_back_once(shop: Shop) -> None:
    sale, one, two = shop.sale(5000), shop.browser(), shop.browser(Role.PLATFORM)
    first, second = form_of(one, sale, amount="15"), form_of(two, sale, amount="15")

    one.post(refund_of(sale), first)
    answer = two.post(refund_of(sale), second)

    assert len(reversals()) == 1
    page = text_of(answer)
    assert "35.00 USD of the sale is left now, not 50.00 USD. Nothing was done. Look again before you go on." in page
    again = {name: str(answer.context["form"][name].value()) for name in ("key", "left", "amount", "reason")}
    two.post(refund_of(sale), again | {"step": "refund"})
    assert [refund.amount for refund in reversals()] == [1500, 1500]


def test_what_is_refunded_already_is_told_in_place_of_the_form(shop: Shop) -> None:
    sale, client = shop.sale(5000), shop.browser()
    form = form_of(client, sale)
    shop.refund(sale, 5000)

    answers = [client.get(refund_of(sale)), client.post(refund_of(sale), form)]

    assert [
        "Nothing can be refunded All of it was refunded, or is being refunded." in text_of(answer) for answer in answers
    ] == [True, True]
    assert len(reversals()) == 1


@pytest.mark.parametrize(("changes", "field", "message"), [
    ({"amount": ""}, "amount", "This field is required."),
    ({"amount": "0"}, "amount", "An amount above 0 is needed."),
    ({"amount": "50.01"}, "amount", "At most 50.00 USD can still be refunded."),
    ({"amount": "1.005"}, "amount", "USD has 2 decimal places."),
    ({"amount": "all"}, "amount", "Enter an amount like 1,250.00."),
    ({"reason": "x" * 201}, "reason", "at most 200 characters"),
    ({"key": ""}, "key", "This field is required."),
    ({"left": "x"}, "left", "Enter a whole number."),
])  # fmt: skip
@pytest.mark.parametrize("step", ["review", "refund"])
def test_form_refuses_beside_the_field(
    shop: Shop, step: str, changes: dict[str, str], field: str, message: str
) -> None:
    sale, client = shop.sale(5000), shop.browser()

    answer = client.post(refund_of(sale), form_of(client, sale, **changes) | {"step": step})

    errors = answer.context["form"].errors
    assert list(errors) == [field]
    assert message in errors[field][0]
    assert reversals() == []


def test_refund_that_fails_leads_to_its_page(shop: Shop) -> None:
    sale, client = shop.sale(5000, card=make_card(shop.buyer, number=FAILING_CARD)), shop.browser()

    answer = client.post(refund_of(sale), form_of(client, sale), follow=True)

    assert "The refund failed. Nothing was given back." in text_of(answer)
    assert "was refunded to" not in text_of(answer)


# --- who may


@pytest.mark.parametrize("method", ["get", "post"])
def test_merchant_may_not_refund_and_is_told_the_permission(shop: Shop, method: str) -> None:
    sale, client = shop.sale(), shop.browser(Role.MERCHANT)

    page, answer = client.get(page_of(sale)), getattr(client, method)(refund_of(sale))

    assert (page.status_code, page.context["refund_url"]) == (200, "")
    assert answer.status_code == 403
    assert "transfers.refund" in answer.content.decode()


@pytest.mark.parametrize("method", ["get", "post"])
def test_foreign_sale_is_not_there(shop: Shop, method: str) -> None:
    foreign = Shop("Foreign").sale()

    assert getattr(shop.browser(), method)(refund_of(foreign)).status_code == 404
    assert reversals() == []
