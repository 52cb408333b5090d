"""What a provider offers to try things with: values that decide how it answers. Only a sandbox has any."""

from dataclasses import dataclass


@dataclass(frozen=True)
class TestValue:
    """A value to type, what comes of it, and the code by which an answer tells it, where there is one."""

    __test__ = False  # no test, whatever its name says

    value: str
    meaning: str
    code: str = ""
    profile: str = ""
    """The profile that it needs; empty where it always holds."""


@dataclass(frozen=True)
class TestProfile:
    """A setting of the processor under which it answers otherwise."""

    __test__ = False

    name: str
    meaning: str


@dataclass(frozen=True)
class TestTable:
    """Values of one kind. `label` names what is typed, `hint` says where."""

    __test__ = False

    name: str
    title: str
    label: str
    hint: str
    values: tuple[TestValue, ...]
    outcome: str = "What happens"
    """What the meanings tell."""
    are_amounts: bool = False
    """Whether the values are minor units."""
