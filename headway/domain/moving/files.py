"""Environments that are files in one folder (staging.yaml beside production.yaml), which headway.yaml cannot say.

An environment is a folder there, so what has to be moved is said, file by file.
"""

from __future__ import annotations

from headway.domain.moving.documents import Repo
from headway.domain.moving.found import Found, Place
from headway.domain.moving.names import rank_of


def read_environment_files(repo: Repo, found: Found) -> None:
    """Leave out plain folders whose files are environments, and say how to make folders of them."""
    for unit in [it for it in found.units if it.kind == "plain"]:
        named: dict[str, list[str]] = {}
        for path in sorted(unit.reads):
            word = _word(path)
            if word and repo.index(path).images:
                named.setdefault(word, []).append(path)
        if len(named) < 2:
            continue
        objects = [
            {
                (it.object["kind"], it.object["metadata"]["name"])
                for path in paths
                for it in repo.index(path).manifests
            }
            for paths in named.values()
        ]
        if not any(left & right for number, left in enumerate(objects) for right in objects[number + 1 :]):
            continue
        found.units.remove(unit)
        prefix = f"{unit.path}/" if unit.path else ""
        for word, paths in named.items():
            for path in paths:
                target = f"{prefix}{word}/{path.rpartition('/')[2]}"
                found.leave(
                    Place(path),
                    f"this is the environment {word}, and an environment is a folder: "
                    f"mkdir -p {prefix}{word} && git mv {path} {target}, then run `headway init` again",
                )


def _word(path: str) -> str:
    """Return the environment that a file is named after; empty for another name."""
    stem = path.rpartition("/")[2].rpartition(".")[0]
    if rank_of(stem) is None:
        return ""
    return next(
        (
            it
            for it in reversed(stem.replace("_", "-").replace(".", "-").split("-"))
            if rank_of(it) is not None
        ),
        stem,
    )
