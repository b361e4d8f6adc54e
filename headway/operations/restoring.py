"""Which files a rollback puts back, besides an environment's folder: what its units read elsewhere.

What another environment reads too is not put back: a rollback changes one environment. Of headway.yaml only the pin
of the environment's chart is.
"""

from __future__ import annotations

from headway.domain.config.chart_pin import with_chart_of
from headway.domain.rendering.unit import within
from headway.errors import HeadwayError
from headway.operations.connections import Connections
from headway.operations.desired import Desired
from headway.systems.git.config_repo import ConfigRepo


def _changed(desired: Desired, live: Desired) -> dict[str, str]:
    """Return the paths outside of the folder that differ, each with its hash when it was live."""
    folder = desired.place.path
    now = {path: sha for unit in desired.units for path, sha in unit.unit.outside(folder).items()}
    then = {path: sha for unit in live.units for path, sha in unit.unit.outside(folder).items()}
    return {path: sha for path, sha in then.items() if now.get(path) != sha}


def restored(
    repo: ConfigRepo, desired: Desired, live: Desired, head: str
) -> tuple[dict[str, bytes | None], dict[str, str]] | None:
    """Return the files and whole folders outside of the environment's own that a rollback puts back at `head`.

    None where headway.yaml has changed so that the pin of the environment's chart cannot be put back.
    """
    chart = _chart_restored(repo, desired, live, head)
    if chart is None:
        return None
    files: dict[str, bytes | None] = {}
    trees: dict[str, str] = {}
    for path, sha in _changed(desired, live).items():
        content = repo.read(live.commit, path)
        if content is not None:
            files[path] = content
        elif sha:
            trees[path] = sha
        elif repo.read(desired.commit, path) is not None:
            files[path] = None
    return {**files, **chart}, trees


def _chart_restored(repo: ConfigRepo, desired: Desired, live: Desired, head: str) -> dict[str, bytes] | None:
    """Return headway.yaml of `head` with the chart that was live, where it is another now; None where it cannot be."""
    place = desired.place
    if not place.said_in or desired.charts == live.charts:
        return {}
    now, then = repo.read(head, place.said_in), repo.read(live.commit, place.said_in)
    done = with_chart_of(now, then, place) if now is not None and then is not None else None
    return {place.said_in: done} if done is not None else None


def shared_changes(connections: Connections, desired: Desired, live: Desired) -> str:
    """Return which changed files other environments read too, and which; empty where there are none."""
    found = []
    for path in _changed(desired, live):
        readers = [
            name
            for name in desired.config.environments
            if name != desired.name and _reads(connections, desired, name, path)
        ]
        if readers:
            found.append(f"{path}, which {', '.join(readers)} reads too, has changed")
    if _chart_restored(connections.repo, desired, live, desired.commit) is None:
        found.append(
            f"{desired.place.said_in} says another chart of {desired.name}, and more than its pin differs"
        )
    return "; ".join(found)


def _reads(connections: Connections, desired: Desired, name: str, path: str) -> bool:
    try:
        tree = connections.repo.tree(desired.commit, desired.config.place(name))
    except HeadwayError:
        return False
    reads = [it for unit in tree.units for it in unit.reads]
    return within(path, tree.path) or any(within(path, it) or within(it, path) for it in reads)
