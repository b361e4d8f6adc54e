"""The Kubernetes servers, built from Go modules once and kept under the user's cache.

The cache's key is what goes into the build, so a changed version is built beside
the old one.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import time
from pathlib import Path

from lab.golang import find_go
from lab.place import ROOT, LabError, Place
from lab.telling import progress, say, step

SOURCE = ROOT / "lab" / "kube"


def version() -> str:
    """Read the version of Kubernetes from go.mod."""
    for line in (SOURCE / "go.mod").read_text().splitlines():
        words = line.split()
        if "k8s.io/kubernetes" in words:
            return words[words.index("k8s.io/kubernetes") + 1]
    raise LabError(f"{SOURCE}/go.mod does not name k8s.io/kubernetes")


def flags() -> str:
    """Give the linker's flags; without them the servers call themselves v0.0.0."""
    major, minor, _ = version().removeprefix("v").split(".")
    package = "k8s.io/component-base/version"
    return f"-s -w -X {package}.gitVersion={version()} -X {package}.gitMajor={major} -X {package}.gitMinor={minor}"


def cached(place: Place) -> Path:
    """Give where the binary is, or would be."""
    key = hashlib.sha256(flags().encode())
    for name in ("main.go", "go.mod", "go.sum"):
        key.update((SOURCE / name).read_bytes())
    return place.binary_cache / f"kube-{version()}-{key.hexdigest()[:16]}"


def ensure(place: Place) -> Path:
    """Give the binary, building it first where it is not there."""
    binary = cached(place)
    if binary.exists():
        return binary
    binary.parent.mkdir(parents=True, exist_ok=True)
    go = find_go(place.binary_cache)
    say(f"    building Kubernetes {version()} from source: about 7 minutes on two cores, this one time")
    with step(f"build Kubernetes {version()} into {binary}"):
        half = binary.with_name(f".{binary.name}.{os.getpid()}")
        try:
            _build(go, half)
            half.rename(binary)
        finally:
            half.unlink(missing_ok=True)
    return binary


def _build(go: str, target: Path) -> None:
    environment = {**os.environ, "CGO_ENABLED": "0", "GOFLAGS": "-mod=mod"}
    progress("downloading the modules")
    listed = subprocess.run(
        [go, "list", "-deps", "."], cwd=SOURCE, env=environment, capture_output=True, text=True, check=False
    )
    if listed.returncode:
        raise LabError(f"go list failed:\n{listed.stderr[-2000:]}")
    total = len(listed.stdout.splitlines())
    command = [go, "build", "-v", "-trimpath", "-ldflags", flags(), "-o", str(target), "."]
    process = subprocess.Popen(command, cwd=SOURCE, env=environment, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    last: list[str] = []
    told = 0.0
    for done, line in enumerate(process.stderr, start=1):
        last = [*last[-20:], line]
        pause = 1.0 if sys.stderr.isatty() else 20.0
        if time.monotonic() - told >= pause:
            told = time.monotonic()
            progress(share(done, total))
    if process.wait():
        raise LabError("building Kubernetes failed:\n" + "".join(last))


def share(done: int, total: int) -> str:
    """Say how far a build is: compiled packages of all (those in Go's own cache are not told, so it may end early)."""
    return f"compiled {min(done, total)} of at most {total} packages ({100 * min(done, total) // max(total, 1)} %)"
