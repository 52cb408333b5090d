"""How gunicorn serves us: `gunicorn -c python:config.gunicorn config.wsgi:application`; its options still win."""

import json
from typing import Any

import gunicorn.http.message  # type: ignore[import-untyped]
import gunicorn.util  # type: ignore[import-untyped]

bind = "127.0.0.1:8000"
worker_class = "gthread"
workers = 2
threads = 4
# The control socket would lie in the home folder, one for all instances of a user.
control_socket_disable = True

# Room for the query that we allow and its path; gunicorn would cut its own setting at 8190.
limit_request_line = limit_request_field_size = 16 * 1024
gunicorn.http.message.MAX_REQUEST_LINE = limit_request_line

# Whether a proxy is believed is TRUSTED_PROXY_COUNT's business; gunicorn would believe everybody on loopback.
forwarded_allow_ips = ""
forwarder_headers = ""
secure_scheme_headers: dict[str, str] = {}


def write_error(sock: Any, status: int, reason: str, message: str) -> None:
    """The one error body for what gunicorn refuses before we see it."""
    from api.errors import error_body  # noqa: PLC0415 - a worker has loaded the apps by then

    del message  # it quotes the request
    code = "SERVER_ERROR" if status >= 500 else reason.upper().replace(" ", "_")
    body = json.dumps(error_body([{"code": code, "message": reason}], path="/")).encode()
    head = (
        f"HTTP/1.1 {status} {reason}\r\nConnection: close\r\nContent-Type: application/json\r\n"
        f"Cache-Control: no-store\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    gunicorn.util.write_nonblock(sock, head.encode() + body)


gunicorn.util.write_error = write_error  # there is no hook for it
