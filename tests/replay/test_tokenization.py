"""The documented examples of tokenization: what the browser library is given, and what becomes of it."""

import pytest

from tests.conftest import ApiClient
from tests.factories.onboarding import ADDRESS, MERCHANT
from tests.replay.test_examples import _OWNER, EXAMPLES, Replayer

CARD = {
    "type": "PAYMENT_CARD", "number": "4957030000030454", "expiration_month": 12, "expiration_year": 2029,
    "address": ADDRESS,
}  # fmt: skip
"""None is told with the samples: one that looks like the instrument of the second."""


@pytest.mark.django_db
def test_documented_token_and_its_instrument() -> None:
    replayer, form, claim = Replayer(), *(EXAMPLES[f"tokenization-{step}"] for step in _STEPS)
    for step in (*_OWNER, "create-application-3-processor"):
        replayer.differences(EXAMPLES[step], replayer.send(EXAMPLES[step]).json())
    identity = replayer.clients["partner"].post("/identities", {"entity": MERCHANT}).json()["id"]
    replayer.comparison.ids[claim["request"]["identity"]] = identity
    path = replayer.comparison.translated("/applications/APkSa6G63hcfYPak632WZ97m/tokens")

    answer = ApiClient().post(path, CARD)

    documented = form["response"]
    assert (answer.status_code, answer.reason_phrase) == (documented["status"], documented["statusText"])
    token = answer.json()
    replayer.comparison.instead = {("token", "fingerprint"): token["fingerprint"]}  # the sample's is of another form
    assert replayer.comparison.differences(documented["data"], token, "token") == []

    replayer.comparison.ids[claim["request"]["token"]] = token["id"]
    replayer.comparison.instead = {("payment_instrument", "fingerprint"): token["fingerprint"]}
    answer = replayer.send(claim)

    assert (answer.status_code, replayer.differences(claim, answer.json())) == (201, [])
    assert answer.json()["id"].removeprefix("PI") == token["id"].removeprefix("TK")


_STEPS = ("4-form-submit", "5-associate-identity")
