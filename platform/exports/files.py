"""Rows as CSV (RFC 4180, UTF-8) and as XLSX."""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import xlsxwriter  # type: ignore[import-untyped]

from exports.columns import Column

CONTENT_TYPES = {
    "CSV": "text/csv; charset=utf-8",
    "XLSX": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
MOST_SHEET_ROWS = 1_048_575
"""What a sheet holds below its header."""
_LONGEST_CELL = 32_767
_LONGEST_NAME = 31
_NOT_CELLS = {"strings_to_formulas": False, "strings_to_numbers": False, "strings_to_urls": False}


def csv_lines(rows: Iterable[Sequence[str | None]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()


def read_lines(content: bytes) -> list[list[str]]:
    """The rows of what `csv_lines` wrote."""
    return list(csv.reader(io.StringIO(content.decode(), newline="")))


def csv_of(columns: Sequence[Column], pages: Iterable[Iterable[Sequence[str | None]]]) -> Iterator[bytes]:
    """A whole file, piece by piece."""
    yield csv_lines([header(columns)])
    for rows in pages:
        yield csv_lines(rows)


def header(columns: Sequence[Column]) -> list[str]:
    return [column.label for column in columns]


def write_sheet(
    path: Path, name: str, columns: Sequence[Column], pages: Iterable[Iterable[Sequence[str | None]]]
) -> None:
    """An XLSX file of one sheet: numbers as numbers, moments as moments in UTC. One row at a time is in memory."""
    options = {"constant_memory": True, "tmpdir": str(path.parent), **_NOT_CELLS}
    with xlsxwriter.Workbook(str(path), options) as book:
        sheet = book.add_worksheet(name[:_LONGEST_NAME])
        bold = book.add_format({"bold": True})
        formats: dict[type, Any] = {
            datetime: book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss"}),
            date: book.add_format({"num_format": "yyyy-mm-dd"}),
        }
        sheet.freeze_panes(1, 0)
        for at, column in enumerate(columns):
            sheet.write_string(0, at, column.label, bold)
        number = 0
        for rows in pages:
            for row in rows:
                number += 1
                for at, (column, text) in enumerate(zip(columns, row, strict=True)):
                    if text:
                        _write(sheet, number, at, column.typed(text), formats)


def _write(sheet: Any, row: int, at: int, value: Any, formats: dict[type, Any]) -> None:
    if isinstance(value, str):
        sheet.write_string(row, at, value[:_LONGEST_CELL])
    elif isinstance(value, bool):
        sheet.write_boolean(row, at, value)
    elif isinstance(value, int | Decimal):
        sheet.write_number(row, at, value)
    else:
        sheet.write_datetime(row, at, value, formats[type(value)])
