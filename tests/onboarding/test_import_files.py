"""Files of merchants: how they are read, and how their rows are judged by the rules of the API."""

import pytest
from django.utils import timezone

from exports.cells import neutral
from onboarding.forms.import_guide import example, explained
from onboarding.forms.imports import (
    UnreadableFile,
    columns,
    entity_of,
    judge,
    needed_columns,
    read,
    template,
)
from onboarding.services import imports
from tests.factories.imports import TAX_ID, cells, file_of
from tests.plugin import ROOT

pytestmark = pytest.mark.django_db


def judged(*rows: dict[str, str]) -> list[imports.JudgedRow]:
    return [judge(line, now=timezone.now()) for line in read(file_of(*rows))]


def messages_of(row: imports.JudgedRow) -> dict[str, str]:
    return {message["field"]: message["message"] for message in row.messages}


def reasons(content: bytes) -> list[str]:
    with pytest.raises(UnreadableFile) as caught:
        read(content)
    return caught.value.reasons


@pytest.mark.parametrize(
    ("delimiter", "encoding"), [(",", "utf-8"), (";", "utf-8"), (",", "utf-8-sig"), (";", "utf-8-sig")]
)
def test_file_is_read_with_either_delimiter_and_mark(delimiter: str, encoding: str) -> None:
    (line,) = read(file_of(cells(business_name="Crème, Brûlée; Co"), delimiter=delimiter, encoding=encoding))

    assert (line.number, line.cells["business_name"], line.refusal) == (2, "Crème, Brûlée; Co", "")


def test_template_is_a_file_without_rows() -> None:
    assert reasons(template().encode()) == ["There is no row below the header."]


def test_everything_wrong_with_the_columns_is_told_at_once() -> None:
    header = [name for name in columns() if name not in {"email", "dob"}] + ["email_adress", "title"]

    found = reasons(",".join(header).encode())

    assert found == [
        "Unknown columns: email_adress.",
        "Columns that come twice: title.",
        "Missing columns: dob, email." if needed_columns().index("dob") < needed_columns().index("email") else "",
        "There is no row below the header.",
    ]


def test_data_in_place_of_the_header_is_not_echoed() -> None:
    row = cells(title="4111111111111111", account_number="DE89370400440532013000") | {"mcc": ""}
    content = ",".join(row.values()).encode() + b"\n"

    found = " ".join(reasons(content))

    values = ("4111111111111111", "de89370400440532013000", TAX_ID, "@", "1978")
    assert [value for value in values if value in found] == []
    assert "Cells of the first line that are no name of a column: " in found


@pytest.mark.parametrize(
    ("name", "is_shown"),
    [
        ("email_adress", True),
        ("business_address.line3", True),
        ("219099992", False),
        ("x219099992", False),
        ("_private", False),
        ("iris@walkedin.example", False),
        ("two words", False),
        ("née", False),
        ("", False),
    ],
)
def test_unknown_column_is_shown_where_it_looks_like_one(name: str, is_shown: bool) -> None:
    told = reasons(",".join([*columns(), name]).encode())[0]

    assert told == (
        f"Unknown columns: {name}."
        if is_shown
        else "Cells of the first line that are no name of a column: 1. The first line names the columns."
    )


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "The file is empty. Begin with the template."),
        (b"\n\n  \n", "The file is empty. Begin with the template."),
        ("é".encode("latin-1"), "The file is not in UTF-8. Save it as CSV UTF-8."),
        ("business_name".encode("utf-16"), "The file is not in UTF-8. Save it as CSV UTF-8."),
        (b"a\x00b", "The file holds characters that no text has. Save it as CSV UTF-8."),
        (b"PK\x03\x04\xff\xfe", "The file is not in UTF-8. Save it as CSV UTF-8."),
        (b"x" * (1024 * 1024 + 1), "The file is larger than 1 MB. Split it, and import the parts."),
        (b'business_name\n"a" b', "Line 2 cannot be read as CSV: a quotation mark is in the wrong place."),
        (b'business_name\n"open', "Line 2 cannot be read as CSV: a quotation mark is in the wrong place."),
    ],
)
def test_odd_files_are_refused_in_words(content: bytes, reason: str) -> None:
    assert reasons(content) == [reason]


def test_file_has_at_most_five_hundred_rows() -> None:
    assert len(read(file_of(*[cells()] * 500))) == 500
    assert reasons(file_of(*[cells()] * 501)) == [
        "There are 501 rows, and a file may have 500. Split it, and import the parts."
    ]


def test_rows_are_told_by_the_line_on_which_they_begin() -> None:
    rows = [cells(business_name="Two\nlines"), cells(), cells()]
    content = file_of(*rows).replace(b"\r\n", b"\n").decode()

    assert [line.number for line in read(content.encode())] == [2, 4, 5]


def test_row_with_too_few_cells_is_refused_alone() -> None:
    content = file_of(cells()) + b"only,three,cells\r\n"

    fine, short = (judge(line, now=timezone.now()) for line in read(content))

    assert fine.messages == []
    assert messages_of(short) == {"": f"The line has 3 cells, the header has {len(columns())}."}


def test_row_is_judged_by_the_rules_of_the_api_in_every_cell() -> None:
    (row,) = judged(
        cells(
            email="nobody",
            tax_id="12",
            business_address__region="Oregon",
            dob="27.06.1978",
            bank_code="122105279",
            account_number="12",
            has_accepted_credit_cards_previously="perhaps",
            business_name="",
        )
    )

    assert messages_of(row).keys() == {
        "email", "tax_id", "business_address.region", "dob", "bank_code", "account_number", "business_name",
        "has_accepted_credit_cards_previously",
    }  # fmt: skip
    assert row.secrets == {}


@pytest.mark.parametrize("name", ["dob", "incorporation_date"])
def test_day_is_read_in_one_way_only(name: str) -> None:
    odd = ["02/01/1980", "1/2/80", "02.01.1980", "19800102", "1980-1-2", "1980/01/02", "2 Jan 1980", "1980-02-30"]
    odd += ["1980-W01-3", "\uff11\uff19\uff18\uff10-01-02", "29221"]

    found = [messages_of(row) for row in judged(*(cells(**{name: text}) for text in odd))]

    assert found == [{name: "Must be a day as YYYY-MM-DD"}] * len(odd)
    assert [messages_of(row) for row in judged(cells(**{name: "1980-01-02"}))] == [{}]


@pytest.mark.parametrize(
    ("cell", "cents"),
    [
        ("240000", 24000000),
        ("1200.5", 120050),
        ("$1,200.50", 120050),
        ("1,234,567", 123456700),
        ("1200,50", None),
        ("1.200,50", None),
        ("12,34", None),
        ("1,2345", None),
        (",500", None),
    ],
)
def test_amount_is_read_in_one_way_only(cell: str, cents: int | None) -> None:
    (row,) = judged(cells(annual_card_volume=cell))

    if cents is None:
        assert messages_of(row) == {"annual_card_volume": "Must be an amount such as 1,200.50"}
    else:
        assert entity_of(row.answers, row.secrets)["annual_card_volume"] == cents


def test_example_is_a_file_that_can_be_imported() -> None:
    (line,) = read(example().encode())

    row = judge(line, now=timezone.now())

    assert (row.messages, row.doubts) == ([], [])
    assert {*row.secrets} == {"tax_id", "business_tax_id", "dob", "account_number"}


def test_every_column_is_explained() -> None:
    told = [column for _, group in explained() for column in group]

    assert [column.name for column in told] == columns()
    assert [column.name for column in told if column.is_needed] == [
        name for name in columns() if name in needed_columns()
    ]


@pytest.mark.parametrize("missing", ["account_number", "bank_code", "account_type"])
def test_bank_account_is_told_whole_or_not_at_all(missing: str) -> None:
    without = dict.fromkeys(("account_number", "bank_code", "account_type"), "")

    assert [messages_of(row) for row in judged(cells(**without))] == [{}]
    assert [messages_of(row).keys() for row in judged(cells(**{missing: ""}))] == [{missing}]


def test_cells_that_look_like_formulas_are_text_and_neutral_on_the_way_out() -> None:
    (row,) = judged(cells(title="=1+1"))

    assert row.answers["title"] == "=1+1"
    assert [neutral(cell) for cell in ("=1+1", "+1", "-1", "@a", "\ta", "\ra", "a=1", "")] == [
        "'=1+1", "'+1", "'-1", "'@a", "'\ta", "'\ra", "a=1", "",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("cell", "told"),
    [
        ("Tea;=1+1", "Tea;'=1+1"),
        ('Tea"; "=1+1', 'Tea"; "\'=1+1'),
        ("Tea\n@a", "Tea\n'@a"),
        ("Tea,\t+1", "Tea,\t'+1"),
        ("\uff1d1+1", "'\uff1d1+1"),
        ("Tea; Cake - 1+1=2", "Tea; Cake - 1+1=2"),
    ],
)
def test_cell_that_another_language_takes_for_several_is_neutral(cell: str, told: str) -> None:
    assert neutral(cell) == told


def test_document_names_every_column() -> None:
    document = (ROOT / "docs" / "importing-merchants.md").read_text()

    assert [name for name in columns() if f"`{name}`" not in document] == []
