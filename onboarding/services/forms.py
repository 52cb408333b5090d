"""Underwriting forms on their way: saved as one goes, handed to the merchant by a link, submitted once."""

import hashlib
import json
import secrets
import uuid
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import connection

import vault.services as vault
from onboarding.models import Identity, OnboardingForm
from onboarding.services.identities import add_identity
from resources.errors import ChangedMeanwhile, DomainError, NotVisible
from tenancy.actors import Actor, Origin, visitor
from tenancy.models import Application
from tenancy.roles import Permission
from tenancy.transactions import Act, act, transaction
from vault.keys import keyed_hash
from vault.secret import Secret

MERCHANT_BY_LINK = "Merchant by link"
ACCOUNT_NUMBER = "account_number"
LONGEST_ANSWER = 500
KEPT = timedelta(days=90)
"""How long an open form is kept that nobody touches."""
_PAGE = "saved by page"  # among the answers; no field is called so

_State = OnboardingForm.State


class FormClosed(DomainError):
    code = "CONFLICT"
    status = 409
    message = "This form is not open any more: it was submitted or withdrawn."


class FormSubmitted(FormClosed):
    """It has become an identity already, `identity_id`; nothing was done now."""

    message = "This form was submitted before. Nothing is done twice."

    def __init__(self, identity_id: uuid.UUID) -> None:
        super().__init__()
        self.identity_id = identity_id


class FormChanged(DomainError):
    code = "CONFLICT"
    status = 409
    message = (
        "Somebody else saved this form in the meantime, and what you typed was not saved over it."
        " Open the form again to see how it is now."
    )


class LinkDead(DomainError):
    """The link expired, was revoked, replaced or used up, or its application is switched off.

    One refusal for all, which tells nothing.
    """

    code = "NOT_FOUND"
    status = 404
    message = "This link does not lead to a form any more."


class InvitedBefore(DomainError):
    """The same invitation was sent twice; its link was shown to whoever sent it first."""

    code = "CONFLICT"
    status = 409
    message = "This invitation was made before. Make a new link if you no longer have the first one."


@dataclass(frozen=True)
class Draft:
    """What a page tells of a form: the fields it `covers`, what was typed there, and which sections are whole now.

    `secrets` are those that were typed and are in order; what is kept of others stays. `seen` is `mark_of` the form as
    the page showed it, and `page` the page itself, whose own saves it may not have heard of yet.
    """

    covers: frozenset[str]
    answers: Mapping[str, str]
    secrets: Mapping[str, Secret] = field(default_factory=dict)
    sections: Mapping[str, bool] = field(default_factory=dict)
    name: str | None = None
    seen: str | None = None
    page: str = ""


def mark_of(answers: Mapping[str, str], covers: Collection[str]) -> str:
    """Tells one state of some fields from the next."""
    shown = {name: answers[name] for name in sorted(covers) if answers.get(name)}
    return hashlib.sha256(json.dumps(shown).encode()).hexdigest()[:20]


def save_form(
    *,
    key: uuid.UUID,
    application_id: uuid.UUID,
    draft: Draft,
    by: Actor,
    at: datetime,
    link: bytes | None = None,
) -> OnboardingForm:
    """Keep what was filled in so far, in order or not; the first save makes the form under this key.

    `link` is the digest of the link by which a stranger came. Raises FormClosed, FormChanged, LinkDead, and NotVisible
    for a key that is somebody else's.
    """
    by.require(Permission.MANAGE_IDENTITIES)
    with act(
        "save_onboarding_form",
        by=by,
        at=at,
        application_id=application_id,
        resource=(OnboardingForm.KIND, key),
    ) as current:
        form = _begun(current, key, application_id, link)
        _refuse_closed(form)
        if link is None and form.identity_id is not None:  # what is told now would go nowhere
            raise FormSubmitted(form.identity_id)
        _refuse_stale(form, draft)
        _keep(current, form, draft)
    return form


def submit_form(
    *,
    key: uuid.UUID,
    application_id: uuid.UUID,
    draft: Draft,
    entity: Mapping[str, Any],
    by: Actor,
    at: datetime,
    link: bytes | None = None,
    revision: int | None = None,
) -> Identity:
    """Make the identity that a form describes, once, and forget what the form held of it.

    `entity` is validated input as `create_identity` takes it. With a `link` the form stays open for the merchant's bank
    account, and the identity that it has made already is given again; nobody else closes it over that. `revision` is
    that of the form as it was read. Raises FormSubmitted, FormClosed, FormChanged, LinkDead.
    """
    by.require(Permission.MANAGE_IDENTITIES)
    with act(
        "create_identity", by=by, at=at, application_id=application_id, resource=(OnboardingForm.KIND, key)
    ) as current:
        form = _begun(current, key, application_id, link)
        _refuse_closed(form)
        if link is None and form.identity_id is not None:
            raise FormSubmitted(form.identity_id)
        if revision is not None and revision != form.revision:
            raise FormChanged
        if form.identity_id is None:
            _refuse_stale(form, draft)
            application = Application.objects.visible_to(by).get(pk=application_id)
            identity = add_identity(current, application, entity)
            form.identity_id = identity.pk
            form.name = identity.display_name[:120]
        else:
            identity = Identity.objects.visible_to(by).get(pk=form.identity_id)
        current.resource = identity.handle
        form.sections = sorted({*form.sections, *(name for name, is_whole in draft.sections.items() if is_whole)})
        _forget(form, {*draft.covers, *draft.secrets, *form.sealed} - {ACCOUNT_NUMBER})
        if link is None:
            _close(current, form)
        else:
            _save(form, current)
    return identity


def finish_form(
    *, form: OnboardingForm, by: Actor, at: datetime, link: bytes, came_at: datetime | None = None
) -> OnboardingForm:
    """Close a form whose identity and bank account are there, as it was read. A second time changes nothing.

    A link that has ended since somebody came by it, at `came_at`, has led here in time: a provider was asked meanwhile.
    Raises LinkDead, and FormChanged where it was saved since it was read: what it holds now went nowhere yet.
    """
    with act(
        "finish_onboarding_form", by=by, at=at, application_id=form.application_id, resource=form.handle
    ) as current:
        revision = form.revision
        form = _locked(current, form.pk, form.application_id)
        if form.state == _State.SUBMITTED and form.link_digest == link:
            return form
        _refuse_dead(form, link, came_at or at)
        if form.revision != revision:
            raise FormChanged
        _forget(form, {*form.answers, *form.sealed})
        _close(current, form)
    return form


def withdraw_form(*, form: OnboardingForm, by: Actor, at: datetime, version: str | None = None) -> OnboardingForm:
    """Give a form up and erase what it held; its link ends. Raises FormClosed, ChangedMeanwhile."""
    by.require(Permission.MANAGE_IDENTITIES)
    with act(
        "withdraw_onboarding_form", by=by, at=at, application_id=form.application_id, resource=form.handle
    ) as current:
        form = _locked(current, form.pk, form.application_id)
        _refuse_closed(form)
        form.refuse_stale(version)
        _forget(form, {*form.answers, *form.sealed})
        changes = form.move_to(_State.WITHDRAWN)
        form.link_digest = form.link_expires_at = None
        _save(form, current)
        current.record("onboarding_form.withdrawn", form, application_id=form.application_id, changes=changes)
    return form


def withdraw_forgotten(*, by: Actor, at: datetime) -> None:
    """Give up the open forms that nobody has saved, or come by the link of, for long."""
    long_ago = at - KEPT
    with transaction(by=by):
        untouched = OnboardingForm.objects.visible_to(by).open().filter(updated_at__lt=long_ago)
        forgotten = list(untouched.exclude(link_used_at__gte=long_ago))
    for form in forgotten:
        with suppress(FormClosed, ChangedMeanwhile):  # somebody was quicker
            withdraw_form(form=form, by=by, at=at, version=form.version)


def invite_merchant(
    *, key: uuid.UUID, application_id: uuid.UUID, name: str, lives: timedelta, by: Actor, at: datetime
) -> tuple[OnboardingForm, Secret]:
    """Make a form for a merchant to fill in itself, with the token of its link, which is given here and nowhere again.

    Raises InvitedBefore for a key that was used.
    """
    by.require(Permission.MANAGE_IDENTITIES)
    with act(
        "invite_merchant", by=by, at=at, application_id=application_id, resource=(OnboardingForm.KIND, key)
    ) as current:
        form = _begun(current, key, application_id, None)
        if form.revision:
            raise InvitedBefore
        form.name, form.revision = _clean(name)[:120], 1
        token = _make_link(form, at + lives)
        _save(form, current)
        current.record("onboarding_form.created", form, application_id=application_id, is_first=True)
    return form, token


def renew_link(*, form: OnboardingForm, lives: timedelta, by: Actor, at: datetime) -> tuple[OnboardingForm, Secret]:
    """Give an open form another link; the one that it had is dead from now on. Raises FormClosed."""
    by.require(Permission.MANAGE_IDENTITIES)
    with act(
        "renew_onboarding_link", by=by, at=at, application_id=form.application_id, resource=form.handle
    ) as current:
        form = _locked(current, form.pk, form.application_id)
        _refuse_closed(form)
        before = form.link_expires_at
        token = _make_link(form, at + lives)
        _save(form, current)
        changes = {"link_expires_at": [_moment(before), _moment(form.link_expires_at)]}
        current.record("onboarding_form.link_made", form, application_id=form.application_id, changes=changes)
    return form, token


def revoke_link(*, form: OnboardingForm, by: Actor, at: datetime) -> OnboardingForm:
    """End the link of a form; what was filled in stays. Raises FormClosed."""
    by.require(Permission.MANAGE_IDENTITIES)
    with act(
        "revoke_onboarding_link", by=by, at=at, application_id=form.application_id, resource=form.handle
    ) as current:
        form = _locked(current, form.pk, form.application_id)
        _refuse_closed(form)
        if form.link_digest is not None:
            form.link_digest = form.link_expires_at = None
            _save(form, current)
            current.record("onboarding_form.link_revoked", form, application_id=form.application_id)
    return form


def digest_of(token: str) -> bytes:
    return keyed_hash(settings.VAULT_INDEX_KEY, f"onboarding_form:{token}")


def merchant_by_link(token: str, *, origin: Origin) -> Actor:
    """Who comes by a link: a visitor of the form's application, for this alone. Raises LinkDead.

    Whether the link is still alive is asked of the form itself, under `find_by_link` and under each lock.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT onboarding_form_application(%s)", [digest_of(token)])
        (application_id,) = cursor.fetchone()
    if application_id is None:
        raise LinkDead
    rights = (Permission.MANAGE_IDENTITIES, Permission.CREATE_INSTRUMENTS)
    return visitor(application_id, MERCHANT_BY_LINK, only=rights, origin=origin)


def find_by_link(token: str, *, by: Actor, at: datetime, locks: bool = False) -> OnboardingForm:
    """The open form of a link, with its application; call it in a transaction. Raises LinkDead, FormSubmitted.

    With `locks` nobody saves it before the transaction ends.
    """
    forms = OnboardingForm.objects.visible_to(by).select_related("application")
    if locks:
        forms = forms.select_for_update(of=("self",))
    form = forms.filter(link_digest=digest_of(token)).first()
    if form is not None and form.state == _State.SUBMITTED and form.identity_id is not None:
        raise FormSubmitted(form.identity_id)
    if form is None or not form.is_open_at(at) or not form.application.enabled:
        raise LinkDead
    return form


def note_visit(form: OnboardingForm, *, by: Actor, at: datetime) -> None:
    """Remember, to the minute or so, that somebody came by the link."""
    if form.link_used_at is None or at - form.link_used_at >= timedelta(minutes=1):
        with transaction(by=by):
            OnboardingForm.objects.visible_to(by).filter(pk=form.pk).update(link_used_at=at)


def open_secrets(form: OnboardingForm, names: Collection[str]) -> dict[str, Secret]:
    """What the vault holds of these answers, to be judged or passed on; call it in a transaction."""
    opened = {name: vault.open_all([form], name).get(form.pk) for name in names if name in form.sealed}
    return {name: secret for name, secret in opened.items() if secret is not None}


def _locked(current: Act, key: uuid.UUID, application_id: uuid.UUID) -> OnboardingForm:
    """The form under its lock."""
    forms = OnboardingForm.objects.visible_to(current.by).filter(application_id=application_id)
    form: OnboardingForm | None = forms.select_for_update().filter(pk=key).first()
    if form is None:
        raise NotVisible(str(key))
    return form


def _begun(current: Act, key: uuid.UUID, application_id: uuid.UUID, link: bytes | None) -> OnboardingForm:
    """The form under its lock; one that is not there yet is made, for whoever acts. A link must lead to it."""
    if link is not None:
        form = _locked(current, key, application_id)
        _refuse_dead(form, link, current.at)
        return form
    with suppress(NotVisible):
        return _locked(current, key, application_id)
    author = current.by.signature
    made = OnboardingForm(
        id=key,
        application_id=application_id,
        made_by_kind=author.kind,
        made_by_id=author.id,
        made_by_name=author.name,
        created_at=current.at,
        updated_at=current.at,
    )
    OnboardingForm.objects.bulk_create([made], ignore_conflicts=True)  # a second window may be just as quick
    return _locked(current, key, application_id)


def _refuse_dead(form: OnboardingForm, link: bytes, at: datetime) -> None:
    digest = None if form.link_digest is None else bytes(form.link_digest)
    if digest is None or not secrets.compare_digest(digest, link):
        raise LinkDead
    if form.state == _State.OPEN and not form.is_open_at(at):
        raise LinkDead


def _refuse_closed(form: OnboardingForm) -> None:
    if form.state == _State.SUBMITTED and form.identity_id is not None:
        raise FormSubmitted(form.identity_id)
    if form.state != _State.OPEN:
        raise FormClosed


def _refuse_stale(form: OnboardingForm, draft: Draft) -> None:
    """Where the page showed something else, unless what it tells is what is kept: then nothing is written over."""
    if draft.seen is None or draft.seen == mark_of(form.answers, draft.covers):
        return
    if draft.page and form.answers.get(_PAGE) == draft.page:
        return  # the last save was its own, whose answer is still on its way
    if mark_of(draft.answers, draft.covers) != mark_of(form.answers, draft.covers):
        raise FormChanged


def _keep(current: Act, form: OnboardingForm, draft: Draft) -> None:
    for name, secret in draft.secrets.items():
        vault.seal(form, name, secret, application_id=form.application_id)
    told = {name: _clean(text)[:LONGEST_ANSWER] for name, text in draft.answers.items() if text}
    judged = {name for name, is_whole in draft.sections.items() if is_whole}
    before = len(form.sections)
    values = {
        "answers": {name: text for name, text in form.answers.items() if name not in draft.covers} | told,
        "sealed": sorted({*form.sealed, *draft.secrets}),
        "sections": sorted({*form.sections} - {*draft.sections} | judged),
        "name": form.name if draft.name is None else _clean(draft.name)[:120],
    }
    is_new = not form.revision
    if not form.assign(values) and not draft.secrets and not is_new:
        return
    form.answers = {name: text for name, text in form.answers.items() if name != _PAGE}
    if draft.page:  # without one the last save is nobody's own
        form.answers[_PAGE] = _clean(draft.page)[:40]
    form.revision += 1
    _save(form, current)
    after = len(form.sections)
    current.record(
        "onboarding_form.created" if is_new else "onboarding_form.saved",
        form,
        application_id=form.application_id,
        changes={"sections_filled_in": [before, after]} if before != after else None,
        is_first=is_new,
    )


def _make_link(form: OnboardingForm, expires_at: datetime) -> Secret:
    token = secrets.token_urlsafe(32)
    form.link_digest, form.link_expires_at, form.link_used_at = digest_of(token), expires_at, None
    return Secret(token)


def _forget(form: OnboardingForm, names: Collection[str]) -> None:
    for name in form.sealed:
        if name in names:
            vault.erase(form, name)
    form.answers = {name: text for name, text in form.answers.items() if name not in names}
    form.sealed = [name for name in form.sealed if name not in names]


def _close(current: Act, form: OnboardingForm) -> None:
    """Submitted: nothing of what was typed is kept but where it went."""
    _forget(form, {*form.answers, *form.sealed})
    changes = form.move_to(_State.SUBMITTED)
    form.submitted_at = current.at
    form.revision += 1
    _save(form, current)
    current.record("onboarding_form.submitted", form, application_id=form.application_id, changes=changes)


def _save(form: OnboardingForm, current: Act) -> None:
    form.updated_at = current.at
    form.save()


def _clean(text: str) -> str:
    """Without what the database does not take."""
    return text.replace("\x00", "")


def _moment(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat()
