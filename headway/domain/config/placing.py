"""A headway.yaml that is not at the root of its repo: what it says of paths counts from its own folder."""

from __future__ import annotations

import posixpath

from headway.domain.config.model import Chart, Document, Environment
from headway.errors import UsageError

NAME = "headway.yaml"


def folder_of(path: str) -> str:
    """Return the folder of a headway.yaml, empty for the root; raise UsageError for a path that is none."""
    plain = posixpath.normpath(path.strip() or NAME)
    if plain.startswith(("/", "../", "~")) or plain.rpartition("/")[2] != NAME:
        raise UsageError(
            f"HEADWAY_CONFIG is {path!r}, and the path of a {NAME} in the config repo is expected",
            hint=f"for example apps/shop/{NAME}",
        )
    return plain.rpartition("/")[0]


def placed(document: Document, folder: str) -> Document:
    """Return a document with every path as one from the root of the repo."""
    if not folder:
        return document
    environments = {name: _environment(it, folder) for name, it in document.environments.items()}
    ignore = [_pattern(it, folder) for it in document.ignore]
    return document.model_copy(update={"environments": environments, "ignore": ignore})


def _environment(environment: Environment, folder: str) -> Environment:
    update: dict[str, object] = {"path": _joined(folder, environment.path)}
    if environment.verify is not None and environment.verify.job:
        job = _joined(folder, environment.verify.job)
        update["verify"] = environment.verify.model_copy(update={"job": job})
    if environment.chart is not None:
        update["chart"] = placed_chart(environment.chart, folder)
    return environment.model_copy(update=update)


def placed_chart(chart: Chart, folder: str) -> Chart:
    """Return a chart with every path as one from the root of the repo."""
    if not folder:
        return chart
    values = {"values": [_joined(folder, it) for it in chart.values]}
    path = {"path": _joined(folder, chart.path)} if chart.path else {}
    return chart.model_copy(update={**values, **path})


def _joined(folder: str, path: str) -> str:
    return posixpath.normpath(f"{folder}/{path}")


def _pattern(pattern: str, folder: str) -> str:
    """Return a pattern of an ignore file that counts from a folder as one that counts from the root."""
    back, rest = ("!", pattern[1:]) if pattern.startswith("!") else ("", pattern)
    if not rest.strip() or rest.startswith("#"):
        return pattern
    anywhere = "/" not in rest.rstrip("/")
    return f"{back}/{folder}/{'**/' if anywhere else ''}{rest.lstrip('/')}"
