"""What happens at the sandbox of itself: charges become ready to settle, banks return debits."""

import uuid
from datetime import datetime, timedelta

from django.db.models import Q

from providers.port import Changes
from providers.sandbox import refunds
from providers.sandbox.calls import Visit
from providers.sandbox.models import Merchant, Transfer
from providers.sandbox.telling import tell_transfer

_PAGE = 500
_BACK = timedelta(seconds=2)
"""How far the feed stays behind, so that what was made just now has been committed."""

_SKEW = timedelta(minutes=1)
"""How far the clocks of two who ask may differ. A mark that lies further ahead is one of a clock that was set back
since: what happened after that lies before it, so all is told again."""


def changes(visit: Visit, mark: str, processor: str) -> Changes:
    """The next page after a mark, which is a moment of business time and a key: `2026-01-31T12:00:00+00:00 key`.

    Of it a processor is told what its merchants had; without one, everything is told.
    """
    refunds.make_due_returns(visit)
    until = visit.now - _BACK
    found = Transfer.objects.filter(application_id=visit.application_id, told_at__lte=until)
    moment, key = _read(mark) if mark else (until, None)
    if key is not None and moment <= until + _SKEW:
        found = found.filter(Q(told_at__gt=moment) | Q(told_at=moment, id__gt=key))
    page = list(found.order_by("told_at", "id")[:_PAGE])
    is_full = len(page) == _PAGE
    last = page[-1] if is_full else None
    after = _write(last.told_at, last.id) if last is not None and last.told_at else _write(until, uuid.UUID(int=0))
    told = _of(processor, page) if processor else page
    return Changes(tuple(tell_transfer(row, visit.now) for row in told), after, is_full)


def _of(processor: str, page: list[Transfer]) -> list[Transfer]:
    merchants = Merchant.objects.filter(pk__in={row.merchant_id for row in page}, processor=processor)
    own = set(merchants.values_list("pk", flat=True))
    return [row for row in page if row.merchant_id in own]


def _read(mark: str) -> tuple[datetime, uuid.UUID]:
    moment, key = mark.split(" ")
    return datetime.fromisoformat(moment), uuid.UUID(key)


def _write(moment: datetime, key: uuid.UUID) -> str:
    return f"{moment.isoformat()} {key}"
