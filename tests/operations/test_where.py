"""Where a change is, and why something runs, over a real config repo, a real source repo and a registry."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from headway.domain.health.cause import Cause
from headway.domain.images.reference import Image
from headway.domain.releases.ledger import Outcome, ReleaseRecord, format_message
from headway.errors import UsageError
from headway.operations.connections import Connections
from headway.operations.where import Whereabouts, where
from headway.operations.why import why
from headway.settings import Settings
from tests.repos import Remote
from tests.servers.registry import FakeRegistry

DEPLOYMENT = """apiVersion: apps/v1
kind: Deployment
metadata: {{name: web}}
spec: {{template: {{spec: {{containers: [{{name: web, image: "{image}"}}]}}}}}}
"""


class Place:
    """A service with three source commits, of which two are built, and three environments."""

    def __init__(self, tmp_path: Path, registry: FakeRegistry) -> None:
        self.source, self.config = Remote(tmp_path / "web.git"), Remote(tmp_path / "config.git")
        self.commits = [self.source.push({"a": str(it)}, f"change {it}") for it in range(3)]
        self.registry = registry
        self.image = f"{registry.host}/shop/web"
        self.digests = [registry.tag("shop/web", f"sha-{it}") for it in self.commits[:2]]
        self.settings = Settings(repo=self.config.url, state=tmp_path / "state")
        self.config.push(
            {"headway.yaml": self.rules(), **{f"{it}/web.yaml": self.web(0) for it in ("dev", "prod")}}
        )

    def rules(self, more: str = "") -> str:
        """Return headway.yaml."""
        return (
            f"version: 1\napp: shop\nservices: {{web: {{image: '{self.image}', source: {{repo: '{self.source.url}'}}}}}}\n"
            "environments:\n"
            "  dev: {path: dev, cluster: {namespace: dev}}\n"
            f"  prod: {{path: prod, cluster: {{namespace: prod}}, promote_from: dev, approvals: 1{more}}}\n"
        )

    def pinned(self, number: int) -> str:
        """Return the image of a source commit, as a release writes it."""
        return f"{self.image}:sha-{self.commits[number]}@{self.digests[number]}"

    def web(self, number: int) -> str:
        """Return the manifest with that image."""
        return DEPLOYMENT.format(image=self.pinned(number))

    def release(self, environment: str, old: int, new: int, *states: str) -> str:
        """Commit a release, and record its outcomes."""
        record = ReleaseRecord(
            f"r-{environment}-{new}", environment, "release", (("web", Image(self.pinned(old)), Image(self.pinned(new))),), "bob", "fix"
        )  # fmt: skip
        commit = self.config.push({f"{environment}/web.yaml": self.web(new)}, format_message(record))
        with Connections(self.settings) as connections:
            connections.repo.fetch()
            for state in states:
                connections.repo.record(
                    environment,
                    commit,
                    Outcome.now(state, 1.0, cause=Cause(text="" if state == "live" else "OOMKilled")),
                    live=None,
                )
        return commit

    def where(self, text: str) -> list[Whereabouts]:
        """Ask."""
        with Connections(self.settings) as connections:
            return where(connections, connections.at(connections.repo.fetch()), text)

    def said(self, text: str) -> dict[str, str]:
        """Return what is said of each environment."""
        (found,) = self.where(text)
        return {it.environment: it.said for it in found.places}

    def why(self, environment: str) -> list[tuple[str, str]]:
        """Ask why it runs what it runs."""
        with Connections(self.settings) as connections:
            return list(why(connections, connections.at(connections.repo.fetch()), environment, "web").facts)


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    registry = FakeRegistry()
    yield Place(tmp_path, registry)
    registry.close()


def test_a_commit_that_is_live_in_one_environment(place: Place) -> None:
    """By its whole SHA-1, its first digits, its tag, or the image's digest: the answer is the same."""
    place.release("dev", 0, 1, "live")
    commit = place.commits[1]
    for text in (commit, commit[:9], f"sha-{commit}", place.digests[1], place.digests[1][7:21]):
        (found,) = place.where(text)
        assert (found.service, found.built, found.image) == ("web", "in the registry", place.pinned(1))
        dev, prod = found.places
        assert (dev.state, dev.said[:10]) == ("here", "live since")
        assert (prod.state, prod.ask) == ("absent", "`headway promote prod` brings it")
        assert prod.said.startswith("not here: runs sha-")
        assert prod.holds == ("1 person must approve it",)


def test_what_holds_it_back_is_named(place: Place) -> None:
    """A lock, a veto, a window and a rule, each with its reason, and the environment before that does not run it."""
    holds = (
        "locks:\n- {environment: prod, service: web, by: ann, at: 2026-11-23T10:00:00Z, why: migration}\n"
        f"vetoes:\n- {{environment: prod, service: web, digest: '{place.digests[1]}', by: headway, at: 2026-11-23T10:00:00Z, why: OOMKilled}}\n"
    )
    rules = place.rules(", windows: ['mon 03:00-03:01 UTC'], tags: {match: 'semver:*'}")
    place.config.push({"holds.yaml": holds, "headway.yaml": rules})
    (found,) = place.where(place.commits[1])
    said = "\n".join(found.places[1].holds)
    for part in (
        "locked by ann: migration",
        "vetoed at",
        "OOMKilled",
        "opens",
        "its rule does not take sha-",
        "dev, which prod",
    ):
        assert part in said


def test_an_older_commit_is_contained_in_a_newer_one(place: Place) -> None:
    """Developers ask for their commit, and a later one that has it is the answer."""
    place.release("dev", 0, 1, "live")
    assert place.said(place.commits[0])["dev"].startswith("contained in sha-")
    assert place.said(place.commits[0])["prod"].startswith("in the repo since")


def test_a_date_in_a_tag_is_no_commit(place: Place) -> None:
    """It has the form of a SHA-1; which part of the tag is one, the source branch says."""
    tag = f"20261128-{place.commits[1][:9]}"
    digest = place.registry.tag("shop/web", tag)
    place.config.push({"dev/web.yaml": DEPLOYMENT.format(image=f"{place.image}:{tag}@{digest}")})
    assert place.said(place.commits[0])["dev"].startswith(f"contained in {tag}")
    assert place.said(place.commits[1])["dev"].startswith("in the repo since")


def test_a_commit_that_is_not_built(place: Place) -> None:
    """It is a commit of the source branch, and no tag names it."""
    (found,) = place.where(place.commits[2][:8])
    assert found.built == f"not built: no tag of {place.image} names commit {place.commits[2][:9]}"
    assert [it.state for it in found.places] == ["absent", "absent"]


def test_one_that_failed_and_was_rolled_back(place: Place) -> None:
    """With its cause."""
    place.release("dev", 0, 1, "failed", "rolled-back")
    place.release("dev", 1, 0, "live")
    assert place.said(place.commits[1])["dev"].startswith("failed, and was rolled back: OOMKilled; runs sha-")


def test_what_nobody_knows_is_an_error_with_a_hint(place: Place) -> None:
    """And what could not be asked is said with it."""
    with pytest.raises(UsageError, match=r"no service has a commit, a tag or a digest '9\.9'"):
        place.where("9.9")
    place.registry.close()
    with pytest.raises(UsageError, match="not everything could be asked"):
        place.where("9.9")


def test_without_the_registry_the_repo_still_answers(place: Place) -> None:
    """What the repo and the source branch know is told, with a note."""
    place.release("dev", 0, 1, "live")
    place.registry.close()
    (found,) = place.where(place.commits[1])
    assert found.built == "in the repo; the registry does not list it"
    assert found.places[0].state == "here"
    assert any("registry cannot be asked" in it for it in found.notes)


def test_why_it_runs_there(place: Place) -> None:
    """Who brought it, when, why, how that ended, and what comes next."""
    place.release("dev", 0, 1, "live")
    facts = dict(place.why("dev"))
    assert facts["runs"] == place.pinned(1)
    assert (facts["who"], facts["why"], facts["outcome"]) == ("bob", "fix", "live")
    assert "by the release r-dev-1" in facts["since"]
    assert facts["released"] == "by people and CI"
    assert "by the push" in dict(place.why("prod"))["since"]


def test_why_refuses_what_is_not_there(place: Place) -> None:
    """An environment without the service says where its manifest would be."""
    place.config.push({"prod/web.yaml": DEPLOYMENT.format(image="other/image:1")})
    with pytest.raises(UsageError, match="prod does not run web"):
        place.why("prod")
