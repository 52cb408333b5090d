"""Cells that no spreadsheet takes for a formula."""

import re
from collections.abc import Sequence

_FORMULA = re.compile(r"""(^|[;,|\t\r\n]["'\s]*)(?=[=+\-@|\uff1d\uff0b\uff0d\uff20\t\r])""")
"""Where one would begin: first of all, and after what some spreadsheets, by their language, take for the cell's end."""

_SUSPECT = re.compile(r"[=+\-@|\uff1d\uff0b\uff0d\uff20\t\r]")


def neutral(cell: str) -> str:
    """A cell that no spreadsheet takes for a formula, or for several cells of which one is."""
    return _FORMULA.sub(r"\1'", cell)


def all_neutral(cells: Sequence[str | None]) -> Sequence[str | None]:
    """The same of many. One look at all of them together tells that most columns hold nothing of the kind."""
    together = ";".join(cell for cell in set(cells) if cell)
    if _SUSPECT.search(together) is None or _FORMULA.search(together) is None:
        return cells
    return [cell and neutral(cell) for cell in cells]
