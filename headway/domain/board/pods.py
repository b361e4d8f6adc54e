"""A pod as the drawer shows it: how it is in a word, and which of its containers has something to say."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from headway.domain.health.pods import is_leaving, is_ready

LINE, TEXT = 400, 16_000
"""Where a line is cut, and so many characters of a log's end are shown."""


@dataclass(frozen=True, slots=True)
class Pod:
    """One pod. `container` is the one whose log says most; `crashed` where its last run left that log.

    `began` is when it was made; None where that cannot be read.
    """

    name: str
    uid: str
    word: str
    ready: str
    restarts: int
    is_well: bool
    container: str = ""
    crashed: bool = False
    began: datetime | None = None
    message: str = ""


@dataclass(frozen=True, slots=True)
class PodShown:
    """A pod with what the cluster says of it; `log` is the tail of one container's, where it was asked for."""

    pod: Pod
    events: tuple[str, ...] = ()
    log: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class WorkloadPods:
    """The pods of one workload, those that are not well first; `more` are not shown. `problem` says why none is."""

    name: str
    pods: tuple[PodShown, ...] = ()
    more: int = 0
    problem: str = ""


def pod_of(item: Mapping[str, Any]) -> Pod:
    """Return how a pod is."""
    meta, status = item.get("metadata") or {}, item.get("status") or {}
    statuses = [*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())]
    main = status.get("containerStatuses") or ()
    restarts = sum(int(it.get("restartCount") or 0) for it in statuses)
    sick = next((it for it in statuses if _trouble(it)), None)
    word, message = _word(item, status, sick)
    wanted = len((item.get("spec") or {}).get("containers") or ())
    speaks: Mapping[str, Any] = sick or next(iter(main), {})
    return Pod(
        str(meta.get("name") or ""),
        str(meta.get("uid") or ""),
        word,
        f"{sum(bool(it.get('ready')) for it in main)}/{wanted}",
        restarts,
        (is_ready(item) and not is_leaving(item)) or status.get("phase") == "Succeeded",
        str(speaks.get("name") or ""),
        bool((speaks.get("state") or {}).get("waiting")) and int(speaks.get("restartCount") or 0) > 0,
        _time(meta.get("creationTimestamp")),
        message,
    )


def worst_first(pods: Iterable[Pod]) -> list[Pod]:
    """Return pods in order: those that are not well, and of them the newest, first."""
    newest = sorted(pods, key=lambda it: it.began.timestamp() if it.began else 0.0, reverse=True)
    return sorted(newest, key=lambda it: it.is_well)


def tail(lines: Sequence[str]) -> tuple[str, ...]:
    """Return the end of a log in bounds: long lines are cut, and what is too much before the end is left out."""
    found: list[str] = []
    left = TEXT
    for line in reversed(lines):
        cut = line if len(line) <= LINE else f"{line[:LINE]}…"
        left -= len(cut)
        if left < 0:
            break
        found.append(cut)
    return tuple(reversed(found))


def event_line(event: Mapping[str, Any]) -> str:
    """Return what an event says, in one line."""
    count = int(event.get("count") or (event.get("series") or {}).get("count") or 1)
    said = " ".join(str(event.get("message") or "").split())
    cut = said if len(said) <= LINE else f"{said[:LINE]}…"
    return f"{event.get('reason') or '?'}{f' ({count} times)' if count > 1 else ''}: {cut}"


def _word(
    item: Mapping[str, Any], status: Mapping[str, Any], sick: Mapping[str, Any] | None
) -> tuple[str, str]:
    if is_leaving(item):
        return "Terminating", ""
    if sick is not None:
        state = sick.get("state") or {}
        found = state.get("waiting") or state.get("terminated") or {}
        said = " ".join(str(found.get("message") or "").split())
        code = found.get("exitCode")
        reason = str(found.get("reason") or "")
        return reason or (f"Exit code {code}" if code is not None else "Not ready"), said[:LINE]
    phase = str(status.get("phase") or "Unknown")
    if phase == "Running" and not is_ready(item):
        return "Not ready", ""
    if phase == "Pending":
        unmet = (it for it in status.get("conditions") or () if it.get("status") == "False")
        why: Mapping[str, Any] = next(unmet, {})
        return "Pending", " ".join(str(why.get("message") or "").split())[:LINE]
    return str(status.get("reason") or phase), ""


def _trouble(status: Mapping[str, Any]) -> bool:
    state = status.get("state") or {}
    ended = state.get("terminated")
    if ended is not None:
        return bool(ended.get("exitCode"))
    waiting = state.get("waiting")
    return waiting is not None and waiting.get("reason") not in ("PodInitializing", "ContainerCreating")


def _time(text: object) -> datetime | None:
    try:
        found = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return found if found.tzinfo else None
