"""From facts to a cell: which version, how it is, since when, and how far behind."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from headway.domain.board.facts import Changes, EnvironmentFacts, Question, Run, Workload
from headway.domain.board.values import Cell, Mark, State
from headway.domain.images.reference import Image
from headway.domain.policy.holds import Holds
from headway.domain.releases.ledger import Entry, short_tag

ENDED = ("live", "failed", "rolled-back", "superseded", "applied")


def cell(
    here: EnvironmentFacts,
    service: str,
    holds: Holds,
    before: EnvironmentFacts | None = None,
    runs: Iterable[Run] = (),
    questions: Iterable[Question] = (),
    subject: str = "",
) -> Cell:
    """Return the cell of a service in an environment; `before` is the environment that it is promoted from."""
    images = here.images.get(service, ())
    if not images:
        state: State = "unknown" if here.problem else "absent"
        return Cell(here.name, service, state, cause=here.problem)
    changes = here.history.get(service, ())
    newest = changes[0][0] if changes else None
    workloads = (here.workloads or {}).get(service, ())
    run = next((it for it in runs if not it.services or service in it.services), None)
    asked = any(service in it.services for it in questions)
    state, cause = _state(here, newest, workloads, run, asked)
    behind, counted = _behind(images, service, before)
    return Cell(
        here.name,
        service,
        state,
        version=", ".join(dict.fromkeys(map(short_tag, images))),
        image=images[0].text,
        subject=subject or _reason(changes),
        since=_live_since(changes, images),
        began=newest.time if newest is not None and state == "rolling" else None,
        by=newest.actor if newest is not None else "",
        cause=cause.partition("\n")[0],
        pods=_pods(workloads),
        line=run.line if run is not None and state == "rolling" and (cause or "\n") not in run.line else "",
        behind=behind if counted or not behind else -1,
        source=before.name if before is not None and behind else "",
        marks=tuple(_marks(here, service, holds)),
    )


def _state(
    here: EnvironmentFacts,
    newest: Entry | None,
    workloads: Sequence[Workload],
    run: Run | None,
    asked: bool,
) -> tuple[State, str]:
    """Return a cell's state and its cause: what is wrong comes first, then what is under way, then what is well."""
    ended = newest.state if newest is not None else ""
    under_way = newest is not None and ended not in ENDED
    broken = next((it for it in workloads if it.status == "failed"), None)
    if broken is not None and not (under_way and run is not None):
        return "failed", broken.cause
    if newest is not None and ended == "failed":
        return "failed", str(newest.cause)
    if newest is not None and (undone := _undone_by(here, newest)) is not None:
        return "rolled-back", undone
    if asked:
        return "waiting", "a plan waits for an approval"
    moving = next((it for it in workloads if it.status == "progressing"), None)
    if moving is not None or under_way:
        return "rolling", moving.cause if moving is not None else ""
    if here.workloads is None:
        return "unknown", "the cluster was not asked yet"
    if not workloads or any(it.status == "unknown" for it in workloads):
        return "unknown", next(
            (it.cause for it in workloads if it.cause), "the cluster has told nothing of it"
        )
    held = next((it for it in workloads if it.status == "applied"), None)
    if held is not None:
        return "held", held.cause
    return "live", ""


def _undone_by(here: EnvironmentFacts, newest: Entry) -> str | None:
    """Return why a release failed that the newest change rolls back by itself; None where it is no such rollback."""
    if newest.state == "rolled-back":
        return str(newest.cause) or "it failed"
    if not newest.reverts:
        return None
    failed = next((it for it in here.entries if it.commit == newest.reverts), None)
    return (str(failed.cause) if failed is not None else "") or newest.reason or "it failed"


def _live_since(changes: Sequence[tuple[Entry, Image]], images: tuple[Image, ...]) -> datetime | None:
    """Return since when the images that the repo names now have been live; None where they are not, or nobody knows."""
    digests = set(map(_key, images))
    found: datetime | None = None
    for entry, image in changes:
        if _key(image) not in digests:
            break
        came = [it.at for it in entry.outcomes if it.state == "live"]
        if came:
            found = min(came)
    return found


def _reason(changes: Sequence[tuple[Entry, Image]]) -> str:
    """Return why the image that is here was first brought; that it is promoted is no news."""
    image = changes[0][1] if changes else None
    found = [it.reason for it, brought in changes if brought == image and it.kind != "rollback"]
    return next((it for it in reversed(found) if it and not it.startswith("live in ")), "")


def _behind(images: tuple[Image, ...], service: str, before: EnvironmentFacts | None) -> tuple[int, bool]:
    """Return how many versions were live in the environment before since this one, and whether that is all of them."""
    there = before.images.get(service, ()) if before is not None else ()
    mine = set(map(_key, images))
    if before is None or not there or set(map(_key, there)) <= mine:
        return 0, True
    newer, found = _newer(before.history.get(service, ()), mine)
    count = len({_key(image) for _, image in newer})
    return (count, True) if found else (max(count, 1), False)


def between(here: EnvironmentFacts, before: EnvironmentFacts, service: str) -> tuple[Entry, ...]:
    """Return the releases of a service in the environment before since the version that is here, the newest first."""
    newer, _ = _newer(before.history.get(service, ()), set(map(_key, here.images.get(service, ()))))
    return tuple(entry for entry, _ in newer)


def _newer(history: Changes, mine: set[str]) -> tuple[list[tuple[Entry, Image]], bool]:
    """Return what was live there since one of these images, and whether that was found.

    What a rollback went back over does not count: it is not there any more.
    """
    newer: list[tuple[Entry, Image]] = []
    back_to = ""
    for entry, image in history:
        key = _key(image)
        if key in mine:
            return newer, True
        if back_to and key != back_to:
            continue
        back_to = key if entry.kind == "rollback" else ""
        if key and entry.kind != "rollback" and "live" in entry.states:
            newer.append((entry, image))
    return newer, False


def _key(image: Image) -> str:
    """Return what tells one image from another: its digest, or its text where it is pinned to none."""
    return image.digest or image.text


def _pods(workloads: Sequence[Workload]) -> str:
    wanted = sum(it.wanted for it in workloads)
    return f"{sum(it.ready for it in workloads)}/{wanted}" if wanted else ""


def _marks(here: EnvironmentFacts, service: str, holds: Holds) -> Iterable[Mark]:
    if (lock := holds.lock_on(here.name, service)) is not None:
        yield Mark("lock", "Locked", _told(lock.by, lock.why, lock.ends))
    for veto in holds.vetoes_on(here.name, service):
        tag = short_tag(f":{veto.tag}" if veto.tag else veto.digest)
        word = "held back" if veto.by_choice else "vetoed"
        yield Mark("veto", f"{tag} {word}", _told(veto.by, veto.why))
        break
    if service in here.drifted:
        yield Mark("drift", "Drift", "the cluster is not as the repo says")


def _told(by: str, why: str, ends: str = "") -> str:
    return ": ".join(it for it in ((f"by {by}" if by else "") + ends, why) if it).strip()
