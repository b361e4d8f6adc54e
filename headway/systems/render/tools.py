"""Finds kustomize and Helm, and reads their versions: a rendering is a function of its sources and of them."""

from __future__ import annotations

import functools
import os
import re
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from headway.errors import UsageError
from headway.systems.render.process import Limits, run

Name = Literal["kustomize", "helm"]
AT_LEAST: dict[str, tuple[int, int]] = {"kustomize": (5, 0), "helm": (3, 8)}
BEFORE: dict[str, int] = {"kustomize": 6, "helm": 5}
_VERSION = re.compile(r"v?(\d+)\.(\d+)\.(\d+)[\w.+-]*")
_KUBECTL = re.compile(r"Kustomize Version: (\S+)")


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool that was found: how it is called, and its version, such as `kustomize v5.8.1`."""

    command: tuple[str, ...]
    version: str


@dataclass(frozen=True, slots=True)
class Toolbox:
    """Where the tools are: as the settings say, or on PATH."""

    kustomize: str = ""
    helm: str = ""

    def find(self, name: Name) -> Tool:
        """Return a tool; raise UsageError where there is none, or its version is not one that headway knows."""
        setting = self.kustomize if name == "kustomize" else self.helm
        path = shutil.which(setting or name)
        if path is not None:
            # Another file under the same name is another tool.
            return _examined(name, os.path.realpath(path), os.stat(path).st_mtime_ns)
        if setting:
            raise UsageError(
                f"{setting}, which HEADWAY_{name.upper()} names, is not a program on this machine",
                hint=f"correct it, or unset it to take {name} from PATH",
            )
        kubectl = shutil.which("kubectl") if name == "kustomize" else None
        if kubectl is not None:
            return _examined("kubectl", os.path.realpath(kubectl), os.stat(kubectl).st_mtime_ns)
        also = " or kubectl" if name == "kustomize" else ""
        raise UsageError(
            f"{name} is not on this machine, and the environment has to be rendered with it",
            hint=f"install {name}{also}, or set HEADWAY_{name.upper()} to its path",
        )


@functools.lru_cache(maxsize=16)
def _examined(name: str, path: str, changed: int) -> Tool:
    asks = {
        "kustomize": ("version",),
        "helm": ("version", "--short"),
        "kubectl": ("version", "--client"),
    }
    with tempfile.TemporaryDirectory(prefix="headway-render-") as home:
        ran = run([path, *asks[name]], Path(home), Limits(seconds=30))
    text = ran.out.decode("utf-8", "replace")
    if name == "kubectl":
        inside = _KUBECTL.search(text)
        text = inside[1] if inside else ""
    found = _VERSION.search(text)
    if ran.code or found is None:
        said = ran.exceeded or " ".join((ran.err or text).split())[:200] or "it says no version"
        raise UsageError(f"{path} cannot be used: {said}", hint=f"install another {name}")
    real = "kustomize" if name == "kubectl" else name
    version = (int(found[1]), int(found[2]))
    if version < AT_LEAST[real] or version[0] >= BEFORE[real]:
        wanted = f"{'.'.join(map(str, AT_LEAST[real]))} or later, and before {BEFORE[real]}"
        raise UsageError(
            f"{path} is {real} {found[0]}; headway renders with {real} {wanted}",
            hint=f"set HEADWAY_{real.upper()} to such a one",
        )
    command = (path, "kustomize") if name == "kubectl" else (path,)
    return Tool(command, f"{real} v{found[0].removeprefix('v')}")
