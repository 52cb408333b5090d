"""The guide "Creating an Application" as it is printed, typed into a shell; only host, credentials and ids are ours."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.replay.comparison import DOCUMENTED_HOST
from tests.stack import Stack

GUIDE = Path(__file__).with_name("creating-an-application.txt").read_text()
DOCUMENTED_ADMIN = "USimz3zSq5R2PqiEBXY6rSiJ:8bacba32-9550-48ff-b567-fe7648947041"
STEPS = [f"curl {command}" for command in GUIDE.split("curl ")[1:]]


def type_in(command: str) -> dict[str, Any]:
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=True, timeout=30)
    return json.loads(done.stdout)


@pytest.mark.stack
def test_the_guide_works_word_for_word(stack: Stack) -> None:
    admin = "{MERCHANTRY_ADMIN_USERNAME}:{MERCHANTRY_ADMIN_PASSWORD}".format_map(stack.credentials)
    user, application, processor, processing, settlement = [
        step.replace(DOCUMENTED_HOST, stack.url).replace(DOCUMENTED_ADMIN, admin) for step in STEPS
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
