from datetime import timedelta

from django.utils import timezone

from jobs.registry import handler
from providers.sandbox import tokens
from tenancy.actors import system
from tenancy.transactions import transaction


@handler("sandbox.forget_tokens", every=timedelta(days=1))
def forget_tokens() -> None:
    """Tokens that nobody claimed, a week after they expired."""
    with transaction(by=system("Sandbox")):
        tokens.forget_unclaimed(timezone.now())
