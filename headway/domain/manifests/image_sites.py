"""Where a file says an image, and what is written there to give it another one.

In plain YAML one scalar says the whole reference. In what is rendered it may say a part of it: a kustomization's
`newTag`, or a values file's `tag` and `digest`. Then the site has parts, which may stand in several files.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from headway.domain.images.reference import Image, ImageRef
from headway.errors import UsageError

IMAGE, TAG, DIGEST = "image", "tag", "digest"
"""What a part says: a name with its tag, the tag alone, the digest alone."""
FIELD = "field"
"""The role of a use that is no container: another field of an object, which `container` is the path of."""


@dataclass(frozen=True, slots=True)
class ImageUse:
    """A container that runs a site's image, or a field that says it: `role` is container, init, ephemeral or field."""

    document: int
    kind: str
    namespace: str
    name: str
    container: str
    role: str


@dataclass(frozen=True, slots=True)
class Part:
    """One scalar that says a part of an image; `text` is how it stands in the file, quotes included.

    `pinned` says whether a digest may follow the tag in it. A part that is not `shown` stands beside the one that
    decides: a tag beside a digest, in a chart that renders the digest alone. `prefix` and `suffix` are what the
    rendering puts around it.
    """

    path: str
    start: int
    end: int
    line: int
    column: int
    role: str
    text: str
    pinned: bool = True
    shown: bool = True
    prefix: str = ""
    suffix: str = ""

    @property
    def says(self) -> str:
        """Its text without quotes."""
        return self.text.strip("'\"")

    @property
    def place(self) -> str:
        """Its file, line and column."""
        return f"{self.path}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True)
class ImageSite:
    """One scalar that says an image, or several that say its parts.

    `image` is the one that is rendered. `start` and `end` are characters of the decoded text, quotes
    included; `line` and `column` count from 1. Through an anchor it may serve several containers. Where a release
    cannot change it, `obstacle` says why, and what to do.
    """

    image: Image
    start: int
    end: int
    line: int
    column: int
    uses: tuple[ImageUse, ...]
    parts: tuple[Part, ...] = ()
    obstacle: str = ""

    def at(self, path: str) -> ImageSite:
        """Return the same site in a file at a path."""
        return replace(self, parts=tuple(replace(it, path=path) for it in self.parts)) if self.parts else self

    @property
    def carries_digest(self) -> bool:
        """Return whether a digest can be written here."""
        return not self.parts or any(it.role == DIGEST or it.pinned for it in self.parts if it.shown)

    def spell(self, reference: ImageRef) -> Image:
        """Return a reference as this place has it: without a tag where the digest alone is rendered.

        Where only the tag can be written, the digest is what the release's record says.
        """
        if not self.parts or any(it.shown and it.role in (IMAGE, TAG) for it in self.parts):
            return self.image.respelled(reference)
        return self.image.respelled(reference.pinned(None, reference.digest))

    def writes(self, image: Image, tag: str = "") -> Iterator[tuple[Part, str]]:
        """Yield the new value of each part that gives the site another image.

        `tag` is the image's tag for parts that are not shown, for which one that is not known is empty. Raises
        UsageError for what cannot be said here.
        """
        _, said, digest = _split(image.text)
        apart = any(it.role == DIGEST for it in self.parts)
        for part in self.parts:
            if part.role == DIGEST:
                yield part, digest
                continue
            if not part.shown:
                yield part, said or tag
                continue
            new = _inner(part, said)
            after = f"@{digest}" if digest and part.pinned and not apart else ""
            if part.role == TAG:
                yield part, new + after
            else:
                own = _split(part.says)[0]
                yield part, (f"{own}:{new}" if new else own) + after

    def to_json(self) -> list[Any]:
        """Return plain JSON data."""
        uses = [[u.document, u.kind, u.namespace, u.name, u.container, u.role] for u in self.uses]
        parts = [
            [
                it.path, it.start, it.end, it.line, it.column, it.role, it.text, it.pinned, it.shown,
                it.prefix, it.suffix,
            ]
            for it in self.parts
        ]  # fmt: skip
        return [self.image.text, self.start, self.end, self.line, self.column, uses, parts, self.obstacle]

    @classmethod
    def from_json(cls, data: list[Any]) -> ImageSite:
        """Read what to_json gave."""
        image, start, end, line, column, uses, parts, obstacle = data
        used, said = tuple(ImageUse(*it) for it in uses), tuple(Part(*it) for it in parts)
        return cls(Image(image), start, end, line, column, used, said, obstacle)


def _inner(part: Part, tag: str) -> str:
    """Return what a part must say, for a tag to come out of the rendering."""
    fits = len(tag) >= len(part.prefix) + len(part.suffix)
    if not (fits and tag.startswith(part.prefix) and tag.endswith(part.suffix)):
        raise UsageError(
            f"{part.place}: the tag {tag} cannot be said here: what is rendered is "
            f"{part.prefix}…{part.suffix} with the text of this place in the middle"
        )
    new = tag[len(part.prefix) : len(tag) - len(part.suffix)]
    if not new and part.role == TAG:
        raise UsageError(f"{part.place}: this place says a tag, and the image has none: give it with its tag")
    return new


def _split(value: str) -> tuple[str, str, str]:
    """Split a reference as it is spelled: its name, tag and digest."""
    rest, _, digest = value.partition("@")
    head, colon, last = rest.rpartition(":")
    return (head, last, digest) if colon and "/" not in last else (rest, "", digest)
