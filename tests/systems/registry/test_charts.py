"""Charts as registries and chart repositories serve them: taken where they are what the digest says."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from headway.domain.rendering.place import RemoteChart
from headway.errors import FailedError, HeadwayError, RegistryDenied, TransientError, UsageError
from headway.systems.registry.charts import ChartSources, NoSuchChart
from tests.charts import ChartRepository, packed, pushed, sha256
from tests.servers.registry import FakeRegistry

ARCHIVE = packed({"Chart.yaml": "name: shop\nversion: 1.2.3+a\n"})
OTHER = packed({"Chart.yaml": "name: shop\nversion: 1.2.3+b\n"})


@pytest.fixture
def repository() -> Iterator[ChartRepository]:
    made = ChartRepository()
    yield made
    made.close()


@pytest.fixture
def sources(tmp_path: Path) -> Iterator[ChartSources]:
    """Sources that may ask any host, with the logins of a file."""
    with ChartSources(str(tmp_path), lambda host: True) as made:
        yield made


def in_registry(registry: FakeRegistry, digest: str = "") -> RemoteChart:
    return RemoteChart(ref=f"oci://{registry.host}/charts/shop", version="1.2.3+a", digest=digest)


def in_repository(repository: ChartRepository, digest: str = "") -> RemoteChart:
    return RemoteChart(repo=repository.url, name="shop", version="1.2.3", digest=digest)


def log_in(tmp_path: Path, host: str) -> None:
    auth = base64.b64encode(b"ann:secret").decode()
    (tmp_path / "config.json").write_text(json.dumps({"auths": {host: {"auth": auth}}}))


@pytest.mark.parametrize("auth", ["", "basic", "bearer"])
def test_a_registrys_chart_is_had_with_dockers_login(
    registry: FakeRegistry, sources: ChartSources, tmp_path: Path, auth: str
) -> None:
    """Its manifest comes with it: that is what the digest is of. A tag has no plus sign, as with Helm."""
    digest = pushed(registry, "charts/shop", "1.2.3_a", ARCHIVE)
    registry.auth = auth
    log_in(tmp_path, registry.host)
    assert sources.digest_now(in_registry(registry)) == digest
    manifest, archive = sources.fetch(in_registry(registry, digest))
    assert (sha256(manifest), archive) == (digest, ARCHIVE)


def test_a_repositorys_chart_is_had_with_a_login_for_it_alone(
    repository: ChartRepository, sources: ChartSources, tmp_path: Path
) -> None:
    digest = repository.put("1.2.3", ARCHIVE)
    log_in(tmp_path, repository.host)
    assert sources.digest_now(in_repository(repository)) == digest
    assert sources.fetch(in_repository(repository, digest)) == (ARCHIVE,)
    assert {it.headers.get("authorization", "")[:6] for it in repository.server.sent} == {"Basic "}


@pytest.mark.parametrize("said", [None, ""])
def test_another_content_under_the_same_version_is_refused_with_its_digest(
    repository: ChartRepository, registry: FakeRegistry, sources: ChartSources, said: str | None
) -> None:
    """Whether the index says the digest, or only the archive does; a registry is asked for the digest itself."""
    now = repository.put("1.2.3", OTHER, digest=said)
    with pytest.raises(NoSuchChart) as refused:
        sources.fetch(in_repository(repository, sha256(ARCHIVE)))
    assert refused.value.digest == now
    now = pushed(registry, "charts/shop", "1.2.3_a", OTHER)
    with pytest.raises(NoSuchChart) as refused:
        sources.fetch(in_registry(registry, sha256(ARCHIVE)))
    assert refused.value.digest == now


def test_an_index_that_lies_is_found_out(repository: ChartRepository, sources: ChartSources) -> None:
    """It says the digest that is pinned, and has another archive."""
    repository.put("1.2.3", OTHER, digest=sha256(ARCHIVE).removeprefix("sha256:"))
    with pytest.raises(NoSuchChart):
        sources.fetch(in_repository(repository, sha256(ARCHIVE)))


def test_a_registry_that_lies_is_found_out(registry: FakeRegistry, sources: ChartSources) -> None:
    """Other content under the digest of the manifest, or under that of the archive."""
    digest = pushed(registry, "charts/shop", "1.2.3_a", ARCHIVE)
    media, data = registry.content[sha256(ARCHIVE)]
    registry.content[sha256(ARCHIVE)] = (media, OTHER)
    with pytest.raises(FailedError, match="with other content"):
        sources.fetch(in_registry(registry, digest))
    registry.content[sha256(ARCHIVE)] = (media, data)
    media, data = registry.content[digest]
    registry.content[digest] = (media, data + b" ")
    with pytest.raises(FailedError, match="with other content"):
        sources.fetch(in_registry(registry, digest))


def test_an_image_is_no_chart(registry: FakeRegistry, sources: ChartSources) -> None:
    digest = registry.tag("charts/shop", "1.2.3_a")
    for pin in ("", digest):
        with pytest.raises(FailedError, match="is an image, not a chart"):
            (sources.fetch if pin else sources.digest_now)(in_registry(registry, pin))


def test_an_archive_that_is_too_large_is_not_fetched(registry: FakeRegistry, sources: ChartSources) -> None:
    digest = pushed(registry, "charts/shop", "1.2.3_a", ARCHIVE)
    media, data = registry.content[digest]
    value = json.loads(data)
    value["layers"][0]["size"] = 1 << 40
    digest = registry.tag("charts/shop", "1.2.3_a", registry.manifest(value, media))
    with pytest.raises(FailedError, match="20 MB at most"):
        sources.fetch(in_registry(registry, digest))
    assert registry.count("/blobs/") == 0


def test_what_is_not_there_is_said(
    repository: ChartRepository, registry: FakeRegistry, sources: ChartSources
) -> None:
    repository.put("1.0.0", ARCHIVE)
    with pytest.raises(NoSuchChart, match=r"no version 1\.2\.3 of shop"):
        sources.digest_now(in_repository(repository))
    with pytest.raises(NoSuchChart, match="no chart cart"):
        sources.digest_now(replace(in_repository(repository), name="cart"))
    with pytest.raises(NoSuchChart, match=r"has no oci://.*/charts/shop:1\.2\.3"):
        sources.digest_now(in_registry(registry))


@pytest.mark.parametrize("status", [500, 503, 429])
def test_what_may_pass_is_worth_another_try(
    repository: ChartRepository, registry: FakeRegistry, sources: ChartSources, status: int
) -> None:
    repository.server.standing["/charts/index.yaml"] = lambda sent: (status, b"", {})
    with pytest.raises(TransientError):
        sources.digest_now(in_repository(repository))
    registry.mood = lambda path: (503, {})
    with pytest.raises(TransientError):
        sources.digest_now(in_registry(registry))


@pytest.mark.parametrize(
    ("answer", "error", "said"),
    [
        ((401, b"", {}), RegistryDenied, "does not let this user"),
        ((418, b"", {}), FailedError, "answers 418"),
        ((200, b"a: [", {}), UsageError, "is not readable"),
        ((200, b"\xff", {}), UsageError, "is not readable"),
        ((200, b"entries: 5", {}), NoSuchChart, "no chart shop"),
        ((302, b"", {"Location": "http://charts.example.com/"}), FailedError, "without TLS"),
        ((302, b"", {"Location": "file:///etc/passwd"}), FailedError, "without TLS"),
        ((302, b"", {"Location": "/charts/index.yaml"}), FailedError, "redirects for ever"),
    ],
)
def test_an_index_that_is_none(
    repository: ChartRepository,
    sources: ChartSources,
    answer: tuple[int, bytes, dict[str, str]],
    error: type[HeadwayError],
    said: str,
) -> None:
    repository.server.standing["/charts/index.yaml"] = lambda sent: answer
    with pytest.raises(error, match=said):
        sources.digest_now(in_repository(repository))


def test_an_archive_on_another_host_needs_leave_too(repository: ChartRepository, tmp_path: Path) -> None:
    """Named in the index, or by a redirect; nothing is asked there, and no login goes there."""
    other = ChartRepository()
    log_in(tmp_path, repository.host)
    digest = repository.put("1.2.3", ARCHIVE, url=f"{other.url}/shop-1.2.3.tgz")
    chart = in_repository(repository, digest)
    with (
        ChartSources(str(tmp_path), lambda host: host == repository.host) as sources,
        pytest.raises(FailedError, match=f"keeps it on {other.host}") as refused,
    ):
        sources.fetch(chart)
    assert refused.value.hint == f"add {other.host} to HEADWAY_CHART_HOSTS"
    assert other.asked() == []
    other.put("1.2.3", ARCHIVE)
    with ChartSources(str(tmp_path), lambda host: True) as sources:
        assert sources.fetch(chart) == (ARCHIVE,)
    assert ["authorization" in it.headers for it in other.server.sent] == [False]
    other.close()
