"""What one client remembers of registries: what tags that stay mean, and what digests are.

Without a store it remembers what digests are for as long as it lives, and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from headway.domain.images.facts import ImageFacts
from headway.domain.images.reference import ImageRef
from headway.systems.registry.facts import FactStore
from headway.systems.registry.manifests import NotAnImage


class Memory:
    """A front of the store. Safe to use from several threads."""

    def __init__(self, store: FactStore | None) -> None:
        self._store = store
        self._kinds: dict[str, str] = {}

    def known(self, images: Iterable[ImageRef]) -> dict[ImageRef, str | NotAnImage]:
        """Return the digests that are remembered, of what is known to be images, and what is known to be none."""
        if self._store is None:
            return {}
        by_name: dict[str, dict[str, ImageRef]] = {}
        for image in images:
            by_name.setdefault(image.name, {})[image.tag or ""] = image
        digests = {
            tags[tag]: digest
            for name, tags in by_name.items()
            for tag, digest in self._store.digests(name, tags).items()
        }
        kinds = self._store.kinds(digests.values())
        return {
            image: NotAnImage(image, what, digest) if what else digest
            for image, digest in digests.items()
            if (what := kinds.get(digest)) is not None
        }

    def kind(self, digest: str) -> str | None:
        """Return what is known of a digest: empty for an image, or what else it is; None where nothing is."""
        if digest in self._kinds or self._store is None:
            return self._kinds.get(digest)
        return self._store.kinds([digest]).get(digest)

    def learn(self, digest: str, what: str) -> None:
        """Know from now on what a digest is; `keep` writes it down."""
        self._kinds[digest] = what

    def remember(
        self, found: Iterable[tuple[ImageRef, ImageFacts]], said: Mapping[ImageRef, object] | None = None
    ) -> None:
        """Write down facts, and what tags were said to mean: a digest, or something that is no image."""
        facts = list(found)
        tags = {(image.name, image.tag or ""): it.digest for image, it in facts}
        for image, answer in (said or {}).items():
            if isinstance(answer, NotAnImage):
                self._kinds[answer.digest] = answer.what
                tags[image.name, image.tag or ""] = answer.digest
            elif isinstance(answer, str):
                tags[image.name, image.tag or ""] = answer
        if self._store is not None and (facts or tags):
            self._store.remember((it for _, it in facts), tags)
        self.keep()

    def keep(self) -> None:
        """Write down what digests are."""
        if self._store is not None and (kinds := self._kinds.copy()):
            self._store.remember(kinds=kinds)
            for digest in kinds:
                self._kinds.pop(digest, None)
