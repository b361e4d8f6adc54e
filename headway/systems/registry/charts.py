"""Helm charts, as registries (OCI) and chart repositories (index.yaml) serve them: their bytes, proven by a digest.

It keeps nothing, unpacks nothing, and follows a repository to no host that was not allowed.
"""

from __future__ import annotations

import base64
import hashlib
import re
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Self
from urllib.parse import urljoin, urlsplit

from headway.domain.images.artifacts import IMAGE_MANIFESTS, what_it_is
from headway.domain.images.reference import HUB, ImageRef
from headway.domain.rendering.archive import CHART_CONFIG, chart_layer
from headway.domain.rendering.chart_index import Listed, listed
from headway.domain.rendering.place import RemoteChart
from headway.errors import FailedError, RegistryDenied, UsageError
from headway.systems.machine.logins import DockerConfig
from headway.systems.registry.auth import address
from headway.systems.registry.http import Registry
from headway.systems.registry.manifests import NotAnImage, read_manifest
from headway.systems.registry.wire import REDIRECTS, Answer, Wire

SECONDS = 60.0
"""For one chart, with everything that is asked for it."""
ARCHIVE = 20 << 20
INDEX = 40 << 20
"""Bytes. Public indexes of ten years have 20 MB."""
ATTEMPTS = 2
_LOOPBACK = re.compile(r"(localhost|127\.\d+\.\d+\.\d+|\[::1\])(:\d+)?")


class NoSuchChart(UsageError):
    """What is pinned is not there; `digest` is what the version has now, where there is such a version."""

    def __init__(self, message: str, digest: str = "") -> None:
        super().__init__(message)
        self.digest = digest


class ChartSources:
    """Where charts are fetched from, with Docker's logins. `allows` says which hosts may be asked."""

    def __init__(self, docker_config: str | None, allows: Callable[[str], bool]) -> None:
        self._logins, self._allows = DockerConfig(docker_config), allows
        self._registries: dict[str, Registry] = {}
        self._wires: dict[str, Wire] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for registry in self._registries.values():
            registry.close()
        for wire in self._wires.values():
            wire.close()

    def fetch(self, chart: RemoteChart) -> tuple[bytes, ...]:
        """Return what a pinned chart is made of: its archive last, and before it the manifest that names it.

        Raises NoSuchChart where the digest is not that of the version, TransientError where nobody answers now,
        FailedError for an answer that is no chart.
        """
        until = time.monotonic() + SECONDS
        if chart.ref:
            manifest = self._manifest(chart, chart.digest, until)
            layer = chart_layer(manifest)
            if layer.size > ARCHIVE:
                raise FailedError(f"it has {layer.size >> 20} MB, and {ARCHIVE >> 20} MB at most are taken")
            return manifest, self._blob(chart, layer.digest, until)
        listed = self._listed(chart, until)
        if listed.digest and listed.digest != chart.digest:
            raise NoSuchChart(f"the repository has another {chart.version}", listed.digest)
        archive = self._get(chart, listed.url, ARCHIVE, until).body
        if (found := _sha256(archive)) != chart.digest:
            raise NoSuchChart(f"the repository has another {chart.version}", found)
        return (archive,)

    def digest_now(self, chart: RemoteChart) -> str:
        """Return the digest that a chart's version has now; raise NoSuchChart where there is no such version."""
        until = time.monotonic() + SECONDS
        if chart.ref:
            return _sha256(self._manifest(chart, "", until))
        listed = self._listed(chart, until)
        return listed.digest or _sha256(self._get(chart, listed.url, ARCHIVE, until).body)

    # --- registries ---

    def _manifest(self, chart: RemoteChart, digest: str, until: float) -> bytes:
        """Read a manifest by its digest, or by the version where there is none; see that it is a chart's."""
        registry, image = self._registry(chart, digest)
        path = f"/v2/{image.repository}/manifests/{image.digest or image.tag}"
        accept = IMAGE_MANIFESTS[0]
        answer = registry.ask("GET", path, image.repository, accept, attempts=ATTEMPTS, deadline=until)
        if answer.status == 404:
            if not digest:
                raise NoSuchChart(f"the registry has no {chart.address}:{chart.version}")
            raise NoSuchChart("the registry has no such digest", self.digest_now(chart))
        _check(answer, chart.host)
        try:
            _, manifest = read_manifest(image, answer)
        except NotAnImage as error:
            raise FailedError(f"{chart.address} is {error.what}, not a chart") from None
        config = manifest.get("config")
        if not isinstance(config, dict) or config.get("mediaType") != CHART_CONFIG:
            raise FailedError(f"{chart.address} is {what_it_is(manifest) or 'an image'}, not a chart")
        return answer.body

    def _blob(self, chart: RemoteChart, digest: str, until: float) -> bytes:
        registry, image = self._registry(chart, digest)
        path = f"/v2/{image.repository}/blobs/{digest}"
        answer = registry.ask("GET", path, image.repository, attempts=ATTEMPTS, deadline=until)
        _check(answer, chart.host)
        if _sha256(answer.body) != digest:
            raise FailedError(f"registry {chart.host} answers {digest} with other content")
        return answer.body

    def _registry(self, chart: RemoteChart, digest: str) -> tuple[Registry, ImageRef]:
        host, _, repository = chart.ref.removeprefix("oci://").partition("/")
        name = HUB if address(HUB) == f"https://{host}" else host
        if name not in self._registries:
            self._registries[name] = Registry(name, self._logins)
            self._registries[name].wire.largest = ARCHIVE
        # Helm's own rule: a tag has no plus sign.
        return self._registries[name], ImageRef(
            name, repository, chart.version.replace("+", "_"), digest or None
        )

    # --- repositories ---

    def _listed(self, chart: RemoteChart, until: float) -> Listed:
        answer = self._get(chart, f"{chart.repo}/index.yaml", INDEX, until)
        try:
            found = listed(answer.body, chart.name, chart.version)
        except KeyError as missing:
            raise NoSuchChart(f"the repository has {missing.args[0]}") from None
        return replace(found, url=urljoin(f"{chart.repo}/", found.url))

    def _get(self, chart: RemoteChart, url: str, largest: int, until: float) -> Answer:
        """Ask for a file of a repository, where it sends us to an allowed host; its login goes to itself alone."""
        for _ in range(REDIRECTS):
            try:
                parts = urlsplit(url)
                host = parts.netloc.rpartition("@")[2].lower()
            except ValueError:
                raise FailedError(f"{chart.host} names something that is no address") from None
            if parts.scheme != "https" and not (parts.scheme == "http" and _LOOPBACK.fullmatch(host)):
                raise FailedError(f"{chart.host} sends us to an address without TLS, on {host or 'no host'}")
            if not self._allows(host):
                raise FailedError(
                    f"{chart.host} keeps it on {host}, from which nothing may be fetched",
                    hint=f"add {host} to HEADWAY_CHART_HOSTS",
                )
            wire = self._wires.setdefault(host, Wire(host, f"{parts.scheme}://{host}", "/"))
            wire.largest = largest
            headers = self._login(chart, host)
            answer = wire.exchange(f"chart repository {host}", "GET", url, headers, until)
            if answer.status not in (301, 302, 303, 307, 308):
                if answer.status == 404:
                    raise NoSuchChart(f"the repository has no {urlsplit(url).path}")
                _check(answer, host)
                return answer
            url = urljoin(url, answer.headers.get("location", ""))
        raise FailedError(f"{chart.host} redirects for ever")

    def _login(self, chart: RemoteChart, host: str) -> dict[str, str]:
        login = self._logins.login(host) if host == chart.host else None
        if login is None or not login.username:
            return {}
        said = base64.b64encode(f"{login.username}:{login.password}".encode()).decode()
        return {"Authorization": f"Basic {said}"}


def _check(answer: Answer, host: str) -> None:
    if answer.status in (401, 403):
        raise RegistryDenied(f"{host} does not let this user have the chart", hint=f"docker login {host}")
    if not answer.ok:
        raise FailedError(f"{host} answers {answer.status} to {urlsplit(answer.url).path}")


def _sha256(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"
