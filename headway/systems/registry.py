"""Registries, by the OCI distribution API: what a tag means, which tags there are, what an image is.

It asks and never writes. Many questions are asked at once, each registry at its own pace,
and what cannot change is asked once ever.
"""

from __future__ import annotations

import hashlib
import queue
import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future
from datetime import UTC, datetime
from typing import Any, Self, TypeVar
from urllib.parse import urljoin, urlsplit

from headway.domain.configtext import did_you_mean
from headway.domain.facts import INDEXES, ImageFacts, children, chosen_child, facts_from
from headway.domain.images import ImageRef
from headway.errors import FailedError, HeadwayError, UsageError
from headway.systems.docker_config import DockerConfig
from headway.systems.facts import FactStore
from headway.systems.registry_auth import next_page
from headway.systems.registry_http import Answer, Registry, RegistryBusy, RegistryDenied

__all__ = ["ImageNotFound", "RegistryBusy", "RegistryClient", "RegistryDenied"]

ATTEMPTS = 3
SCAN = 60.0
"""Seconds that a registry has for one scan."""
GRACE = 3.0
"""Seconds that a registry has when all others have answered; the rest is asked by the next scan."""
KEPT_AT_ONCE = 100

_ACCEPT = ", ".join(
    (
        *INDEXES,
        "application/vnd.oci.image.manifest.v1+json",
        "application/vnd.docker.distribution.manifest.v2+json",
    )
)
_DIGEST = re.compile(r"sha(?:256|384|512):[0-9a-f]{64,128}")
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
                self._registries[name] = Registry(name, self._logins)
            return self._registries[name]

    # --- one image ---

    def resolve(self, image: ImageRef) -> str:
        """Give the digest that a tag means now, or that the image is pinned to, having seen that it is there.

        Raises ImageNotFound, RegistryDenied, or RegistryBusy.
        """
        return self._digest(image, attempts=1, deadline=None)

    def exists(self, image: ImageRef) -> bool:
        """Say whether the registry has an image."""
        answer = self._manifest("HEAD", image, attempts=1, deadline=None)
        if answer.status == 404:
            return False
        _check(answer, image.registry)
        return True

    def missing(self, images: Iterable[ImageRef]) -> list[ImageRef]:
        """Give those images that their registries do not have."""
        wanted = list(images)
        found = [(it, self._registry(it.registry).pool.submit(self.exists, it)) for it in wanted]
        return [image for image, future in found if not future.result()]

    def tags(self, image: ImageRef) -> list[str]:
        """List a repository's tags, all pages of them; none for a repository that does not exist."""
        return self._tags(image, attempts=1, deadline=None)

    def check(self, registry: str) -> str:
        """Say that a registry answers and takes the login; raise RegistryDenied or RegistryBusy otherwise."""
        asked = self._registry(registry)
        _check(asked.ask("GET", "/v2/", ""), registry)
        login = asked.login
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
        """Give what many tags mean; what is remembered is not asked again, unless `fresh`."""
        wanted = list(dict.fromkeys(images))
        known = {} if fresh else self._known(wanted)
        asked = {it: it for it in wanted if it not in known}
        found: dict[ImageRef, str | HeadwayError] = self._scan(
            asked, lambda image, until: self._digest(image, attempts=ATTEMPTS, deadline=until)
        )
        if self._store is not None:
            new = {(it.name, it.tag or ""): digest for it, digest in found.items() if isinstance(digest, str)}
            self._store.remember(tags=new)
        return {it: known.get(it) or found[it] for it in wanted}

    def scan_facts(
        self, images: Iterable[ImageRef], *, fresh: bool = False
    ) -> dict[ImageRef, ImageFacts | HeadwayError]:
        """Give the facts of what many tags mean; an unknown one costs two requests, an index of images three.

        The facts of a digest are asked once ever, and without `fresh` a remembered tag costs nothing.
        """
        wanted = list(dict.fromkeys(images))
        known = {} if fresh else self._known(wanted)
        facts = self._store.facts(known.values()) if self._store is not None else {}
        done: dict[ImageRef, ImageFacts | HeadwayError] = {
            it: facts[digest] for it, digest in known.items() if digest in facts
        }
        asked = {it: it for it in wanted if it not in done}
        keeping: list[tuple[ImageRef, ImageFacts]] = []

        def keep(image: ImageRef, found: ImageFacts | HeadwayError) -> None:
            if isinstance(found, ImageFacts):
                keeping.append((image, found))
            if len(keeping) >= KEPT_AT_ONCE:
                self._remember(keeping)

        done |= self._scan(asked, lambda image, until: self._facts(image, until), keep)
        self._remember(keeping)
        return {it: done[it] for it in wanted}

    def forget(self, image: ImageRef) -> None:
        """Trust no longer what is remembered of a tag: something says that it may have moved."""
        if self._store is not None:
            self._store.forget(image.name, image.tag or "")

    def _known(self, images: Iterable[ImageRef]) -> dict[ImageRef, str]:
        if self._store is None:
            return {}
        by_name: dict[str, dict[str, ImageRef]] = {}
        for image in images:
            by_name.setdefault(image.name, {})[image.tag or ""] = image
        return {
            tags[tag]: digest
            for name, tags in by_name.items()
            for tag, digest in self._store.digests(name, tags).items()
        }

    def _remember(self, keeping: list[tuple[ImageRef, ImageFacts]]) -> None:
        if self._store is not None and keeping:
            tags = {(image.name, image.tag or ""): facts.digest for image, facts in keeping}
            self._store.remember((facts for _, facts in keeping), tags)
        keeping.clear()

    def _scan(
        self,
        wanted: Mapping[K, ImageRef],
        work: Callable[[ImageRef, float], V],
        on_done: Callable[[K, V | HeadwayError], None] = lambda key, found: None,
    ) -> dict[K, V | HeadwayError]:
        """Do the same for many images, each registry by itself; an error is a result."""
        until = time.monotonic() + SCAN
        futures: dict[Future[V], K] = {
            self._registry(image.registry).pool.submit(work, image, until): key
            for key, image in wanted.items()
        }
        ended: queue.SimpleQueue[Future[V]] = queue.SimpleQueue()
        for future in futures:
            future.add_done_callback(ended.put)
        left = Counter(image.registry for image in wanted.values())
        many = len(left) > 1
        found: dict[K, V | HeadwayError] = {}
        alone = 0.0
        while len(found) < len(futures):
            # One registry that is slow gets a little more time than all the others needed, not more.
            patience = (alone + GRACE if many and alone else until + 1) - time.monotonic()
            try:
                future = ended.get(timeout=max(patience, 0))
            except queue.Empty:
                break
            key = futures[future]
            result = _result(future)
            found[key] = result
            on_done(key, result)
            registry = wanted[key].registry
            left[registry] -= 1
            if not left[registry]:
                del left[registry]
                alone = time.monotonic() if len(left) == 1 else alone
        for future, key in futures.items():
            if key not in found:
                future.cancel()
                name = wanted[key].registry
                found[key] = RegistryBusy(f"registry {name} is slow; it is asked again by the next look")
        return found

    # --- what is asked ---

    def _tags(self, image: ImageRef, *, attempts: int, deadline: float | None) -> list[str]:
        registry = self._registry(image.registry)
        found: list[str] = []
        path: str | None = f"/v2/{image.repository}/tags/list?n=1000"
        while path:
            answer = registry.ask("GET", path, image.repository, attempts=attempts, deadline=deadline)
            if answer.status == 404:
                return []
            _check(answer, image.registry)
            body = answer.json()
            found += (body.get("tags") if isinstance(body, dict) else None) or []
            link = next_page(answer.headers.get("link"))
            # Only the path counts: a login must not follow a link to another host.
            after = urlsplit(urljoin(answer.url, link)) if link else None
            path = f"{after.path}?{after.query}" if after else None
        return found

    def _digest(self, image: ImageRef, *, attempts: int, deadline: float | None) -> str:
        answer = self._manifest("HEAD", image, attempts=attempts, deadline=deadline)
        digest = answer.headers.get("docker-content-digest", "")
        if answer.status == 405 or (answer.ok and not _DIGEST.fullmatch(digest)):
            answer = self._manifest("GET", image, attempts=attempts, deadline=deadline)
            digest = _sha256(answer.body)
        if answer.status == 404:
            raise self._not_found(image)
        _check(answer, image.registry)
        if image.digest and digest != image.digest:
            raise FailedError(f"{image.registry} answers {image} with another image: {digest}")
        return digest

    def _manifest(self, method: str, image: ImageRef, *, attempts: int, deadline: float | None) -> Answer:
        path = f"/v2/{image.repository}/manifests/{image.digest or image.tag or 'latest'}"
        registry = self._registry(image.registry)
        return registry.ask(method, path, image.repository, _ACCEPT, attempts=attempts, deadline=deadline)

    def _facts(self, image: ImageRef, until: float) -> ImageFacts:
        digest, manifest = self._document(image, until)
        if self._store is not None and (known := self._store.facts([digest])):
            return known[digest]
        platforms: tuple[str, ...] = ()
        if manifest.get("mediaType") in INDEXES or "manifests" in manifest:
            images = children(manifest)
            platforms = tuple(it for it, _ in images if it)
            child = chosen_child(images)
            if child is None:
                return ImageFacts(digest, None, platforms, {}, datetime.now(UTC))
            _, manifest = self._document(image.pinned(None, child), until)
        config = manifest.get("config")
        blob = config.get("digest") if isinstance(config, dict) else None
        if not isinstance(blob, str):
            return ImageFacts(digest, None, platforms, {}, datetime.now(UTC))
        registry = self._registry(image.registry)
        path = f"/v2/{image.repository}/blobs/{blob}"
        answer = registry.ask("GET", path, image.repository, attempts=ATTEMPTS, deadline=until)
        _check(answer, image.registry)
        if blob.startswith("sha256:") and _sha256(answer.body) != blob:
            raise FailedError(f"{image.registry} answers {image.name}@{blob} with other content")
        value = answer.json()
        return facts_from(digest, value if isinstance(value, dict) else {}, platforms, datetime.now(UTC))

    def _document(self, image: ImageRef, until: float) -> tuple[str, dict[str, Any]]:
        """Read a manifest or an index, and see that it is what its digest says."""
        answer = self._manifest("GET", image, attempts=ATTEMPTS, deadline=until)
        if answer.status == 404:
            raise ImageNotFound(f"{image.registry} has no image {image}")
        _check(answer, image.registry)
        digest = _sha256(answer.body)
        said = image.digest or answer.headers.get("docker-content-digest", "")
        if said.startswith("sha256:") and said != digest:
            raise FailedError(f"{image.registry} answers {image} with other content than its digest says")
        value = answer.json()
        return said or digest, value if isinstance(value, dict) else {}

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


def _result(future: Future[V]) -> V | HeadwayError:
    error = future.exception()
    if isinstance(error, HeadwayError):
        return error
    return future.result()


def _sha256(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


def _check(answer: Answer, registry: str) -> None:
    if answer.status in (401, 403):
        raise RegistryDenied(f"registry {registry} does not allow this", hint=f"docker login {registry}")
    if not answer.ok:
        raise FailedError(f"registry {registry} answers {answer.status} to {urlsplit(answer.url).path}")
