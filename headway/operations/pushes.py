"""Which services a person's own push changed: what its message does not say, its images do."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from headway.domain.images.reference import Image
from headway.domain.manifests.index import FileIndex
from headway.domain.releases.ledger import UNDONE, Entry
from headway.domain.releases.plans import images_of, moved_images
from headway.domain.releases.undone import Older, Step, Undone, undone
from headway.errors import HeadwayError
from headway.operations.snapshot import Snapshot
from headway.systems.git.config_repo import ConfigRepo

LOOK_BACK = 500
"""So many changes of an environment are searched for what people undid."""
OURS = 20
"""So many of headway's own changes of a service are enough to know what ran before."""


def services_pushed(snapshot: Snapshot, entry: Entry) -> set[str]:
    """Return the services whose images differ between a commit and the one before, where it changed environments."""
    if not entry.parents:
        return set(snapshot.config.services)
    found: set[str] = set()
    for name in entry.environments:
        commits = entry.parents[0], entry.commit
        before, after = (images_of(snapshot.config, _indexes(snapshot, name, it)) for it in commits)
        found |= {it for it in before.keys() | after.keys() if before.get(it) != after.get(it)}
    return found


def _indexes(snapshot: Snapshot, name: str, commit: str) -> list[FileIndex]:
    """Return the manifests of an environment; none where it was not there or cannot be read."""
    try:
        return snapshot.past(name, commit).indexes
    except HeadwayError:
        return []


def undone_in(
    repo: ConfigRepo,
    snapshot: Snapshot,
    name: str,
    services: Iterable[str],
    older: Callable[[str], Older],
) -> dict[str, tuple[Undone, ...]]:
    """Return what people undid in an environment by Git itself, service by service; those without are left out.

    The history is read back to headway's last change of each service, which usually is the newest entry.
    """
    open_, steps, answered = set(services), dict[str, list[Step]](), set[str]()
    path = snapshot.place(name)
    for entry in repo.log(name, path=path, limit=LOOK_BACK, head=snapshot.commit):
        if entry.record is not None:
            answered |= {value for key, value in entry.record.trailers if key == UNDONE}
        for step in _steps(repo, snapshot, name, entry, open_):
            before = steps.setdefault(step.service, [])
            before.append(step)
            ours = sum(it.ours for it in before)
            if before[0].ours or ours >= OURS:
                open_.discard(step.service)
        if not open_:
            break
    found = {it: undone(mine, older(it), answered) for it, mine in steps.items()}
    return {service: each for service, each in found.items() if each}


def _steps(
    repo: ConfigRepo, snapshot: Snapshot, name: str, entry: Entry, services: set[str]
) -> Iterator[Step]:
    if entry.record is not None and entry.environment == name:
        for service, old, new in entry.record.changes:
            if service in services:
                yield Step(service, old, new, True, entry.commit)
        return
    after = _indexes(snapshot, name, entry.commit)
    sides = {parent: _indexes(snapshot, name, parent) for parent in entry.parents}
    images = {commit: images_of(snapshot.config, it) for commit, it in {**sides, entry.commit: after}.items()}
    for service in sorted(services & images[entry.commit].keys()):
        parent = _replaced(repo, snapshot, name, service, entry, images)
        if parent is None:
            continue
        for changed, new, old in moved_images(snapshot.config, after, sides[parent]):
            if changed == service:
                yield Step(service, old, new, False, entry.commit, entry.actor, entry.subject, entry.time)


def _replaced(
    repo: ConfigRepo,
    snapshot: Snapshot,
    name: str,
    service: str,
    entry: Entry,
    images: dict[str, dict[str, tuple[Image, ...]]],
) -> str | None:
    """Return the parent whose images a commit replaced; of a merge, the one that it dropped though it was live."""
    mine = {commit: it.get(service) for commit, it in images.items()}
    after = mine[entry.commit]
    kept = next((it for it in entry.parents if mine[it] == after), None)
    for parent in entry.parents:
        if parent == kept or not mine[parent] or mine[parent] == after:
            continue
        if kept is not None:
            parted = repo.parted(kept, parent)
            before = _indexes(snapshot, name, parted) if parted else []
            if images_of(snapshot.config, before).get(service) == mine[parent]:
                continue
            if not repo.last_change(name, snapshot.place(name), parent).outcomes:
                continue
        return parent
    return None
