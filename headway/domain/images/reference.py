"""Image references, as the distribution project's reference grammar has them.

    reference  := name [":" tag] ["@" digest]
    name       := [domain "/"] path
    domain     := host [":" port], told from a path by a dot, a colon, capitals or "localhost"

What has no domain is Docker Hub's, and a single path component there is below
`library/`. Nothing is looked up here: a reference is text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

from headway.errors import UsageError

HUB = "docker.io"
NAME_LENGTH = 255

_LABEL = r"(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])"
_HOST = rf"(?:{_LABEL}(?:\.{_LABEL})*|\[[a-fA-F0-9:]+\])"
_DOMAIN = re.compile(rf"{_HOST}(?::[0-9]+)?")
_PATH = re.compile(r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
_TAG_LINES = re.compile(rf"{_TAG.pattern}(?:\n{_TAG.pattern})*")
_DIGEST = re.compile(r"[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}")
_DIGEST_LENGTH = {"sha256": 64, "sha384": 96, "sha512": 128}
_ID = re.compile(r"[0-9a-f]{64}")
_HUB_NAMES = {"docker.io", "index.docker.io"}


class InvalidImage(UsageError):
    """Text that is not an image reference."""


@dataclass(frozen=True, slots=True, order=True)
class ImageRef:
    """One image: where it is, and which of its tags or digests is meant.

    `registry` is a host with an optional port (`docker.io`, `localhost:5000`),
    `repository` a path below it (`library/busybox`).
    """

    registry: str
    repository: str
    tag: str | None = None
    digest: str | None = None

    @classmethod
    def parse(cls, text: str) -> ImageRef:
        """Read a reference; raise InvalidImage that says what is wrong with it."""
        return _parse(text)

    @property
    def name(self) -> str:
        """Registry and repository: `localhost:5000/shop/frontend`."""
        return f"{self.registry}/{self.repository}"

    def __str__(self) -> str:
        tag = f":{self.tag}" if self.tag else ""
        return f"{self.name}{tag}" + (f"@{self.digest}" if self.digest else "")

    def pinned(self, tag: str | None, digest: str | None) -> ImageRef:
        """Return the same repository at another tag and digest."""
        return ImageRef(self.registry, self.repository, tag, digest)

    def same_repository(self, other: ImageRef) -> bool:
        """Return whether both name the same repository of the same registry."""
        return self.registry == other.registry and self.repository == other.repository


@dataclass(frozen=True)
class Image:
    """An image as a manifest or a commit spells it. Two are equal where they are spelled alike.

    The spelling is kept, since `busybox` and `docker.io/library/busybox` are one image and not one text.
    """

    text: str

    @cached_property
    def ref(self) -> ImageRef | None:
        """The reference that the text is; None where it is none. It is read once, when it is first asked for."""
        try:
            return _parse(self.text)
        except InvalidImage:
            return None

    @property
    def tag(self) -> str:
        """The tag that it names; empty where it names none."""
        return (self.ref.tag if self.ref else "") or ""

    @property
    def digest(self) -> str:
        """The digest that it is pinned to; empty where it is pinned to none."""
        return (self.ref.digest if self.ref else "") or ""

    def __str__(self) -> str:
        return self.text

    def respelled(self, reference: ImageRef) -> Image:
        """Return a reference in this spelling of the same repository: `busybox` stays `busybox`."""
        rest = self.text.partition("@")[0]
        head, colon, last = rest.rpartition(":")
        name = head if colon and "/" not in last else rest
        tag = f":{reference.tag}" if reference.tag else ""
        return Image(f"{name}{tag}" + (f"@{reference.digest}" if reference.digest else ""))


NOWHERE = Image("")
"""Stands for the image of a container that had none, or of which that is not known."""


@lru_cache(maxsize=8192)
def _parse(text: str) -> ImageRef:
    if not text:
        raise InvalidImage("an empty image reference")
    rest, at, digest = text.partition("@")
    if at:
        _check_digest(text, digest)
    name, tag = rest, None
    head, colon, last = rest.rpartition(":")
    if colon and "/" not in last:
        name, tag = head, last
        if not _TAG.fullmatch(tag):
            raise InvalidImage(f"{text!r} is not an image reference: {tag!r} is not a tag")
    domain, slash, path = name.partition("/")
    if not slash or not ("." in domain or ":" in domain or domain == "localhost" or domain.lower() != domain):
        domain, path = HUB, name
    if not _DOMAIN.fullmatch(domain):
        raise InvalidImage(f"{text!r} is not an image reference: {domain!r} is not a registry's host")
    if not _PATH.fullmatch(path):
        what = "names are lower case" if path != path.lower() else f"{path!r} is not a repository's name"
        raise InvalidImage(f"{text!r} is not an image reference: {what}")
    if domain == HUB and _ID.fullmatch(path):
        raise InvalidImage(f"{text!r} is an image id, not a reference that a registry knows")
    if len(name) > NAME_LENGTH:
        raise InvalidImage(
            f"{text[:40]!r}… is not an image reference: its name is over {NAME_LENGTH} characters"
        )
    if domain in _HUB_NAMES:
        domain = HUB
        path = path if "/" in path else f"library/{path}"
    return ImageRef(domain, path, tag, digest if at else None)


def _check_digest(text: str, digest: str) -> None:
    if is_digest(digest):
        return
    algorithm = digest.partition(":")[0]
    said = f"{text!r} is not an image reference: {digest!r} is not a digest"
    if is_digest(digest.lower()):
        raise InvalidImage(f"{said}: digests are written in small letters")
    if _DIGEST.fullmatch(digest) and algorithm not in _DIGEST_LENGTH:
        raise InvalidImage(f"{said} that can be checked: {', '.join(_DIGEST_LENGTH)} can")
    raise InvalidImage(said)


def is_digest(text: str) -> bool:
    """Return whether a text is a digest whose content can be checked: sha256, sha384 or sha512, in small letters."""
    algorithm, _, value = text.partition(":")
    return _DIGEST_LENGTH.get(algorithm) == len(value) and not value.strip("0123456789abcdef")


def tags_among(values: list[Any]) -> list[str]:
    """Return those of the values that are tags. One look at all of them is four times as fast as one at each."""
    try:
        lines = "\n".join(values)
    except TypeError:
        return tags_among([it for it in values if isinstance(it, str)])
    if lines.count("\n") == len(values) - 1 and _TAG_LINES.fullmatch(lines):
        return values
    return [it for it in values if _TAG.fullmatch(it)]


def wanted_reference(image: str, said: str) -> ImageRef:
    """Read what a person says a service should run: a tag, a digest, or a whole reference.

    `image` is the service's repository. Raises UsageError where `said` names another one.
    """
    own = ImageRef.parse(image)
    if _DIGEST.fullmatch(said) and said.partition(":")[0].lower() in _DIGEST_LENGTH:
        _check_digest(said, said)
        return own.pinned(None, said)
    if _TAG.fullmatch(said):
        return own.pinned(said, None)
    reference = ImageRef.parse(said)
    if not reference.same_repository(own):
        raise UsageError(
            f"{said} is not an image of {own.name}",
            hint="give a tag, a digest, or a reference to the service's own repository",
        )
    if reference.tag is None and reference.digest is None:
        raise UsageError(f"{said} names no tag and no digest", hint=f"say which one: {own.name}:TAG")
    return reference
