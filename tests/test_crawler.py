"""Every link that we give is followed to its end, by programs and by people."""

import html
import http.cookiejar
import re
import urllib.error
import urllib.parse
import urllib.request
from collections import Counter, deque
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.calls import HttpClient
from tests.stack import Stack

pytestmark = pytest.mark.stack

OF_A_KIND = 8
"""How many addresses of one shape are followed: more of the same would tell nothing new."""


def hrefs(document: Any) -> Iterator[str]:
    """Every href of a HAL document, embedded ones too."""
    if isinstance(document, dict):
        for name, value in document.items():
            yield from [value] if name == "href" else hrefs(value)
    elif isinstance(document, list):
        for value in document:
            yield from hrefs(value)


def crawl(start: str, read: Callable[[str], tuple[int, list[str]]]) -> dict[str, int]:
    """Addresses and how they answered, each asked once, and a few of each shape."""
    answers: dict[str, int] = {}
    followed: Counter[str] = Counter()
    waiting = deque([start])
    while waiting:
        address = waiting.popleft()
        if address in answers or followed[shape(address)] >= OF_A_KIND:
            continue
        followed[shape(address)] += 1
        answers[address], found = read(address)
        waiting += found
    return answers


def shape(address: str) -> str:
    """A path without ids, and the names of its parameters."""
    parts = urllib.parse.urlsplit(address)
    names = sorted(name for name, _ in urllib.parse.parse_qsl(parts.query))
    return "?".join((kind(parts.path), *names))


def kind(path: str) -> str:
    return re.sub(r"/(?=[A-Z]{2}[1-9A-Za-z])[1-9A-Za-z]{20,}|/(DUMMY|VISA)_V1", "/*", path)


def kinds(answers: dict[str, int]) -> set[str]:
    """Paths without ids, to see that the crawl came around."""
    return {kind(urllib.parse.urlsplit(address).path) for address in answers}


@pytest.mark.parametrize("who", ["ADMIN", "PARTNER", "PARTNER2"])
def test_every_link_of_the_api_answers(stack: Stack, who: str) -> None:
    client = HttpClient(stack, who)

    def read(address: str) -> tuple[int, list[str]]:
        answer = client.call("GET", address)
        links = list(hrefs(answer.json()))
        assert all(link.startswith(stack.url + "/") for link in links), address
        return answer.status, links

    answers = crawl(f"{stack.url}/", read)

    handed_in = {address for address in answers if address.endswith("/tokens")}  # documented, and taken by POST alone
    assert {answers[address] for address in handed_in} == {405}
    assert {address: status for address, status in answers.items() if status != 200 and address not in handed_in} == {}
    assert kinds(answers) >= {
        "/", "/applications", "/applications/*", "/applications/*/processors", "/applications/*/processors/*",
        "/applications/*/users", "/applications/*/identities", "/applications/*/application_profile", "/identities",
        "/identities/*", "/users", "/users/*", "/risk_profiles/*", "/payment_instruments/*", "/merchants/*",
        "/verifications/*", "/transfers", "/transfers/*", "/transfers/*/payment_instruments",
        "/authorizations", "/authorizations/*", "/applications/*/authorizations", "/identities/*/authorizations",
        "/payment_instruments/*/authorizations",
    }  # fmt: skip


class Browser:
    """A person's browser as far as links and forms go."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.cookies = urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())
        self.opener = urllib.request.build_opener(self.cookies)

    def open(self, address: str, form: dict[str, str] | None = None) -> tuple[int, str, str]:
        """Status, address after redirects, and the page."""
        data = urllib.parse.urlencode(form).encode() if form is not None else None
        request = urllib.request.Request(address, data=data, headers={"Accept": "text/html", "Referer": address})
        try:
            with self.opener.open(request, timeout=30) as response:
                is_page = response.headers.get_content_type() == "text/html"
                return response.status, response.url, response.read().decode() if is_page else ""
        except urllib.error.HTTPError as error:
            return error.code, address, ""

    def sign_in(self, who: str) -> None:
        _, address, page = self.open(f"{self.stack.url}/dashboard/")
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)
        assert token is not None, page[:500]
        credentials = self.stack.credentials
        email, password = (credentials[f"MERCHANTRY_PORTAL_{who}_{part}"] for part in ("EMAIL", "PASSWORD"))
        status, address, page = self.open(
            address, {"csrfmiddlewaretoken": token[1], "login": email, "password": password}
        )
        assert status == 200, (address, page[:500])
        assert "/account/" not in address, page

    def links(self, address: str) -> tuple[int, list[str]]:
        status, final, page = self.open(address)
        texts = re.findall(r'<a\b[^>]*?\bhref="([^"]*)"', page)
        found = (urllib.parse.urldefrag(urllib.parse.urljoin(final, html.unescape(text)))[0] for text in texts)
        return status, [link for link in found if link.startswith(self.stack.url + "/") and "logout" not in link]


@pytest.mark.parametrize("who", ["ADMIN", "PLATFORM", "PARTNER", "MERCHANT"])
def test_every_link_of_the_portal_answers(stack: Stack, who: str) -> None:
    browser = Browser(stack)
    browser.sign_in(who)

    answers = crawl(f"{stack.url}/dashboard/", browser.links)

    assert {address: status for address, status in answers.items() if status != 200} == {}
    assert kinds(answers) >= {
        "/dashboard/", "/dashboard/identities/", "/dashboard/identities/*/", "/dashboard/merchants/*/",
        "/dashboard/payment-instruments/*/", "/dashboard/transfers/", "/dashboard/transfers/*/",
    }  # fmt: skip
