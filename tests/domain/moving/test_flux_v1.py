"""Flux v1: annotations of workloads."""

from __future__ import annotations

import pytest

from headway.domain.moving.flux_v1 import tag_words
from headway.domain.moving.patterns import Untranslatable
from tests.domain.moving.repos import deployment, left, written


@pytest.mark.parametrize(
    ("word", "tags"),
    [
        ("semver:~1.0", {"match": "semver:~1.0"}),
        ("semver: >= 1.0.0-rc.0, <1.0.1", {"match": "semver:>= 1.0.0-rc.0, <1.0.1"}),
        ("glob:dev-*", {"match": "glob:dev-*", "order": "created"}),
        ("master-*", {"match": "glob:master-*", "order": "created"}),
        ("regex:^stg.*", {"match": "regex:stg.*.*", "order": "created"}),
        ("regexp:^v1$", {"match": "regex:v1", "order": "created"}),
    ],
)
def test_words(word: str, tags: dict[str, str]) -> None:
    """Versions are ordered as versions, everything else by when it was made."""
    assert tag_words(word) == tags


def test_a_word_of_another_kind() -> None:
    """It is refused."""
    with pytest.raises(Untranslatable):
        tag_words("newest:x")


@pytest.mark.parametrize("prefix", ["fluxcd.io", "flux.weave.works"])
def test_an_automated_workload(prefix: str) -> None:
    """It is released automatically, by the rule of its container."""
    more = f"  annotations:\n    {prefix}/automated: 'true'\n    {prefix}/tag.app: semver:~1.0\n"
    config = written({"staging/web.yaml": deployment("ghcr.io/shop/web:1.0.1", more=more).encode()})
    assert config.environments["staging"].release == "automatic"
    assert config.services["web"].tags is not None
    assert config.services["web"].tags.match == "semver:~1.0"


def test_a_filter_alone_is_a_rule_for_people() -> None:
    """`filter.fluxcd.io` without `automated` releases nothing by itself."""
    more = "  annotations:\n    filter.fluxcd.io/app: glob:main-*\n"
    config = written({"staging/web.yaml": deployment("ghcr.io/shop/web:main-1", more=more).encode()})
    assert config.environments["staging"].release == "manual"
    assert config.services["web"].tags is not None


def test_a_locked_workload() -> None:
    """It stays manual, and the lock is told."""
    more = "  annotations:\n    fluxcd.io/automated: 'true'\n    fluxcd.io/locked: 'true'\n"
    found = {"staging/web.yaml": deployment("ghcr.io/shop/web:1.0.1", more=more).encode()}
    assert written(found).environments["staging"].release == "manual"
    assert "headway lock" in "\n".join(left(found))


def test_a_tag_for_no_container() -> None:
    """It is named."""
    more = "  annotations:\n    fluxcd.io/tag.sidecar: glob:x\n"
    found = {"staging/web.yaml": deployment("ghcr.io/shop/web:1.0.1", more=more).encode()}
    assert "staging/web.yaml:6: fluxcd.io/tag.sidecar: glob:x: no container has this name" in left(found)
