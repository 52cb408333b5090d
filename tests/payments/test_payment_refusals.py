"""What the database refuses of payments by itself: plain SQL past our code, as the app role and as the owner."""

import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import IntegrityError, ProgrammingError, connections
from django.utils import timezone

from payments.models import Authorization, Transfer, TransferBatch
from resources import ids
from tenancy.actors import system
from tenancy.transactions import transaction
from tests.payments.ledger_rows import (
    Shop,
    make_authorization,
    make_pull,
    make_push,
    make_reversal,
    make_shop,
    make_transfer,
)
from tests.tenancy.conftest import in_sight_of, refused, run

pytestmark = pytest.mark.django_db(databases=["default", "owner"])

TABLES = ["transfer", "card_authorization", "transfer_batch"]


@pytest.fixture(params=["app", "owner"])
def role(request: pytest.FixtureRequest, db: None) -> Iterator[str]:
    """Whose connection all the statements of a test go through."""
    app = connections["default"]
    if request.param == "owner":
        connections["default"] = connections["owner"]
    yield request.param
    connections["default"] = app


class Rows:
    """One payment of each kind, of two applications."""

    def __init__(self) -> None:
        self.shop: Shop = make_shop()
        self.foreign: Shop = make_shop("Foreign")
        with transaction(by=system()):
            shop = self.shop
            self.sale = make_transfer(shop, 1000, 30, refunded_amount=300)
            self.pending = make_transfer(shop, 1000, state="PENDING")
            self.failed = make_transfer(shop, 1000, state="FAILED", failure_code="GENERIC_DECLINE")
            self.refund = make_reversal(self.sale, shop, 300)
            self.returned = make_reversal(self.sale, shop, 1000, subtype="SYSTEM")
            self.push = make_push(shop, 1000)
            self.pull = make_pull(shop, 1000)
            self.held = make_authorization(shop, 1000, fee=20)
            self.voided = make_authorization(shop, 1000, is_void=True, void_state="SUCCEEDED")
            self.released = make_authorization(shop, 1000, released_at=timezone.now())
            self.undecided = make_authorization(shop, 1000, state="PENDING")
            self.captured = make_authorization(shop, 1000)
            self.capture = make_transfer(shop, 400, authorization=self.captured)
            self.captured.transfer, self.captured.capture_amount = self.capture, 400
            self.captured.save()
            self.lost_capture = make_transfer(
                shop, 400, authorization=self.captured, state="FAILED", failure_code="GENERIC_DECLINE"
            )
            self.batch = self._batch(shop)
            self.submitted = self._batch(shop, state="SUBMITTED")
            self.foreign_sale = make_transfer(self.foreign, 1000)
            self.foreign_hold = make_authorization(self.foreign, 1000)
            self.foreign_batch = self._batch(self.foreign)
            run("SET CONSTRAINTS ALL IMMEDIATE; SET CONSTRAINTS ALL DEFERRED")

    @staticmethod
    def _batch(shop: Shop, **values: Any) -> TransferBatch:
        return TransferBatch.objects.create(
            application=shop.application,
            processor_id=shop.merchant.enabled_processor_id,
            due_at=timezone.now(),
            **values,
        )

    @property
    def foreign_keys(self) -> dict[str, uuid.UUID]:
        """What a column of a reference may point at elsewhere."""
        foreign = self.foreign
        return {
            "merchant_id": foreign.merchant.pk,
            "merchant_identity_id": foreign.identity.pk,
            "processor_id": foreign.merchant.enabled_processor_id,
            "source_id": foreign.instrument.pk,
            "destination_id": foreign.instrument.pk,
            "authorization_id": self.foreign_hold.pk,
            "parent_id": self.foreign_sale.pk,
            "batch_id": self.foreign_batch.pk,
            "transfer_id": self.foreign_sale.pk,
        }

    def content(self) -> list[Any]:
        return [run(f"SELECT * FROM {table} ORDER BY id") for table in TABLES]

    def update(self, row: Any, assignment: str, *parameters: Any) -> Any:
        return run(f"UPDATE {row._meta.db_table} SET {assignment} WHERE id = %s", *parameters, row.pk)

    def copy(self, row: Any, **changes: Any) -> Any:
        """Insert a row like this one, with other values."""
        names = [field.column for field in row._meta.concrete_fields if not field.generated]
        changes = {"id": ids.new_id()} | changes
        wanted = ["%s" if name in changes else name for name in names]
        values = [changes[name] for name in names if name in changes]
        table = row._meta.db_table
        statement = f"INSERT INTO {table} ({', '.join(names)}) SELECT {', '.join(wanted)} FROM {table} WHERE id = %s"
        return run(statement, *values, row.pk)


@pytest.fixture
def rows(role: str) -> Iterator[Rows]:
    """What is refused leaves nothing behind."""
    made = Rows()
    with in_sight_of(made.shop.application.pk):
        before = made.content()
        yield made
        assert made.content() == before
        assert [len(found) for found in before] >= [9, 5, 2]


def test_row_like_another_is_taken(role: str) -> None:
    """So that what is refused below is refused for what differs."""
    made = Rows()
    with in_sight_of(made.shop.application.pk):
        for row in (made.sale, made.refund, made.push, made.pull, made.held, made.voided, made.batch):
            assert made.copy(row) == 1
        assert made.copy(made.capture, state="FAILED", failure_code="X") == 1
        told = {"three_d_secure": "{}", "additional_purchase_data": "{}"}
        assert made.copy(made.sale, instrument_type="PAYMENT_CARD", **told) == 1
        run("SET CONSTRAINTS ALL IMMEDIATE")


# --- limits -----------------------------------------------------------------------------------------------------------


def test_more_than_the_charge_is_not_refunded(rows: Rows, subtests: pytest.Subtests) -> None:
    for refunded in (1001, -1, 2**62):
        with subtests.test(refunded=refunded), refused(IntegrityError, "transfer_refunded_within_amount"):
            rows.update(rows.sale, "refunded_amount = %s", refunded)


def test_fee_is_within_its_amount(rows: Rows, subtests: pytest.Subtests) -> None:
    for row in (rows.sale, rows.held):
        for fee in (1001, -1):
            with subtests.test(fee=fee), refused(IntegrityError, f"{row.KIND}_fee_within_amount"):
                rows.copy(row, fee=fee)


def test_reversal_has_no_fee(rows: Rows) -> None:
    with refused(IntegrityError, "transfer_has_its_instrument"):
        rows.copy(rows.refund, fee=1)


def test_payment_is_of_something(rows: Rows, subtests: pytest.Subtests) -> None:
    for row in (rows.sale, rows.refund, rows.push, rows.pull, rows.held):
        for amount in (0, -1):
            with subtests.test(row=row.KIND, amount=amount), refused(IntegrityError, "amount_positive|within_amount"):
                rows.copy(row, amount=amount, fee=0)


def test_more_than_is_held_is_not_captured(rows: Rows) -> None:
    with refused(IntegrityError, "authorization_capture_within_amount"):
        rows.update(rows.captured, "capture_amount = 1001")


def test_capture_is_of_something(rows: Rows, subtests: pytest.Subtests) -> None:
    for amount in (0, -1):
        with subtests.test(amount=amount), refused(IntegrityError, "authorization_captured_or_void"):
            rows.update(rows.captured, "capture_amount = %s", amount)


def test_capture_tells_its_amount(rows: Rows) -> None:
    with refused(IntegrityError, "authorization_captured_or_void"):
        rows.update(rows.captured, "capture_amount = NULL")


def test_amount_without_a_capture_is_refused(rows: Rows) -> None:
    with refused(IntegrityError, "authorization_captured_or_void"):
        rows.update(rows.held, "capture_amount = 5")


def test_what_is_captured_is_neither_void_nor_released(rows: Rows, subtests: pytest.Subtests) -> None:
    for assignment in ("is_void = true, void_state = 'PENDING'", "released_at = now()"):
        with subtests.test(set=assignment), refused(IntegrityError, "authorization_captured_or_void"):
            rows.update(rows.captured, assignment)


def test_what_is_void_or_released_is_not_captured(rows: Rows, subtests: pytest.Subtests) -> None:
    for row in (rows.voided, rows.released):
        with subtests.test(void_state=row.void_state), refused(IntegrityError, "authorization_captured_or_void"):
            rows.update(row, "transfer_id = %s, capture_amount = 400", rows.capture.pk)


def test_nothing_is_done_with_what_is_not_held_yet(rows: Rows, subtests: pytest.Subtests) -> None:
    taken = "transfer_id = id, capture_amount = 1"
    for assignment in ("is_void = true, void_state = 'PENDING'", "released_at = now()", taken):
        with subtests.test(set=assignment), refused(IntegrityError, "authorization_held_first"):
            rows.update(rows.undecided, assignment)


def test_second_live_capture_is_refused(rows: Rows) -> None:
    for state in ("PENDING", "SUCCEEDED"):
        with refused(IntegrityError, "transfer_captures_once"):
            rows.copy(rows.capture, state=state)


def test_charge_is_returned_once(rows: Rows) -> None:
    with refused(IntegrityError, "transfer_returned_once"):
        rows.copy(rows.returned)


def test_what_is_no_earning_is_never_ready_to_settle(rows: Rows, subtests: pytest.Subtests) -> None:
    for row in (rows.push, rows.pull):
        with subtests.test(row.operation_key), refused(IntegrityError, "transfer_settled_or_never"):
            rows.update(row, "ready_to_settle_upon = 'RECONCILIATION'")
    with subtests.test("ready upon nothing"), refused(IntegrityError, "transfer_settled_or_never"):
        rows.update(rows.sale, "ready_to_settle_at = now()")
    with subtests.test("a reversal of what is not settled"), refused(IntegrityError, "what is never settled"):
        rows.copy(rows.refund, ready_to_settle_upon="RECONCILIATION")


def test_transfer_has_its_instrument_on_its_side(rows: Rows, subtests: pytest.Subtests) -> None:
    instrument, other = rows.shop.instrument.pk, rows.pending.pk
    cases = [
        (rows.sale, {"source_id": None}),
        (rows.sale, {"destination_id": instrument}),
        (rows.sale, {"parent_id": other}),
        (rows.sale, {"type": "NONSENSE"}),
        (rows.refund, {"parent_id": None}),
        (rows.refund, {"destination_id": None}),
        (rows.refund, {"source_id": instrument}),
        (rows.push, {"destination_id": None}),
        (rows.push, {"source_id": instrument}),
        (rows.push, {"parent_id": other}),
    ]
    for row, changes in cases:
        with subtests.test(str(changes), kind=row.type), refused(IntegrityError, "transfer_has_its_instrument"):
            rows.copy(row, **changes)


def test_only_sales_by_card_tell_of_cardholder_and_purchase(rows: Rows, subtests: pytest.Subtests) -> None:
    cases = [(rows.sale, "BANK_ACCOUNT"), *((row, "PAYMENT_CARD") for row in (rows.refund, rows.push, rows.pull))]
    for row, paid_with in cases:
        for name in ("three_d_secure", "additional_purchase_data"):
            told = {"id": ids.new_id(), "instrument_type": paid_with, "refunded_amount": 0, name: "{}"}
            with subtests.test(name, kind=row.type), refused(IntegrityError, "transfer_tells_of_card_sales"):
                rows.copy(row, **told)


# --- states -----------------------------------------------------------------------------------------------------------


def test_transfer_that_is_decided_stays_so(rows: Rows, subtests: pytest.Subtests) -> None:
    for before, row in (("SUCCEEDED", rows.sale), ("FAILED", rows.failed)):
        for after in set(Transfer.State.values) - {before}:
            words = f"transfer.state: {before} cannot become {after}"
            with subtests.test(words), refused(IntegrityError, words):
                rows.update(row, "state = %s", after)


def test_authorization_that_is_granted_stays_so(rows: Rows, subtests: pytest.Subtests) -> None:
    for after in ("PENDING", "FAILED", "CANCELED"):
        words = f"card_authorization.state: SUCCEEDED cannot become {after}"
        with subtests.test(words), refused(IntegrityError, words):
            rows.update(rows.held, "state = %s", after)


def test_void_moves_as_its_table_says(role: str, subtests: pytest.Subtests) -> None:
    made, states = Rows(), Authorization.VoidState.values
    void = {"PENDING", "SUCCEEDED"}
    with in_sight_of(made.shop.application.pk):
        for before in states:
            row = Authorization(id=ids.new_id())
            made.copy(made.held, id=row.pk, void_state=before, is_void=before in void)
            for after in set(states) - {before} - Authorization.VOID_MOVES.get(before, frozenset()):
                words = f"card_authorization.void_state: {before} cannot become {after}"
                with subtests.test(words), refused(IntegrityError, words):
                    made.update(row, "void_state = %s, is_void = %s", after, after in void)


def test_void_is_told_by_its_state(rows: Rows, subtests: pytest.Subtests) -> None:
    for is_void, void_state in ((True, "UNATTEMPTED"), (True, "FAILED"), (False, "PENDING"), (False, "SUCCEEDED")):
        with subtests.test(void_state=void_state), refused(IntegrityError, "authorization_void_is_told"):
            rows.copy(rows.held, is_void=is_void, void_state=void_state)


def test_batch_that_was_submitted_stays_so(rows: Rows) -> None:
    with refused(IntegrityError, "transfer_batch.state: SUBMITTED cannot become OPEN"):
        rows.update(rows.submitted, "state = 'OPEN'")


def test_failure_and_its_code_go_together(rows: Rows, subtests: pytest.Subtests) -> None:
    for row in (rows.pending, rows.undecided):
        for state, code in (("FAILED", None), ("SUCCEEDED", "GENERIC_DECLINE")):
            with subtests.test(state=state), refused(IntegrityError, f"{row.KIND}_failure_has_a_code"):
                rows.update(row, "state = %s, failure_code = %s", state, code)


# --- what never changes -----------------------------------------------------------------------------------------------


def test_what_a_payment_is_never_changes(rows: Rows, subtests: pytest.Subtests) -> None:
    cases = [
        (rows.sale, "amount = amount + 1"),
        (rows.sale, "currency = 'CAD'"),
        (rows.sale, "fee = 31"),
        (rows.sale, "merchant_id = gen_random_uuid()"),
        (rows.sale, "operation_key = 'PULL_FROM_CARD'"),
        (rows.sale, "type = 'REVERSAL'"),
        (rows.refund, "amount = 1"),
        (rows.refund, "parent_id = gen_random_uuid()"),
        (rows.capture, "authorization_id = NULL"),
        (rows.held, "amount = amount + 1"),
        (rows.held, "currency = 'CAD'"),
        (rows.held, "merchant_id = gen_random_uuid()"),
        (rows.held, "source_id = gen_random_uuid()"),
        (rows.held, "expires_at = expires_at + interval '1 day'"),
    ]
    for row, assignment in cases:
        words = f"{row._meta.db_table}: .* never change"
        with subtests.test(row=row.KIND, set=assignment), refused(IntegrityError, words):
            rows.update(row, assignment)


# --- tenants ----------------------------------------------------------------------------------------------------------

OF_ALL = ("merchant_id", "merchant_identity_id", "processor_id")
REFERENCES = {
    "sale": (*OF_ALL, "source_id", "batch_id", "authorization_id"),
    "refund": ("destination_id", "parent_id"),
    "push": ("destination_id",),
    "held": (*OF_ALL, "source_id"),
    "batch": ("processor_id",),
}


def test_reference_to_another_application_is_refused(rows: Rows, subtests: pytest.Subtests) -> None:
    for name, columns in REFERENCES.items():
        row = getattr(rows, name)
        for column in columns:
            words = f"{row._meta.db_table}_{column}_same_tenant"
            with subtests.test(words), refused(IntegrityError, words):
                rows.copy(row, **{column: rows.foreign_keys[column]})


def test_hold_is_not_captured_by_another_application(rows: Rows) -> None:
    with refused(IntegrityError, "card_authorization_transfer_id_same_tenant"):
        rows.update(rows.held, "transfer_id = %s, capture_amount = 1", rows.foreign_sale.pk)


def test_row_does_not_go_to_another_application(rows: Rows, role: str, subtests: pytest.Subtests) -> None:
    kind, words = {
        "app": (ProgrammingError, "violates row-level security policy"),
        "owner": (IntegrityError, "_same_tenant"),
    }[role]
    for row in (rows.sale, rows.refund, rows.push, rows.held, rows.batch):
        with subtests.test(row=row.KIND), refused(kind, words):
            rows.update(row, "application_id = %s", rows.foreign.application.pk)


@pytest.mark.parametrize("role", ["app"], indirect=True)
def test_rows_of_another_application_are_not_there(rows: Rows) -> None:
    for row in (rows.foreign_sale, rows.foreign_hold, rows.foreign_batch):
        assert run(f"SELECT id FROM {row._meta.db_table} WHERE id = %s", row.pk) == []
        assert rows.update(row, "updated_at = now()") == 0


@pytest.mark.parametrize("role", ["app"], indirect=True)
def test_row_is_not_made_for_another_application(rows: Rows) -> None:
    with refused(ProgrammingError, "violates row-level security policy"):
        rows.copy(rows.sale, application_id=rows.foreign.application.pk)
