"""Units to render in tests: small trees of files, and the real tools that render them.

A tree is a file of `tests/trees`, in the format of Go's txtar: what it is about, then each file after a line with
its path.
"""

from __future__ import annotations

import re
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

from headway.domain.rendering.rendered import Rendered
from headway.errors import FailedError
from lab.place import Place
from lab.rendering_tools import HELM, KUSTOMIZE, ensure

TREES = Path(__file__).parent / "trees"
_FILE = re.compile(r"^-- (\S+) --\n", re.MULTILINE)


def tree(name: str) -> dict[str, bytes]:
    """Return the files of a tree."""
    _, *rest = _FILE.split((TREES / f"{name}.txtar").read_text())
    return {path: text.encode() for path, text in zip(rest[::2], rest[1::2], strict=True)}


class Unit:
    """A kustomization or a chart at `root`, which renders as often as it is asked, and counts."""

    def __init__(self, files: Mapping[str, bytes], root: str, values: tuple[str, ...] = ()) -> None:
        self.files, self.root, self.values = dict(files), root, values
        self.renderings = 0

    def render(self, changed: Mapping[str, bytes] | None = None) -> Rendered:
        """Render with some files changed; raise FailedError with the tool's words."""
        self.renderings += 1
        with tempfile.TemporaryDirectory() as folder:
            for path, data in {**self.files, **(changed or {})}.items():
                place = Path(folder, path)
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_bytes(data)
            cache = Place.default().binary_cache
            if f"{self.root}/Chart.yaml" in self.files:
                values = [it for path in self.values for it in ("--values", path)]
                command = [str(ensure(HELM, cache)), "template", "shop", self.root, *values]
            else:
                command = [str(ensure(KUSTOMIZE, cache)), "build", self.root]
                if b"helmCharts:" in self.files[f"{self.root}/kustomization.yaml"]:
                    command += ["--enable-helm", "--helm-command", str(ensure(HELM, cache))]
            done = subprocess.run(command, cwd=folder, capture_output=True, text=False, check=False)
        if done.returncode:
            raise FailedError(done.stderr.decode())
        return Rendered.of(done.stdout)
