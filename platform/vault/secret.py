"""A value that must not be seen by accident."""

from typing import NoReturn


class Secret:
    """Sensitive text. Shows as dots wherever it is printed, is never pickled; `reveal()` is the one way out."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        return self._text

    @property
    def told_apart_by(self) -> str:
        """What one request is told from another by; only ever under a keyed hash."""
        return self._text

    def __repr__(self) -> str:
        return "Secret(•••)"

    def __str__(self) -> str:
        return "•••"

    def __format__(self, _spec: str) -> str:
        return "•••"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._text == other._text

    def __hash__(self) -> int:
        return hash(self._text)

    def __bool__(self) -> bool:
        return bool(self._text)

    def __reduce__(self) -> NoReturn:
        raise TypeError("A Secret is never pickled")


class Fleeting(Secret):
    """A secret that lives in the one request that brings it, as a card's security code: no trace of it is kept."""

    __slots__ = ()

    @property
    def told_apart_by(self) -> str:
        return "given"
