"""One scan of real registries and a real config repo: what is wrong in one place keeps no other from its answer."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from headway.domain.rules.picks import Nothing, Picked
from headway.operations.connections import Connections
from headway.operations.scan.result import Scan
from headway.operations.scan.scanning import scan
from headway.settings import Settings
from tests.repos import Remote
from tests.servers.registry import FakeRegistry

DEPLOYMENT = """apiVersion: apps/v1
kind: Deployment
metadata: {{name: web}}
spec: {{template: {{spec: {{containers: [{{name: web, image: "{image}"}}]}}}}}}
"""


@pytest.fixture
def registry() -> Iterator[FakeRegistry]:
    """A registry with one repository."""
    made = FakeRegistry()
    for tag in ("1.0.0", "1.1.0", "latest", "stable"):
        made.tag("shop/web", tag)
    yield made
    made.close()


def scanned(tmp_path: Path, registry: FakeRegistry, places: dict[str, str], files: dict[str, str]) -> Scan:
    """Look at every environment of a repo with these rules and files."""
    remote = Remote(tmp_path / "config.git")
    rows = "".join(
        f"  {name}: {{path: {name}, release: automatic, cluster: {{namespace: x}}, tags: {rule}}}\n"
        for name, rule in places.items()
    )
    image = f"{registry.host}/shop/web"
    text = f"version: 1\napp: shop\nservices: {{web: {{image: '{image}'}}}}\nenvironments:\n{rows}"
    remote.push(
        {"headway.yaml": text, **{name: it.format(image=f"{image}:1.0.0") for name, it in files.items()}}
    )
    settings = Settings(repo=remote.url, state=tmp_path / "state")
    with Connections(settings) as connections:
        snapshot = connections.at(connections.repo.fetch())
        return scan(connections, snapshot, [(name, "web") for name in places])


def test_two_environments_follow_two_exact_tags(tmp_path: Path, registry: FakeRegistry) -> None:
    """`exact:latest` here and `exact:stable` there are two questions about one repository."""
    places = {"a": "{match: 'exact:latest'}", "b": "{match: 'exact:stable'}"}
    found = scanned(tmp_path, registry, places, {"a/web.yaml": DEPLOYMENT, "b/web.yaml": DEPLOYMENT})
    picked = {name: it.tag for (name, _), it in found.answers.items() if isinstance(it, Picked)}
    assert picked == {"a": "latest", "b": "stable"}


def test_an_environment_without_manifests_keeps_no_other_waiting(
    tmp_path: Path, registry: FakeRegistry
) -> None:
    """Its error is its own; the environment beside it gets what is new."""
    places = {"a": "{match: 'semver:*'}", "b": "{match: 'semver:*'}"}
    found = scanned(tmp_path, registry, places, {"a/web.yaml": DEPLOYMENT})
    assert found.picked("a")["web"].tag == "1.1.0"
    assert list(found.unread) == ["b"]
    assert "b has no manifests" in found.unread["b"].message


def test_an_empty_named_group_is_no_version(tmp_path: Path, registry: FakeRegistry) -> None:
    """A rule that looks for a number in the tag and finds nothing there refuses it, and guesses nothing."""
    rule = "{match: 'regex:(?P<number>[0-9]*).*', order: number}"
    found = scanned(tmp_path, registry, {"a": rule}, {"a/web.yaml": DEPLOYMENT})
    answer = found.answers["a", "web"]
    assert isinstance(answer, Picked | Nothing)
    assert "has nothing where" in str(found.questions["a", "web"].ranking.rule.ranked("latest", lambda _: 0))
