"""Any text in the letters that every reader of PDF has a font for, which are those of western Europe."""
# ruff: noqa: RUF001 - letters that look like others are what this is about

import re
import unicodedata


def printable(text: str) -> str:
    """Other letters by what they are written as there: accents left off, Greek and Cyrillic by their sounds.

    Scripts without such a spelling become question marks, so that whoever prints a name tells an id beside it.
    """
    return "".join(letter if _has(letter) else _written_as(letter) for letter in text)


def _written_as(letter: str) -> str:
    parts = unicodedata.normalize("NFKD", letter)
    return "".join(_part_written_as(part) for part in parts if not unicodedata.combining(part))


def _part_written_as(part: str) -> str:
    if part.isascii():
        return part
    told = _SOUNDS.get(part.lower())
    if told is None:
        stroked = _STROKED.fullmatch(unicodedata.name(part, ""))
        told = stroked[1].lower() if stroked else "?"
    return told.capitalize() if part.isupper() else told


_STROKED = re.compile(r"LATIN (?:SMALL|CAPITAL) LETTER (?:DOTLESS )?([A-Z])(?: WITH .+)?")
"""What Unicode names by the letter it is made of and does not take apart: the Polish l, the Croatian d."""

_CYRILLIC = (
    "а=a б=b в=v г=g ґ=g д=d ђ=dj е=e є=ie ж=zh з=z и=i і=i ј=j к=k л=l љ=lj м=m н=n њ=nj о=o п=p р=r с=s т=t ћ=c у=u"
    " ф=f х=kh ц=ts ч=ch џ=dz ш=sh щ=shch ъ= ы=y ь= э=e ю=yu я=ya"
)
_GREEK = "α=a β=v γ=g δ=d ε=e ζ=z η=i θ=th ι=i κ=k λ=l μ=m ν=n ξ=x ο=o π=p ρ=r σ=s ς=s τ=t υ=y φ=f χ=ch ψ=ps ω=o"
_SOUNDS = {letter: sound for letter, _, sound in (pair.partition("=") for pair in f"{_CYRILLIC} {_GREEK}".split())} | {
    "\N{MINUS SIGN}": "-"  # that of our figures
}


def _has(letter: str) -> bool:
    try:
        letter.encode("cp1252")
    except UnicodeEncodeError:
        return False
    return letter.isprintable()
