"""Guides as they are printed, typed into a shell; only host, credentials and ids are ours."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.replay.comparison import DOCUMENTED_HOST
from tests.stack import Stack

DOCUMENTED_ADMIN = "USimz3zSq5R2PqiEBXY6rSiJ:8bacba32-9550-48ff-b567-fe7648947041"
DOCUMENTED_PARTNER = "USrkaK96dJw8fNXn5b71wQ9u:b0ddd02f-9018-47fc-be48-34399ffd700e"
DOCUMENTED_PAYER = "UStt2KBTWJqwttvpRLfrj2xc:657ef015-2384-4cf9-b581-df4633fadbdd"
DOCUMENTED_MERCHANTS = ("MUb37LGvcCV4sNdjyzuJZETx", "MUmMpVqaad7Va1YQR2soR3tq")
"""That of the guide's third step, and the other one that its last step names in its place."""


def steps_of(guide: str) -> list[str]:
    commands = Path(__file__).with_name(f"{guide}.txt").read_text().split("curl ")[1:]
    return [f"curl {command}" for command in commands]


def type_in(command: str) -> dict[str, Any]:
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=True, timeout=30)
    return json.loads(done.stdout)


@pytest.mark.stack
def test_creating_an_application_works_word_for_word(stack: Stack) -> None:
    admin = "{MERCHANTRY_ADMIN_USERNAME}:{MERCHANTRY_ADMIN_PASSWORD}".format_map(stack.credentials)
    user, application, processor, processing, settlement = [
        step.replace(DOCUMENTED_HOST, stack.url).replace(DOCUMENTED_ADMIN, admin)
        for step in steps_of("creating-an-application")
    ]

    owner = type_in(user)
    made = type_in(application.replace("USrkaK96dJw8fNXn5b71wQ9u", owner["id"]))
    enabled, processes, settles = (
        type_in(step.replace("APkSa6G63hcfYPak632WZ97m", made["id"])) for step in (processor, processing, settlement)
    )

    assert (made["name"], made["tags"]) == ("BrainTree", {"application_name": "BrainTree"})
    assert (enabled["processor"], enabled["application"]) == ("DUMMY_V1", made["id"])
    assert processes["processing_enabled"] is True
    assert (settles["id"], settles["settlement_enabled"]) == (made["id"], True)
    partner = type_in(f"curl {stack.url}/applications -u {owner['id']}:{owner['password']}")
    assert [document["id"] for document in partner["_embedded"]["applications"]] == [made["id"]]


@pytest.mark.stack
def test_getting_started_works_word_for_word(stack: Stack) -> None:
    partner = "{MERCHANTRY_PARTNER_USERNAME}:{MERCHANTRY_PARTNER_PASSWORD}".format_map(stack.credentials)
    seller, account, provision, buyer, card, sale = [
        step.replace(DOCUMENTED_HOST, stack.url).replace(DOCUMENTED_PARTNER, partner)
        for step in steps_of("getting-started")
    ]

    merchant_identity = type_in(seller)["id"]
    funded = type_in(account.replace("IDpHEprvRCz6Sp4BGTEgsyKk", merchant_identity))
    merchant = type_in(provision.replace("IDpHEprvRCz6Sp4BGTEgsyKk", merchant_identity))
    tokenised = type_in(card.replace("IDstGoxAgMtDaFam7bbhwsBn", type_in(buyer)["id"]))
    for documented in DOCUMENTED_MERCHANTS:
        sale = sale.replace(documented, merchant["id"])
    sold = type_in(sale.replace("PIqf952xmeuiF179wdMiPXrW", tokenised["id"]))

    assert (funded["identity"], funded["masked_account_number"]) == (merchant_identity, "XXXXX3123")
    assert (merchant["processor"], merchant["onboarding_state"]) == ("DUMMY_V1", "APPROVED")
    assert (sold["amount"], sold["state"]) == (370744, "SUCCEEDED")
    assert (sold["merchant"], sold["source"]) == (merchant["id"], tokenised["id"])
    found = type_in(f"curl {stack.url}/transfers/{sold['id']} -u {partner}")
    assert (found["id"], found["state"], found["tags"]) == (sold["id"], "SUCCEEDED", {"test": "sale"})


@pytest.mark.stack
@pytest.mark.parametrize(
    ("guide", "owner", "other_owner", "card", "verified", "kind"),
    [
        (
            "push-to-card", "IDbW447N4itVizGmsMCKyTb", "IDbW447N4itVizGmsMCKyTb", "PIb6ZHPqVSzJVLz7gLvyvDDy",
            "PIribJS8ojEP2Zvube3NkBVk", ("CREDIT", "destination", "source", 1510),
        ),
        (
            "pull-from-card", "ID2UeQDh42Cyvrw9iN9gaezk", "IDbW447N4itVizGmsMCKyTb", "PIa2qcZjdFpDK5fowhfyTq4Z",
            "PIb6ZHPqVSzJVLz7gLvyvDDy", ("DEBIT", "source", "destination", 20000),
        ),
    ],
)  # fmt: skip
def test_money_to_and_from_a_card_works_word_for_word(
    *, stack: Stack, guide: str, owner: str, other_owner: str, card: str, verified: str, kind: tuple[str, str, str, int]
) -> None:
    """The guides name another card in their third step than the one of the second, the last guide another owner."""
    partner = "{MERCHANTRY_PARTNER_USERNAME}:{MERCHANTRY_PARTNER_PASSWORD}".format_map(stack.credentials)
    identity, tokenise, verify, provision, transfer = [
        step.replace(DOCUMENTED_HOST, stack.url).replace(DOCUMENTED_PAYER, partner) for step in steps_of(guide)
    ]
    type_, side, other_side, amount = kind

    person = type_in(identity)["id"]
    tokenised = type_in(tokenise.replace(owner, person))["id"]
    asked = type_in(verify.replace(verified, tokenised))
    merchant = type_in(provision.replace(other_owner, person))
    moved = type_in(transfer.replace(card, tokenised))

    assert (asked["payment_instrument"], asked["state"]) == (tokenised, "SUCCEEDED")
    assert (merchant["processor"], merchant["onboarding_state"], merchant["identity"]) == (
        "VISA_V1", "APPROVED", person,
    )  # fmt: skip
    assert (moved["type"], moved["state"], moved["amount"]) == (type_, "SUCCEEDED", amount)
    assert (moved[side], moved[other_side], moved["merchant_identity"]) == (tokenised, None, person)
    assert moved["tags"] == {"order_number": "21DFASJSAKAS"}
