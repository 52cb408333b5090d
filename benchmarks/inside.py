"""Requests to the platform in this very process, without a web server between."""

from collections.abc import Callable

from benchmarks.load import NUMBER, Request
from config.embedded.settings import HOST


def sender(request: Request, status: int) -> Callable[[], None]:
    """Sends it once per call, with a new number. Raises RuntimeError where anything but `status` is answered."""
    from django.test import Client

    client, sent = Client(), 900_000_000
    names = (line.partition(": ") for line in request.head)
    head = {name: value for name, _, value in names} | {"Host": HOST}
    content_type = head.pop("Content-Type", "application/json")

    def send() -> None:
        nonlocal sent
        sent += 1
        told = {name: value.replace(NUMBER, str(sent)) for name, value in head.items()}
        body = request.body.replace(NUMBER, str(sent))
        answer = client.generic(request.method, request.path, body, content_type, headers=told)
        if answer.status_code != status:
            raise RuntimeError(f"{status} was expected, and {answer.status_code} came: {answer.content!r}")

    return send
