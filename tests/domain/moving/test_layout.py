"""Folders as environments and applications, whatever the layout."""

from __future__ import annotations

import pytest

from tests.domain.moving.repos import deployment, left, proposed, repo, written

WEB = deployment("ghcr.io/shop/web:1.2.3").encode()
API = deployment("ghcr.io/shop/api:4.5.6", "api").encode()


@pytest.mark.parametrize(
    ("paths", "environments"),
    [
        (["staging/web.yaml", "production/web.yaml"], {"staging": "staging", "production": "production"}),
        (["plain/production/web.yaml", "plain/staging/web.yaml"], {"staging": "plain/staging", "production": "plain/production"}),
        (["deploy/kubernetes/manifests/web.yaml"], {"main": "deploy/kubernetes/manifests"}),
        (["k8s/dev/web.json", "k8s/qa/web.yml"], {"dev": "k8s/dev", "qa": "k8s/qa"}),
        (["envs/prod-us/web.yaml", "envs/prod-eu/web.yaml", "envs/stg/web.yaml"], {"stg": "envs/stg", "prod-eu": "envs/prod-eu", "prod-us": "envs/prod-us"}),
        (["clusters/prod/eu/web.yaml", "clusters/prod/us/web.yaml"], {"prod-eu": "clusters/prod/eu", "prod-us": "clusters/prod/us"}),
        (["staging/a/web.yaml", "production/b/c/web.yaml"], {"staging": "staging", "production": "production"}),
        (["customers/acme/web.yaml", "customers/initech/web.yaml"], {"acme": "customers/acme", "initech": "customers/initech"}),
        (["no/web.yaml", "on/web.yaml", "1e3/web.yaml", "123/web.yaml"], {"123": "123", "1e3": "1e3", "no": "no", "on": "on"}),
        (["Prod Env/web.yaml"], {"main": "Prod Env"}),
        (["web.yaml"], {"main": "."}),
    ],
)  # fmt: skip
def test_folders(paths: list[str], environments: dict[str, str]) -> None:
    """Each layout gives its environments in the order of promotion, and a file that loads."""
    text = {
        it: (
            b'{"apiVersion":"v1","kind":"Pod","metadata":{"name":"web"},"spec":{"containers":[{"name":"a","image":"r.io/web:1"}]}}'
            if it.endswith("json")
            else WEB
        )
        for it in paths
    }
    config = written(text)
    assert {name: it.path for name, it in config.environments.items()} == environments
    assert list(config.environments) == list(environments)


def test_folders_of_one_environment() -> None:
    """Folders that hold different objects, and no word for an environment, are one."""
    config = written({"apps/media/web/a.yaml": WEB, "apps/home/api/a.yaml": API})
    assert {name: it.path for name, it in config.environments.items()} == {"main": "apps"}
    assert list(config.services) == ["api", "web"]


def test_the_chain_goes_by_the_names() -> None:
    """Each is promoted from the one before; two of a kind from the same."""
    found = {f"{it}/web.yaml": WEB for it in ("dev", "staging", "prod-eu", "prod-us")}
    assert {name: it.promote_from for name, it in written(found).environments.items()} == {
        "dev": None,
        "staging": "dev",
        "prod-eu": "staging",
        "prod-us": "staging",
    }


def test_a_namespace_is_what_the_manifests_name() -> None:
    """The folder's name is only taken where nothing names one."""
    found = {
        "staging/web.yaml": deployment("r.io/web:1", more="  namespace: shop-test\n").encode(),
        "production/web.yaml": WEB,
    }
    assert [it.cluster.namespace for it in written(found).environments.values()] == [
        "shop-test",
        "production",
    ]


def test_overlays_of_several_applications() -> None:
    """Each application has its own folders; names say which."""
    found = {}
    for app, manifest in (("web", WEB), ("api", API)):
        found[f"apps/{app}/base/a.yaml"] = manifest
        found[f"apps/{app}/base/kustomization.yaml"] = b"resources: [a.yaml]\n"
        for name in ("staging", "production"):
            found[f"apps/{app}/overlays/{name}/kustomization.yaml"] = b"resources: [../../base]\n"
    proposal = proposed(found)
    assert [
        (it.name, it.root, [each.slot.path for each in it.environments]) for it in proposal.applications
    ] == [
        ("api", "apps/api", ["apps/api/overlays/staging", "apps/api/overlays/production"]),
        ("web", "apps/web", ["apps/web/overlays/staging", "apps/web/overlays/production"]),
    ]


def test_a_base_is_no_environment() -> None:
    """Its images are those of the overlays, with their `images:` put in."""
    found = repo(
        """
        === base/kustomization.yaml
        resources: [web.yaml]
        === staging/kustomization.yaml
        namespace: shop
        resources: [../base]
        components: [../components/extra]
        images: [{name: ghcr.io/shop/web, newName: registry.test/web, newTag: "7"}]
        === components/extra/kustomization.yaml
        apiVersion: kustomize.config.k8s.io/v1alpha1
        kind: Component
        resources: [api.yaml]
        """
    ) | {"base/web.yaml": WEB, "components/extra/api.yaml": API}
    config = written(found)
    assert {name: it.path for name, it in config.environments.items()} == {"staging": "staging"}
    assert {it.image for it in config.services.values()} == {"registry.test/web", "ghcr.io/shop/api"}


def test_a_remote_base_is_told() -> None:
    """It is not in the repo."""
    found = repo(
        """
        === staging/kustomization.yaml
        resources: [web.yaml, "https://example.com/x.yaml", "github.com/org/repo//base?ref=v1"]
        """
    ) | {"staging/web.yaml": WEB}
    assert sum("copy it here" in it for it in left(found)) == 2


def test_a_loop_of_bases_ends() -> None:
    """Nobody's environment, and no endless reading."""
    found = repo(
        """
        === a/kustomization.yaml
        resources: [../b]
        === b/kustomization.yaml
        resources: [../a]
        """
    ) | {"staging/web.yaml": WEB}
    assert list(written(found).environments) == ["staging"]


def test_a_chart_below_hides_nothing_beside_it() -> None:
    """Plain folders next to a chart are environments."""
    found = {
        "staging/web.yaml": WEB,
        "tools/charts/x/Chart.yaml": b"name: x\nversion: 1.0.0\n",
        "tools/charts/x/templates/a.yaml": b"a: {{ .Values.a }}\n",
    }
    assert "staging" in [
        name for app in proposed(found).applications for name in (it.name for it in app.environments)
    ]


def test_environments_that_are_files() -> None:
    """An environment is a folder, so the way to one is told, file by file."""
    proposal = proposed({"deploy/staging.yml": WEB, "deploy/production.yml": WEB})
    assert proposal.applications == ()
    said = "\n".join(map(str, proposal.left_out))
    assert "git mv deploy/staging.yml deploy/staging/staging.yml" in said
    assert "git mv deploy/production.yml deploy/production/production.yml" in said


def test_files_of_one_environment_may_have_such_names() -> None:
    """Files with different objects are no environments, whatever they are called."""
    found = {"deploy/test.yaml": WEB, "deploy/live.yaml": API}
    assert {name: it.path for name, it in written(found).environments.items()} == {"main": "deploy"}


def test_stray_files_are_ignored() -> None:
    """What is no manifest is named in `ignore`, with the reason beside it."""
    found = {"staging/web.yaml": WEB, "staging/docker-compose.yml": b"services: {web: {image: x}}\n"}
    assert written(found).document.ignore == ["/staging/docker-compose.yml"]


def test_a_broken_manifest_is_not_ignored() -> None:
    """It is a mistake to correct."""
    proposal = proposed({"staging/web.yaml": WEB, "staging/broken.yaml": b"a: b: c\n"})
    assert [str(it)[:23] for it in proposal.problems] == ["staging/broken.yaml:1:5"]
    assert proposal.applications[0].ignore == []


def test_a_folder_beside_the_environments() -> None:
    """A folder with other images and no such name is told, not guessed."""
    found = {"staging/web.yaml": WEB, "production/web.yaml": WEB, "tools/api.yaml": API}
    assert list(written(found).environments) == ["staging", "production"]
    assert any(it.startswith("tools/api.yaml:1: tools has images") for it in left(found))


def test_a_base_that_a_tool_deploys_is_an_environment() -> None:
    """Although another kustomization reads it."""
    found = repo(
        """
        === production/kustomization.yaml
        resources: [../staging]
        === staging/kustomization.yaml
        resources: [web.yaml]
        === flux.yaml
        apiVersion: kustomize.toolkit.fluxcd.io/v1
        kind: Kustomization
        metadata: {name: staging}
        spec: {path: ./staging, sourceRef: {kind: GitRepository, name: x}}
        """
    ) | {"staging/web.yaml": WEB}
    assert list(written(found).environments) == ["staging", "production"]


def test_many_kustomizations_that_read_the_same_bases_are_read_once() -> None:
    """Twenty layers of two that both read both of the layer below: a million ways, and no time."""
    found = {"l0/a/web.yaml": WEB, "l0/a/kustomization.yaml": b"resources: [web.yaml]\n"}
    found["l0/b/kustomization.yaml"] = b"resources: []\n"
    for layer in range(1, 21):
        for name in "ab":
            text = f"resources: [../../l{layer - 1}/a, ../../l{layer - 1}/b]\n"
            found[f"l{layer}/{name}/kustomization.yaml"] = text.encode()
    found["staging/kustomization.yaml"] = b"resources: [../l20/a, ../l20/b]\n"
    assert list(written(found).services) == ["web"]
