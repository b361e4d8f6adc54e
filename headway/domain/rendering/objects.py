"""What is applied of a rendering: its objects, without what is left out, and what is refused of it."""

from __future__ import annotations

from dataclasses import replace

from headway.domain.manifests.image_fields import KNOWN, ImageFields
from headway.domain.manifests.index import FileIndex, Manifest, index_file
from headway.domain.objects.kept_fields import kept_in
from headway.domain.rendering.meaning import meaning
from headway.domain.rendering.unit import Unit
from headway.errors import Problem

NOT_FOUND = "{} renders this image: its place in the sources is looked for when it is to be changed"


def index_rendered(unit: Unit, raw: bytes, fields: ImageFields = KNOWN) -> FileIndex:
    """Return the index of a rendering. Its objects carry the unit's path; what is wrong is said of the unit's file.

    Of a unit with a problem nothing is left out in silence: who sees the problem prunes nothing.
    """
    found = index_file(raw, fields)
    kept: list[Manifest] = []
    problems = [unit.problem(f"what it renders to, line {it.line}: {it.message}") for it in found.problems]
    left: list[Problem] = []
    for manifest in found.manifests:
        what = meaning(manifest.object, unit.chart.hooks)
        name = f"{manifest.object['kind']} {manifest.object['metadata']['name']}"
        if what.action == "apply":
            own = kept_in(manifest.object, unit.chart.keep)
            kept.append(replace(manifest, path=unit.path, kept=own))
        elif what.action == "refuse":
            problems.append(unit.problem(f"{name}: {what.why}"))
        else:
            left.append(unit.problem(f"{name} is left out: {what.why}"))
    applied = {(it.object["kind"], it.object["metadata"]["name"]) for it in kept}
    images = tuple(
        replace(it, uses=uses, obstacle=NOT_FOUND.format(unit.entry))
        for it in found.images
        if (uses := tuple(use for use in it.uses if (use.kind, use.name) in applied))
    )
    doubts = tuple(unit.problem(it.message) for it in found.doubts)
    return FileIndex(
        unit.path,
        tuple(kept),
        images,
        tuple(problems),
        (),
        (*doubts, *left),
        rendered=unit.entry,
        values=tuple(
            replace(it, site=replace(it.site, obstacle=NOT_FOUND.format(unit.entry))) for it in found.values
        ),
    )


def failed_index(unit: Unit, problems: tuple[Problem, ...]) -> FileIndex:
    """Return the index of a unit that is not rendered."""
    return FileIndex(unit.path, problems=problems, rendered=unit.entry)
