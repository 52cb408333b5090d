"""Pages of instruments, merchants and verifications in process: who may open them, and what they show and change."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from events.models import Audit
from onboarding.models import Identity, Merchant, PaymentInstrument, Verification
from onboarding.services import create_associated_identity, update_merchant, verify_merchant
from portal.attempts import attempt_entries
from providers import attempts
from providers.models import Attempt
from providers.sandbox import faults
from tenancy.actors import system
from tenancy.models import Application, Processor
from tenancy.roles import Role
from tenancy.services import update_application, update_processor
from tenancy.transactions import transaction
from tests.factories.onboarding import make_identity, make_merchant_identity
from tests.factories.payments import PLAIN_CARD, make_bank_account, make_card, make_merchant, make_processor
from tests.factories.tenancy import make_application
from tests.portal.pages import anew, browser, rows, text_of

pytestmark = pytest.mark.django_db

NUMBER = "9876501234"
BANK_ACCOUNT = {
    "key": "form-1",
    "name": "Bobs Burgers",
    "bank_code": "122105278",
    "account_number": NUMBER,
    "account_type": "BUSINESS_CHECKING",
    "country": "USA",
}
CARD = {
    "key": "form-1",
    "name": "Sean Green",
    "number": "4895 1422 3212 0006",
    "expiration_month": "12",
    "expiration_year": "2040",
    "security_code": "731",
    "postal_code": "94404",
}
HELD, REJECTED, REJECTED_LATER = "000000002", "000000003", "000000004"


@pytest.fixture
def identity(own: Application) -> Identity:
    return make_merchant_identity(own)


@pytest.fixture
def merchant(identity: Identity) -> Merchant:
    return make_merchant(identity)


def tab(identity: Identity, name: str = "payment-instruments") -> str:
    return f"/dashboard/identities/{identity.public_id}/{name}/"


def page_of(row: Any) -> str:
    places = {"merchant": "merchants", "verification": "verifications", "payment_instrument": "payment-instruments"}
    return f"/dashboard/{places[row.KIND]}/{row.public_id}/"


def verification_of(merchant: Merchant) -> Verification:
    with transaction(by=system()):
        return Verification.objects.get(pk=merchant.verification_id)


def places_of(identity: Identity, merchant: Merchant, instrument: PaymentInstrument) -> list[str]:
    return [
        tab(identity),
        tab(identity, "processors"),
        page_of(instrument),
        page_of(merchant),
        page_of(verification_of(merchant)),
    ]


@pytest.mark.parametrize("role", [Role.ADMIN, Role.PLATFORM, Role.PARTNER, Role.MERCHANT])
def test_every_page_opens_for_everybody_it_concerns(
    role: Role, own: Application, identity: Identity, merchant: Merchant
) -> None:
    platform = role in Role.of_the_platform()
    client = browser(role, None if platform else own, identity if role == Role.MERCHANT else None)
    places = [*places_of(identity, merchant, make_bank_account(identity)), *LISTS]

    assert {place: client.get(place).status_code for place in places} == dict.fromkeys(places, 200)
    edit = client.get(f"{page_of(merchant)}edit/")
    assert edit.status_code == (200 if platform else 403)
    assert ("merchants.manage" in edit.content.decode()) is not platform


LISTS = ["/dashboard/merchants/", "/dashboard/payment-instruments/"]


def test_foreign_pages_are_absent(own: Application, identity: Identity, merchant: Merchant) -> None:
    client = browser(Role.PARTNER, make_application("Foreign")[0])
    instrument = make_card(identity)
    places = places_of(identity, merchant, instrument)

    assert {place: client.get(place).status_code for place in places} == dict.fromkeys(places, 404)
    assert client.post(f"{tab(identity)}?add=bank-account", BANK_ACCOUNT).status_code == 404
    assert client.post(tab(identity, "processors"), {"key": "k", "processor": "DUMMY_V1"}).status_code == 404
    assert client.post(page_of(merchant), {"key": "k"}).status_code == 404
    for place in LISTS:
        assert merchant.public_id not in client.get(place).content.decode()
        assert "0006" not in client.get(place).content.decode()


def test_merchant_sees_its_own_and_is_offered_nothing(own: Application, identity: Identity, merchant: Merchant) -> None:
    other = make_merchant_identity(own, doing_business_as="Other Co")
    others = places_of(other, make_merchant(other), make_bank_account(other, name="Someone Else"))
    make_bank_account(identity, name="Alice Own")
    client = browser(Role.MERCHANT, own, identity)

    assert {place: client.get(place).status_code for place in others} == dict.fromkeys(others, 404)
    assert client.get("/dashboard/merchants/").content.decode().count("row-link") == 1
    assert client.get("/dashboard/payment-instruments/").content.decode().count("row-link") == 1
    for place, offer in (
        (tab(identity), "Add Bank Account"),
        (tab(identity, "processors"), "Provision Merchant"),
        (page_of(merchant), "Create Verification"),
        (page_of(merchant), "Save"),
    ):
        assert offer not in text_of(client.get(place)).replace("Provision Merchant sends", "")


@pytest.mark.parametrize(
    ("place", "permission"),
    [
        (lambda merchant: f"{tab(merchant.identity)}?add=bank-account", "payment_instruments.create"),
        (lambda merchant: tab(merchant.identity, "processors"), "merchants.provision"),
        (page_of, "merchants.provision"),
        (lambda merchant: f"{page_of(merchant)}edit/", "merchants.manage"),
    ],
)
def test_refusal_names_the_permission(
    place: Callable[[Merchant], str], permission: str, own: Application, identity: Identity, merchant: Merchant
) -> None:
    merchant.identity = identity

    answer = browser(Role.MERCHANT, own, identity).post(place(merchant), BANK_ACCOUNT)

    assert answer.status_code == 403
    assert permission in answer.content.decode()
    assert rows(PaymentInstrument) == []
    assert len(rows(Merchant)) == len(rows(Verification)) == 1


def test_bank_account_is_added_and_only_four_digits_are_shown(own: Application, identity: Identity) -> None:
    client = browser(Role.PARTNER, own)

    listed = client.post(f"{tab(identity)}?add=bank-account", BANK_ACCOUNT, follow=True)

    (instrument,) = rows(PaymentInstrument)
    assert listed.redirect_chain == [(tab(identity), 302)]
    assert "Bank account •••• 1234 was added to Bobs Burgers." in text_of(listed)
    page = client.get(page_of(instrument))
    assert "XXXXX1234" in page.content.decode()
    assert NUMBER not in listed.content.decode() + page.content.decode()
    with transaction(by=system()):
        assert Audit.objects.latest("occurred_at").action == "create_payment_instrument"


def test_form_that_is_sent_twice_adds_one(own: Application, identity: Identity) -> None:
    client = browser(Role.PARTNER, own)

    answers = [client.post(f"{tab(identity)}?add=bank-account", BANK_ACCOUNT) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [302, 302]
    assert len(rows(PaymentInstrument)) == 1


def test_form_with_other_contents_under_its_key_asks_before_it_adds(own: Application, identity: Identity) -> None:
    client = browser(Role.PARTNER, own)
    client.post(f"{tab(identity)}?add=bank-account", BANK_ACCOUNT)
    other = BANK_ACCOUNT | {"account_number": "5554443332"}

    answer = client.post(f"{tab(identity)}?add=bank-account", other)

    assert "This form was sent before, with other contents" in text_of(answer)
    assert len(rows(PaymentInstrument)) == 1
    key = answer.context["bank_account_form"]["key"].value()
    assert key not in {None, BANK_ACCOUNT["key"]}
    client.post(f"{tab(identity)}?add=bank-account", other | {"key": key})
    assert [row.last_four for row in rows(PaymentInstrument)] == ["1234", "3332"]


def test_refused_bank_account_shows_errors_and_no_number(own: Application, identity: Identity) -> None:
    client = browser(Role.PARTNER, own)
    wrong = BANK_ACCOUNT | {"bank_code": "122105279", "name": "", "account_type": ""}

    answer = client.post(f"{tab(identity)}?add=bank-account", wrong)

    form = answer.context["bank_account_form"]
    assert form.errors == {
        "bank_code": ["Must be a routing number: a digit of it is wrong"],
        "name": ["This field is required."],
        "account_type": ["This field is required."],
    }
    body = answer.content.decode()
    assert NUMBER not in body
    assert "Type it again: it was not kept." in body
    assert "122105279" in body
    assert 'id="add-bank-account"' in body
    assert re.search(r'<dialog[^>]+id="add-bank-account"[^>]+data-dialog-shown', body)
    assert rows(PaymentInstrument) == []


def test_number_that_is_refused_itself_is_not_shown_either(own: Application, identity: Identity) -> None:
    answer = browser(Role.PARTNER, own).post(
        f"{tab(identity)}?add=bank-account", BANK_ACCOUNT | {"account_number": "98765O1234"}
    )

    assert answer.context["bank_account_form"].errors == {"account_number": ["Must be 5 to 17 digits"]}
    assert "98765O1234" not in answer.content.decode()


def test_card_is_added_in_a_sandbox(own: Application, identity: Identity) -> None:
    client = browser(Role.PARTNER, own)

    listed = client.post(f"{tab(identity)}?add=card", CARD, follow=True)

    (card,) = rows(PaymentInstrument)
    assert (card.display_name, card.address["postal_code"]) == ("Visa •••• 0006", "94404")
    assert "Visa •••• 0006 was added" in text_of(listed)
    page = client.get(page_of(card)).content.decode()
    assert "489514 •••••• 0006" in page
    assert PLAIN_CARD not in listed.content.decode() + page
    assert CARD["number"] not in page


def test_refused_card_shows_neither_number_nor_code(own: Application, identity: Identity) -> None:
    answer = browser(Role.PARTNER, own).post(f"{tab(identity)}?add=card", CARD | {"expiration_year": "2020"})

    assert answer.context["card_form"].errors == {"expiration_year": ["Expiration year `2020` is expired"]}
    controls = re.findall(r"<input[^>]+>", answer.content.decode())
    assert not [control for control in controls if "4895" in control or "731" in control]


def test_live_installation_takes_no_card_numbers(own: Application, identity: Identity, settings: Any) -> None:
    client = browser(Role.PARTNER, own)
    settings.IS_LIVE = True

    page = client.get(tab(identity))

    assert "Add Bank Account" in text_of(page)
    assert "Add Card" not in text_of(page)
    assert client.post(f"{tab(identity)}?add=card", CARD).status_code == 404
    assert rows(PaymentInstrument) == []


def test_tab_without_a_processor_says_what_is_missing() -> None:
    application = make_application("Bare")[0]
    identity = make_merchant_identity(application)
    client = browser(Role.PARTNER, application)

    for place in (tab(identity), tab(identity, "processors")):
        page = client.get(place)
        assert "Bare has no processor yet" in text_of(page)
        assert f"/dashboard/applications/{application.public_id}/processors/" in page.content.decode()
        assert "data-dialog-open" not in page.content.decode()


def test_identity_is_provisioned_once(own: Application, identity: Identity) -> None:
    client = browser(Role.PARTNER, own)
    form = {"key": "form-1", "processor": "DUMMY_V1"}

    page = client.post(tab(identity, "processors"), form, follow=True)
    again = client.post(tab(identity, "processors"), form)

    (merchant,) = rows(Merchant)
    assert page.redirect_chain == [(page_of(merchant), 302)]
    assert again.headers["Location"] == page_of(merchant)
    assert "Bobs Burgers is approved at DUMMY_V1 and can take payments." in text_of(page)
    listed = client.get(tab(identity, "processors"))
    assert merchant.public_id in text_of(listed)
    assert merchant.mid in text_of(listed)


def test_provisioning_says_what_the_identity_lacks(own: Application) -> None:
    identity = make_merchant_identity(own)
    with transaction(by=system()):  # as identities were before the form asked for it
        Identity.objects.filter(pk=identity.pk).update(title=None, tax_id_provided=False)
    client = browser(Role.PARTNER, own)

    page = client.get(f"{tab(identity, 'processors')}?provision")

    assert "The processor needs more than this identity tells: Title Personal tax id" in text_of(page)
    assert f"/dashboard/identities/{identity.public_id}/edit/" in page.content.decode()
    answer = client.post(tab(identity, "processors"), {"key": "k", "processor": "DUMMY_V1"})
    assert "Title: the processor needs it. Edit the identity first." in text_of(answer)
    assert rows(Merchant) == []


def test_buyer_is_told_that_it_cannot_be_underwritten(own: Application) -> None:
    buyer = make_identity(own)
    make_processor(own, Processor.Name.VISA_V1)
    client = browser(Role.PARTNER, own)

    before = client.get(f"{tab(buyer, 'processors')}?provision")
    make_card(buyer)
    after = client.get(f"{tab(buyer, 'processors')}?provision")

    assert "This is a buyer's identity, without an underwriting form." in text_of(before).replace("&#x27;", "'")
    assert f'href="/dashboard/applications/{own.public_id}/identities/new/"' in before.content.decode()
    assert "VISA_V1 pays out to a card, and this identity has none." in text_of(before)
    assert after.context["form"].fields["processor"].choices == [("VISA_V1", "VISA_V1")]


def test_owner_of_the_application_is_no_buyer_and_led_to_a_new_identity(own: Application) -> None:
    owner = make_identity(own, {"first_name": "Olive", "last_name": "Owner"})
    with transaction(by=system()):
        Application.objects.filter(pk=own.pk).update(owner_id=owner.pk)
    client = browser(Role.PARTNER, own)

    page = client.get(f"{tab(owner, 'processors')}?provision")

    assert "This identity is the owner of the application" in text_of(page)
    assert "data-dialog-open" not in page.content.decode()
    for place in (f"/dashboard/applications/{own.public_id}/identities/", "/dashboard/identities/"):
        assert "Olive Owner Owner" in text_of(client.get(place))
    assert "Buyer" not in text_of(client.get(f"/dashboard/identities/{owner.public_id}/"))


def test_lists_say_whose_owner_somebody_is_without_asking_for_each(own: Application) -> None:
    client = browser(Role.ADMIN)
    places = ["/dashboard/identities/", f"/dashboard/applications/{own.public_id}/identities/"]
    counts = []
    for number in (1, 2):
        business = make_merchant_identity(own)
        owner = {"first_name": "Ann", "last_name": f"Owner{number}"}
        create_associated_identity(business=business, entity=owner, by=system("test"), at=timezone.now())
        for place in places:
            client.get(place)
            with CaptureQueriesContext(connection) as queries:
                page = text_of(client.get(place))
            counts.append(len(queries))
            assert f"Ann Owner{number} of {business.display_name}" in page

    assert counts[:2] == counts[2:]


def test_processor_where_it_is_a_merchant_is_left_out_while_there_is_another(
    own: Application, identity: Identity, merchant: Merchant
) -> None:
    client = browser(Role.PARTNER, own)
    alone = client.get(f"{tab(identity, 'processors')}?provision")
    make_processor(own, Processor.Name.VISA_V1)
    make_card(identity)

    beside = client.get(f"{tab(identity, 'processors')}?provision")

    for page, offered in ((alone, "DUMMY_V1"), (beside, "VISA_V1")):
        assert page.context["form"].fields["processor"].choices == [(offered, offered)]
        assert "Already a merchant at DUMMY_V1." in text_of(page)


@pytest.mark.parametrize(
    "place", ["/dashboard/identities/", "/dashboard/merchants/", "/dashboard/payment-instruments/"]
)
def test_application_is_told_to_who_sees_several(
    place: str, own: Application, identity: Identity, merchant: Merchant
) -> None:
    make_bank_account(identity)

    for role in (Role.PLATFORM, Role.PARTNER):
        context = browser(role, None if role == Role.PLATFORM else own).get(place).context
        labels = [column["label"] for column in context["columns"]]
        assert ("Application" in labels) == (role == Role.PLATFORM)
        assert ("Own" in context["rows"][0]["cells"]) == (role == Role.PLATFORM)
        assert len(context["rows"][0]["cells"]) == len(labels)


def test_merchant_without_a_bank_account_is_told_where_to_add_one(
    own: Application, identity: Identity, merchant: Merchant
) -> None:
    client = browser(Role.PARTNER, own)

    before = client.get(page_of(merchant))
    account = make_bank_account(identity)
    after = client.get(page_of(merchant))
    with transaction(by=system()):
        PaymentInstrument.objects.filter(pk=account.pk).update(enabled=False)
    disabled = client.get(page_of(merchant))

    assert "Can take payments" in text_of(before)
    assert [("No bank account to pay out to" in text_of(page)) for page in (before, after, disabled)] == [
        True,
        False,
        True,
    ]
    assert f'href="{tab(identity)}">PAYMENT INSTRUMENTS' in before.content.decode()


def test_brands_are_offered_by_the_names_they_go_by(own: Application) -> None:
    form = browser(Role.PARTNER, own).get("/dashboard/payment-instruments/").context["filter_form"]

    words = dict(form.fields["brand"].choices)
    assert words["AMERICAN_EXPRESS"] == "American Express"
    assert (words["JCB"], words["DINERS_CLUB"], words["CHINA_UNION_PAY"]) == ("JCB", "Diners Club", "China UnionPay")


def test_summary_of_errors_follows_the_form(own: Application, identity: Identity) -> None:
    client = browser(Role.PARTNER, own)

    body = client.post(f"{tab(identity)}?add=bank-account", {"key": "form-1"}).content.decode()

    summary = re.findall(r'<a href="#bank_account_(\w+)">', body)
    shown = re.findall(r'<(?:input|select)[^>]* id="bank_account_(\w+)"', body)
    assert len(summary) == 5
    assert summary == [name for name in shown if name in summary]


def test_merchant_page_tells_what_it_is(own: Application, identity: Identity, merchant: Merchant) -> None:
    page = browser(Role.PARTNER, own).get(page_of(merchant))

    text = text_of(page)
    assert "Can take payments" in text
    assert merchant.mid in text
    assert "••••••••" in text
    assert page.context["breadcrumbs"][1] == (identity.public_id, f"/dashboard/identities/{identity.public_id}/")
    assert "Provisioning, attempt 1" in text
    assert f"{merchant.public_id}-1" in text
    assert "hx-get" not in page.content.decode()


def test_processors_own_words_are_for_the_platform(own: Application, identity: Identity, merchant: Merchant) -> None:
    verification = verification_of(merchant)
    partner, admin = browser(Role.PARTNER, own), browser(Role.ADMIN)
    words = ("The provider's own words", "What the processor found")

    for place in (page_of(merchant), page_of(verification)):
        for_partner, for_admin = (text_of(client.get(place)).replace("&#x27;", "'") for client in (partner, admin))
        assert not [word for word in words if word in for_partner]
        assert not [word for word in words if word not in for_admin]


def test_documents_and_copies_are_for_those_who_write_programs(
    own: Application, identity: Identity, merchant: Merchant
) -> None:
    def seen(client: Client) -> list[bool]:
        page = client.get(page_of(merchant))
        return ['class="raw"' in page.content.decode(), "From the provider" in text_of(page), "••••" in text_of(page)]

    assert seen(browser(Role.PARTNER, own)) == [True] * 3
    assert seen(browser(Role.MERCHANT, own, identity)) == [False] * 3


def test_attempts_are_for_those_who_may_see_them(own: Application, identity: Identity, merchant: Merchant) -> None:
    page = text_of(browser(Role.MERCHANT, own, identity).get(page_of(merchant)))

    assert "attempt 1" not in page
    assert f"{merchant.public_id}-1" not in page


def test_rejected_merchant_shows_the_reasons(own: Application) -> None:
    identity = make_merchant_identity(own, business_tax_id=REJECTED)
    merchant = make_merchant(identity)
    client = browser(Role.MERCHANT, own, identity)

    for place in (page_of(merchant), page_of(verification_of(merchant))):
        assert "The tax id does not belong to a business of this name." in text_of(client.get(place))
    assert "DUMMY_V1 rejected the business." in text_of(client.get(page_of(merchant)))


def _switch(merchant: Merchant, **values: bool) -> None:
    update_merchant(merchant=merchant, values=values, by=system(), at=timezone.now())


def _switch_application(merchant: Merchant, **values: bool) -> None:
    with transaction(by=system()):
        application = Application.objects.get(pk=merchant.application_id)
    update_application(application=application, values=values, by=system(), at=timezone.now())


def _switch_processor(merchant: Merchant) -> None:
    with transaction(by=system()):
        processor = Processor.objects.get(application=merchant.application_id)
    update_processor(processor=processor, enabled=False, by=system(), at=timezone.now())


@pytest.mark.parametrize(
    ("switch", "sentence"),
    [
        (lambda m: _switch(m, processing_enabled=False), "Processing is switched off for this merchant."),
        (lambda m: _switch(m, settlement_enabled=False), "Settlements are switched off for this merchant."),
        (
            lambda m: _switch_application(m, processing_enabled=False),
            "Processing is switched off for all merchants of Own.",
        ),
        (
            lambda m: _switch_application(m, settlement_enabled=False),
            "Settlements are switched off for all merchants of Own.",
        ),
        (_switch_processor, "DUMMY_V1 is switched off for Own."),
    ],
)
def test_page_says_why_a_merchant_cannot_take_payments(
    switch: Callable[[Merchant], None], sentence: str, own: Application, merchant: Merchant
) -> None:
    client = browser(Role.PARTNER, own)
    assert sentence not in text_of(client.get(page_of(merchant)))

    switch(merchant)

    assert sentence in text_of(client.get(page_of(merchant)))


def test_verification_is_created_once_and_then_waits(own: Application, merchant: Merchant) -> None:
    client = browser(Role.PARTNER, own)

    answers = [client.post(page_of(merchant), {"key": "form-1"}) for _ in range(2)]
    third = client.post(page_of(merchant), {"key": "form-2"})

    assert [answer.status_code for answer in answers] == [302, 302]
    assert "An existing verification is already PENDING." in text_of(third)
    assert [row.state for row in rows(Verification)] == ["SUCCEEDED", "PENDING"]
    page = client.get(page_of(merchant))
    assert "It waits for the worker, which sends it." in text_of(page)
    assert 'data-dialog-open="create-verification"' not in page.content.decode()


def test_page_follows_what_moves_until_it_is_decided(own: Application) -> None:
    identity = make_merchant_identity(own, business_tax_id=HELD)
    merchant = make_merchant(identity)
    client = browser(Role.PARTNER, own)
    page = client.get(page_of(merchant))
    (address,) = re.findall(r'hx-get="([^"]+)"', page.content.decode())

    assert client.get(address, headers={"HX-Request": "true"}).status_code == 204
    assert client.get(address).status_code == 200

    with transaction(by=system()):
        Attempt.objects.update(state="ACCEPTED", decided_at=timezone.now())
        Verification.objects.update(state="SUCCEEDED", updated_at=timezone.now())
        Merchant.objects.update(
            onboarding_state="APPROVED", processing_enabled=True, settlement_enabled=True, updated_at=timezone.now()
        )
    changed = client.get(address, headers={"HX-Request": "true"})

    assert "Can take payments" in text_of(changed)
    assert "hx-get" not in changed.content.decode()


def test_pending_verification_is_followed(own: Application, identity: Identity, merchant: Merchant) -> None:
    verification = verify_merchant(merchant=merchant, by=system(), at=timezone.now())
    page = browser(Role.MERCHANT, own, identity).get(page_of(verification))

    assert "Being checked" in text_of(page)
    assert f"{page_of(verification)}?mark=" in page.content.decode()


def test_switch_is_moved_with_a_message_that_names_it(merchant: Merchant) -> None:
    client = browser(Role.PLATFORM)
    form = filled(client.get(f"{page_of(merchant)}edit/"))
    form.pop("processing_enabled")

    off = client.post(f"{page_of(merchant)}edit/", form, follow=True)

    assert "Processing is now disabled for Bobs Burgers." in text_of(off)
    assert anew(merchant).processing_enabled is False
    assert anew(merchant).settlement_enabled is True
    on = client.post(f"{page_of(merchant)}edit/", {**filled(off, "edit_form"), "processing_enabled": "on"}, follow=True)
    assert "Processing is now enabled for Bobs Burgers." in text_of(on)
    assert anew(merchant).processing_enabled is True


def test_settings_are_changed_and_refused_beside_their_fields(merchant: Merchant) -> None:
    client = browser(Role.PLATFORM)
    form = filled(client.get(f"{page_of(merchant)}edit/"))

    refused = client.post(f"{page_of(merchant)}edit/", form | {"merchant_name": ""})
    saved = client.post(
        f"{page_of(merchant)}edit/",
        form | {"merchant_name": "Bobs Burgers Downtown", "ready_to_settle_upon": "PROCESSOR_WINDOW"},
        follow=True,
    )

    assert list(refused.context["form"].errors) == ["merchant_name"]
    assert "The settings of Bobs Burgers were saved." in text_of(saved)
    assert (anew(merchant).merchant_name, anew(merchant).ready_to_settle_upon) == (
        "Bobs Burgers Downtown",
        "PROCESSOR_WINDOW",
    )


def test_stale_edit_is_refused(merchant: Merchant) -> None:
    client = browser(Role.PLATFORM)
    form = filled(client.get(f"{page_of(merchant)}edit/"))
    _switch(merchant, card_cvv_required=True)

    answer = client.post(f"{page_of(merchant)}edit/", form | {"merchant_name": "Other"})

    assert "Somebody else changed this in the meantime." in text_of(answer)
    assert anew(merchant).merchant_name == "Bobs Burgers"


def test_unapproved_merchant_is_not_switched_on(own: Application) -> None:
    merchant = make_merchant(make_merchant_identity(own, business_tax_id=REJECTED))
    client = browser(Role.PLATFORM)
    page = client.get(f"{page_of(merchant)}edit/")

    client.post(f"{page_of(merchant)}edit/", filled(page) | {"processing_enabled": "on"})

    assert "Only an approved merchant can be switched on." in text_of(page)
    assert anew(merchant).processing_enabled is False


def filled(page: Any, name: str = "form") -> dict[str, Any]:
    """What a browser would send of the page's form that nobody touched."""
    form = page.context[name]
    version = page.context["merchant"].version
    return {"version": version} | {
        bound.html_name: bound.value() for bound in form if bound.value() not in (None, False)
    }


@pytest.mark.parametrize("place", LISTS)
def test_lists_cost_as_much_for_three_rows_as_for_one(place: str, own: Application) -> None:
    client = browser(Role.ADMIN)
    counts = []
    for _ in range(2):
        for _ in range(1 + len(counts)):
            identity = make_merchant_identity(own)
            make_merchant(identity)
            make_bank_account(identity)
        client.get(place)
        with CaptureQueriesContext(
            connection,
        ) as queries:
            page = client.get(place)
        counts.append((page.content.decode().count("row-link"), len(queries)))

    assert [rows_shown for rows_shown, _ in counts] == [1, 3]
    assert counts[0][1] == counts[1][1]


@pytest.mark.parametrize(
    ("place", "query", "found"),
    [
        ("payment-instruments", "q=1234", 1),
        ("payment-instruments", "q=Alice", 1),
        ("payment-instruments", "q=nobody", 0),
        ("payment-instruments", "type=PAYMENT_CARD", 0),
        ("merchants", "q=Bobs", 1),
        ("merchants", "onboarding_state=REJECTED", 0),
        ("merchants", "processing_enabled=true", 1),
    ],
)
@pytest.mark.usefixtures("merchant")
def test_lists_are_searched(place: str, query: str, found: int, own: Application, identity: Identity) -> None:
    make_bank_account(identity, account_number=NUMBER)

    page = browser(Role.PARTNER, own).get(f"/dashboard/{place}/?{query}")

    assert page.content.decode().count("row-link") == found


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("TIMEOUT_AFTER", "The provider did not answer in time."),
        ("MALFORMED", "The provider's answer cannot be relied on: it cannot be read."),
    ],
)
def test_unknown_outcome_is_told_and_followed(kind: str, words: str, own: Application, identity: Identity) -> None:
    faults.arrange(application_id=own.pk, kind=kind, operation="provision_merchant", times=1)
    merchant = make_merchant(identity)

    page = browser(Role.PARTNER, own).get(page_of(merchant))

    with transaction(by=system()):
        (entry,) = attempt_entries(merchant, system())
    assert (entry["label"], entry["tone"], entry["is_open"]) == ("Outcome not known", "warning", True)
    assert entry["detail"] == f"{words} It may have happened, so nothing is sent twice until that is known."
    assert "Outcome not known" in text_of(page)
    assert "Next check" in text_of(page)
    assert "hx-get" in page.content.decode()


def test_lost_answer_about_an_instrument_is_found_when_the_form_is_sent_again(
    own: Application, identity: Identity
) -> None:
    client = browser(Role.PARTNER, own)
    faults.arrange(application_id=own.pk, kind="TIMEOUT_AFTER", operation="tokenise_bank_account", times=1)

    lost = client.post(f"{tab(identity)}?add=bank-account", BANK_ACCOUNT)

    assert "The provider has not answered. Nothing was charged; try again in a moment." in text_of(lost)
    assert NUMBER not in lost.content.decode()
    assert lost.context["bank_account_form"]["key"].value() == BANK_ACCOUNT["key"]
    (attempt,) = rows(Attempt)
    attempts.resolve(attempt.pk, own.pk)
    assert client.post(f"{tab(identity)}?add=bank-account", BANK_ACCOUNT).status_code == 302
    assert len(rows(PaymentInstrument)) == 1


def test_refusal_of_the_provider_is_shown_and_the_form_may_be_sent_again(own: Application, identity: Identity) -> None:
    client = browser(Role.PARTNER, own)
    faults.arrange(application_id=own.pk, kind="REFUSED", operation="tokenise_bank_account", times=1)

    answers = [client.post(f"{tab(identity)}?add=bank-account", BANK_ACCOUNT) for _ in range(2)]

    forms = [answer.context["bank_account_form"] for answer in answers]
    assert rows(PaymentInstrument) == []
    assert [list(form.non_field_errors()) for form in forms] == [["The payment was declined."]] * 2
    again = BANK_ACCOUNT | {"key": forms[1]["key"].value()}
    assert client.post(f"{tab(identity)}?add=bank-account", again).status_code == 302
    assert len(rows(PaymentInstrument)) == 1
