"""What a reviewer should look at before a settlement is paid, as it is when it closes."""

from collections.abc import Callable
from datetime import timedelta

from django.db.models import Avg, QuerySet

from onboarding.models import PaymentInstrument
from payments.models import Settlement

Check = Callable[[Settlement], bool]

RECENTLY = timedelta(days=7)
USUAL = 5
"""How many earlier payouts tell what is usual."""
JUMP = 3
"""How many times the usual is much."""

Flag = Settlement.Flag
_registered: list[tuple[str, Check]] = []


def register(flag: str, check: Check) -> None:
    """Let an upper app say when its flag holds, in the transaction of the closing."""
    _registered.append((flag, check))


def flags_of(settlement: Settlement) -> list[str]:
    """In the order in which they are shown; its totals are final and its closing moment is set."""
    checks: tuple[tuple[str, Check], ...] = (
        (Flag.NEGATIVE_NET, lambda one: one.total_amount < one.total_fee),
        (Flag.FIRST_PAYOUT, _is_first),
        (Flag.VOLUME_JUMP, _jumps),
        (Flag.BANK_ACCOUNT_CHANGED, _has_new_account),
        (Flag.NO_BANK_ACCOUNT, lambda one: not accounts_of(one).exists()),
        *_registered,
    )
    return [str(flag) for flag, check in checks if check(settlement)]


def accounts_of(settlement: Settlement) -> QuerySet[PaymentInstrument]:
    """Bank accounts that it can be paid to, the newest first."""
    accounts = PaymentInstrument.objects.filter(
        application_id=settlement.application_id,
        identity_id=settlement.identity_id,
        type=PaymentInstrument.Type.BANK_ACCOUNT,
        enabled=True,
    )
    return accounts.order_by("-created_at", "-id")


def _earlier(settlement: Settlement) -> QuerySet[Settlement]:
    return Settlement.objects.filter(
        application_id=settlement.application_id,
        merchant_id=settlement.merchant_id,
        currency=settlement.currency,
        status=Settlement.Status.APPROVED,
        net_amount__gt=0,
    )


def _is_first(settlement: Settlement) -> bool:
    return not _earlier(settlement).exists()


def _jumps(settlement: Settlement) -> bool:
    newest = _earlier(settlement).order_by("-closed_at").values("total_amount")[:USUAL]
    usual = newest.aggregate(usual=Avg("total_amount"))["usual"]
    return usual is not None and settlement.total_amount > JUMP * usual


def _has_new_account(settlement: Settlement) -> bool:
    """The one it will be paid to is new, though there were payouts before."""
    newest = accounts_of(settlement).first()
    if newest is None or settlement.closed_at is None:
        return False
    return newest.created_at > settlement.closed_at - RECENTLY
