"""402: a payment that did not come about. The ids are those of what exists as FAILED, or is held still."""

from typing import Any

from rest_framework import status
from rest_framework.request import Request

from api import idempotency as keys
from api.documents import base_url
from api.errors import error_body
from jobs.idempotency import Answer
from payments.models import Authorization, Payment, Transfer
from providers.attempts import NOT_EXECUTED

_NOT_CARRIED_OUT = "UPSTREAM_PROCESSOR_ERROR"
_DECLINED = {Transfer.KIND: "PAYMENT_DECLINED", Authorization.KIND: "DECLINED"}


def declined(payment: Payment, request: Request, **named: str) -> Answer:
    """The answer to a payment that failed or was canceled; `named` are further ids by the member that tells them."""
    return _answer(
        request,
        {
            "code": _NOT_CARRIED_OUT if payment.failure_code in NOT_EXECUTED else _DECLINED[payment.KIND],
            "message": payment.failure_message or "The payment was declined.",
            "failure_code": payment.failure_code,
            "failure_message": payment.failure_message,
            payment.KIND: payment.public_id,
            **named,
        },
    )


def not_void(authorization: Authorization, request: Request) -> Answer:
    """The answer to a void that did not come about. The messages say why, a code before the sentence."""
    told = authorization.messages or ["The provider did not let it go."]
    failure_code = told[0] if len(told) > 1 else None
    return _answer(
        request,
        {
            "code": _NOT_CARRIED_OUT if failure_code in NOT_EXECUTED else _DECLINED[authorization.KIND],
            "message": told[-1],
            "failure_code": failure_code,
            "failure_message": told[-1],
            "authorization": authorization.public_id,
        },
    )


def _answer(request: Request, error: dict[str, Any]) -> Answer:
    body = error_body([error], path=base_url(request) + request.path)
    return Answer(status.HTTP_402_PAYMENT_REQUIRED, keys.rendered(body))
