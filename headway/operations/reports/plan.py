"""What a run tells about itself, as Markdown: what it is going to do, and what it found or built."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from headway.domain.images.reference import Image, ImageRef
from headway.domain.manifests.secret_diff import changed_lines
from headway.domain.releases.ledger import short_tag
from headway.domain.releases.rehearsal import counted
from headway.domain.text.markdown import blocks, code, fence, inline, prose, table
from headway.operations.metrics import duration
from headway.operations.reports.images import in_full

if TYPE_CHECKING:
    from headway.domain.objects.drift import Drift
    from headway.domain.releases.plans import Plan
    from headway.domain.releases.rehearsal import Rehearsal
    from headway.operations.builds import Built, ToBuild
    from headway.systems.cluster.proof import Proof
    from headway.systems.cluster.set_image import ImageSet

DIFF_LINES = 200
RENDERED = 50
"""So many fields are shown of what a plan changes in renderings."""
VALUE = 80
"""Where a field's value is cut, in characters."""
DRIFTS = 50
"""So many objects are shown that differ from the repo."""
OBJECTS, FIELDS = 30, 12
"""So many objects, and fields of one object, are shown of what a plan changes in the cluster."""
_ACTIONS = {
    "create": "create",
    "change": "change",
    "prune": "delete",
    "deleting": "wait for",
    "adopt": "take over",
}


def plan_report(
    plan: Plan,
    read: Callable[[str, str], bytes | None],
    asked: str = "",
    also: Mapping[str, bytes] | None = None,
    held: Iterable[str] = (),
    cluster: Rehearsal | None = None,
    warned: Iterable[str] = (),
) -> str:
    """Return the report of a plan: who asked, a table of services, what changes in the cluster, its commit's diff.

    `also` is what the commit changes besides the manifests, `held` what holds it back, `warned` what people should
    know of it.
    """
    name = inline(plan.environment)
    if not plan:
        return f"**{name}**: nothing to change; the config repo says so already.\n"
    rows = [(inline(it.service), *_from_to(it.old, it.new), inline(it.why)) for it in plan.changes]
    notes = [f"- held back: {inline(it)}" for it in held]
    notes += [f"- warning: {inline(it)}" for it in warned]
    notes += [f"- {inline(it)}" for it in plan.warnings]
    return blocks(
        [
            f"## Plan for {name}",
            asked,
            table(("service", "from", "to", "why"), rows),
            "\n".join(notes),
            f"Plan `{plan.fingerprint}`, worked out on `{plan.base[:9]}`.",
            cluster_report(cluster) if cluster is not None else "",
            in_full((it.service, it.new) for it in plan.changes),
            fence(plan_diff(plan, read, also or {}), "diff"),
            rendered_report(plan),
        ]
    )


def rendered_report(plan: Plan) -> str:
    """Return the report of what a plan changes in what is rendered, field by field; empty where nothing is."""
    if not plan.rendered:
        return ""
    more = len(plan.rendered) - RENDERED
    rows = [*plan.rendered[:RENDERED], *([f"… and {more} more"] if more > 0 else [])]
    return f"What is rendered changes so:\n\n{fence(rows, '')}"


def plan_diff(plan: Plan, read: Callable[[str, str], bytes | None], also: Mapping[str, bytes]) -> list[str]:
    """Return the unified diff that a plan's commit will have: at most 200 lines of it, and the names of the rest."""
    lines: list[str] = []
    beyond: list[str] = []
    for path, new in sorted({**plan.files, **also}.items()):
        old = read(plan.base, path) or b""
        lines += changed_lines(path, old, new, context=1)
        if len(lines) > DIFF_LINES:
            beyond.append(path)
    more = len(lines) - DIFF_LINES
    return lines[:DIFF_LINES] + ([f"… {more} more lines, of {', '.join(beyond)}"] if more > 0 else [])


def cluster_report(cluster: Rehearsal) -> str:
    """Return the report of a plan's dry run on the cluster: warnings first, then object by object."""
    lines = [f"- refused: {inline(it)}" for it in cluster.refusal.splitlines()]
    lines += [f"- warning: {inline(it)}" for it in cluster.warnings]
    lines += [f"- note: {inline(it)}" for it in cluster.notes]
    if cluster.unasked:
        lines.append(f"- {inline(cluster.unasked)}")
    rows: list[str] = []
    for it in cluster.changes[:OBJECTS]:
        rows.append(f"- {_ACTIONS[it.action]} {code(str(it.object))}")
        shown = it.fields if len(it.fields) <= FIELDS else it.fields[: FIELDS - 1]
        rows += [f"  - {code(path)}: {_value(live)} → {_value(wanted)}" for path, live, wanted in shown]
        if len(shown) < len(it.fields):
            rows.append(f"  - … and {len(it.fields) - len(shown)} more fields")
    if len(cluster.changes) > OBJECTS:
        rows.append(f"- … and {len(cluster.changes) - OBJECTS} more objects")
    said = counted(cluster.changes) or (
        "not known" if cluster.unasked or cluster.refused else "nothing changes"
    )
    return "\n".join([f"In the cluster: {said}.", "", *lines, *rows])


def asked_by(actor: str, reason: str) -> str:
    """Return who asked, and why."""
    return f"Requested by **{inline(actor)}**" + (f": {inline(reason)}" if reason else "") + "."


def builds_report(
    planned: Sequence[ToBuild],
    asked: str,
    running: Mapping[str, Sequence[Image]] | None = None,
    environment: str = "",
) -> str:
    """Return the report of what a build would make: of which commits, with which tags, what the registry has.

    `running` is what `environment`, which would get these images, has now: service → images.
    """
    columns = ["service", "commit", "image", ""]
    rows = [
        [
            inline(it.service),
            f"`{it.sha[:9]}`",
            code(short_tag(str(it.image))),
            "in the registry already" if it.there else "would be built and pushed",
        ]
        for it in planned
    ]
    if running is not None:
        columns.insert(2, "runs now")
        for row, it in zip(rows, planned, strict=True):
            row.insert(2, ", ".join(code(short_tag(image)) for image in running.get(it.service, ())))
    title = f"## Plan for {inline(environment)}: build, then release" if environment else "## Plan: build"
    full = in_full((it.service, str(it.image)) for it in planned)
    return blocks([title, asked, table(columns, rows), full])


def set_image_plan(
    image: ImageRef, namespace: str, found: Sequence[ImageSet], asked: str, warning: str
) -> str:
    """Return the report of which running containers would get an image."""
    rows = [
        (code(str(it.object)), code(it.container), *_from_to(Image(it.old), Image(it.new), "the same"))
        for it in found
    ]
    nothing = "" if rows else f"No workload there runs an image of {code(image.name)}."
    return blocks(
        [
            f"## Plan for namespace {inline(namespace)}",
            asked,
            f"Image: {code(str(image))}",
            table(("object", "container", "from", "to"), rows),
            in_full((f"{it.object} {it.container}, now", it.old) for it in found),
            nothing,
            f"The config repo is not changed: {prose(warning)}." if warning else "",
        ]
    )


def drift_report(name: str, drifts: list[Drift]) -> str:
    """Return the report of how a cluster differs from the repo, field by field."""
    if not drifts:
        return f"**{inline(name)}**: the cluster equals the repo.\n"
    # A list, since a table with two values in a row is cut off where it is shown.
    rows: list[str] = []
    for it in drifts[:DRIFTS]:
        rows.append(f"- {_ACTIONS.get(it.action, it.action)} {code(str(it.object))}")
        rows += [f"  - {code(path)}: {_value(live)} → {_value(wanted)}" for path, live, wanted in it.fields]
    if len(drifts) > DRIFTS:
        rows.append(f"- … and {len(drifts) - DRIFTS} more objects")
    how = "Each field as it is in the cluster → as it is in the repo:"
    return blocks([f"## Drift of {inline(name)}", how, "\n".join(rows)])


def proof_report(names: list[str], proofs: list[Proof], seconds: float) -> str:
    """Return the report of what was proven equal after a rebuild."""
    both = list(zip(names, proofs, strict=True))
    rows = [(inline(name), _proven(it), str(it.objects), str(it.pods)) for name, it in both]
    listed = [(name, it) for name, it in both if it.kept or not it.equal]
    wrong = "\n".join(f"- {inline(name)}: {inline(it.summary)}" for name, it in listed)
    columns = ("environment", "", "objects compared", "pods compared")
    return blocks([f"## Rebuilt in {duration(seconds)}", table(columns, rows), wrong])


def _proven(proof: Proof) -> str:
    if not proof.equal:
        return "**not equal**"
    return "equal, except for what others set" if proof.kept else "equal"


def build_report(built: list[Built]) -> str:
    """Return the report of the images there are now, and how long each took."""
    rows = [
        (
            inline(it.service),
            code(short_tag(str(it.image))),
            *(
                ("in the registry already", "")
                if it.skipped
                else (duration(it.built_in), duration(it.pushed_in))
            ),
        )
        for it in built
    ]
    full = in_full((it.service, str(it.image)) for it in built)
    return blocks(["## Images", table(("service", "image", "built in", "pushed in"), rows), full])


def _from_to(old: Image, new: Image, same: str = "") -> tuple[str, str]:
    """Shorten two images for a table; where a tag has come to mean another digest, that is shown."""
    left, right = short_tag(old), short_tag(new)
    if old == new and same:
        return code(left), same
    if left == right and old != new:
        left, right = (f"{tag}@{_digest(it)}" for tag, it in ((left, old), (right, new)))
    return code(left), code(right)


def _digest(image: Image) -> str:
    return (image.digest or "no digest").removeprefix("sha256:")[:12] if image.ref else "?"


def _value(value: object) -> str:
    if value is None:
        return "–"
    said = str(value)
    return code(said if len(said) <= VALUE else said[: VALUE - 1] + "…")


def _lines(data: bytes) -> list[str]:
    return data.decode("utf-8", "replace").splitlines()
