"""Flux v1 (weaveworks): annotations of workloads that say which tags of which container are released.

`fluxcd.io/automated`, `fluxcd.io/tag.CONTAINER`, `fluxcd.io/locked` and their older names. Tags are
ordered by version with `semver:`, and by the time when the image was made with all others.
"""

from __future__ import annotations

import re
from typing import Any

from headway.domain.moving.documents import Document, Repo
from headway.domain.moving.found import Found, Rule, repository_name, split_image
from headway.domain.moving.patterns import Untranslatable, simple_glob, versions, whole_tag
from headway.domain.moving.workloads import containers

_KEY = re.compile(
    r"(?:(?P<filter>filter)\.fluxcd\.io/|fluxcd\.io/|flux\.weave\.works/)(?P<what>automated|locked|ignore|tag\.)?(?P<rest>.*)"
)


def read_flux_v1(repo: Repo, found: Found) -> None:
    """Add what the annotations of workloads say."""
    for document in repo.objects(b"fluxcd.io/", b"flux.weave.works/"):
        said = {
            key: (it, value)
            for key, value in document.annotations().items()
            if (it := _KEY.fullmatch(key)) is not None
        }
        if said and document.group not in ("image.toolkit.fluxcd.io",):
            _workload(document, said, found)


def _workload(document: Document, said: dict[str, tuple[re.Match[str], str]], found: Found) -> None:
    automatic = locked = False
    words: dict[str, tuple[str, str]] = {}
    for key, (it, value) in said.items():
        place = document.place("metadata", "annotations", key)
        if it["filter"] or it["what"] == "tag.":
            words[it["rest"] if it["what"] == "tag." else f"{it['what'] or ''}{it['rest']}"] = (key, value)
        elif it["what"] == "automated":
            automatic = value == "true"
        elif it["what"] == "locked":
            locked = value == "true"
            if locked:
                found.leave(
                    place, f"{document.title} is locked: hold it with `headway lock ENV SERVICE --reason …`"
                )
        elif it["what"] == "ignore":
            found.leave(place, f"{key}: headway applies every manifest; name the file in .headwayignore")
    if not automatic and not words:
        return
    for container in containers(document):
        split = split_image(container.image)
        if split is None:
            continue
        key, word = words.pop(container.name, ("", "glob:*"))
        place = (
            document.place("metadata", "annotations", key)
            if key
            else document.place("metadata", "annotations")
        )
        by = f"annotation of {document.title}"
        try:
            tags = tag_words(word)
        except Untranslatable as error:
            found.leave(place, f"{by}: {error}")
            continue
        image = repository_name(split[0])
        found.rule(Rule(image, tags, place, by, (document.file,), automatic and not locked))
    for key, value in words.values():
        found.leave(
            document.place("metadata", "annotations", key), f"{key}: {value}: no container has this name"
        )


def tag_words(text: str) -> dict[str, Any]:
    """Return what a `tag.CONTAINER` annotation says as the keys of a tag rule."""
    kind, colon, rest = text.partition(":")
    rest = rest.strip()
    if not colon:
        return {"match": simple_glob(text), "order": "created"}
    if kind == "semver":
        return {"match": f"semver:{versions(rest)}"}
    if kind in ("regexp", "regex"):
        return {"match": whole_tag(rest), "order": "created"}
    if kind == "glob":
        return {"match": simple_glob(rest), "order": "created"}
    raise Untranslatable(f"{text} is none of glob:, semver: and regexp:")
