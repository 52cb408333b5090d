"""Generated over every write of the URL map: permissions, read-only members, and what stays in the histories."""

from typing import Any

import pytest
from django.db import transaction as database
from django.utils import timezone

from events.models import Audit, Event
from payments.models import Settlement
from payments.services import close_settlement
from tenancy import roles, services
from tenancy.actors import system
from tenancy.roles import Permission, Role
from tenancy.transactions import transaction
from tests.api.conftest import Tenant, errors_of
from tests.api.routes import BODIES, PUBLIC, body_of, ids_of, operations, path_of, prepare
from tests.conftest import ApiClient
from tests.factories.onboarding import MERCHANT, make_merchant_identity
from tests.factories.payments import make_bank_account
from tests.factories.tenancy import Login

OPERATIONS = sorted(operations(), key=lambda pair: pair[0])
GUARDED = [(operation, view) for operation, view in OPERATIONS if operation not in PUBLIC]
WRITES = sorted(BODIES)
MADE_ANEW = {
    "id", "password", "created_at", "updated_at", "_links", "owner", "identity", "default_merchant_profile",
    "verification", "merchant_profile", "mid", "processor_details", "trace_id", "previous_password_until",
    "expires_at", "raw",
}  # fmt: skip
REFUSED = {
    "POST transfers/<str:transfer>/reversals": {"operation_key"},
    "PUT settlements/<str:pk>": {"type"},
    "PUT payment_instruments/<str:pk>": {
        "type", "instrument_type", "identity", "expiration_month", "expiration_year", "currency",
    },
}  # fmt: skip
"""Members that are answered and not left out when they are sent, but refused: they would move money otherwise, or be
lost where somebody means them."""
NOT_WRITABLE = "not-writable"
ACTS = {"POST review_queue/<str:pk>"}
"""They make nothing."""
PAYMENTS_OF_A_SETTLEMENT = {"POST settlements/<str:pk>", "POST settlements/<str:settlement>/funding_transfers"}


# What the provider's answer adds to the history, after the act and its audit row.
LATER = {
    "POST identities/<str:identity>/merchants": ["merchant.underwritten", "verification.updated"],
    "POST payment_instruments": ["payment_instrument.created"],
    "PUT payment_instruments/<str:pk>": ["payment_instrument.updated"],
    "POST applications/<str:application>/tokens": ["token.created"],
    "POST payment_instruments/<str:payment_instrument>/verifications": [
        "payment_instrument.updated",
        "verification.updated",
    ],
    "POST payment_instruments/<str:payment_instrument>/updates": ["instrument_update.updated"],
    "POST transfers": ["transfer.updated"],
    "POST transfers/<str:transfer>/reversals": ["transfer.updated"],
    "POST authorizations": ["authorization.updated"],
    "PUT authorizations/<str:pk>": ["transfer.updated"],
}


@pytest.fixture
def targets(own_shop: Tenant) -> dict[str, str]:
    return ids_of(own_shop)


def accepted(operation: str, ids: dict[str, str]) -> dict[str, Any]:
    """A body that is accepted; the platform names what a partner need not."""
    body = body_of(operation, ids) or {}
    prepare(operation, ids)
    if operation == "POST applications":
        owner, _ = services.create_api_user(role=Role.PARTNER, by=system(), at=timezone.now())
        body["user"] = owner.public_id
    if operation == "POST identities":
        body["application"] = ids["applications"]
    if operation in PAYMENTS_OF_A_SETTLEMENT:
        body["destination"] = _closed_and_payable(ids)
    return body


def _closed_and_payable(ids: dict[str, str]) -> str:
    """Close the settlement, and give its merchant a bank account, whose id it is."""
    with transaction(by=system()):
        settlement = Settlement.objects.select_related("identity").get(pk=Settlement.parse_id(ids["settlements"]))
    close_settlement(settlement=settlement, by=system(), at=timezone.now())
    return make_bank_account(settlement.identity).public_id


def send(admin: ApiClient, operation: str, ids: dict[str, str], body: Any) -> Any:
    method, _, route = operation.partition(" ")
    return admin.request(method, path_of(route, ids), body)


def histories() -> tuple[list[Event], list[Audit]]:
    with transaction(by=system()):
        return list(Event.objects.order_by("pk")), list(Audit.objects.order_by("pk"))


@pytest.mark.parametrize(("operation", "view"), GUARDED, ids=[operation for operation, _ in GUARDED])
def test_without_the_permission_nothing_is_done(
    *,
    admin: ApiClient,
    targets: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    operation: str,
    view: Any,
) -> None:
    method, _, route = operation.partition(" ")
    permission: Permission = view.permissions[method]
    body = accepted(operation, targets) if operation in BODIES else None
    events, audits = histories()
    monkeypatch.setitem(roles.PERMISSIONS, Role.ADMIN, roles.PERMISSIONS[Role.ADMIN] - {permission})

    answer = send(admin, operation, targets, body)

    assert answer.status_code == 403
    assert errors_of(answer) == [{"code": "FORBIDDEN", "message": "Access is denied", "permission": permission.value}]
    events_after, audits_after = histories()
    (denial,) = audits_after[len(audits) :]
    assert events_after == events
    assert (denial.result, denial.action) == ("DENIED", f"{method} {route}"[:60])
    assert (denial.reason, denial.author_role) == (f"{permission.value} is missing", "ROLE_ADMIN")
    assert denial.request_id == answer["x-request-id"]


@pytest.mark.parametrize("role", ["ADMIN", "ROLE_PLATFORM"])
def test_users_of_the_platform_are_made_by_admins_alone(admin: ApiClient, role: str) -> None:
    made = Login(*services.create_api_user(role=Role.PLATFORM, by=system(), at=timezone.now()))

    refused = ApiClient(made).post("/users", {"role": role})

    error = {"code": "FORBIDDEN", "message": "Access is denied", "permission": "api_users.create_platform"}
    assert (refused.status_code, errors_of(refused)) == (403, [error])
    assert admin.post("/users", {"role": role}).status_code == 201


def test_denial_is_kept_where_the_tenant_can_see_it(own: Tenant) -> None:
    answer = ApiClient(own.merchant).get("/users")

    assert answer.status_code == 403
    with transaction(by=own.partner.actor):
        row = Audit.objects.get(result="DENIED")
    assert (row.application_id, row.author_id) == (own.application.pk, own.merchant.user.pk)
    assert (row.action, row.reason, row.events) == ("GET users", "api_users.view is missing", [])


@pytest.mark.parametrize("operation", WRITES)
def test_every_write_leaves_one_audit_row_that_points_to_its_events(
    admin: ApiClient, targets: dict[str, str], operation: str
) -> None:
    body = accepted(operation, targets)
    events, audits = histories()

    answer = send(admin, operation, targets, body)

    assert answer.status_code in {200, 201, 204}
    events_after, audits_after = histories()
    new_events = events_after[len(events) :]
    later = LATER.get(operation, [])
    (row,) = audits_after[len(audits) :]
    assert len(new_events) >= 1
    assert [event.kind for event in new_events if event.pk not in row.events] == later
    assert row.events == [event.pk for event in new_events[: len(new_events) - len(later)]]
    author = ("STRANGER", "") if operation in PUBLIC else ("API_USER", "ROLE_ADMIN")
    assert (row.result, row.author_kind, row.author_role) == ("DONE", *author)
    assert {row.request_id, *(event.request_id for event in new_events)} == {answer["x-request-id"]}
    assert {event.application_id for event in new_events} == {row.application_id}
    assert (row.address, row.author_name) == ("127.0.0.1", new_events[0].author_name)


@pytest.mark.parametrize("operation", WRITES)
@pytest.mark.parametrize(
    "body",
    [
        b"{",
        {
            "tags": {"a": 1},
            "entity": 5,
            "role": [],
            "type": "X",
            "user": 1,
            "enabled": 1,
            "avs_failure_allowed": 0,
            "overlap_seconds": 0.5,
        },
    ],
)
def test_refused_write_leaves_no_trace(admin: ApiClient, targets: dict[str, str], operation: str, body: Any) -> None:
    before = histories()

    answer = send(admin, operation, targets, body)

    assert answer.status_code in {400, 422}
    assert histories() == before


@pytest.mark.parametrize("operation", [operation for operation in WRITES if operation.startswith("PUT")])
def test_read_only_members_are_not_written(admin: ApiClient, targets: dict[str, str], operation: str) -> None:
    _, _, route = operation.partition(" ")
    path = path_of(route, targets)
    before = admin.get(path).json()
    writable = {*writable_members(operation), *REFUSED.get(operation, ())}
    read_only = {name: NOT_WRITABLE for name in before if name not in writable} | {"application_id": NOT_WRITABLE}

    answer = admin.put(path, read_only | {"owner_id": NOT_WRITABLE, "secret_hash": NOT_WRITABLE, "is_platform": True})

    assert answer.status_code == 200
    assert answer.json() == admin.get(path).json() == before
    assert {"id", "created_at", "updated_at", "_links"} <= set(read_only)


@pytest.mark.parametrize("operation", [write for write in WRITES if write.startswith("POST") and write not in ACTS])
def test_read_only_members_are_not_taken_at_creation(admin: ApiClient, targets: dict[str, str], operation: str) -> None:
    body = accepted(operation, targets)
    plain = _created(admin, operation, targets, body)
    writable = {*writable_members(operation), *REFUSED.get(operation, ())}
    read_only = {name: NOT_WRITABLE for name in plain if name not in writable}

    made = _created(admin, operation, targets, read_only | {"is_platform": True, "secret_hash": "x"} | body)

    assert {name: made[name] for name in made if name not in MADE_ANEW} == {
        name: plain[name] for name in plain if name not in MADE_ANEW
    }
    assert NOT_WRITABLE not in made.values()
    assert "id" in read_only


def _created(admin: ApiClient, operation: str, ids: dict[str, str], body: Any) -> dict[str, Any]:
    undo = database.savepoint()
    answer = send(admin, operation, ids, body)
    database.savepoint_rollback(undo)
    assert answer.status_code == 201
    document: dict[str, Any] = answer.json()
    return document


def writable_members(operation: str) -> list[str]:
    view = dict(OPERATIONS)[operation]
    return list(view.bodies[operation.partition(" ")[0]]().fields)


@pytest.mark.parametrize(
    "name", ["tax_id_provided", "business_tax_id_provided", "dob_provided", "email_domain", "phone_e164"]
)
def test_members_of_the_entity_that_we_derive_are_not_written(own: Tenant, name: str) -> None:
    identity = make_merchant_identity(own.application)
    partner, path = ApiClient(own.partner), f"/identities/{identity.public_id}"
    before = partner.get(path).json()

    answer = partner.put(path, {"entity": {name: False}})

    assert (answer.status_code, answer.json()) == (200, before)
    assert before["entity"]["tax_id_provided"] is True


def test_unknown_members_are_ignored_at_every_depth(own: Tenant) -> None:
    body = {"entity": MERCHANT | {"favourite_colour": "blue"}, "unknown": [{"a": None}], "operation_key": "X"}

    document = ApiClient(own.partner).post("/identities", body).json()

    assert "favourite_colour" not in document["entity"]
    assert not {"unknown", "operation_key"} & set(document)


def test_sequence_grows_per_resource_and_changes_tell_before_and_after(own: Tenant) -> None:
    partner = ApiClient(own.partner)
    one, other = (partner.post("/identities", {"entity": {"first_name": name}}).json()["id"] for name in ("Ann", "Bob"))

    for name in ("Cid", "Dan", "Dan"):  # the last one changes nothing
        partner.put(f"/identities/{one}", {"entity": {"first_name": name}, "tags": {"n": name}})
    partner.put(f"/identities/{other}", {"tags": {"a": "b"}})

    def history(public_id: str) -> list[tuple[int, str, dict[str, Any]]]:
        with transaction(by=own.partner.actor):
            rows = Event.objects.filter(resource_id=type(own.identity).parse_id(public_id)).order_by("sequence")
            return [(row.sequence, row.kind, row.changes) for row in rows]

    assert history(one) == [
        (1, "identity.created", {}),
        (2, "identity.updated", {"first_name": ["Ann", "Cid"], "tags": [{}, {"n": "Cid"}]}),
        (3, "identity.updated", {"first_name": ["Cid", "Dan"], "tags": [{"n": "Cid"}, {"n": "Dan"}]}),
    ]
    assert history(other) == [(1, "identity.created", {}), (2, "identity.updated", {"tags": [{}, {"a": "b"}]})]


def test_changes_tell_that_sealed_members_changed_and_not_what_they_are(own: Tenant) -> None:
    partner = ApiClient(own.partner)
    path = f"/identities/{partner.post('/identities', {'entity': {'tax_id': '078051120'}}).json()['id']}"

    partner.put(path, {"entity": {"tax_id": "219099999", "dob": {"day": 27, "month": 6, "year": 1978}}})
    partner.put(path, {"entity": {"tax_id": None}})

    with transaction(by=own.partner.actor):
        changes = [event.changes for event in Event.objects.filter(kind="identity.updated").order_by("sequence")]
    assert changes == [
        {"dob_provided": [False, True], "tax_id": ["provided", "provided"], "dob": [None, "provided"]},
        {"tax_id_provided": [True, False], "tax_id": ["provided", None]},
    ]
