"""kustomize and Helm for tests: the lab's, built once."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from lab.place import Place
from lab.rendering_tools import HELM, KUSTOMIZE, ensure


@dataclass(frozen=True)
class RenderingTools:
    """Where the tools are."""

    kustomize: Path
    helm: Path


@pytest.fixture(scope="session")
def rendering_tools() -> RenderingTools:
    """Return where kustomize and Helm are; they are built where this machine has none, which takes minutes."""
    cache = Place.default().binary_cache
    return RenderingTools(ensure(KUSTOMIZE, cache), ensure(HELM, cache))
