"""Pages of authorizations in process: how each stands in words, and what capturing and voiding by hand do."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from api.filters import PublicIdFilter
from payments.models import Authorization, Transfer
from payments.portal.filters import AuthorizationPanel
from payments.services import ThreeDSecure
from payments.services.expiry import release_expired
from providers.models import Attempt
from providers.sandbox import faults
from tenancy import services as tenancy
from tenancy.actors import system
from tenancy.roles import Role
from tenancy.transactions import transaction
from tests.factories.onboarding import make_merchant_identity
from tests.factories.payments import let_time_pass, make_card, make_merchant
from tests.portal.pages import anew, rows, text_of
from tests.portal.shop import AUTHORIZATIONS as LIST
from tests.portal.shop import Shop, hidden_of, page_of
from vault.secret import Secret

pytestmark = pytest.mark.django_db

DAYS = 24 * 3600
State, VoidState = Authorization.State, Authorization.VoidState


@pytest.fixture
def shop() -> Shop:
    return Shop()


def capture_of(hold: Authorization) -> str:
    return f"{page_of(hold)}capture/"


def void_of(hold: Authorization) -> str:
    return f"{page_of(hold)}void/"


def form_of(client: Client, hold: Authorization, **changes: str) -> dict[str, str]:
    """What a browser sends of the form of a capture."""
    key = client.get(capture_of(hold)).context["form"]["key"].value()
    return {"key": key, "amount": "12.50", "fee": "", "step": "capture"} | changes


def transfers() -> list[Transfer]:
    found: list[Transfer] = rows(Transfer)
    return found


def listed(answer: Any) -> list[int]:
    return [authorization.amount for authorization in answer.context["resources"]]


def situations(shop: Shop) -> dict[str, Authorization]:
    """One authorization of each standing, by the words for it."""
    found = {"Expired": shop.hold(1000)}
    let_time_pass(shop.application, 6.5 * DAYS)
    found["Held, ends soon"] = shop.hold(1100)
    let_time_pass(shop.application, 6.2 * DAYS)
    release_expired(by=system("test"), at=timezone.now())
    found["Held"] = shop.hold(1200)
    found["Captured"] = shop.hold(1300)
    shop.capture(found["Captured"])
    found["Captured in part"] = shop.hold(1400)
    shop.capture(found["Captured in part"], 600)
    found["Voided"] = shop.hold(1500)
    shop.void(found["Voided"])
    let_time_pass(shop.application, 3)
    found["Being voided"] = shop.hold(1600)
    shop.void(found["Being voided"])
    found["Failed"] = shop.hold(193)
    return found


# --- the list


def test_list_tells_how_each_stands_in_words(shop: Shop) -> None:
    found = situations(shop)

    answer = shop.browser().get(LIST)

    amounts = {authorization.amount: words for words, authorization in found.items()}
    told = {amount: row["cells"][1] for amount, row in zip(listed(answer), answer.context["rows"], strict=True)}
    assert {amount: f">{words}</span>" in cell for amount, cell in told.items() for words in [amounts[amount]]} == (
        dict.fromkeys(amounts, True)
    )
    page = text_of(answer)
    assert "6.00 USD of it" in page
    assert "Insufficient funds" in page
    assert "8 authorizations" in page


def test_list_shows_until_when_only_of_what_is_held(shop: Shop) -> None:
    held, captured = shop.hold(1200), shop.hold(1300)
    shop.capture(captured)

    rows_ = shop.browser(Role.MERCHANT).get(LIST).context["rows"]

    ends = [row["cells"][4] for row in rows_]
    assert ends[0] is None
    assert f"{held.expires_at:%Y-%m-%dT%H:%M:%SZ}" in ends[1]


@pytest.mark.parametrize(("role", "amounts"), [
    (Role.ADMIN, [300, 200, 100]), (Role.PLATFORM, [300, 200, 100]), (Role.PARTNER, [200, 100]), (Role.MERCHANT, [100]),
])  # fmt: skip
def test_each_role_sees_its_own(shop: Shop, role: Role, amounts: list[int]) -> None:
    shop.hold(100)
    sibling = Shop("Foreign")
    own = shop.merchant
    shop.merchant = make_merchant(make_merchant_identity(shop.application, doing_business_as="Sibling"))
    siblings = shop.hold(200)
    shop.merchant = own
    foreign = sibling.hold(300)
    client = shop.browser(role)

    answer = client.get(LIST)

    assert listed(answer) == amounts
    statuses = [client.get(page_of(hold)).status_code for hold in (foreign, siblings)]
    assert statuses == [200 if amount in amounts else 404 for amount in (300, 200)]


@pytest.mark.parametrize(("query", "amounts"), [
    ("amount=13", [1300]), ("amount.gte=12.01", [1300]), ("state=SUCCEEDED", [1300, 1200]), ("state=FAILED", [193]),
    ("is_void=true", []), ("is_void=false", [193, 1300, 1200]), ("q=0006", [193, 1300, 1200]), ("q=nothing", []),
    ("merchant_identity_name=own+bakery", [193, 1300, 1200]), ("instrument_brand_type=VISA", [193, 1300, 1200]),
    ("instrument_card_last4=1111", []),
])  # fmt: skip
def test_filters_narrow_the_list_with_amounts_in_units(shop: Shop, query: str, amounts: list[int]) -> None:
    shop.hold(1200)
    shop.hold(1300)
    shop.hold(193)

    answer = shop.browser().get(f"{LIST}?{query}")

    assert (answer.status_code, listed(answer)) == (200, amounts)


def test_every_filter_has_a_label_and_every_id_says_so() -> None:
    filters = AuthorizationPanel.base_filters

    assert [name for name, found in filters.items() if not found._label or "_" in found._label] == []
    unsaid = [
        name
        for name, found in filters.items()
        if isinstance(found, PublicIdFilter) and not (found._label.endswith(" id") and found.extra.get("help_text"))
    ]
    assert unsaid == []


@pytest.mark.parametrize("role", [Role.ADMIN, Role.MERCHANT])
def test_list_costs_the_same_for_one_row_and_for_three(shop: Shop, role: Role) -> None:
    client = shop.browser(role)
    shop.capture(shop.hold())
    client.get(LIST)  # the first request of a process checks its surroundings as well
    with CaptureQueriesContext(connection) as one:
        client.get(LIST)
    shop.capture(shop.hold(card=make_card(shop.buyer)))
    shop.capture(shop.hold(card=make_card(shop.buyer)))
    with CaptureQueriesContext(connection) as three:
        client.get(LIST)

    assert len(three) == len(one)


def test_empty_list_teaches_and_offers_only_what_one_may_do(shop: Shop) -> None:
    partner, merchant = (shop.browser(role).get(LIST) for role in (Role.PARTNER, Role.MERCHANT))

    assert "No authorization yet" in text_of(partner)
    assert "/dashboard/transfers/new/?purpose=hold" in partner.content.decode()
    assert "No authorization yet" in text_of(merchant)
    assert "New authorization" not in text_of(merchant)


# --- one authorization


def test_page_of_a_hold_says_until_when_and_offers_what_can_be_done(shop: Shop) -> None:
    hold = shop.hold(1250, fee=50)

    answer = shop.browser().get(page_of(hold))

    page = text_of(answer)
    assert "Authorization of 12.50 USD Held" in page
    assert "Captured 0.00 USD Held 12.50 USD Let go 0.00 USD" in page
    assert "Fee, once captured 0.50 USD" in page
    assert "Held until" in page
    assert (answer.context["notice"], answer.context["following"]) == (None, None)
    assert (answer.context["capture_url"], answer.context["void_url"]) == (capture_of(hold), void_of(hold))


def test_page_of_a_partial_capture_tells_where_the_amount_is(shop: Shop) -> None:
    hold = shop.hold(1250)
    capture = shop.capture(hold, 1000)

    answer = shop.browser().get(page_of(hold))

    page = text_of(answer)
    assert "Captured in part" in page
    assert "Captured 10.00 USD Held 0.00 USD Let go 2.50 USD" in page
    assert f'href="{page_of(capture)}"' in answer.content.decode()
    assert (answer.context["capture_url"], answer.context["void_url"]) == ("", "")


@pytest.mark.parametrize(("words", "level", "title", "figures"), [
    ("Held, ends soon", "warning", "Expires in 19\xa0hours", "Captured 0.00 USD Held 11.00 USD Let go 0.00 USD"),
    ("Expired", "info", "Expired. Nothing is held.", "Captured 0.00 USD Held 0.00 USD Let go 10.00 USD"),
    ("Being voided", "info", "Being voided", "Captured 0.00 USD Held 16.00 USD Let go 0.00 USD"),
    ("Voided", None, "", "Captured 0.00 USD Held 0.00 USD Let go 15.00 USD"),
    ("Captured", None, "", "Captured 13.00 USD Held 0.00 USD Let go 0.00 USD"),
    ("Failed", "error", "Declined. Nothing is held.", "There is not enough money on the account."),
])  # fmt: skip
def test_page_says_what_the_standing_means(shop: Shop, words: str, level: str | None, title: str, figures: str) -> None:
    hold = situations(shop)[words]

    answer = shop.browser(Role.MERCHANT).get(page_of(hold))

    notice = answer.context["notice"]
    assert (notice and notice["level"], notice["title"] if notice else "") == (level, title)
    assert f"{words} " in text_of(answer)
    assert figures in text_of(answer)
    assert bool(answer.context["following"]) == (words == "Being voided")


def test_page_of_a_capture_under_way_says_so_and_follows(shop: Shop) -> None:
    hold = shop.hold(1250)
    faults.arrange(application_id=shop.application.pk, kind="TIMEOUT_AFTER", operation="capture", times=1)
    capture = shop.capture(hold, 1000)

    client = shop.browser()
    answer = client.get(page_of(hold))

    assert capture.state == Transfer.State.PENDING
    assert (answer.context["notice"]["title"], answer.context["notice"]["url"]) == ("Being captured", page_of(capture))
    assert "Captured 0.00 USD Held 12.50 USD Let go 0.00 USD" in text_of(answer)
    followed = answer.context["following"]["url"]
    assert client.get(followed, headers={"HX-Request": "true"}).status_code == 204
    let_time_pass(shop.application, 0)
    after = client.get(followed, headers={"HX-Request": "true"})
    assert (after.status_code, after.context["following"]) == (200, None)
    assert "Captured 10.00 USD Held 0.00 USD Let go 2.50 USD" in text_of(after)


def test_page_of_a_capture_that_failed_offers_it_again(shop: Shop) -> None:
    hold = shop.hold(1250)
    failed = shop.capture(hold, 102)

    client = shop.browser()
    answer, capture = client.get(page_of(hold)), client.get(page_of(failed))

    assert failed.state == Transfer.State.FAILED
    assert answer.context["notice"]["title"] == "The last capture failed"
    assert answer.context["capture_url"] == capture_of(hold)
    assert "Declined. The card was not charged." in text_of(capture)
    assert capture.context["notice"]["url"] == page_of(hold)
    assert capture.context["again_url"] == ""


def test_page_of_a_void_that_was_refused_says_that_it_is_held(shop: Shop) -> None:
    hold = shop.hold(1250)
    faults.arrange(application_id=shop.application.pk, kind="REFUSED", operation="void", times=1)
    refused = shop.void(hold)

    answer = shop.browser().get(page_of(hold))

    assert refused.void_state == VoidState.FAILED
    assert answer.context["notice"]["title"] == "The void was refused"
    assert answer.context["void_url"] == void_of(hold)
    assert "Captured 0.00 USD Held 12.50 USD Let go 0.00 USD" in text_of(answer)


@pytest.mark.parametrize("role", list(Role))
def test_page_of_an_unknown_outcome_says_not_to_hold_again(shop: Shop, role: Role) -> None:
    faults.arrange(application_id=shop.application.pk, kind="TIMEOUT_AFTER", operation="authorise", times=1)
    hold = shop.hold()

    answer = shop.browser(role).get(page_of(hold))

    assert hold.state == State.PENDING
    page = text_of(answer)
    assert "The provider has not answered. Do not hold or charge again yet; we keep asking." in page
    assert (answer.context["capture_url"], answer.context["figures"]) == ("", [])
    assert ("At the provider" in page) == (role != Role.MERCHANT)
    with transaction(by=system()):
        Attempt.objects.filter(resource_id=hold.pk).update(next_check_at=None)
    assert "We have stopped asking." in text_of(shop.browser(role).get(page_of(hold)))


def test_page_of_a_hold_that_was_not_sent_says_it_is_safe(shop: Shop) -> None:
    faults.arrange(application_id=shop.application.pk, kind="UNREACHABLE", operation="authorise")
    hold = shop.hold()

    page = text_of(shop.browser().get(page_of(hold)))

    assert "Not carried out. Nothing is held." in page
    assert "It is safe to try again." in page


@pytest.mark.parametrize("pay", [Shop.hold, Shop.sale])
@pytest.mark.parametrize("role", [Role.PARTNER, Role.MERCHANT])
def test_3ds_facts_are_told_without_the_proof(shop: Shop, role: Role, pay: Any) -> None:
    proof = "AJkBByEyYgAAAASwgmEodQAAAAA="
    found = ThreeDSecure("AUTHENTICATED", Secret(proof), "203.0.113.7", "EaOMucALHQqLAEGAgk")
    payment = pay(shop, three_d_secure=found, additional_purchase_data={"customer_reference_number": "321xyz"})

    answer = shop.browser(role).get(page_of(payment))

    page = text_of(answer)
    assert "Found The cardholder was authenticated Proof Provided Transaction id EaOMucALHQqLAEGAgk" in page
    assert ("203.0.113.7" in page) == (role == Role.PARTNER)
    assert "Customer reference number 321xyz" in page
    assert proof not in answer.content.decode()


@pytest.mark.parametrize("role", list(Role))
def test_every_link_of_an_authorization_opens(shop: Shop, role: Role) -> None:
    client = shop.browser(role)
    parties = client.get(page_of(shop.hold())).context["parties"]

    assert {client.get(party["url"]).status_code for party in parties if party["url"]} == {200}
    assert [party["label"] for party in parties] == ["Merchant", "Identity", "Card", "Application"]


@pytest.mark.parametrize("role", list(Role))
def test_providers_own_words_are_for_the_platform(shop: Shop, role: Role) -> None:
    answer = shop.browser(role).get(page_of(shop.hold()))

    assert ("The provider's own words" in text_of(answer)) == (role in Role.of_the_platform())


# --- a capture by hand


def test_review_of_a_capture_says_what_will_happen_and_takes_nothing(shop: Shop) -> None:
    hold, client = shop.hold(1250), shop.browser()

    told = form_of(client, hold, step="review", amount="10", fee="0.40")
    answer = client.post(capture_of(hold), told, follow=True)

    assert [status for _, status in answer.redirect_chain] == [302]
    page = text_of(answer)
    assert "Capture 10.00 USD?" in page
    assert "Takes 10.00 USD from Visa •••• 0006 for Own Bakery." in page
    assert "Held 12.50 USD Captured 10.00 USD Let go 2.50 USD Fee 0.40 USD Left for the merchant 9.60 USD" in page
    assert "A capture cannot be undone, and an authorization is captured once: what is not taken now is let go." in page
    assert transfers() == []


def test_reviewed_capture_is_made_as_it_was_shown(shop: Shop) -> None:
    hold, client = shop.hold(1250), shop.browser()
    told = form_of(client, hold, step="review", amount="10", fee="0.40")
    review = client.post(capture_of(hold), told, follow=True)

    answer = client.post(capture_of(hold), hidden_of(review) | {"step": "capture"})

    (capture,) = transfers()
    assert answer["Location"] == page_of(capture)
    assert (capture.state, capture.amount, capture.fee, capture.authorization_id) == ("SUCCEEDED", 1000, 40, hold.pk)
    page = text_of(client.get(answer["Location"]))
    assert "10.00 USD was captured for Own Bakery." in page
    assert "Authorization 12.50 USD" in page


def test_form_of_a_capture_begins_with_all_of_it_and_the_fee_of_the_hold(shop: Shop) -> None:
    form = shop.browser().get(capture_of(shop.hold(1250, fee=50))).context["form"]

    assert (form["amount"].value(), form["fee"].value()) == ("12.50", "0.50")


def test_capture_that_is_sent_twice_takes_once(shop: Shop) -> None:
    hold, client = shop.hold(1250), shop.browser()
    form = form_of(client, hold)

    answers = [client.post(capture_of(hold), form) for _ in range(2)]

    (capture,) = transfers()
    assert [answer["Location"] for answer in answers] == [page_of(capture)] * 2
    assert "Nothing was done a second time." in text_of(client.get(page_of(capture)))


def test_declined_capture_that_is_sent_twice_shows_the_decline(shop: Shop) -> None:
    hold, client = shop.hold(1250), shop.browser()
    form = form_of(client, hold, amount="1.02")

    answers = [client.post(capture_of(hold), form) for _ in range(2)]

    (capture,) = transfers()
    assert [answer["Location"] for answer in answers] == [page_of(capture)] * 2


def test_sent_capture_with_other_values_is_refused_and_leads_to_the_first(shop: Shop) -> None:
    hold, client = shop.hold(1250), shop.browser()
    form = form_of(client, hold)
    client.post(capture_of(hold), form)

    answer = client.post(capture_of(hold), form | {"amount": "5"})

    (capture,) = transfers()
    assert "The authorization was captured already." in text_of(answer)
    assert f'href="{page_of(capture)}"' in answer.content.decode()


def test_step_back_after_a_capture_says_that_it_was_captured(shop: Shop) -> None:
    hold, client = shop.hold(1250), shop.browser()
    form = form_of(client, hold, step="review")
    address = client.post(capture_of(hold), form)["Location"]
    client.post(capture_of(hold), form | {"step": "capture"})

    back = text_of(client.get(address))

    assert "Nothing can be captured" in back
    assert "The authorization was captured already." in back
    assert len(transfers()) == 1


def test_stale_form_of_a_capture_is_refused(shop: Shop) -> None:
    hold, client = shop.hold(1250), shop.browser()
    form = form_of(client, hold)
    shop.void(hold)

    answer = client.post(capture_of(hold), form)

    assert "Nothing can be captured The authorization is void." in text_of(answer)
    assert transfers() == []


@pytest.mark.parametrize(("changes", "field", "message"), [
    ({"amount": ""}, "amount", "This field is required."),
    ({"amount": "0"}, "amount", "An amount above 0 is needed."),
    ({"amount": "12.51"}, "amount", "At most 12.50 USD is held."),
    ({"amount": "1.005"}, "amount", "USD has 2 decimal places."),
    ({"amount": "all"}, "amount", "Enter an amount like 1,250.00."),
    ({"amount": "5", "fee": "5.01"}, "fee", "The fee is at most the amount."),
    ({"fee": "0.001"}, "fee", "USD has 2 decimal places."),
    ({"key": ""}, "key", "This field is required."),
])  # fmt: skip
@pytest.mark.parametrize("step", ["review", "capture"])
def test_form_of_a_capture_refuses_beside_the_field(
    shop: Shop, step: str, changes: dict[str, str], field: str, message: str
) -> None:
    hold, client = shop.hold(1250), shop.browser()

    answer = client.post(capture_of(hold), form_of(client, hold, **changes) | {"step": step})

    errors = answer.context["form"].errors
    assert list(errors) == [field]
    assert message in errors[field][0]
    assert transfers() == []


def test_switched_off_processing_refuses_a_capture_above_the_form(shop: Shop) -> None:
    hold, client = shop.hold(1250), shop.browser()
    form = form_of(client, hold)
    tenancy.update_application(
        application=shop.application, values={"processing_enabled": False}, by=system(), at=timezone.now()
    )

    answers = [client.post(capture_of(hold), form | {"step": step}) for step in ("review", "capture")]

    told = [answer.context["form"].non_field_errors() for answer in answers]
    assert told == [["Processing is switched off for the application."]] * 2
    assert transfers() == []


def test_change_leads_back_to_the_filled_form(shop: Shop) -> None:
    hold, client = shop.hold(1250), shop.browser()

    answer = client.post(capture_of(hold), form_of(client, hold, amount="7", step="edit"))

    assert answer.context["form"]["amount"].value() == "7"
    assert "Review capture" in text_of(answer)


# --- a void by hand


def test_void_is_asked_for_first_and_done_once(shop: Shop) -> None:
    hold, client = shop.hold(1250), shop.browser()

    page = client.get(void_of(hold))
    told = hidden_of(page)
    untouched: Authorization = anew(hold)
    answers = [client.post(void_of(hold), told) for _ in range(2)]

    assert "Void 12.50 USD?" in text_of(page)
    assert "All of it is let go" in text_of(page)
    assert untouched.void_state == VoidState.UNATTEMPTED
    assert [answer["Location"] for answer in answers] == [page_of(hold)] * 2
    voided: Authorization = anew(hold)
    assert (voided.void_state, voided.is_void, voided.voids) == (VoidState.PENDING, True, 1)
    assert "Being voided" in text_of(client.get(page_of(hold)))


def test_stale_void_is_refused(shop: Shop) -> None:
    hold, client = shop.hold(1250), shop.browser()
    told = hidden_of(client.get(void_of(hold)))
    shop.capture(hold)

    answer = client.post(void_of(hold), told)

    assert "Nothing can be voided The authorization was captured already." in text_of(answer)
    assert anew(hold).is_void is False


def test_void_without_a_key_is_refused(shop: Shop) -> None:
    hold, client = shop.hold(1250), shop.browser()

    answer = client.post(void_of(hold))

    assert "It was not done" in text_of(answer)
    assert anew(hold).void_state == VoidState.UNATTEMPTED


def test_expired_hold_can_neither_be_captured_nor_voided(shop: Shop) -> None:
    hold, client = shop.hold(1250), shop.browser()
    form, told = form_of(client, hold), hidden_of(client.get(void_of(hold)))
    let_time_pass(shop.application, timedelta(days=7).total_seconds())

    answers = [client.post(capture_of(hold), form), client.post(void_of(hold), told)]

    reason = "The authorization has expired, and its hold was released."
    assert [reason in text_of(answer) for answer in answers] == [True, True]
    assert (transfers(), anew(hold).voids) == ([], 0)


# --- who may


@pytest.mark.parametrize("method", ["get", "post"])
def test_merchant_sees_and_does_not_act(shop: Shop, method: str) -> None:
    hold, client = shop.hold(), shop.browser(Role.MERCHANT)

    page = client.get(page_of(hold))
    answers = [getattr(client, method)(path) for path in (capture_of(hold), void_of(hold))]

    assert (page.status_code, page.context["capture_url"], page.context["void_url"]) == (200, "", "")
    assert [answer.status_code for answer in answers] == [403, 403]
    assert all("transfers.create" in answer.content.decode() for answer in answers)


@pytest.mark.parametrize("method", ["get", "post"])
def test_foreign_authorization_is_not_there(shop: Shop, method: str) -> None:
    foreign, client = Shop("Foreign").hold(), shop.browser()

    answers = [getattr(client, method)(path) for path in (capture_of(foreign), void_of(foreign))]

    assert [answer.status_code for answer in answers] == [404, 404]
    assert anew(foreign).is_held


def test_authorizations_are_offered_on_the_page_of_a_merchant(shop: Shop) -> None:
    page = shop.browser(Role.MERCHANT).get(f"/dashboard/merchants/{shop.merchant.public_id}/").content.decode()

    assert f'href="{LIST}?merchant_id={shop.merchant.public_id}"' in page
