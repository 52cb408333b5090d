"""A merchant and a buyer's card, and what may be done with holds by the API."""

from typing import Any

from django.http import HttpResponse

from events.models import Event
from payments.models import Authorization, Posting, Transfer
from tenancy.transactions import transaction
from tests.conftest import ApiClient
from tests.factories.onboarding import make_identity, make_merchant_identity
from tests.factories.payments import make_card, make_merchant, make_processor
from tests.factories.tenancy import make_application, make_platform_login


class HoldShop:
    """An approved merchant at DUMMY_V1, and a buyer with a card."""

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
        return self.partner.post("/authorizations", self.body(**changes))

    def hold(self, **changes: Any) -> dict[str, Any]:
        return document(self.post(**changes), 201)

    def put(self, held: dict[str, Any], **body: Any) -> HttpResponse:
        return self.partner.put(f"/authorizations/{held['id']}", body)

    def capture(self, held: dict[str, Any], amount: int, **members: Any) -> dict[str, Any]:
        return document(self.put(held, capture_amount=amount, **members))

    def void(self, held: dict[str, Any]) -> dict[str, Any]:
        return document(self.put(held, void_me=True))

    def now(self, held: dict[str, Any]) -> dict[str, Any]:
        """The authorization as it is shown by now."""
        return document(self.partner.get(f"/authorizations/{held['id']}"))

    def transfer(self, public_id: str) -> dict[str, Any]:
        return document(self.partner.get(f"/transfers/{public_id}"))

    def transfers(self) -> list[str]:
        answer = self.partner.get("/transfers")
        return [row["id"] for row in answer.json()["_embedded"]["transfers"]]

    def listed(self, query: str = "", path: str = "/authorizations") -> list[str]:
        answer = self.partner.get(path + query)
        assert answer.status_code == 200, answer.content
        return [row["id"] for row in answer.json()["_embedded"]["authorizations"]]

    def postings(self, public_id: str) -> dict[str, int]:
        """What was posted of a transfer."""
        with transaction(by=self.login.actor):
            postings = Posting.objects.filter(journal__resource_id=Transfer.parse_id(public_id))
            return {posting.account.kind: posting.amount for posting in postings.select_related("account")}

    def history(self, held: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
        with transaction(by=self.login.actor):
            events = Event.objects.filter(resource_id=Authorization.parse_id(held["id"])).order_by("sequence")
            return [(event.kind, event.changes) for event in events]


def document(answer: HttpResponse, status: int = 200) -> dict[str, Any]:
    assert answer.status_code == status, answer.content
    found: dict[str, Any] = answer.json()
    return found


def errors(answer: HttpResponse) -> list[dict[str, Any]]:
    """The errors without what differs each time."""
    found: list[dict[str, Any]] = answer.json()["_embedded"]["errors"]
    return [{name: value for name, value in error.items() if name not in {"logref", "_links"}} for error in found]
