"""An authenticator app as RFC 6238 describes it, for tests."""

import base64
import hashlib
import hmac
import struct
from datetime import datetime


def code_of(key: str, at: datetime, *, steps: int = 0) -> str:
    """The six digits that the app shows at a moment, or some steps of half a minute off it."""
    counter = int(at.timestamp()) // 30 + steps
    digest = hmac.new(base64.b32decode(key), struct.pack(">Q", counter), hashlib.sha1).digest()
    at_byte = digest[-1] & 15
    number = struct.unpack(">I", digest[at_byte : at_byte + 4])[0] & 0x7FFFFFFF
    return f"{number % 10**6:06}"
