"""What an edit of a unit's sources does to what it renders: the wanted images, and nothing else.

A release may change images, and besides them what only tells people about them: a label or an annotation that
carries the tag, an annotation with a checksum. All else is an effect that nobody asked for.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from typing import Any

from headway.domain.manifests.image_sites import FIELD
from headway.domain.rendering.candidates import split
from headway.domain.rendering.containers import (
    ABSENT,
    Container,
    Difference,
    Item,
    containers,
    differences,
    identity,
)
from headway.domain.rendering.generated import renamed, with_names
from headway.errors import RefusedError

SHOWN = 20
"""So many effects are told one by one."""
_VALUE = 160
_METADATA: tuple[tuple[str, ...], ...] = (
    (),
    ("spec", "template"),
    ("spec", "jobTemplate"),
    ("spec", "jobTemplate", "spec", "template"),
    ("template",),
)
_CHECKSUM = re.compile(r"(?i)checksum|hash|sha256")
_ITEMS = re.compile(r"\[[^\]]*\]")
_HEX = re.compile(r"[0-9a-f]{8,}")
_LABEL = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?")


def unwanted(
    before: Iterable[Item],
    after: Iterable[Item],
    images: Collection[tuple[str, str]],
    fields: tuple[Iterable[Container], Iterable[Container]] = ((), ()),
) -> list[Difference]:
    """Return what differs between two renderings beyond the images that go from one value to another.

    A container that should have another image and kept its own is among them. `fields` are the other fields that say
    images, before and after. That a ConfigMap is named after its content is no difference by itself.
    """
    before, after = list(before), list(after)
    names = renamed(before, after)
    before = with_names(before, names)
    named, then = map(list, fields)
    moved = {*images}
    old = {one for one, _ in moved}
    places: dict[tuple[str, ...], set[str]] = {}
    for each in named:
        if each.image in old:
            _, kind, space, name = identity(each.item)
            own = names.get((space, name), name) if kind == "ConfigMap" else name
            places.setdefault((kind, space, own), set()).add(_keys(each.name))
    found = [
        it
        for it in differences(before, after)
        if not (_is_wanted(it, moved) or _is_in_field(it, places.get(identity(it.item)[1:], ()), moved))
    ]
    has = {(identity(it.item), it.field): it.image for it in (*containers(after), *then)}
    found += [
        Difference(it.item, it.field, it.image, it.image)
        for it in (*containers(before), *named)
        if it.image in old
        and has.get((identity(it.item), it.field)) in _spellings(it)
        and (it.image, it.image) not in moved
    ]
    return found


def _spellings(it: Container) -> tuple[str, ...]:
    """Return what an image is where it stays: of a field that says a tag alone, the record has the digest."""
    return (it.image, it.image.partition("@")[0]) if it.role == FIELD else (it.image,)


def refuse_unwanted(environment: str, found: list[Difference]) -> None:
    """Raise RefusedError that shows what a release would change besides its images, where there is anything."""
    if not found:
        return
    rows = [f"  {line}" for line in described(found[:SHOWN])]
    if len(found) > SHOWN:
        rows.append(f"  … and {len(found) - SHOWN} more")
    raise RefusedError(
        "\n".join(
            [f"{environment}: the release would change more than its images in what is rendered:", *rows]
        ),
        hint="give the image a tag of its own in the sources, which nothing else there uses",
    )


def described(found: Iterable[Difference]) -> Iterator[str]:
    """Yield a line for each difference: its object, its field, and the values before and after."""
    for it in found:
        where = f"{it.object}: {_path(it)}" if it.field else it.object
        if it.field and it.item.get("kind") == "Secret" and it.field[0] in ("data", "stringData"):
            yield f"{where}: another value, which is not shown"
            continue
        if it.before is it.after or it.before == it.after:
            yield f"{where}: {_text(it.before)} stays, and it should change"
        elif it.before is ABSENT:
            yield f"{where}: appears" + (f": {_text(it.after)}" if it.field else "")
        elif it.after is ABSENT:
            yield f"{where}: disappears" + (f": {_text(it.before)}" if it.field else "")
        else:
            yield f"{where}: {_text(it.before)} → {_text(it.after)}"


def _is_wanted(it: Difference, images: set[tuple[str, str]]) -> bool:
    if not (isinstance(it.before, str) and isinstance(it.after, str)):
        return False
    if it.field[-1:] == ("image",) and (it.before, it.after) in images:
        return True
    if len(it.field) < 3 or it.field[:-3] not in _METADATA or it.field[-3] != "metadata":
        return False
    key, kind = str(it.field[-1]), it.field[-2]
    if kind == "labels":
        return bool(_LABEL.fullmatch(it.after)) and _carries(it, images)
    checksum = _CHECKSUM.search(key) and _HEX.fullmatch(it.before) and _HEX.fullmatch(it.after)
    return kind == "annotations" and (bool(checksum) or _carries(it, images))


def _is_in_field(it: Difference, places: Collection[str], images: set[tuple[str, str]]) -> bool:
    """Return whether a text differs by an image alone, in a field that says one, or is the YAML that this is in."""
    if not (isinstance(it.before, str) and isinstance(it.after, str)):
        return False
    own = ".".join(step for step in it.field if isinstance(step, str))
    near = any(f"{own}.".startswith(f"{at}.") or f"{at}.".startswith(f"{own}.") for at in places)
    return near and _carries(it, images)


def _keys(place: str) -> str:
    """Return the path of a field without the items of its lists."""
    return ".".join(it for it in _ITEMS.sub("", place).replace('"', "").split(".") if not it.isdigit())


def _carries(it: Difference, images: set[tuple[str, str]]) -> bool:
    """Return whether a text differs only by an image, its tag or its digest."""
    for old, new in images:
        _, tag, digest = split(old)
        _, then, pinned = split(new)
        for one, other in (
            (old, new),
            (f"{tag}@{digest}", f"{then}@{pinned}"),
            (tag, f"{then}@{pinned}"),
            (tag, then),
            (digest, pinned),
        ):
            if one and _replaced(it.before, one, other) == it.after:
                return True
    return False


def _replaced(text: str, old: str, new: str) -> str:
    return re.sub(rf"(?<![\w.]){re.escape(old)}(?![\w.])", lambda _: new, text)


def _path(it: Difference) -> str:
    said = ""
    for step in it.field:
        if isinstance(step, int):
            said += f"[{step}]"
        else:
            said += ("." if said else "") + (step if re.fullmatch(r"[\w-]+", step) else f'"{step}"')
    return said


def _text(value: Any) -> str:
    said = value if isinstance(value, str) else repr(value)
    return said if len(said) <= _VALUE else said[: _VALUE - 1] + "…"
