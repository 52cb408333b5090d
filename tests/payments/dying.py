"""A process that forks for each act it is told on its input, and lets the child die at a crash point of that act.

`python -m tests.payments.dying`: a line of JSON names the act, the point and the keys; the answer is a line with the
number of the signal that ended the child, or 0 where it lived.
"""

import json
import os
import sys
from collections.abc import Callable
from typing import Any

import django


def main(carry_out: Callable[[dict[str, Any]], None]) -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    django.setup()
    for line in sys.stdin:
        child = os.fork()
        if not child:
            carry_out(json.loads(line))
            os._exit(0)
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status) * -1, flush=True)


def _carry_out(told: dict[str, Any]) -> None:
    from django.conf import settings
    from django.utils import timezone

    from onboarding.models import Merchant, PaymentInstrument
    from payments import services
    from payments.models import Authorization, Transfer
    from tenancy.actors import system
    from tenancy.transactions import transaction

    by, at = system("test"), timezone.now()

    def row(model: Any, name: str) -> Any:
        with transaction(by=by):
            return model.objects.get(pk=told[name])

    settings.CRASH_POINT = told["point"]
    money: dict[str, Any] = {"amount": told["amount"], "by": by, "at": at}
    paid: dict[str, Any] = money | {"currency": "USD"}
    match told["act"]:
        case "authorization":
            merchant, card = row(Merchant, "merchant"), row(PaymentInstrument, "card")
            services.create_authorization(merchant_id=merchant.pk, source_id=card.pk, **paid)
        case "capture":
            services.capture_authorization(authorization=row(Authorization, "authorization"), **money)
        case "void":
            services.void_authorization(authorization=row(Authorization, "authorization"), by=by, at=at)
        case "refund":
            services.create_reversal(transfer=row(Transfer, "sale"), **money)
        case "push" | "pull" as purpose:
            services.create_visa_direct(
                purpose=services.Purpose[purpose.upper()],
                instrument_id=row(PaymentInstrument, "card").pk,
                merchant_id=told["receiver"],
                **paid,
            )


if __name__ == "__main__":
    main(_carry_out)
