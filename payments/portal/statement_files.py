"""A statement as CSV, line by line, and as PDF, black on white, for A4 or Letter."""

import io
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime

from django.conf import settings
from reportlab.lib.pagesizes import A4, LETTER  # type: ignore[import-untyped]
from reportlab.pdfgen.canvas import Canvas  # type: ignore[import-untyped]

from exports.cells import neutral
from exports.columns import units
from exports.files import csv_lines
from payments.forms.amounts import amount_in_words
from payments.models import Settlement, Transfer
from payments.portal.printable import printable
from payments.services.statements import Line, Statement, Totals
from resources import ids
from resources.errors import DomainError

MOST_PRINTED = 20_000
PAPERS = {"a4": A4, "letter": LETTER}

_HEADINGS = (
    "Date", "Kind", "Transfer id", "Settlement id", "Amount", "Fee", "Net", "Balance", "Currency",
    "Merchant id", "Merchant", "Carried from or into settlement id",
)  # fmt: skip
_LINES_AT_A_TIME = 500
_MARGIN = 42
_ROW = 11.5
_TINY, _SMALL, _PLAIN, _LARGE = 5.5, 6.5, 8.0, 15.0
_FONT, _BOLD = "Helvetica", "Helvetica-Bold"


class TooLongToPrint(DomainError):
    message = f"A PDF holds {MOST_PRINTED:,} lines at most. Take a shorter period, or CSV."


def csv_of(statement: Statement) -> Iterator[bytes]:
    """Opening balances, every line with the balance after it, and the totals by currency, which are the lines' sums."""
    whose = (statement.scope.merchant.public_id, neutral(statement.scope.merchant.display_name))
    yield csv_lines([_HEADINGS])
    rows: list[Sequence[str | None]] = []
    is_first = True
    for line, balance in statement.lines():
        if is_first:
            rows += _openings(statement, whose)
            is_first = False
        rows.append(_cells(line, balance, whose))
        if len(rows) >= _LINES_AT_A_TIME:
            yield csv_lines(rows)
            rows = []
    if is_first:
        rows += _openings(statement, whose)
    for totals in told_totals(statement):
        rows += _sums(totals, whose)
    yield csv_lines(rows)


def told_totals(statement: Statement) -> list[Totals]:
    return [statement.totals[currency] for currency in sorted(statement.totals)]


def pdf_of(statement: Statement, paper: str) -> bytes:
    """The same to print. Raises TooLongToPrint."""
    lines: list[tuple[Line, int]] = []
    for found in statement.lines():
        if len(lines) == MOST_PRINTED:
            raise TooLongToPrint
        lines.append(found)
    file = io.BytesIO()
    _Paper(file, PAPERS[paper], statement).print(lines)
    return file.getvalue()


def period_of(statement: Statement) -> str:
    scope = statement.scope
    if scope.settlement is not None:
        return f"Settlement {scope.settlement.public_id}"
    return f"{_day(scope.first)} to {_day(scope.last)}" if scope.first and scope.last else ""


def _openings(statement: Statement, whose: tuple[str, str]) -> list[Sequence[str | None]]:
    """Of each currency in which something was owed before; that of others is nothing."""
    return [
        ("", "Opening balance", "", "", "", "", "", units(totals.opening, totals.currency), totals.currency, *whose, "")
        for totals in told_totals(statement)
    ]


def _cells(line: Line, balance: int, whose: tuple[str, str]) -> Sequence[str | None]:
    figures = (units(figure, line.currency) for figure in (line.amount, -line.fee, line.net, balance))
    return (
        _stamp(line.at),
        neutral(line.kind),
        transfer_id(line),
        settlement_id(line),
        *figures,
        line.currency,
        *whose,
        other_settlement_id(line),
    )


def _sums(totals: Totals, whose: tuple[str, str]) -> list[Sequence[str | None]]:
    currency = totals.currency

    def row(kind: str, amount: int | None = None, fee: int = 0, *, balance: int | None = None) -> Sequence[str | None]:
        figures = (
            ("", "", "") if amount is None else tuple(units(one, currency) for one in (amount, -fee, amount - fee))
        )
        told = "" if balance is None else units(balance, currency)
        return ("", kind, "", "", *figures, told, currency, *whose, "")

    return [
        row("Total earned", totals.amount, totals.fee),
        row("Total adjustments", totals.adjusted),
        row("Total carried", totals.carried),
        row("Total deposits", totals.deposits),
        row("Closing balance", balance=totals.closing),
    ]


def transfer_id(line: Line) -> str:
    return ids.public_id(Transfer.PREFIX, line.transfer_id) if line.transfer_id else ""


def settlement_id(line: Line) -> str:
    return ids.public_id(Settlement.PREFIX, line.settlement_id) if line.settlement_id else ""


def other_settlement_id(line: Line) -> str:
    return ids.public_id(Settlement.PREFIX, line.other_settlement_id) if line.other_settlement_id else ""


def _stamp(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03d}Z"


def _day(on: date | None) -> str:
    return f"{on.day} {on:%b %Y}" if on else ""


class _Paper:
    """Pages drawn from the top down; each begins with whose statement it is, and where it was made."""

    def __init__(self, file: io.BytesIO, size: tuple[float, float], statement: Statement) -> None:
        self.canvas = Canvas(file, pagesize=size, invariant=True)
        self.width, self.height = size
        self.statement = statement
        self.page = 0
        self.y = 0.0
        title = f"Statement of {statement.scope.merchant.display_name}"
        self.canvas.setTitle(title)
        self.canvas.setAuthor(statement.scope.merchant.application.name)
        self.canvas.setCreator("Merchantry")

    def print(self, lines: Iterable[tuple[Line, int]]) -> None:
        self._begin_page()
        self._summary()
        self._headings()
        for line, balance in lines:
            self._line(line, balance)
        self._write(_MARGIN, "End of the statement.", size=_SMALL)
        self._end_page()
        self.canvas.save()

    @property
    def _edges(self) -> tuple[float, ...]:
        """Where the columns of a line are: date, kind, ids from the left; amount, fee, net, balance to the right."""
        right = self.width - _MARGIN
        return (_MARGIN, _MARGIN + 66, _MARGIN + 66 + 140, right - 174, right - 128, right - 64, right)

    def _begin_page(self) -> None:
        self.page += 1
        self.y = self.height - _MARGIN
        scope = self.statement.scope
        if not settings.IS_LIVE:
            self._write(_MARGIN, f"{settings.ENVIRONMENT.upper()} - test data, no money was moved", font=_BOLD)
            self._down(1.6)
        if self.page > 1:
            self._write(_MARGIN, f"Statement of {scope.merchant.display_name}, {period_of(self.statement)}")
            self._down(1.6)
            self._headings()

    def _summary(self) -> None:
        scope = self.statement.scope
        self._write(_MARGIN, "Statement", font=_BOLD, size=_LARGE)
        self._down(2)
        for label, value in (
            ("Merchant", f"{scope.merchant.display_name} ({scope.merchant.public_id})"),
            ("Application", scope.merchant.application.name),
            ("Period", period_of(self.statement)),
            ("Days", "Of UTC, both included"),
        ):
            self._write(_MARGIN, label, font=_BOLD)
            self._write(_MARGIN + 66, value)
            self._down()
        for totals in told_totals(self.statement):
            self._down()
            for label, amount in sums_of(totals):
                self._keep()
                self._write(_MARGIN, label, font=_BOLD if label.endswith("balance") else _FONT)
                self._right(_MARGIN + 300, amount_in_words(amount, totals.currency))
                self._down()
        self._down()

    def _headings(self) -> None:
        at, kind, name, amount, fee, net, balance = self._edges
        for x, label in ((at, "Date (UTC)"), (kind, "What; transfer, settlement"), (name, "Currency")):
            self._write(x, label, font=_BOLD, size=_SMALL)
        for x, label in ((amount, "Amount"), (fee, "Fee"), (net, "Net"), (balance, "Balance")):
            self._right(x, label, font=_BOLD, size=_SMALL)
        self.canvas.setLineWidth(0.5)
        self.canvas.line(_MARGIN, self.y - 3, self.width - _MARGIN, self.y - 3)
        self._down(1.3)

    def _line(self, line: Line, balance: int) -> None:
        self._keep()
        at, kind, name, *figures = self._edges
        self._write(at, f"{line.at.astimezone(UTC):%Y-%m-%d %H:%M}", size=_SMALL)
        self._write(kind, line.kind, size=_SMALL)
        told = (line.amount, -line.fee, line.net, balance)
        for x, figure in zip(figures, told, strict=True):
            self._right(x, units(figure, line.currency), size=_SMALL)
        self._write(name, line.currency, size=_SMALL)
        self._down(0.7)
        names = (transfer_id(line) or other_settlement_id(line), settlement_id(line))
        self._write(kind, "  ".join(filter(None, names)), size=_TINY)
        self._down(0.95)

    def _keep(self) -> None:
        """Begin another page where a line would not stand on this one whole."""
        if self.y < _MARGIN + 3 * _ROW:
            self._end_page()
            self._begin_page()

    def _end_page(self) -> None:
        self.y = _MARGIN - _ROW
        self._right(self.width - _MARGIN, f"Page {self.page}", size=_SMALL)
        self.canvas.showPage()

    def _write(self, x: float, text: str, *, font: str = _FONT, size: float = _PLAIN) -> None:
        self.canvas.setFont(font, size)
        self.canvas.drawString(x, self.y, printable(text))

    def _right(self, x: float, text: str, *, font: str = _FONT, size: float = _PLAIN) -> None:
        self.canvas.setFont(font, size)
        self.canvas.drawRightString(x, self.y, printable(text))

    def _down(self, rows: float = 1) -> None:
        self.y -= rows * _ROW


def sums_of(totals: Totals) -> list[tuple[str, int]]:
    """From the opening to the closing balance; each is the sum of its lines."""
    adjusted = [("Adjustments", totals.adjusted)] if totals.adjusted else []
    carried = [("Carried between settlements", totals.carried)] if totals.carried else []
    return [
        ("Opening balance", totals.opening),
        ("Sales less refunds and bank returns", totals.amount),
        ("Fees", -totals.fee),
        *adjusted,
        *carried,
        ("Deposits less those returned", totals.deposits),
        ("Closing balance", totals.closing),
    ]
