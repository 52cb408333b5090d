"""What refuses an answer, as a page says it: in our words, and as a sentence.

The frameworks speak in words of their own, and a rule of the API ends without a full stop. Both keep their text where
programs read it.
"""

import re

from django import template

register = template.Library()

_NONE_OF_THE_LIST = r"Select a valid choice\..*|\".*\" is not a valid choice\.|One of [A-Z0-9_, -]+ is needed"
_MISMATCH = r"The email address and/or password you specified are not correct\."
_IN_OUR_WORDS = {
    re.compile(pattern): ours
    for pattern, ours in {
        r"Ensure this value is less than or equal to (.+)\.": r"Must be at most \1.",
        r"Ensure this value is greater than or equal to (.+)\.": r"Must be at least \1.",
        r"Ensure this value has at most (\d+) characters? \(it has (\d+)\)\.": r"At most \1 characters; these are \2.",
        r"Ensure this field has no more than (\d+) characters\.": r"At most \1 characters.",
        r"Ensure that there are no more than (\d+) digits? in total\.": r"At most \1 digits.",
        r"Ensure that there are no more than (\d+) decimal places?\.": r"At most \1 decimal places.",
        r"Enter a number\.|A valid number is required\.": "Must be a number.",
        r"Enter a whole number\.|A valid integer is required\.": "Must be a whole number.",
        r"Enter a valid date\.": "There is no such day.",
        r"Enter a valid email address\.": "Must be an e-mail address.",
        r"Enter a valid URL\.": "Must be a web address.",
        r"This field may not be (?:blank|null)\.": "This field is required.",
        _NONE_OF_THE_LIST: "Choose one of the list.",
        _MISMATCH: "The e-mail address or the password is wrong.",
    }.items()
}


@register.filter
def sentence(text: object) -> str:
    """`Must be nine digits` is `Must be nine digits.`, and what a framework says is said in our words."""
    said = str(text).strip()
    for pattern, ours in _IN_OUR_WORDS.items():
        if (found := pattern.fullmatch(said)) is not None:
            return found.expand(ours)
    return said if not said or said[-1] in ".?!:…" else f"{said}."
