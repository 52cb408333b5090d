"""Calls to the running stack over real HTTP, with the standard library only."""

import base64
import json
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import Any

from tests.stack import Stack


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    text: str

    def json(self) -> Any:
        return json.loads(self.text)


class HttpClient:
    """The partner API of a stack, as one of the demo's API users: ADMIN, PARTNER or PARTNER2; None is a stranger."""

    def __init__(self, stack: Stack, who: str | None) -> None:
        self.url = stack.url
        self.headers = {"Content-Type": "application/json"}
        if who is not None:
            pair = ":".join(stack.credentials[f"MERCHANTRY_{who}_{part}"] for part in ("USERNAME", "PASSWORD"))
            self.headers["Authorization"] = "Basic " + base64.b64encode(pair.encode()).decode()

    def call(self, method: str, path: str, body: Any = None) -> Answer:
        """`path` may be a whole address of the stack. An error status is an answer, but a 429 is waited out."""
        answer = self._call(method, path, body)
        while answer.status == 429:
            time.sleep(int(answer.headers["Retry-After"]))
            answer = self._call(method, path, body)
        return answer

    def _call(self, method: str, path: str, body: Any) -> Answer:
        address = path if path.startswith("http") else self.url + path
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(address, data=data, method=method, headers=self.headers)
        try:
            with urllib.request.urlopen(request, timeout=30) as response:
                return Answer(response.status, dict(response.headers), response.read().decode())
        except urllib.error.HTTPError as error:
            return Answer(error.code, dict(error.headers), error.read().decode())
