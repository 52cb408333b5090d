"""The official Python client against the running platform: its address is changed, and nothing else."""

import uuid
from datetime import timedelta
from typing import Any

import pytest
from finix.api_client import FinixClient
from finix.configuration import Configuration
from finix.exceptions import ApiException, ForbiddenException, NotFoundException, UnauthorizedException

from tests.factories.onboarding import BUYER, MERCHANT
from tests.factories.payments import BANK_ACCOUNT, CARD
from tests.stack import Stack

pytestmark = pytest.mark.stack

PURCHASE = {
    "customer_reference_number": "PO-1", "sales_tax": 250, "order_date": {"day": 1, "month": 2, "year": 2026},
    "item_data": [{"item_description": "Buns", "quantity": 9, "cost_per_unit": 100, "unit_of_measure": "EAC"}],
}  # fmt: skip


def client_of(stack: Stack, *, whose: str = "PARTNER", password: str | None = None) -> FinixClient:
    return FinixClient(
        Configuration(
            environment=stack.url,
            username=stack.credentials[f"MERCHANTRY_{whose}_USERNAME"],
            password=password or stack.credentials[f"MERCHANTRY_{whose}_PASSWORD"],
        )
    )


@pytest.fixture(scope="module")
def client(stack: Stack) -> FinixClient:
    return client_of(stack)


class Shop:
    """A merchant with a bank account and a buyer with a card, as the client makes them."""

    def __init__(self, client: FinixClient) -> None:
        self.identity = client.identities.create(
            create_identity_request={"entity": MERCHANT, "tags": {"made_by": "client"}}
        )
        self.bank_account = client.payment_instruments.create(
            create_payment_instrument_request=BANK_ACCOUNT | {"identity": self.identity.id}
        )
        self.merchant = client.merchants.create(
            self.identity.id, create_merchant_underwriting_request={"processor": "DUMMY_V1"}
        )
        self.buyer = client.identities.create(create_identity_request={"entity": BUYER})
        self.card = client.payment_instruments.create(
            create_payment_instrument_request=CARD | {"identity": self.buyer.id}
        )

    def sell(self, client: FinixClient, amount: int, *, is_checked: bool = False, **members: Any) -> Any:
        body = {"merchant": self.merchant.id, "source": self.card.id, "amount": amount, "currency": "USD"}
        return client.transfers.create(create_transfer_request=body | members, _check_return_type=is_checked)


@pytest.fixture(scope="module")
def shop(client: FinixClient) -> Shop:
    return Shop(client)


def test_onboarding_is_read_into_the_clients_models(client: FinixClient, shop: Shop) -> None:
    identity, merchant = client.identities.get(shop.identity.id), client.merchants.get(shop.merchant.id)

    assert (identity.entity["business_name"], identity.entity["tax_id_provided"]) == ("Bobs Burgers", True)
    assert (identity.entity["dob"]["year"], identity.tags) == (1978, {"made_by": "client"})
    assert (merchant.identity, merchant.onboarding_state) == (shop.identity.id, "APPROVED")
    assert (merchant.processing_enabled, merchant.merchant_name) == (True, "Bobs Burgers")
    assert (shop.bank_account.masked_account_number, shop.bank_account.bank_code) == ("XXXXX0016", "122105278")
    assert (shop.card.brand, shop.card.last_four, shop.card.bin) == ("VISA", "0006", "489514")
    assert client.payment_instruments.get(shop.card.id).fingerprint == shop.card.fingerprint


def test_answers_pass_the_clients_own_type_check(client: FinixClient, shop: Shop) -> None:
    """With purchase data: the client's check knows no null there, although it is documented."""
    sale = shop.sell(client, 3100, is_checked=True, additional_purchase_data=PURCHASE)

    identity = client.identities.get(shop.identity.id, _check_return_type=True)
    assert identity.entity.dob.year == 1978
    merchant = client.merchants.get(shop.merchant.id, _check_return_type=True)
    assert (merchant.onboarding_state, merchant.ready_to_settle_upon) == ("APPROVED", "RECONCILIATION")
    for read, public_id in (
        (client.payment_instruments, shop.card.id), (client.payment_instruments, shop.bank_account.id),
        (client.transfers, sale.id), (client.verifications, shop.merchant.verification),
    ):  # fmt: skip
        assert read.get(public_id, _check_return_type=True).id == public_id


def test_identity_is_updated(client: FinixClient, shop: Shop) -> None:
    updated = client.identities.update(shop.buyer.id, update_identity_request={"tags": {"loyal": "yes"}})

    assert (updated.id, updated.tags) == (shop.buyer.id, {"loyal": "yes"})


def test_sale_succeeds_and_is_found_again(client: FinixClient, shop: Shop) -> None:
    sale = shop.sell(client, 12500, fee=100, tags={"order": "7"})

    assert (sale.state, sale.amount, sale.fee, sale.currency) == ("SUCCEEDED", 12500, 100, "USD")
    assert (sale.source, sale.merchant_identity, sale.type) == (shop.card.id, shop.identity.id, "DEBIT")
    found = client.transfers.get(sale.id)
    assert (found.id, found.trace_id, found.tags) == (sale.id, sale.trace_id, {"order": "7"})


def test_repeated_sale_is_the_first_one(client: FinixClient, shop: Shop) -> None:
    key = str(uuid.uuid4())

    first, again = (shop.sell(client, 4711, idempotency_id=key) for _ in range(2))

    assert (again.id, again.idempotency_id) == (first.id, key)
    assert [sale.id for sale in client.transfers.list(idempotency_id=key)] == [first.id]
    with pytest.raises(ApiException) as refusal:
        shop.sell(client, 4712, idempotency_id=key)
    assert (refusal.value.status, refusal.value.body.errors[0].code) == (422, "IDEMPOTENCY_MISMATCH")


def test_lists_are_paged_through_to_the_end(client: FinixClient, shop: Shop) -> None:
    made = [shop.sell(client, 2000 + number).id for number in range(5)]

    page = client.transfers.list(limit=2, merchant_id=shop.merchant.id, amount_gte=2000, amount_lt=2005)
    listed = [sale.id for sale in page]
    while page.has_more:
        page = page.list_next()
        listed += [sale.id for sale in page]

    assert listed == made[::-1]
    assert [identity.id for identity in client.identities.list(id=shop.identity.id)] == [shop.identity.id]
    assert [card.id for card in client.payment_instruments.list(bin="489514", owner_identity_id=shop.buyer.id)] == [
        shop.card.id
    ]
    assert shop.merchant.id in {merchant.id for merchant in client.merchants.list(limit=100)}


def test_decline_raises_its_error_with_the_failed_transfer(client: FinixClient, shop: Shop) -> None:
    with pytest.raises(ApiException) as decline:
        shop.sell(client, 193)

    (error,) = decline.value.body.errors
    assert decline.value.status == 402
    assert (error.code, error.failure_code) == ("PAYMENT_DECLINED", "INSUFFICIENT_FUNDS")
    failed = client.transfers.get(error.transfer)
    assert (failed.state, failed.amount, failed.failure_code) == ("FAILED", 193, "INSUFFICIENT_FUNDS")


def refund(client: FinixClient, sale: Any, amount: int, **members: Any) -> Any:
    body = {"refund_amount": amount} | members
    return client.transfers.create_transfer_reversal(sale.id, create_reversal_request=body, _check_return_type=False)


def test_sale_is_given_back_in_parts_and_listed(client: FinixClient, shop: Shop) -> None:
    sale = shop.sell(client, 6000)

    parts = [refund(client, sale, 1000 + number, tags={"why": "scratched"}) for number in range(3)]

    first = parts[0]
    assert (first.type, first.state, first.amount, first.source) == ("REVERSAL", "SUCCEEDED", 1000, None)
    assert (first.destination, first.parent_transfer, first.fee) == (shop.card.id, sale.id, 0)
    assert (first.parent_transfer_trace_id, first.tags) == (sale.trace_id, {"why": "scratched"})
    assert client.transfers.get(first.id).id == first.id
    page = client.transfers.list_transfers_reversals(sale.id, limit=2)
    listed = [found.id for found in page]
    while page.has_more:
        page = page.list_next()
        listed += [found.id for found in page]
    assert listed == [part.id for part in reversed(parts)]
    with pytest.raises(ApiException) as refusal:
        refund(client, sale, 2998)
    (error,) = refusal.value.body.errors
    assert (refusal.value.status, error.field) == (422, "refund_amount")
    assert error.message == "At most 2997 of it can still be refunded"


def test_repeated_refund_is_the_first_one(client: FinixClient, shop: Shop) -> None:
    sale, key = shop.sell(client, 2500), str(uuid.uuid4())

    first, again = (refund(client, sale, 2500, idempotency_id=key) for _ in range(2))

    assert (again.id, again.idempotency_id) == (first.id, key)
    assert [found.id for found in client.transfers.list_transfers_reversals(sale.id)] == [first.id]


def hold(client: FinixClient, shop: Shop, amount: int, **members: Any) -> Any:
    body = {"merchant": shop.merchant.id, "source": shop.card.id, "amount": amount, "currency": "USD"}
    return client.authorizations.create(create_authorization_request=body | members, _check_return_type=False)


def test_sale_with_3d_secure_and_purchase_data(client: FinixClient, shop: Shop) -> None:
    found = {
        "electronic_commerce_indicator": "AUTHENTICATED",
        "cardholder_authentication": "BwABBJQ1AgAAAAAgJDUCAAAAAAA=",
    }

    sale = shop.sell(client, 6200, additional_purchase_data=PURCHASE, **{"3d_secure_authentication": found})

    read = client.transfers.get(sale.id, _check_return_type=True)
    assert (read.state, read.additional_purchase_data["sales_tax"]) == ("SUCCEEDED", PURCHASE["sales_tax"])


def test_hold_is_captured_in_part(client: FinixClient, shop: Shop) -> None:
    held = hold(client, shop, 5000, tags={"order": "8"}, additional_purchase_data=PURCHASE)

    captured = client.authorizations.update(
        held.id, update_authorization_request={"capture_amount": 3000, "fee": 10}, _check_return_type=False
    )

    assert (held.state, held.transfer, held.is_void) == ("SUCCEEDED", None, False)
    assert (held.additional_purchase_data["sales_tax"], held.tags) == (PURCHASE["sales_tax"], {"order": "8"})
    assert (captured.id, captured.amount, captured.capture_amount) == (held.id, 5000, 3000)
    sale = client.transfers.get(captured.transfer)
    assert (sale.state, sale.amount, sale.fee, sale.type) == ("SUCCEEDED", 3000, 10, "DEBIT")
    found = client.authorizations.get(held.id, _check_return_type=True)
    assert (found.transfer, found.capture_amount) == (captured.transfer, 3000)
    assert found.expires_at - found.created_at == timedelta(days=7)


def test_hold_is_voided_and_found_as_such(client: FinixClient, shop: Shop) -> None:
    held = [hold(client, shop, 7000 + number) for number in range(3)]

    voided = client.authorizations.update_authorization_void(
        held[1].id, void_authorization={"void_me": True}, _check_return_type=False
    )

    assert (voided.id, voided.is_void, voided.transfer) == (held[1].id, True, None)
    page = client.authorizations.list(limit=2, amount_gte=7000, amount_lt=7003)
    listed = [found.id for found in page]
    while page.has_more:
        page = page.list_next()
        listed += [found.id for found in page]
    assert listed == [found.id for found in reversed(held)]
    assert [found.id for found in client.authorizations.list(is_void="True", amount_gte=7000, amount_lt=7003)] == [
        held[1].id
    ]
    with pytest.raises(ApiException) as refusal:
        client.authorizations.update(held[1].id, update_authorization_request={"capture_amount": 1})
    assert (refusal.value.status, refusal.value.body.errors[0].message) == (422, "The authorization is void.")


def test_declines_of_hold_and_capture_name_what_exists(client: FinixClient, shop: Shop) -> None:
    held = hold(client, shop, 5000)

    with pytest.raises(ApiException) as of_hold:
        hold(client, shop, 193)
    with pytest.raises(ApiException) as of_capture:
        client.authorizations.update(held.id, update_authorization_request={"capture_amount": 102})

    (refused,), (failed,) = (raised.value.body.errors for raised in (of_hold, of_capture))
    assert (of_hold.value.status, refused.code, refused.failure_code) == (402, "DECLINED", "INSUFFICIENT_FUNDS")
    assert client.authorizations.get(refused.authorization).state == "FAILED"
    assert (of_capture.value.status, failed.code, failed.failure_code) == (402, "PAYMENT_DECLINED", "GENERIC_DECLINE")
    assert client.transfers.get(failed.transfer).state == "FAILED"
    assert client.authorizations.get(held.id).transfer is None


def test_settlement_is_asked_for_changed_closed_and_listed(client: FinixClient, stack: Stack) -> None:
    shop, platform = Shop(client), client_of(stack, whose="ADMIN")
    at_once = {"ready_to_settle_upon": "SUCCESSFUL_CAPTURE"}
    platform.merchants.update(shop.merchant.id, update_merchant_request=at_once)
    sales = [shop.sell(client, amount, fee=100) for amount in (9100, 9200, 9300)]

    made = client.settlements.create(
        shop.identity.id, create_settlement_request={"currency": "USD", "tags": {"month": "may"}}
    )
    client.settlements.remove_transfers_from_settlement(
        made.id, remove_settlement_transfer={"transfers": [sales[0].id]}
    )
    closed = platform.settlements.put(made.id, close_settlement={"action": "STOP_ACCRUAL"})

    found = client.settlements.get(made.id, _check_return_type=True)
    assert (made.status, made.total_amount, made.total_fees) == ("PENDING", 27600, 300)
    assert (closed.status, found.id, found.net_amount, closed.tags) == (
        "AWAITING_APPROVAL", made.id, 18300, {"month": "may"},
    )  # fmt: skip
    held = client.settlements.list_transfers_by_settlement_id(made.id, limit=1)
    listed = [transfer.id for transfer in held]
    while held.has_more:
        held = held.list_next()
        listed += [transfer.id for transfer in held]
    assert listed == [sales[2].id, sales[1].id]
    assert [deposit.id for deposit in client.settlements.list_funding_transfers(made.id)] == []
    assert [one.id for one in client.settlements.list(transfer_id=sales[1].id, status="AWAITING_APPROVAL")] == [made.id]
    with pytest.raises(ApiException) as refusal:
        client.settlements.remove_transfers_from_settlement(
            made.id, remove_settlement_transfer={"transfers": [sales[0].id]}
        )
    (error,) = refusal.value.body.errors
    message = f"Unable to process request. Entries [{sales[0].id}] not found in settlement {made.id}"
    assert (refusal.value.status, error.code, error.message) == (409, "CONFLICT", message)


def test_refused_members_are_named(client: FinixClient, shop: Shop) -> None:
    with pytest.raises(ApiException) as refusal:
        client.payment_instruments.create(
            create_payment_instrument_request=CARD | {"identity": shop.buyer.id, "expiration_year": 2020}
        )

    (error,) = refusal.value.body.errors
    assert (refusal.value.status, refusal.value.reason) == (422, "Unprocessable Entity")
    assert (error.code, error.field) == ("INVALID_FIELD", "expiration_year")
    assert error.message == "Expiration year `2020` is expired"


def test_verifications_are_asked_for_and_listed(client: FinixClient, shop: Shop) -> None:
    first = client.verifications.get(shop.merchant.verification)
    asked = client.merchants.create_merchant_verification(shop.merchant.id, create_verification_request={})

    assert (first.merchant, first.processor, first.state) == (shop.merchant.id, "DUMMY_V1", "SUCCEEDED")
    assert (asked.merchant, asked.state) == (shop.merchant.id, "PENDING")
    listed = client.verifications.list_by_merchant_id(shop.merchant.id)
    assert [verification.id for verification in listed] == [asked.id, first.id]


def test_absent_forbidden_and_strangers_raise_the_clients_errors(client: FinixClient, shop: Shop, stack: Stack) -> None:
    with pytest.raises(NotFoundException) as absent:
        client.transfers.get("TRgdKwVqSZMHDPo8PJ1XLZ4s")
    with pytest.raises(ForbiddenException) as forbidden:
        client.merchants.update(shop.merchant.id, update_merchant_request={"processing_enabled": False})
    with pytest.raises(UnauthorizedException) as stranger:
        client_of(stack, password="wrong").identities.list()

    codes = [error.value.body.errors[0].code for error in (absent, forbidden, stranger)]
    assert codes == ["NOT_FOUND", "FORBIDDEN", "UNKNOWN"]
