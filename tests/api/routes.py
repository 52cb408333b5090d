"""The routes of the API as the resolver knows them, with a body that each write accepts."""

from collections.abc import Iterator, Mapping
from typing import Any

from django.urls import URLPattern, URLResolver, get_resolver

from onboarding.models import InstrumentUpdate, Merchant, PaymentInstrument, ReviewItem, Verification
from payments.models import Authorization, Settlement, Transfer
from tenancy.actors import system
from tenancy.models import Application, ApplicationProfile, MerchantProfile, Processor
from tenancy.transactions import transaction
from tests.api.conftest import Tenant
from tests.factories.onboarding import BUYER
from tests.factories.payments import BANK_ACCOUNT, make_processor
from tests.factories.tenancy import OWNER

NOT_THE_CONTRACT = ("dashboard/", "forms/", "schema", "healthz", "readyz")

AT_VISA = {"POST payment_instruments/<str:payment_instrument>/verifications"}

PUBLIC = {"POST applications/<str:application>/tokens"}
"""They need no credentials, and answer the question of a browser whether a page of another origin may ask."""

BODIES: dict[str, dict[str, Any]] = {
    "POST applications": {"entity": OWNER},  # and a user, made anew for each request
    "PUT applications/<str:pk>": {"name": "Renamed"},
    "POST applications/<str:application>/processors": {"type": "VISA_V1"},
    "PUT applications/<str:application>/processors/<str:pk>": {"enabled": False},
    "POST applications/<str:application>/users": {"tags": {"made": "yes"}},
    "POST identities": {"entity": BUYER},
    "PUT identities/<str:pk>": {"entity": {"first_name": "Changed"}},
    "POST identities/<str:identity>/users": {},
    "POST identities/<str:identity>/associated_identities": {"entity": {"first_name": "Ann", "last_name": "Lee"}},
    "POST identities/<str:identity>/merchants": {"processor": "DUMMY_V1"},
    "POST identities/<str:identity>/verifications": {"processor": "DUMMY_V1"},
    "POST payment_instruments": BANK_ACCOUNT | {"identity": "<identities>"},
    "PUT payment_instruments/<str:pk>": {"name": "Renamed"},
    "POST payment_instruments/<str:payment_instrument>/verifications": {"security_code": "112"},
    "POST payment_instruments/<str:payment_instrument>/updates": {"merchant": "<merchants>"},
    "POST applications/<str:application>/tokens": BANK_ACCOUNT,
    "PUT merchants/<str:pk>": {"card_cvv_required": True},
    "POST merchants/<str:merchant>/verifications": {},
    "POST verifications": {"merchant": "<merchants>"},
    "POST transfers": {
        "merchant": "<merchants>",
        "source": "<payment_instruments>",
        "amount": 1250,
        "currency": "USD",
    },
    "PUT transfers/<str:pk>": {"tags": {"changed": "yes"}},
    "POST transfers/<str:transfer>/reversals": {"refund_amount": 500},
    "POST authorizations": {
        "merchant": "<merchants>",
        "source": "<payment_instruments>",
        "amount": 1250,
        "currency": "USD",
    },
    "PUT authorizations/<str:pk>": {"capture_amount": 750},
    "POST identities/<str:identity>/settlements": {"currency": "USD", "tags": {"made": "yes"}},
    "PUT settlements/<str:pk>": {"tags": {"changed": "yes"}},
    "POST settlements/<str:pk>": {"destination": "<payment_instruments>", "amount": 500, "currency": "USD"},
    "POST settlements/<str:settlement>/funding_transfers": {
        "destination": "<payment_instruments>",
        "amount": 500,
        "currency": "USD",
    },
    "DELETE settlements/<str:settlement>/transfers": {"transfers": ["<transfers>"]},
    "PUT review_queue/<str:pk>": {"outcome": "MANUAL_REVIEW"},
    "POST review_queue/<str:pk>": {"outcome": "MANUAL_REVIEW"},
    "POST users": {"role": "PARTNER"},
    "PUT users/<str:pk>": {"tags": {"changed": "yes"}},
    "POST users/<str:pk>/secret": {"overlap_seconds": 3600},
    "PUT application_profiles/<str:pk>": {"tags": {"changed": "yes"}},
    "PUT merchant_profiles/<str:pk>": {"tags": {"changed": "yes"}},
    "PUT risk_profiles/<str:pk>": {"avs_failure_allowed": True},
}

"""`<identities>` stands for the id of that kind; `body_of` puts it in."""


def body_of(operation: str, ids: Mapping[str, str]) -> dict[str, Any] | None:
    """The body of an operation with `ids` by plural kind; None for a read."""
    body = BODIES.get(operation)
    if body is None:
        return None
    places = {f"<{kind}>": public_id for kind, public_id in ids.items()}

    def put_in(value: Any) -> Any:
        if isinstance(value, list):
            return [put_in(each) for each in value]
        return places.get(value, value) if isinstance(value, str) else value

    return {name: put_in(value) for name, value in body.items()}


def prepare(operation: str, ids: Mapping[str, str]) -> None:
    """Make what an operation needs that a shop does not have: cards are verified at VISA_V1 alone."""
    if operation not in AT_VISA:
        return
    by = system("test")
    with transaction(by=by):
        application = Application.objects.filter(pk=Application.parse_id(ids["applications"])).first()
        has_it = Processor.objects.filter(application=application, processor=Processor.Name.VISA_V1).exists()
    if application is not None and not has_it:
        make_processor(application, Processor.Name.VISA_V1)


def api_routes() -> Iterator[tuple[str, Any]]:
    """Every route of the contract with its view class."""
    for route, callback in _walk(get_resolver().url_patterns, ""):
        if not route.startswith(NOT_THE_CONTRACT):
            yield route, callback


def operations() -> Iterator[tuple[str, type]]:
    """`METHOD route` and the view class, for every method that a route serves."""
    for route, callback in api_routes():
        for method in getattr(callback, "actions", {}):
            if method not in {"head", "options"}:
                yield f"{method.upper()} {route}", callback.cls


def path_of(route: str, ids: dict[str, str]) -> str:
    """The path of a route with `ids` by plural kind; a parameter is of the kind that stands before it."""
    parts = ["", *route.split("/")]
    return "/".join(ids[parts[at - 1]] if part.startswith("<") else part for at, part in enumerate(parts))


def ids_of(tenant: Tenant) -> dict[str, str]:
    """An id of each kind that belongs to a shop."""
    with transaction(by=system()):
        profile = ApplicationProfile.objects.select_related("risk_profile").get(application=tenant.application)
        merchant_profile = MerchantProfile.objects.filter(application=tenant.application).earliest("created_at")
        theirs = {
            plural: kind.objects.get(application=tenant.application).public_id
            for plural, kind in (
                ("merchants", Merchant),
                ("payment_instruments", PaymentInstrument),
                ("verifications", Verification),
                ("review_queue", ReviewItem),
                ("updates", InstrumentUpdate),
                ("transfers", Transfer),
                ("authorizations", Authorization),
                ("settlements", Settlement),
            )
        }
    return {
        "applications": tenant.application.public_id,
        "processors": "DUMMY_V1",
        "identities": tenant.identity.public_id,
        "users": tenant.merchant.user.public_id,
        "application_profiles": profile.public_id,
        "merchant_profiles": merchant_profile.public_id,
        "risk_profiles": profile.risk_profile.public_id,
        **theirs,
    }


def _walk(patterns: list[URLPattern | URLResolver], before: str) -> Iterator[tuple[str, Any]]:
    for pattern in patterns:
        route = before + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from _walk(pattern.url_patterns, route)
        else:
            yield route, pattern.callback
