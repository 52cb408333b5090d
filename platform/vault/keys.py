"""The keys of the vault. They come from outside the database, as different settings with one purpose each."""

import base64
import binascii
import hashlib
import hmac
import os
from dataclasses import dataclass, field
from functools import cached_property

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_KEY_BYTES = 32
_NONCE_BYTES = 12


class UnusableKey(ValueError):
    """A key is missing, malformed, or not the one a value was sealed with."""


@dataclass(frozen=True)
class KeyRing:
    """AES-256-GCM keys by id. The first one seals; all of them open, so that keys can be rotated online."""

    keys: tuple[tuple[str, bytes], ...] = field(repr=False)

    @classmethod
    def parse(cls, text: str) -> "KeyRing":
        """Read `<id>:<base64 of 32 bytes>[,...]`. Raises UnusableKey."""
        keys = []
        for part in text.split(","):
            name, colon, encoded = part.strip().partition(":")
            if not (colon and name.isalnum() and name.isascii() and len(name) <= 16):
                raise UnusableKey("A key is written <id>:<base64>, the id in at most 16 letters and digits")
            keys.append((name, parse_key(encoded)))
        if len({name for name, _ in keys}) != len(keys):
            raise UnusableKey("Two keys share an id")
        return cls(tuple(keys))

    def seal(self, plain: str, *, context: str) -> bytes:
        """Encrypt; `context` (table, column, row) is authenticated, so that a blob opens only where it was sealed."""
        name, _ = self.keys[0]
        nonce = os.urandom(_NONCE_BYTES)
        return name.encode() + b":" + nonce + self._ciphers[name].encrypt(nonce, plain.encode(), context.encode())

    def unseal(self, blob: bytes, *, context: str) -> str:
        """Decrypt. Raises UnusableKey for an unknown key, another context, or a changed blob."""
        name, _, sealed = blob.partition(b":")
        cipher = self._ciphers.get(name.decode(errors="replace"))
        if cipher is None:
            raise UnusableKey("Sealed with a key that is not configured")
        try:
            return cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], context.encode()).decode()
        except (InvalidTag, ValueError) as error:  # too short to hold a nonce is a ValueError
            raise UnusableKey("The key, the place or the value does not fit") from error

    @cached_property
    def _ciphers(self) -> dict[str, AESGCM]:
        return {name: AESGCM(key) for name, key in self.keys}


def parse_key(encoded: str) -> bytes:
    """32 bytes from base64. Raises UnusableKey."""
    try:
        key = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError) as error:
        raise UnusableKey("The key is not base64") from error
    if len(key) != _KEY_BYTES:
        raise UnusableKey(f"The key has {len(key)} bytes, {_KEY_BYTES} are needed")
    return key


def keyed_hash(key: bytes, text: str) -> bytes:
    """HMAC-SHA-256: for API secrets and for looking up a sealed value without opening it. Never a bare hash."""
    return hmac.digest(key, text.encode(), hashlib.sha256)
