"""Digests that the record of releases knows, where the place of an image can only say its tag."""

from __future__ import annotations

from collections.abc import Callable, Iterable
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


def with_recorded_digests(
    config: Config, environment: str, indexes: list[FileIndex], log: Callable[[], Iterable[Entry]]
) -> list[FileIndex]:
    """Return indexes in which a service's image has the digest that its release has recorded.

    That is for what is rendered, and for what other engines' objects say: plain YAML says itself what it pins.
    `log` returns the environment's ledger, the newest first; it is read where such an image has a tag alone.
    """
    open_ = {
        site.image
        for index in indexes
        for site in index.images
        if _may_lack_digest(site) and service_of(config, site.image)
    }
    if not open_:
        return indexes
    known: dict[Image, Image] = {}
    for entry in log():
        record = entry.record
        for _, _, new in record.changes if record is not None and record.environment == environment else ():
            if new.digest and bare(new) in open_:
                known.setdefault(bare(new), new)
        if len(known) == len(open_):
            break

    def completed(site: ImageSite) -> ImageSite:
        return replace(site, image=known.get(site.image, site.image)) if _may_lack_digest(site) else site

    return [replace(it, images=tuple(map(completed, it.images))) for it in indexes]


def _may_lack_digest(site: ImageSite) -> bool:
    return bool((site.parts or site.obstacle) and site.image.tag and not site.image.digest)
