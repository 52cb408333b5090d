"""The page of a card or bank account in process: verifying, asking its issuer, editing, switching."""

from typing import Any

import pytest
from django.test import Client
from pytest_django import Settings

from events.models import Audit
from onboarding.models import Identity, InstrumentUpdate, Merchant, PaymentInstrument, Verification
from onboarding.services import update_payment_instrument
from providers.sandbox import faults
from providers.sandbox.models import Fault
from tenancy.actors import system
from tenancy.models import Application, Processor
from tenancy.roles import Role
from tenancy.transactions import transaction
from tests.factories.cards import make_inquiry, make_update
from tests.factories.onboarding import make_identity, make_merchant_identity
from tests.factories.payments import make_bank_account, make_card, make_merchant, make_processor
from tests.factories.tenancy import make_application
from tests.portal.pages import browser, rows

pytestmark = pytest.mark.django_db


@pytest.fixture
def own() -> Application:
    application = make_application("Own")[0]
    make_processor(application)
    make_processor(application, Processor.Name.VISA_V1)
    return application


@pytest.fixture
def buyer(own: Application) -> Identity:
    return make_identity(own)


@pytest.fixture
def card(buyer: Identity) -> PaymentInstrument:
    return make_card(buyer, "4835070000000014")


@pytest.fixture
def merchant(own: Application) -> Merchant:
    return make_merchant(make_merchant_identity(own), "DUMMY_V1")


def page_of(instrument: PaymentInstrument, below: str = "") -> str:
    return f"/dashboard/payment-instruments/{instrument.public_id}/{below}"


def shown(client: Client, path: str) -> str:
    answer = client.get(path)
    assert answer.status_code == 200
    return answer.content.decode()


def key_of(client: Client, instrument: PaymentInstrument, form: str) -> str:
    return str(client.get(page_of(instrument)).context[form]["key"].value())


def verify(client: Client, card: PaymentInstrument, **told: str) -> Any:
    key = told.pop("key", "") or key_of(client, card, "verification_form")
    return client.post(page_of(card), {"act": "verify", "key": key, **told}, follow=True)


def test_card_is_verified_and_told_in_words(partner: Client, card: PaymentInstrument) -> None:
    before = shown(partner, page_of(card))
    answer = verify(partner, card, security_code="112")
    (verification,) = rows(Verification)

    assert "Verify the card to learn" in before
    text = answer.content.decode()
    assert "was verified at VISA_V1." in text
    for words in (
        "Money arrives within 30 minutes, at home and from abroad.", "Fast Funds eligible for all transactions",
        "Accepts push-to-card payments", "Not blocked for online gambling payouts", "CVV and expiration verified",
    ):  # fmt: skip
        assert words in text
    page = shown(partner, f"/dashboard/verifications/{verification.public_id}/")
    for words in (
        "Address verified (<code>Y</code>)", "CVV and expiration verified (<code>M</code>)", "Debit (<code>D</code>)",
        "Visa Classic (<code>F</code>)", "United States (<code>840</code>)", "The card can be paid out to",
    ):  # fmt: skip
        assert words in page
    assert f'href="{page_of(card)}"' in page
    with transaction(by=system()):
        assert Audit.objects.latest("pk").action == "verify_card"


def test_security_code_does_not_come_back(partner: Client, card: PaymentInstrument) -> None:
    answer = verify(partner, card, security_code="12", postal_code="9x")

    form = answer.context["verification_form"]
    assert set(form.errors) == {"security_code", "postal_code"}
    assert "open data-dialog-shown" in answer.content.decode()
    assert 'value="12"' not in answer.content.decode()
    assert rows(Verification) == []


def test_same_form_twice_asks_once(partner: Client, card: PaymentInstrument) -> None:
    key = key_of(partner, card, "verification_form")
    for _ in range(2):
        verify(partner, card, key=key)
    other = verify(partner, card, key=key, postal_code="94404")

    assert len(rows(Verification)) == 1
    assert "was sent before" in other.content.decode()


def test_where_money_is_real_no_security_code_comes_through_the_page(
    partner: Client, card: PaymentInstrument, settings: Settings
) -> None:
    settings.IS_LIVE = True

    form = partner.get(page_of(card)).context["verification_form"]

    assert "security_code" not in form.fields


def test_refused_question_is_told(partner: Client, own: Application, card: PaymentInstrument) -> None:
    faults.arrange(application_id=own.pk, kind=Fault.Kind.UNREACHABLE, operation="inquire_card")

    answer = verify(partner, card)

    assert "was not verified. The provider could not be reached." in answer.content.decode()


def test_pending_inquiry_is_followed(partner: Client, own: Application, card: PaymentInstrument) -> None:
    faults.arrange(application_id=own.pk, kind=Fault.Kind.TIMEOUT_AFTER, operation="inquire_card")

    answer = verify(partner, card)
    (verification,) = rows(Verification)

    assert "hx-get" in answer.content.decode()
    page = partner.get(f"/dashboard/verifications/{verification.public_id}/")
    assert "Being asked" in page.content.decode()
    url = page.context["following"]["url"]
    assert partner.get(url, headers={"HX-Request": "true"}).status_code == 204


def test_card_cannot_be_verified_without_the_processor(merchant: Merchant) -> None:
    application = make_application("Other")[0]
    make_processor(application)
    card = make_card(make_identity(application))
    client = browser(Role.PLATFORM)

    assert "which is not enabled for Other" in shown(client, page_of(card))
    answer = client.post(page_of(card), {"act": "verify", "key": "k"})
    assert "VISA_V1 is not enabled for the application." in answer.content.decode()


def test_issuer_is_asked_for_a_merchant(partner: Client, card: PaymentInstrument, merchant: Merchant) -> None:
    form = partner.get(page_of(card)).context["update_form"]
    answer = partner.post(
        page_of(card), {"act": "update", "key": form["key"].value(), "merchant": merchant.public_id}, follow=True
    )

    assert [choice[0] for choice in form.fields["merchant"].choices] == [merchant.public_id]
    text = answer.content.decode()
    assert "was asked; it answers within days." in text
    assert "The issuer has not answered yet." in text
    assert not answer.context["may_update"]
    (update,) = rows(InstrumentUpdate)
    assert (update.state, update.merchant_id) == ("PENDING", merchant.pk)


def test_issuer_is_not_asked_without_a_merchant(partner: Client, card: PaymentInstrument) -> None:
    assert not partner.get(page_of(card)).context["may_update"]

    answer = partner.post(page_of(card), {"act": "update", "key": "k", "merchant": "MUb37LGvcCV4sNdjyzuJZETx"})

    assert list(answer.context["update_form"].errors) == ["merchant"]
    assert rows(InstrumentUpdate) == []


def test_among_many_merchants_the_id_is_typed(
    partner: Client, card: PaymentInstrument, merchant: Merchant, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("onboarding.forms.cards", "onboarding.portal.instrument"):
        monkeypatch.setattr(f"{module}.CHOOSABLE", 0)
    form = partner.get(page_of(card)).context["update_form"]

    answer = partner.post(page_of(card), {"act": "update", "key": form["key"].value(), "merchant": "nonsense"})
    partner.post(page_of(card), {"act": "update", "key": "other", "merchant": merchant.public_id})

    assert not hasattr(form.fields["merchant"], "choices")
    assert answer.context["update_form"].errors == {"merchant": ["An id that begins with MU is needed"]}
    assert len(rows(InstrumentUpdate)) == 1


def test_answer_of_the_issuer_is_told(partner: Client, buyer: Identity, merchant: Merchant) -> None:
    card = make_card(buyer, "4000002000000107")
    make_update(card, merchant)

    text = shown(partner, page_of(card))

    assert "The card has a new expiration date." in text
    assert "12 / 2044" in text


def test_edit_changes_holder_address_and_tags(partner: Client, card: PaymentInstrument) -> None:
    form = partner.get(page_of(card, "edit/")).context["form"]
    filled = {bound.html_name: bound.value() or "" for bound in form} | {"version": card.version}

    answer = partner.post(
        page_of(card, "edit/"), filled | {"name": "Ann Lee", "city": "", "tags": "order: 7\n\nplan : gold: one"}
    )

    assert answer["Location"] == page_of(card)
    (after,) = rows(PaymentInstrument)
    assert (after.name, after.tags) == ("Ann Lee", {"order": "7", "plan": "gold: one"})
    assert (after.address["city"], after.address["line1"]) == (None, card.address["line1"])


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("tags", "no colon", "Each line is a name, a colon and a value."),
        ("tags", "a: 1\na: 2", "a is told twice."),
        ("region", "Oregon", "Must be a two-letter state or province code"),
        ("name", "x" * 41, "Ensure this value has at most 40 characters (it has 41)."),
    ],
)
def test_edit_refuses_beside_the_field(
    *, partner: Client, card: PaymentInstrument, name: str, value: str, message: str
) -> None:
    answer = partner.post(page_of(card, "edit/"), {"country": "USA", name: value})

    assert answer.context["form"].errors == {name: [message]}


def test_edit_does_not_overwrite_what_changed_meanwhile(partner: Client, card: PaymentInstrument) -> None:
    version = card.version
    update_payment_instrument(
        instrument=card, values={"name": "Somebody"}, by=system(), at=card.created_at, version=None
    )

    answer = partner.post(page_of(card, "edit/"), {"name": "Me", "version": version})

    assert "Somebody else changed this" in answer.content.decode()
    assert rows(PaymentInstrument)[0].name == "Somebody"


def test_bank_account_has_no_address_and_needs_its_holder(partner: Client, buyer: Identity) -> None:
    account = make_bank_account(buyer)
    form = partner.get(page_of(account, "edit/")).context["form"]

    assert set(form.fields) == {"name", "tags"}
    refused = partner.post(page_of(account, "edit/"), {"name": ""})
    assert refused.context["form"].errors == {"name": ["This field is required."]}
    text = shown(partner, page_of(account))
    assert "Verify Card" not in text
    assert "What it can receive" not in text


def test_switching_asks_and_says_what_holds(partner: Client, card: PaymentInstrument) -> None:
    asked = shown(partner, page_of(card) + "?confirm=switch")
    off = partner.post(page_of(card), {"act": "switch", "enabled": "false"}, follow=True).content.decode()
    on = partner.post(page_of(card), {"act": "switch", "enabled": "true"}, follow=True).content.decode()

    assert "Disable this payment instrument?" in asked
    assert "is now disabled: payments with it are refused." in off
    assert "Enable this payment instrument?" in off
    assert "is now enabled: payments with it are taken again." in on
    with transaction(by=system()):
        acts = list(Audit.objects.filter(action="update_payment_instrument").values_list("result", flat=True))
    assert acts == ["DONE", "DONE"]


def test_merchants_read_theirs_and_change_nothing(
    own: Application, buyer: Identity, card: PaymentInstrument, merchant: Merchant
) -> None:
    inquiry, _ = make_inquiry(card), make_update(card, merchant)
    client = browser(Role.MERCHANT, own, buyer)

    text = shown(client, page_of(card))

    assert "Accepts push-to-card payments" in text
    assert "The card has not changed." in text
    for word in ("Verify Card", "Check for a New Card", "Disable", "/edit/", f"/merchants/{merchant.public_id}"):
        assert word not in text
    assert "Address verified" in shown(client, f"/dashboard/verifications/{inquiry.public_id}/")
    assert client.get(page_of(card, "edit/")).status_code == 403
    for act in ("verify", "update", "switch"):
        assert client.post(page_of(card), {"act": act, "key": "k"}).status_code == 403
    other = browser(Role.PARTNER, make_application("Foreign")[0])
    assert other.get(page_of(card)).status_code == 404
    assert other.post(page_of(card), {"act": "switch"}).status_code == 404


def test_unknown_act_does_nothing(partner: Client, card: PaymentInstrument) -> None:
    assert partner.post(page_of(card), {"act": "charge"}).status_code == 404
