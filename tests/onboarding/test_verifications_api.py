"""Verifications of merchants: the retry after a rejection, the update of an approved one, and who is told what."""

from typing import Any

import pytest
from django.http import HttpResponse

from tests.conftest import ApiClient
from tests.factories.onboarding import make_identity, make_merchant_identity, make_merchant_login
from tests.factories.payments import let_time_pass, make_merchant, make_processor
from tests.factories.tenancy import make_application, make_platform_login

pytestmark = pytest.mark.django_db


class Shop:
    """An identity that is a merchant at DUMMY_V1, as its tax id decides."""

    def __init__(self, **changes: Any) -> None:
        self.application, self.login = make_application()
        make_processor(self.application)
        self.identity = make_merchant_identity(self.application, **changes)
        self.merchant = make_merchant(self.identity)
        self.partner, self.admin = ApiClient(self.login), ApiClient(make_platform_login())

    def verify(self, body: dict[str, Any] | None = None) -> HttpResponse:
        return self.partner.post(f"/merchants/{self.merchant.public_id}/verifications", body or {})

    def shown(self) -> dict[str, Any]:
        found: dict[str, Any] = self.partner.get(f"/merchants/{self.merchant.public_id}").json()
        return found

    def correct(self, **entity: Any) -> None:
        answer = self.partner.put(f"/identities/{self.identity.public_id}", {"entity": entity})
        assert answer.status_code == 200


@pytest.fixture
def rejected() -> Shop:
    return Shop(business_tax_id="000000003")


@pytest.fixture
def approved() -> Shop:
    return Shop()


def errors(answer: HttpResponse) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = answer.json()["_embedded"]["errors"]
    return found


def test_retry_after_rejection_is_approved_by_the_worker(rejected: Shop) -> None:
    rejected.correct(business_tax_id="123456789")

    made = rejected.verify({"tags": {"try": "2"}})
    meanwhile = rejected.shown()
    let_time_pass(rejected.application, 0)

    assert made.status_code == 201
    document = made.json()
    assert (document["state"], document["messages"], document["trace_id"]) == ("PENDING", [], None)
    assert (document["merchant"], document["processor"]) == (rejected.merchant.public_id, "DUMMY_V1")
    assert (document["merchant_identity"], document["tags"]) == (rejected.identity.public_id, {"try": "2"})
    assert (meanwhile["onboarding_state"], meanwhile["verification"]) == ("PROVISIONING", document["id"])
    after = rejected.shown()
    assert (after["onboarding_state"], after["processing_enabled"], after["verification"]) == (
        "APPROVED", True, document["id"],
    )  # fmt: skip
    decided = rejected.partner.get(f"/verifications/{document['id']}").json()
    assert (decided["state"], decided["trace_id"] is None) == ("SUCCEEDED", False)


def test_retry_without_a_correction_is_rejected_again(rejected: Shop) -> None:
    made = rejected.verify().json()
    let_time_pass(rejected.application, 0)

    assert rejected.shown()["onboarding_state"] == "REJECTED"
    assert rejected.partner.get(f"/verifications/{made['id']}").json()["state"] == "FAILED"


def test_second_one_while_the_first_is_pending_is_refused(approved: Shop) -> None:
    first = approved.verify()
    paths_and_bodies: list[tuple[str, dict[str, Any]]] = [
        (f"/merchants/{approved.merchant.public_id}/verifications", {}),
        ("/verifications", {"merchant": approved.merchant.public_id}),
        ("/verifications", {"identity": approved.identity.public_id}),
        (f"/identities/{approved.identity.public_id}/verifications", {}),
    ]

    for path, body in paths_and_bodies:
        answer = approved.partner.post(path, body)
        assert answer.status_code == 422
        assert [(error["code"], error["message"]) for error in errors(answer)] == [
            ("UNPROCESSABLE_ENTITY", "An existing verification is already PENDING.")
        ]
    assert first.status_code == 201
    let_time_pass(approved.application, 0)
    assert approved.verify().status_code == 201


def test_update_of_an_approved_merchant_leaves_state_and_switches(approved: Shop) -> None:
    approved.admin.put(f"/merchants/{approved.merchant.public_id}", {"settlement_enabled": False})
    approved.correct(mcc="5812")

    approved.verify()
    between = approved.shown()
    let_time_pass(approved.application, 0)
    after = approved.shown()

    for shown, mcc in ((between, "0742"), (after, "5812")):
        assert (shown["onboarding_state"], shown["processing_enabled"], shown["settlement_enabled"], shown["mcc"]) == (
            "APPROVED", True, False, mcc,
        )  # fmt: skip


def test_failed_update_leaves_an_approved_merchant_approved(approved: Shop) -> None:
    approved.correct(business_tax_id="000000003")

    made = approved.verify().json()
    let_time_pass(approved.application, 0)

    assert approved.partner.get(f"/verifications/{made['id']}").json()["state"] == "FAILED"
    assert (approved.shown()["onboarding_state"], approved.shown()["processing_enabled"]) == ("APPROVED", True)


def test_raw_is_for_the_platform_and_messages_for_everybody(rejected: Shop) -> None:
    (verification,) = rejected.partner.get("/verifications").json()["_embedded"]["verifications"]
    path = f"/verifications/{verification['id']}"
    merchant = ApiClient(make_merchant_login(rejected.identity))

    shown = {name: client.get(path).json() for name, client in
             (("platform", rejected.admin), ("partner", rejected.partner), ("merchant", merchant))}  # fmt: skip

    assert shown["platform"]["raw"] == {
        "tax_id_check": "NO_MATCH", "address_check": "NO_MATCH", "watch_list_check": "CLEAR",
    }  # fmt: skip
    assert (shown["partner"]["raw"], shown["merchant"]["raw"]) == (None, None)
    assert len(shown["merchant"]["messages"]) == len(shown["partner"]["messages"]) == 2
    assert {name: value for name, value in shown["partner"].items() if name != "raw"} == {
        name: value for name, value in shown["platform"].items() if name != "raw"
    }


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "merchant"), ({"merchant": None, "identity": None}, "merchant"), ({"merchant": "nonsense"}, "merchant"),
        ({"merchant": "MUb37LGvcCV4sNdjyzuJZETx"}, "merchant"), ({"identity": "IDpHEprvRCz6Sp4BGTEgsyKk"}, "identity"),
    ],
)  # fmt: skip
def test_subject_has_to_be_named(approved: Shop, body: dict[str, Any], field: str) -> None:
    answer = approved.partner.post("/verifications", body)

    assert (answer.status_code, [error["field"] for error in errors(answer)]) == (422, [field])


def test_identity_that_is_several_merchants_or_none_is_not_enough(approved: Shop) -> None:
    second = make_merchant(approved.identity)
    buyer = make_identity(approved.application)

    several = approved.partner.post("/verifications", {"identity": approved.identity.public_id})
    none = approved.partner.post(f"/identities/{buyer.public_id}/verifications", {})
    named = approved.partner.post(
        f"/identities/{approved.identity.public_id}/verifications", {"merchant": second.public_id}
    )

    assert [error["message"] for error in errors(several)] == [
        f"Name the merchant: {approved.merchant.public_id}, {second.public_id}"
    ]
    assert (none.status_code, errors(none)[0]["field"]) == (422, "merchant")
    assert (named.status_code, named.json()["merchant"]) == (201, second.public_id)


def test_other_processor_than_the_merchants_is_refused(approved: Shop) -> None:
    answer = approved.verify({"processor": "VISA_V1"})

    assert [(error["field"], error["message"]) for error in errors(answer)] == [
        ("processor", "The merchant's processor is DUMMY_V1")
    ]
    assert approved.verify({"processor": "dummy_v1"}).status_code == 201


def test_lists_show_the_newest_first(approved: Shop) -> None:
    first = approved.shown()["verification"]
    second = approved.verify().json()["id"]

    for path in (
        "/verifications", f"/merchants/{approved.merchant.public_id}/verifications",
        f"/identities/{approved.identity.public_id}/verifications",
    ):  # fmt: skip
        listed = approved.partner.get(path).json()["_embedded"]["verifications"]
        assert [row["id"] for row in listed] == [second, first]
