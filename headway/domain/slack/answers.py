"""What the commands that only look answer: the state of the environments, why something runs, and the help."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from headway.domain.board.times import duration
from headway.domain.board.values import Cell, Grid, Head
from headway.domain.notifications.slack_blocks import escaped
from headway.domain.slack.views import lines, sentence

_SIGNS = {
    "failed": ":x:",
    "rolled-back": ":leftwards_arrow_with_hook:",
    "waiting": ":raised_hand:",
    "rolling": ":hourglass_flowing_sand:",
    "held": ":double_vertical_bar:",
    "unknown": ":grey_question:",
    "live": ":white_check_mark:",
}
SERVICES = 30
HELP = (
    "`/headway status [ENV]`  what runs where, and how it is",
    "`/headway why ENV SERVICE`  who brought what runs there, and what comes next",
    "`/headway promote ENV [SERVICE…]`  show what would be promoted, and do it when you confirm",
    "`/headway rollback ENV`  show what would be rolled back, and do it when you confirm",
    "`/headway help`  this",
)


def help_message(typed: str) -> dict[str, Any]:
    """Return what can be typed; with what was typed instead, where it is none of these."""
    unknown = typed.strip() and typed.strip().lower() != "help"
    first = [f"This is no command of headway's: {escaped(typed, 200)}"] if unknown else []
    return lines([*first, *HELP])


def status_message(grid: Grid, environment: str, now: datetime) -> dict[str, Any]:
    """Return how the environments are, or each service of one; only what `grid` has is said."""
    heads = [it for it in grid.heads if environment in ("", it.environment)]
    if not heads:
        names = ", ".join(it.environment for it in grid.heads)
        return sentence(
            f"There is no environment {environment} that you may see.", f"There is {names or 'none'}."
        )
    if not environment:
        return lines([_head(it, now) for it in heads] + _sources(grid))
    cells = sorted(
        (it for it in grid.cells() if it.environment == environment and it.state != "absent"),
        key=lambda it: (it.rank, it.service),
    )
    more = [f"… and {len(cells) - SERVICES} more"] if len(cells) > SERVICES else []
    return lines([_head(heads[0], now), *(_cell(it, now) for it in cells[:SERVICES]), *more, *_sources(grid)])


def why_message(environment: str, service: str, facts: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """Return why a service runs what it runs: a line for each fact."""
    rows = (f"*{escaped(name, 40)}*  {escaped(text, 400)}" for name, text in facts)
    return lines(rows, f"{service} in {environment}")


def _head(head: Head, now: datetime) -> str:
    last = head.last
    said = f"{_SIGNS.get(head.state, '')} *{escaped(head.environment, 80)}*  {escaped(head.word, 200)}"
    if last is not None:
        said += f", {escaped(last.what, 100)} by {escaped(last.who, 80)} {duration(now - last.when)} ago"
    for question in head.questions:
        said += f"\n      :raised_hand: waits for approval: {escaped(question.what, 150)}"
    return said + "".join(f"\n      :warning: {escaped(it, 200)}" for it in head.problems[:3])


def _cell(cell: Cell, now: datetime) -> str:
    said = f"{_SIGNS.get(cell.state, '')} {escaped(cell.service, 80)}  `{escaped(cell.version.replace('`', ''), 80)}`"
    said += f"  {cell.word.lower()}" if cell.state != "live" else ""
    said += f" for {duration(now - cell.since)}" if cell.since is not None and cell.state == "live" else ""
    said += f", {escaped(cell.cause, 200)}" if cell.cause else ""
    return said + "".join(f", {escaped(it.word, 40)}" for it in cell.marks)


def _sources(grid: Grid) -> list[str]:
    return [f":warning: {escaped(it.name, 60)}: {escaped(it.error, 200)}" for it in grid.sources if it.error]
