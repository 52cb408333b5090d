"""Before what is sensitive somebody proves once more who they are: by a code where they have one, else by password.

A proof is good for five minutes. Signing in is one, since it asks for everything that an account has.
"""

import time
from typing import Any

from django import forms
from django.conf import settings
from django.contrib.auth import user_logged_in
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme, urlencode
from django.views import View

from portal.account_forms import CodeForm
from portal.guesses import TooManyGuesses, counted
from portal.signing_in import lead_to_sign_in
from resources.errors import FieldError
from tenancy.models import Person
from tenancy.origins import origin_of
from tenancy.services import person_actor, record_denial, use_second_factor

_PROVED = "proved_at"


class PasswordForm(forms.Form):
    password = forms.CharField(
        label="Password", max_length=128, widget=forms.PasswordInput(attrs={"autocomplete": "current-password"})
    )


def is_due(request: HttpRequest) -> bool:
    """Whether the last proof is too old. A clock that was set back makes none younger."""
    age = time.time() - request.session.get(_PROVED, 0.0)
    return not 0 <= age < settings.STEP_UP_AGE.total_seconds()


def ask(next_url: str) -> HttpResponse:
    """Ask for a proof, and go on to a page of ours after it."""
    return HttpResponseRedirect(f"{reverse('account_reauthenticate')}?{urlencode({'next': next_url})}")


def prove(request: HttpRequest) -> None:
    """Note that somebody proved just now who they are."""
    request.session[_PROVED] = time.time()


def note_sign_in() -> None:
    user_logged_in.connect(_note_sign_in, dispatch_uid="step_up")


def _note_sign_in(request: HttpRequest | None = None, **_: Any) -> None:
    if request is not None:
        prove(request)


class StepUp(View):
    """Asks for the proof."""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not request.user.is_authenticated:
            return lead_to_sign_in(request, self._next())
        return super().dispatch(request, *args, **kwargs)

    def get(self, request: HttpRequest) -> HttpResponse:
        del request
        return self._show(self._form())

    def post(self, request: HttpRequest) -> HttpResponse:
        form = self._form(request.POST)
        if form.is_valid():
            person: Person = request.user  # type: ignore[assignment]  # asked in dispatch
            accept = accept_code if isinstance(form, CodeForm) else accept_password
            try:
                accept(request, person, form)
            except TooManyGuesses as error:
                form.add_error(None, str(error))
            except FieldError as error:
                form.add_error(error.field, str(error))
            else:
                prove(request)
                request.session.cycle_key()
                return HttpResponseRedirect(self._next())
        return self._show(form)

    def _form(self, data: Any = None) -> forms.Form:
        return CodeForm(data) if self.request.user.has_second_factor else PasswordForm(data)  # type: ignore[union-attr]

    def _next(self) -> str:
        told = self.request.POST.get("next") or self.request.GET.get("next") or ""
        is_ours = url_has_allowed_host_and_scheme(
            told, allowed_hosts={self.request.get_host()}, require_https=self.request.is_secure()
        )
        return told if is_ours else reverse("portal:home")

    def _show(self, form: forms.Form) -> HttpResponse:
        asks_for = "code" if isinstance(form, CodeForm) else "password"
        context = {"form": form, "asks_for": asks_for, "next": self._next()}
        return render(self.request, "account/reauthenticate.html", context)


def accept_code(request: HttpRequest, person: Person, form: forms.Form) -> None:
    """Accept a code that was typed, and write down one that is not right. Raises FieldError and TooManyGuesses."""
    actor = person_actor(person, origin=origin_of(request))
    now = timezone.now()
    try:
        with counted(request, f"code-{person.pk}"):
            use_second_factor(person=person, code=form.cleaned_data["code"], by=actor, at=now)
    except (FieldError, TooManyGuesses) as error:
        reason = "too many attempts" if isinstance(error, TooManyGuesses) else "wrong code"
        record_denial("use_second_factor", reason=reason, at=now, origin=actor.origin, actor=actor)
        raise


def accept_password(request: HttpRequest, person: Person, form: forms.Form) -> None:
    """Accept the password once more. Raises FieldError and TooManyGuesses."""
    actor = person_actor(person, origin=origin_of(request))
    try:
        with counted(request, f"password-{person.pk}"):
            _check_password(person, form.cleaned_data["password"])
    except (FieldError, TooManyGuesses) as error:
        reason = "too many attempts" if isinstance(error, TooManyGuesses) else "wrong password"
        record_denial("confirm_password", reason=reason, at=timezone.now(), origin=actor.origin, actor=actor)
        raise


def _check_password(person: Person, password: str) -> None:
    if not person.check_password(password):
        raise FieldError("password", "This is not your password.")
