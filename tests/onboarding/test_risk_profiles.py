"""Risk profiles: a merchant's own counts, else its application's; from the next sale on, through API and portal."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from events.models import Audit, Event
from onboarding.models import Merchant
from resources.errors import ChangedMeanwhile
from tenancy import services as tenancy
from tenancy.actors import system
from tenancy.models import ApplicationProfile, MerchantProfile, RiskProfile
from tenancy.transactions import transaction
from tests.conftest import ApiClient
from tests.factories.onboarding import make_identity, make_merchant_identity
from tests.factories.payments import make_card, make_merchant, make_processor
from tests.factories.tenancy import make_application, make_platform_login

pytestmark = pytest.mark.django_db

WRONG_ADDRESS, WRONG_CODE = "4000000000000036", "4000000000000127"
CARDS = [(WRONG_ADDRESS, "avs_failure_allowed"), (WRONG_CODE, "csc_failure_allowed")]


class Street:
    """Two merchants of one application, and a buyer."""

    def __init__(self) -> None:
        self.application, self.login = make_application("Street")
        make_processor(self.application)
        self.bakery, self.bookshop = (make_merchant(make_merchant_identity(self.application)) for _ in range(2))
        self.buyer = make_identity(self.application)
        self.partner, self.admin = ApiClient(self.login), ApiClient(make_platform_login())

    def sells(self, merchant: Merchant, number: str) -> bool:
        """Whether a sale with a fresh card of this number goes through."""
        card = make_card(self.buyer, number=number)
        body = {"merchant": merchant.public_id, "source": card.public_id, "amount": 2500, "currency": "USD"}
        answer = self.partner.post("/transfers", body)
        assert answer.status_code in {201, 402}, answer.content
        return bool(answer.status_code == 201)

    def give_own(self, merchant: Merchant, **values: bool) -> RiskProfile:
        return tenancy.give_own_risk_profile(
            profile=profile_of(merchant), values=values, by=system("test"), at=timezone.now()
        )

    def risk_profile_of(self, merchant: Merchant) -> str:
        document = self.partner.get(f"/merchant_profiles/{profile_of(merchant).public_id}").json()
        assert document["_links"]["risk_profile"]["href"].endswith(f"/risk_profiles/{document['risk_profile']}")
        return str(document["risk_profile"])

    @property
    def risk_profile(self) -> str:
        path = f"/applications/{self.application.public_id}/application_profile"
        return str(self.partner.get(path).json()["risk_profile"])


def profile_of(merchant: Merchant) -> MerchantProfile:
    with transaction(by=system("test")):
        return MerchantProfile.objects.get(pk=merchant.merchant_profile_id)


@pytest.fixture
def street() -> Street:
    return Street()


@pytest.mark.parametrize(("number", "setting"), CARDS)
def test_applications_profile_reaches_every_merchant_at_once(street: Street, number: str, setting: str) -> None:
    assert (street.sells(street.bakery, number), street.sells(street.bookshop, number)) == (False, False)

    street.admin.put(f"/risk_profiles/{street.risk_profile}", {setting: True})

    assert (street.sells(street.bakery, number), street.sells(street.bookshop, number)) == (True, True)
    street.admin.put(f"/risk_profiles/{street.risk_profile}", {setting: False})
    assert street.sells(street.bakery, number) is False


@pytest.mark.parametrize(("number", "setting"), CARDS)
def test_merchants_own_profile_counts_before_the_applications(street: Street, number: str, setting: str) -> None:
    street.give_own(street.bakery, **{setting: True})

    assert (street.sells(street.bakery, number), street.sells(street.bookshop, number)) == (True, False)
    street.give_own(street.bakery, **{setting: False})
    street.admin.put(f"/risk_profiles/{street.risk_profile}", {setting: True})
    assert (street.sells(street.bakery, number), street.sells(street.bookshop, number)) == (False, True)


def test_new_merchant_and_default_profile_show_the_applications(street: Street) -> None:
    processor = street.partner.get(f"/applications/{street.application.public_id}/processors/DUMMY_V1").json()
    default = street.partner.get(f"/merchant_profiles/{processor['default_merchant_profile']}").json()

    assert default["risk_profile"] == street.risk_profile == street.risk_profile_of(street.bakery)
    (count,) = {street.partner.get("/risk_profiles").json()["page"]["count"]}
    assert count == 1


def test_profile_is_found_by_its_prefix_among_merchants_too(street: Street) -> None:
    profile = profile_of(street.bakery).public_id

    told = street.partner.get(f"/merchants/{profile}")

    assert (told.status_code, told.json()) == (200, street.partner.get(f"/merchant_profiles/{profile}").json())
    assert street.admin.put(f"/merchants/{profile}", {"tags": {}}).status_code == 404


def test_profile_is_pointed_elsewhere_and_back_by_the_api(street: Street) -> None:
    own = street.give_own(street.bookshop, avs_failure_allowed=True)
    path = f"/merchant_profiles/{profile_of(street.bakery).public_id}"

    told = street.admin.put(path, {"risk_profile": own.public_id}).json()["risk_profile"]

    assert told == own.public_id == street.risk_profile_of(street.bakery)
    assert street.sells(street.bakery, WRONG_ADDRESS) is True
    for back in (None, street.risk_profile):
        street.admin.put(path, {"risk_profile": own.public_id})
        answer = street.admin.put(path, {"risk_profile": back})
        assert (answer.status_code, answer.json()["risk_profile"]) == (200, street.risk_profile)
        assert profile_of(street.bakery).risk_profile_id is None
    assert street.sells(street.bakery, WRONG_ADDRESS) is False


def test_who_follows_the_application_follows_it_to_another_profile(street: Street) -> None:
    own = street.give_own(street.bookshop, csc_failure_allowed=True)
    profile = street.partner.get(f"/applications/{street.application.public_id}/application_profile").json()["id"]

    street.admin.put(f"/application_profiles/{profile}", {"risk_profile": own.public_id})

    assert street.risk_profile_of(street.bakery) == own.public_id
    assert street.sells(street.bakery, WRONG_CODE) is True


def test_own_profile_is_never_one_that_others_point_to(street: Street) -> None:
    shared = street.give_own(street.bookshop, avs_failure_allowed=True)
    path = f"/merchant_profiles/{profile_of(street.bakery).public_id}"
    street.admin.put(path, {"risk_profile": shared.public_id})

    own = street.give_own(street.bakery, avs_failure_allowed=False)

    assert own.pk != shared.pk
    assert (street.sells(street.bakery, WRONG_ADDRESS), street.sells(street.bookshop, WRONG_ADDRESS)) == (False, True)
    assert street.give_own(street.bakery, avs_failure_allowed=True).pk == own.pk


def test_new_merchant_begins_as_the_processors_default_stands(street: Street) -> None:
    own = street.give_own(street.bookshop, avs_failure_allowed=True)
    processor = street.partner.get(f"/applications/{street.application.public_id}/processors/DUMMY_V1").json()
    street.admin.put(f"/merchant_profiles/{processor['default_merchant_profile']}", {"risk_profile": own.public_id})

    newest = make_merchant(make_merchant_identity(street.application))

    assert street.risk_profile_of(newest) == own.public_id
    assert street.risk_profile_of(street.bakery) == street.risk_profile


@pytest.mark.parametrize("alias", ["csc_failure_allowed", "cvv_failure_allowed"])
def test_risk_profile_is_answered_under_merchant_profiles_too(street: Street, alias: str) -> None:
    path = f"/merchant_profiles/{street.risk_profile}"

    answer = street.admin.put(path, {alias: True})

    assert (answer.status_code, answer.json()["csc_failure_allowed"]) == (200, True)
    assert street.partner.get(path).json() == street.partner.get(f"/risk_profiles/{street.risk_profile}").json()
    assert street.partner.put(path, {alias: False}).status_code == 403
    foreign, _ = make_application("Foreign")
    with transaction(by=system("test")):
        theirs = RiskProfile.objects.get(application=foreign)
    assert street.partner.get(f"/merchant_profiles/{theirs.public_id}").status_code == 404
    assert street.partner.get("/merchant_profiles/RPx").status_code == 404


def test_foreign_risk_profile_is_refused(street: Street) -> None:
    foreign, _ = make_application("Foreign")
    with transaction(by=system("test")):
        theirs = RiskProfile.objects.get(application=foreign)

    answer = street.admin.put(
        f"/merchant_profiles/{profile_of(street.bakery).public_id}", {"risk_profile": theirs.public_id}
    )

    assert answer.status_code == 422
    assert answer.json()["_embedded"]["errors"][0]["field"] == "risk_profile"
    assert profile_of(street.bakery).risk_profile_id is None


def test_changes_are_audited_with_what_differs(street: Street) -> None:
    own = street.give_own(street.bakery, avs_failure_allowed=True)

    with transaction(by=system("test")):
        events = {event.kind: event.changes for event in Event.objects.filter(application_id=street.application.pk)}
        actions = list(Audit.objects.filter(application_id=street.application.pk).values_list("action", flat=True))
    assert events["risk_profile.created"] == {"avs_failure_allowed": [None, True]}
    assert events["merchant_profile.updated"] == {"risk_profile": [None, own.public_id]}
    assert "give_own_risk_profile" in actions


def test_stale_page_changes_nothing(street: Street) -> None:
    with transaction(by=system("test")):
        profile = ApplicationProfile.objects.select_related("risk_profile").get(application=street.application)
    earlier: dict[str, Any] = {"by": system("test"), "version": profile.risk_profile.version}
    street.admin.put(f"/risk_profiles/{street.risk_profile}", {"avs_failure_allowed": True})
    own = profile_of(street.bakery).version
    street.give_own(street.bakery, csc_failure_allowed=True)

    at = timezone.now() + timedelta(seconds=1)
    with pytest.raises(ChangedMeanwhile):
        tenancy.update_risk_profile(
            profile=profile.risk_profile, values={"avs_failure_allowed": False}, at=at, **earlier
        )
    for act in (
        lambda: tenancy.update_profile(
            profile=profile_of(street.bakery), values={"risk_profile": None}, version=own, by=system("test"), at=at
        ),
        lambda: tenancy.give_own_risk_profile(
            profile=profile_of(street.bakery), values={}, version=own, by=system("test"), at=at
        ),
    ):
        with pytest.raises(ChangedMeanwhile):
            act()
