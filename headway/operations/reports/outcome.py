"""What a run tells when it has ended, as Markdown: how it went, how things are now, and what to do next."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from headway.domain.releases.message import short_tag
from headway.domain.text.markdown import blocks, code, fence, inline, prose, table
from headway.operations.metrics import duration
from headway.operations.reports.images import in_full

if TYPE_CHECKING:
    from headway.domain.health.verdict import Verdict
    from headway.domain.images.reference import ImageRef
    from headway.domain.objects.identity import ObjectId
    from headway.domain.releases.message import Triple
    from headway.errors import HeadwayError
    from headway.operations.result import Result, Timed
    from headway.systems.cluster.set_image import ImageSet

Page = Callable[[str], str]
"""Gives the address of a commit's page; empty where there is none."""
OBJECTS = 30
EXPLAINED = 3
"""How many failures are shown with logs and events; the others have their cause."""
COMMANDED = 8
_GROUPS = frozenset({"", "apps", "batch"})


def result_report(
    result: Result,
    page: Page,
    *,
    before: Sequence[Timed] = (),
    changes: Sequence[Triple] = (),
    context: str = "",
) -> str:
    """Return how it ended: what it brought, the objects, why it failed, what was done about it, the times.

    `changes` are those of its commit (service, from, to); `before` is what took time until it began.
    """
    back = f"`{result.back_to[:9]}`"
    headline = {
        "live": "live",
        "applied": "applied, not running",
        "unchanged": "nothing to change",
        "superseded": "superseded by a newer change",
        "failed": f"failed, and so did rolling back to {back}" if result.back_to else "failed",
        "rolled-back": f"failed, and rolled back to {back}",
    }[result.state]
    spent = "" if result.state == "unchanged" else f", {duration(result.seconds)}"
    out = [
        f"## {inline(result.environment)}: {headline}",
        f"Commit {_commit(result.commit, page)}{spent}.",
        *_cause(str(result.cause)),
        _undoing(result, page),
        _now(result.advice),
    ]
    if result.state != "unchanged":
        out.append(
            table(
                ("service", "image of this commit"),
                [(inline(it), code(short_tag(new))) for it, _, new in changes],
            )
        )
    out += [_objects(result), *_last_words(result.verdicts), *_last_words(result.back)]
    if result.state != "unchanged":
        out += [
            _commands(context, result.back or result.verdicts),
            _times([*before, *result.steps]),
            in_full((it, new) for it, _, new in changes),
        ]
    return blocks(out)


def unfinished_report(
    environment: str,
    error: HeadwayError,
    page: Page,
    *,
    before: Sequence[Timed] = (),
    now: str = "",
    failed: Sequence[Result] = (),
) -> str:
    """Return what is known of a run that broke off: why, how things are now as far as is known, and what to do next.

    `failed` is what had failed by then, and was not rolled back.
    """
    out = [f"## {inline(environment)}: unfinished", *_cause(error.message), _now(now)]
    if error.hint:
        out.append(f"**Next:** {_sentence(error.hint)}")
    for each in failed:
        out.append(f"Before that, {_commit(each.commit, page)} had failed and was to be rolled back.")
        out += [*_cause(str(each.cause)), _objects(each), *_last_words(each.verdicts)]
    return blocks([*out, _times([*before, *(step for each in failed for step in each.steps)])])


def set_image_report(
    image: ImageRef,
    changed: Sequence[ImageSet],
    verdicts: Sequence[Verdict],
    *,
    context: str = "",
    cause: str = "",
    advice: str = "",
    steps: Sequence[Timed] = (),
) -> str:
    """Return the report of how setting an image ended; `cause` says why it is not live, where it is not."""
    states = {it.workload: _state(it) for it in verdicts}
    rows = [
        (code(str(it.object)), code(it.container), code(short_tag(it.old)), states.get(it.object, ""))
        for it in changed
    ]
    return blocks(
        [
            f"## {code(str(image))}: {'not live' if cause else 'live'}",
            *_cause(cause),
            _now(advice),
            table(("object", "container", "image before", "now"), rows, OBJECTS),
            *_last_words(verdicts),
            _commands(context, verdicts),
            _times(steps),
            in_full((f"{it.object} {it.container}, before", it.old) for it in changed),
        ]
    )


def _commit(commit: str, page: Page) -> str:
    address = page(commit)
    return f"[`{commit[:9]}`]({address})" if address else f"`{commit[:9]}`"


def _cause(cause: str) -> list[str]:
    """Return a line for each thing that went wrong."""
    lines = [inline(it) for it in cause.splitlines() if it.strip()]
    if len(lines) < 2:
        return [f"**Cause:** {it}" for it in lines]
    return ["**Cause:**", "\n".join(f"- {it}" for it in lines)]


def _undoing(result: Result, page: Page) -> str:
    """Return what headway did about a failure."""
    if not result.back_by:
        return ""
    vetoed = (
        " Its `holds.yaml` vetoes what failed, so that automation does not bring it again."
        if result.vetoed
        else ""
        if result.cause.blames
        else " No image is vetoed: what failed says nothing about an image."
    )
    return (
        f"**What headway did:** commit {_commit(result.back_by, page)} puts the environment's folder back to what "
        f"it was at `{result.back_to[:9]}`, and the cluster followed it.{vetoed}"
        + "".join(f"\n- rolled back with it: {inline(it)}" for it in result.undone)
    )


def _now(said: str) -> str:
    return f"**Now:** {_sentence(said)}" if said else ""


def _sentence(said: str) -> str:
    return f"{prose(said).rstrip('.')}."


def _objects(result: Result) -> str:
    """Return what was touched or had to become live, and how each workload is."""
    applied = result.applied
    rows: dict[ObjectId, list[str]] = {}
    for it in result.verdicts:
        if it.changed or it.status == "failed":
            rows[it.workload] = ["", _state(it)]
    if applied is not None:
        named = (("created", applied.created), ("changed", applied.changed), ("pruned", applied.pruned))
        for word, keys in named:
            for key in keys:
                rows.setdefault(key, ["", ""])[0] = word
    columns = ["object", "", "state"]
    if result.back:
        after = {it.workload: _state(it) for it in result.back}
        columns[2:] = ["state at the failure", "after the rollback"]
        for key, row in rows.items():
            row.append(after.get(key, ""))
    return table(columns, [(code(str(key)), *row) for key, row in rows.items()], OBJECTS)


def _state(verdict: Verdict) -> str:
    """Return how a workload is, in a few words; the cause is told whole elsewhere."""
    said = verdict.cause.code if verdict.status == "failed" else verdict.cause.text
    return verdict.status + (f": {inline(said)}" if said else "")


def _last_words(verdicts: Iterable[Verdict]) -> list[str]:
    """Return what the cluster and the container said of those that failed."""
    lines: list[str] = []
    for it in [it for it in verdicts if it.status == "failed" and (it.logs or it.events)][:EXPLAINED]:
        name = code(it.cause.pod or str(it.workload))
        if it.events:
            lines += [f"Events of {name}:", fence(it.events)]
        if it.logs:
            lines += [f"Last log lines of {name}:", fence(it.logs)]
    return lines


def _commands(context: str, verdicts: Iterable[Verdict]) -> str:
    """Return the commands that show the workloads, and the pods that failed."""
    asked: dict[tuple[str, str], dict[str, None]] = {}
    for it in verdicts:
        if it.changed or it.status == "failed":
            words = asked.setdefault((it.workload.namespace, "get"), {})
            if len(words) < COMMANDED:
                words[_kubectl_name(it.workload)] = None
            if it.status == "failed" and it.cause.pod:
                asked.setdefault((it.workload.namespace, "describe"), {})[f"pod/{it.cause.pod}"] = None
    place = ["--context", context] if context else []
    lines = [
        shlex.join(["kubectl", *place, *(["--namespace", space] if space else []), verb, *words])
        for (space, verb), words in asked.items()
    ]
    return fence(lines, "sh") if lines else ""


def _kubectl_name(identity: ObjectId) -> str:
    kind = identity.kind.lower()
    return f"{kind if identity.group in _GROUPS else f'{kind}.{identity.group}'}/{identity.name}"


def _times(steps: Sequence[Timed]) -> str:
    return table(("step", "took"), [(inline(name), duration(seconds)) for name, seconds in steps])
