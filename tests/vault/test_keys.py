import base64
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vault.keys import KeyRing, UnusableKey, keyed_hash, parse_key

OLD, NEW = (base64.b64encode(bytes([number]) * 32).decode() for number in (1, 2))
RING = KeyRing.parse(f"k1:{OLD}")
PLACE = "identity:0197:tax_id"


@given(st.text(max_size=300), st.text(max_size=60))
def test_sealed_text_opens_where_it_was_sealed(text: str, context: str) -> None:
    assert RING.unseal(RING.seal(text, context=context), context=context) == text


def test_sealing_twice_gives_two_blobs_without_the_text() -> None:
    blobs = {RING.seal("078051120", context=PLACE) for _ in range(100)}

    assert len(blobs) == 100
    assert not any(b"078051120" in blob for blob in blobs)
    assert {blob[:3] for blob in blobs} == {b"k1:"}
    assert {len(blob) for blob in blobs} == {3 + 12 + 9 + 16}  # id, nonce, text, tag


@pytest.mark.parametrize(
    "context",
    ["identity:0198:tax_id", "identity:0197:business_tax_id", "merchant:0197:tax_id", "", "identity:0197:tax_id "],
)
def test_blob_moved_elsewhere_does_not_open(context: str) -> None:
    blob = RING.seal("078051120", context=PLACE)

    with pytest.raises(UnusableKey, match="The key, the place or the value does not fit"):
        RING.unseal(blob, context=context)


def test_blob_that_was_changed_or_cut_does_not_open() -> None:
    blob = RING.seal("078051120", context=PLACE)
    changed = [blob[:at] + bytes([blob[at] ^ 1]) + blob[at + 1 :] for at in range(len(blob))]
    cut = [blob[:length] for length in range(len(blob))]

    for wrong in [*changed, *cut, blob + b"\0"]:
        with pytest.raises(UnusableKey):
            RING.unseal(wrong, context=PLACE)


def test_second_key_opens_what_it_sealed_and_the_first_one_seals() -> None:
    rotated = KeyRing.parse(f"k2:{NEW},k1:{OLD}")
    old_blob = RING.seal("078051120", context=PLACE)

    assert rotated.unseal(old_blob, context=PLACE) == "078051120"
    assert rotated.seal("x", context=PLACE).startswith(b"k2:")


@pytest.mark.parametrize("ring", [f"k1:{NEW}", f"k2:{OLD}"])
def test_another_key_or_another_id_does_not_open(ring: str) -> None:
    blob = RING.seal("078051120", context=PLACE)

    with pytest.raises(UnusableKey):
        KeyRing.parse(ring).unseal(blob, context=PLACE)


@pytest.mark.parametrize(
    "text",
    [
        "", ",", "k1", "k1:", f":{OLD}", f"k-1:{OLD}", f"{'k' * 17}:{OLD}", f"é:{OLD}", f"k1:{OLD},",
        f"k1:{OLD},k1:{NEW}", "k1:" + base64.b64encode(bytes(31)).decode(),
        "k1:" + base64.b64encode(bytes(33)).decode(), "k1:" + "!" * 44,
    ],
)  # fmt: skip
def test_malformed_ring_is_refused_without_echo(text: str) -> None:
    with pytest.raises(UnusableKey) as refusal:
        KeyRing.parse(text)

    assert OLD not in str(refusal.value)


def test_key_is_32_bytes_of_base64() -> None:
    key = os.urandom(32)

    assert parse_key(base64.b64encode(key).decode()) == key


def test_hash_depends_on_key_and_text() -> None:
    hashes = {keyed_hash(key, text) for key in (b"a" * 32, b"b" * 32) for text in ("x", "y")}

    assert {len(found) for found in hashes} == {32}
    assert len(hashes) == 4
