"""What a run tells about itself, as Markdown: the plan before, the outcome after."""

from __future__ import annotations

import difflib
from collections.abc import Callable

from headway.arrival import Arrival
from headway.domain.images import short_image
from headway.domain.plans import Plan

DIFF_LINES = 200


def plan_report(plan: Plan, read: Callable[[str, str], bytes | None]) -> str:
    """Tell what a plan changes: a table of services, and the diff of the files."""
    if not plan:
        return f"**{plan.environment}**: nothing to change; the config repo says so already."
    rows = "\n".join(
        f"| {it.service} | `{short_image(it.old)}` | `{short_image(it.new)}` | {it.why} |" for it in plan.changes
    )
    warnings = "".join(f"\n> left out: {warning}" for warning in plan.warnings)
    return (
        f"## Plan for {plan.environment}\n\n"
        f"| service | from | to | why |\n|---|---|---|---|\n{rows}\n{warnings}\n"
        f"Worked out on `{plan.base[:9]}`.\n\n```diff\n{plan_diff(plan, read)}```\n"
    )


def plan_diff(plan: Plan, read: Callable[[str, str], bytes | None]) -> str:
    """Give the unified diff that a plan's commit will have, at most 200 lines of it."""
    lines: list[str] = []
    for path, new in sorted(plan.files.items()):
        old = read(plan.base, path) or b""
        lines += difflib.unified_diff(_lines(old), _lines(new), f"a/{path}", f"b/{path}", n=1)
    text = "".join(line if line.endswith("\n") else line + "\n" for line in lines[:DIFF_LINES])
    return text + (f"… {len(lines) - DIFF_LINES} more lines\n" if len(lines) > DIFF_LINES else "")


def arrival_report(arrival: Arrival) -> str:
    """Tell how a journey ended: state, time, what was touched, and why it failed."""
    headline = {
        "live": "live",
        "unchanged": "already equal to the repo",
        "superseded": "superseded by a newer change",
        "failed": "failed",
        "rolled-back": f"failed, and taken back to `{arrival.back_to[:9]}`",
    }[arrival.state]
    out = [f"## {arrival.environment}: {headline}", f"Commit `{arrival.commit[:9]}`, {arrival.seconds:.1f} s."]
    if arrival.applied is not None and arrival.applied.touched:
        out.append("| object | |\n|---|---|")
        out[-1] += "".join(
            f"\n| {key} | {word} |"
            for word, keys in (
                ("created", arrival.applied.created),
                ("changed", arrival.applied.changed),
                ("pruned", arrival.applied.pruned),
            )
            for key in keys
        )
    if arrival.diagnosis:
        out.append(f"**Cause:** {arrival.diagnosis}")
    for verdict in arrival.verdicts:
        if verdict.status == "failed" and verdict.logs:
            out.append(f"Last log lines of {verdict.pod}:\n```\n" + "\n".join(verdict.logs) + "\n```")
    return "\n\n".join(out) + "\n"


def _lines(data: bytes) -> list[str]:
    return data.decode("utf-8", "replace").splitlines(keepends=True)
