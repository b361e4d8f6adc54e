"""Charts of the repo, and the values files of their environments.

A values file belongs to an environment by its name or its folder: `values-staging.yaml`,
`values/staging.yaml`, `staging/values.yaml`, `staging-values.yaml`, in the chart or beside it. Those of a repo's only
chart may also be at its root or in a folder that is for environments, such as `environments/staging/values.yaml`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from headway.domain.moving.documents import Document, Repo, parent, text_at
from headway.domain.moving.found import Found, Image, Place, Unit
from headway.domain.moving.names import GENERIC, rank_of
from headway.domain.moving.plain import values_images

_NAME = re.compile(
    r"(?:values[-_.](?P<after>[\w.-]+)|(?P<before>[\w-]+)[-_.]values|(?P<alone>[\w-]+))\.ya?ml"
)
_FOLDERS = frozenset({"values", "env", "envs", "environments", "overrides", "config"})
_NO_ENVIRONMENT = frozenset(
    {"schema", "example", "sample", "default", "defaults", "template", "common", "base"}
)


def read_charts(repo: Repo, found: Found) -> None:
    """Add a unit for each environment of each chart, or one for a chart that has no values for environments."""
    for folder in sorted(_outer(repo)):
        chart = next(iter(repo.documents(f"{folder}/Chart.yaml".lstrip("/"))), None)
        if chart is None or text_at(chart.value, "type") == "library":
            continue
        inside = [it for it in repo.files if it.startswith(f"{folder}/".lstrip("/"))]
        for name, files in sorted(environment_values(repo, folder).items()) or [("", list[str]())]:
            common = [it for it in (f"{folder}/values.yaml".lstrip("/"),) if it in repo.files]
            images = _images(repo, [*files, *common], text_at(chart.value, "appVersion"))
            found.units.append(
                Unit(
                    folder,
                    "chart",
                    Place(files[0] if files else chart.file),
                    images,
                    reads=frozenset([*inside, *files]),
                    values=tuple(files),
                    environment=name,
                )
            )


def _outer(repo: Repo) -> set[str]:
    """Return the charts that are no part of another one."""
    subcharts = {
        it
        for it in repo.charts
        if any(it != other and it.startswith(f"{other}/charts/") for other in repo.charts)
    }
    # A chart at the root is followed by everything in the repo.
    subcharts |= {it for it in repo.charts if "" in repo.charts and it.startswith("charts/")}
    return set(repo.charts) - subcharts


def environment_values(repo: Repo, folder: str) -> dict[str, list[str]]:
    """Return the values files of each environment of a chart, by the environment's name."""
    found: dict[str, list[str]] = {}
    nested = {it for it in repo.charts if it != folder}
    for path in sorted(repo.files):
        above = parent(path)
        near = above == folder or above == parent(folder) or parent(above) in (folder, parent(folder))
        if (
            not near
            or above in nested
            or "templates" in path.split("/")
            or (not folder and above == "charts")
        ):
            continue
        if name := _environment(path, folder):
            found.setdefault(name, []).append(path)
    return found or _values_elsewhere(repo, folder)


def _values_elsewhere(repo: Repo, folder: str) -> dict[str, list[str]]:
    """Return the values files of a repo's only chart that are in folders for environments, away from the chart."""
    found: dict[str, list[str]] = {}
    if _outer(repo) != {folder}:
        return found
    for path in sorted(repo.files):
        above, _, file = path.rpartition("/")
        named = file in ("values.yaml", "values.yml")
        home = (parent(above) or "") if named else above
        if repo.in_chart(path) or "values" not in file or home.rpartition("/")[2] not in ("", *GENERIC):
            continue
        name = _environment(path, folder)
        # A patch of a HelmRelease may have such a name, too.
        if name and rank_of(name) is not None and not any(it.kind for it in repo.documents(path)):
            found.setdefault(name, []).append(path)
    return found


def _environment(path: str, folder: str) -> str:
    """Return the environment that a file's name or folder says; empty for what is no environment's values."""
    above, _, file = path.rpartition("/")
    last = above.rpartition("/")[2]
    if file in ("values.yaml", "values.yml"):
        return last if above != folder and rank_of(last) is not None else ""
    named = _NAME.fullmatch(file)
    if named is None:
        return ""
    if named["alone"]:
        # Beside a chart, a file with the name of an environment may be a manifest as well.
        return named["alone"] if last in _FOLDERS and rank_of(named["alone"]) is not None else ""
    name = named["after"] or named["before"]
    return "" if name.lower() in _NO_ENVIRONMENT else name


def _images(repo: Repo, files: list[str], version: str) -> tuple[Image, ...]:
    """Return the images of values files; what is missing in the first is taken from the next."""
    layers = [next(iter(repo.documents(it)), None) for it in files]
    documents = [it for it in layers if it is not None]
    merged: dict[str, Any] = {}
    for document in reversed(documents):
        merged = _merged(merged, document.value)
    found: dict[str, Image] = {}
    for image in _placed(merged, documents):
        found.setdefault(image.name, image._replace(tag=image.tag or version))
    return tuple(found.values())


def _placed(merged: Mapping[str, Any], documents: list[Document]) -> Iterator[Image]:
    """Yield the images of merged values, each where the first file says it."""
    if not documents:
        return
    for image in values_images(documents[-1], merged):
        for document in documents:
            own = next((it for it in values_images(document, document.value) if it.name == image.name), None)
            if own is not None:
                image = image._replace(place=own.place)
                break
        yield image


def _merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    made = dict(below)
    for key, value in above.items():
        old = made.get(key)
        made[key] = _merged(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return made
