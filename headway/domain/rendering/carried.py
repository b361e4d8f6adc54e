"""The places of images after an edit of nothing but them: known without another rendering with markers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

from headway.domain.images.reference import Image
from headway.domain.manifests.image_sites import ImageSite, ImageUse, Part
from headway.domain.manifests.index import FileIndex

_TOKEN = re.compile(r'"(?:[^"\\\n]|\\.)*"|\'(?:[^\'\n]|\'\')*\'|[A-Za-z0-9][A-Za-z0-9._/@:+=-]*')
_Use = tuple[str, str, str, str, str]
_Spans = dict[tuple[str, int], tuple[int, int, int, str]]


def carried(
    places: tuple[FileIndex, ...],
    old: Mapping[str, bytes],
    changed: Mapping[str, bytes],
    rendered: FileIndex,
) -> tuple[FileIndex, ...] | None:
    """Return the places in changed files; None where more has changed in them than what says an image.

    `rendered` is what the changed files render to, in which the edit was seen to change those images alone.
    """
    spans: _Spans = {}
    for path, data in changed.items():
        parts = {
            it.start: it for index in places for site in index.images for it in site.parts if it.path == path
        }
        if path not in old or not _moved(path, old[path].decode(), data.decode(), parts, spans):
            return None
    images = {_key(use): site.image for site in rendered.images for use in site.uses}
    found = []
    for index in places:
        sites = [_site(it, index.path, images, spans) for it in index.images]
        if None in sites:
            return None
        found.append(replace(index, images=tuple(it for it in sites if it is not None)))
    return tuple(found)


def _moved(path: str, old: str, new: str, parts: Mapping[int, Part], spans: _Spans) -> bool:
    """Note where each part of a file stands now; return whether nothing else differs."""
    was = now = 0
    for start in sorted(parts):
        between = old[was:start]
        if not new.startswith(between, now):
            return False
        now += len(between)
        token = _TOKEN.match(new, now)
        if token is None:
            return False
        column = now - new.rfind("\n", 0, now)
        spans[path, start] = (now, token.end(), column, token[0])
        was, now = parts[start].end, token.end()
    return old[was:] == new[now:]


def _site(site: ImageSite, path: str, images: Mapping[_Use, Image], spans: _Spans) -> ImageSite | None:
    now = {images.get(_key(it)) for it in site.uses}
    if len(now) != 1 or None in now or site.obstacle:
        return None
    (image,) = now
    assert image is not None
    parts = []
    for it in site.parts:
        start, end, column, text = spans.get((it.path, it.start), (it.start, it.end, it.column, it.text))
        parts.append(replace(it, start=start, end=end, column=column, text=text))
    first = parts[0]
    return replace(
        site, image=image, start=first.start, end=first.end, column=first.column, parts=tuple(parts)
    )


def _key(use: ImageUse) -> _Use:
    return use.kind, use.namespace, use.name, use.container, use.role
