"""Words beside a provider's clear verdict: neither one that is too long nor one that is missing keeps it out."""

from dataclasses import replace
from typing import Any

import pytest

from payments.models import Transfer
from providers.port import Answer, Verdict
from resources.ids import new_id
from tests.payments.counter import again, make_counter
from tests.payments.test_returns import hear
from tests.providers.scripted import Till, accepted, make_till, refused, stand_behind_processors, told

pytestmark = pytest.mark.django_db


@pytest.fixture
def till(monkeypatch: pytest.MonkeyPatch) -> Till:
    till = make_till()
    stand_behind_processors(till.provider, monkeypatch)
    return till


def declined(till: Till, **changes: Any) -> Transfer:
    def decline(act: Any) -> Answer:
        answer = refused(act)
        return replace(answer, news=tuple(replace(news, **changes) for news in answer.news))

    till.provider.answers = [decline]
    return till.sell()


@pytest.mark.parametrize(
    ("name", "word", "kept"),
    [
        ("failure_message", "m" * 301, "m" * 300),
        ("failure_code", "C" * 81, "C" * 80),
        ("trace_id", "t" * 61, "t" * 60),
        ("trace_id", "a\0b", "ab"),
        ("security_code_verification", "x" * 41, "x" * 40),
    ],
)
def test_words_of_a_decline_are_cut(till: Till, name: str, word: str, kept: str) -> None:
    sale = declined(till, **{name: word})

    assert (sale.state, getattr(sale, name), till.attempt.state) == ("FAILED", kept, "REFUSED")


@pytest.mark.parametrize("code", [None, ""])
def test_decline_without_a_code_is_one(till: Till, code: str | None) -> None:
    sale = declined(till, failure_code=code, failure_message=None)

    assert (sale.state, sale.failure_code, till.attempt.state) == ("FAILED", "GENERIC_DECLINE", "REFUSED")
    assert sale.failure_message == "The payment was declined."


def test_refusal_without_a_word_is_one(till: Till) -> None:
    till.provider.answers = [Answer(Verdict.REFUSED)]

    sale = till.sell()

    assert (sale.state, sale.failure_code, till.attempt.state) == ("FAILED", "GENERIC_DECLINE", "REFUSED")


@pytest.mark.parametrize(
    "changes", [{"trace_id": "t" * 61}, {"address_verification": "x" * 41}, {"failure_code": ""}, {"failure_code": "0"}]
)
def test_words_of_an_approval_do_not_keep_it_from_entering(till: Till, changes: dict[str, str]) -> None:
    till.provider.answers = [lambda act: accepted(act, **changes)]

    sale = till.sell()

    assert (sale.state, sale.failure_code, till.attempt.state) == ("SUCCEEDED", None, "ACCEPTED")
    assert till.journals == 1


@pytest.mark.parametrize("changes", [{"fee": 7}, {"source_id": new_id()}, {"destination_id": new_id()}])
def test_word_of_another_fee_or_card_is_none(till: Till, changes: dict[str, Any]) -> None:
    till.provider.answers = [lambda act: accepted(act, **changes)]

    sale = till.sell()

    assert (sale.state, till.attempt.state, till.attempt.code) == ("PENDING", "UNKNOWN", "CANNOT_BE_STORED")
    assert till.journals == 0


def test_long_descriptor_of_an_unknown_sale_is_cut(till: Till) -> None:
    till.provider.answers = [accepted]
    sale = till.sell()
    ((_, act),) = till.provider.asked
    other = told(replace(act, id=till.card.pk), "SUCCEEDED", statement_descriptor="D" * 41)

    hear(sale, other)

    with_descriptor = again(Transfer(pk=other.id))
    assert (with_descriptor.state, with_descriptor.statement_descriptor) == ("SUCCEEDED", "D" * 40)


def test_hold_that_is_declined_without_a_code_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    counter = make_counter()
    till = Till(counter.application, counter.login, counter.merchant, counter.card)
    stand_behind_processors(till.provider, monkeypatch)
    till.provider.answers = [Answer(Verdict.REFUSED)]

    held = counter.hold(1000)

    assert (held.state, held.failure_code) == ("FAILED", "GENERIC_DECLINE")
