"""How people sign in: allauth's rules, with sign-up closed, and every log-in, refusal and new password audited."""

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.signals import password_changed, password_reset, password_set
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone

from events.services import record_audit
from tenancy.models import Person
from tenancy.origins import origin_of
from tenancy.services import person_actor, platform_id, record_denial
from tenancy.transactions import transaction


class AccountAdapter(DefaultAccountAdapter):
    """People are let in by an admin; nobody signs up."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        del request
        return False

    def authentication_failed(self, request: HttpRequest, **credentials: Any) -> None:
        super().authentication_failed(request, **credentials)
        refuse_sign_in(request, "wrong e-mail or password", str(credentials.get("email", "unknown")))

    def pre_authenticate(self, request: HttpRequest, **credentials: Any) -> None:
        try:
            super().pre_authenticate(request, **credentials)
        except ValidationError:
            refuse_sign_in(request, "too many attempts", str(credentials.get("email", "unknown")))
            raise

    def respond_user_inactive(self, request: HttpRequest, user: Person) -> HttpResponse:
        refuse_sign_in(request, "the account is disabled", user.email)
        response: HttpResponse = super().respond_user_inactive(request, user)
        return response

    def login(self, request: HttpRequest, user: Person) -> None:
        super().login(request, user)
        audit("sign_in", request, user)

    def logout(self, request: HttpRequest) -> None:
        if request.user.is_authenticated:
            audit("sign_out", request, request.user)
        super().logout(request)

    def set_password(self, user: Person, password: str) -> None:
        """Nothing but the password: what else changed since this request began stays."""
        user.set_password(password)
        user.save(update_fields=["password"])

    def get_password_change_redirect_url(self, request: HttpRequest) -> str:
        del request
        return reverse("portal:home")

    def get_client_ip(self, request: HttpRequest) -> str:
        return origin_of(request).address or "unknown"


def refuse_sign_in(request: HttpRequest, reason: str, name: str) -> None:
    """Write down who was not let in."""
    record_denial("sign_in", reason=reason, at=timezone.now(), origin=origin_of(request), name=name)


def tell_of_reset(request: HttpRequest, person: Person) -> None:
    """Mail to somebody whose second factor another one took away."""
    AccountAdapter(request).send_notification_mail("mfa/email/totp_reset", person, email=person.email)


def audit(action: str, request: HttpRequest, person: Person) -> None:
    """Write down what somebody did with their own account."""
    actor = person_actor(person, origin=origin_of(request))
    with transaction(by=actor):
        record_audit(
            action,
            application_id=actor.own_application_id or platform_id(),
            by=actor.signature,
            at=timezone.now(),
        )


def audit_passwords() -> None:
    """Allauth tells of new passwords by signals only."""
    for signal, action in (
        (password_changed, "change_password"),
        (password_set, "change_password"),
        (password_reset, "reset_password"),
    ):
        signal.connect(_AuditPassword(action), weak=False, dispatch_uid=f"audit_{action}_{id(signal)}")


class _AuditPassword:
    def __init__(self, action: str) -> None:
        self.action = action

    def __call__(self, request: HttpRequest, user: Person, **_: Any) -> None:
        audit(self.action, request, user)
