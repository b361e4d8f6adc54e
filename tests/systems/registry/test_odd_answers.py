"""What registries answer, and what people push, that is not as the specification has it: one image's matter."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from headway.errors import FailedError, HeadwayError
from headway.systems.registry import client as registry_module
from headway.systems.registry import wire as registry_wire
from headway.systems.registry.auth import next_page
from headway.systems.registry.client import RegistryClient
from tests.servers.registry import INDEX, MANIFEST, FakeRegistry, facts

DAY = datetime(2026, 11, 1, tzinfo=UTC)
DEEP = b"[" * 100_000


@pytest.mark.parametrize(
    "body", [b'{"tags": 5}', b'{"tags": {"a": 1}}', b'{"tags": "1.0"}', b"[]", b"5", b"", DEEP]
)
def test_lists_that_are_none(registry: FakeRegistry, client: RegistryClient, body: bytes) -> None:
    """A list that cannot be read is its repository's error; the other's tags are there."""
    registry.tag("good", "1")
    registry.mood = lambda path: (200, {}, body) if "/odd/" in path else None
    found = client.scan_tags([registry.ref("odd"), registry.ref("good")])
    assert found[registry.ref("good").name] == ["1"]
    assert isinstance(found[registry.ref("odd").name], FailedError)


def test_tags_that_are_none(registry: FakeRegistry, client: RegistryClient) -> None:
    """What is no tag could not be asked for; no list at all is an empty one."""
    tags = ["1.0", 5, None, "", "../x", ".a", "a b", "a\nb", "x" * 129, ["1.1"], "\ud800", "ü", "v2", "1.0\n"]
    bodies = {"odd": json.dumps({"tags": tags}), "null": '{"tags": null}', "none": "{}"}
    registry.mood = lambda path: (200, {}, bodies[path.split("/")[2]].encode())
    found = client.scan_tags(map(registry.ref, bodies))
    assert list(found.values()) == [["1.0", "v2"], [], []]


@pytest.mark.parametrize("header", ["Link", "Location"])
@pytest.mark.parametrize(
    "address", ["http://[x", "http://", "ftp://elsewhere/x", "http://a..b/", "mailto:x@127.0.0.1:1"]
)
def test_addresses_that_are_none(
    registry: FakeRegistry, client: RegistryClient, header: str, address: str
) -> None:
    """A next page, or a place to go to, that is no address is its repository's error."""
    registry.tag("good", "1")
    status, value = (200, f'<{address}>; rel="next"') if header == "Link" else (307, address)
    registry.mood = lambda path: (
        (status, {header: value}, b'{"tags": ["1"]}') if path == "/v2/odd/tags/list?n=1000" else None
    )
    found = client.scan_tags([registry.ref("odd"), registry.ref("good")])
    assert found[registry.ref("good").name] == ["1"]
    assert isinstance(found[registry.ref("odd").name], FailedError)


def test_a_list_that_goes_round_in_a_circle(registry: FakeRegistry, client: RegistryClient) -> None:
    """A next page that was there before is an error, and not asked again."""
    pages = {"a": "b", "b": "a"}

    def circling(path: str) -> tuple[int, dict[str, str], bytes]:
        page = path.rpartition("last=")[2] if "last=" in path else "a"
        return 200, {"Link": f'</v2/r/tags/list?last={pages[page]}>; rel="next"'}, b'{"tags": ["1"]}'

    registry.mood = circling
    with pytest.raises(FailedError, match="without end"):
        client.tags(registry.ref("r"))
    assert len(registry.asked) == 3


@pytest.mark.parametrize(("name", "limit"), [("PAGES", 5), ("TAGS", 10)])
def test_a_list_without_end(
    registry: FakeRegistry, client: RegistryClient, monkeypatch: pytest.MonkeyPatch, name: str, limit: int
) -> None:
    """A list that has always another page is given up."""
    monkeypatch.setattr(registry_module, name, limit)
    registry.mood = lambda path: (
        200,
        {"Link": f'</v2/r/tags/list?last={len(registry.asked)}>; rel="next"'},
        b'{"tags": ["1", "2"]}',
    )
    with pytest.raises(FailedError, match="without end"):
        client.tags(registry.ref("r"))
    assert len(registry.asked) == 5


@pytest.mark.parametrize(("link", "expected"), [
    ('</v2/r/tags/list?last=a,b&n=2>; rel="next"', "/v2/r/tags/list?last=a,b&n=2"),
    ('<https://elsewhere/x?a=1,2>; rel=next', "/x?a=1,2"),
    ('</first>; rel="first", </second,page>; title="a, b"; rel="last next"', "/second,page"),
    ('</x>;REL=Next', "/x"),
    ('</x>; rel="prev"', None),
    ('</x>; rel="nextish"', None),
    ("", None),
    (None, None),
])  # fmt: skip
def test_next_pages(link: str | None, expected: str | None) -> None:
    """The next page's address may hold commas, and stand anywhere among others; only its path counts (RFC 8288)."""
    assert next_page(link, "http://h/v2/r/tags/list?n=1000") == expected


@pytest.mark.parametrize("what", ["tags", "manifest", "config"])
def test_an_answer_without_measure(
    registry: FakeRegistry, client: RegistryClient, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    """What is larger than any such document is not taken in; its image alone has the error."""
    monkeypatch.setattr(registry_wire, "LARGEST", 10_000)
    big = "x" * 20_000
    registry.tag("good", "1", registry.image(DAY))
    if what == "tags":
        registry.repositories["odd"] = {big[:100] + str(it): "" for it in range(200)}
        assert isinstance(client.scan_tags([registry.ref("odd")])[registry.ref("odd").name], FailedError)
    elif what == "manifest":
        registry.tag("odd", "1", registry.put(json.dumps({"x": big}).encode(), MANIFEST))
    else:
        registry.tag("odd", "1", registry.image(DAY, note=big))
    found = client.scan_facts([registry.ref("odd", "1"), registry.ref("good", "1")])
    assert facts(found[registry.ref("good", "1")]).created == DAY
    assert isinstance(found[registry.ref("odd", "1")], HeadwayError)
    assert client.tags(registry.ref("good")) == ["1"]


def config(registry: FakeRegistry, value: Any) -> str:
    """Store an image with a configuration that somebody made up."""
    blob = registry.put(value if isinstance(value, bytes) else json.dumps(value).encode(), "x")
    return registry.put(json.dumps({"schemaVersion": 2, "config": {"digest": blob}}).encode(), MANIFEST)


def manifest(registry: FakeRegistry, value: Any, media: str = MANIFEST) -> str:
    """Store a manifest that somebody made up."""
    value = {"schemaVersion": 2, **value} if isinstance(value, dict) else value
    return registry.put(value if isinstance(value, bytes) else json.dumps(value).encode(), media)


NONE = {
    "config of a number", "manifest of a list", "deep manifest", "manifests of a number", "manifests of numbers", "an empty index",
}  # fmt: skip
"""What is no image at all."""
ODD: dict[str, Callable[[FakeRegistry], str]] = {
    "config in config": lambda it: config(it, {"config": "x"}),
    "labels a list": lambda it: config(it, {"config": {"Labels": ["a"]}}),
    "a list": lambda it: config(it, []),
    "a number": lambda it: config(it, 5),
    "no JSON": lambda it: config(it, b"<html>"),
    "deep": lambda it: config(it, b'{"created":' + DEEP),
    "a time of a mapping": lambda it: config(it, {"created": {"a": 1}}),
    "a time past all calendars": lambda it: config(it, {"created": "9999-12-31T23:59:59-23:59"}),
    "an os of a list": lambda it: config(it, {"os": ["linux"], "architecture": 5}),
    "config of a number": lambda it: manifest(it, {"config": 5}),
    "config that leads elsewhere": lambda it: manifest(it, {"config": {"digest": "../../../secret"}}),
    "config without digest": lambda it: manifest(it, {"config": {"digest": None}}),
    "manifest of a list": lambda it: manifest(it, []),
    "deep manifest": lambda it: manifest(it, b'{"x":' + DEEP),
    "manifests of a number": lambda it: manifest(it, {"manifests": 5}, INDEX),
    "manifests of numbers": lambda it: manifest(it, {"mediaType": INDEX, "manifests": [5, None, "x"]}, INDEX),
    "children that lead elsewhere": lambda it: manifest(it, {"manifests": [{"digest": "../../x"}, {"digest": 5}]}, INDEX),
    "an empty index": lambda it: manifest(it, {"mediaType": INDEX, "manifests": []}, INDEX),
    "a platform of a word": lambda it: manifest(it, {"manifests": [{"digest": config(it, {}), "platform": "linux"}]}, INDEX),
    "annotations of a number": lambda it: manifest(it, {"manifests": [{"digest": config(it, {}), "annotations": 5}]}, INDEX),
    "a platform of lists": lambda it: manifest(it, {"manifests": [{"digest": config(it, {}), "platform": {"os": [], "architecture": {}}}]}, INDEX),
}  # fmt: skip


@pytest.mark.parametrize("name", ODD)
def test_an_odd_image_has_no_time(registry: FakeRegistry, client: RegistryClient, name: str) -> None:
    """Whoever may push can push nonsense: it is no image or has no time, and the good image beside it has."""
    odd = registry.tag("r", "odd", ODD[name](registry))
    registry.tag("r", "good", registry.image(DAY))
    found = client.scan_facts([registry.ref("r", "odd"), registry.ref("r", "good")])
    assert facts(found[registry.ref("r", "good")]).created == DAY
    if name in NONE:
        assert isinstance(found[registry.ref("r", "odd")], registry_module.NotAnImage)
        return
    told = facts(found[registry.ref("r", "odd")])
    assert (told.digest, told.created, dict(told.labels)) == (odd, None, {})
    assert not any("secret" in path or "../" in path for _, path in registry.asked)


def test_a_child_that_is_gone(registry: FakeRegistry, client: RegistryClient) -> None:
    """An index whose images were removed is an image that is not there."""
    registry.tag("r", "1", registry.index(("linux/amd64", "sha256:" + "0" * 64)))
    found = client.scan_facts([registry.ref("r", "1")])[registry.ref("r", "1")]
    assert isinstance(found, registry_module.ImageNotFound)


def test_what_nobody_thought_of(
    registry: FakeRegistry,
    client: RegistryClient,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """An error that no code expects is that image's, is told by its type, and its traceback is in the log."""
    bad = registry.tag("r", "bad", registry.image(DAY))
    registry.tag("r", "good", registry.image(DAY, other=1))
    real = registry_module.facts_from

    def breaks(digest: str, *rest: Any) -> Any:
        return 1 / 0 if digest == bad else real(digest, *rest)

    monkeypatch.setattr(registry_module, "facts_from", breaks)
    with caplog.at_level(logging.ERROR, "headway.registry"):
        found = client.scan_facts([registry.ref("r", "bad"), registry.ref("r", "good")])
    assert facts(found[registry.ref("r", "good")]).created == DAY
    said = found[registry.ref("r", "bad")]
    assert isinstance(said, FailedError)
    assert "r:bad cannot be looked at: unexpected ZeroDivisionError" in str(said)
    assert "Traceback" in caplog.text
