"""Renders a unit: its sources into a scratch folder, one tool on it, and what the tool wrote."""

from __future__ import annotations

import os
import tempfile
import threading
from collections.abc import Mapping
from pathlib import Path

from headway.domain.rendering.determinism import at_another_time, differences, may_differ
from headway.domain.rendering.rendered import Rendered
from headway.domain.rendering.tool_errors import short_problem
from headway.domain.rendering.unit import Unit
from headway.domain.text.yaml_nodes import YamlProblem
from headway.errors import ConfigError
from headway.systems.render.process import Limits, run
from headway.systems.render.tools import Tool, Toolbox

AT_ONCE = max(2, os.cpu_count() or 2)


class Renderer:
    """Renders units, a few at a time; safe to use from several threads. `started` counts the tools' runs."""

    def __init__(self, tools: Toolbox, limits: Limits | None = None) -> None:
        self.tools = tools
        self._limits = limits or Limits()
        self._turn = threading.BoundedSemaphore(AT_ONCE)
        self._count = threading.Lock()
        self.started = 0

    def versions(self, unit: Unit) -> str:
        """Return the tools that render a unit, with their versions."""
        found = [self._tool(unit).version]
        if unit.with_helm:
            found.append(self.tools.find("helm").version)
        return ", ".join(found)

    def render(self, unit: Unit, files: Mapping[str, bytes]) -> Rendered:
        """Return what the tool makes of a unit with these files (path in the repo → content).

        Raises ConfigError for what does not render and what differs from one rendering to the next, UsageError
        where the tool is missing.
        """
        first = self._render(unit, files)
        if unit.kind == "chart" or unit.with_helm:
            self._refuse_chance(unit, files, first)
        return first

    def _refuse_chance(self, unit: Unit, files: Mapping[str, bytes], first: Rendered) -> None:
        templates = {path: data for path, data in files.items() if "/templates/" in f"/{path}"}
        packed = any(path.endswith(".tgz") for path in files)
        if not packed and not any(map(may_differ, templates.values())):
            return
        second = self._render(
            unit, {**files, **{path: at_another_time(it) for path, it in templates.items()}}
        )
        found = differences(first.objects, second.objects, unit.chart.keep)
        if found:
            raise ConfigError(
                unit.problem(
                    f"each rendering gives another value: {it}; give it by the chart's values, or from a Secret that "
                    "the chart does not make, or name the field in keep_from_cluster"
                )
                for it in found
            )

    def _render(self, unit: Unit, files: Mapping[str, bytes]) -> Rendered:
        tool = self._tool(unit)
        with self._turn, tempfile.TemporaryDirectory(prefix="headway-render-") as place:
            with self._count:
                self.started += 1
            home, tree = Path(place) / "home", Path(place).resolve() / "repo"
            home.mkdir()
            tree.mkdir()
            for path, data in files.items():
                if not _stays(path):
                    raise ConfigError([unit.problem(f"it reads {path!r}, which is no path in the repo")])
                file = tree / path
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(data)
            ran = run(self._command(tool, unit, tree), home, self._limits)
        if ran.exceeded:
            raise ConfigError(
                [unit.problem(f"rendering it was ended: {ran.exceeded}")],
                hint="a rendering of this size is hardly meant; look for a template or generator that runs away",
            )
        if ran.code:
            raise ConfigError([short_problem(ran.err or f"ended with code {ran.code}", unit, str(tree))])
        try:
            return Rendered.of(ran.out)
        except YamlProblem as problem:
            said = f"what it renders to is not readable: line {problem.line}: {problem.message}"
            raise ConfigError([unit.problem(said)]) from None

    def _tool(self, unit: Unit) -> Tool:
        return self.tools.find("kustomize" if unit.kind == "kustomization" else "helm")

    def _command(self, tool: Tool, unit: Unit, tree: Path) -> list[str]:
        if unit.kind == "kustomization":
            build = ["build"] if len(tool.command) == 1 else []
            helm = (
                ["--enable-helm", "--helm-command", self.tools.find("helm").command[0]]
                if unit.with_helm
                else []
            )
            return [*tool.command, *build, *helm, str(tree / unit.path)]
        use = unit.chart
        command = [*tool.command, "template", use.release, str(tree / (use.path or unit.path))]
        command += ["--namespace", use.namespace or "default", "--include-crds"]
        for path in use.values:
            command += ["--values", str(tree / path)]
        if use.kube_version:
            command += ["--kube-version", use.kube_version]
        for each in use.api_versions:
            command += ["--api-versions", each]
        return command


def _stays(path: str) -> bool:
    """Return whether a path leads to a file below a folder: whoever pushes with tools of their own can name any."""
    return bool(path) and "\0" not in path and not {"", ".", ".."} & set(path.split("/"))
