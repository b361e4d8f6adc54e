"""Renders the units of environments: their sources from Git's objects, each once for the same sources and tools."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

from headway.domain.images.reference import Image
from headway.domain.manifests.chart_values import with_values
from headway.domain.manifests.image_fields import KNOWN, ImageFields
from headway.domain.manifests.index import FORMAT as INDEX_FORMAT
from headway.domain.manifests.index import FileIndex, index_file
from headway.domain.rendering.carried import carried
from headway.domain.rendering.containers import Container, fields_in
from headway.domain.rendering.objects import failed_index, index_rendered
from headway.domain.rendering.rendered import Rendered
from headway.domain.rendering.sites import FORMAT as SITES_FORMAT
from headway.domain.rendering.sites import find_sites
from headway.domain.rendering.unit import Unit
from headway.errors import ConfigError, Problem
from headway.settings import Settings
from headway.systems.machine.parallel import each
from headway.systems.render.cache import RenderingCache
from headway.systems.render.renderer import AT_ONCE, Renderer
from headway.systems.render.tools import Toolbox

if TYPE_CHECKING:
    from headway.operations.charts import Charts

INDEXED = 1_000
ReadSources = Callable[[Unit], Mapping[str, bytes]]
"""Returns the files that a unit reads; raises ConfigError for what no tool should be given."""


@dataclass(frozen=True, slots=True)
class RenderedUnit:
    """A unit, what is applied of it, and how to see what it would be with other sources.

    `sources` returns the files that it reads; `render` what it renders to with some of them changed, and raises
    ConfigError where that does not render. `changed` returns what is applied then. `places` returns where the images
    of repositories can be changed, and `carry` keeps them for files in which a release changed nothing else. `tools`
    are the tools that render it, with their versions.
    """

    unit: Unit
    index: FileIndex
    tools: str
    sources: Callable[[], Mapping[str, bytes]]
    render: Callable[[Mapping[str, bytes]], Rendered]
    changed: Callable[[Mapping[str, bytes]], FileIndex]
    places: Callable[[frozenset[str]], tuple[FileIndex, ...]]
    carry: Callable[[frozenset[str], Mapping[str, bytes]], None]


class Renderings:
    """What has been rendered, in this process and on this machine; safe to use from several threads."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.renderer = Renderer(Toolbox(settings.kustomize, settings.helm))
        self._cache = RenderingCache(settings.state / "renderings.sqlite")
        self._indexed: dict[tuple[str, str], FileIndex] = {}
        self._lock = threading.Lock()

    def close(self) -> None:
        """Close the cache."""
        self._cache.close()

    @cached_property
    def _charts(self) -> Charts:
        # What fetches is read only where there is something to fetch.
        from headway.operations.charts import Charts

        return Charts(self._settings)

    def units(
        self, units: tuple[Unit, ...], read: ReadSources, fields: ImageFields = KNOWN
    ) -> list[RenderedUnit]:
        """Render units, several at once; what is wrong with one is a problem of its own and of no other.

        `fields` are those that say images besides containers. Raises UsageError where a tool is missing on this
        machine, TransientError where a chart is on none that answers.
        """
        return each(lambda unit: self._unit(unit, read, fields), units, AT_ONCE)

    def _unit(self, unit: Unit, read: ReadSources, fields: ImageFields) -> RenderedUnit:
        if unit.problems:
            return self._made(unit, failed_index(unit, unit.problems), "", read, fields)
        if unit.chart.remote is not None:
            read = self._with_chart(read)
        tools = self.renderer.versions(unit)
        try:
            index = self._known(unit, tools, read, fields)
        except ConfigError as error:
            # What it reads cannot be given to a tool; that may be otherwise at the next look.
            index = failed_index(unit, error.problems)
        return self._made(unit, index, tools, read, fields)

    def _known(self, unit: Unit, tools: str, read: ReadSources, fields: ImageFields) -> FileIndex:
        """Return the index of a unit, in which images are found by these fields."""
        key = unit.key(tools)
        with self._lock:
            known = self._indexed.get((key, fields.key))
        index = known if known is not None else self._index(unit, tools, key, read, fields)
        with self._lock:
            if len(self._indexed) >= INDEXED:
                self._indexed.clear()
            self._indexed[key, fields.key] = index
        return index

    def _with_chart(self, read: ReadSources) -> ReadSources:
        return lambda unit: {**read(unit), **self._charts.files(unit)}

    def _index(self, unit: Unit, tools: str, key: str, read: ReadSources, fields: ImageFields) -> FileIndex:
        found = self._cache.find(key)
        if found is None:
            files = read(unit)
            # A release has rendered these contents before there was a commit of them.
            found = self._cache.find(_with_contents(unit, files).key(tools))
            if isinstance(found, bytes):
                self._cache.put(key, found, secret=b"Secret" in found)
        if isinstance(found, bytes):
            return index_rendered(unit, found, fields)
        if found is not None:
            return failed_index(unit, found)
        try:
            raw = self.renderer.render(unit, files).raw
        except ConfigError as error:
            problems = tuple(_with_way_out(it, error.hint) for it in error.problems)
            self._cache.put(key, problems, secret=False)
            return failed_index(unit, problems)
        index = index_rendered(unit, raw, fields)
        # What is left out or refused may be a Secret too, so the whole of it is looked at.
        self._cache.put(key, raw, secret=b"Secret" in raw)
        return index

    def _made(
        self, unit: Unit, index: FileIndex, tools: str, read: ReadSources, fields: ImageFields
    ) -> RenderedUnit:
        def render(changed: Mapping[str, bytes]) -> Rendered:
            return self.renderer.render(unit, {**read(unit), **changed})

        def with_files(changed: Mapping[str, bytes]) -> FileIndex:
            # It is kept by its contents, so that the commit which changes them costs no rendering.
            files = {**read(unit), **changed}
            return self._known(_with_contents(unit, files), tools, lambda _: files, fields)

        def places(repositories: frozenset[str]) -> tuple[FileIndex, ...]:
            return self._places(unit, tools, index, repositories, read, render, fields)

        def carry(repositories: frozenset[str], changed: Mapping[str, bytes]) -> None:
            then = carried(places(repositories), read(unit), changed, with_files(changed))
            if then is not None:
                key = _places_key(
                    _with_contents(unit, {**read(unit), **changed}), tools, repositories, fields
                )
                self._keep_places(key, then)

        return RenderedUnit(unit, index, tools, lambda: read(unit), render, with_files, places, carry)

    def _places(
        self,
        unit: Unit,
        tools: str,
        index: FileIndex,
        repositories: frozenset[str],
        read: ReadSources,
        render: Callable[[Mapping[str, bytes]], Rendered],
        fields: ImageFields,
    ) -> tuple[FileIndex, ...]:
        """Return where a unit's images can be changed; found by rendering it with markers, and kept."""

        def owned(image: str) -> bool:
            reference = Image(image).ref
            return reference is not None and reference.name in repositories

        if not any(owned(it.image.text) for it in (*index.images, *(it.site for it in index.values))):
            return ()
        key = _places_key(unit, tools, repositories, fields)
        found = self._cache.find(key)
        if found is None:
            files = read(unit)
            found = self._cache.find(_places_key(_with_contents(unit, files), tools, repositories, fields))
        if isinstance(found, bytes):
            return tuple(replace(FileIndex.from_json(it), path=path) for path, it in json.loads(found))
        objects = [it.object for it in index.manifests]

        def look(after: FileIndex) -> list[Container]:
            return fields_in(with_values([after], unit.chart.namespace)[0].images)

        places = find_sites(
            files,
            objects,
            render,
            owned,
            unit.entry,
            named=look(index),
            look=lambda after: look(index_file(after.raw, fields)),
        )
        self._keep_places(key, places)
        return places

    def _keep_places(self, key: str, places: tuple[FileIndex, ...]) -> None:
        data = json.dumps([[it.path, it.to_json()] for it in places]).encode()
        self._cache.put(key, data, secret=False)


def _places_key(unit: Unit, tools: str, repositories: frozenset[str], fields: ImageFields) -> str:
    formats = (str(INDEX_FORMAT), str(SITES_FORMAT), fields.key)
    said = "\n".join([unit.key(tools), *formats, *sorted(repositories)])
    return hashlib.sha256(said.encode()).hexdigest()


def _with_contents(unit: Unit, files: Mapping[str, bytes]) -> Unit:
    """Return a unit that reads single files: what is kept of it is found again whatever commit has these contents.

    A chart reads whole folders, whose hashes are not known before there is a commit.
    """
    return replace(unit, reads={path: blob_sha(data) for path, data in files.items()})


def blob_sha(data: bytes) -> str:
    """Return the hash that Git gives a file's content."""
    return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()


def _with_way_out(problem: Problem, hint: str) -> Problem:
    said = f"{problem.message}; {hint}" if hint else problem.message
    return Problem(problem.file, problem.line, problem.column, said)
