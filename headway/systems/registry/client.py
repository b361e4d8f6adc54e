"""Registries, by the OCI distribution API: what a tag means, which tags there are, what an image is.

It asks and never writes. Many questions are asked at once, each registry at its own pace,
and what cannot change is asked once ever.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Self, TypeVar
from urllib.parse import urlsplit

from headway.domain.config.positions import did_you_mean
from headway.domain.images.artifacts import IMAGE_MANIFESTS
from headway.domain.images.facts import (
    INDEXES,
    USUAL,
    ImageFacts,
    children,
    chosen_child,
    config_of,
    facts_from,
    is_index,
)
from headway.domain.images.reference import ImageRef, tags_among
from headway.errors import FailedError, HeadwayError, RegistryDenied, UsageError
from headway.systems.machine.logins import DockerConfig
from headway.systems.registry.auth import next_page
from headway.systems.registry.facts import FactStore
from headway.systems.registry.http import Registry
from headway.systems.registry.manifests import (
    NotAnImage,
    check_manifest,
    names_digest,
    proven,
    read_config,
    read_manifest,
)
from headway.systems.registry.memory import Memory
from headway.systems.registry.scan import SCAN, scan
from headway.systems.registry.wire import Answer, RegistryBusy

__all__ = ["ImageNotFound", "NotAnImage", "RegistryBusy", "RegistryClient", "RegistryDenied"]

ATTEMPTS = 3
SINGLE = 60.0
"""Seconds for a question about one image."""
BRIEFLY = 5.0
"""Seconds for a question that a person can do without."""
KEPT_AT_ONCE = 100
PAGES, TAGS = 1_000, 1_000_000
"""How long a repository's list may be. A registry whose list goes on has no end to it."""

_ACCEPT = ", ".join((*INDEXES, *IMAGE_MANIFESTS))
K = TypeVar("K")
V = TypeVar("V")


class ImageNotFound(UsageError):
    """The registry says that it has no such image."""


class RegistryClient:
    """A client for every registry that images name. Safe to use from several threads."""

    def __init__(self, docker_config: str | None = None, store: FactStore | None = None) -> None:
        self._logins = DockerConfig(docker_config)
        self._store = store
        self._registries: dict[str, Registry] = {}
        self._memory = Memory(store)
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close every connection."""
        with self._lock:
            for registry in self._registries.values():
                registry.close()
            self._registries.clear()

    def _registry(self, name: str) -> Registry:
        with self._lock:
            if name not in self._registries:
                self._registries[name] = Registry(name, self._logins, self._store)
            return self._registries[name]

    # --- one image ---

    def resolve(self, image: ImageRef, *, briefly: bool = False) -> str:
        """Return the digest that a tag means now, or that the image is pinned to, having seen that it is an image.

        `briefly` is for who can do without: it waits a few seconds at most.
        Raises ImageNotFound, NotAnImage, RegistryDenied, or RegistryBusy.
        """
        pinned = image.digest is not None
        try:
            digest = self._one(
                image,
                lambda it, until: self._digest(it, pinned, attempts=1, deadline=until),
                BRIEFLY if briefly else 0.0,
            )
        except RegistryBusy as error:
            if error.for_long:
                # Whoever tried again would wait as long once more.
                raise FailedError(error.message, hint=error.hint) from None
            raise
        self._memory.keep()
        return digest

    def _one(self, image: ImageRef, work: Callable[[ImageRef, float], V], seconds: float = 0.0) -> V:
        """Ask about one image, in a time that even a registry that answers byte by byte cannot draw out."""
        found = self._scan({image: image}, work, seconds=seconds or SINGLE)[image]
        if isinstance(found, HeadwayError):
            raise found
        return found

    def exists(self, image: ImageRef) -> bool:
        """Return whether the registry has an image."""
        return self._one(image, self._exists)

    def _exists(self, image: ImageRef, deadline: float | None) -> bool:
        answer = self._manifest("HEAD", image, attempts=1, deadline=deadline)
        if answer.ok and not names_digest(image, answer):
            # Whatever answers 200 to everything has not said that it has this image.
            answer = self._manifest("GET", image, attempts=1, deadline=deadline)
            if answer.ok:
                read_manifest(image, answer)
        if answer.status == 404:
            return False
        _check(answer, image.registry)
        return True

    def missing(self, images: Iterable[ImageRef]) -> list[ImageRef]:
        """Return those images that their registries do not have, or raise what keeps one from saying so soon."""
        wanted = {it: it for it in images}
        found = self._scan(wanted, self._exists, seconds=BRIEFLY)
        for said in found.values():
            if isinstance(said, HeadwayError):
                raise said
        return [image for image in wanted if not found[image]]

    def tags(self, image: ImageRef) -> list[str]:
        """Return a repository's tags, all pages of them; none for a repository that does not exist."""
        return self._one(image, lambda it, until: self._tags(it, attempts=1, deadline=until))

    def check(self, registry: str) -> str:
        """Check that a registry answers and takes the login; raise RegistryDenied or RegistryBusy otherwise."""
        asked = self._registry(registry)
        answer = self._one(
            ImageRef(registry, ""), lambda it, until: asked.ask("GET", "/v2/", "", deadline=until)
        )
        _check(answer, registry)
        login = asked.access.login()
        return f"answers, login from {login.source}" if login else "answers, without a login"

    # --- many at once ---

    def scan_tags(
        self,
        images: Iterable[ImageRef],
        on_done: Callable[[str, list[str] | HeadwayError], None] = lambda name, found: None,
    ) -> dict[str, list[str] | HeadwayError]:
        """Return the tags of many repositories by name, or say why not: one request each, and its pages.

        `on_done` gets each list as it comes, in the caller's thread, while others are under way.
        """
        wanted = {it.name: it for it in images}
        return self._scan(
            wanted, lambda image, until: self._tags(image, attempts=ATTEMPTS, deadline=until), on_done
        )

    def scan_digests(
        self, images: Iterable[ImageRef], *, fresh: bool = False
    ) -> dict[ImageRef, str | HeadwayError]:
        """Return what many tags mean; what is remembered is not asked again, unless `fresh`.

        One request each; where `fresh`, a second one for a digest that was never seen.
        """
        wanted = list(dict.fromkeys(images))
        known = {} if fresh else self._memory.known(wanted)
        asked = {it: it for it in wanted if it not in known}
        found: dict[ImageRef, str | HeadwayError] = self._scan(
            asked, lambda image, until: self._digest(image, fresh, attempts=ATTEMPTS, deadline=until)
        )
        self._memory.remember([], found)
        return {it: known.get(it) or found[it] for it in wanted}

    def scan_facts(
        self, images: Iterable[ImageRef], *, fresh: bool = False, platform: str = ""
    ) -> dict[ImageRef, ImageFacts | HeadwayError]:
        """Return the facts of what many tags mean; an unknown one costs two requests, an index of images three.

        Time and labels of an index are those of its image for `platform`. The facts of a digest are asked
        once ever, and without `fresh` a remembered tag costs nothing.
        """
        wanted, platform = list(dict.fromkeys(images)), platform or USUAL
        known = {} if fresh else self._memory.known(wanted)
        digests = [it for it in known.values() if isinstance(it, str)]
        facts = self._store.facts(digests, platform) if self._store is not None else {}
        done: dict[ImageRef, ImageFacts | HeadwayError] = {}
        for it, said in known.items():
            if isinstance(said, NotAnImage):
                done[it] = said
            elif said in facts:
                done[it] = facts[said]
        asked = {it: it for it in wanted if it not in done}
        to_keep: list[tuple[ImageRef, ImageFacts]] = []

        def keep(image: ImageRef, found: ImageFacts | HeadwayError) -> None:
            if isinstance(found, ImageFacts):
                to_keep.append((image, found))
            if len(to_keep) >= KEPT_AT_ONCE:
                self._memory.remember(to_keep)
                to_keep.clear()

        done |= self._scan(asked, lambda image, until: self._facts(image, platform, until), keep)
        self._memory.remember(to_keep, done)
        return {it: done[it] for it in wanted}

    def forget(self, image: ImageRef) -> None:
        """Trust no longer what is remembered of a tag: something says that it may have moved."""
        if self._store is not None:
            self._store.forget(image.name, image.tag or "")

    def _scan(
        self,
        wanted: Mapping[K, ImageRef],
        work: Callable[[ImageRef, float], V],
        on_done: Callable[[K, V | HeadwayError], None] = lambda key, found: None,
        seconds: float = SCAN,
    ) -> dict[K, V | HeadwayError]:
        """Do the same for many images; what had no answer the last time comes first."""
        waiting = self._store.left_out() if self._store is not None and len(wanted) > 1 else []
        if waiting:
            places = {question: place for place, question in enumerate(waiting)}
            turns = sorted(wanted.items(), key=lambda it: places.get(str(it[1]), len(places)))
            wanted = dict(turns)
        registries = {name: self._registry(name) for name in {it.registry for it in wanted.values()}}
        found = scan(wanted, registries, work, on_done, seconds)
        if self._store is not None and len(wanted) > 1:
            busy = {key for key, said in found.items() if isinstance(said, RegistryBusy)}
            # Where nothing was answered the order stays as it was.
            answered = {wanted[key].registry for key in found.keys() - busy}
            turns_kept = {key: it for key, it in wanted.items() if it.registry in answered}
            gone = {str(it) for it in turns_kept.values()}.intersection(waiting)
            unanswered = [str(it) for key, it in turns_kept.items() if key in busy]
            if gone or unanswered:
                self._store.leave_out(gone, unanswered)
        return found

    # --- what is asked ---

    def _tags(self, image: ImageRef, *, attempts: int, deadline: float | None) -> list[str]:
        registry = self._registry(image.registry)
        found: list[str] = []
        path, seen = f"/v2/{image.repository}/tags/list?n=1000", set[str]()
        while path not in seen and len(seen) < PAGES and len(found) < TAGS:
            seen.add(path)
            answer = registry.ask("GET", path, image.repository, attempts=attempts, deadline=deadline)
            if answer.status == 404 and len(seen) == 1:
                return []
            _check(answer, image.registry)
            body = answer.json()
            tags = (body.get("tags") or []) if isinstance(body, dict) else None
            if not isinstance(tags, list):
                raise FailedError(f"registry {image.registry} answers no list of tags for {image.repository}")
            found += tags_among(tags)
            try:
                after = next_page(answer.headers.get("link"), answer.url)
            except ValueError:
                raise FailedError(
                    f"registry {image.registry} names a next page of {image.repository} that is no address"
                ) from None
            if after is None:
                return found
            path = after
        raise FailedError(f"registry {image.registry} lists the tags of {image.repository} without end")

    def _digest(self, image: ImageRef, head: bool, *, attempts: int, deadline: float | None) -> str:
        """Return what a tag means, having seen that it is an image; `head` where that is likely known already."""
        if head:
            # Some registries count what is read and not what is only asked about.
            answer = self._manifest("HEAD", image, attempts=attempts, deadline=deadline)
            if answer.ok and (said := names_digest(image, answer)):
                if what := self._memory.kind(said):
                    raise NotAnImage(image, what, said)
                if what is not None:
                    return said
                image = image.pinned(image.tag, said)
        answer = self._manifest("GET", image, attempts=attempts, deadline=deadline)
        if answer.status == 404:
            raise self._not_found(image, deadline)
        _check(answer, image.registry)
        return self._checked(image, *read_manifest(image, answer))

    def _checked(self, image: ImageRef, digest: str, manifest: dict[str, Any]) -> str:
        """Return the digest of a manifest that describes an image; raise NotAnImage for any other."""
        try:
            check_manifest(image, digest, manifest)
        except NotAnImage as error:
            self._memory.learn(digest, error.what)
            raise
        self._memory.learn(digest, "")
        return digest

    def _manifest(self, method: str, image: ImageRef, *, attempts: int, deadline: float | None) -> Answer:
        path = f"/v2/{image.repository}/manifests/{image.digest or image.tag or 'latest'}"
        registry = self._registry(image.registry)
        return registry.ask(method, path, image.repository, _ACCEPT, attempts=attempts, deadline=deadline)

    def _facts(self, image: ImageRef, platform: str, until: float) -> ImageFacts:
        digest, manifest = self._document(image, until)
        if self._store is not None and (known := self._store.facts([digest], platform)):
            self._checked(image, digest, manifest)
            return known[digest]
        platforms: tuple[str, ...] = ()
        of = ""
        if is_index(manifest):
            check_manifest(image, digest, manifest)
            images = children(manifest)
            platforms = tuple(it for it, _ in images if it)
            child = chosen_child(images, platform)
            if child is None:
                return ImageFacts(digest, None, platforms, {}, datetime.now(UTC))
            _, manifest = self._document(image.pinned(None, child), until)
            of = platform
        self._checked(image, digest, manifest)
        blob = config_of(manifest)
        config = self._blob(image, blob, until) if blob else {}
        return facts_from(digest, config, platforms, datetime.now(UTC), of)

    def _document(self, image: ImageRef, until: float) -> tuple[str, dict[str, Any]]:
        """Read a manifest or an index, and see that it is what its digest says."""
        answer = self._manifest("GET", image, attempts=ATTEMPTS, deadline=until)
        if answer.status == 404:
            raise ImageNotFound(f"{image.registry} has no image {image}")
        _check(answer, image.registry)
        return read_manifest(image, answer)

    def _blob(self, image: ImageRef, digest: str, until: float) -> dict[str, Any]:
        """Read an image's configuration."""
        path = f"/v2/{image.repository}/blobs/{digest}"
        registry = self._registry(image.registry)
        answer = registry.ask("GET", path, image.repository, attempts=ATTEMPTS, deadline=until)
        blob = image.pinned(None, digest)
        if answer.status == 404:
            raise ImageNotFound(f"{image.registry} has no {blob}, which {image} needs")
        _check(answer, image.registry)
        return read_config(answer, proven(blob, answer) is not None)

    def _not_found(self, image: ImageRef, deadline: float | None) -> ImageNotFound:
        if image.digest:
            return ImageNotFound(
                f"{image.registry} has no image {image}", hint="was it deleted? build it again"
            )
        known = self._tags(image, attempts=1, deadline=deadline)
        if not known:
            return ImageNotFound(
                f"{image.registry} has no repository {image.repository}", hint="push an image there first"
            )
        near = did_you_mean(image.tag or "latest", known[-200:]) if len(known) < 10_000 else ""
        return ImageNotFound(f"{image.name} has no tag {image.tag or 'latest'}{near[:400]}")


def _check(answer: Answer, registry: str) -> None:
    if answer.status in (401, 403):
        raise RegistryDenied(f"registry {registry} does not allow this", hint=f"docker login {registry}")
    if not answer.ok:
        raise FailedError(f"registry {registry} answers {answer.status} to {urlsplit(answer.url).path}")
