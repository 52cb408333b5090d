"""A partner with a merchant and a card on a running stack, and what the databases behind it say of its sales."""

import base64
import http.client
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import psycopg

from config.embedded.services import manage
from resources import ids
from tests.calls import Answer, HttpClient
from tests.factories.onboarding import BUYER, MERCHANT
from tests.factories.payments import CARD
from tests.factories.tenancy import OWNER
from tests.stack import Stack

Body = dict[str, Any]

PATIENCE = 180.0
NO_LIMIT = {"API_REQUESTS_PER_SECOND": "0"}


@dataclass(frozen=True)
class StackShop:
    """One application of its own, so that what is counted in the databases is its alone."""

    stack: Stack
    application: str
    basic: str
    merchant: str
    buyer: str
    card: str

    def client(self, url: str | None = None, *, key: str | None = None) -> HttpClient:
        """The partner at the stack's web server or another one; `key` is told by header."""
        client = HttpClient(self.stack, None)
        client.url = url or self.stack.url
        client.headers |= {"Authorization": f"Basic {self.basic}"} | ({"Idempotency-Key": key} if key else {})
        return client

    def sale(self, amount: int, key: str | None = None) -> Body:
        body = {"merchant": self.merchant, "source": self.card, "amount": amount, "currency": "USD"}
        return body | ({"idempotency_id": key} if key else {})

    def arrange(self, kind: str, *options: str) -> None:
        """A fault of the sandbox, as its command arranges it."""
        self._manage("sandbox_fault", self.application, "--kind", kind, *options)

    def clear(self) -> None:
        self._manage("sandbox_fault", self.application, "--clear")

    def count(self, query: str) -> int:
        """What the owner of the tables counts; `{}` stands for the application's key."""
        with psycopg.connect(self.stack.owner_url, autocommit=True) as owner:
            found: Any = owner.execute(query.format(f"'{ids.decode(self.application[2:])}'")).fetchone()
            return int(found[0])

    def rows(self, table: str, condition: str = "true") -> int:
        return self.count(f"SELECT count(*) FROM {table} WHERE application_id = {{}} AND {condition}")

    def sum(self, table: str) -> int:
        query = f"SELECT coalesce(sum(amount), 0) FROM {table} WHERE application_id = {{}} AND state = 'SUCCEEDED'"
        return self.count(query)

    def _manage(self, *arguments: str) -> None:
        manage(self.stack.environment, self.stack.root, *arguments)


def open_shop(stack: Stack) -> StackShop:
    """All of it through the API, as an operator and a partner would."""
    admin = HttpClient(stack, "ADMIN")
    user = _made(admin.call("POST", "/users", {"role": "ROLE_PARTNER"}))
    application = _made(admin.call("POST", "/applications", {"user": user["id"], "entity": OWNER}))["id"]
    _made(admin.call("POST", f"/applications/{application}/processors", {"type": "DUMMY_V1", "config": {}}))
    basic = base64.b64encode(f"{user['id']}:{user['password']}".encode()).decode()
    shop = StackShop(stack, application, basic, merchant="", buyer="", card="")
    partner = shop.client()
    identity = _made(partner.call("POST", "/identities", {"entity": MERCHANT}))["id"]
    buyer = _made(partner.call("POST", "/identities", {"entity": BUYER}))["id"]
    merchant = _made(partner.call("POST", f"/identities/{identity}/merchants", {}))
    assert merchant["onboarding_state"] == "APPROVED"
    card = _made(partner.call("POST", "/payment_instruments", CARD | {"identity": buyer}))["id"]
    return replace(shop, merchant=merchant["id"], buyer=buyer, card=card)


def until_told(call: Callable[[], Answer]) -> Answer:
    """What a patient client gets in the end: it repeats what was cut off, is still being done, or is pending."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        answer = answer_or_none(call)
        if answer is not None and answer.status != 409 and answer.json().get("state") != "PENDING":
            return answer
        time.sleep(0.5)
    raise AssertionError("The client was never told how it ended.")


def answer_or_none(call: Callable[[], Answer]) -> Answer | None:
    """None when the server was gone before it answered."""
    try:
        return call()
    except (OSError, http.client.HTTPException):
        return None


def _made(answer: Answer) -> Body:
    assert answer.status == 201, answer.text
    body: Body = answer.json()
    return body
