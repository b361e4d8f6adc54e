"""Registries, by the OCI distribution API: what a tag means, which tags there are, what an image is.

It asks and never writes. Many questions are asked at once, each registry at its own pace,
and what cannot change is asked once ever.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Self, TypeVar
from urllib.parse import urlsplit

from headway.domain.artifacts import IMAGE_MANIFESTS
from headway.domain.configtext import did_you_mean
from headway.domain.facts import (
    INDEXES,
    USUAL,
    ImageFacts,
    children,
    chosen_child,
    config_of,
    facts_from,
    is_index,
)
from headway.domain.images import ImageRef, tags_among
from headway.errors import FailedError, HeadwayError, UsageError
from headway.systems.docker_config import DockerConfig
from headway.systems.facts import FactStore
from headway.systems.registry_auth import next_page
from headway.systems.registry_http import Registry
from headway.systems.registry_manifests import (
    NotAnImage,
    judge,
    names_digest,
    proven,
    read_config,
    read_manifest,
)
from headway.systems.registry_scan import SCAN, scan
from headway.systems.registry_wire import Answer, RegistryBusy, RegistryDenied

__all__ = ["ImageNotFound", "NotAnImage", "RegistryBusy", "RegistryClient", "RegistryDenied"]

ATTEMPTS = 3
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
        self._kinds: dict[str, str] = {}
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
        deadline = time.monotonic() + BRIEFLY if briefly else None
        digest = self._digest(image, image.digest is not None, attempts=1, deadline=deadline)
        self._keep_kinds()
        return digest

    def exists(self, image: ImageRef) -> bool:
        """Say whether the registry has an image."""
        return self._exists(image, None)

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
        """Give those images that their registries do not have, or raise what keeps one from saying so soon."""
        wanted = {it: it for it in images}
        found = self._scan(wanted, self._exists, seconds=BRIEFLY)
        for said in found.values():
            if isinstance(said, HeadwayError):
                raise said
        return [image for image in wanted if not found[image]]

    def tags(self, image: ImageRef) -> list[str]:
        """List a repository's tags, all pages of them; none for a repository that does not exist."""
        return self._tags(image, attempts=1, deadline=None)

    def check(self, registry: str) -> str:
        """Say that a registry answers and takes the login; raise RegistryDenied or RegistryBusy otherwise."""
        asked = self._registry(registry)
        _check(asked.ask("GET", "/v2/", ""), registry)
        login = asked.access.login()
        return f"answers, login from {login.source}" if login else "answers, without a login"

    # --- many at once ---

    def scan_tags(
        self,
        images: Iterable[ImageRef],
        on_done: Callable[[str, list[str] | HeadwayError], None] = lambda name, found: None,
    ) -> dict[str, list[str] | HeadwayError]:
        """List the tags of many repositories by name, or say why not: one request each, and its pages.

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
        known = {} if fresh else self._known(wanted)
        asked = {it: it for it in wanted if it not in known}
        found: dict[ImageRef, str | HeadwayError] = self._scan(
            asked, lambda image, until: self._digest(image, fresh, attempts=ATTEMPTS, deadline=until)
        )
        self._remember([], found)
        return {it: known.get(it) or found[it] for it in wanted}

    def scan_facts(
        self, images: Iterable[ImageRef], *, fresh: bool = False, platform: str = ""
    ) -> dict[ImageRef, ImageFacts | HeadwayError]:
        """Give the facts of what many tags mean; an unknown one costs two requests, an index of images three.

        Time and labels of an index are those of its image for `platform`. The facts of a digest are asked
        once ever, and without `fresh` a remembered tag costs nothing.
        """
        wanted, platform = list(dict.fromkeys(images)), platform or USUAL
        known = {} if fresh else self._known(wanted)
        digests = [it for it in known.values() if isinstance(it, str)]
        facts = self._store.facts(digests, platform) if self._store is not None else {}
        done: dict[ImageRef, ImageFacts | HeadwayError] = {}
        for it, said in known.items():
            if isinstance(said, NotAnImage):
                done[it] = said
            elif said in facts:
                done[it] = facts[said]
        asked = {it: it for it in wanted if it not in done}
        keeping: list[tuple[ImageRef, ImageFacts]] = []

        def keep(image: ImageRef, found: ImageFacts | HeadwayError) -> None:
            if isinstance(found, ImageFacts):
                keeping.append((image, found))
            if len(keeping) >= KEPT_AT_ONCE:
                self._remember(keeping)

        done |= self._scan(asked, lambda image, until: self._facts(image, platform, until), keep)
        self._remember(keeping, done)
        return {it: done[it] for it in wanted}

    def forget(self, image: ImageRef) -> None:
        """Trust no longer what is remembered of a tag: something says that it may have moved."""
        if self._store is not None:
            self._store.forget(image.name, image.tag or "")

    def _known(self, images: Iterable[ImageRef]) -> dict[ImageRef, str | NotAnImage]:
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

    def _remember(
        self, keeping: list[tuple[ImageRef, ImageFacts]], found: Mapping[ImageRef, object] | None = None
    ) -> None:
        tags = {(image.name, image.tag or ""): facts.digest for image, facts in keeping}
        for image, said in (found or {}).items():
            if isinstance(said, NotAnImage):
                self._kinds[said.digest] = said.what
                tags[image.name, image.tag or ""] = said.digest
            elif isinstance(said, str):
                tags[image.name, image.tag or ""] = said
        if self._store is not None and (keeping or tags):
            self._store.remember((facts for _, facts in keeping), tags)
        self._keep_kinds()
        keeping.clear()

    def _keep_kinds(self) -> None:
        if self._store is not None and self._kinds:
            self._store.remember(kinds=self._kinds.copy())
            self._kinds.clear()

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
        if self._store is not None:
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
                if what := self._kind(said):
                    raise NotAnImage(image, what, said)
                if what is not None:
                    return said
                image = image.pinned(image.tag, said)
        answer = self._manifest("GET", image, attempts=attempts, deadline=deadline)
        if answer.status == 404:
            raise self._not_found(image)
        _check(answer, image.registry)
        return self._judged(image, *read_manifest(image, answer))

    def _judged(self, image: ImageRef, digest: str, manifest: dict[str, Any]) -> str:
        """Return the digest of a manifest that describes an image; raise NotAnImage for any other."""
        try:
            judge(image, digest, manifest)
        except NotAnImage as error:
            self._kinds[digest] = error.what
            raise
        self._kinds[digest] = ""
        return digest

    def _kind(self, digest: str) -> str | None:
        """Return what is known of a digest: empty for an image, or what else it is; None where nothing is."""
        if digest in self._kinds or self._store is None:
            return self._kinds.get(digest)
        return self._store.kinds([digest]).get(digest)

    def _manifest(self, method: str, image: ImageRef, *, attempts: int, deadline: float | None) -> Answer:
        path = f"/v2/{image.repository}/manifests/{image.digest or image.tag or 'latest'}"
        registry = self._registry(image.registry)
        return registry.ask(method, path, image.repository, _ACCEPT, attempts=attempts, deadline=deadline)

    def _facts(self, image: ImageRef, platform: str, until: float) -> ImageFacts:
        digest, manifest = self._document(image, until)
        if self._store is not None and (known := self._store.facts([digest], platform)):
            self._judged(image, digest, manifest)
            return known[digest]
        platforms: tuple[str, ...] = ()
        of = ""
        if is_index(manifest):
            judge(image, digest, manifest)
            images = children(manifest)
            platforms = tuple(it for it, _ in images if it)
            child = chosen_child(images, platform)
            if child is None:
                return ImageFacts(digest, None, platforms, {}, datetime.now(UTC))
            _, manifest = self._document(image.pinned(None, child), until)
            of = platform
        self._judged(image, digest, manifest)
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

    def _not_found(self, image: ImageRef) -> ImageNotFound:
        if image.digest:
            return ImageNotFound(
                f"{image.registry} has no image {image}", hint="was it deleted? build it again"
            )
        known = self.tags(image)
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
