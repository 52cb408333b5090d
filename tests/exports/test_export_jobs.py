"""Long exports: written page by page, resumed where a worker stopped, whole or not at all, and for whom they were."""

import threading
import tracemalloc
import uuid
import zlib
from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, OperationalError, connections
from django.utils import timezone

from config.embedded.services import WORKER_STATEMENT_TIMEOUT
from events.models import Audit
from exports import services, tasks
from exports.listings import find
from exports.models import KEPT, Export, ExportChunk
from exports.reading import ROWS_AT_A_TIME, read_all
from jobs import registry
from jobs.models import Job
from onboarding.models import Identity
from tenancy.actors import Origin, system
from tenancy.models import Person
from tenancy.roles import PERMISSIONS, Permission, Role
from tenancy.services import Place, person_actor, set_person_active, update_person
from tenancy.transactions import transaction
from tests.exports.patience import locked, patience
from tests.exports.rows import all_ids, copies_of
from tests.factories.onboarding import make_identity
from tests.factories.tenancy import make_application, make_person
from tests.portal.exports import ask, content_of, page_of, sheet, table, written
from tests.portal.pages import anew, only, rows, text_of
from tests.portal.test_exports import Shop

PAGES = 3


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    """Pages of four rows, and nothing is sent at once beyond two."""
    settings.EXPORT_AT_ONCE_ROWS = 2
    monkeypatch.setattr(services, "ROWS_AT_A_TIME", 4)


@pytest.fixture
def shop(db: None) -> Shop:
    """Eleven sales: three pages."""
    made = Shop("Own")
    copies_of(made.sale, 10)
    return made


def asked(shop: Shop, role: Role = Role.PARTNER, form: str = "CSV") -> tuple[Any, Export]:
    client = shop.browser(role)
    answer = ask(client, "transfers", form=form)
    export = only(Export)
    assert answer["Location"] == page_of(export)
    return client, export


def run_a_page(export: Export) -> Export:
    """As much as a worker does that has no time."""
    services.write_export(export.pk, until=timezone.now())
    found: Export = anew(export)
    return found


def content_now(export: Export) -> bytes:
    with transaction(by=system()):
        chunks = ExportChunk.objects.filter(export=export).order_by("number")
        return b"".join(zlib.decompress(chunk.content) for chunk in chunks)


@pytest.mark.parametrize("form", ["CSV", "XLSX"])
@pytest.mark.usefixtures("db")
def test_export_of_one_page_is_done_at_once(form: str) -> None:
    shop = Shop("Own")
    copies_of(shop.sale, 2)
    _, export = asked(shop, form=form)

    run_a_page(export)
    services.assemble_sheet(export.pk)

    assert (anew(export).state, anew(export).rows) == ("DONE", 3)


def test_long_export_is_written_page_by_page_and_then_fetched(shop: Shop, settings: Any) -> None:
    client, export = asked(shop)
    waits = text_of(client.get(page_of(export)))

    steps = [(one.state, one.rows) for one in (run_a_page(export) for _ in range(PAGES))]
    done = anew(export)
    answer = client.get(f"{page_of(export)}file/")
    settings.EXPORT_AT_ONCE_ROWS = 100

    assert "The file is being written" in waits
    assert steps == [("RUNNING", 4), ("RUNNING", 8), ("DONE", 11)]
    assert content_of(answer) == content_of(ask(client, "transfers"))
    assert int(answer["Content-Length"]) == done.size
    assert done.expires_at == done.finished_at + KEPT
    with transaction(by=system()):
        told = sorted(Audit.objects.filter(action__contains="export").values_list("action", "reason"))
    assert told == [
        ("download_export", "transfers as CSV · 11 rows"),
        ("export", "transfers as CSV · 11 rows"),  # the short way, above
        ("export", "transfers as CSV · begun"),
        ("finish_export", "transfers as CSV · 11 rows"),
    ]


def test_job_of_an_export_goes_on_until_it_is_done(shop: Shop) -> None:
    _, export = asked(shop)
    with transaction(by=system()):
        (job,) = Job.objects.filter(kind=services.WRITE_JOB)

    tasks.write(**job.arguments)
    tasks.write(**job.arguments)  # a second time is nothing

    assert (anew(export).state, anew(export).rows) == ("DONE", 11)


def test_run_that_has_no_time_left_asks_for_another(shop: Shop) -> None:
    _, export = asked(shop)

    run_a_page(export)
    run_a_page(export)

    keys = list(Job.objects.filter(kind=services.WRITE_JOB).order_by("key").values_list("key", flat=True))
    assert keys == [f"{export.public_id} {rows}" for rows in (0, 4, 8)]


def test_sheet_is_made_of_rows_that_are_all_written(shop: Shop) -> None:
    client, export = asked(shop, form="XLSX")

    for _ in range(PAGES):
        run_a_page(export)
    before = anew(export)
    refused = client.get(f"{page_of(export)}file/", follow=True)
    (job,) = Job.objects.filter(kind=services.ASSEMBLE_JOB)
    tasks.assemble(**job.arguments)
    tasks.assemble(**job.arguments)

    found = sheet(content_of(client.get(f"{page_of(export)}file/")))
    assert (before.state, anew(export).state) == ("RUNNING", "DONE")
    assert "There is no file of this export" in text_of(refused)
    assert (len(found), found[0][:2], found[1][6]) == (12, ("Id", "Created"), 12.5)


def test_rows_made_meanwhile_neither_come_twice_nor_push_others_out(shop: Shop) -> None:
    _, export = asked(shop)
    before = all_ids(type(shop.sale))

    run_a_page(export)
    newest = anew(shop.sale)
    with transaction(by=system()):
        type(newest).objects.filter(pk=newest.pk).update(state="SUCCEEDED")
    copies_of(newest, 0)
    done = written(export)

    ids = [row["Id"] for row in table(content_now(done))]
    assert len(ids) == len(set(ids)) == len(before)


@pytest.mark.usefixtures("own_database")
def test_two_workers_write_each_row_once() -> None:
    shop = Shop("Own")
    copies_of(shop.sale, 60)
    _, export = asked(shop)
    errors: list[BaseException] = []

    def work() -> None:
        try:
            services.write_export(export.pk, until=timezone.now() + timedelta(seconds=60))
        except BaseException as error:
            errors.append(error)
        finally:
            connections.close_all()

    workers = [threading.Thread(target=work) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()

    ids = [row["Id"] for row in table(content_now(anew(export)))]
    assert errors == []
    assert (anew(export).state, len(ids), len(set(ids))) == ("DONE", 61, 61)


def test_same_export_asked_for_twice_is_one(shop: Shop) -> None:
    client, export = asked(shop)

    again = ask(client, "transfers")

    assert again["Location"] == page_of(export)
    assert len(rows(Export)) == 1


def test_only_so_many_are_written_for_one_person_at_a_time(shop: Shop) -> None:
    client, _ = asked(shop)
    for query in ("state=SUCCEEDED", "type=DEBIT"):
        ask(client, "transfers", query)

    refused = client.post(
        "/dashboard/exports/new/", {"listing": "transfers", "query": "amount=12.50", "format": "CSV"}, follow=True
    )

    assert "3 of your exports are still being written." in text_of(refused)
    assert len(rows(Export)) == 3
    assert ask(shop.browser(Role.PARTNER), "transfers").status_code == 302
    assert len(rows(Export)) == 4


@pytest.mark.parametrize("role", [Role.PARTNER, Role.MERCHANT])
def test_nothing_of_other_tenants_is_in_the_file(shop: Shop, role: Role) -> None:
    foreign = Shop("Foreign")
    copies_of(foreign.sale, 10)
    _, export = asked(shop, role)

    done = written(export)

    found = {row["Id"] for row in table(content_now(done))}
    assert len(found) == 11
    assert (
        found & {row.public_id for row in rows(type(foreign.sale)) if row.application_id != shop.application.pk}
        == set()
    )


def test_platform_takes_all_of_it(shop: Shop) -> None:
    foreign = Shop("Foreign")
    copies_of(foreign.sale, 3)
    _, export = asked(shop, Role.PLATFORM)

    assert written(export).rows == 15


def person_of(export: Export) -> Person:
    return Person.objects.get(pk=export.made_by_id)


def demote(person: Person, **place: Any) -> None:
    update_person(
        person=person,
        name=person.name,
        email=person.email,
        place=Place(**place),
        version=person.version,
        by=system("test"),
        at=timezone.now(),
    )


def take_away(shop: Shop, export: Export, what: str) -> None:
    person = person_of(export)
    if what == "account":
        set_person_active(person=person, is_active=False, by=system("test"), at=timezone.now())
    elif what == "role":
        demote(person, role=Role.MERCHANT, application=shop.application, identity_id=shop.identity.pk)
    else:
        demote(person, role=Role.PARTNER, application=make_application("Other")[0], identity_id=None)


@pytest.mark.parametrize("what", ["account", "role", "application"])
def test_export_fails_where_rights_were_taken_away_meanwhile(shop: Shop, what: str) -> None:
    _, export = asked(shop)
    run_a_page(export)

    take_away(shop, export, what)
    failed = run_a_page(export)

    assert (failed.state, failed.size, content_now(failed)) == ("FAILED", 0, b"")
    assert failed.error.startswith("Whoever asked" if what == "account" else "What you may see has changed")


@pytest.mark.parametrize("what", ["role", "application"])
def test_file_is_refused_where_rights_were_taken_away_since(shop: Shop, what: str) -> None:
    _, export = asked(shop)
    done = written(export)

    take_away(shop, export, what)
    by = person_actor(person_of(export), origin=Origin())

    with pytest.raises(services.ExportRefused):
        services.open_file(done, by=by, at=timezone.now())


def test_file_is_refused_where_the_role_lost_the_list(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    client, export = asked(shop)
    written(export)
    less = PERMISSIONS[Role.PARTNER] - {Permission.VIEW_TRANSFERS}
    monkeypatch.setitem(PERMISSIONS, Role.PARTNER, less)

    answer = client.get(f"{page_of(export)}file/", follow=True)

    assert "What you may see has changed" in text_of(answer)


def test_file_is_deleted_after_a_week(shop: Shop) -> None:
    client, export = asked(shop)
    done = written(export)

    services.tidy(done.expires_at - timedelta(seconds=1))
    kept = content_now(done)
    services.tidy(done.expires_at)

    assert kept
    assert (anew(export).state, content_now(done)) == ("EXPIRED", b"")
    assert "The file was deleted" in text_of(client.get(f"{page_of(export)}file/", follow=True))


def test_export_that_nobody_finishes_is_given_up(shop: Shop) -> None:
    client, export = asked(shop)
    run_a_page(export)

    services.tidy(timezone.now() + timedelta(hours=23))
    assert anew(export).state == "RUNNING"
    services.tidy(timezone.now() + timedelta(hours=25))

    assert (anew(export).state, content_now(export)) == ("FAILED", b"")
    assert "It could not be finished within a day." in text_of(client.get(page_of(export)))


def test_export_whose_job_was_given_up_is_told_soon(shop: Shop) -> None:
    _, export = asked(shop)
    services.tidy(timezone.now())
    before = anew(export).state
    Job.objects.filter(kind=services.WRITE_JOB).update(given_up_at=timezone.now())

    services.tidy(timezone.now())

    failed = anew(export)
    assert (before, failed.state) == ("QUEUED", "FAILED")
    assert failed.error == "It was tried several times in vain. Ask for it again."


def test_export_that_breaks_fails_at_once_and_its_job_too(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cell that cannot be written stands for any fault of ours."""
    _, export = asked(shop)
    with transaction(by=system()):
        (job,) = Job.objects.filter(kind=services.WRITE_JOB)
    monkeypatch.setattr(services, "ROWS_AT_A_TIME", "many")

    with pytest.raises(TypeError):
        tasks.write(**job.arguments)
    tasks.write(**job.arguments)  # what was put back finds nothing to do

    failed = anew(export)
    assert (failed.state, content_now(export)) == ("FAILED", b"")
    assert failed.error.startswith("It could not be written.")


def test_sheet_that_cannot_be_made_fails_at_once(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    _, export = asked(shop, form="XLSX")
    for _ in range(PAGES):
        run_a_page(export)
    with transaction(by=system()):
        ExportChunk.objects.filter(export=export).update(content=zlib.compress(b""))

    with pytest.raises(IndexError):
        services.assemble_sheet(export.pk)

    assert anew(export).state == "FAILED"


@pytest.mark.usefixtures("own_database")
def test_rows_that_take_too_long_to_read_fail_the_export_at_once() -> None:
    shop = Shop("Own")
    copies_of(shop.sale, 10)
    _, export = asked(shop)

    with locked("transfer"), patience(statement_timeout="200ms", lock_timeout="0"):
        services.write_export(export.pk, until=timezone.now())

    failed = anew(export)
    assert (failed.state, failed.error.partition(".")[0]) == ("FAILED", "The database took too long to read these rows")


@pytest.mark.usefixtures("own_database")
def test_lock_that_is_not_given_is_waited_for_again() -> None:
    shop = Shop("Own")
    copies_of(shop.sale, 10)
    _, export = asked(shop)

    with locked("transfer"), patience(lock_timeout="200ms"), pytest.raises(OperationalError):
        services.write_export(export.pk, until=timezone.now())

    assert anew(export).state == "QUEUED"
    assert run_a_page(export).rows == 4


@pytest.mark.parametrize("pages", [0, 1])
def test_export_is_canceled_by_who_asked(shop: Shop, pages: int) -> None:
    client, export = asked(shop)
    for _ in range(pages):
        run_a_page(export)

    shown = client.post(page_of(export), follow=True)
    after = run_a_page(export)
    again = client.post(page_of(export), follow=True)

    assert "The export was canceled. Nothing of it is kept." in text_of(shown)
    assert (after.state, content_now(export), after.error) == ("CANCELED", b"", "")
    assert after.finished_at is not None
    assert "This export is not being written any more." in text_of(again)
    with transaction(by=system()):
        assert Audit.objects.get(action="cancel_export").resource_id == export.pk


def test_canceled_export_makes_room(shop: Shop) -> None:
    client, export = asked(shop)

    client.post(page_of(export))
    again = ask(client, "transfers")

    assert again["Location"] != page_of(export)


def test_nobody_else_cancels_it(shop: Shop) -> None:
    client, export = asked(shop)

    others = [shop.browser(role).post(page_of(export)).status_code for role in (Role.PARTNER, Role.ADMIN)]

    assert others == [404, 404]
    assert anew(export).state == "QUEUED"
    assert "Cancel" in text_of(client.get(page_of(export)))


def test_export_that_is_canceled_while_a_page_is_read_stays_so(shop: Shop) -> None:
    client, export = asked(shop)
    before = anew(export)
    listing, by = find("transfers"), person_actor(person_of(export), origin=Origin())
    assert listing is not None
    client.post(page_of(export))

    found, has_more = services._write_page(before, listing, by)

    assert (found.state, has_more, content_now(export)) == ("CANCELED", False, b"")


@pytest.mark.usefixtures("own_database")
@pytest.mark.parametrize(("queries", "made", "refused"), [(["", "", "", "", "", ""], 1, 0), (list("abcdef"), 3, 3)])
def test_asked_for_by_many_at_once_is_asked_for_once(queries: list[str], made: int, refused: int) -> None:
    shop = Shop("Own")
    copies_of(shop.sale, 10)
    listing, by = find("transfers"), person_actor(make_person("x@y.org", Role.PLATFORM), origin=Origin())
    assert listing is not None
    start = threading.Barrier(len(queries))
    told: list[str] = []

    def begin(name: str) -> None:
        query = f"amount.gte=0.{ord(name) - ord('a')}" if name else ""
        try:
            start.wait()
            told.append(services.begin_export(listing=listing, query=query, form="CSV", by=by, at=timezone.now()).state)
        except services.TooManyExports:
            told.append("refused")
        finally:
            connections.close_all()

    threads = [threading.Thread(target=begin, args=[name]) for name in queries]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert (len(rows(Export)), told.count("refused")) == (made, refused)
    assert told.count("QUEUED") == len(queries) - refused


def test_lease_is_longer_than_a_statement_may_take() -> None:
    known = registry.get(services.WRITE_JOB)
    assert known is not None

    assert known.lease > tasks._WORK + timedelta(seconds=int(WORKER_STATEMENT_TIMEOUT))


def test_page_follows_the_export_until_it_is_done(shop: Shop) -> None:
    client, export = asked(shop)
    url = client.get(page_of(export)).context["following"]["url"]

    same = client.get(url, headers={"HX-Request": "true"})
    run_a_page(export)
    moved = client.get(url, headers={"HX-Request": "true"})
    written(export)

    assert (same.status_code, moved.status_code) == (204, 200)
    assert 'value="36"' in moved.content.decode() or "progress" in moved.content.decode()
    assert client.get(page_of(export)).context["following"] is None


def test_more_rows_than_a_sheet_holds_are_refused(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services, "MOST_SHEET_ROWS", 7)
    _, export = asked(shop, form="XLSX")

    failed = written(export)

    assert failed.state == "FAILED"
    assert "rows at most. Take CSV" in failed.error


@pytest.mark.parametrize(
    ("changes", "constraint"),
    [
        ({"state": "FAILED"}, "export_failed_with_an_error"),
        ({"state": "QUEUED", "error": "x"}, "export_failed_with_an_error"),
        ({"expires_at": timezone.now()}, "export_done_expires"),
        ({"last_id": uuid.UUID(int=1)}, "export_stands_on_one_row"),
        ({"state": "DONE"}, "cannot become"),
        ({"listing": "identities"}, "never change"),
        ({"made_by_id": uuid.UUID(int=1)}, "never change"),
    ],
)
def test_database_refuses_what_an_export_cannot_be(shop: Shop, changes: dict[str, Any], constraint: str) -> None:
    _, export = asked(shop)

    with pytest.raises(IntegrityError, match=constraint), transaction(by=system()):
        Export.objects.filter(pk=export.pk).update(**changes)


def test_chunk_is_written_once(shop: Shop) -> None:
    _, export = asked(shop)
    run_a_page(export)

    with pytest.raises(IntegrityError, match="export_chunk_once"), transaction(by=system()):
        ExportChunk.objects.create(
            id=uuid.uuid4(), application_id=export.application_id, export=export, number=1, content=b""
        )


@pytest.mark.django_db
def test_memory_does_not_grow_with_the_rows() -> None:
    """Twenty thousand take no more than ten: two pages are held at a time."""
    application = make_application("Own")[0]
    identity = make_identity(application)
    listing = find("identities")
    assert listing is not None
    peaks = []
    for count in (2 * ROWS_AT_A_TIME, 2 * ROWS_AT_A_TIME):
        copies_of(identity, count)
        tracemalloc.start()
        read = sum(len(page) for page in read_all(listing, "", by=system()))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()

    assert read == len(rows(Identity)) == 4 * ROWS_AT_A_TIME + 2
    assert peaks[1] < 1.2 * peaks[0]
