"""Asking for an export, writing it page by page, giving it out, canceling and forgetting it."""

import json
import tempfile
import uuid
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import unquote_plus

from django.conf import settings
from django.db import InterfaceError, OperationalError, connection
from django.db.models import QuerySet
from django.utils import timezone

from events.services import record_audit
from exports.columns import Column
from exports.files import MOST_SHEET_ROWS, csv_lines, csv_of, header, read_lines, write_sheet
from exports.listings import Listing, find
from exports.models import KEPT, Export, ExportChunk
from exports.reading import ROWS_AT_A_TIME, Position, read_all, read_page
from jobs.models import Job
from jobs.services import enqueue
from resources import ids
from resources.errors import DomainError
from resources.timeouts import took_too_long
from tenancy.actors import Actor, MissingPermission, Origin, system
from tenancy.models import Person
from tenancy.roles import Permission
from tenancy.services import person_actor, platform_id
from tenancy.transactions import transaction

WRITE_JOB = "exports.write"
ASSEMBLE_JOB = "exports.assemble"
MOST_AT_A_TIME = 3
_STUCK = timedelta(days=1)
_PIECE_BYTES = 1024 * 1024

_State = Export.State
_Format = Export.Format


class TooManyExports(DomainError):
    code = "CONFLICT"
    status = 409
    message = f"{MOST_AT_A_TIME} of your exports are still being written. Wait until one of them is done."


class ExportRefused(DomainError):
    """Whoever asked for it may not have it any more."""

    code = "FORBIDDEN"
    status = 403
    message = "What you may see has changed since you asked for this export. Ask for it again."


class NoFile(DomainError):
    code = "CONFLICT"
    status = 409
    message = "There is no file of this export: it is not done, or it was deleted after a week."


class ExportNotOpen(DomainError):
    code = "CONFLICT"
    status = 409
    message = "This export is not being written any more."


class TooManyRows(DomainError):
    message = f"A sheet holds {MOST_SHEET_ROWS:,} rows at most. Take CSV, or narrow the list."


def begin_export(*, listing: Listing, query: str, form: str, by: Actor, at: datetime) -> Export:
    """Note an export, which is SENT where it is short enough for `rows_of`, and else written by a worker.

    One that is being written just so is given instead of a second one. Raises UnreadableFilters, TooManyExports.
    """
    by.require(Permission.CREATE_EXPORTS)
    by.require(listing.permission)
    with transaction(by=by, plans_anew=True):
        found = listing.narrowed(query, by)
        limit = settings.EXPORT_AT_ONCE_ROWS
        count = found.order_by().values("pk")[: limit + 1].count()
        is_short = count <= limit
        expected = count if is_short else max(count, _guessed_rows(found))
    author, application_id = by.signature, _application_of(by)
    made = Export(
        application_id=application_id,
        listing=listing.name,
        query=query,
        format=form,
        state=_State.SENT if is_short else _State.QUEUED,
        made_by_kind=author.kind,
        made_by_id=author.id,
        made_by_name=author.name,
        made_by_role=by.role,
        made_by_identity_id=by.identity_id,
        rows=count if is_short else 0,
        expected_rows=expected,
        finished_at=at if is_short else None,
        created_at=at,
        updated_at=at,
    )
    with transaction(by=by):
        if not is_short:
            _one_at_a_time(by)
            open_ones = list(Export.objects.visible_to(by).open())
            for one in open_ones:
                if (one.listing, one.query, one.format) == (listing.name, query, form):
                    return one
            if len(open_ones) >= MOST_AT_A_TIME:
                raise TooManyExports
            enqueue(WRITE_JOB, key=f"{made.public_id} 0", arguments={"export_id": str(made.pk)})
        made.save(force_insert=True)
        _note("export", made, by=by, at=at)
    return made


def cancel_export(*, export: Export, by: Actor, at: datetime) -> Export:
    """Stop an export that is being written, and keep nothing of it. Raises ExportNotOpen."""
    by.require(Permission.CREATE_EXPORTS)
    with transaction(by=by):
        found = _locked(export, by)
        if not found.is_open:
            raise ExportNotOpen
        ExportChunk.objects.filter(export=found).delete()
        found.move_to(_State.CANCELED)
        found.chunks = found.size = 0
        found.finished_at = found.updated_at = at
        found.save()
        _note("cancel_export", found, by=by, at=at)
    return found


def file_at_once(export: Export, *, by: Actor) -> Iterator[bytes]:
    """The file of an export that is short, piece by piece, with no transaction open in between."""
    listing = _listing_of(export)
    columns, pages = listing.columns_for(by), read_all(listing, export.query, by=by)
    if export.format == _Format.CSV:
        yield from csv_of(columns, pages)
        return
    with tempfile.TemporaryDirectory(prefix="export-") as folder:
        path = Path(folder) / "sheet.xlsx"
        write_sheet(path, listing.label, columns, pages)
        yield from _pieces(path)


def write_export(export_id: uuid.UUID, *, until: datetime) -> None:
    """Write pages of an export that was asked for, and ask for another run where some are left at `until`.

    Safe to run twice, and by two at once: each page is written in the transaction that moves the export behind it,
    and only while the export stands where that page begins. A worker that is killed loses the page it was at, and
    whoever comes next goes on there.
    """
    export = _export(export_id)
    if export is None or not export.is_open:
        return
    with _failing(export):
        by = _maker_of(export)
        listing = _listing_of(export)
        has_more = True
        while has_more:
            export, has_more = _write_page(export, listing, by)
            if has_more and timezone.now() >= until:
                _ask_for_more(export)
                return


def assemble_sheet(export_id: uuid.UUID) -> None:
    """Make the XLSX file of rows that are all written, and put it in their place in one transaction."""
    export = _export(export_id)
    if export is None or not export.is_open:
        return
    with _failing(export), tempfile.TemporaryDirectory(prefix="export-") as folder:
        by = _maker_of(export)
        path = Path(folder) / "sheet.xlsx"
        pages = (read_lines(content) for content in _chunks(export, system()))
        labels = next(pages)[0]
        listing = _listing_of(export)
        write_sheet(path, listing.label, _columns_called(labels, listing), pages)
        with transaction(by=by):
            found = _locked(export, by)
            if not found.is_open:
                return
            ExportChunk.objects.filter(export=found).delete()
            found.chunks = found.size = 0
            for piece in _pieces(path):
                _add_chunk(found, piece)
            _finish(found, by)


def open_file(export: Export, *, by: Actor, at: datetime) -> Iterator[bytes]:
    """The file of an export that is done, piece by piece. Raises ExportRefused, NoFile."""
    listing = _listing_of(export)
    _refuse_others(export, listing, by)
    if export.state != _State.DONE or export.expires_at is None or export.expires_at <= at:
        raise NoFile
    with transaction(by=by):
        _note("download_export", export, by=by, at=at)
    return _chunks(export, by)


def tidy(at: datetime) -> None:
    """Delete files after a week, and tell of exports that nobody writes any more, or has not gone on with for a day."""
    by = system()
    with transaction(by=by):
        old = list(Export.objects.visible_to(by).filter(state=_State.DONE, expires_at__lte=at))
        open_ones = list(Export.objects.visible_to(by).open())
        writing = set(_jobs().values_list("arguments__export_id", flat=True))
    for export in old:
        with transaction(by=by):
            found = _locked(export, by)
            if found.state == _State.DONE:
                ExportChunk.objects.filter(export=found).delete()
                found.move_to(_State.EXPIRED)
                found.chunks, found.updated_at = 0, at
                found.save()
    for export in open_ones:
        if str(export.pk) not in writing:
            _fail(export.pk, "It was tried several times in vain. Ask for it again.")
        elif export.updated_at < at - _STUCK:
            _fail(export.pk, "It could not be finished within a day. Ask for it again.")


def _jobs() -> QuerySet[Job]:
    """What is still to be done for exports. One that is open has one, until that is given up."""
    return Job.objects.open().filter(kind__in=[WRITE_JOB, ASSEMBLE_JOB])


@contextmanager
def _failing(export: Export) -> Iterator[None]:
    """What ends the writing for good is told on the export at once; a database that is away is tried again."""
    try:
        yield
    except DomainError as refusal:
        _fail(export.pk, str(refusal))
    except OperationalError as error:
        if not took_too_long(error):
            raise
        _fail(export.pk, "The database took too long to read these rows. Narrow the list, and export it again.")
    except InterfaceError:
        raise
    except Exception:
        _fail(export.pk, "It could not be written. Ask for it again, and tell whoever runs the platform if that fails.")
        raise


def _one_at_a_time(by: Actor) -> None:
    """Two of one person do not begin an export at once: each has to see what the other has open."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"exports of {by.kind} {by.id}"])


def _write_page(export: Export, listing: Listing, by: Actor) -> tuple[Export, bool]:
    """The export as it then is, and whether there is more to write.

    The row is locked once its page is read, which may take long: until then it can be canceled.
    """
    after = Position(export.last_created_at, export.last_id) if export.last_created_at and export.last_id else None
    with transaction(by=by, plans_anew=True):
        page = read_page(listing, export.query, by=by, after=after, limit=ROWS_AT_A_TIME)
        found = _locked(export, by)
        if not found.is_open:
            return found, False
        if found.chunks != export.chunks:
            return found, True  # somebody else was quicker; what comes next is behind their page
        if not found.chunks:
            _add_chunk(found, csv_lines([header(listing.columns_for(by))]))
        if page.rows:
            _add_chunk(found, csv_lines(page.rows))
        found.move_to(_State.RUNNING)
        found.rows += len(page.rows)
        if page.last is not None:
            found.last_created_at, found.last_id = page.last.created_at, page.last.pk
        found.updated_at = timezone.now()
        is_sheet = found.format == _Format.XLSX
        if is_sheet and found.rows > MOST_SHEET_ROWS:
            raise TooManyRows
        found.save()  # also where it is the first page and the last: nothing is done that was never begun
        if not (page.has_more or is_sheet):
            _finish(found, by)
        if is_sheet and not page.has_more:
            enqueue(ASSEMBLE_JOB, key=found.public_id, arguments={"export_id": str(found.pk)})
    return found, page.has_more


def _finish(export: Export, by: Actor) -> None:
    """Call it in a transaction, the export being locked."""
    now = timezone.now()
    export.move_to(_State.DONE)
    export.finished_at = export.updated_at = now
    export.expires_at = now + KEPT
    export.save()
    _note("finish_export", export, by=by, at=now)


def _fail(export_id: uuid.UUID, why: str) -> None:
    by, now = system(), timezone.now()
    with transaction(by=by):
        export = Export.objects.visible_to(by).select_for_update().get(pk=export_id)
        if not export.is_open:
            return
        ExportChunk.objects.filter(export=export).delete()
        export.move_to(_State.FAILED)
        export.error, export.chunks, export.size = why[:300], 0, 0
        export.finished_at = export.updated_at = now
        export.save()
        _note("fail_export", export, by=by, at=now, reason=export.error)


def _note(action: str, export: Export, *, by: Actor, at: datetime, reason: str = "") -> None:
    record_audit(
        action,
        application_id=export.application_id,
        by=by.signature,
        at=at,
        reason=reason or _told(export),
        resource=export.handle,
    )


def _ask_for_more(export: Export) -> None:
    with transaction(by=system()):
        enqueue(WRITE_JOB, key=f"{export.public_id} {export.rows}", arguments={"export_id": str(export.pk)})


def _add_chunk(export: Export, content: bytes) -> None:
    export.chunks += 1
    export.size += len(content)
    ExportChunk.objects.create(
        id=ids.new_id(),
        application_id=export.application_id,
        export=export,
        number=export.chunks,
        content=zlib.compress(content, 1),
    )


def _chunks(export: Export, by: Actor) -> Iterator[bytes]:
    """What is written of it, piece by piece. Raises NoFile where one is gone meanwhile."""
    for number in range(1, export.chunks + 1):
        with transaction(by=by):
            chunk = ExportChunk.objects.filter(export=export, number=number).first()
        if chunk is None:
            raise NoFile
        yield zlib.decompress(chunk.content)


def _pieces(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while piece := file.read(_PIECE_BYTES):
            yield piece


def _export(export_id: uuid.UUID) -> Export | None:
    """By the system's hand, before it is known whether its maker may still have it."""
    by = system()
    with transaction(by=by):
        return Export.objects.visible_to(by).filter(pk=export_id).first()


def _locked(export: Export, by: Actor) -> Export:
    found: Export = Export.objects.visible_to(by).select_for_update().get(pk=export.pk)
    return found


def _listing_of(export: Export) -> Listing:
    listing = find(export.listing)
    if listing is None:
        raise ExportRefused("This list is no longer exported.")
    return listing


def _columns_called(labels: list[str], listing: Listing) -> list[Column]:
    """Those that the rows were written with; one that is not there any more is text."""
    known = {column.label: column for column in listing.columns}
    return [known.get(label) or Column(label, "") for label in labels]


def _maker_of(export: Export) -> Actor:
    """Who asked for it, with what they may see now. Raises ExportRefused."""
    person = Person.objects.filter(pk=export.made_by_id, is_active=True).first()
    if person is None:
        raise ExportRefused("Whoever asked for this export does not sign in here any more.")
    by = person_actor(person, origin=Origin())
    _refuse_others(export, _listing_of(export), by)
    return by


def _refuse_others(export: Export, listing: Listing, by: Actor) -> None:
    """All but who asked, in the role and for the business they asked for. Raises ExportRefused."""
    asked = (export.made_by_role, export.application_id, export.made_by_identity_id)
    if asked != (by.role, _application_of(by), by.identity_id):
        raise ExportRefused
    try:
        by.require(Permission.CREATE_EXPORTS)
        by.require(listing.permission)
    except MissingPermission as error:
        raise ExportRefused from error


def _application_of(by: Actor) -> uuid.UUID:
    return by.own_application_id or platform_id()


def _guessed_rows(found: QuerySet[Any]) -> int:
    """What the planner thinks of the number of rows: counting many would take as long as reading them."""
    (plan,) = json.loads(found.order_by().explain(format="json"))
    return int(plan["Plan"]["Plan Rows"])


def _told(export: Export) -> str:
    """For the audit history: what was taken, how much of it, and how it was filtered, as far as there is room."""
    count = f"{export.rows:,} rows" if not export.is_open else "begun"
    return " · ".join(
        part for part in (f"{export.listing} as {export.format}", count, unquote_plus(export.query)) if part
    )
