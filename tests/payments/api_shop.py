"""A shop behind the API: what its partner asks for, and what the ledger says of it."""

from typing import Any

from django.http import HttpResponse

from payments.models import LedgerAccount, Posting, Transfer
from payments.services.check import check_ledger
from providers import feeds
from tenancy.actors import system
from tenancy.models import Processor
from tenancy.transactions import transaction
from tests.conftest import ApiClient
from tests.factories.onboarding import make_identity, make_merchant_identity
from tests.factories.payments import let_time_pass, make_card, make_merchant, make_processor
from tests.factories.tenancy import make_application, make_platform_login

NOT_OFFERED = {
    "additional_buyer_charges": {"surcharge_amount": 1},
    "additional_healthcare_data": {"prescription_amount": 1},
    "adjustment_request": True,
    "cashback_amount": 100,
    "device": "DVf2H8sh4LZZC52GTUrwCPPf",
    "device_configuration": {"prompt_amount_confirmation": True},
    "fraud_session_id": "f1",
    "hsa_fsa_payment": True,
    "split_transfers": [{"amount": 1}],
    "supplemental_fee": 100,
    "tip_amount": 500,
}
"""Documented members of payments on which money depends, and which nothing here acts upon."""


class Shop:
    """An approved merchant at DUMMY_V1, and a buyer with a card; `config` is that of the processor."""

    def __init__(self, name: str = "Acme", **config: Any) -> None:
        self.application, self.login = make_application(name)
        make_processor(self.application, **config)
        self.identity = make_merchant_identity(self.application)
        self.merchant = make_merchant(self.identity)
        self.buyer = make_identity(self.application)
        self.card = make_card(self.buyer)
        self.partner, self.admin = ApiClient(self.login), ApiClient(make_platform_login())

    def body(self, **changes: Any) -> dict[str, Any]:
        body = {"merchant": self.merchant.public_id, "source": self.card.public_id, "amount": 2500, "currency": "USD"}
        return {name: value for name, value in (body | changes).items() if value is not ...}

    def post(self, **changes: Any) -> HttpResponse:
        return self.partner.post("/transfers", self.body(**changes))

    def sale(self, **changes: Any) -> dict[str, Any]:
        answer = self.post(**changes)
        assert answer.status_code == 201, answer.content
        document: dict[str, Any] = answer.json()
        return document

    def declined(self, **changes: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        """The one error of a decline, and the transfer that it names."""
        answer = self.post(**changes)
        assert answer.status_code == 402, answer.content
        (error,) = errors(answer)
        return error, self.partner.get(f"/transfers/{error['transfer']}").json()

    def listed(self, query: str = "") -> list[str]:
        answer = self.partner.get(f"/transfers{query}")
        assert answer.status_code == 200, answer.content
        return [row["id"] for row in answer.json()["_embedded"]["transfers"]]

    def postings(self, transfer: dict[str, Any]) -> dict[str, int]:
        with transaction(by=self.login.actor):
            postings = Posting.objects.filter(journal__resource_id=Transfer.parse_id(transfer["id"]))
            return {posting.account.kind: posting.amount for posting in postings.select_related("account")}

    def refund(self, transfer: dict[str, Any], amount: Any, **members: Any) -> HttpResponse:
        return self.partner.post(f"/transfers/{transfer['id']}/reversals", {"refund_amount": amount} | members)

    def refunded(self, transfer: dict[str, Any], amount: int, **members: Any) -> dict[str, Any]:
        answer = self.refund(transfer, amount, **members)
        assert answer.status_code == 201, answer.content
        document: dict[str, Any] = answer.json()
        return document

    def reversals(self, transfer: dict[str, Any]) -> list[dict[str, Any]]:
        answer = self.partner.get(f"/transfers/{transfer['id']}/reversals")
        found: list[dict[str, Any]] = answer.json()["_embedded"]["transfers"]
        return found

    def again(self, transfer: dict[str, Any]) -> dict[str, Any]:
        """The transfer as it is now."""
        document: dict[str, Any] = self.partner.get(f"/transfers/{transfer['id']}").json()
        return document

    def balances(self) -> dict[str, int]:
        """Of all accounts of the merchant, once the whole ledger adds up."""
        assert check_ledger(by=system()).broken == ()
        with transaction(by=self.login.actor):
            accounts = LedgerAccount.objects.filter(merchant=self.merchant)
            return dict(accounts.values_list("kind", "balance"))

    def let_time_pass(self, seconds: float) -> None:
        """Run business time ahead, and hear what the processor has to tell of it."""
        let_time_pass(self.application, seconds)
        feeds.hear(self.application.pk, Processor.Name.DUMMY_V1)


def errors(answer: HttpResponse) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = answer.json()["_embedded"]["errors"]
    return found
