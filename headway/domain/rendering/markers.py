"""Markers: tags and digests that nobody uses, to see where in a rendering a scalar's text comes out."""

from __future__ import annotations

import re
from dataclasses import dataclass

from headway.domain.manifests.image_sites import DIGEST, IMAGE
from headway.domain.rendering.candidates import Candidate, split
from headway.domain.text.yaml_tokens import token

_VERSION = re.compile(r"v?[0-9]+(?:\.[0-9]+)*")


@dataclass(frozen=True, slots=True)
class Marker:
    """What stands instead of a scalar in one rendering; `sign` is in the tag and the digest of no other marker."""

    candidate: Candidate
    sign: str
    tag: str
    digest: str
    pinned: bool

    @classmethod
    def of(cls, candidate: Candidate, number: int, *, pinned: bool) -> Marker:
        """Make the marker of a candidate: a version stays one, and what is a label's value stays one."""
        sign = f"9{number:07d}"
        value = candidate.scalar.value
        said = split(value)[1] if candidate.role == IMAGE else value.partition("@")[0]
        version = _VERSION.match(said)
        tag = f"marker-{sign}"
        if version:
            whole = version[0]
            last = whole.rpartition(".")
            tag = (f"{last[0]}.{sign}" if last[1] else ("v" if whole[0] == "v" else "") + sign) + said[
                version.end() :
            ]
        return cls(candidate, sign, tag, f"sha256:{sign * 8}", pinned)

    @property
    def value(self) -> str:
        """What the scalar says with it."""
        it = self.candidate
        if it.role == DIGEST:
            return self.digest
        after = f"@{self.digest}" if self.pinned else ""
        if it.role != IMAGE:
            return self.tag + after
        name, tag, digest = split(it.scalar.value)
        return name + (f":{self.tag}" if tag or not digest else "") + after

    @property
    def text(self) -> str:
        """How it is written instead of the scalar."""
        return token(self.candidate.scalar.text, self.value, as_text=self.candidate.role != IMAGE)


def with_markers(sources: dict[str, bytes], markers: list[Marker]) -> dict[str, bytes]:
    """Return the files that change with the markers in them."""
    by_file: dict[str, list[Marker]] = {}
    for it in markers:
        by_file.setdefault(it.candidate.scalar.path, []).append(it)
    changed = {}
    for path, here in by_file.items():
        text, position = sources[path].decode(), 0
        out: list[str] = []
        for it in sorted(here, key=lambda it: it.candidate.scalar.start):
            out += (text[position : it.candidate.scalar.start], it.text)
            position = it.candidate.scalar.end
        changed[path] = "".join((*out, text[position:])).encode()
    return changed
