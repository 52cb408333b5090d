"""What this app adds to the start page: tasks, what a merchant is owed and paid, and what was sold by day."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, timedelta
from typing import Any

from django.db import OperationalError
from django.db.models import F, Q
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.http import urlencode
from django.utils.safestring import SafeString

from onboarding.models import ReviewItem
from onboarding.portal.reviews import waiting_of
from payments.forms.amounts import amount_in_words
from payments.models import LedgerAccount, Settlement, Transfer
from payments.portal.deposit_states import page_of as page_of_deposit
from payments.portal.deposit_states import state_badge
from payments.portal.facts import Notice, notice, own_balance_facts
from payments.portal.settlement_facts import notice_to_pay
from payments.portal.settlement_facts import page_of as page_of_settlement
from payments.portal.unresolved import unresolved_attempts
from payments.portal.volume import Volume, deposits_chart, failed_sales_url, period, sales_chart, volumes
from portal.design.values import day, moment, money
from portal.home import Card, Task, Waiting, register_card, register_task
from resources.timeouts import took_too_long
from tenancy.actors import Actor
from tenancy.models import Application
from tenancy.roles import Permission, Role
from tenancy.transactions import transaction

SPANS = (7, 30, 90)
_SPAN = 30
_FAILING = 5
"""One sale in so many that fails is worth a look, from as many failed ones on."""
_NOTICES = 5


def register_home() -> None:
    register_task(
        Task(
            "settlement waits for a decision",
            "settlements wait for a decision",
            "settlement",
            Permission.DECIDE_REVIEWS,
            _settlements,
            order=20,
        )
    )
    register_task(
        Task(
            "payment whose outcome is not known",
            "payments whose outcome is not known",
            "help",
            Permission.RESOLVE_ATTEMPTS,
            _unresolved,
            order=30,
        )
    )
    register_card(Card("payments/home_standing.html", Permission.VIEW_SETTLEMENTS, read_standing, order=10))
    register_card(Card("payments/home_volume.html", Permission.VIEW_TRANSFERS, read_volume, order=20))


def _settlements(by: Actor, most: int) -> Waiting:
    found = waiting_of(ReviewItem.EntityType.SETTLEMENT, by, most)
    return Waiting(found, reverse("payments:review-settlements"))


def _unresolved(by: Actor, most: int) -> Waiting:
    return Waiting(unresolved_attempts(by, most), reverse("payments:unresolved"))


def read_standing(_request: HttpRequest, by: Actor) -> Mapping[str, Any] | None:
    """What a merchant is owed, what comes next and what came last; for nobody else."""
    if by.role != Role.MERCHANT:
        return None
    with transaction(by=by, plans_anew=True):
        accounts = list(LedgerAccount.objects.visible_to(by))
        settlements = Settlement.objects.visible_to(by)
        upcoming: Sequence[Settlement | None] = _upcoming(by) or [None]
        unpaid = settlements.filter(status=Settlement.Status.APPROVED, net_amount__gt=F("funded_amount"))
        owed = list(unpaid.order_by("-created_at")[:_NOTICES])
        unpaid_notices = _unpaid(owed, by)
        last = _last_deposit(by)
    return {
        "figures": [*own_balance_facts(accounts), *(_next(one) for one in upcoming), _last(last)],
        "notices": [*unpaid_notices, *_negative(accounts)],
    }


def read_volume(request: HttpRequest, by: Actor) -> Mapping[str, Any]:
    """What was sold and given back by day; for a merchant what was paid out as well."""
    span = _span_of(request)
    is_merchant = by.role == Role.MERCHANT
    try:
        with transaction(by=by, plans_anew=True):
            days = _days(span, _today(by))
            found = volumes(days, by=by)
    except OperationalError as error:  # more than can be added up while somebody waits
        if not took_too_long(error):
            raise
        return {"spans": _spans(span), "is_too_long": True}
    wanted = request.GET.get("currency")
    chosen = next((one for one in found if one.currency == wanted), found[0] if found else None)
    told: dict[str, Any] = {
        "spans": _spans(span),
        "span": span,
        "currencies": [
            _choice(one.currency, is_current=one is chosen, span=span, currency=one.currency) for one in found
        ]
        if len(found) > 1
        else [],
        "transfers_url": _list("payments:transfers", days),
        "deposits_url": _list("payments:deposits", days),
        "may_sell": by.may(Permission.CREATE_TRANSFERS),
        "sale_url": reverse("payments:choose-merchant"),
        "is_merchant": is_merchant,
    }
    if chosen is None:
        return told
    told["sales"] = sales_chart(chosen, days)
    told["failing"] = _failing(chosen, days)
    if is_merchant:
        told["deposits"] = deposits_chart(chosen, days)
    return told


def _upcoming(by: Actor) -> list[Settlement]:
    """Of each merchant and currency the settlement that is paid next: what waits longest for a word, else what accrues.

    Of what waits with nothing to pay no deposit comes.
    """
    pays = Q(status=Settlement.Status.AWAITING_APPROVAL, net_amount__gt=0)
    coming = Settlement.objects.visible_to(by).filter(pays | Q(status=Settlement.Status.PENDING))
    first = coming.order_by("merchant_id", "currency", F("closed_at").asc(nulls_last=True))
    return sorted(first.distinct("merchant_id", "currency"), key=lambda one: (one.currency, one.created_at))


def _last_deposit(by: Actor) -> Transfer | None:
    """Found by the settlement that was approved last: what it pays was made after that."""
    approved = Settlement.objects.visible_to(by).filter(status=Settlement.Status.APPROVED, net_amount__gt=0)
    settlement = approved.order_by("-created_at").first()
    if settlement is None:
        return None
    deposits = Transfer.objects.visible_to(by).paying(settlement)
    return deposits.select_related("application").order_by("-created_at", "-id").first()


def _next(settlement: Settlement | None) -> tuple[str, SafeString]:
    if settlement is None:
        return "Next deposit", format_html("Nothing yet<small>{}</small>", "What is ready to settle gathers for it.")
    net = settlement.total_amount - settlement.total_fee
    when: object = "Waits for approval"
    if settlement.status == Settlement.Status.PENDING:
        closes_at = settlement.closes_at
        when = "Closes by hand" if closes_at is None else format_html("Closes {}", moment(closes_at))
    return "Next deposit", format_html(
        '<a href="{}">{}</a><small>{}</small>', page_of_settlement(settlement), money(net, settlement.currency), when
    )


def _last(deposit: Transfer | None) -> tuple[str, SafeString]:
    if deposit is None:
        return "Last deposit", format_html(
            "None yet<small>{}</small>", "The first comes when a settlement is approved."
        )
    when = format_html("Expected {} ", day(deposit.expected_on)) if deposit.expected_on else ""
    return "Last deposit", format_html(
        '<a href="{}">{}</a><small>{}{}</small>',
        page_of_deposit(deposit),
        money(deposit.amount, deposit.currency),
        when,
        state_badge(deposit),
    )


def _unpaid(settlements: Sequence[Settlement], by: Actor) -> list[Notice]:
    """Of each what is left of it to pay and why; call it in a transaction."""
    approvals = [settlement.approved_at for settlement in settlements if settlement.approved_at]
    if not approvals:
        return []
    deposits = (
        Transfer.objects.visible_to(by)
        .deposits()
        .filter(
            application_id__in={settlement.application_id for settlement in settlements},
            settlement__in=settlements,
            created_at__gte=min(approvals),
        )
    )
    newest = {deposit.settlement_id: deposit for deposit in deposits.order_by("created_at", "id")}
    returns = {back.parent_id: back for back in Transfer.objects.visible_to(by).bank_returns(newest.values())}
    return [
        {
            **notice_to_pay(settlement, newest.get(settlement.pk), returns, by),
            "url": page_of_settlement(settlement),
            "link": "The settlement",
        }
        for settlement in settlements
    ]


def _negative(accounts: list[LedgerAccount]) -> list[Notice]:
    """A balance is kept as debits less credits, so what the merchant owes is above zero."""
    return [
        notice(
            "warning",
            f"Your balance is {amount_in_words(-account.balance, account.currency)}",
            "More was given back than was earned. The next sales make up for it before anything is paid.",
        )
        for account in accounts
        if account.kind == LedgerAccount.Kind.MERCHANT_BALANCE and account.balance > 0
    ]


def _failing(volume: Volume, days: list[date]) -> Notice | None:
    tried = volume.sold + volume.failed
    if volume.failed < _FAILING or volume.failed * _FAILING < tried:
        return None
    return notice(
        "warning",
        f"{volume.failed:,} of {tried:,} sales failed",
        "That is many. The reasons stand beside each of them.",
        url=failed_sales_url(volume, days),
        link="Failed sales",
    )


def _today(by: Actor) -> date:
    """By the clock of the actor's own application; call it in a transaction."""
    now = timezone.now()
    own = Application.objects.filter(pk=by.own_application_id).first() if by.own_application_id else None
    return (own.business_time(now) if own else now).astimezone(UTC).date()


def _days(span: int, today: date) -> list[date]:
    return [today - timedelta(days=before) for before in reversed(range(span))]


def _span_of(request: HttpRequest) -> int:
    asked = request.GET.get("days", "")
    return next((span for span in SPANS if str(span) == asked), _SPAN)


def _spans(chosen: int) -> list[dict[str, Any]]:
    return [_choice(f"{span} days", is_current=span == chosen, span=span) for span in SPANS]


def _choice(label: str, *, is_current: bool, span: int, currency: str = "") -> dict[str, Any]:
    query = {"days": span} | ({"currency": currency} if currency else {})
    return {"label": label, "url": f"?{urlencode(query)}", "is_current": is_current}


def _list(url_name: str, days: list[date]) -> str:
    return f"{reverse(url_name)}?{urlencode(period(days))}"
