"""A list is filtered and taken as a file, by hand; and the pages of exports and reports are fit for everybody."""

import csv
import io
from pathlib import Path

import pytest

from tests.browser.conftest import DESKTOP, PHONE, SignIn, keep_screenshot, overflows, violations

pytestmark = pytest.mark.browser


def test_filtered_list_is_taken_as_a_file(sign_in: SignIn) -> None:
    page = sign_in("PARTNER")
    page.goto("/dashboard/transfers/?state=FAILED")
    shown = page.locator("tbody tr").count()

    page.locator("summary").filter(has_text="Export").click()
    with page.expect_download() as download:
        page.get_by_role("button", name="CSV").click()

    text = Path(download.value.path()).read_bytes().decode()
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    assert download.value.suggested_filename.startswith("transfers-")
    assert len(rows) == shown > 0
    assert {row["State"] for row in rows} == {"FAILED"}


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pages_of_exports_are_fit_for_everybody(sign_in: SignIn, scheme: str) -> None:
    page = sign_in("PARTNER", scheme=scheme)
    page.goto("/dashboard/merchants/")
    page.locator("summary").filter(has_text="Export").click()
    keep_screenshot(page, f"export-menu-{scheme}")
    menu = violations(page)
    with page.expect_download():
        page.get_by_role("button", name="XLSX").click()
    page.goto("/dashboard/exports/")
    export = str(page.locator("tbody a.row-link").first.get_attribute("href"))

    faults = {"menu": menu}
    for name, address in {"exports": "/dashboard/exports/", "export": export, "reports": "/dashboard/reports/"}.items():
        for width, viewport in (("wide", DESKTOP), ("narrow", PHONE)):
            page.set_viewport_size(viewport)
            page.goto(address)
            keep_screenshot(page, f"{name}-{width}-{scheme}")
            faults[f"{name} {width}"] = [*violations(page), *(["scrolls sideways"] if overflows(page) else [])]

    assert {name: found for name, found in faults.items() if found} == {}
