import pytest
from django.test import RequestFactory
from pytest_django import Settings

from tenancy.origins import client_address, origin_of


def request_from(address: str, forwarded: str | None = None, **meta: str) -> object:
    if forwarded is not None:
        meta["HTTP_X_FORWARDED_FOR"] = forwarded
    return RequestFactory().get("/", REMOTE_ADDR=address, **meta)


@pytest.mark.parametrize(
    ("proxies", "remote", "forwarded", "address"),
    [
        (0, "192.0.2.1", None, "192.0.2.1"),
        (0, "192.0.2.1", "203.0.113.7", "192.0.2.1"),  # whoever writes the header is not our proxy
        (1, "10.0.0.1", "203.0.113.7", "203.0.113.7"),
        (1, "10.0.0.1", "1.1.1.1, 203.0.113.7", "203.0.113.7"),  # the first one was forged
        (2, "10.0.0.1", "1.1.1.1, 203.0.113.7, 10.0.0.2", "203.0.113.7"),
        (2, "10.0.0.1", "203.0.113.7", "10.0.0.1"),  # shorter than our own chain: not through it
        (1, "10.0.0.1", "", "10.0.0.1"),
        (1, "10.0.0.1", "nonsense", None),
        (0, "", None, None),  # a socket has no address
        (0, "2001:DB8::1", None, "2001:db8::1"),
    ],
)
def test_address_comes_from_our_own_proxies_only(
    settings: Settings, *, proxies: int, remote: str, forwarded: str | None, address: str | None
) -> None:
    settings.TRUSTED_PROXY_COUNT = proxies

    assert client_address(request_from(remote, forwarded)) == address


def test_browser_is_cut_and_without_nul() -> None:
    origin = origin_of(request_from("192.0.2.1", HTTP_USER_AGENT="a\x00b" + "c" * 300))

    assert (origin.browser, origin.request_id) == ("ab" + "c" * 198, "")
