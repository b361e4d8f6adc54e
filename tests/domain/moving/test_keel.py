"""Keel: policies relative to the running tag, and approvals."""

from __future__ import annotations

import pytest

from headway.domain.moving.keel import policy_tags
from headway.domain.moving.patterns import Untranslatable
from tests.domain.moving.repos import deployment, left, written


@pytest.mark.parametrize(
    ("policy", "tag", "tags"),
    [
        ("major", "1.2.3", {"match": "semver:*"}),
        ("minor", "1.2.3", {"match": "semver:1.x"}),
        ("minor", "0.2.3", {"match": "semver:0.x"}),
        ("patch", "v1.2.3", {"match": "semver:1.2.x"}),
        ("all", "1.2.3", {"match": "semver:>=0.0.0-0"}),
        ("patch", "1.2.3-alpine", {"match": "regex:(?P<semver>[^-]*)-alpine", "range": "1.2.x"}),
    ],
)
def test_policies(policy: str, tag: str, tags: dict[str, str]) -> None:
    """Each policy takes the versions that Keel would."""
    assert policy_tags(policy, tag) == tags


def test_pre_releases_where_they_need_not_match() -> None:
    """matchPreRelease: false takes every pre-release of the range."""
    assert policy_tags("minor", "1.2.3", pre_releases=False) == {"match": "semver:>=1.0.0-0 <2.0.0-0"}


def test_force_with_the_same_tag() -> None:
    """The tag moves, and its digest is followed."""
    assert policy_tags("force", "latest", same_tag=True) == {"match": "exact:latest"}


@pytest.mark.parametrize(
    ("policy", "tag", "said"),
    [
        ("force", "latest", "pushed last"),
        ("glob:build-*", "build-1", "match: 'glob:build-\\*', order: created"),
        ("regexp:^v", "v1", "pushed last"),
        ("minor", "latest", "is not a version"),
        ("minor", "1.2", "three numbers"),
        ("weekly", "1.2.3", "no policy"),
    ],
)
def test_what_has_no_equal(policy: str, tag: str, said: str) -> None:
    """What Keel takes because it came last needs an order that a person chooses."""
    with pytest.raises(Untranslatable, match=said):
        policy_tags(policy, tag)


@pytest.mark.parametrize("holder", ["annotations", "labels"])
def test_a_workload(holder: str) -> None:
    """Policy and approvals of a workload are its environment's."""
    more = f"  {holder}:\n    keel.sh/policy: minor\n    keel.sh/approvals: '2'\n    keel.sh/pollSchedule: '@every 1m'\n"
    found = {"production/web.yaml": deployment("ghcr.io/shop/web:1.4.0", more=more).encode()}
    production = written(found).environments["production"]
    assert (production.release, production.approvals) == ("manual", 2)
    said = "\n".join(left(found))
    assert "keel.sh/pollSchedule" in said
    assert "with approvals a person starts each release" in said


def test_a_workload_without_approvals() -> None:
    """It is released by itself."""
    more = "  annotations:\n    keel.sh/policy: patch\n"
    found = {"staging/web.yaml": deployment("ghcr.io/shop/web:1.4.0", more=more).encode()}
    assert written(found).environments["staging"].release == "automatic"


def test_several_counts_of_approvals() -> None:
    """Approvals are the environment's here: the most asked for counts, and the other is named."""
    found = {
        f"production/{name}.yaml": deployment(
            f"ghcr.io/shop/{name}:1.4.0", name, more=f"  annotations:\n    keel.sh/approvals: '{count}'\n"
        ).encode()
        for name, count in (("web", 1), ("api", 2))
    }
    assert written(found).environments["production"].approvals == 2
    assert "keel.sh/approvals of Deployment web: 1" in "\n".join(left(found))
