"""What a kustomization or a chart names: files, bases, charts; and what is refused before a tool sees it.

kustomize fetches what looks like a remote repo without asking, also where a folder of that name is there.
So whatever may be remote is refused by its form alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from headway.domain.rendering.vendoring import helm_pull
from headway.domain.text.yaml_nodes import YamlProblem, child, compose, decode, problem_at
from headway.errors import Problem

Role = Literal["any", "file", "base", "chart", "config"]
_REMOTE = re.compile(
    r"git::|[a-z][a-z0-9+.-]*://|[a-z][a-z0-9-]*@|gh:|(?:www\.)?github\.com[:/]|.*\?(?:.*&)?(?:ref|version)=",
    re.IGNORECASE,
)
_GENERATORS = ("configMapGenerator", "secretGenerator")
_INFLATORS = ("HelmChartInflationGenerator", "ChartInflator")
_INFLATOR = (
    "a generator that fetches and renders a chart is not supported; write helmCharts in the kustomization"
)
_INSIDE = {"path", "paths", "files", "envs", "env", "valuesFile", "additionalValuesFiles"}
"""Keys of a generator's or transformer's own file that name further files."""


@dataclass(frozen=True, slots=True)
class Reference:
    """What is named, and where: `any` may be a file or a base, `config` a file that names further ones or a base."""

    role: Role
    written: str
    line: int
    column: int
    vendor: str = ""
    """For a chart that kustomize would fetch, the command that puts it into the repo."""

    def problem(self, file: str, said: str) -> Problem:
        """Make a problem at its place."""
        return Problem(file, self.line, self.column, said)


@dataclass(frozen=True, slots=True)
class References:
    """What a file names; `problems` have no file yet. `component` tells what is no unit by itself."""

    found: tuple[Reference, ...] = ()
    problems: tuple[Problem, ...] = ()
    component: bool = False
    with_helm: bool = False


def is_remote(written: str) -> bool:
    """Return whether kustomize may take it for something to fetch."""
    return _REMOTE.match(written) is not None


def remote(written: str) -> str:
    """Return why what is remote is refused, and what to do."""
    return (
        f"{written} is remote, and nothing is fetched while rendering; put a copy of it into the config repo and name "
        "that"
    )


def kustomization_references(data: bytes) -> References:
    """Return what a kustomization names."""
    found: list[Reference] = []
    problems: list[Problem] = []
    component = with_helm = False
    try:
        for top in _documents(data):
            kind = child(top, "kind")
            component = component or (isinstance(kind, ScalarNode) and kind.value == "Component")
            found += _kustomization(top)
            charts = list(_items(child(top, "helmCharts")))
            with_helm = with_helm or bool(charts)
            for chart in charts:
                found += _helm_chart(top, chart)
            problems += _in_place(top)
            for key in ("helmChartInflationGenerator", "helmChart"):
                if (old := child(top, key)) is not None:
                    problems.append(
                        problem_at(old, f"{key} is not supported; write helmCharts instead").at("")
                    )
    except YamlProblem as problem:
        problems.append(problem.at(""))
    return References(tuple(found), tuple(problems), component, with_helm)


def config_references(data: bytes) -> References:
    """Return what a generator's or transformer's own file names; a program that it would run is refused."""
    found: list[Reference] = []
    problems: list[Problem] = []
    try:
        for top in _documents(data):
            notes = child(child(top, "metadata"), "annotations")
            for name in ("config.kubernetes.io/function", "config.k8s.io/function"):
                if (function := child(notes, name)) is not None:
                    said = "a program or container would be run here, which headway does not do"
                    problems.append(
                        problem_at(function, f"{said}; use kustomize's own generators and transformers").at(
                            ""
                        )
                    )
            if _said(top, "kind") in _INFLATORS:
                problems.append(problem_at(top, _INFLATOR).at(""))
            named = list(_inside(top))
            found += named
            problems += [it.problem("", remote(it.written)) for it in named if "://" in it.written]
    except YamlProblem as problem:
        problems.append(problem.at(""))
    return References(tuple(found), tuple(problems))


def chart_references(data: bytes) -> References:
    """Return the charts that a chart names by `file://`, and those that must lie in its `charts/`."""
    found: list[Reference] = []
    problems: list[Problem] = []
    library = False
    try:
        for top in _documents(data):
            kind = child(top, "type")
            library = library or (isinstance(kind, ScalarNode) and kind.value == "library")
            for each in _items(child(top, "dependencies")):
                name, repository = child(each, "name"), child(each, "repository")
                if not isinstance(name, ScalarNode) or not name.value:
                    continue
                address = repository.value if isinstance(repository, ScalarNode) else ""
                if address.startswith("file://"):
                    found.append(_reference("base", repository, address.removeprefix("file://")))
                else:
                    found.append(_reference("chart", name, name.value))
    except YamlProblem as problem:
        problems.append(problem.at(""))
    return References(tuple(found), tuple(problems), library)


def _documents(data: bytes) -> Iterator[Node]:
    yield from compose(decode(data).removeprefix("\ufeff"))


def _kustomization(top: Node) -> Iterator[Reference]:
    for key in ("resources", "bases", "components"):
        yield from _named(child(top, key), "base" if key == "components" else "any")
    for key in ("generators", "transformers", "validators"):
        yield from _named(child(top, key), "config")
    for key in ("configurations", "crds", "patchesStrategicMerge"):
        yield from _named(child(top, key), "file")
    for key in ("patches", "patchesJson6902", "replacements"):
        for each in _items(child(top, key)):
            yield from _named(child(each, "path"), "file")
    yield from _named(child(child(top, "openapi"), "path"), "file")
    for key in _GENERATORS:
        for each in _items(child(top, key)):
            for part in ("files", "envs", "env"):
                yield from _keyed(child(each, part), part)


def _in_place(top: Node) -> Iterator[Problem]:
    """Yield what is wrong with generators and transformers that stand as text in the kustomization."""
    for key in ("generators", "transformers", "validators"):
        for each in _items(child(top, key)):
            if isinstance(each, ScalarNode) and "\n" in each.value:
                for inner in config_references(each.value.encode()).problems:
                    yield problem_at(each, inner.message).at("")


def _helm_chart(top: Node, chart: Node) -> Iterator[Reference]:
    folder = _said(child(top, "helmGlobals"), "chartHome") or "charts"
    name, version, repo = (_said(chart, key) for key in ("name", "version", "repo"))
    if name:
        # kustomize's own rule (absChartHome): with both, several versions can lie side by side.
        folder = f"{folder}/{name}-{version}" if version and repo else folder
        place = child(chart, "repo" if repo else "name")
        yield replace(
            _reference("chart", place, f"{folder}/{name}"), vendor=helm_pull(name, version, repo, folder)
        )
    yield from _named(child(chart, "valuesFile"), "file")
    yield from _named(child(chart, "additionalValuesFiles"), "file")


def _said(node: Node | None, key: str) -> str:
    found = child(node, key)
    return found.value if isinstance(found, ScalarNode) else ""


def _inside(node: Node | None) -> Iterator[Reference]:
    if isinstance(node, MappingNode):
        for name, value in node.value:
            if name.value in _INSIDE:
                yield from _keyed(value, "files" if name.value == "files" else "")
            yield from _inside(value)
    elif isinstance(node, SequenceNode):
        for each in node.value:
            yield from _inside(each)


def _keyed(node: Node | None, part: str) -> Iterator[Reference]:
    """Yield files that may be written as `key=path`."""
    for each in _items(node):
        if isinstance(each, ScalarNode) and each.value and "\n" not in each.value:
            path = each.value.partition("=")[2] or each.value if part == "files" else each.value
            yield _reference("file", each, path)


def _named(node: Node | None, role: Role) -> Iterator[Reference]:
    """Yield what a list or a scalar names; YAML that is written in place names no file."""
    for each in _items(node):
        if isinstance(each, ScalarNode) and each.value and "\n" not in each.value and "{" not in each.value:
            yield _reference(role, each, each.value)


def _items(node: Node | None) -> list[Node]:
    if isinstance(node, SequenceNode):
        return list(node.value)
    return [node] if node is not None else []


def _reference(role: Role, node: Node | None, written: str) -> Reference:
    assert node is not None
    return Reference(role, written, node.start_mark.line + 1, node.start_mark.column + 1)
