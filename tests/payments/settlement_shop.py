"""A merchant that has sold, and what may be done with its settlements by the API."""

from typing import Any

from django.http import HttpResponse

from payments.models import Transfer
from providers import attempts, feeds
from providers.models import Attempt
from tenancy.actors import system
from tenancy.transactions import transaction
from tests.conftest import ApiClient
from tests.factories.onboarding import make_identity, make_merchant_identity, make_merchant_login
from tests.factories.payments import (
    let_time_pass,
    make_bank_account,
    make_card,
    make_merchant,
    make_processor,
    make_sale,
)
from tests.factories.tenancy import make_application, make_platform_login


class Shop:
    """A merchant with a bank account that has sold for 100.00, of which the partner keeps 3.00, and for 25.50."""

    def __init__(self, name: str = "Acme", *, account: dict[str, Any] | None = None, **config: Any) -> None:
        self.application, login = make_application(name)
        make_processor(self.application, **({"allow_split_payouts": True} | config))
        self.identity = make_merchant_identity(self.application)
        self.account = make_bank_account(self.identity, **(account or {}))
        self.merchant = make_merchant(self.identity)
        self.card = make_card(make_identity(self.application))
        self.sales = [self.sell(10_000, fee=300), self.sell(2_550)]
        self.partner, self.admin = ApiClient(login), ApiClient(make_platform_login())
        self.owner = ApiClient(make_merchant_login(self.identity))

    def sell(self, amount: int, **options: Any) -> Transfer:
        return make_sale(self.merchant, self.card, amount, **options)

    def pass_time(self, seconds: float = 10) -> None:
        let_time_pass(self.application, seconds)
        feeds.hear(self.application.pk, "DUMMY_V1")
        let_time_pass(self.application, 0)

    def work(self) -> None:
        """Ask for what was left to the worker, and let it become what it becomes."""
        with transaction(by=system("test")):
            waiting = list(Attempt.objects.unresolved().filter(application=self.application))
        for attempt in waiting:
            attempts.resolve(attempt.pk, self.application.pk)
        self.pass_time()

    def ask(self, client: ApiClient | None = None, **changes: Any) -> HttpResponse:
        headers = {"Idempotency_Key": changes.pop("key")} if "key" in changes else {}
        body = {name: value for name, value in ({"currency": "USD"} | changes).items() if value is not ...}
        path = f"/identities/{self.identity.public_id}/settlements"
        return (client or self.partner).request("POST", path, body, **headers)

    def accrued(self) -> dict[str, Any]:
        self.pass_time()
        return document(self.ask(), 201)

    def put(self, settlement: dict[str, Any], client: ApiClient | None = None, **body: Any) -> HttpResponse:
        headers = {"Idempotency_Key": body.pop("key")} if "key" in body else {}
        return (client or self.admin).request("PUT", f"/settlements/{settlement['id']}", body, **headers)

    def closed(self) -> dict[str, Any]:
        return document(self.put(self.accrued(), action="STOP_ACCRUAL"))

    def approved(self) -> dict[str, Any]:
        return document(self.put(self.closed(), destination=self.account.public_id))

    def fund(self, settlement: dict[str, Any], amount: Any, tail: str = "/funding_transfers", **body: Any) -> Any:
        headers = {"Idempotency_Key": body.pop("key")} if "key" in body else {}
        client = body.pop("client", self.admin)
        told = {"destination": self.account.public_id, "amount": amount, "currency": "USD"} | body
        told = {name: value for name, value in told.items() if value is not ...}
        return client.request("POST", f"/settlements/{settlement['id']}{tail}", told, **headers)

    def remove(self, settlement: dict[str, Any], *transfers: Any, client: ApiClient | None = None) -> HttpResponse:
        path = f"/settlements/{settlement['id']}/transfers"
        return (client or self.partner).request("DELETE", path, {"transfers": list(transfers)})

    def now(self, settlement: dict[str, Any]) -> dict[str, Any]:
        return document(self.partner.get(f"/settlements/{settlement['id']}"))

    def below(self, settlement: dict[str, Any], tail: str) -> list[str]:
        """The ids of the transfers that a settlement holds, or that pay it."""
        answer = self.partner.get(f"/settlements/{settlement['id']}/{tail}")
        assert answer.status_code == 200, answer.content
        return [row["id"] for row in answer.json()["_embedded"]["transfers"]]

    def listed(self, query: str = "", path: str = "/settlements", client: ApiClient | None = None) -> list[str]:
        answer = (client or self.partner).get(path + query)
        assert answer.status_code == 200, answer.content
        return [row["id"] for row in answer.json()["_embedded"]["settlements"]]

    def item(self, settlement: dict[str, Any]) -> dict[str, Any]:
        (found,) = self.admin.get(f"/review_queue?entity_id={settlement['id']}").json()["_embedded"][
            "review_queue_items"
        ]
        item: dict[str, Any] = found
        return item

    def decide(self, settlement: dict[str, Any], client: ApiClient | None = None, **body: Any) -> HttpResponse:
        return (client or self.admin).put(f"/review_queue/{self.item(settlement)['id']}", body)

    def deposits(self) -> list[Transfer]:
        with transaction(by=system("test")):
            paying = Transfer.objects.filter(application=self.application, subtype__in=Transfer.DEPOSITS)
            return list(paying.order_by("created_at", "id"))


def document(answer: HttpResponse, status: int = 200) -> dict[str, Any]:
    assert answer.status_code == status, answer.content
    body: dict[str, Any] = answer.json()  # type: ignore[attr-defined]  # the test client adds it
    return body


def errors(answer: Any) -> list[tuple[str, str | None, str]]:
    return [(error["code"], error.get("field"), error["message"]) for error in answer.json()["_embedded"]["errors"]]


def error_of(answer: Any) -> tuple[int, str, str | None]:
    ((code, field, _),) = errors(answer)
    return answer.status_code, code, field
