"""A file of merchants: what its columns are, how it is read, and how each row is judged, by the API's own rules."""

import csv
import io
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from django import forms
from rest_framework.exceptions import ValidationError

from api.errors import field_errors
from onboarding.forms.identities import MerchantIdentityForm
from onboarding.models import Identity, PaymentInstrument
from onboarding.serializers.instruments import InstrumentInput
from onboarding.services.imports import BANK_COLUMNS, NUMBER_COLUMN, JudgedRow
from onboarding.underwriting import SEALED
from resources import ids
from resources.errors import FieldError, FieldErrors
from vault.secret import Secret

LARGEST_BYTES = 1024 * 1024
MOST_ROWS = 500
_LONGEST_CELL = 1000
_YES, _NO = {"yes", "y", "true", "1", "on"}, {"no", "n", "false", "0", "off", ""}
_FLAG = "has_accepted_credit_cards_previously"
_CHOICES = ("business_type", "ownership_type")
_LIKE_A_COLUMN = re.compile(r"[a-z](?:[a-z._]|[0-9](?![0-9]))*", re.ASCII)
"""What may be shown of a header that is none: where it is missing, a merchant's data stands in its place."""


class UnreadableFile(Exception):
    """A file of which no row can be judged; `reasons` tells everything that is wrong with it."""

    def __init__(self, reasons: Sequence[str]) -> None:
        super().__init__("; ".join(reasons))
        self.reasons = list(reasons)


class ImportForm(forms.Form):
    """A file, and where its merchants are to be provisioned."""

    file = forms.FileField(
        label="CSV file",
        help_text=f"At most {MOST_ROWS} merchants and 1 MB, in UTF-8, with commas or semicolons.",
        widget=forms.ClearableFileInput(attrs={"accept": ".csv,text/csv"}),
    )
    processor = forms.ChoiceField(
        label="Provision at",
        required=False,
        help_text="Each merchant is sent there once its identity and bank account are made.",
    )

    def __init__(self, *args: Any, processors: Sequence[str], **options: Any) -> None:
        super().__init__(*args, **options)
        choices = [("", "Nowhere yet"), *((name, name) for name in processors)]
        self.fields["processor"].choices = choices  # type: ignore[attr-defined]

    def clean_file(self) -> Any:
        upload = self.cleaned_data["file"]
        if upload.size is None or upload.size > LARGEST_BYTES:
            raise forms.ValidationError("The file is larger than 1 MB. Split it, and import the parts.")
        return upload


@dataclass(frozen=True)
class Line:
    """A row of the file under the number of the line on which it begins."""

    number: int
    cells: Mapping[str, str]
    refusal: str = ""


@dataclass
class _Table:
    columns: list[str]
    rows: list[tuple[int, list[str]]] = field(default_factory=list)


def columns() -> list[str]:
    """Every column that a file may have, in the order of the template."""
    return [*(_column(name) for name in MerchantIdentityForm.names()), *BANK_COLUMNS]


def needed_columns() -> list[str]:
    return [_column(name) for name in MerchantIdentityForm.needed]


def template() -> str:
    """A file with the header and nothing else."""
    return as_csv(columns())


def as_csv(*rows: Sequence[str]) -> str:
    out = io.StringIO()
    csv.writer(out).writerows(rows)
    return out.getvalue()


def read(content: bytes) -> list[Line]:
    """The rows of a file. Raises UnreadableFile with everything that is wrong with the file as a whole."""
    table = _table(_text(content))
    if reasons := list(_faults(table)):
        raise UnreadableFile(reasons)
    return [_line(table.columns, number, cells) for number, cells in table.rows]


def judge(line: Line, *, now: datetime) -> JudgedRow:
    """What a row would make, or what is wrong with it, in every cell at once."""
    form = MerchantIdentityForm(_as_typed(line.cells))
    messages = [{"field": "", "message": line.refusal}] if line.refusal else []
    if not line.refusal:
        form.is_valid()
        for name, texts in form.errors.items():
            messages += [{"field": _member(name), "message": str(text)} for text in texts]
        messages += [{"field": name, "message": text} for name, text in _bank_faults(line.cells, now)]
    secrets = {} if messages else {name: secret for name in SEALED if (secret := _secret(form, name))}
    if not messages and line.cells.get(NUMBER_COLUMN):
        secrets[NUMBER_COLUMN] = Secret(line.cells[NUMBER_COLUMN])
    hidden = {*SEALED, NUMBER_COLUMN}
    answers = {name: text for name, text in line.cells.items() if text and name not in hidden}
    doubts = [] if messages else list(_doubts(form))
    return JudgedRow(number=line.number, answers=answers, secrets=secrets, messages=messages, doubts=doubts)


def entity_of(answers: Mapping[str, str], secrets: Mapping[str, Secret]) -> dict[str, Any]:
    """The validated entity of a row that was judged before. Raises FieldErrors where the rules have changed."""
    told = {**answers, **{name: secrets[name].reveal() for name in SEALED if name in secrets}}
    form = MerchantIdentityForm(_as_typed(told))
    if not form.is_valid():
        raise FieldErrors(FieldError(_member(name), str(text)) for name, texts in form.errors.items() for text in texts)
    entity: dict[str, Any] = form.body["entity"]
    return entity


def bank_account_of(answers: Mapping[str, str], secrets: Mapping[str, Secret], *, now: datetime) -> dict[str, Any]:
    """The validated bank account of a row without its identity; empty where it has none.

    Raises FieldErrors where the rules have changed since it was judged.
    """
    if NUMBER_COLUMN not in secrets:
        return {}
    body = _bank_body({**answers, NUMBER_COLUMN: secrets[NUMBER_COLUMN].reveal()}, now)
    try:
        body.is_valid(raise_exception=True)
    except ValidationError as error:
        raise FieldErrors(FieldError(_bank_column(each), str(each)) for each in field_errors(error.detail)) from error
    values: dict[str, Any] = body.validated_data
    return values


def _text(content: bytes) -> str:
    if len(content) > LARGEST_BYTES:
        raise UnreadableFile(["The file is larger than 1 MB. Split it, and import the parts."])
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UnreadableFile(["The file is not in UTF-8. Save it as CSV UTF-8."]) from error
    if "\x00" in text:
        raise UnreadableFile(["The file holds characters that no text has. Save it as CSV UTF-8."])
    return text


def _table(text: str) -> _Table:
    first = text.split("\n", 1)[0]
    delimiter = ";" if first.count(";") > first.count(",") else ","
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    table = _Table([])
    begins = 1
    try:
        for cells in reader:
            number, begins = begins, reader.line_num + 1
            if not any(cell.strip() for cell in cells):
                continue
            if not table.columns:
                table.columns = [cell.strip().lower() for cell in cells]
            else:
                table.rows.append((number, cells))
    except csv.Error as error:
        raise UnreadableFile(
            [f"Line {begins} cannot be read as CSV: a quotation mark is in the wrong place."]
        ) from error
    return table


def _faults(table: _Table) -> Iterator[str]:
    known = {*columns()}
    if not table.columns:
        yield "The file is empty. Begin with the template."
        return
    told = Counter(table.columns)
    unknown = [name for name in told if name not in known]
    if shown := [name for name in unknown if _LIKE_A_COLUMN.fullmatch(name)]:
        yield f"Unknown columns: {_listed(shown)}."
    if others := sum(told[name] for name in unknown if name not in shown):
        yield f"Cells of the first line that are no name of a column: {others}. The first line names the columns."
    if twice := [name for name, count in told.items() if count > 1 and name in known]:
        yield f"Columns that come twice: {_listed(twice)}."
    if missing := [name for name in needed_columns() if name not in told]:
        yield f"Missing columns: {_listed(missing)}."
    if not table.rows:
        yield "There is no row below the header."
    if len(table.rows) > MOST_ROWS:
        yield f"There are {len(table.rows):,} rows, and a file may have {MOST_ROWS}. Split it, and import the parts."


def _line(names: Sequence[str], number: int, cells: Sequence[str]) -> Line:
    if len(cells) != len(names):
        return Line(number, {}, f"The line has {len(cells)} cells, the header has {len(names)}.")
    told = {name: cell.strip() for name, cell in zip(names, cells, strict=True)}
    if long := [name for name, cell in told.items() if len(cell) > _LONGEST_CELL]:
        return Line(number, {}, f"These cells are too long: {_listed(long)}.")
    return Line(number, told)


def _as_typed(cells: Mapping[str, str]) -> dict[str, str]:
    """Cells as the underwriting form would be sent: a flag is there or not, a choice is a constant."""
    typed = {name.replace(".", "__"): text for name, text in cells.items() if name not in BANK_COLUMNS}
    for name in _CHOICES:
        if name in typed:
            typed[name] = re.sub(r"[\s-]+", "_", typed[name].strip()).upper()
    flag = typed.pop(_FLAG, "").lower()
    if flag in _YES:
        typed[_FLAG] = "on"
    return typed


def _bank_faults(cells: Mapping[str, str], now: datetime) -> Iterator[tuple[str, str]]:
    """What is wrong with the bank account of a row, which is told whole or not at all; and with its yes and no."""
    if cells.get(_FLAG, "").lower() not in _YES | _NO:
        yield _FLAG, "Say yes or no."
    if not any(cells.get(name) for name in BANK_COLUMNS):
        return
    try:
        _bank_body(cells, now).is_valid(raise_exception=True)
    except ValidationError as error:
        for refusal in field_errors(error.detail):
            if refusal.field == "name" and not cells.get("account_holder"):
                continue  # it is the business name then, which is told of by itself
            yield _bank_column(refusal), str(refusal)


def _bank_body(cells: Mapping[str, str], now: datetime) -> InstrumentInput:
    holder = cells.get("account_holder") or cells.get("business_name", "")[:40]
    told = {name: cells[name] for name in ("account_number", "bank_code") if cells.get(name)}
    if kind := cells.get("account_type"):
        told["account_type"] = re.sub(r"[\s-]+", "_", kind)
    stand_in = ids.public_id(Identity.PREFIX, ids.new_id())
    told |= {"type": PaymentInstrument.Type.BANK_ACCOUNT.value, "identity": stand_in, "name": holder}
    return InstrumentInput(data=told, context={"now": now})


def _doubts(form: MerchantIdentityForm) -> Iterator[dict[str, str]]:
    """What to look at in a row that can be imported; a row that cannot will be looked at once more."""
    for name, text in form.doubts().items():
        yield {"field": _member(name), "message": text}
    if form.about_owners:
        yield {"field": "", "message": f"{form.about_owners} Add them afterwards, under BENEFICIAL OWNERS."}


def _secret(form: MerchantIdentityForm, name: str) -> Secret | None:
    value = form.cleaned_data.get(name)
    if not value:
        return None
    return Secret(value.isoformat() if isinstance(value, date) else str(value))


def _column(name: str) -> str:
    return name.replace("__", ".")


def _member(name: str) -> str:
    return "" if name == "__all__" else _column(name)


def _bank_column(refusal: FieldError) -> str:
    return "account_holder" if refusal.field == "name" else refusal.field


def _listed(names: Sequence[str]) -> str:
    shown = [name[:60] for name in names[:20]]
    return ", ".join(shown) + (f" and {len(names) - 20} more" if len(names) > 20 else "")
