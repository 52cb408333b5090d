import json
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resources import ids
from tests.plugin import ROOT

PREFIXES = json.loads((ROOT / "tests" / "contract" / "id_prefixes.json").read_text())
NO_IDS = {"fingerprint", "fnx"}  # of a card, and of a processor
SAMPLES = [
    (row["prefix"], sample) for kind, row in PREFIXES.items() if kind not in NO_IDS for sample in row["examples"]
]


@pytest.mark.parametrize(("prefix", "sample"), SAMPLES)
def test_documented_id_keeps_its_value(prefix: str, sample: str) -> None:
    key = ids.parse_public_id(prefix, sample)

    assert key.variant == uuid.RFC_4122
    assert ids.public_id(prefix, key) == sample


def test_documented_ids_are_many_enough_to_prove_something() -> None:
    assert len(SAMPLES) == len(set(SAMPLES)) == 94


@given(st.uuids(), st.sampled_from(["ID", "AP", "SUBSCHEDULE_"]))
def test_id_of_any_uuid_reads_back(key: uuid.UUID, prefix: str) -> None:
    assert ids.parse_public_id(prefix, ids.public_id(prefix, key)) == key


@pytest.mark.parametrize(
    ("number", "text"),
    [(0, "1"), (1, "2"), (57, "Z"), (58, "21"), ((1 << 128) - 1, "xBuEXKpA6iqZQK5Kf2TnkV")],
)
def test_base58_at_its_edges(number: int, text: str) -> None:
    assert ids.encode(uuid.UUID(int=number)) == text
    assert ids.decode(text) == uuid.UUID(int=number)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ID",
        "id" + "2" * 22,  # the prefix is upper case
        "AP" + "2" * 22,  # another resource
        "ID" + "0" * 22,  # 0, O, I and l are no digits
        "ID" + "O" * 22,
        "ID" + "I" * 22,
        "ID" + "l" * 22,
        "ID" + "1" + "2" * 20,  # a leading zero: a second way to write the same number
        "ID" + "Z" * 22,  # beyond 128 bits
        "ID" + "2" * 23,
        "ID" + "2" * 5000,
        "ID" + "2" * 21 + " ",
        "ID\x00" + "2" * 20,
        "ID" + "é" * 22,
        "ID" + "٢" * 22,
        "0197d1a4-5b1c-7000-8000-000000000000",
    ],
)
def test_malformed_id_is_refused(text: str) -> None:
    with pytest.raises(ids.MalformedId):
        ids.parse_public_id("ID", text)


def test_first_number_beyond_128_bits_is_refused() -> None:
    with pytest.raises(ids.MalformedId):
        ids.decode("xBuEXKpA6iqZQK5Kf2TnkW")


def test_new_ids_grow_and_are_version_7() -> None:
    made = [ids.new_id() for _ in range(2000)]

    assert made == sorted(made)
    assert len(set(made)) == 2000
    assert {key.version for key in made} == {7}
