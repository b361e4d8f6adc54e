"""kustomize and Helm, built from their Go modules once and kept under the user's cache, by version.

`python -m lab.rendering_tools` builds what is missing and prints where each is.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from lab.golang import find_go
from lab.place import LabError, Place
from lab.telling import say, step


@dataclass(frozen=True)
class Tool:
    """A program of a Go module; `stamp` is the variable that holds its version, where building sets none."""

    name: str
    package: str
    version: str
    stamp: str = ""

    @property
    def file(self) -> str:
        """Name of its file in the cache."""
        return f"{self.name}-{self.version}"


KUSTOMIZE = Tool("kustomize", "sigs.k8s.io/kustomize/kustomize/v5", "v5.8.1")
HELM = Tool("helm", "helm.sh/helm/v4/cmd/helm", "v4.3.1", "helm.sh/helm/v4/internal/version.version")


def ensure(tool: Tool, cache: Path) -> Path:
    """Return a tool's binary, building it first where it is not there; several processes wait for one build."""
    binary = cache / tool.file
    if binary.exists():
        return binary
    cache.mkdir(parents=True, exist_ok=True)
    with _turn(cache / f".{tool.file}.lock"):
        if not binary.exists():
            go = find_go(cache)
            say(f"    building {tool.name} {tool.version} from source, this one time: minutes on two cores")
            with step(f"build {tool.name} {tool.version} into {binary}"):
                _build(go, tool, binary)
    return binary


def _build(go: str, tool: Tool, binary: Path) -> None:
    # Beside the binary, so that a rename puts it there whole.
    with tempfile.TemporaryDirectory(prefix=f".{tool.name}-", dir=binary.parent) as folder:
        stamp = f" -X {tool.stamp}={tool.version}" if tool.stamp else ""
        command = [*_nice(), go, "install", "-trimpath", "-ldflags", f"-s -w{stamp}"]
        command.append(f"{tool.package}@{tool.version}")
        environment = {**os.environ, "CGO_ENABLED": "0", "GOBIN": folder, "GOFLAGS": ""}
        done = subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise LabError(f"building {tool.name} {tool.version} failed:\n{done.stderr[-2000:]}")
        (Path(folder) / tool.name).rename(binary)


def _nice() -> list[str]:
    found = shutil.which("nice")
    return [found, "-n", "10"] if found else []


@contextmanager
def _turn(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def main() -> None:
    """Build what is missing, and print where each tool is."""
    for tool in (KUSTOMIZE, HELM):
        print(ensure(tool, Place.default().binary_cache))


if __name__ == "__main__":
    main()
