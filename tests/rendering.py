"""kustomize and Helm for tests: the lab's, built once. `make tools` builds them; a test that has to would wait long."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

import pytest

from lab.place import Place
from lab.rendering_tools import HELM, KUSTOMIZE, ensure


class RenderingTools:
    """Where the tools are; each is looked for when it is first asked for."""

    @cached_property
    def kustomize(self) -> Path:
        return ensure(KUSTOMIZE, Place.default().binary_cache)

    @cached_property
    def helm(self) -> Path:
        return ensure(HELM, Place.default().binary_cache)


@pytest.fixture(scope="session")
def rendering_tools() -> RenderingTools:
    """Return where kustomize and Helm are."""
    return RenderingTools()
