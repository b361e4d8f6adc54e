"""Which scalars of a unit's sources may say a part of an image that is rendered.

Only what a release changes is looked for: the tag and the digest. A scalar is likely to say one by its key
(`newTag`, `image.tag`, `appVersion`); others with the same text are tried where no likely one is proven.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from headway.domain.manifests.image_sites import DIGEST, IMAGE, TAG
from headway.domain.text.scalars import Scalar, occurrences, scalars

_LIKELY = re.compile(r"(?i)(?:tag|version|digest|image|sha)$|^(?:tag|version|digest|image)")
_NEVER = frozenset({"apiVersion", "kind", "name", "namespace", "namePrefix", "nameSuffix", "port"})
_SHORTEST_PIECE = 3
"""Fewer characters of a tag may stand anywhere."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A scalar, and what it may say: an image, a tag or a digest.

    `pinned` says whether it has a digest in it already; `beside` is the scalar of the digest next to a tag, which
    may be empty.
    """

    scalar: Scalar
    role: str
    likely: bool
    pinned: bool = False
    beside: Scalar | None = None


def split(value: str) -> tuple[str, str, str]:
    """Split a reference as it is spelled: its name, tag and digest."""
    rest, _, digest = value.partition("@")
    head, colon, last = rest.rpartition(":")
    return (head, last, digest) if colon and "/" not in last else (rest, "", digest)


def candidates(
    sources: Mapping[str, bytes], images: Collection[str], *, pieces: bool = False
) -> list[Candidate]:
    """Return the scalars that may say one of the images, in the order of the files.

    With `pieces`, also those that may say a piece of a tag: `1.2` where `v1.2-slim` is rendered.
    """
    known = {*images}
    parts = [split(it) for it in known]
    tags = {tag for _, tag, _ in parts if tag}
    digests = {digest for _, _, digest in parts if digest}
    names = {name for name, tag, digest in parts if not tag and not digest}
    needles = [it.encode() for it in (*tags, *digests, *names)]
    found: list[Candidate] = []
    for path, data in sources.items():
        if not pieces and not any(it in data for it in needles):
            continue
        here = list(_in_file(path, data, known, tags, digests, pieces))
        spans = [(it.scalar.start, it.scalar.end) for it in here]
        for image in known:
            for each in occurrences(path, data, image) if image.encode() in data else ():
                if not any(start < each.end and each.start < end for start, end in spans):
                    spans.append((each.start, each.end))
                    here.append(Candidate(each, IMAGE, True, "@" in image))
        found += here
    return found


def _in_file(
    path: str,
    data: bytes,
    images: Collection[str],
    tags: Collection[str],
    digests: Collection[str],
    pieces: bool,
) -> Iterator[Candidate]:
    own = list(scalars(path, data))
    digest_of = {
        (it.document, it.keys[:-1]): it for it in own if it.keys and str(it.keys[-1]).lower() == "digest"
    }
    names = {name for name, _, _ in map(split, images)}
    for it in own:
        if _says_nothing(it):
            continue
        likely = bool(_LIKELY.search(it.key)) and not _is_charts_version(it)
        name, tag, digest = split(it.value)
        if it.value in images:
            yield Candidate(it, IMAGE, True, bool(digest))
        elif it.value in digests:
            yield Candidate(it, DIGEST, True, True)
        elif it.value in tags or (digest in digests and name in tags):
            yield Candidate(it, TAG, likely, bool(digest), digest_of.get((it.document, it.keys[:-1])))
        elif (tag in tags or digest in digests) and _is_name(name, names, it.key):
            yield Candidate(it, IMAGE, True, bool(digest))
        elif (
            pieces and likely and len(it.value) >= _SHORTEST_PIECE and any(it.value in each for each in tags)
        ):
            yield Candidate(it, TAG, False)


def _says_nothing(it: Scalar) -> bool:
    is_other_chart = it.key == "version" and it.keys[:1] in (("dependencies",), ("helmCharts",))
    return is_other_chart or it.key in _NEVER or not it.value.strip() or "\n" in it.value or "{{" in it.value


def _is_charts_version(it: Scalar) -> bool:
    """Return whether it is the version of a chart itself, which says an image seldom."""
    return it.path.rpartition("/")[2] == "Chart.yaml" and it.key in ("version", "kubeVersion")


def _is_name(name: str, names: Collection[str], key: str) -> bool:
    """Return whether a name may be another one's in a rendering: a part of it, or replaced by a kustomization."""
    return bool(name) and (
        key in ("image", "value") or any(it.endswith("/" + name) or name.endswith("/" + it) for it in names)
    )
