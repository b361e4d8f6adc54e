"""The registry client against a registry that speaks the real protocol, in all its moods."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from headway.errors import FailedError
from headway.systems.registry.client import (
    ImageNotFound,
    NotAnImage,
    RegistryBusy,
    RegistryClient,
    RegistryDenied,
)
from headway.systems.registry.facts import FactStore
from tests.servers.registry import INDEX, MANIFEST, FakeRegistry, facts

DAY = datetime(2026, 11, 1, tzinfo=UTC)


def test_tags_of_many_repositories_cost_one_request_each(
    registry: FakeRegistry, client: RegistryClient
) -> None:
    """However many repositories: a list each, and nothing else."""
    for number in range(30):
        registry.tag(f"r{number}", "1.0.0")
    found = client.scan_tags(registry.ref(f"r{number}") for number in range(30))
    assert list(found.values()) == [["1.0.0"]] * 30
    assert len(registry.asked) == 30


def test_pages_are_followed(registry: FakeRegistry, client: RegistryClient) -> None:
    """Lists come in pages, each named by the one before."""
    registry.page = 3
    names = [f"t{number:02}" for number in range(10)]
    for name in names:
        registry.tag("r", name)
    assert client.scan_tags([registry.ref("r")])[registry.ref("r").name] == names
    assert registry.count("/tags/list") == 4


def test_a_repository_that_is_not_there_has_no_tags(registry: FakeRegistry, client: RegistryClient) -> None:
    """Nothing was pushed yet: no error."""
    assert client.tags(registry.ref("nosuch")) == []


def test_facts_cost_two_requests_and_then_none(registry: FakeRegistry, tmp_path: Path) -> None:
    """Manifest and configuration once ever, also after a restart; three new tags cost six."""
    images = [registry.ref("r", f"t{number}") for number in range(20)]
    for number, image in enumerate(images):
        registry.tag(
            "r",
            image.tag or "",
            registry.image(DAY + timedelta(hours=number), config={"Labels": {"n": str(number)}}),
        )
    with RegistryClient(str(tmp_path), FactStore(tmp_path / "facts")) as client:
        found = client.scan_facts(images)
    assert [getattr(it, "created", it) for it in found.values()] == [
        DAY + timedelta(hours=n) for n in range(20)
    ]
    assert len(registry.asked) == 40
    new = [registry.ref("r", f"new{number}") for number in range(3)]
    for number, image in enumerate(new):
        registry.tag("r", image.tag or "", registry.image(DAY, number=number))
    with RegistryClient(str(tmp_path), FactStore(tmp_path / "facts")) as client:
        again = client.scan_facts([*images, *new])
        assert len(registry.asked) == 46
        assert {image: again[image] for image in images}.keys() == found.keys()
        first = facts(again[images[3]])
        assert (first.platforms, dict(first.labels)) == (("linux/amd64",), {"n": "3"})


def test_two_tags_of_one_digest_share_its_facts(registry: FakeRegistry, client: RegistryClient) -> None:
    """A second name of a known digest costs its manifest only."""
    digest = registry.tag("r", "a", registry.image(DAY))
    registry.tag("r", "b", digest)
    client.scan_facts([registry.ref("r", "a")])
    client.scan_facts([registry.ref("r", "b")])
    assert len(registry.asked) == 3


def test_a_remembered_tag_is_asked_again_when_it_may_have_moved(
    registry: FakeRegistry, client: RegistryClient
) -> None:
    """What a tag means is remembered, until somebody says that it moved or wants it fresh."""
    image = registry.ref("r", "latest")
    first = registry.tag("r", "latest", registry.image(DAY))
    assert client.scan_digests([image]) == {image: first}
    second = registry.tag("r", "latest", registry.image(DAY + timedelta(days=1)))
    assert client.scan_digests([image]) == {image: first}
    assert client.scan_digests([image], fresh=True) == {image: second}
    third = registry.tag("r", "latest", registry.image(DAY + timedelta(days=2)))
    client.forget(image)
    assert client.scan_digests([image]) == {image: third}
    # What moves is only asked about, and read where its digest is a new one.
    assert [method for method, _ in registry.asked] == ["GET", "HEAD", "GET", "GET"]
    assert client.scan_digests([image], fresh=True) == {image: third}
    assert [method for method, _ in registry.asked[4:]] == ["HEAD"]


def test_an_index_tells_its_platforms(registry: FakeRegistry, client: RegistryClient) -> None:
    """Platforms come from the index without its attestations, time and labels from the linux/amd64 image."""
    arm = registry.image(DAY, architecture="arm64")
    amd = registry.image(DAY + timedelta(hours=1), config={"Labels": {"of": "amd"}})
    attestation = registry.image(note="attestation")
    digest = registry.index(("linux/arm64/v8", arm), ("linux/amd64", amd), ("unknown/unknown", attestation))
    registry.tag("r", "1", digest)
    found = facts(client.scan_facts([registry.ref("r", "1")])[registry.ref("r", "1")])
    assert (found.digest, found.platforms) == (digest, ("linux/arm64/v8", "linux/amd64"))
    assert (found.created, dict(found.labels)) == (DAY + timedelta(hours=1), {"of": "amd"})
    assert len(registry.asked) == 3


def test_an_index_speaks_for_the_platform_that_is_asked_for(registry: FakeRegistry, tmp_path: Path) -> None:
    """A rule for arm64 orders by when arm64's image was made, whoever asked about the same index before."""
    image = registry.ref("r", "1")
    amd, arm = registry.image(DAY), registry.image(DAY + timedelta(hours=1), architecture="arm64")
    registry.tag("r", "1", registry.index(("linux/amd64", amd), ("linux/arm64/v8", arm)))
    for _ in range(2):
        with RegistryClient(str(tmp_path), FactStore(tmp_path / "facts")) as client:
            usual = facts(client.scan_facts([image])[image])
            other = facts(client.scan_facts([image], platform="linux/arm64")[image])
            none = facts(client.scan_facts([image], platform="linux/s390x")[image])
        assert [it.created for it in (usual, other, none)] == [DAY, DAY + timedelta(hours=1), DAY]
        assert len({it.digest for it in (usual, other, none)}) == 1
    assert len(registry.asked) == 9, "three for each platform, and none after a restart"


@pytest.mark.parametrize("created", ["0001-01-01T00:00:00Z", "1970-01-01T00:00:00Z", "yesterday", None, 7])
def test_an_image_without_a_time(registry: FakeRegistry, client: RegistryClient, created: object) -> None:
    """Reproducible builds say the epoch: that is no time to order by."""
    registry.tag("r", "1", registry.put(json.dumps({
        "schemaVersion": 2, "config": {"digest": registry.put(json.dumps({"created": created}).encode(), "x")},
    }).encode(), "x"))  # fmt: skip
    assert facts(client.scan_facts([registry.ref("r", "1")])[registry.ref("r", "1")]).created is None


@pytest.mark.slow
def test_a_server_error_is_tried_again_and_then_reported(
    registry: FakeRegistry, client: RegistryClient
) -> None:
    """A 503 that goes away is nothing; one that stays is RegistryBusy, after three tries."""
    registry.tag("r", "1")
    answers = [503]
    registry.mood = lambda path: (answers.pop(), {}) if answers else None
    assert client.scan_tags([registry.ref("r")])[registry.ref("r").name] == ["1"]
    registry.mood = lambda path: (503, {})
    asked = len(registry.asked)
    assert isinstance(client.scan_tags([registry.ref("r")])[registry.ref("r").name], RegistryBusy)
    assert len(registry.asked) - asked == 3


def test_an_error_is_one_repositorys_own(registry: FakeRegistry, client: RegistryClient) -> None:
    """One repository that may not be read keeps no other from being read."""
    registry.tag("good", "1")
    registry.mood = lambda path: (403, {}) if "/bad/" in path else None
    found = client.scan_tags([registry.ref("good"), registry.ref("bad")])
    assert found[registry.ref("good").name] == ["1"]
    assert isinstance(found[registry.ref("bad").name], RegistryDenied)


def test_a_digest_that_does_not_fit_its_content_is_refused(
    registry: FakeRegistry, client: RegistryClient
) -> None:
    """What a registry says of a manifest is compared with the manifest."""
    registry.tag("r", "1", registry.image(DAY))
    registry.lie = "sha256:" + "0" * 64
    found = client.scan_facts([registry.ref("r", "1")])[registry.ref("r", "1")]
    assert isinstance(found, FailedError)
    assert "other content" in str(found)


def test_a_registry_that_names_no_digest(registry: FakeRegistry, client: RegistryClient) -> None:
    """Without the header the digest is worked out from the content."""
    digest = registry.tag("r", "1")
    registry.without_digest_header = True
    assert client.resolve(registry.ref("r", "1")) == digest


@pytest.mark.parametrize(
    "said", ["foo", "sha1:" + "0" * 40, "sha256:" + "A" * 64, "sha512:" + "0" * 64, "x:../../y"]
)
def test_a_digest_that_is_none(registry: FakeRegistry, client: RegistryClient, said: str) -> None:
    """What a registry calls a digest and is none never gets further: it is worked out from the content."""
    digest = registry.tag("r", "1", registry.image(DAY))
    registry.lie = said
    assert client.resolve(registry.ref("r", "1")) == digest
    found = facts(client.scan_facts([registry.ref("r", "1")])[registry.ref("r", "1")])
    assert (found.digest, found.created) == (digest, DAY)


@pytest.mark.parametrize("algorithm", ["sha384", "sha512"])
def test_other_digests_are_checked_too(
    registry: FakeRegistry, client: RegistryClient, algorithm: str
) -> None:
    """A digest by another algorithm is what the content gives by it, or an error."""
    media, data = registry.content[registry.image(DAY)]
    digest = registry.tag("r", "1", registry.put(data, media, algorithm))
    assert client.resolve(registry.ref("r", "1")) == digest
    assert client.resolve(registry.ref("r").pinned(None, digest)) == digest
    image = registry.ref("r", "1")
    assert facts(client.scan_facts([image])[image]).digest == digest
    registry.lie = digest[:-8] + "00000000"
    with pytest.raises(FailedError, match="other content"):
        client.resolve(image)
    assert "other content" in str(client.scan_facts([image], fresh=True)[image])
    assert "other content" in str(client.scan_digests([image], fresh=True)[image])


def test_what_is_not_there_is_named_with_what_is_near(registry: FakeRegistry, client: RegistryClient) -> None:
    """A misspelt tag is answered with the near one, a missing repository with what to do."""
    registry.tag("r", "1.4.2")
    with pytest.raises(ImageNotFound, match=r"has no tag 1\.4\.3; did you mean 1\.4\.2"):
        client.resolve(registry.ref("r", "1.4.3"))
    with pytest.raises(ImageNotFound, match="has no repository nosuch"):
        client.resolve(registry.ref("nosuch", "1"))
    missing = registry.ref("r", "1").pinned(None, "sha256:" + "0" * 64)
    assert client.missing([registry.ref("r", "1.4.2"), missing]) == [missing]


PAGE = b"<html><form action=/login>"


@pytest.mark.parametrize(
    "page",
    [
        (200, {"Content-Type": "text/html"}, PAGE),
        (200, {"Content-Type": "application/json"}, b'{"error": "please log in"}'),
        (200, {"Content-Type": MANIFEST}, b"[]"),
        (200, {"Content-Type": MANIFEST}, b""),
        (200, {"Content-Type": MANIFEST}, b'{"config": {}}'),
        (200, {"Content-Type": "text/html", "Docker-Content-Digest": "sha256:" + "0" * 64}, PAGE),
    ],
    ids=["a login page", "an error as JSON", "a list", "nothing", "no schemaVersion", "a digest beside it"],
)
def test_a_page_is_never_taken_for_an_image(
    registry: FakeRegistry, client: RegistryClient, page: tuple[int, dict[str, str], bytes]
) -> None:
    """A registry behind a login page answers 200 to everything: no digest is made of the page."""
    registry.mood = lambda path: page if "/manifests/" in path else None
    image = registry.ref("r", "1")
    with pytest.raises(FailedError, match="that is not a manifest"):
        client.resolve(image)
    with pytest.raises(FailedError, match="that is not a manifest"):
        client.resolve(image.pinned("1", "sha256:" + "1" * 64))
    for fresh in (False, True):
        for found in (client.scan_digests([image], fresh=fresh), client.scan_facts([image], fresh=fresh)):
            assert "that is not a manifest" in str(found[image])
    if "Docker-Content-Digest" not in page[1]:
        with pytest.raises(FailedError, match="that is not a manifest"):
            client.missing([image])


COSIGN = "application/vnd.dev.cosign.simplesigning.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
DOCKER = "application/vnd.docker.container.image.v1+json"
CACHE = "application/vnd.buildkit.cacheconfig.v0"
EMPTY = "application/vnd.oci.empty.v1+json"
BUNDLE = "application/vnd.dev.sigstore.bundle.v0.3+json"
OTHERS: dict[str, tuple[Callable[[FakeRegistry], str], str]] = {
    "cosign's signature": (lambda it: it.artifact(CONFIG, COSIGN), "a cosign signature"),
    "cosign's attestation": (lambda it: it.artifact(CONFIG, "application/vnd.dsse.envelope.v1+json"), "an attestation"),
    "cosign's SBOM": (lambda it: it.artifact(CONFIG, "text/spdx+json"), "a list of contents (SBOM)"),
    "a Sigstore bundle": (lambda it: it.artifact(EMPTY, BUNDLE, artifactType=BUNDLE), "a Sigstore signature or attestation"),
    "a Helm chart": (lambda it: it.artifact("application/vnd.cncf.helm.config.v1+json", "application/vnd.cncf.helm.chart.content.v1.tar+gzip"), "a Helm chart"),
    "a build cache": (lambda it: it.artifact(CACHE, LAYER), "a build cache"),
    "a build cache in an index": (
        lambda it: it.manifest({"mediaType": INDEX, "manifests": [{"mediaType": LAYER, "digest": "sha256:" + "1" * 64}, {"mediaType": CACHE, "digest": "sha256:" + "2" * 64}]}, INDEX),
        "a build cache",
    ),
    "referrers": (
        lambda it: it.manifest({"mediaType": INDEX, "manifests": [{"mediaType": MANIFEST, "artifactType": BUNDLE, "digest": "sha256:" + "1" * 64}]}, INDEX),
        "a Sigstore signature or attestation",
    ),
    "something else": (lambda it: it.artifact("application/vnd.acme.rocket.v1+json", "x/y"), "an artifact of the type application/vnd.acme.rocket.v1+json"),
    "an empty index": (lambda it: it.manifest({"mediaType": INDEX, "manifests": []}, INDEX), "an index without an image"),
    "schema 1": (lambda it: it.put(b'{"schemaVersion": 1, "fsLayers": []}', MANIFEST), "a manifest of schema 1, which no runtime takes any more"),
}  # fmt: skip


@pytest.mark.parametrize("name", OTHERS)
def test_what_is_no_image_is_named(registry: FakeRegistry, tmp_path: Path, name: str) -> None:
    """A tag is an image only if its manifest is; what else it is is said, and is asked once ever."""
    make, words = OTHERS[name]
    registry.tag("r", "1", make(registry))
    image = registry.ref("r", "1")
    with RegistryClient(str(tmp_path), FactStore(tmp_path / "facts")) as client:
        with pytest.raises(NotAnImage) as told:
            client.resolve(image)
        assert told.value.message == f"{image} is {words}, not an image"
        assert isinstance(client.scan_digests([image])[image], NotAnImage)
        assert isinstance(client.scan_facts([image])[image], NotAnImage)
        assert isinstance(client.scan_digests([image], fresh=True)[image], NotAnImage)
    asked = len(registry.asked)
    with RegistryClient(str(tmp_path), FactStore(tmp_path / "facts")) as client:
        for found in (client.scan_digests([image]), client.scan_facts([image])):
            said = found[image]
            assert isinstance(said, NotAnImage)
            assert said.what == words
    assert len(registry.asked) == asked


@pytest.mark.parametrize(
    "make",
    [
        lambda it: it.artifact(CONFIG, LAYER),
        lambda it: it.artifact(DOCKER, "application/vnd.docker.image.rootfs.diff.tar.gzip"),
        lambda it: it.artifact(CONFIG, LAYER + "+encrypted"),
        lambda it: it.artifact(CONFIG),
        lambda it: it.artifact("", ""),
        lambda it: it.artifact(CONFIG, LAYER, artifactType="application/vnd.acme"),
        lambda it: it.index(("linux/amd64", it.image()), ("unknown/unknown", it.artifact(CONFIG, "application/vnd.in-toto+json"))),
    ],
    ids=["OCI", "Docker", "encrypted", "no layers", "no types", "an image with a type of its own", "an index"],
)  # fmt: skip
def test_what_is_an_image(
    registry: FakeRegistry, client: RegistryClient, make: Callable[[FakeRegistry], str]
) -> None:
    """Everything that a runtime takes is one."""
    digest = registry.tag("r", "1", make(registry))
    assert client.resolve(registry.ref("r", "1")) == digest
    assert len(registry.asked) == 1
