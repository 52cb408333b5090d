"""The sandbox as a provider: the port on one side, its own tables and transactions on the other."""

import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from django.db.models import Q

from providers.crash import crash_point
from providers.port import (
    Account,
    Act,
    Answer,
    Authorise,
    Capabilities,
    Capture,
    Changes,
    ClaimToken,
    DecideMerchant,
    Fund,
    InquireCard,
    News,
    OutcomeUnknown,
    ProvisionMerchant,
    Pull,
    Push,
    Refund,
    Sell,
    TokeniseBankAccount,
    TokeniseCard,
    UpdateCard,
    UpdateInstrument,
    Verdict,
    VerifyMerchant,
    Void,
)
from providers.sandbox import (
    batches,
    calls,
    faults,
    feed,
    funding,
    holds,
    inquiries,
    instruments,
    merchants,
    refunds,
    sales,
    telling,
    transfers,
    updates,
    visa_direct,
)
from providers.sandbox.calls import Visit
from providers.sandbox.models import (
    Authorization,
    Batch,
    Call,
    CardUpdate,
    Fault,
    Inquiry,
    Instrument,
    Merchant,
    Row,
    Transfer,
    Verification,
)
from tenancy.transactions import transaction

_ROWS_PER_PAGE = 500
_NOTHING = Answer(Verdict.REFUSED)
"""Stands for the answer to an act that never arrived; a fault keeps it from everybody."""


@dataclass(frozen=True)
class Desk:
    """Where an act is carried out, and where its answer is found again, by the row that tells it."""

    operation: str
    carry_out: Callable[..., Answer]
    recall: Callable[[uuid.UUID, Visit], Answer]
    told_by: str = "id"
    keeps_refused: bool = False
    """Whether an act that is declined leaves a resource that tells so."""


_DESKS: dict[type[Act], Desk] = {
    TokeniseCard: Desk("tokenise_card", instruments.tokenise_card, instruments.recall_made),
    TokeniseBankAccount: Desk("tokenise_bank_account", instruments.tokenise_bank_account, instruments.recall_made),
    ClaimToken: Desk("claim_token", instruments.claim_token, instruments.recall),
    UpdateInstrument: Desk("update_instrument", instruments.update_instrument, instruments.recall),
    ProvisionMerchant: Desk("provision_merchant", merchants.provision_merchant, merchants.recall, "verification_id"),
    VerifyMerchant: Desk("verify_merchant", merchants.verify_merchant, merchants.recall),
    DecideMerchant: Desk(
        "decide_merchant", merchants.decide_merchant, merchants.recall_decision, told_by="verification_id"
    ),
    InquireCard: Desk("inquire_card", inquiries.inquire_card, inquiries.recall),
    UpdateCard: Desk("update_card", updates.update_card, updates.recall),
    Sell: Desk("sell", sales.sell, transfers.recall, keeps_refused=True),
    Authorise: Desk("authorise", holds.authorise, holds.recall, keeps_refused=True),
    Capture: Desk("capture", holds.capture, transfers.recall, keeps_refused=True),
    Void: Desk("void", holds.void, holds.recall_void),
    Refund: Desk("refund", refunds.refund, transfers.recall, keeps_refused=True),
    Push: Desk("push", visa_direct.push, transfers.recall, keeps_refused=True),
    Fund: Desk("fund", funding.fund, transfers.recall, keeps_refused=True),
    Pull: Desk("pull", visa_direct.pull, transfers.recall, keeps_refused=True),
}
_BY_OPERATION = {desk.operation: desk for desk in _DESKS.values()}
_TOLD: tuple[tuple[Any, Callable[[Any, Visit], News]], ...] = (
    (Instrument, lambda row, _visit: instruments.tell_one(row)),
    (Merchant, lambda row, _visit: merchants.tell(row)),
    (Verification, lambda row, _visit: merchants.tell_verification(row)),
    (Inquiry, lambda row, _visit: inquiries.tell(row)),
    (CardUpdate, lambda row, _visit: updates.tell(row)),
    (Batch, batches.tell),
    (Authorization, lambda row, _visit: telling.tell_authorization(row)),
    (Transfer, lambda row, visit: telling.tell_transfer(row, visit.now)),
)


class Sandbox:
    """The embedded provider. Each call is one transaction of its own; a repeated reference gets the first answer.

    An answer is read from the row that the act left, so that a waiting one is told as it has become.
    """

    name = "sandbox"
    capabilities = Capabilities(
        has_lookup=True, has_idempotent_create=True, time_limit=faults.TIME_LIMIT, tells_changes=True
    )

    def carry_out(self, act: Act, *, reference: str, account: Account) -> Answer:
        """Raises NotSent and OutcomeUnknown where a fault, or an amount of the profile, says so."""
        fault, answer = _deliver(act, reference, account)
        if fault is None:
            return answer
        if fault.kind == Fault.Kind.DUPLICATE:
            _, answer = _deliver(act, reference, account, is_faultless=True)
        return faults.befall(fault, answer)

    def look_up(self, reference: str, *, account: Account) -> Answer | None:
        with transaction(by=calls.house(account)):
            visit = calls.look_in(account)
            fault = faults.next_fault(visit, operation=faults.LOOK_UP, reference=reference)
            call = calls.find(reference, visit)
            answer = None if call is None else _recall(call, visit)
        return faults.befall(fault, answer) if fault else answer

    def tell_all(self, *, account: Account) -> Iterator[News]:
        """A page at a time, each read in a transaction that is over before its rows are handed out."""
        with transaction(by=calls.house(account)):
            visit = calls.look_in(account)
            merchants.decide_due(visit)
            updates.decide_due(visit)
            refunds.make_due_returns(visit)
            holds.void_due(visit)
        for model, tell in _TOLD:
            last: Row | None = None
            while rows := _page(model, account, after=last):
                yield from (tell(row, visit) for row in rows)
                last = rows[-1]

    def tell_changes(self, *, account: Account, mark: str) -> Changes:
        with transaction(by=calls.house(account)):
            visit = calls.look_in(account)
            fault = faults.next_fault(visit, operation=faults.TELL_CHANGES, reference="")
            changes = feed.changes(visit, mark, account.processor)
        if fault:
            faults.befall(fault, None)
        return changes


def _deliver(act: Act, reference: str, account: Account, *, is_faultless: bool = False) -> tuple[Fault | None, Answer]:
    """One arrival of an act, in one transaction; what befalls its answer on the way back is not told here."""
    desk = _DESKS[type(act)]
    row_id = getattr(act, desk.told_by)
    with transaction(by=calls.house(account)):
        visit = calls.receive(account, reference=reference, operation=desk.operation, resource_id=row_id)
        fault = None
        if not is_faultless:
            fault = faults.next_fault(visit, operation=desk.operation, reference=reference, act=act)
        answer = _carry_out(act, desk, fault, reference=reference, visit=visit)
        crash_point("executing")
    if isinstance(act, Sell) and sales.is_answer_lost(act, answer, visit):
        raise OutcomeUnknown("TIMEOUT")
    return fault, answer


def _carry_out(act: Act, desk: Desk, fault: Fault | None, *, reference: str, visit: Visit) -> Answer:
    if fault and fault.kind in Fault.Kind.without_effect():
        if visit.is_first:
            calls.forget(reference, visit)
        return _NOTHING
    if not visit.is_first:
        return _recall(calls.get(reference, visit), visit)
    answer = _refuse(act, desk, visit) if fault and fault.kind == Fault.Kind.REFUSED else desk.carry_out(act, visit)
    if not answer.news:
        calls.note_refusal(answer, reference=reference, visit=visit)
    return answer


def _refuse(act: Act, desk: Desk, visit: Visit) -> Answer:
    """A declined payment leaves one that failed; other acts leave nothing."""
    if desk.keeps_refused:
        return desk.carry_out(act, visit, forced_code=faults.REFUSED_WITH)
    return calls.refusal(faults.REFUSED_WITH)


def _recall(call: Call, visit: Visit) -> Answer:
    if call.code:
        return Answer(Verdict.REFUSED, code=call.code, message=call.message)
    return _BY_OPERATION[call.operation].recall(call.resource_id, visit)


def _page(model: type[Row], account: Account, *, after: Row | None) -> list[Row]:
    """The next rows in the order of their creation, read in a transaction that ends here."""
    with transaction(by=calls.house(account)):
        rows = model._default_manager.filter(application_id=account.application_id)
        if after is not None:
            later = Q(created_at__gt=after.created_at) | Q(created_at=after.created_at, id__gt=after.id)
            rows = rows.filter(later, created_at__gte=after.created_at)
        return list(rows.order_by("created_at", "id")[:_ROWS_PER_PAGE])
