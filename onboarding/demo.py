"""The demo's applications and the businesses and buyers on them, made through the services and the same every time."""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from onboarding.serializers.identities import IdentityInput, IdentityUpdate
from onboarding.services import create_application, create_identity, update_identity
from tenancy import services as tenancy
from tenancy.actors import Actor, system
from tenancy.models import Application, Processor
from tenancy.roles import Role
from tenancy.transactions import transaction
from vault.secret import Secret

OWNERS = [
    ("Harbor Market", "harbormarket.example", "marketplace for makers"),
    ("Fieldnote", "fieldnote.example", "scheduling for clinics"),
    ("Lanterna POS", "lanterna.example", "point of sale for cafés"),
]
BUSINESSES = [
    ("Juniper & Rye Bakery", "LIMITED_LIABILITY_COMPANY", "5462"), ("Blue Heron Cycles", "CORPORATION", "5940"),
    ("Northgate Dental", "PARTNERSHIP", "8021"), ("Sable Street Books", "INDIVIDUAL_SOLE_PROPRIETORSHIP", "5942"),
    ("Corvid Coffee Roasters", "LIMITED_LIABILITY_COMPANY", "5499"),
    ("Tidewater Veterinary", "CORPORATION", "0742"), ("Halcyon Yoga", "LIMITED_LIABILITY_COMPANY", "7997"),
    ("Pine & Porcelain", "INDIVIDUAL_SOLE_PROPRIETORSHIP", "5719"),
    ("Larkspur Florists", "LIMITED_LIABILITY_COMPANY", "5992"), ("Kiln Works Studio", "PARTNERSHIP", "5970"),
    ("Meridian Optics", "CORPORATION", "8043"), ("The Copper Ladle", "LIMITED_LIABILITY_COMPANY", "5812"),
    ("Foxglove Apothecary", "LIMITED_LIABILITY_COMPANY", "5912"),
    ("Granite Peak Outfitters", "CORPORATION", "5941"),
    ("Saltbox Ceramics", "INDIVIDUAL_SOLE_PROPRIETORSHIP", "5970"),
    ("Wren Music School", "TAX_EXEMPT_ORGANIZATION", "8299"),
    ("Orchard Lane Preschool", "TAX_EXEMPT_ORGANIZATION", "8351"),
    ("Velvet Hour Records", "LIMITED_LIABILITY_COMPANY", "5735"), ("Quill & Ledger", "PARTNERSHIP", "8931"),
    ("Sundial Physiotherapy", "CORPORATION", "8049"),
]  # fmt: skip
PEOPLE = [
    ("Amara", "Okafor"), ("Jonas", "Lindqvist"), ("Priya", "Raman"), ("Mateo", "Alvarez"), ("Hana", "Sato"),
    ("Eleanor", "Whitcombe"), ("Tomasz", "Nowak"), ("Leila", "Haddad"), ("Samuel", "Osei"), ("Ingrid", "Halvorsen"),
    ("Daphne", "Kline"), ("Rosa", "Marchetti"), ("Theo", "Lambert"), ("Nadia", "Petrova"), ("Callum", "Fraser"),
    ("Yara", "Mendes"), ("Viktor", "Sokolov"), ("Grace", "Adeyemi"), ("Felix", "Baumann"), ("Mei", "Chen"),
]  # fmt: skip
CITIES = [
    ("Portland", "OR", "97209"), ("Duluth", "MN", "55802"), ("Asheville", "NC", "28801"), ("Santa Fe", "NM", "87501"),
    ("Burlington", "VT", "05401"), ("Boise", "ID", "83702"), ("Savannah", "GA", "31401"), ("Madison", "WI", "53703"),
]  # fmt: skip
STREETS = ["Alder St", "Mill Road", "Front St", "Harbor Ave", "Second St", "Juniper Lane", "Canal St", "Orchard Row"]
TITLES = ["Owner", "CEO", "Managing Partner", "Director", "Founder"]


@dataclass
class DemoApplication:
    """An application of the demo, with the API key of its owner and one of its merchants."""

    application: Application
    user_id: str
    secret: Secret
    merchant_identity_id: Any


def make(now: datetime, tell: Callable[[], None], *, scale: int = 1) -> list[DemoApplication]:
    """Make all of it. `tell` is called once per thing made; `scale` multiplies the identities."""
    dice = random.Random(20260917)  # noqa: S311 - a demo, the same every time
    made = []
    for position, (name, domain, trade) in enumerate(OWNERS):
        founded = now - timedelta(days=120 - 30 * position, hours=position)
        made.append(_make_application(name, domain, trade, founded, dice))
        tell()
    _change_settings(made, now)
    moments = sorted(
        now - timedelta(minutes=dice.randrange(20, 60 * 24 * 28)) for _ in range(things(scale) - len(OWNERS))
    )
    plan = _plan(scale, dice)
    for moment, (position, entity, tags) in zip(moments, plan, strict=True):
        demo = made[position]
        by = system("Demo")
        body = _validated({"entity": entity, "tags": tags})
        identity = create_identity(
            application_id=demo.application.pk, entity=body["entity"], tags=body.get("tags"), by=by, at=moment
        )
        if identity.is_merchant and demo.merchant_identity_id is None:
            demo.merchant_identity_id = identity.pk
        if identity.is_merchant and dice.random() < 0.3:
            changes = IdentityUpdate(data={"entity": {"max_transaction_amount": 2_500_000}}, instance=identity)
            changes.is_valid(raise_exception=True)
            later = min(now, moment + timedelta(days=1, minutes=dice.randrange(600)))
            update_identity(identity=identity, changes=changes.validated_data, by=by, at=later)
        tell()
    return made


def things(scale: int) -> int:
    """How many things `make` tells of."""
    return len(OWNERS) + (len(BUSINESSES) * 2 + 25) * scale


def _plan(scale: int, dice: random.Random) -> Iterator[tuple[int, dict[str, Any], dict[str, str]]]:
    plan = []
    for _ in range(scale):
        plan += [(dice.choice((0, 0, 1, 2)), *_business(*business, dice)) for business in BUSINESSES]
        plan += [(dice.choice((0, 1, 1, 2)), *_business(*business, dice)) for business in BUSINESSES]
        plan += [(dice.choice((0, 1, 2)), *_buyer(dice)) for _ in range(25)]
    dice.shuffle(plan)
    for position in range(len(OWNERS)):  # every application has a merchant
        plan[position] = (position, *_business(*BUSINESSES[position], dice))
    return iter(plan)


def _make_application(name: str, domain: str, trade: str, at: datetime, dice: random.Random) -> DemoApplication:
    by: Actor = system("Demo")
    owner, secret = tenancy.create_api_user(role=Role.PARTNER, by=by, at=at)
    entity, _ = _business(name, "CORPORATION", "7372", dice)
    entity |= {
        "email": f"founders@{domain}",
        "url": f"https://{domain}",
        "doing_business_as": name,
        "business_name": f"{name} Inc",
    }
    application = create_application(
        owner_user_id=owner.pk,
        entity=_validated({"entity": entity})["entity"],
        tags={"trade": trade},
        by=by,
        at=at,
    )
    by = system("Demo")  # sees the new application too
    tenancy.enable_processor(
        application=application, name=Processor.Name.DUMMY_V1, config={"canDebitBankAccount": True}, by=by, at=at
    )
    return DemoApplication(application, owner.public_id, secret, None)


def _change_settings(made: list[DemoApplication], now: datetime) -> None:
    """So that not every switch stands alike."""
    by = system("Demo")
    _, clinics, cafes = made
    sells_in_batches = Processor.objects.visible_to(by).filter(application=clinics.application)
    with transaction(by=by):
        processor = sells_in_batches.get()
    tenancy.update_processor(
        processor=processor,
        application_config={"card_sale_submission_method": "batch"},
        by=by,
        at=now - timedelta(days=61),
    )
    tenancy.update_application(
        application=cafes.application,
        values={"settlement_enabled": False, "card_cvv_required": True},
        by=by,
        at=now - timedelta(days=3, hours=5),
    )


def _business(name: str, kind: str, mcc: str, dice: random.Random) -> tuple[dict[str, Any], dict[str, str]]:
    first, last = dice.choice(PEOPLE)
    slug = "".join(letter for letter in name.lower() if letter.isalpha())
    entity = {
        "business_name": f"{name} {'LLC' if 'LIABILITY' in kind else 'Co'}",
        "doing_business_as": name,
        "business_type": kind,
        "business_tax_id": f"{dice.randrange(10**8, 10**9)}",
        "url": f"www.{slug}.example",
        "business_phone": f"+1 (503) 555-{dice.randrange(100, 9999):04d}",
        "incorporation_date": {
            "day": dice.randrange(1, 28),
            "month": dice.randrange(1, 13),
            "year": dice.randrange(1985, 2024),
        },
        "business_address": _address(dice),
        "ownership_type": "PRIVATE",
        "first_name": first,
        "last_name": last,
        "title": dice.choice(TITLES),
        "principal_percentage_ownership": dice.choice((25, 50, 51, 75, 100)),
        "tax_id": f"{dice.randrange(10**8, 10**9)}",
        "dob": {"day": dice.randrange(1, 28), "month": dice.randrange(1, 13), "year": dice.randrange(1955, 2001)},
        "phone": f"503555{dice.randrange(10000):04d}",
        "email": f"{first}.{last}@{slug}.example".lower(),
        "personal_address": _address(dice),
        "annual_card_volume": dice.randrange(40, 900) * 1_000_00,
        "default_statement_descriptor": name[:20].strip(),
        "max_transaction_amount": dice.choice((50_000, 120_000, 500_000, 1_200_000)),
        "mcc": mcc,
        "has_accepted_credit_cards_previously": dice.random() < 0.6,
    }
    return entity, {"plan": dice.choice(("starter", "growth", "scale"))}


def _buyer(dice: random.Random) -> tuple[dict[str, Any], dict[str, str]]:
    first, last = dice.choice(PEOPLE)
    entity = {
        "first_name": first,
        "last_name": last,
        "email": f"{first}{dice.randrange(10, 99)}@mail.example".lower(),
        "phone": f"612555{dice.randrange(10000):04d}",
        "personal_address": _address(dice),
    }
    return entity, {"customer": f"C-{dice.randrange(1000, 9999)}"}


def _address(dice: random.Random) -> dict[str, str]:
    city, region, code = dice.choice(CITIES)
    line1 = f"{dice.randrange(10, 990)} {dice.choice(STREETS)}"
    return {"line1": line1, "city": city, "region": region, "postal_code": code, "country": "USA"}


def _validated(data: dict[str, Any]) -> dict[str, Any]:
    body = IdentityInput(data=data)
    body.is_valid(raise_exception=True)
    result: dict[str, Any] = body.validated_data
    return result
