"""What the tests of settlement pages share: shops whose settlements accrue, wait for a word, or were paid."""

from typing import Any

from django.utils import timezone

from onboarding.models import ReviewItem
from onboarding.services.reviews import review
from payments import services
from payments.models import Settlement, Transfer
from payments.services.settlement_reviews import item_of
from providers import attempts, feeds
from providers.models import Attempt
from tenancy.actors import system
from tenancy.transactions import transaction
from tests.factories.onboarding import make_merchant_identity
from tests.factories.payments import let_time_pass, make_bank_account, make_merchant
from tests.portal.shop import Shop

SETTLEMENTS = "/dashboard/settlements/"
QUEUE = "/dashboard/review/settlements/"
DECIDED = f"{QUEUE}decided/"
DECIDE = f"{QUEUE}decide/"


class SettledShop(Shop):
    """A shop with a bank account."""

    def __init__(self, name: str = "Own", *, account: dict[str, Any] | None = None, **config: Any) -> None:
        super().__init__(name, **({"allow_split_payouts": True} | config))
        self.bank_account = make_bank_account(self.identity, **(account or {}))

    @classmethod
    def beside(cls, shop: Shop) -> "SettledShop":
        """Another merchant of the same application."""
        other = cls.__new__(cls)
        other.application, other.processor = shop.application, shop.processor
        other.identity = make_merchant_identity(shop.application, doing_business_as="Beside Bakery")
        other.merchant = make_merchant(other.identity)
        other.buyer, other.card = shop.buyer, shop.card
        other.bank_account = make_bank_account(other.identity)
        return other

    def pass_time(self, seconds: float = 10) -> None:
        let_time_pass(self.application, seconds)
        feeds.hear(self.application.pk, "DUMMY_V1")
        let_time_pass(self.application, 0)

    def accrued(self, *amounts: int, fee: int = 0) -> Settlement:
        """What gathers, once sales of these amounts are ready."""
        for amount in amounts:
            self.sale(amount, fee=fee)
        self.pass_time()
        return services.create_settlement(merchant=self.merchant, currency="USD", by=system("test"), at=timezone.now())

    def closed(self, *amounts: int, fee: int = 0) -> Settlement:
        settlement = self.accrued(*amounts, fee=fee)
        return services.close_settlement(settlement=settlement, by=system("test"), at=timezone.now())

    def item(self, settlement: Settlement) -> ReviewItem:
        with transaction(by=system("test")):
            item = item_of(settlement, system("test"))
        assert item is not None
        return item

    def decided(self, settlement: Settlement, outcome: str, reason: str = "") -> Settlement:
        review(item=self.item(settlement), outcome=outcome, reason=reason, by=system("test"), at=timezone.now())
        return self.again(settlement)

    def paid(self, *amounts: int, fee: int = 0) -> Settlement:
        settlement = self.decided(self.closed(*amounts, fee=fee), "ACCEPTED")
        self.work()
        return self.again(settlement)

    def work(self) -> None:
        """Let the worker ask for what was left to it, and let it become what it becomes."""
        with transaction(by=system("test")):
            open_ones = list(Attempt.objects.unresolved().filter(application=self.application))
        for attempt in open_ones:
            attempts.resolve(attempt.pk, self.application.pk)
        self.pass_time()

    def again(self, settlement: Settlement) -> Settlement:
        with transaction(by=system("test")):
            return Settlement.objects.select_related("application").get(pk=settlement.pk)

    def deposits(self) -> list[Transfer]:
        with transaction(by=system("test")):
            found = Transfer.objects.filter(application=self.application, subtype__in=Transfer.DEPOSITS)
            return list(found.order_by("created_at"))


def page_of(settlement: Settlement) -> str:
    return f"{SETTLEMENTS}{settlement.public_id}/"
