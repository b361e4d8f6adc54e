"""What a run tells about itself, as Markdown: the plan before, the outcome after."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from typing import TYPE_CHECKING

from headway.domain.history import short_tag

if TYPE_CHECKING:
    from headway.arrival import Arrival
    from headway.domain.drift import Drift
    from headway.domain.plans import Plan
    from headway.systems.builds import Built
    from headway.systems.proof import Proof

DIFF_LINES = 200


def plan_report(plan: Plan, read: Callable[[str, str], bytes | None], asked: str = "") -> str:
    """Tell what a plan changes: who asked, a table of services, and the diff of the files."""
    if not plan:
        return f"**{plan.environment}**: nothing to change; the config repo says so already."
    rows = "\n".join(
        f"| {it.service} | `{short_tag(it.old)}` | `{short_tag(it.new)}` | {it.why} |" for it in plan.changes
    )
    warnings = "".join(f"\n> left out: {warning}" for warning in plan.warnings)
    return (
        f"## Plan for {plan.environment}\n\n{asked}\n\n"
        f"| service | from | to | why |\n|---|---|---|---|\n{rows}\n{warnings}\n"
        f"Plan `{plan.fingerprint}`, worked out on `{plan.base[:9]}`.\n\n```diff\n{plan_diff(plan, read)}```\n"
    )


def plan_diff(plan: Plan, read: Callable[[str, str], bytes | None]) -> str:
    """Give the unified diff that a plan's commit will have, at most 200 lines of it."""
    lines: list[str] = []
    for path, new in sorted(plan.files.items()):
        old = read(plan.base, path) or b""
        lines += difflib.unified_diff(_lines(old), _lines(new), f"a/{path}", f"b/{path}", n=1)
    text = "".join(line if line.endswith("\n") else line + "\n" for line in lines[:DIFF_LINES])
    return text + (f"… {len(lines) - DIFF_LINES} more lines\n" if len(lines) > DIFF_LINES else "")


def asked_by(actor: str, reason: str) -> str:
    """Say who asked, and why."""
    return f"Asked for by **{actor}**" + (f": {reason}" if reason else "") + "."


def arrival_report(arrival: Arrival, page: str = "") -> str:
    """Tell how a journey ended: state, the time of each step, what was touched, and why it failed."""
    headline = {
        "live": "live",
        "unchanged": "already equal to the repo",
        "superseded": "superseded by a newer change",
        "failed": "failed",
        "rolled-back": f"failed, and taken back to `{arrival.back_to[:9]}`",
    }[arrival.state]
    out = [
        f"## {arrival.environment}: {headline}",
        f"Commit {f'[`{arrival.commit[:9]}`]({page})' if page else f'`{arrival.commit[:9]}`'}, "
        f"{arrival.seconds:.1f} s" + "".join(f", {name} {took:.1f} s" for name, took in arrival.steps) + ".",
    ]
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


def drift_report(name: str, drifts: list[Drift]) -> str:
    """Tell how a cluster differs from the repo, field by field."""
    if not drifts:
        return f"**{name}**: the cluster equals the repo."
    rows = "".join(
        f"\n| {it.object} | {it.action} | {path} | `{live}` | `{wanted}` |"
        for it in drifts
        for path, live, wanted in it.fields
    )
    rows += "".join(f"\n| {it.object} | {it.action} | | | |" for it in drifts if not it.fields)
    return f"## Drift of {name}\n\n| object | | field | in the cluster | in the repo |\n|---|---|---|---|---|{rows}\n"


def proof_report(names: list[str], proofs: list[Proof], seconds: float) -> str:
    """Tell what was proven equal after a rebuild."""
    rows = "".join(
        f"\n| {name} | {'equal' if it.equal else '**not equal**'} | {it.objects} | {it.pods} |"
        for name, it in zip(names, proofs, strict=True)
    )
    wrong = "".join(
        f"\n- {name}: {it.summary}" for name, it in zip(names, proofs, strict=True) if not it.equal
    )
    return (
        f"## Rebuilt in {seconds:.1f} s\n\n"
        f"| environment | | objects compared | pods compared |\n|---|---|---|---|{rows}\n{wrong}\n"
    )


def build_report(built: list[Built]) -> str:
    """Tell which images there are now."""
    rows = "".join(
        f"\n| {it.service} | `{it.image}` | {'in the registry already' if it.skipped else 'built and pushed'} |"
        for it in built
    )
    return f"## Images\n\n| service | image | |\n|---|---|---|{rows}\n"
