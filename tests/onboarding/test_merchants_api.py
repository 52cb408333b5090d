"""Merchants of the API: from an identity's form to a processor's verdict, and the settings that are ours."""

from typing import Any

import pytest
from django.http import HttpResponse

from events.models import Event
from onboarding.underwriting import UNDERWRITING
from tenancy.models import Processor
from tenancy.transactions import transaction
from tests.conftest import ApiClient
from tests.factories.onboarding import make_identity, make_merchant_identity, make_merchant_login
from tests.factories.payments import let_time_pass, make_card, make_merchant, make_processor
from tests.factories.tenancy import Login, make_application, make_platform_login

pytestmark = pytest.mark.django_db

APPROVED_LATER, HELD, REJECTED, REJECTED_LATER = "000000001", "000000002", "000000003", "000000004"


class Tenant:
    """An application with DUMMY_V1, its partner and the platform."""

    def __init__(self) -> None:
        self.application, self.login = make_application()
        self.partner, self.admin = ApiClient(self.login), ApiClient(make_platform_login())

    def provision(self, body: dict[str, Any] | None = None, **identity: Any) -> HttpResponse:
        owner = make_merchant_identity(self.application, **identity)
        return self.partner.post(f"/identities/{owner.public_id}/merchants", {} if body is None else body)

    def provisioned(self, **identity: Any) -> dict[str, Any]:
        answer = self.provision(**identity)
        assert answer.status_code == 201
        document: dict[str, Any] = answer.json()
        return document

    def merchant(self, document: dict[str, Any]) -> dict[str, Any]:
        found: dict[str, Any] = self.partner.get(f"/merchants/{document['id']}").json()
        return found

    def kinds(self) -> list[str]:
        with transaction(by=self.login.actor):
            events = Event.objects.filter(resource_kind__in=["merchant", "verification"]).order_by("occurred_at", "id")
            return [event.kind for event in events]


@pytest.fixture
def tenant() -> Tenant:
    tenant = Tenant()
    make_processor(tenant.application)
    return tenant


def errors(answer: HttpResponse) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = answer.json()["_embedded"]["errors"]
    return found


def test_approved_at_once_with_the_processors_numbers(tenant: Tenant) -> None:
    made = tenant.provisioned()

    assert (made["onboarding_state"], made["processor"]) == ("APPROVED", "DUMMY_V1")
    assert (made["processing_enabled"], made["settlement_enabled"]) == (True, True)
    assert (made["mcc"], made["merchant_name"]) == ("0742", "Bobs Burgers")
    assert made["processor_details"] == {"mid": made["mid"], "api_key": "••••••••"}
    assert made["ready_to_settle_upon"] is None
    assert tenant.merchant(made)["ready_to_settle_upon"] == "RECONCILIATION"
    assert tenant.kinds() == [
        "verification.created", "merchant.created", "merchant.underwritten", "verification.updated",
    ]  # fmt: skip


def test_effective_readiness_comes_from_the_application(tenant: Tenant) -> None:
    made = tenant.provisioned()
    path = f"/applications/{tenant.application.public_id}"

    tenant.admin.put(path, {"ready_to_settle_upon": "SUCCESSFUL_CAPTURE"})
    of_the_application = tenant.merchant(made)["ready_to_settle_upon"]
    tenant.admin.put(f"/merchants/{made['id']}", {"ready_to_settle_upon": "PROCESSOR_WINDOW"})

    assert of_the_application == "SUCCESSFUL_CAPTURE"
    assert tenant.merchant(made)["ready_to_settle_upon"] == "PROCESSOR_WINDOW"
    tenant.admin.put(f"/merchants/{made['id']}", {"ready_to_settle_upon": None})
    assert tenant.merchant(made)["ready_to_settle_upon"] == "SUCCESSFUL_CAPTURE"


def test_buyers_form_lacks_what_each_field_names(tenant: Tenant) -> None:
    buyer = make_identity(tenant.application)

    answer = tenant.partner.post(f"/identities/{buyer.public_id}/merchants", {"processor": "DUMMY_V1"})

    told = {"first_name", "last_name", "email", "phone", "annual_card_volume", "max_transaction_amount"}
    assert answer.status_code == 422
    assert {error["field"] for error in errors(answer)} == {
        f"entity.{name}" for name in UNDERWRITING if name not in told
    }
    assert {error["code"] for error in errors(answer)} == {"INVALID_FIELD"}
    assert tenant.partner.get("/merchants").json()["page"]["count"] == 0
    assert tenant.kinds() == []


def test_without_a_processor_nobody_is_provisioned() -> None:
    answer = Tenant().provision()

    assert answer.status_code == 422
    assert [(error["field"], error["message"]) for error in errors(answer)] == [
        ("processor", "The application has no processor that is enabled.")
    ]


def test_disabled_processor_is_none(tenant: Tenant) -> None:
    path = f"/applications/{tenant.application.public_id}/processors/DUMMY_V1"
    tenant.admin.put(path, {"enabled": False})

    assert [error["field"] for error in errors(tenant.provision())] == ["processor"]


@pytest.mark.parametrize(
    ("told", "chosen"),
    [
        ({}, "DUMMY_V1"), ({"processor": None}, "DUMMY_V1"), ({"processor": "dummy_v1"}, "DUMMY_V1"),
        ({"processor": "Visa_V1"}, "VISA_V1"),
    ],
)  # fmt: skip
def test_processor_is_chosen(tenant: Tenant, told: dict[str, Any], chosen: str) -> None:
    make_processor(tenant.application, Processor.Name.VISA_V1)
    identity = make_merchant_identity(tenant.application)
    make_card(identity)

    answer = tenant.partner.post(f"/identities/{identity.public_id}/merchants", told)

    assert (answer.status_code, answer.json()["processor"]) == (201, chosen)


def test_processor_that_is_not_enabled_is_refused_with_those_that_are(tenant: Tenant) -> None:
    answer = tenant.provision({"processor": "LITLE_V1"})

    assert answer.status_code == 422
    assert [(error["field"], error["message"]) for error in errors(answer)] == [
        ("processor", "One of DUMMY_V1 is needed")
    ]


def test_recipient_needs_a_card_and_no_form(tenant: Tenant) -> None:
    make_processor(tenant.application, Processor.Name.VISA_V1)
    buyer = make_identity(tenant.application)
    path = f"/identities/{buyer.public_id}/merchants"

    refused = tenant.partner.post(path, {"processor": "VISA_V1"})
    make_card(buyer)
    made = tenant.partner.post(path, {"processor": "VISA_V1"})

    assert (refused.status_code, errors(refused)[0]["code"]) == (422, "UNPROCESSABLE_ENTITY")
    assert "needs a card" in errors(refused)[0]["message"]
    assert made.status_code == 201
    assert {name: made.json()[name] for name in ("onboarding_state", "merchant_name", "mid", "mcc")} == {
        "onboarding_state": "APPROVED", "merchant_name": "Sean Green", "mid": None, "mcc": None,
    }  # fmt: skip
    assert made.json()["processor_details"] == {}


def test_verdict_that_comes_later_is_brought_by_the_worker(tenant: Tenant) -> None:
    made = tenant.provisioned(business_tax_id=APPROVED_LATER)
    let_time_pass(tenant.application, 0)
    meanwhile = tenant.merchant(made)
    let_time_pass(tenant.application, 3)

    assert (made["onboarding_state"], made["processing_enabled"], made["mid"]) == ("PROVISIONING", False, None)
    assert (meanwhile["onboarding_state"], meanwhile["ready_to_settle_upon"]) == ("PROVISIONING", None)
    after = tenant.merchant(made)
    assert (after["onboarding_state"], after["processing_enabled"], after["settlement_enabled"]) == (
        "APPROVED", True, True,
    )  # fmt: skip
    assert after["mid"] is not None
    assert tenant.kinds()[2:] == [
        "merchant.updated", "verification.updated", "merchant.underwritten", "verification.updated",
    ]  # fmt: skip


def test_held_merchant_waits_for_a_person(tenant: Tenant) -> None:
    made = tenant.provisioned(business_tax_id=HELD)

    let_time_pass(tenant.application, 10_000)

    held = tenant.merchant(made)
    assert (held["onboarding_state"], held["processing_enabled"]) == ("PROVISIONING", False)
    assert tenant.partner.get(f"/verifications/{held['verification']}").json()["state"] == "PENDING"


@pytest.mark.parametrize("tax_id", [REJECTED, REJECTED_LATER])
def test_rejected_merchant_is_answered_with_the_reasons_of_its_verification(tenant: Tenant, tax_id: str) -> None:
    made = tenant.provisioned(business_tax_id=tax_id)
    let_time_pass(tenant.application, 3)

    rejected = tenant.merchant(made)
    verification = tenant.partner.get(f"/verifications/{rejected['verification']}").json()
    assert (rejected["onboarding_state"], rejected["processing_enabled"], rejected["settlement_enabled"]) == (
        "REJECTED", False, False,
    )  # fmt: skip
    assert verification["state"] == "FAILED"
    assert verification["messages"] == [
        "The tax id does not belong to a business of this name.", "The business address could not be confirmed.",
    ]  # fmt: skip


def test_identity_may_be_a_merchant_twice(tenant: Tenant) -> None:
    identity = make_merchant_identity(tenant.application)
    path = f"/identities/{identity.public_id}/merchants"

    made = [tenant.partner.post(path, {}).json() for _ in range(2)]

    listed = tenant.partner.get(path).json()["_embedded"]["merchants"]
    assert [row["id"] for row in listed] == [made[1]["id"], made[0]["id"]]
    assert made[0]["merchant_profile"] != made[1]["merchant_profile"]


def test_platform_changes_every_setting(tenant: Tenant) -> None:
    made = tenant.provisioned()
    changes = {
        "processing_enabled": False, "settlement_enabled": False, "ready_to_settle_upon": "SUCCESSFUL_CAPTURE",
        "fee_ready_to_settle_upon": "SUCCESSFUL_CAPTURE", "card_cvv_required": True,
        "card_expiration_date_required": False, "creating_transfer_from_report_enabled": True,
        "merchant_name": "Bob's", "settlement_funding_identifier": "MID_AND_DATE", "tags": {"risk": "high"},
    }  # fmt: skip

    answer = tenant.admin.put(f"/merchants/{made['id']}", changes)

    assert answer.status_code == 200
    assert {name: answer.json()[name] for name in changes} == changes
    assert tenant.merchant(made) == answer.json()
    with transaction(by=tenant.login.actor):
        event = Event.objects.filter(kind="merchant.updated").latest("sequence")
    assert event.changes["processing_enabled"] == [True, False]
    assert set(event.changes) == set(changes)


def test_partner_sets_tags_and_nothing_else(tenant: Tenant) -> None:
    made = tenant.provisioned()
    path = f"/merchants/{made['id']}"

    tagged = tenant.partner.put(path, {"tags": {"chain": "north"}})
    refused = [
        tenant.partner.put(path, body) for body in ({"processing_enabled": False}, {"tags": {}, "merchant_name": "x"})
    ]

    assert (tagged.status_code, tagged.json()["tags"]) == (200, {"chain": "north"})
    assert [answer.status_code for answer in refused] == [403, 403]
    assert [errors(answer)[0]["permission"] for answer in refused] == ["merchants.manage"] * 2
    after = tenant.merchant(made)
    assert (after["processing_enabled"], after["tags"]) == (True, {"chain": "north"})


@pytest.mark.parametrize("switch", ["processing_enabled", "settlement_enabled"])
@pytest.mark.parametrize("tax_id", [HELD, REJECTED])
def test_only_an_approved_merchant_is_switched_on(tenant: Tenant, tax_id: str, switch: str) -> None:
    made = tenant.provisioned(business_tax_id=tax_id)

    answer = tenant.admin.put(f"/merchants/{made['id']}", {switch: True})

    assert (answer.status_code, errors(answer)[0]["message"]) == (422, "Only an approved merchant can be switched on.")
    assert tenant.merchant(made)[switch] is False


def test_merchants_login_reads_its_own_and_writes_nothing(tenant: Tenant) -> None:
    identity = make_merchant_identity(tenant.application)
    own, sibling = make_merchant(identity), make_merchant(make_merchant_identity(tenant.application))
    client = ApiClient(make_merchant_login(identity))

    assert [row["id"] for row in client.get("/merchants").json()["_embedded"]["merchants"]] == [own.public_id]
    assert client.get(f"/merchants/{sibling.public_id}").status_code == 404
    assert client.put(f"/merchants/{own.public_id}", {"tags": {}}).status_code == 403
    assert client.post(f"/identities/{identity.public_id}/merchants", {}).status_code == 403


def test_processors_secret_is_in_no_answer_to_anybody(tenant: Tenant) -> None:
    made = tenant.provisioned()

    for client in (tenant.partner, tenant.admin, ApiClient(Login(tenant.login.user, tenant.login.secret))):
        for path in (f"/merchants/{made['id']}", "/merchants", f"/verifications/{made['verification']}"):
            assert b"secretValue" not in client.get(path).content
