"""The pages of the second factor: the code at sign-in, setting one up, recovery codes, turning it off."""

from collections.abc import Callable
from typing import Any

import qrcode
from allauth.account.internal.decorators import login_stage_required
from allauth.mfa.adapter import DefaultMFAAdapter, get_adapter
from allauth.mfa.stages import AuthenticateStage
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import update_session_auth_hash
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.views import View

from portal import step_up
from portal.account_forms import CodeForm
from portal.accounts import AccountAdapter
from portal.guesses import TooManyGuesses, counted
from portal.handover import hand_over, look_at, take_over
from portal.signing_in import lead_to_sign_in
from resources.errors import DomainError, FieldError
from tenancy import services as tenancy
from tenancy.actors import Actor
from tenancy.models import Person
from tenancy.origins import origin_of
from vault.keys import KeyRing
from vault.secret import Secret

_NEW_APP = "totp"
_CODES = "recovery-codes"
_WAY_IN = "second-factor-way-in"
_CONTEXT = "mfa_authenticator"


class FactorAdapter(DefaultMFAAdapter):
    """Seeds are sealed as the vault's values are. Whoever has a factor by our word is asked for it, come what may."""

    def is_mfa_enabled(self, user: Any, types: Any = None) -> bool:
        return user.has_second_factor or bool(super().is_mfa_enabled(user, types=types))

    def encrypt(self, text: str) -> str:
        return _ring().seal(text, context=_CONTEXT).hex()

    def decrypt(self, encrypted_text: str) -> str:
        return _ring().unseal(bytes.fromhex(encrypted_text), context=_CONTEXT)


@method_decorator(login_stage_required(stage=AuthenticateStage.key, redirect_urlname="account_login"), name="dispatch")
class EnterCode(View):
    """The second step of signing in. Until the code is right nobody is signed in."""

    def get(self, request: HttpRequest) -> HttpResponse:
        del request
        return self._show(CodeForm())

    def post(self, request: HttpRequest) -> HttpResponse:
        stage = request._login_stage  # type: ignore[attr-defined]  # noqa: SLF001 - where allauth puts it
        form = CodeForm(request.POST)
        if form.is_valid():
            try:
                step_up.accept_code(request, stage.login.user, form)
            except TooManyGuesses as error:
                form.add_error(None, str(error))
            except FieldError as error:
                form.add_error(error.field, str(error))
            else:
                response: HttpResponse = stage.exit()
                return response
        return self._show(form)

    def _show(self, form: CodeForm) -> HttpResponse:
        return render(self.request, "mfa/authenticate.html", {"form": form})


class AccountPage(View):
    """A page about one's own account. With `is_sensitive` it asks for a proof first."""

    is_sensitive = False

    person: Person
    actor: Actor

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not request.user.is_authenticated:
            return lead_to_sign_in(request)
        self.person = request.user
        self.actor = person_actor_of(request)
        request.actor = request.portal_actor = self.actor  # type: ignore[attr-defined]
        if self.is_sensitive and step_up.is_due(request):
            return step_up.ask(request.path if request.method == "GET" else reverse("mfa_index"))
        return super().dispatch(request, *args, **kwargs)

    def keep_session(self) -> None:
        """The change ended every session of the person, but this one goes on, under another id."""
        self.person.refresh_from_db()
        update_session_auth_hash(self.request, self.person)
        step_up.prove(self.request)

    def tell(self, event: str) -> None:
        """Mail to the person, who may not be who did it."""
        AccountAdapter(self.request).send_notification_mail(f"mfa/email/{event}", self.person, email=self.person.email)


class SecondFactor(AccountPage):
    """Whether one is set up, and what can be done about it."""

    def get(self, request: HttpRequest) -> HttpResponse:
        left = tenancy.recovery_codes_left(self.person) if self.person.has_second_factor else 0
        return render(
            request,
            "mfa/index.html",
            {
                "is_set_up": self.person.has_second_factor,
                "codes_left": left,
                "required": settings.REQUIRE_SECOND_FACTOR,
                "confirms_turn_off": request.GET.get("confirm") == "turn-off",
            },
        )


class SetUp(AccountPage):
    """Scan, type a code, done. Where one is set up already the new app takes its place."""

    is_sensitive = True

    def get(self, request: HttpRequest) -> HttpResponse:
        if look_at(request, _NEW_APP) is None:
            hand_over(request, _NEW_APP, tenancy.new_totp_secret())
        return self._show(CodeForm())

    def post(self, request: HttpRequest) -> HttpResponse:
        secret = look_at(request, _NEW_APP)
        if secret is None:  # done already, or in another session
            return HttpResponseRedirect(request.path)
        form = CodeForm(request.POST)
        is_demanded = self._is_demanded()
        if form.is_valid() and self._set_up(secret, form):
            request.session[_WAY_IN] = is_demanded
            return HttpResponseRedirect(reverse("mfa_view_recovery_codes"))
        return self._show(form)

    def _set_up(self, secret: Secret, form: CodeForm) -> bool:
        now = timezone.now()
        try:
            with counted(self.request, f"code-{self.person.pk}"):
                codes = tenancy.set_up_second_factor(
                    person=self.person, secret=secret, code=form.cleaned_data["code"], by=self.actor, at=now
                )
        except DomainError as error:
            reason = "too many attempts" if isinstance(error, TooManyGuesses) else "wrong code"
            tenancy.record_denial(
                "set_up_second_factor", reason=reason, at=now, origin=self.actor.origin, actor=self.actor
            )
            form.add_error("code" if isinstance(error, FieldError) else None, str(error))
            return False
        take_over(self.request, _NEW_APP)
        self.keep_session()
        _hand_over_codes(self.request, codes)
        self.tell("totp_activated")
        return True

    def _is_demanded(self) -> bool:
        return settings.REQUIRE_SECOND_FACTOR and not self.person.has_second_factor

    def _show(self, form: CodeForm) -> HttpResponse:
        secret = look_at(self.request, _NEW_APP)
        key = secret.reveal() if secret else ""
        address = get_adapter().build_totp_url(self.person, key)
        context = {
            "form": form,
            "qr": _qr(address),
            "address": address,
            "key": key,
            "key_parts": [key[at : at + 4] for at in range(0, len(key), 4)],
            "is_replacement": self.person.has_second_factor,
            "is_demanded": self._is_demanded(),
        }
        return render(self.request, "mfa/totp/activate_form.html", context)


class RecoveryCodes(AccountPage):
    """The codes that were made just now, once. Whoever comes again finds how many are left."""

    http_method_names = ["get"]  # a HEAD would take the codes and show them to nobody

    def get(self, request: HttpRequest) -> HttpResponse:
        codes = take_over(request, _CODES)
        if codes is None:
            return HttpResponseRedirect(reverse("mfa_index"))
        listed = codes.reveal().split()
        text = "\n".join(["Merchantry recovery codes", self.person.email, *listed])
        context = {"codes": listed, "text": text}
        is_demanded = request.session.pop(_WAY_IN, None)
        if not is_demanded:
            context["next_url"] = reverse("mfa_index")
        page = render(request, "mfa/recovery_codes/index.html", context)
        if is_demanded is False:  # told on the page after this one
            messages.success(request, "Your second factor is set up.")
        return page


class RenewRecoveryCodes(AccountPage):
    """New codes in place of those before."""

    is_sensitive = True
    http_method_names = ["post"]

    def post(self, request: HttpRequest) -> HttpResponse:
        del request
        return _or_refused(self, self._renew)

    def _renew(self) -> HttpResponse:
        codes = tenancy.renew_recovery_codes(person=self.person, by=self.actor, at=timezone.now())
        self.keep_session()
        _hand_over_codes(self.request, codes)
        self.tell("recovery_codes_generated")
        return HttpResponseRedirect(reverse("mfa_view_recovery_codes"))


class TurnOff(AccountPage):
    """Sign in by password alone again, where that is allowed."""

    is_sensitive = True
    http_method_names = ["post"]

    def post(self, request: HttpRequest) -> HttpResponse:
        if settings.REQUIRE_SECOND_FACTOR:
            messages.error(request, "A second factor is required here. You can set up another app instead.")
            return HttpResponseRedirect(reverse("mfa_index"))
        return _or_refused(self, self._turn_off)

    def _turn_off(self) -> HttpResponse:
        tenancy.turn_off_second_factor(person=self.person, by=self.actor, at=timezone.now())
        self.keep_session()
        self.tell("totp_deactivated")
        messages.success(self.request, "Your second factor is off.")
        return HttpResponseRedirect(reverse("mfa_index"))


def person_actor_of(request: HttpRequest) -> Actor:
    return tenancy.person_actor(request.user, origin=origin_of(request))  # type: ignore[arg-type]  # signed in


def _or_refused(page: AccountPage, do: Callable[[], HttpResponse]) -> HttpResponse:
    try:
        return do()
    except DomainError as error:
        messages.error(page.request, str(error))
        return HttpResponseRedirect(reverse("mfa_index"))


def _hand_over_codes(request: HttpRequest, codes: list[Secret]) -> None:
    hand_over(request, _CODES, Secret(" ".join(code.reveal() for code in codes)))


def _qr(text: str) -> dict[str, Any]:
    """A QR code as the side of a square and the path of its dark modules."""
    code = qrcode.QRCode(border=0, error_correction=qrcode.constants.ERROR_CORRECT_M)
    code.add_data(text)
    code.make(fit=True)
    matrix = code.get_matrix()
    path = "".join(
        f"M{column} {row}h1v1h-1z" for row, line in enumerate(matrix) for column, is_dark in enumerate(line) if is_dark
    )
    return {"side": len(matrix), "path": path}


def _ring() -> KeyRing:
    ring: KeyRing = settings.VAULT_KEYS
    return ring
