"""The documented form of a moment: UTC, ISO 8601, two fraction digits and `Z` (`2021-07-28T18:24:27.40Z`)."""

from datetime import UTC, date, datetime, time, timedelta


def format_moment(moment: datetime) -> str:
    """A moment as the API shows it; digits beyond hundredths are cut, never rounded into the future."""
    utc = moment.astimezone(UTC)
    return f"{utc:%Y-%m-%dT%H:%M:%S}.{utc.microsecond // 10_000:02d}Z"


def parse_moment(text: str, *, end_of_day: bool = False) -> datetime:
    """A moment from a query or body: ISO 8601, UTC where no zone is told. Raises ValueError.

    A date alone is its first instant, or its last one with `end_of_day`: `created_at.lte=2019-06-15` means all of it.
    """
    if len(text) == len("2019-06-15"):
        day = date.fromisoformat(text)
        start = datetime.combine(day, time.min, UTC)
        return start + timedelta(days=1, microseconds=-1) if end_of_day else start
    moment = datetime.fromisoformat(text)
    try:
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("In UTC this moment lies outside the years 1 to 9999") from error
