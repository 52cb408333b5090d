"""Every page that a link leads to: no form stands within a form, and no address takes a token with it.

A browser drops the inner of two forms, so that its buttons and hidden controls belong to the outer one.
"""

from html.parser import HTMLParser
from urllib.parse import urldefrag, urljoin

import pytest
from django.test import Client

from tenancy.roles import Role
from tests.portal.settled import SettledShop
from tests.portal.test_review_pages import hold
from tests.portal.test_unresolved_pages import Shop as DoubtfulShop
from tests.test_crawler import crawl, kinds

pytestmark = pytest.mark.django_db

START = "/dashboard/"
QUEUES = {"/dashboard/review/settlements/", "/dashboard/review/merchants/", "/dashboard/unresolved/"}


class Forms(HTMLParser):
    """Reads a page as a browser does, and keeps what is wrong with its forms, and where it leads."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.faults: list[str] = []
        self.links: list[str] = []
        self.method = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = {name: value or "" for name, value in attrs}
        if tag == "a" and "href" in told:
            self.links.append(told["href"])
        elif tag == "form" and self.method:
            self.faults.append(f"within a form: {told.get('action', '')}")
        elif tag == "form":
            self.method = told.get("method", "get").lower()
        elif told.get("name") == "csrfmiddlewaretoken" and self.method != "post":
            self.faults.append("a token in an address")

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self.method = ""


@pytest.fixture
def client() -> Client:
    """Of a platform where something waits in every queue, and something is at every stage."""
    shop = SettledShop()
    shop.paid(10_000)
    shop.hold()
    shop.closed(2_500)
    shop.accrued(700)
    hold(shop.application, "Alder")
    DoubtfulShop("Doubtful").lost()
    return shop.browser(Role.ADMIN)


def test_no_form_stands_in_a_form(client: Client) -> None:
    faults: dict[str, list[str]] = {}

    def read(address: str) -> tuple[int, list[str]]:
        answer = client.get(address)
        if not answer.headers.get("Content-Type", "").startswith("text/html"):
            return answer.status_code, [answer["Location"]] if answer.status_code == 302 else []
        page = Forms(answer.content.decode())
        if page.faults:
            faults[address] = page.faults
        found = (urldefrag(urljoin(address, link))[0] for link in page.links)
        return answer.status_code, [link for link in found if link.startswith(START) and "logout" not in link]

    answers = crawl(START, read)

    assert faults == {}
    assert kinds(answers) >= QUEUES


def test_export_of_a_queue_is_its_own_form(client: Client) -> None:
    for queue in ("settlements", "merchants"):
        page = client.get(f"/dashboard/review/{queue}/").content.decode()

        before, _, export = page.partition('action="/dashboard/exports/new/"')
        assert export
        assert before.count("<form") == before.count("</form>") + 1
