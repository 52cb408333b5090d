"""Many merchants from a file: judged when it is read, made row by row in the background, each thing once."""

import logging
import uuid
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, TypeVar

from django.db import IntegrityError

import vault.services as vault
from events.models import Author
from jobs import idempotency
from jobs.idempotency import KeyTaken
from jobs.services import enqueue
from onboarding.models import Identity, ImportedRow, Merchant, MerchantImport, PaymentInstrument
from onboarding.services.identities import create_identity
from onboarding.services.instruments import create_payment_instrument, refusal_of
from onboarding.services.keeping import InstrumentRefused, ProviderUndecided
from onboarding.services.merchants import provision_merchant
from onboarding.underwriting import SEALED
from providers import clock
from resources import ids
from resources.errors import DomainError, FieldError, FieldErrors, NotVisible
from tenancy.actors import Actor, Origin, system
from tenancy.models import Application, Person
from tenancy.roles import Permission
from tenancy.services import person_actor
from tenancy.transactions import act, transaction
from vault.secret import Secret

logger = logging.getLogger(__name__)

JOB = "onboarding.import_merchants"
NUMBER_COLUMN = "account_number"
BANK_COLUMNS = ("account_holder", NUMBER_COLUMN, "bank_code", "account_type")
_TELL_A_ROW = ("business_name", "doing_business_as", "email")
"""What a page tells a row by; the other cells are kept of rows that are still to be imported, and of no others."""
KEPT = timedelta(days=7)
"""How long a file waits for its confirmation."""
_ASK_AGAIN = timedelta(seconds=10)
_PATIENCE = timedelta(hours=1)
"""How long after the confirmation a provider that cannot be reached is tried again."""

_State = MerchantImport.State
_RowState = ImportedRow.State
Made = TypeVar("Made", PaymentInstrument, Merchant)


class ImportNotWaiting(DomainError):
    code = "CONFLICT"
    status = 409
    message = "This import does not wait for confirmation any more: it was confirmed or withdrawn."


class OtherFile(DomainError):
    code = "CONFLICT"
    status = 409
    message = "Another file was sent from this page before. Choose this one once more to have it checked as well."


class NothingToImport(DomainError):
    message = "No row of this file can be imported. Correct it, and upload it again."


class _NotYet(Exception):
    """A provider has not decided; the row is looked at again later."""


@dataclass(frozen=True)
class JudgedRow:
    """A row of a file: its open cells, its secrets, and what is wrong with it. Nothing wrong: it can be imported.

    `doubts` are told with the row, and do not hold it back.
    """

    number: int
    answers: Mapping[str, str]
    secrets: Mapping[str, Secret] = field(default_factory=dict)
    messages: Sequence[Mapping[str, str]] = ()
    doubts: Sequence[Mapping[str, str]] = ()


@dataclass(frozen=True)
class RowReader:
    """How the cells of a row become validated input, told by the form that judged them.

    Both raise FieldErrors where the rules have changed since.
    """

    entity: Callable[[Mapping[str, str], Mapping[str, Secret]], dict[str, Any]]
    bank_account: Callable[[Mapping[str, str], Mapping[str, Secret], datetime], dict[str, Any]]


def require_rights(by: Actor) -> None:
    """Raises MissingPermission."""
    for permission in (Permission.MANAGE_IDENTITIES, Permission.CREATE_INSTRUMENTS, Permission.PROVISION_MERCHANTS):
        by.require(permission)


def check_import(
    *,
    key: uuid.UUID,
    application_id: uuid.UUID,
    file_name: str,
    processor: str,
    rows: Sequence[JudgedRow],
    by: Actor,
    at: datetime,
) -> MerchantImport:
    """Keep a file that was judged, to be looked at before anything is made of it; sent twice under a key, it is one.

    What is sensitive goes to the vault, and only of rows that can be imported. Raises OtherFile for a key under which
    something else was sent, and NotVisible for one that is somebody else's.
    """
    require_rights(by)
    claim = idempotency.make_claim("check_import", str(key), [file_name, processor, rows], field="key")
    try:
        with (
            idempotency.scope(claim),
            act("check_import", by=by, at=at, application_id=application_id) as current,
        ):
            author = by.signature
            made = MerchantImport(
                id=key,
                application_id=application_id,
                file_name=file_name.replace("\x00", "")[:200],
                processor=processor,
                made_by_kind=author.kind,
                made_by_id=author.id,
                made_by_name=author.name,
                created_at=at,
                updated_at=at,
            )
            try:
                made.save(force_insert=True)
            except IntegrityError as error:
                raise NotVisible(made.public_id) from error
            warnings = _look_alikes(rows, application_id, by)
            kept = [(_new_row(made, row, warnings.get(row.number, []), at), row) for row in rows]
            ImportedRow.objects.bulk_create([row for row, _ in kept])
            secrets = [(row, name, secret) for row, judged in kept for name, secret in judged.secrets.items()]
            vault.seal_new(secrets, application_id=application_id)
            current.record("merchant_import.created", made, application_id=application_id, is_first=True)
    except KeyTaken as taken:
        with transaction(by=by):
            first = idempotency.find(taken)
            present = MerchantImport.objects.visible_to(by).filter(pk=key, application_id=application_id).first()
        if first is None or bytes(first.fingerprint) != claim.fingerprint or present is None:
            raise OtherFile from taken
        return present
    return made


def confirm_import(*, merchant_import: MerchantImport, by: Actor, at: datetime) -> MerchantImport:
    """Let a worker make what the file describes. Raises ImportNotWaiting, NothingToImport."""
    require_rights(by)
    with act(
        "confirm_import",
        by=by,
        at=at,
        application_id=merchant_import.application_id,
        resource=merchant_import.handle,
    ) as current:
        found = _locked(merchant_import, by)
        if found.state != _State.CHECKED:
            raise ImportNotWaiting
        if not _ready(found, by).exists():
            raise NothingToImport
        author = by.signature
        changes = found.move_to(_State.RUNNING)
        found.made_by_kind, found.made_by_id, found.made_by_name = author.kind, author.id, author.name
        found.updated_at = at
        found.save()
        current.record("merchant_import.confirmed", found, application_id=found.application_id, changes=changes)
        _enqueue(found, first_run_of(found), at)
    return found


def withdraw_import(*, merchant_import: MerchantImport, by: Actor, at: datetime) -> MerchantImport:
    """Give a file up before anything was made of it, and erase what it held. Raises ImportNotWaiting."""
    require_rights(by)
    with act(
        "withdraw_import",
        by=by,
        at=at,
        application_id=merchant_import.application_id,
        resource=merchant_import.handle,
    ) as current:
        found = _locked(merchant_import, by)
        if found.state != _State.CHECKED:
            raise ImportNotWaiting
        rows = ImportedRow.objects.visible_to(by).filter(merchant_import=found)
        vault.erase_all(ImportedRow, list(rows.values_list("pk", flat=True)))
        rows.update(answers={}, updated_at=at)
        changes = found.move_to(_State.WITHDRAWN)
        found.updated_at = at
        found.save()
        current.record("merchant_import.withdrawn", found, application_id=found.application_id, changes=changes)
    return found


def withdraw_forgotten(*, by: Actor, at: datetime) -> None:
    """Give up the files that nobody has confirmed in time."""
    with transaction(by=by):
        waiting = MerchantImport.objects.visible_to(by).filter(state=_State.CHECKED)
        forgotten = list(waiting.filter(created_at__lt=at - KEPT))
    for found in forgotten:
        with suppress(ImportNotWaiting):  # somebody was quicker
            withdraw_import(merchant_import=found, by=by, at=at)


def run_import(import_id: uuid.UUID, application_id: uuid.UUID, *, reader: RowReader, until: datetime) -> None:
    """Make the rows that are ready, one after the other, and ask for another run where some are left at `until`.

    Safe to run twice, and by two at once: what a row makes is made under keys that the row had before.
    """
    watcher = _watcher(application_id)
    with transaction(by=watcher):
        found = MerchantImport.objects.visible_to(watcher).filter(pk=import_id).first()
        if found is None or found.state != _State.RUNNING:
            return
        waiting = list(_ready(found, watcher).order_by("number").values_list("pk", flat=True))
    undecided, broken = False, None
    for number, row_id in enumerate(waiting):
        if number and clock.now() >= until:
            _again(found, watcher, clock.now())
            return
        try:
            _import_row(found, row_id, reader=reader, watcher=watcher)
        except _NotYet:
            undecided = True
        except Exception as error:  # a row that we stumble over stops none of the others
            logger.exception("row_not_imported", extra={"error": type(error).__name__})
            broken = error
    if broken is not None:
        raise broken
    if undecided:
        now = clock.now()
        _again(found, watcher, now + max(_ASK_AGAIN, (now - found.updated_at) / 10))
    else:
        _finish(found, watcher)


def _import_row(found: MerchantImport, row_id: uuid.UUID, *, reader: RowReader, watcher: Actor) -> None:
    now = clock.now()
    with transaction(by=watcher):
        row = ImportedRow.objects.visible_to(watcher).get(pk=row_id)
        if row.state != _RowState.READY:
            return
        names = [*SEALED, NUMBER_COLUMN]
        opened = {name: vault.open_all([row], name).get(row.pk) for name in names}
        business_time = Application.objects.visible_to(watcher).get(pk=row.application_id).business_time(now)
    secrets = {name: secret for name, secret in opened.items() if secret is not None}
    messages: list[dict[str, str]] = []
    try:
        by = _actor_of(found)
        require_rights(by)
        entity = reader.entity(row.answers, secrets)
        values = reader.bank_account(row.answers, secrets, business_time)
        identity = create_identity(application_id=row.application_id, entity=entity, by=by, at=now, key=row.identity_id)
    except DomainError as error:
        is_there = _is_identity_there(row, watcher)
        _close_row(row, _RowState.PARTLY if is_there else _RowState.FAILED, _told(error), watcher=watcher)
        return
    try:
        if values:
            instrument = _once(
                row,
                "bank account",
                by,
                do=lambda: create_payment_instrument(values={**values, "identity": identity.pk}, by=by, at=now),
                made=lambda key: _instrument(key, by),
            )
            row.instrument_id = instrument.pk
    except InstrumentRefused as error:
        if not error.is_result and now < found.updated_at + _PATIENCE:
            raise _NotYet from error
        messages += _told(error, "account_number")
    except DomainError as error:
        messages += _told(error, "account_number")
    try:
        if found.processor:
            merchant = _once(
                row,
                "merchant",
                by,
                do=lambda: provision_merchant(identity=identity, processor=found.processor, by=by, at=now),
                made=lambda key: Merchant.objects.visible_to(by).filter(pk=key).first(),
            )
            row.merchant_id = merchant.pk
            if merchant.onboarding_state == Merchant.OnboardingState.REJECTED:
                why = " ".join(merchant.rejection_reasons)
                messages.append({"field": "processor", "message": f"{merchant.processor} rejected the merchant. {why}"})
    except DomainError as error:
        messages += _told(error, "processor")
    _close_row(row, _RowState.PARTLY if messages else _RowState.DONE, messages, watcher=watcher)


def _is_identity_there(row: ImportedRow, watcher: Actor) -> bool:
    """Whether an earlier run that was cut off has made it."""
    with transaction(by=watcher):
        return Identity.objects.visible_to(watcher).filter(pk=row.identity_id).exists()


def _once(
    row: ImportedRow,
    what: str,
    by: Actor,
    *,
    do: Callable[[], Made],
    made: Callable[[uuid.UUID], Made | None],
) -> Made:
    """What this makes for a row, or has made in an earlier run that was cut off."""
    claim = idempotency.make_claim(f"import {what}", row.public_id, row.public_id, field="key")
    try:
        with idempotency.scope(claim):
            return do()
    except ProviderUndecided as error:
        raise _NotYet from error
    except KeyTaken as taken:
        with transaction(by=by):
            kept = idempotency.find(taken)
            present = made(kept.resource_id) if kept is not None and kept.resource_id else None
        if present is None:
            raise _NotYet from taken
        return present


def _instrument(key: uuid.UUID, by: Actor) -> PaymentInstrument | None:
    if refusal := refusal_of(key, by=by):
        raise refusal
    return PaymentInstrument.objects.visible_to(by).filter(pk=key).first()


def _close_row(row: ImportedRow, state: str, messages: Sequence[Mapping[str, str]], *, watcher: Actor) -> None:
    """How a row ended, with what is needed to tell it by; the rest of it is erased."""
    with transaction(by=watcher):
        kept = ImportedRow.objects.visible_to(watcher).select_for_update().get(pk=row.pk)
        if kept.state != _RowState.READY:
            return
        kept.move_to(state)
        kept.instrument_id, kept.merchant_id = row.instrument_id, row.merchant_id
        kept.messages = [*kept.messages, *messages]
        kept.answers = _tellable(kept.answers)
        kept.updated_at = clock.now()
        kept.save()
        vault.erase_all(ImportedRow, [kept.pk])


def _finish(found: MerchantImport, watcher: Actor) -> None:
    now = clock.now()
    with act(
        "finish_import", by=watcher, at=now, application_id=found.application_id, resource=found.handle
    ) as current:
        found = _locked(found, watcher)
        if found.state != _State.RUNNING or _ready(found, watcher).exists():
            return
        changes = found.move_to(_State.DONE)
        found.updated_at = now
        found.save()
        current.record("merchant_import.finished", found, application_id=found.application_id, changes=changes)


def _again(found: MerchantImport, watcher: Actor, at: datetime) -> None:
    with transaction(by=watcher):
        _enqueue(found, f"{found.public_id} {at.isoformat(timespec='milliseconds')}", at)


def first_run_of(found: MerchantImport) -> str:
    """The key of the job that begins an import."""
    return f"{found.public_id} first"


def _enqueue(found: MerchantImport, key: str, at: datetime) -> None:
    arguments = {"import_id": str(found.pk), "application_id": str(found.application_id)}
    enqueue(JOB, key=key, arguments=arguments, due_at=at)


def _actor_of(found: MerchantImport) -> Actor:
    """Who confirmed the import, with what they may do now."""
    person = Person.objects.filter(pk=found.made_by_id, is_active=True).first()
    if found.made_by_kind == Author.SYSTEM:
        return system(found.made_by_name)
    if person is None:
        raise DomainError("Whoever confirmed this import does not sign in here any more.")
    by = person_actor(person, origin=Origin())
    if found.application_id not in by.application_ids:
        raise DomainError("Whoever confirmed this import does not work for this application any more.")
    return by


def _watcher(application_id: uuid.UUID) -> Actor:
    """The worker's own hand, in one application."""
    by = system()
    return Actor(kind=by.kind, id=None, name=by.name, role=by.role, application_ids=(application_id,))


def _locked(merchant_import: MerchantImport, by: Actor) -> MerchantImport:
    found: MerchantImport = MerchantImport.objects.visible_to(by).select_for_update().get(pk=merchant_import.pk)
    return found


def _ready(found: MerchantImport, by: Actor) -> Any:
    return ImportedRow.objects.visible_to(by).filter(merchant_import=found, state=_RowState.READY)


def _new_row(made: MerchantImport, row: JudgedRow, warnings: Sequence[str], at: datetime) -> ImportedRow:
    messages = [*row.messages, *row.doubts, *({"field": "", "message": text} for text in warnings)]
    is_refused = bool(row.messages)
    return ImportedRow(
        application_id=made.application_id,
        merchant_import=made,
        number=row.number,
        state=_RowState.REFUSED if is_refused else _RowState.READY,
        answers=_tellable(row.answers) if is_refused else dict(row.answers),
        messages=[dict(message) for message in messages],
        identity_id=ids.new_id(),
        created_at=at,
        updated_at=at,
    )


def _tellable(answers: Mapping[str, str]) -> dict[str, str]:
    return {name: answers[name] for name in _TELL_A_ROW if name in answers}


def _look_alikes(rows: Sequence[JudgedRow], application_id: uuid.UUID, by: Actor) -> dict[int, list[str]]:
    """What in the file looks like something else in it, or like an identity that is there: told, not refused."""
    names = {row.answers.get("business_name", "") for row in rows} - {""}
    there = Identity.objects.visible_to(by).filter(application_id=application_id, business_name__in=names)
    known = {(name, (email or "").lower()) for name, email in there.values_list("business_name", "email")}
    first_by_name: dict[tuple[str, str], int] = {}
    first_by_tax_id: dict[Secret, int] = {}
    warnings: dict[int, list[str]] = {}
    for row in rows:
        told = warnings.setdefault(row.number, [])
        who = (row.answers.get("business_name", ""), row.answers.get("email", "").lower())
        if who[0] and who in known:
            told.append("An identity with this name and e-mail is there already.")
        if who[0] and (line := first_by_name.setdefault(who, row.number)) != row.number:
            told.append(f"Line {line} has the same name and e-mail.")
        tax_id = row.secrets.get("business_tax_id")
        if tax_id and (line := first_by_tax_id.setdefault(tax_id, row.number)) != row.number:
            told.append(f"Line {line} has the same business tax id.")
    return warnings


def _told(error: DomainError, name: str = "") -> list[dict[str, str]]:
    if isinstance(error, FieldErrors):
        return [message for single in error.errors for message in _told(single, name)]
    if isinstance(error, FieldError):
        return [{"field": error.field.removeprefix("entity."), "message": str(error)}]
    return [{"field": name, "message": str(error)}]
