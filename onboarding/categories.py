"""Merchant category codes (MCC) by name, as ISO 18245 and the card networks list them.

The networks add codes between two editions of any list, so a code without a name here is not refused:
the processor knows.
"""

from functools import cache

_OF_AIRLINES_AND_HOTELS = range(3000, 4000)
"""One code for each company: nobody chooses from these."""


def category_name(code: str) -> str | None:
    """What is sold under a code; None where no list has it."""
    import iso18245  # noqa: PLC0415 - reads its lists from files, and many processes never ask

    try:
        found = iso18245.get_mcc(code)
    except iso18245.MCCNotFound:
        return None
    name = (
        found.iso_description
        or found.visa_description
        or found.mastercard_description
        or found.stripe_description
        or found.amex_description
        or found.usda_description
    )
    return name.replace(" -- ", ", ").replace(" - ", ", ").strip() or None


@cache
def category_choices() -> tuple[tuple[str, str], ...]:
    """Codes with their names, in the order of codes, for a form to look one up in."""
    import iso18245  # noqa: PLC0415

    codes = sorted(one.mcc for one in iso18245.get_all_mccs() if int(one.mcc) not in _OF_AIRLINES_AND_HOTELS)
    return tuple((code, name) for code in codes if (name := category_name(code)))
