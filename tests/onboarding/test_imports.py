"""Merchants from a file: read strictly, judged by the API's rules, made once whatever dies on the way."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

import vault.services as vault
from events.models import Audit, Event
from jobs.models import Job
from jobs.registry import periodic
from onboarding import tasks
from onboarding.forms.imports import (
    judge,
    read,
)
from onboarding.models import Identity, ImportedRow, Merchant, MerchantImport, PaymentInstrument
from onboarding.services import imports
from providers.models import Attempt
from providers.sandbox import faults
from resources import ids
from resources.errors import NotVisible
from tenancy.actors import MissingPermission, system
from tenancy.models import Application
from tenancy.roles import Role
from tenancy.services import person_actor
from tenancy.transactions import transaction
from tests.factories.imports import NUMBER, TAX_ID, cells, file_of
from tests.factories.payments import let_time_pass, make_processor
from tests.factories.tenancy import make_application, make_person
from vault.models import SealedValue
from vault.secret import Secret

pytestmark = pytest.mark.django_db


def judged(*rows: dict[str, str]) -> list[imports.JudgedRow]:
    return [judge(line, now=timezone.now()) for line in read(file_of(*rows))]


@pytest.fixture
def own() -> Application:
    application = make_application("Own")[0]
    make_processor(application)
    return application


def check(
    application: Application, *rows: dict[str, str], processor: str = "DUMMY_V1", **options: Any
) -> MerchantImport:
    return imports.check_import(
        key=options.pop("key", None) or ids.new_id(),
        application_id=application.pk,
        file_name=options.pop("file_name", "merchants.csv"),
        processor=processor,
        rows=judged(*rows),
        by=options.pop("by", None) or system("test"),
        at=timezone.now(),
    )


def confirm(found: MerchantImport) -> MerchantImport:
    return imports.confirm_import(merchant_import=found, by=system("test"), at=timezone.now())


def run(found: MerchantImport) -> None:
    tasks.import_merchants(str(found.pk), str(found.application_id))


def anew(found: MerchantImport) -> tuple[MerchantImport, list[ImportedRow]]:
    with transaction(by=system()):
        rows = ImportedRow.objects.filter(merchant_import=found).order_by("number")
        return MerchantImport.objects.get(pk=found.pk), list(rows)


def count(model: Any, application: Application) -> int:
    with transaction(by=system()):
        return int(model.objects.filter(application_id=application.pk).count())


def sealed_of(rows: list[ImportedRow]) -> int:
    with transaction(by=system()):
        return SealedValue.objects.filter(owner_id__in=[row.pk for row in rows]).count()


def test_what_looks_wrong_in_a_row_is_told_and_not_refused(own: Application) -> None:
    _, rows = anew(
        check(
            own,
            cells(mcc="0001", principal_percentage_ownership="60"),
            cells(mcc="5723", principal_percentage_ownership="76", email="b@example.org"),
            cells(mcc="0001", email="nobody", business_name="Refused"),
        )
    )

    doubt = "No list has the code {}. Check it: the processor may not know it either."
    owners = (
        "Nobody told who owns the other 40 %. Owners of 25 % or more are usually asked for. "
        "Add them afterwards, under BENEFICIAL OWNERS."
    )
    assert [row.state for row in rows] == ["READY", "READY", "REFUSED"]
    assert [row.messages for row in rows[:2]] == [
        [{"field": "mcc", "message": doubt.format("0001")}, {"field": "", "message": owners}],
        [
            {"field": "mcc", "message": doubt.format("5723")},
            {"field": "", "message": "Line 2 has the same business tax id."},
        ],
    ]
    assert [message["field"] for message in rows[2].messages] == ["email"]


def test_preview_makes_nothing_and_seals_what_is_sensitive(own: Application) -> None:
    before = count(Identity, own)

    found = check(own, cells(), cells(email="nobody"))

    kept, rows = anew(found)
    assert (kept.state, [row.state for row in rows], [row.number for row in rows]) == (
        "CHECKED",
        ["READY", "REFUSED"],
        [2, 3],
    )
    assert count(Identity, own) == before
    with transaction(by=system()):
        sealed = set(SealedValue.objects.filter(owner_id=rows[0].pk).values_list("name", flat=True))
    assert sealed == {"tax_id", "business_tax_id", "dob", "account_number"}
    assert sealed_of(rows[1:]) == 0
    assert {"tax_id", "business_tax_id", "dob", "account_number"} & {*rows[0].answers, *rows[1].answers} == set()


def test_row_that_is_refused_keeps_nothing_but_what_it_is_told_by(own: Application) -> None:
    slipped = cells(business_type=TAX_ID, ownership_type=TAX_ID, incorporation_date=TAX_ID, title=NUMBER)

    _, (row,) = anew(check(own, slipped))

    assert row.state == "REFUSED"
    assert {*row.answers} == {"business_name", "doing_business_as", "email"}
    assert {message["field"] for message in row.messages} == {"business_type", "ownership_type", "incorporation_date"}
    assert [message for message in row.messages if TAX_ID in message["message"]] == []


def test_numbers_stand_nowhere_in_the_clear(own: Application) -> None:
    found = check(own, cells())
    confirm(found)
    run(found)

    with connection.cursor() as cursor:
        told = []
        for table in ("merchant_import", "imported_row", "job", "event", "audit", "identity", "idempotency_key"):
            with transaction(by=system()):
                cursor.execute(f"SELECT row_to_json({table})::text FROM {table}")
                told += [text for (text,) in cursor.fetchall()]
    assert len(told) > 5
    assert [text for text in told if TAX_ID in text or NUMBER in text] == []


def test_look_alikes_are_told_and_not_refused(own: Application) -> None:
    run(confirm(check(own, cells())))

    found = check(
        own, cells(business_tax_id="111223333"), cells(email="other@example.org", business_tax_id="111223333")
    )

    _, rows = anew(found)
    assert [row.state for row in rows] == ["READY", "READY"]
    assert [[message["message"] for message in row.messages] for row in rows] == [
        ["An identity with this name and e-mail is there already."],
        ["Line 2 has the same business tax id."],
    ]


def test_confirmed_import_makes_identity_bank_account_and_merchant(own: Application) -> None:
    found = confirm(check(own, cells(), cells(email="second@example.org", business_name="Second")))
    run(found)

    kept, rows = anew(found)
    assert (kept.state, [row.state for row in rows]) == ("DONE", ["DONE", "DONE"])
    with transaction(by=system()):
        identity = Identity.objects.get(pk=rows[0].identity_id)
        account = PaymentInstrument.objects.get(pk=rows[0].instrument_id)
        merchant = Merchant.objects.get(pk=rows[0].merchant_id)
    assert (identity.business_name, identity.annual_card_volume, identity.tax_id_provided) == (
        "Bobs Burgers",
        120050,
        True,
    )
    assert (account.identity_id, account.last_four, account.account_type) == (
        identity.pk,
        NUMBER[-4:],
        "BUSINESS_CHECKING",
    )
    assert (merchant.identity_id, merchant.onboarding_state) == (identity.pk, "APPROVED")
    assert sealed_of(rows) == 0
    assert {*rows[0].answers} == {"business_name", "doing_business_as", "email"}


def test_import_without_a_processor_makes_no_merchant(own: Application) -> None:
    found = confirm(check(own, cells(), processor=""))
    run(found)

    _, (row,) = anew(found)
    assert (row.state, row.merchant_id, row.instrument_id is not None) == ("DONE", None, True)


def test_partial_failure_is_told_and_stops_nothing(own: Application) -> None:
    refused = cells(business_name="No processor", email="a@example.org")
    found = confirm(check(own, refused, processor="LITLE_V1"))
    run(found)

    kept, (row,) = anew(found)
    assert (kept.state, row.state, row.merchant_id) == ("DONE", "PARTLY", None)
    assert row.messages == [{"field": "processor", "message": "One of DUMMY_V1 is needed"}]


def test_running_twice_makes_nothing_twice(own: Application) -> None:
    found = confirm(check(own, cells()))
    run(found)
    made = [count(model, own) for model in (Identity, PaymentInstrument, Merchant, Attempt)]

    run(found)

    assert [count(model, own) for model in (Identity, PaymentInstrument, Merchant, Attempt)] == made


@pytest.mark.parametrize("dies_at", ["create_payment_instrument", "provision_merchant", "_close_row", "_finish"])
def test_worker_that_dies_anywhere_leaves_nothing_twice(
    own: Application, dies_at: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed before and after each step; the next worker goes on where it stood."""
    found = confirm(check(own, cells(), cells(business_name="Second", email="second@example.org")))
    for is_after in (False, True):
        with monkeypatch.context() as patch:
            patch.setattr(imports, dies_at, dying(getattr(imports, dies_at), is_after=is_after))
            with pytest.raises(KeyboardInterrupt):
                run(found)

    run(found)

    kept, rows = anew(found)
    assert (kept.state, [row.state for row in rows]) == ("DONE", ["DONE", "DONE"])
    assert count(Identity, own) == 3  # the owner's is one
    assert (count(PaymentInstrument, own), count(Merchant, own)) == (2, 2)


def test_confirming_twice_runs_once(own: Application) -> None:
    found = confirm(check(own, cells()))

    with pytest.raises(imports.ImportNotWaiting):
        confirm(found)

    assert Job.objects.filter(kind=imports.JOB).count() == 1


def test_file_sent_twice_is_one_import(own: Application) -> None:
    key = ids.new_id()

    first, second = check(own, cells(), key=key), check(own, cells(), key=key)

    assert first.pk == second.pk
    assert count(ImportedRow, own) == 1


@pytest.mark.parametrize(
    ("row", "options"),
    [
        ({"account_number": "99887766"}, {}),
        ({"business_name": "Second"}, {}),
        ({}, {"file_name": "others.csv"}),
        ({}, {"processor": ""}),
    ],
)
def test_other_file_under_the_same_key_is_refused(
    own: Application, row: dict[str, str], options: dict[str, str]
) -> None:
    key = ids.new_id()
    check(own, cells(), key=key)

    with pytest.raises(imports.OtherFile):
        check(own, cells(**row), key=key, **options)

    assert (count(MerchantImport, own), count(ImportedRow, own)) == (1, 1)


def test_file_sent_again_is_the_import_whatever_became_of_it(own: Application) -> None:
    key = ids.new_id()
    run(confirm(check(own, cells(), key=key)))

    again = check(own, cells(), key=key)

    assert (again.pk, again.state, count(ImportedRow, own)) == (key, "DONE", 1)


def test_key_of_a_foreign_import_leads_nowhere(own: Application) -> None:
    found = check(own, cells())
    foreign, login = make_application("Foreign")

    with pytest.raises(NotVisible):
        check(foreign, cells(), key=found.pk, by=login.actor)

    assert (count(MerchantImport, foreign), count(ImportedRow, foreign), anew(found)[0].state) == (0, 0, "CHECKED")


def test_import_that_nobody_confirms_is_withdrawn_after_a_week(own: Application) -> None:
    forgotten, confirmed, fresh = check(own, cells()), confirm(check(own, cells())), check(own, cells())
    for found, age in ((forgotten, 8), (confirmed, 8), (fresh, 6)):
        with transaction(by=system()):
            kept = MerchantImport.objects.filter(pk=found.pk)
            kept.update(created_at=timezone.now() - timedelta(days=age))

    tasks.withdraw_forgotten()
    tasks.withdraw_forgotten()

    states = [anew(found)[0].state for found in (forgotten, confirmed, fresh)]
    _, rows = anew(forgotten)
    assert states == ["WITHDRAWN", "RUNNING", "CHECKED"]
    assert (rows[0].answers, sealed_of(rows)) == ({}, 0)
    assert sealed_of(anew(fresh)[1]) == 4
    assert ("onboarding.withdraw_forgotten", timedelta(days=1)) in periodic()


def test_withdrawn_import_is_erased_and_stays_so(own: Application) -> None:
    found = check(own, cells())

    imports.withdraw_import(merchant_import=found, by=system("test"), at=timezone.now())

    kept, rows = anew(found)
    assert (kept.state, rows[0].answers, sealed_of(rows)) == ("WITHDRAWN", {}, 0)
    with pytest.raises(imports.ImportNotWaiting):
        confirm(found)
    with pytest.raises(imports.ImportNotWaiting):
        imports.withdraw_import(merchant_import=found, by=system("test"), at=timezone.now())


def test_import_without_a_good_row_is_not_confirmed(own: Application) -> None:
    found = check(own, cells(email="nobody"))

    with pytest.raises(imports.NothingToImport):
        confirm(found)


@pytest.mark.parametrize(
    ("column", "told"), [("email", {"email"}), ("bank_code", {"bank_code"}), ("account_number", {"account_number"})]
)
def test_row_that_the_rules_do_not_take_any_more_has_failed(own: Application, column: str, told: set[str]) -> None:
    """It was judged by the rules of another day; nothing is made of it, and the others go on."""
    found = confirm(check(own, cells(), cells(business_name="Second", email="second@example.org")))
    _, (first, _) = anew(found)
    with transaction(by=system()):
        if column == "account_number":
            vault.seal(first, column, Secret("12"), application_id=own.pk)
        else:
            ImportedRow.objects.filter(pk=first.pk).update(answers=first.answers | {column: "nobody"})

    run(found)

    kept, (failed, done) = anew(found)
    assert (kept.state, failed.state, done.state) == ("DONE", "FAILED", "DONE")
    assert {message["field"] for message in failed.messages} == told
    assert all(message["message"] for message in failed.messages)
    assert (sealed_of([failed]), count(Identity, own), count(PaymentInstrument, own)) == (0, 2, 1)


def test_row_whose_identity_is_there_already_is_imported_in_part(own: Application) -> None:
    found = confirm(check(own, cells()))
    faults.arrange(application_id=own.pk, kind="UNREACHABLE", operation="tokenise_bank_account", times=2)
    run(found)
    _, (row,) = anew(found)
    with transaction(by=system()):
        ImportedRow.objects.filter(pk=row.pk).update(answers=row.answers | {"bank_code": "1"})

    run(found)

    kept, (row,) = anew(found)
    assert (kept.state, row.state, count(Identity, own)) == ("DONE", "PARTLY", 2)
    assert [message["field"] for message in row.messages] == ["bank_code"]


@pytest.mark.parametrize(("age", "wait"), [(0, 10), (60, 10), (600, 60), (36_000, 3_600)])
def test_the_longer_a_row_waits_the_less_often_it_is_looked_at(own: Application, age: int, wait: int) -> None:
    found = confirm(check(own, cells()))
    with transaction(by=system()):
        MerchantImport.objects.filter(pk=found.pk).update(updated_at=timezone.now() - timedelta(seconds=age))
    faults.arrange(application_id=own.pk, kind="TIMEOUT_AFTER", operation="tokenise_bank_account", times=1)
    before = timezone.now()

    run(found)

    due = Job.objects.filter(kind=imports.JOB).latest("due_at").due_at
    assert timedelta(seconds=wait) <= due - before < timedelta(seconds=wait + 5)


def test_undecided_bank_account_is_looked_at_again(own: Application) -> None:
    found = confirm(check(own, cells()))
    faults.arrange(application_id=own.pk, kind="TIMEOUT_AFTER", operation="tokenise_bank_account", times=1)
    run(found)
    waiting, (row,) = anew(found)
    jobs = Job.objects.filter(kind=imports.JOB).count()

    let_time_pass(own, 60)
    run(found)

    kept, (imported,) = anew(found)
    assert (waiting.state, row.state, jobs) == ("RUNNING", "READY", 2)
    assert (kept.state, imported.state) == ("DONE", "DONE")
    assert count(PaymentInstrument, own) == 1


def test_provider_that_cannot_be_reached_is_tried_again_for_a_while(own: Application) -> None:
    found = confirm(check(own, cells()))
    faults.arrange(application_id=own.pk, kind="UNREACHABLE", operation="tokenise_bank_account", times=2)
    run(found)
    waiting, (row,) = anew(found)
    sealed = sealed_of([row])

    run(found)

    kept, (imported,) = anew(found)
    assert (waiting.state, row.state, sealed > 0) == ("RUNNING", "READY", True)
    assert (kept.state, imported.state, imported.messages) == ("DONE", "DONE", [])
    assert count(PaymentInstrument, own) == 1


def test_provider_that_stays_away_leaves_the_row_in_part(own: Application) -> None:
    found = confirm(check(own, cells()))
    with transaction(by=system()):
        MerchantImport.objects.filter(pk=found.pk).update(updated_at=timezone.now() - timedelta(hours=2))
    faults.arrange(application_id=own.pk, kind="UNREACHABLE", operation="tokenise_bank_account", times=2)

    run(found)

    kept, (row,) = anew(found)
    assert (kept.state, row.state) == ("DONE", "PARTLY")
    assert row.messages == [{"field": "account_number", "message": "The provider could not be reached."}]


def test_merchant_that_is_rejected_is_told(own: Application) -> None:
    found = confirm(check(own, cells(business_tax_id="000000003")))

    run(found)

    _, (row,) = anew(found)
    assert row.state == "PARTLY"
    assert row.messages == [
        {
            "field": "processor",
            "message": "DUMMY_V1 rejected the merchant. The tax id does not belong to a business of this name."
            " The business address could not be confirmed.",
        }
    ]
    assert row.merchant_id is not None


def test_row_that_breaks_us_stops_none_of_the_others(own: Application) -> None:
    found = confirm(check(own, cells(), cells(business_name="Second", email="second@example.org")))
    _, (first, _) = anew(found)
    with transaction(by=system()):
        ImportedRow.objects.filter(pk=first.pk).update(answers=["not what a row has"])

    with pytest.raises(TypeError):
        run(found)

    kept, rows = anew(found)
    assert (kept.state, [row.state for row in rows]) == ("RUNNING", ["READY", "DONE"])


def test_run_that_reached_its_end_asks_for_another(own: Application) -> None:
    found = confirm(check(own, cells(), cells(business_name="Second", email="second@example.org")))

    imports.run_import(
        found.pk,
        own.pk,
        reader=tasks.READER,
        until=timezone.now() - timedelta(seconds=1),
    )

    kept, rows = anew(found)
    assert (kept.state, [row.state for row in rows]) == ("RUNNING", ["DONE", "READY"])
    assert Job.objects.filter(kind=imports.JOB).count() == 2
    run(found)
    assert anew(found)[0].state == "DONE"


def test_import_is_carried_out_in_the_name_of_who_confirmed_it(own: Application) -> None:
    person = make_person("paula@example.org", Role.PARTNER, application=own)
    by = person_actor(person, origin=system().origin)
    found = check(own, cells(), by=by)
    imports.confirm_import(merchant_import=found, by=by, at=timezone.now())
    run(found)

    _, (row,) = anew(found)
    with transaction(by=system()):
        event = Event.objects.get(resource_id=row.identity_id)
        acts = Audit.objects.filter(author_id=person.pk).order_by("occurred_at", "id")
        acts = list(acts.values_list("action", flat=True))
    assert event.author_name == "Paula"
    assert acts == [
        "check_import",
        "confirm_import",
        "create_identity",
        "create_payment_instrument",
        "provision_merchant",
    ]


def test_import_of_somebody_who_was_shut_out_makes_nothing(own: Application) -> None:
    person = make_person("paula@example.org", Role.PARTNER, application=own)
    by = person_actor(person, origin=system().origin)
    found = check(own, cells(), by=by)
    imports.confirm_import(merchant_import=found, by=by, at=timezone.now())
    type(person).objects.filter(pk=person.pk).update(is_active=False)
    run(found)

    kept, (row,) = anew(found)
    assert (kept.state, row.state, count(Identity, own)) == ("DONE", "FAILED", 1)
    assert row.messages[0]["message"] == "Whoever confirmed this import does not sign in here any more."


def test_import_of_somebody_who_went_elsewhere_makes_nothing(own: Application) -> None:
    person = make_person("paula@example.org", Role.PARTNER, application=own)
    by = person_actor(person, origin=system().origin)
    found = check(own, cells(), by=by)
    imports.confirm_import(merchant_import=found, by=by, at=timezone.now())
    elsewhere = make_application("Elsewhere")[0]
    type(person).objects.filter(pk=person.pk).update(application=elsewhere)

    run(found)

    kept, (row,) = anew(found)
    assert (kept.state, row.state, sealed_of([row])) == ("DONE", "FAILED", 0)
    assert [count(Identity, each) for each in (own, elsewhere)] == [1, 1]
    assert row.messages[0]["message"] == "Whoever confirmed this import does not work for this application any more."


def test_merchant_may_not_import(own: Application) -> None:
    person = make_person("mia@example.org", Role.MERCHANT, application=own, identity_id=own.owner_id)

    with pytest.raises(MissingPermission):
        check(own, cells(), by=person_actor(person, origin=system().origin))


def dying(step: Callable[..., Any], *, is_after: bool) -> Callable[..., Any]:
    """A step at which the process ends, before it or after it was done."""

    def die(*args: Any, **options: Any) -> Any:
        if is_after:
            step(*args, **options)
        raise KeyboardInterrupt

    return die
