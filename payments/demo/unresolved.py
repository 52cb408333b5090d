"""The demo's unresolved transfers: their answers were lost, and so were those to every question since.

The provider carried all of them out and answers again, so whoever has it asked finds that out. They are pushes and a
pull, because of a sale the provider's feed would tell meanwhile.
"""

from dataclasses import dataclass
from datetime import timedelta

from onboarding.demo import Plan
from onboarding.demo.making import then
from payments.demo.till import Till
from payments.demo.visa_direct import recipients
from payments.models import Transfer
from payments.services import Purpose, create_visa_direct
from providers import attempts
from providers.models import Attempt
from providers.sandbox import faults
from tenancy.actors import Actor
from tenancy.transactions import transaction


@dataclass(frozen=True)
class Lost:
    """A transfer, how long ago it was, and what became of every answer."""

    order: str
    purpose: Purpose
    amount: int
    ago: timedelta
    kind: faults.Kind

    @property
    def operation(self) -> str:
        return "push" if self.purpose is Purpose.PUSH else "pull"


TRANSFERS = (
    Lost("HM-20001", Purpose.PUSH, 18_450, timedelta(days=3, hours=2), faults.Kind.TIMEOUT_AFTER),
    Lost("HM-20002", Purpose.PULL, 6_295, timedelta(days=2, hours=5), faults.Kind.MALFORMED),
    Lost("HM-20003", Purpose.PUSH, 2_380, timedelta(hours=3), faults.Kind.TIMEOUT_AFTER),
)
"""About the first two nobody asks any more; about the last one the worker does, some hours from now."""

_LOST_QUESTIONS = {faults.Kind.TIMEOUT_AFTER: faults.Kind.TIMEOUT_BEFORE, faults.Kind.MALFORMED: faults.Kind.MALFORMED}


def make(below: Plan, till: Till) -> None:
    """Make what is not there yet, in an application in which nothing else goes on meanwhile."""
    by = till.partners[0]
    (application_id,) = by.application_ids
    buyer, card = recipients(below)[0]
    for lost in TRANSFERS:
        faults.arrange(application_id=application_id, kind=lost.kind, operation=lost.operation, key=lost.order)
        faults.arrange(application_id=application_id, kind=_LOST_QUESTIONS[lost.kind], operation=faults.LOOK_UP)
        try:
            if lost.order in till.sales:
                transfer = till.transfer(lost.order, by)
            else:
                with then(below.now - lost.ago) as at:
                    transfer = create_visa_direct(
                        purpose=lost.purpose,
                        instrument_id=till.source_of(buyer, card).pk,
                        amount=lost.amount,
                        currency="USD",
                        by=by,
                        at=at,
                        idempotency_id=lost.order,
                        tags={"order": lost.order},
                    )
            _ask_in_vain(transfer, below, by)
        finally:
            faults.clear(application_id)


def _ask_in_vain(transfer: Transfer, below: Plan, by: Actor) -> None:
    """As the worker would have until now."""
    while attempt := _due(transfer, below, by):
        with then(attempt.next_check_at or below.now):
            attempts.resolve(attempt.pk, attempt.application_id)


def _due(transfer: Transfer, below: Plan, by: Actor) -> Attempt | None:
    with transaction(by=by):
        unresolved = Attempt.objects.visible_to(by).unresolved()
        return unresolved.filter(resource_id=transfer.pk, next_check_at__lte=below.now).first()
