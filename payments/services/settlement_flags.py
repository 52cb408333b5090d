"""What a reviewer should look at before a settlement is paid, as it is when it closes."""

from collections.abc import Callable
from datetime import timedelta

from django.db.models import Avg, QuerySet

from onboarding.models import PaymentInstrument
from payments.models import Settlement

Check = Callable[[Settlement], bool]
Flag = Settlement.Flag

RECENTLY = timedelta(days=7)
USUAL = 5
"""How many earlier payouts tell what is usual."""
JUMP = 3
"""How many times the usual is much."""

_OF_ACCOUNTS = frozenset({Flag.BANK_ACCOUNT_CHANGED, Flag.NO_BANK_ACCOUNT})
_registered: list[tuple[str, Check]] = []


def register(flag: str, check: Check) -> None:
    """Let an upper app say when its flag holds, in the transaction of the closing."""
    _registered.append((flag, check))


def flags_of(settlement: Settlement) -> list[str]:
    """In the order in which they are shown; its totals are final and its closing moment is set."""
    account = accounts_of(settlement).first()
    checks: tuple[tuple[str, Check], ...] = (
        (Flag.NEGATIVE_NET, lambda one: one.total_amount < one.total_fee),
        (Flag.FIRST_PAYOUT, _is_first),
        (Flag.VOLUME_JUMP, _jumps),
        (Flag.BANK_ACCOUNT_CHANGED, lambda one: _is_new(account, one)),
        (Flag.NO_BANK_ACCOUNT, lambda _: account is None),
        *_registered,
    )
    return [str(flag) for flag, check in checks if check(settlement)]


def flags_before_paying(settlement: Settlement, account: PaymentInstrument | None) -> list[str]:
    """The flags of a closed one, but those about accounts told anew, of the one that would be paid now."""
    kept = [flag for flag in settlement.flags if flag not in _OF_ACCOUNTS]
    if account is None:
        return [*kept, str(Flag.NO_BANK_ACCOUNT)]
    return [*kept, str(Flag.BANK_ACCOUNT_CHANGED)] if _is_new(account, settlement) else kept


def accounts_of(settlement: Settlement) -> QuerySet[PaymentInstrument]:
    """Bank accounts in its currency that it can be paid to, the newest first."""
    accounts = PaymentInstrument.objects.filter(
        application_id=settlement.application_id,
        identity_id=settlement.identity_id,
        type=PaymentInstrument.Type.BANK_ACCOUNT,
        currency=settlement.currency,
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


def _is_new(account: PaymentInstrument | None, settlement: Settlement) -> bool:
    """Whether it was added shortly before the closing, or since; a first payout has a flag of its own."""
    if account is None or settlement.closed_at is None:
        return False
    return account.created_at > settlement.closed_at - RECENTLY
