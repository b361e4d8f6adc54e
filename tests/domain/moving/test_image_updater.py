"""Argo CD Image Updater: annotations as tag rules."""

from __future__ import annotations

import pytest

from headway.domain.moving.image_updater import image_tags, split_list
from headway.domain.moving.patterns import Untranslatable
from tests.domain.moving.repos import deployment, left, repo, written


@pytest.mark.parametrize(
    ("constraint", "options", "tags"),
    [
        ("~1.26", {}, {"match": "semver:~1.26"}),
        ("", {}, {"match": "semver:>=0.0.0-0"}),
        ("2.x-0", {"update-strategy": "semver"}, {"match": "semver:>=2.0.0-0 <3.0.0-0"}),
        ("1.x", {"allow-tags": "regexp:^v"}, {"match": "regex:v.*", "range": "1.x"}),
        ("1.x", {"update-strategy": "latest"}, {"match": "glob:*", "order": "created"}),
        (
            "",
            {"update-strategy": "newest-build", "allow-tags": "regexp:^[0-9a-f]{7}$"},
            {"match": "regex:[0-9a-f]{7}", "order": "created"},
        ),
        (
            "",
            {"update-strategy": "name", "ignore-tags": "latest, master*"},
            {"match": "glob:*", "order": "alphabetical", "ignore": ["glob:latest", "glob:master*"]},
        ),
        ("latest", {"update-strategy": "digest", "allow-tags": "any"}, {"match": "exact:latest"}),
        (
            "",
            {"update-strategy": "alphabetical", "platforms": "linux/arm64"},
            {"match": "glob:*", "order": "alphabetical", "platform": "linux/arm64"},
        ),
    ],
)
def test_strategies(constraint: str, options: dict[str, str], tags: dict[str, object]) -> None:
    """A constraint counts for versions and digests only."""
    assert image_tags(constraint, options) == tags


@pytest.mark.parametrize(
    ("constraint", "options", "said"),
    [
        ("", {"update-strategy": "digest"}, "needs a tag"),
        ("", {"allow-tags": "glob:*"}, "neither any nor regexp"),
        ("", {"update-strategy": "weekly"}, "no strategy"),
        ("", {"platforms": "linux/arm64,linux/amd64"}, "several platforms"),
        ("", {"ignore-tags": r"\*"}, "escapes"),
    ],
)
def test_what_has_no_equal(constraint: str, options: dict[str, str], said: str) -> None:
    """It is refused, never guessed."""
    with pytest.raises(Untranslatable, match=said):
        image_tags(constraint, options)


def test_a_list_with_commas_in_a_constraint() -> None:
    """A range of two parts stays one entry."""
    assert split_list("web=r.io/web:>=1.0, <2, r.io:5000/api:1.x") == [
        "web=r.io/web:>=1.0, <2",
        "r.io:5000/api:1.x",
    ]


FOUND = repo(
    """
    === argocd/shop.yaml
    apiVersion: argoproj.io/v1alpha1
    kind: Application
    metadata:
      name: shop-staging
      annotations:
        argocd-image-updater.argoproj.io/image-list: web=ghcr.io/shop/web:~1.2, org/api=ghcr.io/shop/api
        argocd-image-updater.argoproj.io/web.allow-tags: regexp:^[0-9.]+$
        argocd-image-updater.argoproj.io/org_api.update-strategy: newest-build
        argocd-image-updater.argoproj.io/org_api.force-update: "true"
        argocd-image-updater.argoproj.io/job.update-strategy: newest-build
        argocd-image-updater.argoproj.io/web.helm.image-tag: image.tag
        argocd-image-updater.argoproj.io/write-back-method: git:secret:argocd/git
        argocd-image-updater.argoproj.io/git-branch: main:image-updates
    spec:
      source: {repoURL: x, path: staging}
      destination: {namespace: shop}
      syncPolicy: {automated: {}}
    """
) | {f"staging/{it}.yaml": deployment(f"ghcr.io/shop/{it}:1.2.3", it).encode() for it in ("web", "api")}


def test_annotations_of_an_application() -> None:
    """Each image of the list gets its rule, and is released automatically."""
    config = written(FOUND)
    assert config.environments["staging"].release == "automatic"
    web, api = (config.services[it].tags for it in ("web", "api"))
    assert web is not None
    assert (web.match, web.range) == ("regex:[0-9.]+", "~1.2")
    assert api is not None
    assert api.order == "created"


def test_annotations_without_an_equal() -> None:
    """Where commits go, and an alias that no image has."""
    said = "\n".join(left(FOUND))
    assert "git-branch: headway commits to the branch in HEADWAY_BRANCH" in said
    assert "job.update-strategy: no image of image-list has this alias" in said
    assert "helm.image-tag" not in said


def test_images_that_only_the_cluster_knows() -> None:
    """Written back by parameter, they have to be put into the repo first."""
    path = "argocd/shop.yaml"
    text = FOUND[path].decode().replace("git:secret:argocd/git", "argocd")
    assert any(
        "parameters of the Application in the cluster" in it for it in left({**FOUND, path: text.encode()})
    )
