"""Underwriting forms that are kept as one goes: nothing lost, nothing twice, nothing sensitive left behind."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connection
from django.utils import timezone

import vault.services as vault
from events.models import Audit, Event
from onboarding import tasks
from onboarding.forms.saved import MerchantDraftForm
from onboarding.models import Identity, OnboardingForm
from onboarding.services import forms as saved
from resources import ids
from resources.errors import ChangedMeanwhile, NotVisible
from tenancy.actors import Actor, MissingPermission, Origin, system
from tenancy.models import Application
from tenancy.roles import Role
from tenancy.services import update_application
from tenancy.transactions import transaction
from tests.factories.onboarding import ADDRESS, MERCHANT, make_identity, make_merchant_login
from tests.factories.tenancy import make_application
from vault.models import SealedValue
from vault.secret import Secret

pytestmark = pytest.mark.django_db

TAX_ID, BUSINESS_TAX_ID, BIRTH_DATE = "219099991", "078051121", "1947-12-30"


def filled_in(**changes: str) -> dict[str, str]:
    """The form of a merchant as a browser sends it."""
    form = {name: str(value) for name, value in MERCHANT.items() if not isinstance(value, dict)}
    form |= {f"{kind}_address__{part}": text for kind in ("business", "personal") for part, text in ADDRESS.items()}
    form |= {"dob": BIRTH_DATE, "incorporation_date": "1978-06-27", "tax_id": TAX_ID, "annual_card_volume": "120000"}
    form |= {"max_transaction_amount": "1200.50", "business_tax_id": BUSINESS_TAX_ID}
    return form | changes


def draft_of(data: dict[str, str], *, kept: tuple[str, ...] = (), seen: str | None = None) -> saved.Draft:
    form = MerchantDraftForm(data, kept=kept)
    form.is_valid()
    return form.draft(seen=seen)


def entity_of(row: OnboardingForm, data: dict[str, str], by: Actor) -> Any:
    with transaction(by=by):
        opened = saved.open_secrets(row, row.sealed)
    form = MerchantDraftForm(data, kept=row.sealed, opened=opened)
    assert form.is_valid(), form.errors
    return form.body["entity"]


def save(application: Application, key: Any = None, *, by: Actor | None = None, **changes: Any) -> OnboardingForm:
    draft = changes.pop("draft", None) or draft_of(changes)
    return saved.save_form(
        key=key or ids.new_id(),
        application_id=application.pk,
        draft=draft,
        by=by or system("test"),
        at=timezone.now(),
    )


def submit(row: OnboardingForm, data: dict[str, str], *, seen: str | None = None) -> Identity:
    by = system("test")
    return saved.submit_form(
        key=row.pk,
        application_id=row.application_id,
        draft=draft_of(data, kept=tuple(row.sealed), seen=seen),
        entity=entity_of(row, data, by),
        by=by,
        at=timezone.now(),
    )


def anew(row: Any) -> Any:
    with transaction(by=system()):
        return type(row).objects.get(pk=row.pk)


def sealed_names(row: OnboardingForm) -> list[str]:
    with transaction(by=system()):
        return sorted(SealedValue.objects.filter(owner_id=row.pk).values_list("name", flat=True))


def events_of(row: OnboardingForm) -> list[str]:
    with transaction(by=system()):
        return list(Event.objects.filter(resource_id=row.pk).order_by("sequence").values_list("kind", flat=True))


@pytest.fixture
def own() -> Application:
    return make_application("Own")[0]


def test_what_is_typed_is_kept_in_order_or_not(own: Application) -> None:
    row = save(own, **filled_in(url="not a site", business_name="", mcc="12"))

    kept = anew(row)
    assert (kept.answers["url"], kept.answers["mcc"]) == ("not a site", "12")
    assert "business_name" not in kept.answers
    assert kept.sections == ["business-address", "principal", "principals-home-address"]
    assert (kept.name, kept.state, kept.made_by_name) == ("Bobs Burgers", "OPEN", "test")


def test_secrets_go_to_the_vault_and_nowhere_else(own: Application) -> None:
    row = save(own, **filled_in())

    kept = anew(row)
    assert kept.sealed == sealed_names(row) == ["business_tax_id", "dob", "tax_id"]
    assert {"tax_id", "business_tax_id", "dob"} & kept.answers.keys() == set()
    with transaction(by=system()), connection.cursor() as cursor:
        cursor.execute("SELECT row_to_json(onboarding_form)::text FROM onboarding_form")
        told = "".join(text for (text,) in cursor.fetchall())
        cursor.execute("SELECT row_to_json(event)::text FROM event")
        told += "".join(text for (text,) in cursor.fetchall())
    assert [needle for needle in (TAX_ID, BUSINESS_TAX_ID, BIRTH_DATE) if needle in told] == []


def test_secret_that_is_not_in_order_is_not_kept(own: Application) -> None:
    row = save(own, **filled_in(tax_id="12", dob="2199-01-01"))

    assert anew(row).sealed == ["business_tax_id"]


def test_kept_secret_stays_when_its_field_comes_empty(own: Application) -> None:
    row = save(own, **filled_in())
    data = filled_in(tax_id="", business_tax_id="", dob="", title="Chair")

    row = save(own, row.pk, draft=draft_of(data, kept=tuple(row.sealed)))
    identity = submit(row, data)

    assert row.sections == sorted(row.sections)
    assert len(row.sections) == 5
    assert (identity.tax_id_provided, identity.business_tax_id_provided, identity.dob_provided) == (True, True, True)
    with transaction(by=system()):
        opened = [vault.open_all([identity], name)[identity.pk].reveal() for name in ("tax_id", "dob")]
    assert (opened, identity.title) == ([TAX_ID, BIRTH_DATE], "Chair")


def test_submitted_form_holds_nothing_any_more(own: Application) -> None:
    row = save(own, **filled_in())

    identity = submit(row, filled_in())

    row = anew(row)
    assert (row.state, row.identity_id, row.answers, row.sealed) == ("SUBMITTED", identity.pk, {}, [])
    assert row.submitted_at is not None
    assert sealed_names(row) == []
    assert events_of(row) == ["onboarding_form.created", "onboarding_form.submitted"]


def test_submitting_twice_makes_one_identity(own: Application) -> None:
    row = save(own, **filled_in())
    identity = submit(row, filled_in())

    with pytest.raises(saved.FormSubmitted) as caught:
        submit(row, filled_in())

    assert caught.value.identity_id == identity.pk
    assert count_identities(own) == 2  # the owner's is the other


def test_form_that_was_never_saved_is_submitted_at_once(own: Application) -> None:
    by, key = system("test"), ids.new_id()
    form = MerchantDraftForm(filled_in())
    assert form.is_valid()

    identity = saved.submit_form(
        key=key,
        application_id=own.pk,
        draft=form.draft(seen=None),
        entity=form.body["entity"],
        by=by,
        at=timezone.now(),
    )

    with transaction(by=by):
        row = OnboardingForm.objects.get(pk=key)
        act = Audit.objects.get(action="create_identity", application_id=own.pk)
        kinds = set(Event.objects.filter(id__in=act.events).values_list("kind", flat=True))
    assert (row.state, row.identity_id) == ("SUBMITTED", identity.pk)
    assert kinds == {"identity.created", "onboarding_form.submitted"}


def test_withdrawn_form_is_erased_and_stays_closed(own: Application) -> None:
    row = save(own, **filled_in())

    saved.withdraw_form(form=row, by=system("test"), at=timezone.now())

    kept = anew(row)
    assert (kept.state, kept.answers, kept.sealed, sealed_names(row)) == ("WITHDRAWN", {}, [], [])
    with pytest.raises(saved.FormClosed):
        save(own, row.pk, **filled_in())
    with pytest.raises(saved.FormClosed):
        saved.withdraw_form(form=row, by=system("test"), at=timezone.now())


def test_form_that_nobody_touches_is_withdrawn_after_ninety_days(own: Application) -> None:
    untouched, visited, fresh, submitted = (save(own, **filled_in()) for _ in range(4))
    submit(submitted, filled_in())
    now = timezone.now()
    for row, age, visit in ((untouched, 91, 91), (visited, 91, 1), (fresh, 89, None), (submitted, 91, None)):
        with transaction(by=system()):
            OnboardingForm.objects.filter(pk=row.pk).update(
                updated_at=now - timedelta(days=age),
                link_used_at=None if visit is None else now - timedelta(days=visit),
            )

    tasks.withdraw_forgotten()
    tasks.withdraw_forgotten()

    states = [anew(row).state for row in (untouched, visited, fresh, submitted)]
    kept = anew(untouched)
    assert states == ["WITHDRAWN", "OPEN", "OPEN", "SUBMITTED"]
    assert (kept.answers, kept.sealed, sealed_names(kept)) == ({}, [], [])
    assert events_of(kept)[-1] == "onboarding_form.withdrawn"
    assert len(sealed_names(visited)) == len(sealed_names(fresh)) == 3


def test_form_that_is_saved_in_this_moment_is_not_withdrawn(own: Application) -> None:
    row = save(own, **filled_in())
    save(own, row.pk, **filled_in(title="Chair"))

    with pytest.raises(ChangedMeanwhile):
        saved.withdraw_form(form=row, by=system("test"), at=timezone.now(), version=row.version)

    assert anew(row).state == "OPEN"


def test_form_whose_bank_account_is_undecided_is_not_closed_without_it(own: Application) -> None:
    row, token = invite(own)
    form = MerchantDraftForm(filled_in())
    assert form.is_valid()
    told: dict[str, Any] = {
        "key": row.pk,
        "application_id": own.pk,
        "draft": form.draft(seen=None),
        "entity": form.body["entity"],
        "by": system("test"),
        "at": timezone.now(),
    }
    number = saved.Draft(frozenset(), {}, {saved.ACCOUNT_NUMBER: Secret("8811223344")})
    save(own, row.pk, draft=number)
    link = saved.digest_of(token.reveal())
    identity = saved.submit_form(**told, link=link)

    with pytest.raises(saved.FormSubmitted) as caught:
        saved.submit_form(**told)

    kept = anew(row)
    assert (caught.value.identity_id, kept.state, sealed_names(kept)) == (identity.pk, "OPEN", ["account_number"])
    assert saved.submit_form(**told, link=link).pk == identity.pk


def test_form_that_was_saved_since_it_was_read_is_not_submitted(own: Application) -> None:
    """The answers are the same; what changed is sealed."""
    row, token = invite(own)
    data = filled_in()
    row = save(own, row.pk, **data)
    entity = entity_of(row, data, system("test"))
    save(own, row.pk, **filled_in(tax_id="123456789"))

    with pytest.raises(saved.FormChanged):
        saved.submit_form(
            key=row.pk,
            application_id=own.pk,
            draft=draft_of(data),
            entity=entity,
            by=system("test"),
            at=timezone.now(),
            link=saved.digest_of(token.reveal()),
            revision=row.revision,
        )

    assert (anew(row).identity_id, count_identities(own)) == (None, 1)


def test_older_page_does_not_write_over_a_newer_one(own: Application) -> None:
    row = save(own, **filled_in())
    seen = saved.mark_of(row.answers, draft_of({}).covers)
    save(own, row.pk, draft=draft_of(filled_in(title="Chair"), seen=seen))

    with pytest.raises(saved.FormChanged):
        save(own, row.pk, draft=draft_of(filled_in(title="President"), seen=seen))
    with pytest.raises(saved.FormChanged):
        submit(row, filled_in(title="President"), seen=seen)

    assert anew(row).answers["title"] == "Chair"


def test_page_that_tells_what_is_kept_is_never_too_old(own: Application) -> None:
    """A section saves itself while its page is submitted: the page knows nothing of that save."""
    seen = saved.mark_of({}, draft_of({}).covers)
    row = save(own, draft=draft_of(filled_in(), seen=seen))

    identity = submit(row, filled_in(), seen=seen)

    assert anew(row).identity_id == identity.pk


def test_page_knows_nothing_of_its_own_last_save_and_goes_on(own: Application) -> None:
    """Its answer is still on its way while more is typed and submitted; what somebody else saved is respected."""
    seen = saved.mark_of({}, draft_of({}).covers)
    first = replace(draft_of({"title": "CEO"}, seen=seen), page="one")
    row = save(own, draft=first)

    again = save(own, row.pk, draft=replace(draft_of({"title": "Chair"}, seen=seen), page="one"))
    with pytest.raises(saved.FormChanged):
        save(own, row.pk, draft=replace(draft_of({"title": "President"}, seen=seen), page="two"))

    assert again.answers["title"] == "Chair"


def test_page_does_not_write_over_what_came_by_the_link_after_its_last_save(own: Application) -> None:
    seen = saved.mark_of({}, draft_of({}).covers)
    row = save(own, draft=replace(draft_of({"title": "CEO"}, seen=seen), page="one"))
    save(own, row.pk, draft=draft_of({"title": "Told by the merchant"}))

    with pytest.raises(saved.FormChanged):
        save(own, row.pk, draft=replace(draft_of({"title": "Chair"}, seen=seen), page="one"))

    assert anew(row).answers["title"] == "Told by the merchant"


def test_saving_the_same_again_changes_nothing(own: Application) -> None:
    row = save(own, business_name="Bobs")

    again = save(own, row.pk, business_name="Bobs")

    assert (again.revision, again.updated_at) == (row.revision, row.updated_at)
    assert events_of(row) == ["onboarding_form.created"]


def test_answers_are_cut_and_cleaned(own: Application) -> None:
    row = save(own, title="x" * 5000, business_name="Bo\x00bs")

    assert (len(anew(row).answers["title"]), anew(row).answers["business_name"]) == (saved.LONGEST_ANSWER, "Bobs")


def test_key_of_a_foreign_form_leads_nowhere(own: Application) -> None:
    foreign, login = make_application("Foreign")
    row = save(own, business_name="Bobs")

    with pytest.raises(NotVisible):
        save(foreign, row.pk, by=login.actor, business_name="Eve")

    assert anew(row).answers["business_name"] == "Bobs"


def test_merchant_may_not_keep_forms(own: Application) -> None:
    login = make_merchant_login(make_identity(own))

    with pytest.raises(MissingPermission):
        save(own, by=login.actor, business_name="Bobs")


def test_link_opens_one_form_to_a_visitor_of_its_application(own: Application) -> None:
    row, token = invite(own)

    visitor = saved.merchant_by_link(token.reveal(), origin=Origin())
    with transaction(by=visitor):
        found = saved.find_by_link(token.reveal(), by=visitor, at=timezone.now())

    assert found.pk == row.pk
    assert (visitor.application_ids, visitor.role, visitor.name) == ((own.pk,), Role.PARTNER, saved.MERCHANT_BY_LINK)
    assert {right.value for right in visitor.only or ()} == {"identities.manage", "payment_instruments.create"}
    assert token.reveal() not in str(anew(row).__dict__)


def test_dead_links_are_alike(own: Application) -> None:
    by, now = system("test"), timezone.now()
    expired, old = invite(own)
    replaced, replaced_token = invite(own)
    revoked, revoked_token = invite(own)
    withdrawn, withdrawn_token = invite(own)
    saved.renew_link(form=replaced, lives=timedelta(days=1), by=by, at=now)
    saved.revoke_link(form=revoked, by=by, at=now)
    saved.withdraw_form(form=withdrawn, by=by, at=now)
    later = expired.link_expires_at
    assert later is not None

    for token, at in (
        (old.reveal(), later),
        (replaced_token.reveal(), now),
        (revoked_token.reveal(), now),
        (withdrawn_token.reveal(), now),
        ("x" * 43, now),
        ("", now),
    ):
        with pytest.raises(saved.LinkDead) as caught:
            come_by(token, at)
        assert str(caught.value) == saved.LinkDead.message


def test_link_of_an_application_that_is_switched_off_is_dead(own: Application) -> None:
    _, token = invite(own)
    update_application(application=own, values={"enabled": False}, by=system("test"), at=timezone.now())

    with pytest.raises(saved.LinkDead):
        come_by(token.reveal(), timezone.now())

    update_application(application=own, values={"enabled": True}, by=system("test"), at=timezone.now())
    assert come_by(token.reveal(), timezone.now()).application == own


def test_link_that_is_revoked_while_somebody_types_saves_nothing(own: Application) -> None:
    row, token = invite(own)
    visitor = saved.merchant_by_link(token.reveal(), origin=Origin())
    saved.revoke_link(form=row, by=system("test"), at=timezone.now())

    with pytest.raises(saved.LinkDead):
        saved.save_form(
            key=row.pk,
            application_id=own.pk,
            draft=draft_of(filled_in()),
            by=visitor,
            at=timezone.now(),
            link=saved.digest_of(token.reveal()),
        )

    assert anew(row).answers == {}


def test_link_of_one_form_does_not_write_another(own: Application) -> None:
    row, _ = invite(own)
    _, token = invite(own)
    visitor = saved.merchant_by_link(token.reveal(), origin=Origin())

    with pytest.raises(saved.LinkDead):
        saved.save_form(
            key=row.pk,
            application_id=own.pk,
            draft=draft_of(filled_in()),
            by=visitor,
            at=timezone.now(),
            link=saved.digest_of(token.reveal()),
        )


def test_what_a_merchant_saves_is_in_both_histories(own: Application) -> None:
    row, token = invite(own)
    visitor = saved.merchant_by_link(token.reveal(), origin=Origin(address="192.0.2.7"))

    saved.save_form(
        key=row.pk,
        application_id=own.pk,
        draft=draft_of(filled_in()),
        by=visitor,
        at=timezone.now(),
        link=saved.digest_of(token.reveal()),
    )

    with transaction(by=system()):
        act = Audit.objects.get(action="save_onboarding_form")
        event = Event.objects.get(id=act.events[0])
    assert (act.author_kind, act.author_name, act.author_role, act.address) == (
        "STRANGER",
        "Merchant by link",
        "",
        "192.0.2.7",
    )
    assert (event.kind, event.changes) == ("onboarding_form.saved", {"sections_filled_in": [0, 5]})


def test_invitation_that_is_sent_twice_is_one(own: Application) -> None:
    row, _ = invite(own)

    with pytest.raises(saved.InvitedBefore):
        invite(own, row.pk)


def test_database_refuses_what_must_not_be(own: Application) -> None:
    row, _ = invite(own)
    for changes in ({"state": "SUBMITTED"}, {"link_expires_at": None}):
        with pytest.raises(IntegrityError), transaction(by=system()):
            OnboardingForm.objects.filter(pk=row.pk).update(**changes)
    saved.withdraw_form(form=row, by=system(), at=timezone.now())
    with pytest.raises(IntegrityError), transaction(by=system()):
        OnboardingForm.objects.filter(pk=row.pk).update(state="OPEN")


def invite(application: Application, key: Any = None) -> Any:
    return saved.invite_merchant(
        key=key or ids.new_id(),
        application_id=application.pk,
        name="Bobs Burgers",
        lives=timedelta(days=7),
        by=system("test"),
        at=timezone.now(),
    )


def come_by(token: str, at: Any) -> OnboardingForm:
    visitor = saved.merchant_by_link(token, origin=Origin())
    with transaction(by=visitor):
        return saved.find_by_link(token, by=visitor, at=at)


def count_identities(application: Application) -> int:
    with transaction(by=system()):
        return Identity.objects.filter(application=application).count()
