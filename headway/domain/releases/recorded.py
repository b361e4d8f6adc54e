"""Digests that the record of releases knows, where the place of an image can only say its tag."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from headway.domain.config.reading import Config
from headway.domain.images.reference import Image
from headway.domain.manifests.image_sites import ImageSite
from headway.domain.manifests.index import FileIndex
from headway.domain.releases.ledger import Entry
from headway.domain.releases.plans import service_of


def bare(image: Image) -> Image:
    """Return an image without its digest."""
    return Image(image.text.partition("@")[0])


def without_digest(config: Config, indexes: Iterable[FileIndex]) -> frozenset[Image]:
    """Return services' images that are written by a tag alone where no digest may be written beside it.

    That is in what is rendered, and in what other engines' objects say: plain YAML says itself what it pins.
    """
    return frozenset(
        site.image
        for index in indexes
        for site in index.images
        if _may_lack_digest(site) and service_of(config, site.image)
    )


def recorded_digests(images: frozenset[Image], environment: str, log: Iterable[Entry]) -> dict[Image, Image]:
    """Return some images with the digests that their releases have recorded; `log` is the ledger, the newest first."""
    known: dict[Image, Image] = {}
    for entry in log:
        record = entry.record
        for _, _, new in record.changes if record is not None and record.environment == environment else ():
            if new.digest and bare(new) in images:
                known.setdefault(bare(new), new)
        if len(known) == len(images):
            break
    return known


def with_digests(indexes: Iterable[FileIndex], known: Mapping[Image, Image]) -> list[FileIndex]:
    """Return indexes in which images that are written by a tag alone have the digests that are known."""

    def completed(site: ImageSite) -> ImageSite:
        return replace(site, image=known.get(site.image, site.image)) if _may_lack_digest(site) else site

    return [replace(it, images=tuple(map(completed, it.images))) for it in indexes]


def _may_lack_digest(site: ImageSite) -> bool:
    return bool((site.parts or site.obstacle) and site.image.tag and not site.image.digest)
