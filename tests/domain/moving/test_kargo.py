"""Kargo: subscriptions as tag rules, stages as a chain."""

from __future__ import annotations

import pytest

from headway.domain.moving.kargo import subscription_tags
from headway.domain.moving.patterns import Untranslatable
from tests.domain.moving.repos import deployment, left, repo, written


@pytest.mark.parametrize(
    ("image", "tags"),
    [
        ({"constraint": "^1.0.0"}, {"match": "semver:^1.0.0"}),
        ({"semverConstraint": "^1.0.0", "strictSemvers": True}, {"match": "semver:^1.0.0"}),
        ({}, {"match": "semver:>=0.0.0-0"}),
        ({"constraint": "1.x", "allowTagsRegexes": ["^v1"]}, {"match": "regex:v1.*", "range": "1.x"}),
        ({"imageSelectionStrategy": "Digest", "constraint": "latest"}, {"match": "exact:latest"}),
        (
            {"imageSelectionStrategy": "NewestBuild", "allowTags": "^nightly-", "ignoreTags": ["nightly-0"]},
            {"match": "regex:nightly-.*", "order": "created", "ignore": ["exact:nightly-0"]},
        ),
        (
            {"imageSelectionStrategy": "Lexical", "ignoreTagsRegexes": ["^dev"], "platform": "linux/arm64"},
            {
                "match": "glob:*",
                "order": "alphabetical",
                "ignore": ["regex:dev.*"],
                "platform": "linux/arm64",
            },
        ),
    ],
)
def test_subscriptions(image: dict[str, object], tags: dict[str, object]) -> None:
    """Each strategy is an order."""
    assert subscription_tags(image) == tags


@pytest.mark.parametrize(
    "image", [{"strictSemvers": False}, {"allowTagsRegexes": ["a", "b"]}, {"imageSelectionStrategy": "Other"}]
)
def test_what_has_no_equal(image: dict[str, object]) -> None:
    """It is refused."""
    with pytest.raises(Untranslatable):
        subscription_tags(image)


FOUND = repo(
    """
    === kargo/kargo.yaml
    apiVersion: kargo.akuity.io/v1alpha1
    kind: Warehouse
    metadata: {name: web, namespace: shop}
    spec:
      subscriptions:
      - image: {repoURL: ghcr.io/shop/web, constraint: ^1.0.0}
      - git: {repoURL: https://git.example.com/shop.git}
    ---
    apiVersion: kargo.akuity.io/v1alpha1
    kind: ProjectConfig
    metadata: {name: shop, namespace: shop}
    spec:
      promotionPolicies:
      - {stage: blue, autoPromotionEnabled: true}
    ---
    apiVersion: kargo.akuity.io/v1alpha1
    kind: Stage
    metadata: {name: live, namespace: shop}
    spec:
      requestedFreight:
      - origin: {kind: Warehouse, name: web}
        sources:
          stages: [blue]
          requiredSoakTime: 1h
      verification: {analysisTemplates: [{name: smoke}]}
      promotionTemplate:
        spec:
          steps: [{task: {name: promote}}]
    ---
    apiVersion: kargo.akuity.io/v1alpha1
    kind: Stage
    metadata: {name: blue, namespace: shop}
    spec:
      requestedFreight:
      - origin: {kind: Warehouse, name: web}
        sources: {direct: true}
      promotionTemplate:
        spec:
          steps: [{task: {name: promote}}, {uses: http}]
    ---
    apiVersion: kargo.akuity.io/v1alpha1
    kind: PromotionTask
    metadata: {name: promote, namespace: shop}
    spec:
      steps:
      - uses: git-clone
        config: {repoURL: x}
      - uses: kustomize-set-image
        config: {path: './src/envs/${{ ctx.stage }}'}
    """
) | {f"envs/{it}/web.yaml": deployment("ghcr.io/shop/web:1.2.3").encode() for it in ("blue", "live")}


def test_stages_are_a_chain() -> None:
    """Whatever the environments are called, Kargo's order counts, with its soak time and automation."""
    config = written(FOUND)
    assert [(name, it.path, it.promote_from, it.release) for name, it in config.environments.items()] == [
        ("blue", "envs/blue", None, "automatic"),
        ("live", "envs/live", "blue", "manual"),
    ]
    soak = config.environments["blue"].soak
    assert soak is not None
    assert soak.total_seconds() == 3600


def test_the_warehouse_rules_the_first_stage_only() -> None:
    """What comes from another stage is what was live there."""
    config = written(FOUND)
    rule = config.environments["blue"].services["web"].tags
    assert rule is not None
    assert rule.match == "semver:^1.0.0"
    assert "web" not in config.environments["live"].services


def test_what_is_left_out_is_named() -> None:
    """Git subscriptions, verifications and steps that headway has not."""
    said = "\n".join(left(FOUND))
    assert "Warehouse web: headway releases images, and this is a git" in said
    assert "Stage live: verification by AnalysisTemplates" in said
    assert "the step http has no equal" in said
