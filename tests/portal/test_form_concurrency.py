"""One form from many windows at once, over real connections: it becomes one identity, and one import runs once."""

import re
import urllib.parse
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import psycopg
import pytest

from config.embedded.processes import wait_until
from onboarding.models import MerchantImport, OnboardingForm
from resources import ids
from tests.factories.imports import cells, file_of
from tests.onboarding.test_saved_forms import filled_in
from tests.stack import IS_LONG, Stack
from tests.test_crawler import Browser

pytestmark = pytest.mark.stack

WINDOWS = 6


@pytest.fixture
def partner(stack: Stack) -> Browser:
    browser = Browser(stack)
    browser.sign_in("PARTNER")
    return browser


def place_of(browser: Browser) -> str:
    _, _, page = browser.open(f"{browser.stack.url}/dashboard/applications/")
    found = re.search(r'class="row-link" href="([^"]+)"', page)
    assert found is not None
    return f"{browser.stack.url}{found[1]}identities/"


def token_of(browser: Browser, address: str) -> str:
    _, _, page = browser.open(address)
    found = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)
    assert found is not None
    return found[1]


def count(stack: Stack, query: str, *values: object) -> int:
    with psycopg.connect(stack.owner_url) as owner:
        (found,) = owner.execute(query, values).fetchone()
    return int(found)


@pytest.mark.parametrize("act", ["save", "submit"])
def test_one_form_sent_by_many_windows_is_one(stack: Stack, partner: Browser, act: str) -> None:
    address = f"{place_of(partner)}new/"
    key = ids.new_id()
    name = f"Many Windows {key.hex}"
    form = filled_in(business_name=name, doing_business_as="Many Windows") | {
        "csrfmiddlewaretoken": token_of(partner, address),
        "key": ids.public_id(OnboardingForm.PREFIX, key),
        "act": act,
    }

    with ThreadPoolExecutor(WINDOWS) as pool:
        statuses = [status for status, *_ in pool.map(partial(partner.open, address), [form] * WINDOWS)]

    assert set(statuses) == {200}
    assert count(stack, "SELECT count(*) FROM onboarding_form WHERE id = %s", key) == 1
    made = count(stack, "SELECT count(*) FROM identity WHERE business_name = %s", name)
    assert made == (1 if act == "submit" else 0)
    kind = "onboarding_form.created" if act == "save" else "onboarding_form.submitted"
    assert count(stack, "SELECT count(*) FROM event WHERE resource_id = %s AND kind = %s", key, kind) == 1


def test_buyer_sent_by_many_windows_is_one(stack: Stack, partner: Browser) -> None:
    address = f"{place_of(partner)}new/?kind=buyer"
    key = ids.new_id().hex
    form = {"csrfmiddlewaretoken": token_of(partner, address), "key": key, "email": f"{key}@example.org"}

    with ThreadPoolExecutor(WINDOWS) as pool:
        answers = list(pool.map(partial(partner.open, address), [form] * WINDOWS))

    assert {status for status, *_ in answers} == {200}
    assert all(f"{key}@" in page for _, _, page in answers)
    assert count(stack, "SELECT count(*) FROM identity WHERE email = %s", f"{key}@example.org") == 1


def test_import_confirmed_by_many_windows_runs_once(stack: Stack, partner: Browser) -> None:
    place = f"{place_of(partner)}import/"
    key = ids.new_id()
    token = token_of(partner, place)
    names = [f"Window {number} {key.hex}" for number in range(3)]
    content = file_of(*(cells(business_name=name, email=f"{number}@example.org") for number, name in enumerate(names)))
    send_file(partner, place, content, csrfmiddlewaretoken=token, key=ids.public_id(MerchantImport.PREFIX, key))
    page = f"{stack.url}/dashboard/merchant-imports/{ids.public_id(MerchantImport.PREFIX, key)}/"
    form = {"csrfmiddlewaretoken": token_of(partner, page), "act": "confirm"}

    with ThreadPoolExecutor(WINDOWS) as pool:
        statuses = [status for status, *_ in pool.map(partial(partner.open, page), [form] * WINDOWS)]
    if IS_LONG:
        stack.restart_worker()  # whose job is free again a minute later, when its lease has ended

    done = "SELECT count(*) FROM merchant_import WHERE id = %s AND state = 'DONE'"
    assert set(statuses) == {200}
    assert wait_until(lambda: count(stack, done, key) == 1, 240)
    assert count(stack, "SELECT count(*) FROM identity WHERE business_name = ANY(%s)", names) == 3
    assert count(stack, "SELECT count(*) FROM imported_row WHERE merchant_import_id = %s AND state = 'DONE'", key) == 3
    assert count(stack, "SELECT count(*) FROM event WHERE resource_id = %s AND kind LIKE '%%confirmed'", key) == 1


def send_file(browser: Browser, address: str, content: bytes, **fields: str) -> None:
    """As a browser sends a form with a file."""
    border = "border-of-the-parts"
    parts = [
        f'--{border}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in fields.items()
    ]
    head = f'--{border}\r\nContent-Disposition: form-data; name="file"; filename="many.csv"\r\n\r\n'.encode()
    body = b"".join([*parts, head, content, f"\r\n--{border}--\r\n".encode()])
    request = urllib.request.Request(
        address,
        data=body,
        headers={"Content-Type": f"multipart/form-data; boundary={border}", "Referer": address, "Accept": "text/html"},
    )
    with browser.opener.open(request, timeout=60) as answer:
        assert "/merchant-imports/" in urllib.parse.urlsplit(answer.url).path
