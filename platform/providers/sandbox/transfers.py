"""What has become of a transfer at the sandbox."""

import uuid

from providers import port
from providers.failures import normalise
from providers.port import Answer, Verdict
from providers.sandbox import batches, calls, instruments, telling
from providers.sandbox.calls import Visit
from providers.sandbox.models import Authorization, Batch, Instrument, Transfer


def recall(transfer_id: uuid.UUID, visit: Visit) -> Answer:
    """What became of an act that made a transfer; one whose batch is due is submitted now."""
    transfer = Transfer.objects.select_for_update().get(application_id=visit.application_id, pk=transfer_id)
    if transfer.is_due(visit.now):
        transfer.change(transfer.due_at or visit.now, state="SUCCEEDED")
    changed = None
    if transfer.has_changed_source:
        changed = Instrument.objects.get(application_id=visit.application_id, pk=transfer.instrument_id)
    return answer(transfer, changed, visit)


def answer(transfer: Transfer, changed: Instrument | None, visit: Visit) -> Answer:
    """The verdict that a transfer stands for, with what else the act has changed, before what refers to it."""
    news: list[port.News] = [] if changed is None else [instruments.tell(changed)]
    if transfer.batch_id is not None:
        batch = Batch.objects.get(application_id=visit.application_id, pk=transfer.batch_id)
        news.append(batches.tell(batch, visit))
    if transfer.authorization_id is not None:
        authorization = Authorization.objects.get(application_id=visit.application_id, pk=transfer.authorization_id)
        news.append(telling.tell_authorization(authorization))
    news.append(telling.tell_transfer(transfer, visit.now))
    if transfer.failure_code:
        code, message = normalise(transfer.failure_code)
        return Answer(Verdict.REFUSED, tuple(news), code=code, message=message)
    if transfer.state == "PENDING" and transfer.due_at is not None:
        return Answer(Verdict.WAITING, tuple(news), ask_again_in=calls.time_until(transfer.due_at, visit.now))
    return Answer(Verdict.ACCEPTED, tuple(news))
