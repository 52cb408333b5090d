"""Fixtures that every package's tests share."""

import base64
import json
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client

from tests.factories.tenancy import Login


class ApiClient:
    """The partner API in process: JSON in, JSON out, HTTP Basic; the status and the whole body are there to compare."""

    def __init__(self, login: Login | None = None) -> None:
        self.client = Client(raise_request_exception=False)
        self.headers: dict[str, str] = {}
        if login is not None:
            pair = ":".join(login.basic).encode()
            self.headers["Authorization"] = "Basic " + base64.b64encode(pair).decode()

    def request(self, method: str, path: str, body: Any = None, **headers: str) -> HttpResponse:
        data = body if isinstance(body, bytes | str) else json.dumps(body)
        content_type = headers.pop("Content_Type", "application/json")
        return self.client.generic(
            method,
            path,
            data="" if body is None else data,
            content_type=content_type,
            headers=self.headers | {name.replace("_", "-"): value for name, value in headers.items()},
        )

    def get(self, path: str, **headers: str) -> HttpResponse:
        return self.request("GET", path, **headers)

    def post(self, path: str, body: Any = None, **headers: str) -> HttpResponse:
        return self.request("POST", path, body, **headers)

    def put(self, path: str, body: Any = None, **headers: str) -> HttpResponse:
        return self.request("PUT", path, body, **headers)


@pytest.fixture
def anonymous() -> ApiClient:
    return ApiClient()
