"""Everything that is wrong in a config repo's working tree, before a commit: no network, no cluster, nothing written.

It reads what a release reads, in the same words; only a folder stands where the commit would.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path

from headway.domain.config.checks import Names
from headway.domain.config.positions import ConfigText
from headway.domain.config.reading import Config, Reading
from headway.domain.health.verification import job_for
from headway.domain.images.reference import Image
from headway.domain.manifests.chart_values import with_values
from headway.domain.manifests.claims import Claim, clashes
from headway.domain.manifests.engines import is_artifact
from headway.domain.manifests.image_fields import ImageFields
from headway.domain.manifests.index import FileIndex, index_file
from headway.domain.policy.holds import FILE as HOLDS_FILE
from headway.domain.policy.holds import read_holds, unknown_names
from headway.domain.releases.plans import service_of, sites_by_service
from headway.domain.rendering.objects import failed_index, index_rendered
from headway.domain.rendering.unit import Unit
from headway.errors import ConfigError, Problem, UsageError
from headway.operations.connections import CONFIG_FILE
from headway.settings import Settings
from headway.systems.git.folders import Folders, Tree
from headway.systems.git.home import Home
from headway.systems.git.plain_folder import PlainFolder
from headway.systems.git.tree import FOLDER, Trees
from headway.systems.render.renderer import Renderer
from headway.systems.render.tools import Toolbox


@dataclass(slots=True)
class Lint:
    """What was found: mistakes, which stop releases or are left out of them, and warnings, which stop nothing."""

    mistakes: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)

    def as_dict(self) -> dict[str, object]:
        """Return what `--output json` prints."""
        return {"mistakes": _plain(self.mistakes), "warnings": _plain(self.warnings)}


def lint(folder: Path) -> Lint:
    """Return what is wrong in a folder: in each headway.yaml, holds.yaml and every environment's manifests.

    Raises UsageError where there is no headway.yaml.
    """
    files = PlainFolder(folder)
    trees, found = Trees(files), Lint()
    homes = _homes(trees, files)
    if not homes:
        raise UsageError(
            f"{CONFIG_FILE} is missing in {folder}",
            hint="name the root of a config repo's checkout; `headway init` writes a first headway.yaml",
        )
    claims: list[Claim] = []
    for home in homes:
        claims += _application(trees, files, Home(home), found)
    found.mistakes += clashes(claims)
    found.mistakes, found.warnings = sorted(set(found.mistakes)), sorted(set(found.warnings))
    return found


def _homes(trees: Trees, files: PlainFolder) -> list[str]:
    """Return the folders that have a headway.yaml, the root first."""
    homes: list[str] = []
    waiting = [("", files.root)]
    while waiting:
        above, sha = waiting.pop(0)
        entries = trees.entries(sha)
        if CONFIG_FILE in entries:
            homes.append(above)
        for name, item in entries.items():
            if item.mode == FOLDER and not name.startswith("."):
                waiting.append((f"{above}/{name}".lstrip("/"), item.sha))
    return homes


def _application(trees: Trees, files: PlainFolder, home: Home, found: Lint) -> list[Claim]:
    """Note what is wrong with one application; return what its environments name."""
    config: Config | None = None
    cut: frozenset[tuple[str | int, ...]] = frozenset()
    names = Names((), ())
    try:
        data = trees.own_file(files.root, home.place(CONFIG_FILE))
        assert data is not None
        reading = Reading(data, CONFIG_FILE, home.folder)
        config, cut, names = reading.config, reading.cut, Names.of(ConfigText(data, CONFIG_FILE).value)
        found.mistakes += reading.problems
    except ConfigError as error:
        found.mistakes += error.problems
    _holds(trees, files, home, names, found)
    indexes: list[FileIndex] = []
    claims: list[Claim] = []
    for name, environment in config.environments.items() if config is not None else ():
        assert config is not None
        if any(it in cut for it in (("environments",), ("environments", name, "path"))):
            continue
        own = _environment(trees, files, config, name, found)
        manifests = tuple(it for index in own for it in index.manifests)
        cluster = environment.cluster
        claims.append(Claim(f"{config.app}/{name}", cluster.context, cluster.namespace, manifests))
        indexes += own
    if config is not None and not any(it[0] == "services" for it in cut if it):
        _images(config, indexes, found)
    return claims


def _holds(trees: Trees, files: PlainFolder, home: Home, names: Names, found: Lint) -> None:
    try:
        data = trees.own_file(files.root, home.place(HOLDS_FILE))
        if names.environments and names.services:
            found.mistakes += unknown_names(data, names.environments, names.services)
        read_holds(data)
    except ConfigError as error:
        found.mistakes += error.problems


def _environment(trees: Trees, files: PlainFolder, config: Config, name: str, found: Lint) -> list[FileIndex]:
    """Note what is wrong in an environment's folder and in its verification's manifest; return its files."""
    environment = config.environments[name]
    if environment.verify is not None and environment.verify.job:
        _job(trees, files, config, name, environment.verify.job, found)
    folders = Folders(trees)
    try:
        tree = folders.manifests(files.root, config.place(name))
    except ConfigError as error:
        found.mistakes += error.problems
        return []
    except UsageError as error:
        found.mistakes.append(config.problem(("environments", name, "path"), str(error.message)))
        return []
    fields = config.image_fields
    indexes = _indexes(files, tree, fields)
    indexes += [_rendered(folders, tree, unit, fields, found) for unit in tree.units]
    indexes = with_values(indexes, environment.cluster.namespace)
    for it in indexes:
        found.mistakes += it.problems
        found.warnings += it.doubts
    if not indexes:
        said = f"{name} has no manifests: {environment.path}/ is empty or missing"
        found.mistakes.append(config.problem(("environments", name, "path"), said))
    return indexes


def _indexes(files: PlainFolder, tree: Tree, fields: ImageFields) -> list[FileIndex]:
    read = zip(tree.files, files.read_many(list(tree.files.values())), strict=True)
    indexes = [
        replace(index_file(data, fields).at(path), edited=tree.links.get(path, "")) for path, data in read
    ]
    return indexes + [FileIndex(it.file, problems=(it,)) for it in tree.problems]


def _rendered(folders: Folders, tree: Tree, unit: Unit, fields: ImageFields, found: Lint) -> FileIndex:
    """Return what a unit renders to; where the tool is missing here, that is a warning."""
    if unit.problems:
        return failed_index(unit, unit.problems)
    settings = Settings()
    renderer = Renderer(Toolbox(settings.kustomize, settings.helm))
    try:
        files = folders.contents(tree, unit)
        if unit.chart.remote is not None:
            files |= _chart(settings, unit)
        return index_rendered(unit, renderer.render(unit, files).raw, fields)
    except ConfigError as error:
        return failed_index(unit, error.problems)
    except UsageError as error:
        found.warnings.append(unit.problem(f"not rendered here: {error.message}; {error.hint}"))
        return FileIndex(unit.path, rendered=unit.entry)


def _chart(settings: Settings, unit: Unit) -> dict[str, bytes]:
    """Return the files of a chart from elsewhere; raise UsageError where they are not on this machine."""
    from headway.operations.charts import Charts

    assert unit.chart.remote is not None
    if not unit.chart.remote.digest:
        said = f"the chart {unit.chart.remote.address}: it is not pinned: digest is missing"
        raise ConfigError([unit.problem(said)])
    found = Charts(settings).kept(unit)
    if found is None:
        raise UsageError(
            f"the chart {unit.chart.remote} is not on this machine",
            hint="nothing is fetched here; `headway status` does",
        )
    return found


def _job(trees: Trees, files: PlainFolder, config: Config, name: str, path: str, found: Lint) -> None:
    where = ("environments", name, "verify", "job")
    try:
        item = trees.at(files.root, path)
        if item is None or not item.mode.startswith("100"):
            raise UsageError(f"{path} is not a file of the config repo")
        job_for(files.read(item.sha), path, "", "", "")
    except ConfigError as error:
        found.mistakes += error.problems
    except UsageError as error:
        found.mistakes.append(config.problem(where, error.message))


def _images(config: Config, indexes: Iterable[FileIndex], found: Lint) -> None:
    """Warn of images that no service owns, each once in a folder, and of services and fields of nothing."""
    indexes = list(indexes)
    seen: set[tuple[str, Image]] = set()
    for index in indexes:
        for site in index.images:
            key = (index.path.rpartition("/")[0], site.image)
            if key in seen or is_artifact(site) or service_of(config, site.image) is not None:
                continue
            seen.add(key)
            said = f"no service of {CONFIG_FILE} has the image {site.image}: headway applies it and never changes it"
            found.warnings.append(Problem(index.path, site.line, site.column, said))
    if any(it.rendered and not it.manifests for it in indexes):
        # What was not rendered may run any image.
        return
    for service in config.services.keys() - sites_by_service(config, indexes).keys():
        said = f"no manifest of any environment has a container with the image of {service}"
        found.warnings.append(config.problem(("services", service, "image"), said))
    for place in config.image_fields.unused(it.object for index in indexes for it in index.manifests):
        said = "no object of any environment has this field"
        found.warnings.append(config.problem(("images", place, "path"), said))


def _plain(problems: Iterable[Problem]) -> list[dict[str, object]]:
    return [{"file": it.file, "line": it.line, "column": it.column, "message": it.message} for it in problems]
