"""What pages tell of an attempt that is open: what it was about, how it stands, and what may be done with it."""

import uuid
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.timesince import timesince

from onboarding.models import Merchant
from onboarding.portal.facts import code
from payments.models import Authorization, Transfer
from payments.services.sales import SELL
from portal.attempts import why_unknown
from portal.design.states import badge, words
from portal.design.values import moment, money
from portal.subjects import Handle, Subject, subjects_of
from providers.models import Attempt
from resources import ids
from tenancy.actors import Actor
from tenancy.models import Application

Facts = list[tuple[str, object]]

OVERDUE = timedelta(minutes=5)
"""A check that is later than this has been forgotten, or no worker runs."""

_PAYMENTS = {model.KIND: model for model in (Transfer, Authorization)}
"""Resources that have a merchant, which their own name does not tell."""


@dataclass(frozen=True)
class About:
    """Whose attempts these are, as far as the actor sees it."""

    subjects: Mapping[Handle, Subject]
    merchants: Mapping[uuid.UUID, Subject]
    applications: Mapping[uuid.UUID, str]

    def subject(self, attempt: Attempt) -> Subject:
        return self.subjects[attempt.resource_kind, attempt.resource_id]

    def merchant(self, attempt: Attempt) -> Subject | None:
        return self.merchants.get(attempt.resource_id)

    def application(self, attempt: Attempt) -> str:
        return self.applications.get(attempt.application_id, "")


def about(attempts: Collection[Attempt], *, by: Actor) -> About:
    """What the attempts are about, with a query for each kind among them; call it in a transaction."""
    handles = {(attempt.resource_kind, attempt.resource_id) for attempt in attempts}
    merchant_ids: dict[uuid.UUID, uuid.UUID] = {}
    for kind, model in _PAYMENTS.items():
        if keys := {key for named, key in handles if named == kind}:
            merchant_ids |= dict(model.objects.visible_to(by).filter(pk__in=keys).values_list("pk", "merchant_id"))
    found = subjects_of(handles | {(Merchant.KIND, key) for key in merchant_ids.values()}, by=by)
    applications = Application.objects.visible_to(by).filter(pk__in={attempt.application_id for attempt in attempts})
    return About(
        found,
        {key: found[Merchant.KIND, merchant_id] for key, merchant_id in merchant_ids.items()},
        dict(applications.values_list("pk", "name")),
    )


def page_of(attempt: Attempt) -> str:
    return reverse("payments:unresolved-attempt", args=[ids.encode(attempt.pk)])


def title_of(attempt: Attempt) -> str:
    """The act, and the money where some moves: Sale of 12.50 USD."""
    act = words(attempt.operation)
    return act if attempt.amount is None else format_html("{} of {}", act, money(attempt.amount, attempt.currency))


def is_of_unknown_outcome(attempt: Attempt, now: datetime) -> bool:
    """The same as `AttemptQuerySet.of_unknown_outcome`, of one row."""
    is_late = attempt.state == Attempt.State.CLAIMED and attempt.sends > 0 and attempt.leased_until <= now
    return attempt.state == Attempt.State.UNKNOWN or is_late


def state_of(attempt: Attempt, now: datetime) -> SafeString:
    if is_of_unknown_outcome(attempt, now):
        return badge(Attempt.State.UNKNOWN, label=Attempt.State.UNKNOWN.label)
    if attempt.is_unsent:
        return badge(attempt.state, label="Not sent yet")
    return badge(attempt.state, label=attempt.get_state_display())


def state_with_reason(attempt: Attempt, now: datetime) -> SafeString:
    """The state, and below it why."""
    reason = reason_of(attempt, now)
    return format_html('<span class="cell-lines">{}<small>{}</small></span>', state_of(attempt, now), reason)


def reason_of(attempt: Attempt, now: datetime) -> str:
    """Why it stands as it does, in one sentence."""
    if is_of_unknown_outcome(attempt, now):
        return why_unknown(attempt)
    if attempt.is_unsent:
        return "The worker sends it."
    return {
        Attempt.State.CLAIMED: "It is on its way to the provider.",
        Attempt.State.WAITING: "The provider has not decided yet.",
        Attempt.State.ACCEPTED: "The provider carried it out.",
        Attempt.State.REFUSED: attempt.message or "The provider refused it.",
    }.get(Attempt.State(attempt.state), "It was certainly not carried out.")


def age_of(attempt: Attempt, now: datetime) -> SafeString:
    """How long ago it began, in one unit; the moment itself is the title."""
    at = attempt.created_at
    since = "Under a minute" if now - at < timedelta(minutes=1) else timesince(at, now, depth=1)
    told = at.astimezone(UTC)
    return format_html(
        '<time datetime="{}" title="{}">{}</time>', f"{told:%Y-%m-%dT%H:%M:%SZ}", f"{told:%Y-%m-%d %H:%M:%S} UTC", since
    )


def next_check_of(attempt: Attempt, now: datetime) -> SafeString | str | None:
    """When somebody asks again; that nobody does must not be overlooked."""
    if not attempt.is_open:
        return None
    if attempt.next_check_at is None:
        return badge("OVERDUE", tone="negative", label="Nobody asks any more")
    if attempt.next_check_at < now - OVERDUE:
        return badge("OVERDUE", tone="negative", label="Overdue")
    return "Now" if attempt.next_check_at <= now else moment(attempt.next_check_at)


def next_check_with_tries(attempt: Attempt, now: datetime) -> SafeString:
    """When somebody asks again, and below it how often it was sent, and how often what came of that was no verdict."""
    tries = f"{attempt.sends} sent, {attempt.checks} undecided"
    return format_html('<span class="cell-lines">{}<small>{}</small></span>', next_check_of(attempt, now), tries)


def subject_of(attempt: Attempt, told: About) -> SafeString:
    """The resource with a link to its page, what it is, and whose."""
    subject, merchant = told.subject(attempt), told.merchant(attempt)
    below = f"{subject.kind} of {merchant.name}" if merchant else subject.kind
    if not subject.name:
        return format_html("{}", below)
    return format_html("{} <small>{}</small>", named(subject, is_short=True), below)


def named(subject: Subject, *, is_short: bool = False) -> SafeString:
    """What it goes by, as a link where the actor may open it; in a row an id is told by its ends."""
    name = code(subject.name) if subject.is_id else format_html("{}", subject.name)
    if subject.is_id and is_short:
        name = format_html('<code title="{}">{}…{}</code>', subject.name, subject.name[:2], subject.name[-6:])
    return format_html('<a href="{}">{}</a>', subject.url, name) if subject.url else name


def attempt_facts(attempt: Attempt, told: About, now: datetime) -> Facts:
    """Everything that whoever looks it up at the provider has to know."""
    subject, merchant = told.subject(attempt), told.merchant(attempt)
    amount: Facts = [] if attempt.amount is None else [("Amount", money(attempt.amount, attempt.currency))]
    return [
        ("Act", words(attempt.operation)),
        *amount,
        (subject.kind, named(subject) if subject.name else None),
        *([("Merchant", named(merchant))] if merchant else []),
        ("Application", told.application(attempt)),
        ("Reference", code(attempt.reference)),
        ("Provider", words(attempt.provider)),
        ("Processor", attempt.processor),
        ("Begun", moment(attempt.created_at)),
        ("Last sent", moment(attempt.sent_at)),
        ("Times sent", attempt.sends),
        ("Times without a verdict", attempt.checks),
        ("Silent since", moment(attempt.silent_since)),
        ("Next check", next_check_of(attempt, now)),
        ("Known of it", reason_of(attempt, now)),
        ("Code", code(attempt.code) if attempt.code else None),
        *([("Decided", moment(attempt.decided_at))] if attempt.decided_at else []),
    ]


def why_no_repeat(attempt: Attempt) -> str:
    """Why nobody may simply send it once more."""
    if attempt.operation == SELL:
        return "It may have been executed. Sending again could charge twice."
    what = "do it twice" if attempt.amount is None else "move the money twice"
    return f"It may have been executed. Sending again could {what}."
