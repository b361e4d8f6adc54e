"""What rendering costs: a plan for an overlay and a chart beside the same in plain YAML, and looks at many overlays."""

from __future__ import annotations

import os
import subprocess
import tempfile
import uuid
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from benchmarks.measure import Comparison, tell, timed
from benchmarks.registry_place import RegistryPlace
from headway.domain.images.reference import ImageRef
from headway.operations.connections import Connections
from headway.operations.proposal import plan_wanted
from headway.settings import Settings
from lab.place import Place
from lab.rendering_tools import HELM, KUSTOMIZE, ensure

OBJECTS, MANY, TEMPLATES = 30, 200, 60
IMAGE = "localhost:5000/app/web"
DIGEST = "sha256:" + "ab" * 32


def run_all(rounds: int) -> list[Comparison]:
    """Measure everything; the tools are built first where they are missing."""
    tools = {
        name: ensure(tool, Place.default().binary_cache)
        for name, tool in (("kustomize", KUSTOMIZE), ("helm", HELM))
    }
    return [*_plans(rounds, tools), _many(rounds, tools), _finding(rounds, tools)]


def _plans(rounds: int, tools: Mapping[str, Path]) -> list[Comparison]:
    """Plan one service's next tag, warm: everything is known but what this tag renders to."""
    tell("plans")
    rows = [
        Comparison(
            f"plan one service in an overlay ({OBJECTS} objects), warm",
            "the same in plain YAML",
            "+ one `kustomize build`",
        ),
        Comparison(
            f"plan one service in a chart ({OBJECTS} objects), warm",
            "the same in plain YAML",
            "+ one `helm template`",
        ),
    ]
    bare = {
        "overlay": lambda place: ["kustomize", "build", str(place / "overlay")],
        "chart": lambda place: ["helm", "template", "overlay", str(place / "chart")],
    }
    with tempfile.TemporaryDirectory() as work:
        place = Path(work)
        _write(place, {**_plain("plain"), **_overlay("overlay"), **_chart("chart", OBJECTS)})
        with _Opened(place, ("plain", "overlay", "chart"), tools) as connections:
            snapshot = connections.at(connections.repo.fetch())

            def plan(environment: str, number: int) -> None:
                image = ImageRef.parse(f"{IMAGE}:1.0.{number}@{DIGEST}")
                assert plan_wanted(snapshot, environment, {"web": (image, "bench")})

            for environment in ("plain", "overlay", "chart"):
                plan(environment, 0)
            for number in range(1, rounds + 1):
                for row, environment in zip(rows, ("overlay", "chart"), strict=True):
                    row.theirs.append(timed(partial(plan, "plain", number)))
                    row.ours.append(timed(partial(plan, environment, number)))
                    command = bare[environment](place)
                    alone = timed(partial(_run, [str(tools[command[0]]), *command[1:]]))
                    row.note = f"the tool alone {alone:.3f} s"
    return rows


def _many(rounds: int, tools: Mapping[str, Path]) -> Comparison:
    """Pass over many automatic environments, where nothing is new in the registry and in the repo."""
    from headway.flows.watch_registry import watch_images
    from headway.requests import WatchRequest
    from headway.runtime import local

    local.listen(lambda *_: None)
    tell(f"{MANY} overlays")
    row = Comparison(
        f"watch pass, {MANY} overlays, nothing new, warm", f"{MANY} plain folders", "1.2, no rendering"
    )
    registry = RegistryPlace()
    try:
        (name,) = registry.semver_repositories(1, 20)
        image, newest = f"{registry.host}/{name}", f"1.19.0@{registry.image()}"
        registry.start()
        with tempfile.TemporaryDirectory() as plain, tempfile.TemporaryDirectory() as overlays:
            names = [f"e{number}" for number in range(MANY)]
            _write(Path(plain), {k: v for it in names for k, v in _plain(it, 2, f"{image}:{newest}").items()})
            _write(Path(overlays), {k: v for it in names for k, v in _overlay(it, 2, image, newest).items()})
            rules = (f"image: {image}, tags: {{match: 'semver:*'}}", "release: automatic, ")
            with (
                _Opened(Path(plain), names, tools, *rules) as theirs,
                _Opened(Path(overlays), names, tools, *rules) as ours,
            ):

                def look(connections: Connections) -> None:
                    done = watch_images(connections, WatchRequest())
                    assert done == {it: {"state": "nothing new"} for it in names}, done

                look(theirs)
                look(ours)
                started = ours.renderings.renderer.started
                for _ in range(rounds):
                    row.theirs.append(timed(partial(look, theirs)))
                    row.ours.append(timed(partial(look, ours)))
                row.note = f"{ours.renderings.renderer.started - started} renderings"
    finally:
        registry.stop()
    return row


def _finding(rounds: int, tools: Mapping[str, Path]) -> Comparison:
    """Find the scalar that says an image, from nothing."""
    tell("finding a scalar")
    row = Comparison(
        f"finding an image's scalar, chart of {TEMPLATES} templates, cold",
        "one `helm template`",
        "4 renderings",
    )
    with tempfile.TemporaryDirectory() as work:
        place = Path(work)
        _write(place, _chart("chart", TEMPLATES))
        for _ in range(rounds):
            command = [str(tools["helm"]), "template", "chart", str(place / "chart")]
            row.theirs.append(timed(partial(_run, command)))
            with _Opened(place, ("chart",), tools) as connections:
                snapshot = connections.at(connections.repo.fetch())
                assert snapshot.environment("chart").indexes
                wanted = {"web": (ImageRef.parse(f"{IMAGE}:2@{DIGEST}"), "")}
                before = connections.renderings.renderer.started
                row.ours.append(timed(partial(plan_wanted, snapshot, "chart", wanted)))
                row.note = (
                    f"{connections.renderings.renderer.started - before} renderings with the plan's own"
                )
    return row


def _run(command: list[str]) -> None:
    subprocess.run(command, check=True, capture_output=True)


class _Opened:
    """The connections to a config repo made of a folder, with a state of its own."""

    def __init__(
        self,
        place: Path,
        environments: Sequence[str],
        tools: Mapping[str, Path],
        service: str = f"image: {IMAGE}",
        rules: str = "",
    ) -> None:
        rows = "".join(
            f"  {it}: {{path: {it}, {rules}cluster: {{namespace: {it}}}}}\n" for it in environments
        )
        text = f"version: 1\napp: bench\nservices:\n  web: {{{service}}}\nenvironments:\n{rows}"
        (place / "headway.yaml").write_text(text)
        git = ["git", "-C", str(place), "-c", "user.name=bench", "-c", "user.email=bench@example.com"]
        for command in (
            ["init", "--quiet", "--initial-branch=main"],
            ["add", "--all"],
            ["commit", "--quiet", "--allow-empty", "-m", uuid.uuid4().hex],
        ):
            subprocess.run([*git, *command], check=True, capture_output=True)
        self._state = tempfile.TemporaryDirectory()
        os.environ.pop("HEADWAY_REPO", None)
        self._connections = Connections(
            Settings(
                repo=f"file://{place}",
                state=Path(self._state.name),
                kustomize=str(tools["kustomize"]),
                helm=str(tools["helm"]),
            )
        )

    def __enter__(self) -> Connections:
        return self._connections

    def __exit__(self, *_: object) -> None:
        self._connections.close()
        self._state.cleanup()


def _write(place: Path, files: Mapping[str, str]) -> None:
    for path, text in files.items():
        (place / path).parent.mkdir(parents=True, exist_ok=True)
        (place / path).write_text(text)


def _deployment(name: str, image: str) -> str:
    return f"""apiVersion: apps/v1
kind: Deployment
metadata: {{name: {name}}}
spec:
  selector: {{matchLabels: {{app: {name}}}}}
  template:
    metadata: {{labels: {{app: {name}}}}}
    spec:
      containers:
      - name: main
        image: {image}
"""


def _settings(number: int) -> str:
    return f"""apiVersion: v1
kind: ConfigMap
metadata: {{name: settings-{number}}}
data: {{LEVEL: '{number}'}}
"""


def _others(count: int) -> dict[str, str]:
    return {f"settings-{it}.yaml": _settings(it) for it in range(count - 1)}


def _plain(folder: str, count: int = OBJECTS, image: str = f"{IMAGE}:1.0") -> dict[str, str]:
    files = {"web.yaml": _deployment("web", image), **_others(count)}
    return {f"{folder}/{name}": text for name, text in files.items()}


def _overlay(folder: str, count: int = OBJECTS, image: str = IMAGE, version: str = "1.0") -> dict[str, str]:
    tag, _, digest = version.partition("@")
    files = {"web.yaml": _deployment("web", "web"), **_others(count)}
    entry = f"images:\n- name: web\n  newName: {image}\n  newTag: '{tag}'\n"
    if digest:
        entry += f"  digest: {digest}\n"
    said = f"resources: [{', '.join(files)}]\n{entry}"
    return {f"{folder}/{name}": text for name, text in {**files, "kustomization.yaml": said}.items()}


def _chart(folder: str, count: int) -> dict[str, str]:
    image = '"{{ .Values.image.repository }}:{{ .Values.image.tag }}"'
    files = {"web.yaml": _deployment("web", image), **_others(count)}
    made = {f"{folder}/templates/{name}": text for name, text in files.items()}
    made[f"{folder}/Chart.yaml"] = "apiVersion: v2\nname: bench\nversion: 0.1.0\n"
    made[f"{folder}/values.yaml"] = f"image:\n  repository: {IMAGE}\n  tag: '1.0'\n"
    return made
