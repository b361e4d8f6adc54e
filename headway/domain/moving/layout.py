"""Which environments a repo has, and which applications, by its folders and by what its tools deploy.

A folder is an environment's where its name, or the name of its values file, says so (`overlays/staging`,
`values-prod.yaml`); a tool that deploys a folder says its namespace, and may be what names it. Folders whose
names say nothing are environments of their own where they hold the same objects, and one otherwise.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace

from headway.domain.moving.documents import is_below, parent
from headway.domain.moving.found import Found, Place, Pointer, Unit
from headway.domain.moving.names import GENERIC, name_of, rank_of
from headway.domain.objects.identity import ObjectId

ONLY = "main"
"""The name of an environment where the repo has no word for it."""


@dataclass(frozen=True, slots=True)
class Slot:
    """A folder that becomes an environment: its units, and the object that deploys it, if there is one.

    `word` is the folder or values file that names it, `root` the folder of its application.
    """

    word: str
    root: str
    path: str
    units: tuple[Unit, ...]
    pointer: Pointer | None = None
    values: tuple[str, ...] = ()

    @property
    def chart(self) -> bool:
        """Return whether the folder itself is a chart."""
        return len(self.units) == 1 and self.units[0].kind == "chart" and self.units[0].path == self.path

    @property
    def reads(self) -> frozenset[str]:
        """Every file that it is made from."""
        return frozenset().union(*(it.reads for it in self.units))


@dataclass(frozen=True, slots=True)
class Group:
    """The environments of one application, which lies in the folder `root`."""

    root: str
    slots: tuple[Slot, ...]


def groups_of(found: Found) -> list[Group]:
    """Return the applications with their environments; what fits nowhere is left out by name."""
    pointed, rest = _pointed(found)
    named = [it for it in (*pointed, *map(_by_path, rest)) if it.word]
    named, unnamed = _beside(named, [it for it in (*pointed, *map(_by_path, rest)) if not it.word])
    groups: dict[str, list[Slot]] = {}
    for slot in _apart_from_others(_joined(named), found):
        groups.setdefault(slot.root, []).append(slot)
    if unnamed:
        top = common([it.path for it in unnamed])
        if any(is_below(root, top) or is_below(top, root) for root in groups):
            for slot in unnamed:
                found.leave(
                    slot.units[0].place,
                    f"{slot.path or '.'} has images, but its name is no environment's: if it is one, add it to "
                    "`environments` by hand",
                )
        else:
            groups[_application(top)] = _without_names(unnamed, top)
    return [Group(root, tuple(_in_order(slots))) for root, slots in sorted(groups.items())]


def _beside(named: list[Slot], unnamed: list[Slot]) -> tuple[list[Slot], list[Slot]]:
    """Take a folder for an environment's, whatever its name, that is beside one and holds the same objects."""
    objects: dict[tuple[str, str], set[ObjectId]] = {}
    for slot in named:
        held = objects.setdefault((slot.root, parent(slot.path)), set())
        held |= {it.placed("") for unit in slot.units for it in unit.objects}
    rest: list[Slot] = []
    for slot in unnamed:
        own = {it.placed("") for unit in slot.units for it in unit.objects}
        beside = [
            (root, above)
            for (root, above), held in objects.items()
            if slot.path != above and is_below(slot.path, above) and own & held
        ]
        if not beside:
            rest.append(slot)
            continue
        root, above = beside[0]
        word = slot.path.removeprefix(above).strip("/").partition("/")[0]
        named = [*named, replace(slot, word=word, root=root, path=f"{above}/{word}".lstrip("/"))]
    return named, rest


def _pointed(found: Found) -> tuple[list[Slot], list[Unit]]:
    """Return what objects of tools deploy, the innermost folder first, and the units that none does."""
    left = list(found.units)
    slots: list[Slot] = []
    taken: set[int] = set()
    for pointer in sorted(found.pointers, key=lambda it: (-it.path.count("/"), -len(it.path), it.place)):
        same = [it for it in found.units if it.path == pointer.path and it.kind == "chart"]
        if same:
            unit = next((it for it in same if it.values and set(it.values) <= set(pointer.values)), None)
            chosen = replace(unit or same[0], values=pointer.values)
            if unit is None:
                own = {path for it in same for path in it.values}
                chosen = replace(chosen, reads=(chosen.reads - own) | set(pointer.values), environment="")
            taken |= {id(it) for it in same if not it.values or set(it.values) <= set(pointer.values)}
            word = chosen.environment or _word(pointer.name) or _word(pointer.namespace)
            slots.append(
                Slot(
                    word, _application(pointer.path), pointer.path, (chosen,), pointer, values=pointer.values
                )
            )
            continue
        units = [it for it in found.units if is_below(it.path, pointer.path)]
        mine = tuple(it for it in units if id(it) not in taken)
        again = tuple(units) if not mine and any(it.path == pointer.path for it in slots) else ()
        if not (mine or again):
            continue
        taken |= {id(it) for it in mine}
        slots.append(_named(Slot("", "", pointer.path, mine or again, pointer)))
    return slots, [it for it in left if id(it) not in taken]


def _named(slot: Slot) -> Slot:
    """Return a slot with the word for it in its path, or else in the name of what deploys it."""
    word, root, path = split(slot.path)
    if word:
        return replace(slot, word=word, root=root, path=path if path == slot.path else slot.path)
    pointer = slot.pointer
    word = (_word(pointer.name) or _word(pointer.namespace)) if pointer else ""
    return replace(slot, word=word, root=_application(slot.path))


def _by_path(unit: Unit) -> Slot:
    if unit.environment:
        return Slot(unit.environment, _application(unit.path), unit.path, (unit,), values=unit.values)
    word, root, path = split(unit.path)
    if not word:
        return Slot("", _application(unit.path), unit.path, (unit,), values=unit.values)
    return Slot(word, root, path, (unit,), values=unit.values)


def split(path: str) -> tuple[str, str, str]:
    """Return the part of a path that names an environment, the folder of its application, and its own folder."""
    parts = path.split("/") if path else []
    for number, part in enumerate(parts):
        if rank_of(part) is not None:
            return part, _application("/".join(parts[:number])), "/".join(parts[: number + 1])
    return "", "", path


def _word(text: str) -> str:
    """Return a name that holds a word for an environment; empty for another one."""
    if rank_of(text) is not None:
        parts = text.replace("_", "-").split("-")
        return next((it for it in reversed(parts) if rank_of(it) is not None), text)
    return ""


def _application(path: str) -> str:
    """Return a path without the folders at its end that only say how a thing is deployed."""
    while path and path.rpartition("/")[2].lower() in GENERIC:
        path = parent(path)
    return path


def common(paths: Iterable[str]) -> str:
    """Return the deepest folder that all paths are in, or are."""
    split_paths = [it.split("/") if it else [] for it in paths]
    parts: list[str] = []
    for level in zip(*split_paths, strict=False):
        if len(set(level)) != 1:
            break
        parts.append(level[0])
    return "/".join(parts)


def _joined(slots: list[Slot]) -> list[Slot]:
    """Return one slot for each environment's folder, but where it holds the same objects twice."""
    by_folder: dict[tuple[str, str, tuple[str, ...], str], list[Slot]] = {}
    for slot in slots:
        by = slot.pointer.by if slot.pointer and slot.chart else ""
        by_folder.setdefault((slot.root, slot.path, slot.values, by), []).append(slot)
    made: list[Slot] = []
    for (root, path, values, _), same in by_folder.items():
        units = tuple({id(unit): unit for it in same for unit in it.units}.values())
        pointer = next((it.pointer for it in same if it.pointer is not None), None)
        whole = Slot(same[0].word, root, path, units, pointer, values)
        made += _apart(whole) if _twice(units) else [whole]
    return made


def _apart_from_others(slots: list[Slot], found: Found) -> list[Slot]:
    """Return slots of which none is inside another one: what is belongs to the outer one."""
    kept: list[Slot] = []
    for slot in sorted(slots, key=lambda it: (it.path.count("/"), it.path)):
        outer = next((it for it in kept if not it.chart and is_below(slot.path, it.path)), None)
        if outer is None:
            kept.append(slot)
        elif outer.word == slot.word or slot.path == outer.path:
            units = {id(it): it for it in (*outer.units, *slot.units)}
            kept[kept.index(outer)] = replace(outer, units=tuple(units.values()))
        else:
            said = f"{slot.path} is inside {outer.path}, and an environment is not inside another one"
            found.leave(slot.units[0].place, said)
    return kept


def _twice(units: Iterable[Unit]) -> bool:
    counted = Counter(it for unit in units for it in unit.objects)
    return any(number > 1 for number in counted.values())


def _apart(slot: Slot) -> list[Slot]:
    """Return a slot for each folder below one that holds the same objects several times."""
    below: dict[str, list[Unit]] = {}
    for unit in slot.units:
        step = unit.path.removeprefix(slot.path).strip("/").partition("/")[0]
        below.setdefault(step, []).append(unit)
    if "" in below or len(below) < 2:
        return [slot]
    return [
        Slot(f"{slot.word}-{step}", slot.root, f"{slot.path}/{step}".lstrip("/"), tuple(units), slot.pointer)
        for step, units in below.items()
    ]


def _without_names(slots: list[Slot], top: str) -> list[Slot]:
    """Return the environments of folders whose names say nothing."""
    units = tuple({id(unit): unit for it in slots for unit in it.units}.values())
    pointers = [it.pointer for it in slots if it.pointer is not None]
    if len(slots) > 1 and not any(it.chart for it in slots):
        unplaced = [replace(it, objects=frozenset(each.placed("") for each in it.objects)) for it in units]
        whole = Slot("", _application(top), top, units)
        if _twice(unplaced) and len(apart := _apart(whole)) > 1:
            return [replace(it, word=it.word.strip("-"), pointer=_of(it.path, pointers)) for it in apart]
        return [replace(whole, word=ONLY, pointer=pointers[0] if len(slots) == 1 else None)]
    if len(slots) == 1:
        return [replace(slots[0], word=ONLY, root=_application(top))]
    return [
        replace(
            it,
            word=it.pointer.name if it.pointer else it.path.rpartition("/")[2] or ONLY,
            root=_application(top),
        )
        for it in slots
    ]


def _of(path: str, pointers: Iterable[Pointer]) -> Pointer | None:
    return next((it for it in pointers if it.path == path), None)


def _in_order(slots: list[Slot]) -> list[Slot]:
    """Return environments in the order of promotion, each with a name of its own."""
    ordered = sorted(slots, key=lambda it: (_rank(it.word), it.word.lower(), it.path))
    used: set[str] = set()
    named = []
    for slot in ordered:
        name = name_of(slot.word, ONLY)
        if name in used and slot.pointer is not None:
            name = name_of(slot.pointer.name)
        if name in used:
            name = name_of("-".join(slot.path.split("/")[-2:]), ONLY)
        count, first = 2, name
        while name in used:
            name, count = f"{first}-{count}", count + 1
        used.add(name)
        named.append(replace(slot, word=name))
    return named


def _rank(word: str) -> int:
    found = rank_of(word)
    return found if found is not None else 3


def namespace_of(slot: Slot) -> tuple[str, Place | None]:
    """Return an environment's namespace, and what says it; its own name where nothing does."""
    if slot.pointer is not None and slot.pointer.namespace:
        return name_of(slot.pointer.namespace), slot.pointer.place
    said = [it for unit in slot.units for it in unit.namespaces]
    if not said:
        return slot.word, None
    most, _ = Counter(name for name, _ in said).most_common(1)[0]
    return name_of(most), next(place for name, place in said if name == most)
