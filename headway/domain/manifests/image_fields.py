"""Fields that say images besides those of pod templates: of kinds that are known, and as headway.yaml names them.

Nothing is guessed: a kind is in the table, an operator's object has its image at `spec.image`, or headway.yaml names
the kind and the path.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from itertools import takewhile
from typing import Any

from headway.domain.images.reference import Image
from headway.domain.manifests.image_kinds import EVERY_OPERATOR, KINDS
from headway.domain.objects.identity import is_named
from headway.domain.text.field_path import Steps, parse_path, values_at, written


@dataclass(frozen=True, slots=True)
class ImageField:
    """Where the objects of one kind say an image: the whole of it at `path`, or its tag and digest apart.

    `kind` may carry its group, as `Tenant.minio.min.io`. An empty `name` stands for every object of the kind. With
    `tagged` only what has a tag or a digest counts as an image, since a word alone may be anything.
    """

    kind: str
    path: Steps
    tag: Steps = ()
    digest: Steps = ()
    name: str = ""
    tagged: bool = False
    _keys: tuple[str, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        keys = tuple(it.name for it in takewhile(lambda it: it.kind == "key", self.path))
        object.__setattr__(self, "_keys", keys)

    @classmethod
    def of(cls, kind: str, path: str, tag: str = "", digest: str = "", name: str = "") -> ImageField:
        """Return a field from paths as people write them; raise ValueError for one that is none."""
        of_tag, of_digest = (parse_path(it) if it else () for it in (tag, digest))
        return cls(kind, parse_path(path), of_tag, of_digest, name)

    @property
    def is_whole(self) -> bool:
        """Return whether one scalar says the whole reference."""
        return not (self.tag or self.digest)

    def covers(self, item: Mapping[str, Any]) -> bool:
        """Return whether it is about an object."""
        return is_named(item, self.kind, self.name)

    def may_be_in(self, item: Mapping[str, Any]) -> bool:
        """Return whether an object has what the path begins with; most objects of a kind have few of its fields."""
        here: Any = item
        for key in self._keys:
            here = here.get(key) if isinstance(here, dict) else None
        return here is not None

    def accepts(self, text: str) -> bool:
        """Return whether a text is an image as it may stand there."""
        image = Image(text)
        return image.ref is not None and (not self.tagged or bool(image.tag or image.digest))

    def found(self, value: Any) -> Iterator[Found]:
        """Yield what may say an image in an object: in its nodes, or in its value."""
        if self.is_whole:
            for at, each in values_at(value, self.path):
                yield Found(written(at), each)
            return
        shared = len(list(takewhile(lambda it: len({*it}) == 1, zip(*self._paths, strict=False))))
        shared = min(shared, len(self.path) - 1)
        for at, above in values_at(value, self.path[:shared]):
            name, tag, digest = (
                next((it for _, it in values_at(above, path[shared:])), None) if path else None
                for path in self._parts
            )
            if name is not None:
                yield Found(written((*at, *self.path[shared:])), name, tag, digest)

    @property
    def _paths(self) -> list[Steps]:
        return [it for it in self._parts if it]

    @property
    def _parts(self) -> tuple[Steps, Steps, Steps]:
        return self.path, self.tag, self.digest


@dataclass(frozen=True, slots=True)
class Found:
    """What says one image of an object: its path, and the scalars of the whole or the name, the tag and the digest."""

    place: str
    image: Any
    tag: Any = None
    digest: Any = None


@dataclass(frozen=True)
class ImageFields:
    """The fields that one headway.yaml names, on top of those of known kinds.

    `key` tells it from others: what was read by other rules is not what these would find.
    """

    own: tuple[ImageField, ...] = ()

    @cached_property
    def key(self) -> str:
        """Return a name for these rules, the same in every process; empty where there are only the known kinds."""
        said = "\n".join(sorted(repr(it) for it in self.own))
        return hashlib.sha256(said.encode()).hexdigest()[:16] if said else ""

    @cached_property
    def _by_kind(self) -> dict[str, list[ImageField]]:
        found: dict[str, list[ImageField]] = {}
        for it in self.own:
            found.setdefault(it.kind.partition(".")[0], []).append(it)
        return found

    def of(self, item: Mapping[str, Any]) -> Sequence[ImageField]:
        """Return the fields that may say images of an object, the file's own first."""
        fields = _known(item["apiVersion"], item["kind"])
        if own := self._by_kind.get(item["kind"]):
            fields = (*(it for it in own if it.covers(item)), *fields)
        return fields

    def unused(self, objects: Iterable[Mapping[str, Any]]) -> list[int]:
        """Return the places in the list of those of its own fields that no object has."""
        objects = list(objects)
        return [
            place
            for place, field in enumerate(self.own)
            if not any(field.covers(it) and any(True for _ in field.found(it)) for it in objects)
        ]


def _read(paths: str, *, tagged: bool = False) -> tuple[ImageField, ...]:
    return tuple(replace(ImageField.of("", *it.split("+")), tagged=tagged) for it in paths.split())


_OPERATORS = _read(EVERY_OPERATOR, tagged=True)


@lru_cache(maxsize=1024)
def _known(api_version: str, kind: str) -> tuple[ImageField, ...]:
    """Return the fields of a kind that the table has, and those of every operator."""
    group = api_version.rpartition("/")[0]
    fields = _read(" ".join(paths for kinds, paths in KINDS.get(group, {}).items() if kind in kinds.split()))
    return fields + _OPERATORS if "." in group and not group.endswith(".k8s.io") else fields


KNOWN = ImageFields()
"""The fields of the kinds that are known, where headway.yaml names no others."""
