"""Flux: image policies as tag rules, its folders as environments."""

from __future__ import annotations

import pytest

from headway.domain.moving.flux import policy_tags
from headway.domain.moving.patterns import Untranslatable
from tests.domain.moving.repos import deployment, left, only, repo, written


@pytest.mark.parametrize(
    ("spec", "tags"),
    [
        ({"policy": {"semver": {"range": "5.1.x"}}}, {"match": "semver:5.1.x"}),
        (
            {
                "filterTags": {"pattern": "^(?P<v>.*)-alpine$", "extract": "$v"},
                "policy": {"semver": {"range": ">=1"}},
            },
            {"match": "regex:(?P<semver>.*)-alpine", "range": ">=1"},
        ),
        (
            {
                "filterTags": {"pattern": "^main-.*-(?P<ts>[0-9]+)", "extract": "$ts"},
                "policy": {"numerical": {}},
            },
            {"match": "regex:main-.*-(?P<number>[0-9]+).*", "order": "number"},
        ),
        ({"policy": {"numerical": {"order": "desc"}}}, {"match": "glob:*", "order": "number desc"}),
        (
            {"filterTags": {"pattern": "^RELEASE"}, "policy": {"alphabetical": {"order": "asc"}}},
            {"match": "regex:RELEASE.*", "order": "alphabetical"},
        ),
        ({"policy": {"alphabetical": {"order": "DESC"}}}, {"match": "glob:*", "order": "alphabetical desc"}),
    ],
)
def test_policies(spec: dict[str, object], tags: dict[str, object]) -> None:
    """Each policy is the rule that picks the same tag."""
    assert policy_tags({"spec": spec}, {"spec": {}}) == tags


def test_excluded_tags_are_ignored() -> None:
    """exclusionList is `ignore`; signatures are left out here anyway."""
    spec = {"policy": {"semver": {"range": "*"}}}
    repository = {"spec": {"exclusionList": [r"^.*\.sig$", "^dev-"]}}
    assert policy_tags({"spec": spec}, repository)["ignore"][-1] == "regex:dev-.*"


def test_a_policy_without_an_equal() -> None:
    """It is refused with what it sorts by."""
    spec = {
        "filterTags": {"pattern": r"^(?P<a>\d)-(?P<b>\d)$", "extract": "$a.$b"},
        "policy": {"numerical": {"order": "asc"}},
    }
    with pytest.raises(Untranslatable, match="more than one group"):
        policy_tags({"spec": spec}, {"spec": {}})


CLUSTERS = repo(
    """
    === apps/base/web/kustomization.yaml
    resources: [web.yaml]
    === apps/staging/kustomization.yaml
    namespace: shop-staging
    resources: [../base/web]
    images:
    - name: ghcr.io/shop/web
      newTag: main-abc-17 # {"$imagepolicy": "flux-system:web:tag"}
    === apps/production/kustomization.yaml
    namespace: shop
    resources: [../base/web]
    images:
    - name: ghcr.io/shop/web
      newTag: 1.2.3 # {"$imagepolicy": "flux-system:web:tag"}
    === clusters/staging/apps.yaml
    apiVersion: kustomize.toolkit.fluxcd.io/v1
    kind: Kustomization
    metadata: {name: apps, namespace: flux-system}
    spec:
      path: ./apps/staging
      timeout: 5m
      sourceRef: {kind: GitRepository, name: flux-system}
    === clusters/staging/images.yaml
    apiVersion: image.toolkit.fluxcd.io/v1beta2
    kind: ImageRepository
    metadata: {name: web, namespace: flux-system}
    spec:
      image: ghcr.io/shop/web
      secretRef: {name: ghcr}
    ---
    apiVersion: image.toolkit.fluxcd.io/v1beta2
    kind: ImagePolicy
    metadata: {name: web, namespace: flux-system}
    spec:
      imageRepositoryRef: {name: web}
      filterTags: {pattern: '^main-[a-f0-9]+-(?P<ts>[0-9]+)', extract: $ts}
      policy: {numerical: {order: asc}}
    ---
    apiVersion: image.toolkit.fluxcd.io/v1beta2
    kind: ImageUpdateAutomation
    metadata: {name: all, namespace: flux-system}
    spec:
      git: {checkout: {ref: {branch: main}}}
      update: {path: ./apps/staging, strategy: Setters}
    === clusters/production/apps.yaml
    apiVersion: kustomize.toolkit.fluxcd.io/v1
    kind: Kustomization
    metadata: {name: apps, namespace: flux-system}
    spec:
      path: ./apps/production
      sourceRef: {kind: GitRepository, name: flux-system}
      postBuild:
        substitute: {cluster: eu}
    === clusters/production/images.yaml
    apiVersion: image.toolkit.fluxcd.io/v1beta2
    kind: ImageRepository
    metadata: {name: web, namespace: flux-system}
    spec: {image: ghcr.io/shop/web}
    ---
    apiVersion: image.toolkit.fluxcd.io/v1beta2
    kind: ImagePolicy
    metadata: {name: web, namespace: flux-system}
    spec:
      imageRepositoryRef: {name: web}
      policy: {semver: {range: '>=1.0.0'}}
    """
) | {"apps/base/web/web.yaml": deployment("ghcr.io/shop/web").encode()}


def test_two_clusters_with_objects_of_the_same_names() -> None:
    """Each environment gets the policy of its own cluster; what updates images makes it automatic."""
    config = written(CLUSTERS)
    staging, production = config.environments.values()
    assert (staging.path, staging.cluster.namespace, staging.release) == (
        "apps/staging",
        "shop-staging",
        "automatic",
    )
    assert staging.timeout.total_seconds() == 300
    assert staging.services["web"].tags is not None
    assert staging.services["web"].tags.order == "number"
    assert (production.release, production.cluster.namespace) == ("manual", "shop")
    assert production.services["web"].tags is not None
    assert production.services["web"].tags.match == "semver:>=1.0.0"


def test_what_takes_other_tags_is_not_promoted_to() -> None:
    """main-… is no version, so a chain from staging would never bring anything to production."""
    assert written(CLUSTERS).environments["production"].promote_from is None


def test_each_thing_says_where_it_comes_from() -> None:
    """The rule's place is the policy's line in its own file."""
    rule = only(CLUSTERS).environments[0].rules["web"]
    assert (rule.by, str(rule.place)) == ("ImagePolicy web", "clusters/staging/images.yaml:14")


def test_what_is_left_out_is_named() -> None:
    """Logins and substitutions have no equal in headway.yaml."""
    said = "\n".join(left(CLUSTERS))
    assert "clusters/staging/images.yaml:6: ImageRepository web: secretRef" in said
    assert "clusters/production/apps.yaml:7: Kustomization apps: postBuild" in said


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("  git: {checkout", "  suspend: true\n  git: {checkout"), "is suspended"),
        (
            ("ref: {branch: main}}}", "ref: {branch: main}}, push: {branch: flux}}"),
            "pushes to the branch flux",
        ),
    ],
)
def test_an_automation_that_changes_nothing_by_itself(change: tuple[str, str], said: str) -> None:
    """Then releases are manual, and it is said why."""
    path = "clusters/staging/images.yaml"
    text = CLUSTERS[path].decode().replace(*change)
    assert text != CLUSTERS[path].decode()
    found = {**CLUSTERS, path: text.encode()}
    assert written(found).environments["staging"].release == "manual"
    assert said in "\n".join(left(found))


def test_fluxs_own_controllers_are_no_environment() -> None:
    """gotk-components.yaml is Flux itself."""
    found = {
        **CLUSTERS,
        "clusters/staging/flux-system/gotk-components.yaml": deployment("ghcr.io/fluxcd/x:v1").encode(),
    }
    assert list(written(found).services) == ["web"]


RELEASES = repo(
    """
    === apps/base/release.yaml
    apiVersion: helm.toolkit.fluxcd.io/v2
    kind: HelmRelease
    metadata: {name: web, namespace: shop}
    spec:
      chartRef: {kind: OCIRepository, name: web}
      values: {image: {repository: ghcr.io/shop/web, tag: 1.2.3}}
    ---
    apiVersion: source.toolkit.fluxcd.io/v1
    kind: OCIRepository
    metadata: {name: web, namespace: shop}
    spec: {url: 'oci://ghcr.io/shop/charts/web', ref: {tag: 0.4.0}}
    === apps/base/kustomization.yaml
    resources: [release.yaml]
    === apps/staging/kustomization.yaml
    resources: [../base]
    patches: [{path: values.yaml}]
    === apps/staging/values.yaml
    apiVersion: helm.toolkit.fluxcd.io/v2
    kind: HelmRelease
    metadata: {name: web, namespace: shop}
    spec: {values: {image: {tag: 1.2.4}}}
    === apps/production/kustomization.yaml
    resources: [../base]
    === clusters/production/apps.yaml
    apiVersion: kustomize.toolkit.fluxcd.io/v1
    kind: Kustomization
    metadata: {name: apps, namespace: flux-system}
    spec: {path: ./apps/production, sourceRef: {kind: GitRepository, name: flux-system}}
    """
)


def test_the_chart_of_a_release_is_no_service() -> None:
    """No release could bring a chart: a registry says that it is no image."""
    assert {it.image for it in written(RELEASES).services.values()} == {"ghcr.io/shop/web"}


def test_a_release_that_flux_installs_is_told_of_once_and_its_patches_are_not() -> None:
    """What is true today is said: the object is changed in place, and its status counts."""
    (said,) = [it for it in left(RELEASES) if "HelmRelease" in it]
    assert said.startswith("apps/base/release.yaml:4: HelmRelease web: Flux goes on installing its chart")


def test_environments_with_one_namespace_are_asked_for_their_clusters() -> None:
    """Clusters are folders for Flux, and headway.yaml would put both environments into one cluster."""
    (said,) = [it for it in left(RELEASES) if "cluster.context" in it]
    assert said.startswith(
        "clusters/production/apps.yaml:4: production and staging have the namespace shop: "
    )
    assert not any("cluster.context" in it for it in left(CLUSTERS))
