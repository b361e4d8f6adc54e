"""The log of a run as lines that are replaced in place: one for each workload that rolls out and each image.

It is read from the log's own lines, since those are all that a run on a Prefect server gives. A line that is none of
these stays a line of the log.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from headway.domain.text.document import Line, Span
from headway.domain.text.widths import clipped, columns_of, padded

QUIET = 2.0
"""Seconds without a line after which the last one is shown with the time since."""
NAME, LEAST = 30, 8
"""Where a name is cut, in columns, and how much of it is there on any terminal."""

_WORKLOAD = re.compile(
    r"(?:(?P<space>[a-z0-9-]+) )?(?P<kind>[A-Z]\w*)/(?P<name>[^\s:/]+)(?P<rest>: .+| is .+)", re.S
)
_VERDICT = re.compile(r" is (failed|live|applied, not running)\b", re.S)
_SET = re.compile(r": container \S+: .* -> ", re.S)
_PODS = re.compile(
    r"(\d+) of (\d+) (?:new )?pods are (?:of the )?(new and ready|new version|ready|new)(?:; )?"
)
_ENDS = (
    "live",
    "complete",
    "succeeded",
    "done, and gone",
    "up;",
    "applied;",
    "no replicas",
    "suspended",
    "paused:",
)
_BUILD = re.compile(r"(?P<service>[^\s|]+) \| (?P<text>.*)", re.S)
_STEP = re.compile(r"Step (\d+)/(\d+) : ")
_PUSHED = re.compile(r"pushed ([\d.]+ of [\d.]+ MB) \((\d+) %\)")


@dataclass(frozen=True, slots=True)
class Told:
    """What a line says of one workload or image; `count` is how far it is, `ended` that this is its end."""

    key: str
    name: str
    count: str
    text: str
    ended: bool = False


@dataclass(frozen=True, slots=True)
class Going:
    """A workload or an image that is on its way, since a monotonic time."""

    key: str
    name: str
    since: float
    count: str = ""
    text: str = ""


def told(line: str) -> Told | None:
    """Read a line of the log; None for one that is of no workload and no image."""
    if (build := _BUILD.fullmatch(line)) is not None:
        key, text = build["service"], build["text"].strip()
        if step := _STEP.match(text):
            return Told(key, key, f"step {step[1]}/{step[2]}", text[step.end() :])
        if pushed := _PUSHED.fullmatch(text):
            return Told(key, key, f"{pushed[2]} %", f"pushed {pushed[1]}")
        return Told(key, key, "", text)
    found = _WORKLOAD.fullmatch(line)
    if found is None or _SET.match(found["rest"]):
        return None
    key = line[: found.start("rest")]
    if found["rest"].startswith(" is "):
        return Told(key, found["name"], "", line, ended=True) if _VERDICT.match(found["rest"]) else None
    text = found["rest"].removeprefix(": ")
    if pods := _PODS.match(text):
        what = "ready" if "ready" in pods[3] else "new"
        return Told(key, found["name"], f"{pods[1]}/{pods[2]} {what}", text[pods.end() :])
    return Told(key, found["name"], "", text, ended=text.startswith(_ENDS))


@dataclass(frozen=True, slots=True)
class Progress:
    """What is on its way, and the last line of the log with the time at which it came."""

    going: tuple[Going, ...] = ()
    last: str = ""
    at: float = 0.0

    def take(self, line: str, now: float) -> tuple[Progress, tuple[Line, ...]]:
        """Take a line of the log in; also return the lines that it makes part of the log for good."""
        known = {it.key: it for it in self.going}
        said = told(line)
        if said is None:
            # What an image is called in the end comes behind its service's name.
            ended, _, rest = line.partition(": ")
            kept = tuple(it for it in self.going if it.key != ended or not rest)
            return replace(self, going=kept, last=line, at=now), ((Span(line),),)
        before = known.get(said.key) or Going(said.key, said.name, now)
        after = replace(before, count=said.count or before.count, text=said.text)
        if not said.ended:
            going = tuple({**known, said.key: after}.values())
            return replace(self, going=going, last=line, at=now), ()
        kept = tuple(it for it in self.going if it.key != said.key)
        if said.text == line:
            return replace(self, going=kept, last=line, at=now), ((Span(line, _look(line)),),)
        _, slash, rest = after.count.partition("/")
        total = rest.partition(" ")[0]
        done = replace(after, count=f"{total}/{total} ready") if slash and said.text == "live" else after
        return replace(self, going=kept, last=line, at=now), (_row(done, now, 0, 0),)

    def rows(self, now: float, width: int, most: int) -> tuple[Line, ...]:
        """Return the lines in place, `most` of them at most; no one is wider than `width`."""
        if not self.going:
            if not self.last or now - self.at < QUIET:
                return ()
            text = f"{lasted(now - self.at)}  {' '.join(self.last.split())}"
            return (_fitted((Span(f"… {text}", "dim"),), width),)
        shown = self._named(max(LEAST, width // 3))[: most if len(self.going) <= most else most - 1]
        names = max(columns_of(it.name) for it in shown)
        counts = max(columns_of(it.count) for it in shown)
        rows = [_fitted(_row(it, now, names, counts), width) for it in shown]
        if more := len(self.going) - len(shown):
            rows.append(_fitted((Span(f"… and {more} more", "dim"),), width))
        return tuple(rows)

    def end(self, now: float) -> tuple[Line, ...]:
        """Return the lines that stay of what was still on its way when everything ended."""
        return tuple(_row(it, now, 0, 0) for it in self._named(NAME))

    def _named(self, width: int) -> list[Going]:
        """Return what goes on, under names that tell one from the other; longer ones are cut."""
        names: Sequence[str] = [it.name for it in self.going]
        return [
            replace(it, name=clipped(it.name if names.count(it.name) == 1 else it.key, min(width, NAME)))
            for it in self.going
        ]


def lasted(seconds: float) -> str:
    """Write how long something has lasted, in whole seconds: 12s, 2m 5s, 1h 3m."""
    whole = int(seconds)
    if whole < 60:
        return f"{whole}s"
    minutes, rest = divmod(whole, 60)
    return f"{minutes}m {rest}s" if minutes < 60 else f"{minutes // 60}h {minutes % 60}m"


def _row(it: Going, now: float, names: int, counts: int) -> Line:
    text = " ".join(it.text.split())
    return (
        Span(padded(it.name, names), "bold"),
        *([Span("  " + padded(it.count, counts), "cyan")] if counts or it.count else []),
        Span(f"  {lasted(now - it.since):>4}", "dim"),
        *([Span(f"  {text}", _look(text))] if text else []),
    )


def _look(text: str) -> str:
    if " is failed" in text:
        return "red"
    return "green" if text == "live" or " is live" in text else ""


def _fitted(line: Line, width: int) -> Line:
    """Cut a line where the width ends."""
    made: list[Span] = []
    for each in line:
        if columns_of(each.text) > width:
            return (*made, replace(each, text=clipped(each.text, width)))
        made.append(each)
        width -= columns_of(each.text)
    return tuple(made)
