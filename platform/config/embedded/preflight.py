"""Says in one sentence why this system cannot run Merchantry. Also a program, run by make before anything is installed.

Therefore it imports the standard library only, and knows the syntax of older Pythons.
"""

import importlib.util
import os
import pathlib
import platform
import sys

PYTHON = (3, 11)
GLIBC = (2, 28)
MACHINES = {"linux": {"x86_64", "aarch64"}, "darwin": {"x86_64", "arm64"}}


def refusal(folder: str) -> str:
    """Empty if nothing speaks against it; `folder` is the checkout."""
    return _wrong_python() or _wrong_system() or _wrong_folder(folder)


def _wrong_python() -> str:
    if sys.version_info < PYTHON:
        return "Merchantry needs Python 3.11 or later; this is %d.%d." % sys.version_info[:2]  # noqa: UP031
    if not (importlib.util.find_spec("venv") and importlib.util.find_spec("ensurepip")):
        return "This Python comes without venv and pip; install them (Debian: apt-get install python3-venv)."
    return ""


def _wrong_system() -> str:
    if sys.platform not in MACHINES:
        return "Merchantry runs on Linux and macOS, not on %s; on Windows use WSL 2." % sys.platform  # noqa: UP031
    if platform.machine() not in MACHINES[sys.platform]:
        return "There is no built-in PostgreSQL and Valkey for the processor %s." % platform.machine()  # noqa: UP031
    if sys.platform == "linux":
        library, version = platform.libc_ver()
        if library != "glibc":
            return "The built-in PostgreSQL and Valkey need glibc; a Linux with musl (such as Alpine) cannot run them."
        if tuple(int(part) for part in version.split(".")[:2]) < GLIBC:
            return "The built-in PostgreSQL and Valkey need glibc 2.28 or later; this is %s." % version  # noqa: UP031
    return ""


def _wrong_folder(folder: str) -> str:
    if not os.access(folder, os.W_OK | os.X_OK):
        return "The folder %s is not writable." % pathlib.Path(folder).resolve()  # noqa: UP031
    return ""


if __name__ == "__main__":
    sys.exit(refusal(os.curdir) or 0)
