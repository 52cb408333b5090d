"""A real Chromium on the real stack. What a page must never do is asserted for every test that opens one."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request, sync_playwright

from tests.stack import Stack

EXECUTABLE = Path(os.environ.get("CHROMIUM", "/usr/bin/chromium"))
ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
AXE = (Path(__file__).parent / "axe.min.js").read_text()
SCREENSHOTS = Path(__file__).parents[1] / "screenshots"
PHONE, DESKTOP = {"width": 390, "height": 800}, {"width": 1280, "height": 800}

SignIn = Callable[..., Page]


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    if not EXECUTABLE.exists():
        reason = f"{EXECUTABLE} is not there; install Debian's chromium, or set CHROMIUM"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=EXECUTABLE, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def open_browser(chromium: Browser, stack: Stack) -> Iterator[Callable[..., BrowserContext]]:
    """Opens windows whose pages say nothing on the console and ask no other host."""
    contexts: list[BrowserContext] = []
    complaints: list[str] = []

    def open_window(
        *, scheme: str = "light", viewport: dict[str, int] = DESKTOP, javascript: bool = True
    ) -> BrowserContext:
        context = chromium.new_context(
            base_url=stack.url,
            viewport=viewport,
            color_scheme=scheme,
            locale="en-US",
            timezone_id="UTC",
            reduced_motion="reduce",
            java_script_enabled=javascript,
        )
        context.on("console", lambda message: complaints.extend(_complaint(message)))
        context.on("weberror", lambda error: complaints.append(f"error: {error.error}"))
        context.on("request", lambda request: complaints.extend(_foreign(request, stack.url)))
        contexts.append(context)
        return context

    yield open_window
    for context in contexts:
        context.close()
    assert complaints == []


@pytest.fixture
def sign_in(open_browser: Callable[..., BrowserContext], stack: Stack) -> SignIn:
    """Signs in as one of the demo's people (ADMIN, PLATFORM, PARTNER, MERCHANT) and gives the page."""

    def sign_in_as(who: str, **options: object) -> Page:
        page = open_browser(**options).new_page()
        page.goto("/dashboard/account/login/")
        page.get_by_label("E-mail").fill(stack.credentials[f"MERCHANTRY_PORTAL_{who}_EMAIL"])
        page.get_by_label("Password", exact=True).fill(stack.credentials[f"MERCHANTRY_PORTAL_{who}_PASSWORD"])
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_url("**/dashboard/**")
        assert "/account/" not in page.url
        return page

    return sign_in_as


def violations(page: Page, *, of_colour: bool = False) -> list[str]:
    """What axe-core finds wrong on a page, worst and least alike; of a change of colours alone, where that is all."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE)
    options: dict[str, object] = {"resultTypes": ["violations"]}
    if of_colour:
        options["runOnly"] = ["color-contrast"]
    found: list[dict[str, object]] = page.evaluate(
        "options => axe.run(document, options).then(result => result.violations)", options
    )
    return [f"{violation['impact']} {violation['id']}: {violation['nodes'][0]['html']}" for violation in found]  # type: ignore[index]


def keep_screenshot(page: Page, name: str) -> None:
    SCREENSHOTS.mkdir(exist_ok=True)
    page.screenshot(path=SCREENSHOTS / f"{name}.png", full_page=True)


def overflows(page: Page) -> bool:
    """Whether the page scrolls sideways."""
    return bool(page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"))


def _complaint(message: ConsoleMessage) -> list[str]:
    """What a page says on its console; not what comes of a test in haste."""
    was_early = message.type == "info" and message.text.startswith("Autofocus processing was blocked")
    return [] if was_early else [_said(message)]


def _said(message: ConsoleMessage) -> str:
    return f"console {message.type}: {message.text}"


def _foreign(request: Request, home: str) -> list[str]:
    address = urlsplit(request.url)
    is_home = address.scheme == "data" or f"{address.scheme}://{address.netloc}" == home
    return [] if is_home else [f"request to {request.url}"]
