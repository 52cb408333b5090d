"""The underwriting form as it is kept while somebody fills it in: all of it on a page, or one section at a time.

What is typed is kept as it is, in order or not. Tax ids, birth date and account number are kept apart, once they are in
order, and never come back into a page.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, ClassVar

from django import forms
from django.utils.text import slugify

from onboarding.forms.identities import MerchantIdentityForm
from onboarding.forms.instruments import BankAccountForm
from onboarding.models import Identity, OnboardingForm
from onboarding.serializers.entities import DayField
from onboarding.services.forms import ACCOUNT_NUMBER, Draft, mark_of
from onboarding.underwriting import SEALED
from vault.secret import Secret

AT_HOME = {"business_address__country": "USA", "personal_address__country": "USA"}
BANK_ACCOUNT = "bank-account"
KEPT = "Kept, encrypted. Leave it empty to keep it."
NOT_KEPT = "Type it again: only what is in order is kept."

_BANK_PREFIX = "bank"


class _NeverShownDay(forms.DateInput):
    def format_value(self, value: Any) -> None:
        del value


class _NeverShownText(forms.TextInput):
    def format_value(self, value: Any) -> None:
        del value


@dataclass(frozen=True)
class Section:
    """A part of the form for a page. Whole: nothing in it is missing or wrong."""

    slug: str
    heading: str
    text: str
    fields: list[forms.BoundField]
    is_whole: bool


@dataclass
class _Kept:
    """What the vault holds for a form: the names, and where it is to be judged as a whole, the values."""

    names: Collection[str] = ()
    opened: Mapping[str, Secret] = field(default_factory=dict)


class _DraftForm(forms.Form):
    """What is kept as it is, in order or not. `secret_names` are kept apart, and are not asked for again."""

    secret_names: ClassVar[tuple[str, ...]]
    kept: _Kept

    def full_clean(self) -> None:
        super().full_clean()
        for name in self.kept.names:
            if name in self.errors and not self.is_told(name):
                del self.errors[name]

    def is_told(self, name: str) -> bool:
        return bool((self.data.get(self.add_prefix(name)) or "").strip())

    def leave_open(self) -> None:
        """Say nothing of what was not filled in yet."""
        for name in list(self.errors):
            if not self.is_told(name):
                del self.errors[name]

    def ask_again(self) -> None:
        """Say of what was typed, is not in order and is not shown that it was not kept."""
        for name in self.secret_names:
            if name in self.errors and self.is_told(name) and name not in self.kept.names:
                self.fields[name].help_text = NOT_KEPT


class MerchantDraftForm(_DraftForm, MerchantIdentityForm):
    """The underwriting form of a merchant, kept as one goes; a page may show one of its sections only."""

    secret_names = SEALED

    def __init__(
        self,
        data: Any = None,
        *,
        kept: Collection[str] = (),
        opened: Mapping[str, Secret] | None = None,
    ) -> None:
        self.kept = _Kept([name for name in SEALED if name in kept], opened or {})
        super().__init__(data, initial=AT_HOME)
        for name in SEALED:
            shown = self.fields[name]
            hide = _NeverShownDay if isinstance(shown.widget, forms.DateInput) else _NeverShownText
            kind = getattr(shown.widget, "input_type", "text")
            shown.widget = hide(attrs={**shown.widget.attrs, "type": kind, "data-not-shown": True})
            if name in self.kept.names:
                shown.required, shown.help_text = False, KEPT

    @property
    def is_blank(self) -> bool:
        """Whether it came back as it was given out."""
        return all(self.data.get(name, "").strip() == AT_HOME.get(name, "") for name in self.fields)

    def grouped_by_slug(self) -> list[Section]:
        """Call it before `leave_open`, which forgets what is missing."""
        return [
            Section(
                slug=slug_of(heading),
                heading=heading,
                text=text,
                fields=[self[name] for name in names],
                is_whole=self.is_bound and not any(name in self.errors for name in names),
            )
            for heading, text, names in self.sections
        ]

    def draft(self, *, seen: str | None, only: str = "", page: str = "") -> Draft:
        """What is to be kept of it, or of one section. Call it before `leave_open`."""
        sections = [section for section in self.grouped_by_slug() if only in {"", section.slug}]
        names = [bound.name for section in sections for bound in section.fields]
        covers = frozenset(name for name in names if name not in SEALED)
        known_by = (self.data.get("doing_business_as"), self.data.get("business_name"))
        return Draft(
            covers=covers,
            answers={name: self.data[name] for name in covers if self.is_told(name)},
            secrets={name: secret for name in SEALED if name in names and (secret := self._secret(name))},
            sections={section.slug: section.is_whole for section in sections},
            name=next((text.strip() for text in known_by if text and text.strip()), None),
            seen=seen,
            page=page,
        )

    def _secret(self, name: str) -> Secret | None:
        value = self.cleaned_data.get(name) if name not in self.errors else None
        if not value:
            return None
        return Secret(value.isoformat() if isinstance(value, date) else value)

    def _entity(self, cleaned: Mapping[str, Any]) -> dict[str, Any]:
        entity = super()._entity(cleaned)
        for name, secret in self.kept.opened.items():
            if name in SEALED and name not in entity:
                entity[name] = _as_sent(name, secret)
        return entity


class BankAccountDraftForm(_DraftForm, BankAccountForm):
    """The bank account of a merchant that has no identity yet. `body` lacks the identity that will own it."""

    key = None  # type: ignore[assignment]  # an act of its own begins later, under a key of its own
    secret_names = (ACCOUNT_NUMBER,)

    def __init__(
        self,
        data: Any = None,
        *,
        form: OnboardingForm,
        now: datetime,
        kept: Collection[str] = (),
        opened: Mapping[str, Secret] | None = None,
    ) -> None:
        self.kept = _Kept([name for name in (ACCOUNT_NUMBER,) if name in kept], opened or {})
        holder = form.answers.get("business_name") or form.name
        stand_in = Identity(id=form.pk, business_name=holder)
        super().__init__(data, identity=stand_in, now=now, key="", prefix=_BANK_PREFIX)
        if self.kept.names:
            number = self.fields[ACCOUNT_NUMBER]
            number.required, number.help_text = False, KEPT

    def told(self, cleaned: Mapping[str, Any]) -> dict[str, Any]:
        members = super().told(cleaned)
        for name, secret in self.kept.opened.items():
            members.setdefault(name, secret.reveal())
        return members

    def forget_numbers(self) -> None:
        """A number that is in order is kept whatever else is wrong."""

    def grouped_by_slug(self) -> list[Section]:
        return [
            Section(
                slug=BANK_ACCOUNT,
                heading="Bank account",
                text="Where your sales are paid out to.",
                fields=list(self),
                is_whole=self.is_bound and not self.errors,
            )
        ]

    @property
    def names(self) -> list[str]:
        """Under which its answers are kept; the number is kept elsewhere."""
        return [self.add_prefix(name) for name in self.fields if name not in self.secret_names]

    def draft(self, *, seen: str | None, only: str = BANK_ACCOUNT) -> Draft:
        """What is to be kept of it, which is one section. Call it before `leave_open`."""
        covers = frozenset(self.names)
        number = self.cleaned_data.get(ACCOUNT_NUMBER) if ACCOUNT_NUMBER not in self.errors else None
        return Draft(
            covers=covers,
            answers={name: self.data[name] for name in covers if (self.data.get(name) or "").strip()},
            secrets={ACCOUNT_NUMBER: Secret(number)} if number else {},
            sections={only: not self.errors},
            seen=seen,
        )


def begun_at_home(answers: Mapping[str, str]) -> dict[str, str]:
    """The answers as a page shows them: an address of which nothing is told yet begins with its country."""
    told = {name.partition("__")[0] for name in answers}
    return {name: country for name, country in AT_HOME.items() if name.partition("__")[0] not in told} | {**answers}


def slug_of(heading: str) -> str:
    return slugify(heading)


def section_slugs(*, with_bank_account: bool = False) -> list[str]:
    slugs = [slug_of(heading) for heading, _, _ in MerchantIdentityForm.sections]
    return [*slugs, *([BANK_ACCOUNT] if with_bank_account else [])]


def headings(*, with_bank_account: bool = False) -> Iterator[tuple[str, str]]:
    """Slug and heading of every section, in order."""
    for heading, _, _ in MerchantIdentityForm.sections:
        yield slug_of(heading), heading
    if with_bank_account:
        yield BANK_ACCOUNT, "Bank account"


def shown_mark(form: OnboardingForm, covers: Collection[str]) -> str:
    """The mark of the fields that a page is about to show."""
    return mark_of(form.answers, covers)


def _as_sent(name: str, secret: Secret) -> Any:
    text = secret.reveal()
    return DayField().to_representation(date.fromisoformat(text)) if name == "dob" else text
