"""3-D Secure and purchase data, which sales and authorizations take alike: kept, passed on, refused, never leaked."""

from typing import Any

import pytest
from django.db import connection
from django.http import HttpResponse

import vault.services as vault
from payments.models import Authorization, Payment, Transfer
from providers import attempts, port
from providers.models import Attempt
from providers.sandbox import faults
from tenancy.actors import system
from tenancy.transactions import transaction
from tests.factories.payments import PLAIN_CARD, make_bank_account, make_card
from tests.payments.card_data import PROOF, PURCHASE, proof
from tests.payments.hold_shop import HoldShop, document, errors
from tests.providers.scripted import Scripted, expire, stand_behind_processors

pytestmark = pytest.mark.django_db

AMEX, MASTERCARD = "378282246310005", "5200828282828210"
KINDS: dict[str, type[Payment]] = {"/transfers": Transfer, "/authorizations": Authorization}


class Desk:
    """A shop that sells, or holds."""

    def __init__(self, path: str, **config: Any) -> None:
        self.path, self.shop = path, HoldShop(**config)

    def post(self, **changes: Any) -> HttpResponse:
        return self.shop.partner.post(self.path, self.shop.body(**changes))

    def listed(self) -> list[str]:
        return self.shop.transfers() if self.path == "/transfers" else self.shop.listed()

    def now(self, payment: dict[str, Any]) -> dict[str, Any]:
        return document(self.shop.partner.get(f"{self.path}/{payment['id']}"))

    def row(self, payment: dict[str, Any]) -> Any:
        model = KINDS[self.path]
        with transaction(by=system("test")):
            return model._default_manager.get(pk=model.parse_id(payment["id"]))

    def resolve(self) -> None:
        """Somebody finds out what became of the one payment."""
        with transaction(by=system("test")):
            attempt = Attempt.objects.get(resource_kind=KINDS[self.path].KIND)
        expire(attempt)
        attempts.resolve(attempt.pk, self.shop.application.pk)


@pytest.fixture(params=list(KINDS))
def desk(request: pytest.FixtureRequest) -> Desk:
    return Desk(request.param)


@pytest.mark.parametrize(
    ("number", "told"),
    [
        (PLAIN_CARD, {}), (PLAIN_CARD, {"transaction_id": "EaOMucALHQqLAEGAgk"}),
        (PLAIN_CARD, {"electronic_commerce_indicator": "attempted", "cardholder_ip_address": "127.000.000.001"}),
        (MASTERCARD, {"cardholder_ip_address": "203.0.113.7", "transaction_id": None}),
        (AMEX, {"cardholder_ip_address": "203.0.113.7"}),
    ],
)  # fmt: skip
def test_3d_secure_is_kept_as_it_was_told(desk: Desk, number: str, told: dict[str, Any]) -> None:
    card = make_card(desk.shop.buyer, number=number)

    paid = document(desk.post(source=card.public_id, **proof(**told)), 201)

    indicator = told.get("electronic_commerce_indicator", "AUTHENTICATED").upper()
    kept = {name: value for name, value in told.items() if value is not None}
    row = desk.row(paid)
    with transaction(by=desk.shop.login.actor):
        assert vault.open_all([row], "cardholder_authentication")[row.pk].reveal() == PROOF
    assert row.three_d_secure == kept | {"electronic_commerce_indicator": indicator}
    assert row.provider_document["three_d_secure"] == {"electronic_commerce_indicator": indicator}
    assert "3d_secure_authentication" not in paid


@pytest.mark.parametrize(
    ("number", "told", "field"),
    [
        (PLAIN_CARD, {"electronic_commerce_indicator": ...}, "electronic_commerce_indicator"),
        (PLAIN_CARD, {"electronic_commerce_indicator": "FAILED"}, "electronic_commerce_indicator"),
        (PLAIN_CARD, {"cardholder_authentication": ...}, "cardholder_authentication"),
        (PLAIN_CARD, {"cardholder_authentication": None}, "cardholder_authentication"),
        (PLAIN_CARD, {"cardholder_authentication": ""}, "cardholder_authentication"),
        (PLAIN_CARD, {"cardholder_authentication": PROOF * 9}, "cardholder_authentication"),
        (PLAIN_CARD, {"cardholder_ip_address": 2130706433}, "cardholder_ip_address"),
        (PLAIN_CARD, {"cardholder_ip_address": "127.0.0.256"}, "cardholder_ip_address"),
        (PLAIN_CARD, {"cardholder_ip_address": "127.0.0"}, "cardholder_ip_address"),
        (PLAIN_CARD, {"cardholder_ip_address": "::1"}, "cardholder_ip_address"),
        (AMEX, {}, "cardholder_ip_address"),
        (AMEX, {"cardholder_ip_address": None}, "cardholder_ip_address"),
        (AMEX, {"cardholder_ip_address": "203.0.113.7", "transaction_id": "x"}, "transaction_id"),
        (MASTERCARD, {"transaction_id": "EaOMucALHQqLAEGAgk"}, "transaction_id"),
        (PLAIN_CARD, {"transaction_id": "x" * 101}, "transaction_id"),
    ],
)  # fmt: skip
def test_3d_secure_that_does_not_fit_is_refused(desk: Desk, number: str, told: dict[str, Any], field: str) -> None:
    card = make_card(desk.shop.buyer, number=number)

    answer = desk.post(source=card.public_id, **proof(**told))

    assert answer.status_code == 422
    assert [error["field"] for error in errors(answer)] == [f"3d_secure_authentication.{field}"]
    assert PROOF not in answer.content.decode()
    assert desk.listed() == []


@pytest.mark.parametrize("told", ["AUTHENTICATED", [], 5])
def test_3d_secure_is_an_object(desk: Desk, told: Any) -> None:
    answer = desk.post(**{"3d_secure_authentication": told})

    assert (answer.status_code, [error["field"] for error in errors(answer)]) == (422, ["3d_secure_authentication"])


def test_proof_lies_in_the_vault_and_nowhere_in_clear(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    """Of what is granted, what is declined, what is refused, and of a repeat."""
    caplog.set_level("DEBUG")
    answers = [
        desk.post(idempotency_id="K", **proof()),
        desk.post(idempotency_id="K", **proof()),
        desk.post(amount=193, idempotency_id="L", **proof()),
        desk.post(currency="EUR", **proof()),
        desk.post(amount="x", **proof()),
    ]
    (paid, failed) = reversed(desk.listed())
    if desk.path == "/authorizations":
        document(desk.shop.put({"id": paid}, capture_amount=100))
    answers.append(desk.shop.partner.get(f"{desk.path}/{failed}"))

    assert [answer.status_code for answer in answers] == [201, 201, 402, 422, 422, 200]
    forms = [PROOF, PROOF.rstrip("="), PROOF.encode().hex()]
    tables = everything_kept()
    assert paid in tables["vault_value"] or str(KINDS[desk.path].parse_id(paid)) in tables["vault_value"]
    assert [name for name, text in tables.items() if any(form in text for form in forms)] == []
    logged = caplog.text + "".join(str(vars(record)) for record in caplog.records)
    answered = b"".join(answer.content for answer in answers).decode()
    assert [form for form in forms if form in logged + answered] == []


def everything_kept() -> dict[str, str]:
    """Every row of every table as text."""
    with transaction(by=system("test")), connection.cursor() as cursor:
        cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        names = [name for (name,) in cursor.fetchall()]
        found = {}
        for name in names:
            cursor.execute("SELECT has_table_privilege(%s, 'SELECT')", [name])
            if cursor.fetchone()[0]:
                cursor.execute(f'SELECT string_agg(one::text, chr(10)) FROM "{name}" AS one')
                found[name] = cursor.fetchone()[0] or ""
    needed = {"vault_value", "card_authorization", "transfer", "sandbox_authorization", "sandbox_transfer", "event"}
    assert needed | {"audit", "idempotency_key"} <= found.keys(), found.keys()
    return found


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"customer_reference_number": "C" * 18}, "customer_reference_number"),
        ({"customer_reference_number": None}, "customer_reference_number"), ({"sales_tax": None}, "sales_tax"),
        ({"sales_tax": -1}, "sales_tax"), ({"sales_tax": 1.5}, "sales_tax"),
        ({"discount_amount": "ten"}, "discount_amount"),
        ({"tax_exempt": "no"}, "tax_exempt"), ({"destination_country_code": "US"}, "destination_country_code"),
        ({"destination_postal_code": "9" * 11}, "destination_postal_code"),
        ({"ship_from_postal_code": "9" * 11}, "ship_from_postal_code"),
        ({"invoice_reference_number": "I" * 16}, "invoice_reference_number"),
        ({"order_date": {"day": 30, "month": 2, "year": 2024}}, "order_date.day"),
        ({"order_date": {"day": 1, "month": 2}}, "order_date.year"),
        ({"item_data": [{"quantity": 100}]}, "item_data.0.quantity"),
        ({"item_data": [{"quantity": 1}, {"quantity": 0}]}, "item_data.1.quantity"),
        ({"item_data": [{"item_description": "D" * 26}]}, "item_data.0.item_description"),
        ({"item_data": [{"unit_of_measure": "EACH"}]}, "item_data.0.unit_of_measure"),
        ({"item_data": [{"commodity_code": "1" * 13}]}, "item_data.0.commodity_code"),
        ({"item_data": [{"merchant_product_code": "1" * 13}]}, "item_data.0.merchant_product_code"),
        ({"item_data": [{"cost_per_unit": -1}]}, "item_data.0.cost_per_unit"), ({"item_data": {}}, "item_data"),
    ],
)  # fmt: skip
def test_purchase_data_that_networks_would_cut_is_refused(desk: Desk, changes: dict[str, Any], field: str) -> None:
    held = desk.shop.hold()

    answers = [desk.post(additional_purchase_data=PURCHASE | changes)]
    answers += [desk.shop.put(held, additional_purchase_data=PURCHASE | changes)]

    assert [[error["field"] for error in errors(answer)] for answer in answers] == [
        [f"additional_purchase_data.{field}"]
    ] * 2
    assert [answer.status_code for answer in answers] == [422, 422]
    assert (desk.shop.now(held), desk.shop.listed(), desk.shop.transfers()) == (held, [held["id"]], [])


def test_purchase_data_is_answered_as_it_is_kept(desk: Desk) -> None:
    paid = document(desk.post(additional_purchase_data=PURCHASE | {"unknown": 1, "tax_exempt": None}), 201)
    plain = document(desk.post(additional_purchase_data=None), 201)

    assert paid["additional_purchase_data"] == {name: PURCHASE[name] for name in PURCHASE if name != "tax_exempt"}
    assert (desk.now(paid), plain["additional_purchase_data"]) == (paid, None)


@pytest.mark.parametrize(
    ("amount", "code"),
    [(102, "GENERIC_DECLINE"), (193, "INSUFFICIENT_FUNDS"), (889986, "ADDRESS_VERIFICATION_FAILED_RISK_RULES")],
)
def test_decline_tells_what_was_told(desk: Desk, amount: int, code: str) -> None:
    answer = desk.post(amount=amount, additional_purchase_data=PURCHASE, **proof())

    (public_id,) = desk.listed()
    failed = desk.now({"id": public_id})
    assert (answer.status_code, failed["state"], failed["failure_code"]) == (402, "FAILED", code)
    assert failed["additional_purchase_data"] == PURCHASE
    assert desk.row(failed).provider_document["three_d_secure"] == {"electronic_commerce_indicator": "AUTHENTICATED"}


def test_repeat_is_the_first_one_and_with_other_data_refused(desk: Desk) -> None:
    told = {"idempotency_id": "K", "additional_purchase_data": PURCHASE, **proof()}
    first = desk.post(**told)

    again = desk.post(**told)
    others = [
        desk.post(**told | {"additional_purchase_data": PURCHASE | {"sales_tax": 201}}),
        desk.post(**told | proof(cardholder_authentication=PROOF[::-1])),
        desk.post(**told | proof(electronic_commerce_indicator="ATTEMPTED")),
    ]

    assert (again.status_code, again["Idempotent-Replayed"], again.content) == (201, "true", first.content)
    assert [(other.status_code, errors(other)[0]["code"]) for other in others] == [(422, "IDEMPOTENCY_MISMATCH")] * 3
    assert desk.listed() == [first.json()["id"]]


@pytest.mark.parametrize("kind", ["TIMEOUT_BEFORE", "TIMEOUT_AFTER"])
def test_lost_answer_is_found_or_asked_for_anew(desk: Desk, kind: str) -> None:
    operation = "sell" if desk.path == "/transfers" else "authorise"
    faults.arrange(application_id=desk.shop.application.pk, kind=kind, operation=operation, times=1)
    unknown = document(desk.post(additional_purchase_data=PURCHASE, **proof()), 201)

    desk.resolve()

    found = desk.now(unknown)
    assert (unknown["state"], found["state"], found["additional_purchase_data"]) == ("PENDING", "SUCCEEDED", PURCHASE)
    assert desk.row(unknown).provider_document["three_d_secure"] == {"electronic_commerce_indicator": "AUTHENTICATED"}


@pytest.mark.parametrize("has_lookup", [True, False])
def test_all_of_it_is_sent_and_sent_again(desk: Desk, monkeypatch: pytest.MonkeyPatch, has_lookup: bool) -> None:
    """The proof comes out of the vault for the second try: both are one and the same act."""
    provider = Scripted(port.Capabilities(has_lookup=has_lookup, has_idempotent_create=True))
    provider.answers = [port.OutcomeUnknown("TIMEOUT")]
    stand_behind_processors(provider, monkeypatch)
    desk.post(additional_purchase_data=PURCHASE, **proof(cardholder_ip_address="203.0.113.7"))

    desk.resolve()

    (_, first), (_, again) = provider.asked
    assert again == first
    assert isinstance(first, port.Sell | port.Authorise)
    assert first.proof is not None
    assert (first.proof.cardholder_authentication.reveal(), first.purchase) == (PROOF, PURCHASE)
    assert (first.proof.electronic_commerce_indicator, first.proof.cardholder_ip_address) == (
        "AUTHENTICATED", "203.0.113.7",
    )  # fmt: skip


def test_capture_tells_the_provider_and_keeps_what_it_told(monkeypatch: pytest.MonkeyPatch) -> None:
    shop = HoldShop()
    held = shop.hold(additional_purchase_data=PURCHASE, **proof())
    declined = errors(shop.put(held, capture_amount=102))[0]["transfer"]
    other = {"customer_reference_number": "A", "sales_tax": 5}
    shop.put(held, additional_purchase_data=other)
    provider = Scripted(answers=[port.OutcomeUnknown("TIMEOUT")])
    stand_behind_processors(provider, monkeypatch)

    captured = shop.capture(held, 100)

    ((_, act),) = provider.asked
    assert isinstance(act, port.Capture)
    assert act.purchase == other
    told = [shop.transfer(public_id)["additional_purchase_data"] for public_id in (declined, captured["transfer"])]
    assert told == [PURCHASE, other]


def test_refund_of_a_sale_tells_no_purchase() -> None:
    desk = Desk("/transfers")
    sale = document(desk.post(additional_purchase_data=PURCHASE, **proof()), 201)

    refund = document(desk.shop.partner.post(f"/transfers/{sale['id']}/reversals", {"refund_amount": 100}), 201)

    assert refund["additional_purchase_data"] is None
    assert desk.row(refund).three_d_secure is None


def test_debit_of_a_bank_account_takes_neither() -> None:
    desk = Desk("/transfers", can_debit_bank_account=True)
    account = make_bank_account(desk.shop.buyer)

    answer = desk.post(source=account.public_id, additional_purchase_data=PURCHASE, **proof())

    assert answer.status_code == 422
    assert [(error["field"], error["message"]) for error in errors(answer)] == [
        ("3d_secure_authentication", "Is for payment cards only"),
        ("additional_purchase_data", "Is for payment cards only"),
    ]
    assert desk.listed() == []
