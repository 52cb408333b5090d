"""What a benchmark compares us with and the project does not depend on, from PyPI, into a folder of its own."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from config.embedded.folders import make_private

ROOT = Path(__file__).resolve().parents[1]
GRANIAN = "granian==2.8.7"
LOCALSTRIPE = "localstripe==1.15.10"


def folder() -> Path:
    """Where benchmarks keep things. Not the temporary folder, which may lie in memory, where fsync costs nothing."""
    return make_private(make_private(ROOT / ".run") / "benchmarks")


def install(requirement: str) -> Path:
    """A folder for PYTHONPATH with this package and what it needs; fetched once."""
    target = folder() / requirement.replace("==", "-")
    if not (target / ".whole").exists():
        print(f"Installing {requirement} ...", flush=True)
        quiet = ("--quiet", "--disable-pip-version-check", "--no-input", "--upgrade")
        subprocess.run(
            [sys.executable, "-m", "pip", "install", *quiet, "--target", str(target), requirement], check=True
        )
        (target / ".whole").touch()
    return target


def with_path(environment: Mapping[str, str], *folders: Path) -> dict[str, str]:
    """The environment in which Python finds packages in these folders, and in none that was told before."""
    return dict(environment) | {"PYTHONPATH": os.pathsep.join(map(str, folders))}
