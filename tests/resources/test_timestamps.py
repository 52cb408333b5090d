from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resources.timestamps import format_moment, parse_moment

NOON = datetime(2019, 6, 15, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        (datetime(2021, 7, 28, 18, 24, 27, 400_000, tzinfo=UTC), "2021-07-28T18:24:27.40Z"),
        (datetime(2021, 7, 28, 18, 24, 27, 0, tzinfo=UTC), "2021-07-28T18:24:27.00Z"),
        (datetime(2021, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC), "2021-12-31T23:59:59.99Z"),
        (datetime(2021, 1, 1, 0, 0, 0, 9_999, tzinfo=UTC), "2021-01-01T00:00:00.00Z"),
        (datetime(2021, 1, 1, 1, 0, 0, tzinfo=timezone(timedelta(hours=2))), "2020-12-31T23:00:00.00Z"),
    ],
)
def test_moment_has_two_digits_cut_not_rounded(moment: datetime, text: str) -> None:
    assert format_moment(moment) == text


@given(st.datetimes(min_value=datetime(1970, 1, 1), max_value=datetime(9000, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001
def test_shown_moment_reads_back_less_than_a_hundredth_earlier(moment: datetime) -> None:
    lost = moment - parse_moment(format_moment(moment))

    assert timedelta(0) <= lost < timedelta(milliseconds=10)


@pytest.mark.parametrize(
    "text",
    [
        "2019-06-15T12:00:00Z",
        "2019-06-15T12:00:00",
        "2019-06-15T12:00",
        "2019-06-15 12:00:00",
        "2019-06-15T12:00:00.00Z",
        "2019-06-15T12:00:00.000000Z",
        "2019-06-15T14:00:00+02:00",
        "2019-06-15T04:30:00-07:30",
    ],
)
def test_moment_is_read_in_all_its_forms(text: str) -> None:
    assert parse_moment(text) == NOON


def test_day_alone_is_its_first_or_last_instant() -> None:
    assert parse_moment("2019-06-15") == datetime(2019, 6, 15, tzinfo=UTC)
    assert parse_moment("2019-06-15", end_of_day=True) == datetime(2019, 6, 15, 23, 59, 59, 999_999, tzinfo=UTC)
    assert parse_moment("9999-12-31", end_of_day=True) == datetime.max.replace(tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "now",
        "2019-02-29",
        "2019-6-15",
        "15.06.2019",
        "2019-06-15T25:00",
        "1560600000",
        "2019-06-15T12:00:00+",
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-14:00",
    ],
)
def test_what_is_no_moment_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        parse_moment(text)
