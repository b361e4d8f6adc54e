"""Renders what `headway init` found in a working tree, to see which images run."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from headway.domain.manifests.engines import is_artifact
from headway.domain.moving.found import Unit as FoundUnit
from headway.domain.rendering.objects import index_rendered
from headway.domain.rendering.place import ChartUse
from headway.domain.rendering.unit import Unit, kind_of
from headway.errors import ConfigError, Problem, UsageError
from headway.settings import Settings
from headway.systems.git.plain_folder import PlainFolder
from headway.systems.git.tree import FOLDER, Trees
from headway.systems.git.unit_sources import UnitSources
from headway.systems.machine.parallel import each
from headway.systems.render.renderer import AT_ONCE, Renderer
from headway.systems.render.tools import Toolbox


class RenderedUnits:
    """Renders units of a working tree; what cannot be rendered here is noted in `problems`, and is not an error."""

    def __init__(self, files: PlainFolder) -> None:
        settings = Settings()
        self._files, self._trees = files, Trees(files)
        self._sources = UnitSources(self._trees)
        self._renderer = Renderer(Toolbox(settings.kustomize, settings.helm))
        self.problems: list[Problem] = []
        self._without_tool: dict[str, list[Unit]] = {}

    def images(self, found: Sequence[FoundUnit]) -> list[Iterable[str] | None]:
        """Return the images that each unit's containers run; None for plain manifests and what cannot be rendered."""
        images = each(self._images, found, AT_ONCE)
        for why, units in self._without_tool.items():
            first, *more = sorted(units, key=lambda it: it.entry)
            others = f"; the same for {len(more)} more" if more else ""
            self.problems.append(
                first.problem(f"not rendered here, so its images are a guess: {why}{others}")
            )
        return images

    def _images(self, found: FoundUnit) -> Iterable[str] | None:
        unit = self._unit(found)
        if unit is None:
            return None
        if unit.problems:
            self.problems += unit.problems
            return None
        try:
            shas = self._sources.files(unit, self._files.root)
            files = dict(zip(shas, self._files.read_many(list(shas.values())), strict=True))
            self._sources.check(unit, files)
            index = index_rendered(unit, self._renderer.render(unit, files).raw)
        except ConfigError as error:
            self.problems += error.problems
            return None
        except UsageError as error:
            self._without_tool.setdefault(f"{error.message}; {error.hint}", []).append(unit)
            return None
        return [it.image.text for it in index.images if not is_artifact(it)]

    def _unit(self, found: FoundUnit) -> Unit | None:
        if found.kind == "plain":
            return None
        item = self._trees.at(self._files.root, found.path) if found.path else None
        if found.path and (item is None or item.mode != FOLDER):
            return None
        kind = kind_of(self._trees.entries(item.sha if item is not None else self._files.root))
        if kind is None or kind[0] != found.kind:
            return None
        entry = f"{found.path}/{kind[1]}".lstrip("/")
        use = ChartUse(release="main", values=found.values)
        return self._sources.unit(self._files.root, found.path, kind[0], entry, use)
