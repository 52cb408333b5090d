"""Two tenants, statements as the app role with one of them in sight, and the owner's sight of everything."""

import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.core.cache import cache
from django.db import connection, connections
from django.db import transaction as database
from django.utils import timezone

from exports.models import Export, ExportChunk
from jobs.models import IdempotencyKey
from onboarding.models import (
    Identity,
    ImportedRow,
    MerchantImport,
    OnboardingForm,
    PaymentInstrument,
    Token,
    Verification,
)
from payments.models import Journal, LedgerAccount, Settlement, SettlementEntry, SettlementSchedule, TransferBatch
from payments.services import create_authorization
from providers.models import Feed, UntakenWord
from providers.sandbox import faults
from providers.sandbox.models import Batch, Inquiry
from resources import ids
from tenancy.actors import system
from tenancy.models import Application, MerchantProfile, RiskProfile
from tenancy.transactions import transaction
from tests.factories.cards import make_update
from tests.factories.onboarding import MERCHANT, make_identity
from tests.factories.payments import make_card, make_merchant, make_processor, make_sale
from tests.factories.reviews import make_review_item
from tests.factories.tenancy import Login, make_application

Rows = list[tuple[Any, ...]]


@pytest.fixture(autouse=True)
def _no_counters() -> None:
    cache.clear()


class Tenant:
    """An application with a row in every table of a tenant."""

    def __init__(self, name: str) -> None:
        self.application, self.partner = make_application(name)
        self.identity: Identity = make_identity(
            self.application, MERCHANT | {"tax_id": "078051120"}, tags={"shop": name}
        )
        self.processor = make_processor(self.application)
        self.merchant = make_merchant(self.identity)
        self.payment_instrument = make_card(self.identity, tags={"shop": name})
        self.transfer = make_sale(self.merchant, self.payment_instrument, tags={"shop": name})
        self.card_authorization = create_authorization(
            merchant_id=self.merchant.pk,
            source_id=self.payment_instrument.pk,
            amount=100,
            currency="USD",
            tags={"shop": name},
            by=system(),
            at=timezone.now(),
        )
        self.instrument_update = make_update(self.payment_instrument, self.merchant)
        self.review_queue_item = make_review_item(self.merchant)
        faults.arrange(application_id=self.application.pk, kind="TIMEOUT_AFTER", operation="sell", amount=1)
        with transaction(by=system()):
            self.risk_profile = RiskProfile.objects.filter(application=self.application).first()
            self.merchant_profile = MerchantProfile.objects.filter(application=self.application).first()
            self.verification = Verification.objects.get(application=self.application)
            self.ledger_account = LedgerAccount.objects.filter(application=self.application).first()
            self.ledger_journal = Journal.objects.get(application=self.application)
            IdempotencyKey.objects.create(
                application_id=self.application.pk, operation="POST transfers", key=name, fingerprint=b"x" * 32
            )
            self._add_what_is_under_way()
            self._add_what_is_settled()

    def _add_what_is_under_way(self) -> None:
        """A token, a form and a file that somebody is at; call it in a transaction."""
        tenant, now = {"application": self.application}, timezone.now()
        Token.objects.create(**tenant, instrument_type="PAYMENT_CARD", fingerprint="FPR", expires_at=now)
        OnboardingForm.objects.create(**tenant, identity=self.identity, made_by_kind="SYSTEM")
        self.merchant_import = MerchantImport.objects.create(**tenant, file_name="shops.csv", made_by_kind="SYSTEM")
        ImportedRow.objects.create(**tenant, merchant_import=self.merchant_import, number=2, identity_id=ids.new_id())
        self.export = Export.objects.create(
            **tenant,
            listing="transfers",
            format="CSV",
            state="QUEUED",
            made_by_kind="SYSTEM",
            made_by_role="ROLE_ADMIN",
        )
        ExportChunk.objects.create(
            id=ids.new_id(),
            application_id=self.application.pk,
            export=self.export,
            number=len(self.application.name),
            content=b"",
        )
        Inquiry.objects.create(
            id=ids.new_id(),
            application_id=self.application.pk,
            instrument_id=self.payment_instrument.pk,
            processor="VISA_V1",
            state="SUCCEEDED",
            trace_id="1",
            created_at=now,
            updated_at=now,
        )

    def _add_what_is_settled(self) -> None:
        """A batch, a settlement, its entry and schedule, a feed and a word that waits; call it in a transaction."""
        tenant, now = {"application": self.application}, timezone.now()
        TransferBatch.objects.create(**tenant, processor=self.processor, due_at=now)
        Batch.objects.create(
            id=ids.new_id(),
            application_id=self.application.pk,
            processor="DUMMY_V1",
            due_at=now,
            created_at=now,
            updated_at=now,
        )
        SettlementSchedule.objects.create(**tenant, frequency="WEEKLY", day=1)
        settlement = Settlement.objects.create(
            **tenant, merchant=self.merchant, identity=self.identity, processor=self.processor, currency="USD"
        )
        SettlementEntry.objects.create(
            **tenant, settlement=settlement, kind="TRANSFER", transfer=self.transfer, amount=1000, occurred_at=now
        )
        feed = Feed.objects.create(**tenant, processor="DUMMY_V1")
        UntakenWord.objects.create(**tenant, feed=feed, word="1", since=timezone.now())

    application: Application
    partner: Login
    payment_instrument: PaymentInstrument
    risk_profile: RiskProfile | None
    merchant_profile: MerchantProfile | None
    ledger_account: LedgerAccount | None


@pytest.fixture
def own(db: None) -> Tenant:
    return Tenant("Own")


@pytest.fixture
def foreign(db: None) -> Tenant:
    return Tenant("Foreign")


def run(statement: str, *parameters: Any) -> Rows | int:
    """Rows of a SELECT, the number of rows of anything else; as the role that we are connected as."""
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return cursor.fetchall() if cursor.description else cursor.rowcount


@contextmanager
def in_sight_of(*applications: uuid.UUID | str) -> Iterator[None]:
    """The setting that policies read, for some statements only."""
    run("SELECT set_config('app.applications', %s, true)", ",".join(map(str, applications)))
    yield
    run("SELECT set_config('app.applications', '', true)")


@contextmanager
def refused(kind: type[Exception], words: str) -> Iterator[None]:
    """The database refuses a statement, now or at the end of the transaction; nothing of it stays."""
    with pytest.raises(kind, match=words), database.atomic():  # noqa: PT012 - deferred constraints speak last
        yield
        run("SET CONSTRAINTS ALL IMMEDIATE")


@pytest.fixture
def as_owner() -> Callable[[], Any]:
    """Switch the connection that our code uses to the owner's, which no policy binds, until the block ends."""

    @contextmanager
    def switch() -> Iterator[None]:
        app = connections["default"]
        connections["default"] = connections["owner"]
        try:
            yield
        finally:
            connections["default"] = app

    return switch
