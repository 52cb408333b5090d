"""How people sign in: allauth's rules, with sign-up closed and every log-in and refusal audited."""

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from django.http import HttpRequest
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
        record_denial(
            "sign_in",
            reason="wrong e-mail or password",
            at=timezone.now(),
            origin=origin_of(request),
            name=str(credentials.get("email", "unknown")),
        )

    def login(self, request: HttpRequest, user: Person) -> None:
        super().login(request, user)
        actor = person_actor(user, origin=origin_of(request))
        tenant = actor.own_application_id or platform_id()
        with transaction(by=actor):
            record_audit("sign_in", application_id=tenant, by=actor.signature, at=timezone.now())

    def get_client_ip(self, request: HttpRequest) -> str:
        return origin_of(request).address or "unknown"
