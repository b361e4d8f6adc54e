"""Registries, by the OCI distribution API: what a tag means now, and whether an image is there.

It asks and never writes. A login is used only at the registry that it is for, or
at the token server which that registry names.
"""

from __future__ import annotations

import base64
import hashlib
import re
import threading
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Self
from urllib.parse import urljoin, urlsplit

import httpx

from headway.domain.configtext import did_you_mean
from headway.domain.images import ImageRef
from headway.errors import FailedError, TransientError, UsageError
from headway.systems.docker_config import DockerConfig, Login
from headway.systems.registry_auth import Challenge, address, next_page, parse_challenge, retry_after

SIDE_BY_SIDE = 8
_ACCEPT = ", ".join(
    (
        "application/vnd.oci.image.index.v1+json",
        "application/vnd.docker.distribution.manifest.list.v2+json",
        "application/vnd.oci.image.manifest.v1+json",
        "application/vnd.docker.distribution.manifest.v2+json",
    )
)
_DIGEST = re.compile(r"sha(?:256|384|512):[0-9a-f]{64,128}")


class ImageNotFound(UsageError):
    """The registry says that it has no such image."""


class RegistryDenied(FailedError):
    """The registry does not let us in."""


class RegistryBusy(TransientError):
    """The registry cannot answer now; `retry_after` is in seconds, where it said."""

    def __init__(self, message: str, *, hint: str = "", retry_after: float | None = None) -> None:
        super().__init__(message, hint=hint)
        self.retry_after = retry_after


class RegistryClient:
    """A client for every registry that images name. Safe to use from several threads."""

    def __init__(self, docker_config: str | None = None) -> None:
        self._logins = DockerConfig(docker_config)
        self._client = httpx.Client(timeout=httpx.Timeout(30, connect=10), follow_redirects=True)
        self._authorizations: dict[tuple[str, str], str] = {}
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def resolve(self, image: ImageRef) -> str:
        """Give the digest that a tag means now, or that the image is pinned to, having seen that it is there.

        Raises ImageNotFound, RegistryDenied, or RegistryBusy.
        """
        path = f"/v2/{image.repository}/manifests/{image.digest or image.tag or 'latest'}"
        response = self._ask("HEAD", image.registry, path, image.repository)
        digest = response.headers.get("docker-content-digest", "")
        if response.status_code == 405 or (response.is_success and not _DIGEST.fullmatch(digest)):
            response = self._ask("GET", image.registry, path, image.repository)
            digest = "sha256:" + hashlib.sha256(response.content).hexdigest()
        if response.status_code == 404:
            raise self._not_found(image)
        _check(response, image.registry)
        if image.digest and digest != image.digest:
            raise FailedError(f"{image.registry} answers {image} with another image: {digest}")
        return digest

    def exists(self, image: ImageRef) -> bool:
        """Say whether the registry has an image."""
        path = f"/v2/{image.repository}/manifests/{image.digest or image.tag or 'latest'}"
        response = self._ask("HEAD", image.registry, path, image.repository)
        if response.status_code == 404:
            return False
        _check(response, image.registry)
        return True

    def missing(self, images: Iterable[ImageRef]) -> list[ImageRef]:
        """Give those images that their registries do not have."""
        wanted = list(images)
        if not wanted:
            return []
        with ThreadPoolExecutor(max_workers=min(SIDE_BY_SIDE, len(wanted))) as pool:
            there = list(pool.map(self.exists, wanted))
        return [image for image, found in zip(wanted, there, strict=True) if not found]

    def tags(self, image: ImageRef) -> list[str]:
        """List a repository's tags, all pages of them; none for a repository that does not exist."""
        found: list[str] = []
        path: str | None = f"/v2/{image.repository}/tags/list?n=1000"
        while path:
            response = self._ask("GET", image.registry, path, image.repository)
            if response.status_code == 404:
                return []
            _check(response, image.registry)
            found += response.json().get("tags") or []
            link = next_page(response.headers.get("link"))
            # Only the path counts: a login must not follow a link to another host.
            after = urlsplit(urljoin(str(response.url), link)) if link else None
            path = f"{after.path}?{after.query}" if after else None
        return found

    def check(self, registry: str) -> str:
        """Say that a registry answers and takes the login; raise RegistryDenied or RegistryBusy otherwise."""
        response = self._ask("GET", registry, "/v2/", "")
        _check(response, registry)
        login = self._logins.login(registry)
        return f"answers, login from {login.source}" if login else "answers, without a login"

    def _ask(self, method: str, registry: str, path: str, repository: str) -> httpx.Response:
        key = (registry, repository)
        response = self._send(method, registry, path, self._authorizations.get(key))
        if response.status_code != 401:
            return response
        # Tokens run out; a fresh one is fetched once, and a second 401 is the answer.
        challenge = parse_challenge(response.headers.get("www-authenticate", ""))
        login = self._logins.login(registry)
        authorization = self._answer(challenge, login, registry, repository) if challenge else None
        if authorization is not None:
            with self._lock:
                self._authorizations[key] = authorization
            response = self._send(method, registry, path, authorization)
        if response.status_code in (401, 403):
            raise _denied(registry, login)
        return response

    def _send(self, method: str, registry: str, path: str, authorization: str | None) -> httpx.Response:
        headers = {"Accept": _ACCEPT, **({"Authorization": authorization} if authorization else {})}
        try:
            response = self._client.request(method, address(registry) + path, headers=headers)
        except httpx.HTTPError as error:
            raise RegistryBusy(
                f"registry {registry} does not answer: {type(error).__name__}",
                hint=f"is it running and reachable from here? try: curl {address(registry)}/v2/",
            ) from None
        if response.status_code == 429 or response.status_code >= 500:
            raise RegistryBusy(
                f"registry {registry} answers {response.status_code}",
                retry_after=retry_after(response.headers.get("retry-after")),
            )
        return response

    def _answer(
        self, challenge: Challenge, login: Login | None, registry: str, repository: str
    ) -> str | None:
        if challenge.scheme == "basic":
            return _basic(login) if login else None
        scope = challenge.scope or (f"repository:{repository}:pull" if repository else "")
        query = {name: it for name, it in (("service", challenge.service), ("scope", scope)) if it}
        try:
            if login and login.identity_token:
                form = {
                    **query,
                    "grant_type": "refresh_token",
                    "refresh_token": login.identity_token,
                    "client_id": "headway",
                }
                response = self._client.post(challenge.realm, data=form)
            else:
                headers = {"Authorization": _basic(login)} if login else {}
                response = self._client.get(challenge.realm, params=query, headers=headers)
        except (httpx.HTTPError, httpx.InvalidURL):
            raise RegistryBusy(f"the token server of {registry} does not answer") from None
        if response.status_code == 429 or response.status_code >= 500:
            raise RegistryBusy(f"the token server of {registry} answers {response.status_code}")
        if not response.is_success:
            raise _denied(registry, login)
        body: dict[str, Any] = response.json()
        return f"Bearer {body.get('token') or body.get('access_token')}"

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


def _basic(login: Login) -> str:
    return "Basic " + base64.b64encode(f"{login.username}:{login.password}".encode()).decode()


def _denied(registry: str, login: Login | None) -> RegistryDenied:
    if login is None:
        return RegistryDenied(
            f"registry {registry} wants a login, and there is none", hint=f"docker login {registry}"
        )
    return RegistryDenied(
        f"registry {registry} refuses the login from {login.source}", hint=f"docker login {registry}"
    )


def _check(response: httpx.Response, registry: str) -> None:
    if response.status_code in (401, 403):
        raise RegistryDenied(f"registry {registry} does not allow this", hint=f"docker login {registry}")
    if not response.is_success:
        raise FailedError(
            f"registry {registry} answers {response.status_code} to {response.request.url.path}"
        )
