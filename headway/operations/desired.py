"""What the config repo says one environment should be, at one commit."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from headway.domain.config.reading import Config
from headway.domain.health.engines import Engine
from headway.domain.images.reference import Image
from headway.domain.manifests.chart_values import references, unedited, with_values
from headway.domain.manifests.expected import containers_of, images_in, planned_digests, pod_spec
from headway.domain.manifests.image_sites import FIELD, ImageSite
from headway.domain.manifests.index import FileIndex, Manifest, index_file
from headway.domain.objects.identity import ObjectId, Owner, id_of
from headway.domain.objects.kept_fields import without
from headway.domain.rendering.unit import within
from headway.errors import Problem, UsageError
from headway.operations.rendering import RenderedUnit
from headway.systems.git.folders import Tree


class Desired:
    """An environment at a commit: its objects, its images and the digests they must run with.

    `config` has the rules that it was read by, which may be a newer commit's; `tree` is the id of its folder, `state`
    that of all that it is made of. `units` are what of it was rendered. A snapshot makes it: nothing is read here.

    Not a dataclass on purpose: Prefect walks into those to look for futures, and
    an environment may have thousands of objects.
    """

    __slots__ = (
        "by_id",
        "commit",
        "config",
        "doubts",
        "environment",
        "indexes",
        "manifests",
        "name",
        "owner",
        "past",
        "place",
        "planned",
        "problems",
        "state",
        "tree",
        "units",
    )

    def __init__(
        self,
        config: Config,
        name: str,
        commit: str,
        tree: Tree,
        indexes: Iterable[FileIndex],
        units: Iterable[RenderedUnit],
        past: Callable[[str], Desired],
    ) -> None:
        self.config, self.name, self.commit = config, name, commit
        self.tree, self.state, self.place = tree.sha, tree.state, config.place(name)
        self.units = tuple(units)
        self.past = past
        """Return the same environment as another commit has it, read by the same rules."""
        self.environment = config.environment(name)
        self.owner = Owner(config.app, name)
        self._read(list(indexes))
        if not self.indexes:
            raise UsageError(
                f"environment {name} has no manifests: {self.environment.path}/ at {commit[:9]} is empty or missing",
                hint="put Kubernetes YAML there, or correct `path` in headway.yaml",
            )

    def with_files(self, files: Mapping[str, bytes]) -> Desired:
        """Return the environment as it would be with other contents of some of its files; it is no commit yet."""
        planned = copy.copy(self)
        rendered = {
            it.unit.entry: it.changed(mine) for it in self.units if (mine := self.files_of(it, files))
        }

        def then(index: FileIndex) -> FileIndex:
            if index.rendered:
                return rendered.get(index.rendered, index)
            if index.path not in files:
                return index
            return index_file(files[index.path], self.config.image_fields).at(index.path)

        planned._read(with_values([then(it) for it in self.indexes], self.namespace))
        return planned

    def files_of(self, unit: RenderedUnit, files: Mapping[str, bytes]) -> dict[str, bytes]:
        """Return those of the files that a unit reads."""
        return {path: data for path, data in files.items() if any(within(path, it) for it in unit.unit.reads)}

    def _read(self, indexes: list[FileIndex]) -> None:
        self.indexes = indexes
        self.manifests: list[Manifest] = [it for index in self.indexes for it in index.manifests]
        self.problems: tuple[Problem, ...] = tuple(it for index in self.indexes for it in index.problems)
        self.doubts: tuple[Problem, ...] = tuple(it for index in self.indexes for it in index.doubts)
        self.by_id: dict[ObjectId, Manifest] = {
            id_of(it.object, self.environment.cluster.namespace): it for it in self.manifests
        }
        self.planned = planned_digests(self.manifests, self.environment.cluster.namespace)
        self._plan_recorded()

    def _plan_recorded(self) -> None:
        """Plan the digests that are recorded of containers whose rendered image has a tag alone."""
        sites = [it for index in self.indexes if index.rendered for it in index.images if it.image.digest]
        named: dict[tuple[str, str], list[ObjectId]] = {}
        for key in self.by_id if sites else ():
            named.setdefault((key.kind, key.name), []).append(key)
        for site in sites:
            # What a CronJob runs is started later, and what a field's image runs in is not known.
            for use in (it for it in site.uses if it.kind != "CronJob" and it.role != FIELD):
                for key in named.get((use.kind, use.name), ()):
                    if use.namespace in ("", key.namespace):
                        self.planned.setdefault(key, {}).setdefault(use.container, site.image.digest)

    @property
    def rendered_images(self) -> list[ImageSite]:
        """The images that its renderings say, in containers and in other fields."""
        return [it for index in self.indexes if index.rendered for it in index.images]

    @property
    def field_images(self) -> dict[ObjectId, list[Image]]:
        """The images of objects in fields that are no containers."""
        images: dict[tuple[str, str, str], list[Image]] = {}
        for site in (it for index in self.indexes for it in index.images):
            for use in (it for it in site.uses if it.role == FIELD):
                images.setdefault((use.kind, use.name, use.namespace), []).append(site.image)
        named = {
            key: images.get((key.kind, key.name, str(it.object["metadata"].get("namespace") or "")))
            for key, it in (self.by_id.items() if images else ())
        }
        return {key: it for key, it in named.items() if it}

    @property
    def images_by_object(self) -> dict[ObjectId, list[Image]]:
        """The images of each object, in its containers and in its other fields; those without any are absent."""
        fields = self.field_images
        found = {
            key: [*images_in(pod_spec(it.object)), *fields.get(key, ())] for key, it in self.by_id.items()
        }
        return {key: it for key, it in found.items() if it}

    @property
    def named(self) -> dict[ObjectId, Engine | None]:
        """The objects whose fields say images, with the engine that each is, if it is one."""
        engines = self.engines
        return {key: engines.get(key) for key in self.field_images}

    @property
    def engines(self) -> dict[ObjectId, Engine]:
        """The objects that other engines roll out, with the images that their pods should run."""
        found = {
            key: Engine.of(self.by_id[key].object, key.namespace, it) for key, it in self.field_images.items()
        }
        return {key: it for key, it in found.items() if it is not None}

    @property
    def objects(self) -> dict[ObjectId, Mapping[str, Any]]:
        """The objects as the repo says them, without what is left as the cluster has it."""
        return {key: without(it.object, it.kept) if it.kept else it.object for key, it in self.by_id.items()}

    def with_readers(self, changed: Iterable[ObjectId]) -> frozenset[ObjectId]:
        """Return objects that change, and the HelmReleases that read values from one of them."""
        changed = frozenset(changed)
        maps = {(it.namespace, it.name) for it in changed if it.kind == "ConfigMap"}
        readers = (
            key
            for key, it in (self.by_id.items() if maps else ())
            if any((each.namespace, each.name) in maps for each in references(it.object, self.namespace))
        )
        return changed | frozenset(readers)

    @property
    def unedited(self) -> list[str]:
        """Where HelmReleases read values that headway does not edit."""
        return [
            f"{it.path}:{it.line}: HelmRelease {it.object['metadata']['name']} reads values that are not edited, "
            f"from {said}"
            for it, said in unedited(self.indexes, self.namespace)
        ]

    @property
    def tools(self) -> tuple[str, ...]:
        """The tools that render it, with their versions; none for plain YAML."""
        found = [part for it in self.units for part in it.tools.split(", ") if part]
        return tuple(dict.fromkeys(found))

    @property
    def charts(self) -> tuple[str, ...]:
        """The charts from elsewhere that it is rendered from, with version and digest."""
        return tuple(str(it.unit.chart.remote) for it in self.units if it.unit.chart.remote is not None)

    @property
    def images(self) -> frozenset[str]:
        """The images of all containers."""
        specs = (pod_spec(it.object) or {} for it in self.manifests)
        return frozenset(str(each.get("image", "")) for spec in specs for each in containers_of(spec))

    @property
    def namespace(self) -> str:
        """The namespace of objects that name none."""
        return self.environment.cluster.namespace
