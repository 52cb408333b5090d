"""Statements: every line by which what a merchant is owed has changed, from an opening to a closing balance.

Lines come from the entries of settlements and from deposits, page by page; totals are the sums of the same rows, added
up line by line for a file, and by the database where only the first lines are shown. Nothing is changed here.
"""

import heapq
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from itertools import islice

from django.db.models import Count, F, Q, QuerySet, Sum

from onboarding.models import Merchant
from payments.models import Settlement, SettlementEntry, Transfer
from tenancy.actors import Actor
from tenancy.transactions import transaction

LINES_AT_A_TIME = 2_000

SALE, REFUND, BANK_RETURN = "Sale", "Refund", "Bank return"
CREDITED, DEBITED = "Adjustment in your favor", "Adjustment against you"
CARRIED_IN, CARRIED_OUT = "Carried over from an earlier settlement", "Carried over into a later settlement"
DEPOSIT, DEPOSIT_RETURNED = "Deposit", "Deposit returned by the bank"

_EARNED, _ADJUSTED, _CARRIED, _PAID = "earned", "adjusted", "carried", "paid"
_Status = Settlement.Status
_Kind = SettlementEntry.Kind
_FAILED = (Transfer.State.FAILED, Transfer.State.CANCELED)


@dataclass(frozen=True)
class Line:
    """One change of what is owed to the merchant: by `amount` less `fee`, in minor units.

    `other_settlement_id` is where what was carried comes from, or where it goes to.
    """

    at: datetime
    kind: str
    group: str
    amount: int
    currency: str
    settlement_id: uuid.UUID | None
    fee: int = 0
    transfer_id: uuid.UUID | None = None
    other_settlement_id: uuid.UUID | None = None

    @property
    def net(self) -> int:
        return self.amount - self.fee


@dataclass
class Totals:
    """Of one currency: what the lines come to, and the balances before and after them."""

    currency: str
    opening: int = 0
    count: int = 0
    amount: int = 0
    fee: int = 0
    adjusted: int = 0
    carried: int = 0
    deposits: int = 0

    @property
    def earned(self) -> int:
        return self.amount - self.fee

    @property
    def closing(self) -> int:
        return self.opening + self.earned + self.adjusted + self.carried + self.deposits

    def add(self, line: Line) -> int:
        """Take a line in; gives the balance after it."""
        self.count += 1
        if line.group == _EARNED:
            self.amount += line.amount
            self.fee += line.fee
        elif line.group == _ADJUSTED:
            self.adjusted += line.amount
        elif line.group == _CARRIED:
            self.carried += line.amount
        else:
            self.deposits += line.amount
        return self.closing


@dataclass(frozen=True)
class Scope:
    """What a statement is of: one settlement, or one merchant from a day to another, both included, in UTC."""

    merchant: Merchant
    settlement: Settlement | None = None
    first: date | None = None
    last: date | None = None

    @property
    def since(self) -> datetime | None:
        return datetime.combine(self.first, time.min, UTC) if self.first else None

    @property
    def until(self) -> datetime | None:
        return datetime.combine(self.last, time.min, UTC) + timedelta(days=1) if self.last else None


@dataclass
class Statement:
    """Lines, each with the balance after it, and `totals` by currency: of all lines, once they were read."""

    scope: Scope
    by: Actor
    totals: dict[str, Totals] = field(default_factory=dict)

    def lines(self) -> Iterator[tuple[Line, int]]:
        """Oldest first. It opens a transaction for each page, so that nothing is held while somebody reads."""
        with transaction(by=self.by, plans_anew=True):
            found, moved = self._begin()
        yield from self._merged(found, moved, LINES_AT_A_TIME)

    def first_lines(self, most: int) -> list[tuple[Line, int]]:
        """As many of them at most; `totals` are those of all the same, however many there are."""
        with transaction(by=self.by, plans_anew=True):
            found, moved = self._begin()
            rows = _earned_rows(self.scope, found, self.by).order_by().values_list("settlement_id", "kind")
            sums = list(rows.annotate(count=Count("pk"), amount_sum=Sum("amount"), fee_sum=Sum("fee")))
        openings = {currency: Totals(currency, one.opening) for currency, one in self.totals.items()}
        first = list(islice(self._merged(found, moved, most), most))
        self.totals = openings
        for line in moved:
            self._totals_of(line.currency).add(line)
        for settlement_id, kind, count, amount, fee in sums:
            totals = self._totals_of(found[settlement_id])
            totals.count += count
            if kind == _Kind.ADJUSTMENT:
                totals.adjusted += amount
            else:
                totals.amount += amount
            totals.fee += fee
        return first

    def _begin(self) -> tuple[dict[uuid.UUID, str], list[Line]]:
        """The settlements whose entries are read, and what deposits and settlements among each other moved."""
        found = _settlements(self.scope, self.by)
        self.totals = {currency: Totals(currency, opening) for currency, opening in self._openings().items()}
        moved = sorted([*_carried(self.scope, self.by), *_deposits(self.scope, self.by)], key=_moment)
        return found, moved

    def _merged(self, found: dict[uuid.UUID, str], moved: list[Line], at_a_time: int) -> Iterator[tuple[Line, int]]:
        for line in heapq.merge(_earned(self.scope, found, self.by, at_a_time), moved, key=_moment):
            yield line, self._totals_of(line.currency).add(line)

    def _totals_of(self, currency: str) -> Totals:
        return self.totals.setdefault(currency, Totals(currency))

    def _openings(self) -> dict[str, int]:
        """What was owed before the first day, by currency; a settlement begins with nothing."""
        since = self.scope.since
        return {} if since is None else _balances_before(self.scope.merchant, since, self.by)


def _moment(line: Line) -> datetime:
    return line.at


def _of_merchant(merchant: Merchant, by: Actor) -> QuerySet[Settlement]:
    return Settlement.objects.visible_to(by).filter(application_id=merchant.application_id, merchant_id=merchant.pk)


def _settlements(scope: Scope, by: Actor) -> dict[uuid.UUID, str]:
    """Those that may hold entries of the scope, with their currencies: what closed before it has none."""
    if scope.settlement is not None:
        return {scope.settlement.pk: scope.settlement.currency}
    found = _of_merchant(scope.merchant, by).exclude(status=_Status.CANCELLED)
    overlapping = found.filter(Q(closed_at=None) | Q(closed_at__gte=scope.since))
    return dict(overlapping.values_list("pk", "currency"))


def _entries(application_id: uuid.UUID, settlements: list[uuid.UUID], by: Actor) -> QuerySet[SettlementEntry]:
    return SettlementEntry.objects.visible_to(by).filter(
        application_id=application_id, settlement_id__in=settlements, released_at=None
    )


def _earned_rows(scope: Scope, settlements: dict[uuid.UUID, str], by: Actor) -> QuerySet[SettlementEntry]:
    rows = _entries(scope.merchant.application_id, list(settlements), by).exclude(kind=_Kind.CARRIED)
    return _within(rows, scope, "occurred_at")


def _earned(scope: Scope, settlements: dict[uuid.UUID, str], by: Actor, at_a_time: int) -> Iterator[Line]:
    """What transfers have brought and taken, page by page."""
    place: tuple[datetime, uuid.UUID] | None = None
    while True:
        with transaction(by=by, plans_anew=True):
            rows = _earned_rows(scope, settlements, by)
            if place is not None:
                at, key = place
                rows = rows.filter(Q(occurred_at__gt=at) | Q(occurred_at=at, pk__gt=key), occurred_at__gte=at)
            page = list(rows.order_by("occurred_at", "pk")[:at_a_time])
            returned = _bank_returns(page, by)
        for entry in page:
            yield Line(
                at=entry.occurred_at,
                kind=_kind_of(entry, returned),
                group=_ADJUSTED if entry.kind == _Kind.ADJUSTMENT else _EARNED,
                amount=entry.amount,
                fee=entry.fee,
                currency=settlements[entry.settlement_id],
                settlement_id=entry.settlement_id,
                transfer_id=entry.transfer_id,
            )
        if len(page) < at_a_time:
            return
        place = (page[-1].occurred_at, page[-1].pk)


def _bank_returns(entries: list[SettlementEntry], by: Actor) -> set[uuid.UUID]:
    taken = [entry.transfer_id for entry in entries if entry.amount < 0 and entry.transfer_id]
    if not taken:
        return set()
    found = Transfer.objects.visible_to(by).filter(pk__in=taken, subtype=Transfer.Subtype.SYSTEM)
    return set(found.values_list("pk", flat=True))


def _kind_of(entry: SettlementEntry, returned: set[uuid.UUID]) -> str:
    if entry.kind == _Kind.ADJUSTMENT:
        return CREDITED if entry.amount > 0 else DEBITED
    if entry.kind != _Kind.TRANSFER:
        return str(entry.get_kind_display())
    if entry.amount >= 0:
        return SALE
    return BANK_RETURN if entry.transfer_id in returned else REFUND


def _carried(scope: Scope, by: Actor) -> list[Line]:
    """What a settlement lacked leaves it in the moment in which a later one begins with it: two lines, of one sum."""
    lacking = _of_merchant(scope.merchant, by).filter(status=_Status.APPROVED, net_amount__lt=0)
    rows = SettlementEntry.objects.visible_to(by).filter(
        application_id=scope.merchant.application_id,
        kind=_Kind.CARRIED,
        carried_from_id__in=list(lacking.values_list("pk", flat=True)),
        released_at=None,
    )
    lines = []
    for entry in _within(rows, scope, "occurred_at").select_related("carried_from"):
        source = entry.carried_from
        if source is None:
            continue
        both = [
            Line(entry.occurred_at, kind, _CARRIED, amount, source.currency, own, other_settlement_id=other)
            for kind, amount, own, other in (
                (CARRIED_OUT, -entry.amount, source.pk, entry.settlement_id),
                (CARRIED_IN, entry.amount, entry.settlement_id, source.pk),
            )
        ]
        lines += [line for line in both if scope.settlement is None or line.settlement_id == scope.settlement.pk]
    return lines


def _deposits(scope: Scope, by: Actor) -> list[Line]:
    """What was sent, and what banks sent back; a deposit that failed has moved nothing."""
    lines = []
    rows = _sent(scope.merchant, by)
    if scope.settlement is not None:
        rows = rows.filter(settlement_id=scope.settlement.pk)
    if scope.until is not None:
        rows = rows.filter(created_at__lt=scope.until)
    if scope.since is not None:
        rows = rows.filter(Q(created_at__gte=scope.since) | Q(returned_at__gte=scope.since))
    for deposit in rows.order_by("created_at", "pk"):
        moves = [(deposit.created_at, DEPOSIT, -deposit.amount)]
        if deposit.returned_at is not None:
            moves.append((deposit.returned_at, DEPOSIT_RETURNED, deposit.amount))
        lines += [
            Line(at, kind, _PAID, amount, deposit.currency, deposit.settlement_id, transfer_id=deposit.pk)
            for at, kind, amount in moves
            if _is_within(at, scope)
        ]
    return lines


def _sent(merchant: Merchant, by: Actor) -> QuerySet[Transfer]:
    """Deposits of a merchant that did not fail, found by the settlements that they pay.

    What is in a settlement was made before it was approved, so none of that is read.
    """
    return (
        Transfer.objects.visible_to(by)
        .filter(
            application_id=merchant.application_id,
            settlement__application_id=merchant.application_id,
            settlement__merchant_id=merchant.pk,
            settlement__status=_Status.APPROVED,
            created_at__gte=F("settlement__approved_at"),
            subtype__in=Transfer.DEPOSITS,
        )
        .exclude(state__in=_FAILED)
    )


def _balances_before(merchant: Merchant, since: datetime, by: Actor) -> dict[str, int]:
    """What was owed to a merchant at a moment. Of settlements that had closed by then their nets are read alone."""
    balances: dict[str, int] = {}
    settlements = _of_merchant(merchant, by).exclude(status=_Status.CANCELLED)
    closed = settlements.filter(closed_at__lt=since).order_by()
    for currency, net in closed.values_list("currency").annotate(net=Sum("net_amount")):
        balances[currency] = balances.get(currency, 0) + net
    open_ones = dict(settlements.filter(Q(closed_at=None) | Q(closed_at__gte=since)).values_list("pk", "currency"))
    earlier = _entries(merchant.application_id, list(open_ones), by).filter(occurred_at__lt=since)
    sums = earlier.exclude(kind=_Kind.CARRIED).order_by().values_list("settlement_id")
    for key, net in sums.annotate(net=Sum(F("amount") - F("fee"))):
        currency = open_ones[key]
        balances[currency] = balances.get(currency, 0) + net
    for currency, carried in _carried_into(merchant, closed, by):
        balances[currency] = balances.get(currency, 0) - carried
    sent = _sent(merchant, by).order_by()
    paid = sent.filter(created_at__lt=since).values_list("currency").annotate(sum=Sum("amount"))
    back = sent.filter(returned_at__lt=since).values_list("currency").annotate(sum=Sum("amount"))
    for sign, found in ((-1, paid), (1, back)):
        for currency, amount in found:
            balances[currency] = balances.get(currency, 0) + sign * amount
    return balances


def _carried_into(merchant: Merchant, closed: QuerySet[Settlement], by: Actor) -> list[tuple[str, int]]:
    """What settlements that had closed began with: their nets tell it, and those of the ones that it came from too."""
    lacking = _of_merchant(merchant, by).filter(status=_Status.APPROVED, net_amount__lt=0)
    rows = SettlementEntry.objects.visible_to(by).filter(
        application_id=merchant.application_id,
        kind=_Kind.CARRIED,
        carried_from_id__in=list(lacking.values_list("pk", flat=True)),
        released_at=None,
    )
    found = list(rows.values_list("settlement_id", "amount"))
    currencies = dict(closed.filter(pk__in={key for key, _ in found}).values_list("pk", "currency"))
    return [(currencies[key], amount) for key, amount in found if key in currencies]


def _within(rows: QuerySet[SettlementEntry], scope: Scope, name: str) -> QuerySet[SettlementEntry]:
    if scope.since is not None:
        rows = rows.filter(**{f"{name}__gte": scope.since})
    return rows if scope.until is None else rows.filter(**{f"{name}__lt": scope.until})


def _is_within(at: datetime, scope: Scope) -> bool:
    is_late_enough = scope.since is None or at >= scope.since
    return is_late_enough and (scope.until is None or at < scope.until)
