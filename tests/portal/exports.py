"""What the tests of exports share: asking for one as a browser does, and reading what comes."""

import csv
import io
from typing import Any, cast

from django.test import Client
from django.utils import timezone
from openpyxl import load_workbook

from exports import services
from exports.models import Export
from jobs.models import Job
from tests.portal.pages import anew

START = "/dashboard/exports/new/"
LIST = "/dashboard/exports/"


def ask(client: Client, listing: str, query: str = "", form: str = "CSV") -> Any:
    return client.post(START, {"listing": listing, "query": query, "format": form})


def content_of(answer: Any) -> bytes:
    assert answer.status_code == 200, answer
    return b"".join(answer.streaming_content)


def table(content: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(content.decode(), newline="")))


def taken(client: Client, listing: str, query: str = "") -> list[dict[str, str]]:
    """The rows of a list that is sent at once."""
    return table(content_of(ask(client, listing, query)))


def sheet(content: bytes) -> list[tuple[Any, ...]]:
    """The rows of the one sheet of a workbook, its header first."""
    book = load_workbook(io.BytesIO(content), read_only=True)
    (only,) = book.worksheets
    return list(only.iter_rows(values_only=True))


def page_of(export: Export) -> str:
    return f"{LIST}{export.public_id}/"


def written(export: Export) -> Export:
    """As a worker leaves it."""
    while (found := anew(export)).is_open:
        services.write_export(export.pk, until=timezone.now())
        if Job.objects.filter(kind=services.ASSEMBLE_JOB, key=export.public_id).exists():
            services.assemble_sheet(export.pk)
    return cast("Export", found)
