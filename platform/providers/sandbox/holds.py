"""Authorizations at the sandbox: holds on cards, their captures and their voids."""

import uuid

from providers import port
from providers.failures import normalise
from providers.port import Answer, Authorise, Capture, Verdict, Void
from providers.sandbox import batches, calls, instruments, scenarios, transfers
from providers.sandbox.calls import Visit
from providers.sandbox.models import Authorization, Instrument, Merchant, Transfer
from providers.sandbox.rulings import Ruling, change_source, checks, evidence, parties, rule
from providers.sandbox.telling import tell_authorization, trace_id

_OVER = "AUTHORIZATION_EXPIRED_OR_ALREADY_CAPTURED"


def authorise(act: Authorise, visit: Visit, *, forced_code: str = "") -> Answer:
    """Hold an amount. A declined one is kept too; a code that is forced stands before every rule."""
    source, standing = parties(act.merchant_id, act.source_id, visit)
    ruling = Ruling(forced_code) if forced_code else rule(act, source, standing, visit)
    changed = change_source(source, ruling, visit)
    authorization = Authorization.objects.create(
        id=act.id,
        application_id=visit.application_id,
        merchant_id=act.merchant_id,
        source_id=act.source_id,
        state=ruling.state,
        amount=act.amount,
        currency=act.currency,
        statement_descriptor=act.statement_descriptor,
        idempotency_id=act.idempotency_id,
        trace_id=trace_id(),
        network=source.brand if source else None,
        failure_code=ruling.code or None,
        **checks(act, source, ruling),
        has_changed_source=changed is not None,
        proof=evidence(act),
        expires_at=act.expires_at,
        tags=dict(act.tags),
        created_at=visit.now,
        updated_at=visit.now,
    )
    return _answer(authorization, changed)


def recall(authorization_id: uuid.UUID, visit: Visit) -> Answer:
    """What became of a hold that was asked for."""
    authorization = Authorization.objects.get(application_id=visit.application_id, pk=authorization_id)
    changed = None
    if authorization.has_changed_source:
        changed = Instrument.objects.get(application_id=visit.application_id, pk=authorization.source_id)
    return _answer(authorization, changed)


def capture(act: Capture, visit: Visit, *, forced_code: str = "") -> Answer:
    """Take what is held, or part of it, once; the amounts of sales decide on it as well."""
    held = Authorization.objects.select_for_update().get(application_id=visit.application_id, pk=act.authorization_id)
    code = forced_code or _why_not(held, act, visit) or scenarios.amount_code(act.amount, visit.profile)
    batch = batches.join(_processor_of(held, visit), visit) if act.is_batched and not code else None
    moved_at = batch.due_at if batch else visit.now
    ready_at = None if code else moved_at + scenarios.pace(visit.profile).readiness
    transfer = Transfer.objects.create(
        id=act.id,
        application_id=visit.application_id,
        merchant_id=held.merchant_id,
        source_id=held.source_id,
        authorization_id=held.id,
        state="PENDING" if batch else Ruling(code).state,
        amount=act.amount,
        currency=act.currency,
        fee=act.fee,
        statement_descriptor=act.statement_descriptor,
        trace_id=trace_id(),
        network=held.network,
        failure_code=code or None,
        address_verification=held.address_verification,
        security_code_verification=held.security_code_verification,
        batch_id=batch.id if batch else None,
        due_at=batch.due_at if batch else None,
        ready_at=ready_at,
        told_at=ready_at,
        tags=dict(act.tags),
        created_at=visit.now,
        updated_at=visit.now,
    )
    if not code:
        held.change(visit.now, captured_by=transfer.id)
    return transfers.answer(transfer, None, visit)


def void(act: Void, visit: Visit, *, forced_code: str = "") -> Answer:
    """Let go what is held; it is through a little later. What is not held any more is refused."""
    held = Authorization.objects.select_for_update().get(application_id=visit.application_id, pk=act.id)
    code = forced_code or _why_not(held, None, visit)
    if code:
        held.change(visit.now, void_state="FAILED" if held.void_state != "SUCCEEDED" else held.void_state)
        code, message = normalise(code)
        return Answer(Verdict.REFUSED, code=code, message=message)
    held.change(visit.now, void_state="PENDING", void_due_at=visit.now + scenarios.pace(visit.profile).void)
    return recall_void(held.id, visit)


def recall_void(authorization_id: uuid.UUID, visit: Visit) -> Answer:
    """What has become of a void; one that is due is through now."""
    held = Authorization.objects.select_for_update().get(application_id=visit.application_id, pk=authorization_id)
    settle_void(held, visit)
    if held.void_state == "PENDING" and held.void_due_at is not None:
        return Answer(
            Verdict.WAITING, (tell_authorization(held),), ask_again_in=calls.time_until(held.void_due_at, visit.now)
        )
    return Answer(Verdict.ACCEPTED, (tell_authorization(held),))


def settle_void(held: Authorization, visit: Visit) -> None:
    if held.void_state == "PENDING" and held.void_due_at is not None and held.void_due_at <= visit.now:
        held.change(held.void_due_at, void_state="SUCCEEDED")


def void_due(visit: Visit) -> None:
    """Let the voids be through whose time has passed."""
    due = Authorization.objects.select_for_update().filter(
        application_id=visit.application_id, void_state="PENDING", void_due_at__lte=visit.now
    )
    for held in due:
        settle_void(held, visit)


def _answer(authorization: Authorization, changed: Instrument | None) -> Answer:
    news: tuple[port.News, ...] = (tell_authorization(authorization),)
    if changed is not None:
        news = (instruments.tell(changed), *news)
    if authorization.failure_code:
        code, message = normalise(authorization.failure_code)
        return Answer(Verdict.REFUSED, news, code=code, message=message)
    return Answer(Verdict.ACCEPTED, news)


def _why_not(held: Authorization, act: Capture | None, visit: Visit) -> str:
    """Why nothing can be taken or let go."""
    is_free = held.state == "SUCCEEDED" and held.captured_by is None
    if not is_free or held.void_state in {"PENDING", "SUCCEEDED"} or held.expires_at <= visit.now:
        return _OVER
    if act is not None and (act.amount > held.amount or act.currency != held.currency):
        return "INVALID_AMOUNT"
    return ""


def _processor_of(held: Authorization, visit: Visit) -> str:
    return Merchant.objects.get(application_id=visit.application_id, pk=held.merchant_id).processor
