"""Argo CD: Applications and ApplicationSets as environments."""

from __future__ import annotations

from tests.domain.moving.repos import deployment, left, proposed, repo, written

APPLICATION = """
    === argocd/{name}.yaml
    apiVersion: argoproj.io/v1alpha1
    kind: Application
    metadata:
      name: {name}
      namespace: argocd
    spec:
      source: {{repoURL: https://git.example.com/shop/config.git, path: {path}}}
      destination: {{{target}}}
      syncPolicy: {{automated: {{prune: true}}}}
"""


def application(name: str, path: str, target: str) -> str:
    """Return an Application's file."""
    return APPLICATION.format(name=name, path=path, target=target)


def test_applications_are_environments() -> None:
    """The folder, the namespace and the order of promotion are found."""
    config = written(
        repo(
            application(
                "shop-production", "envs/production", "server: https://prod.example.com, namespace: shop"
            )
            + application(
                "shop-staging", "envs/staging", "server: https://kubernetes.default.svc, namespace: shop-test"
            )
        )
        | {
            f"envs/{it}/web.yaml": deployment("ghcr.io/shop/web:1.2.3").encode()
            for it in ("staging", "production")
        }
    )
    assert [
        (name, it.path, it.cluster.namespace, it.promote_from) for name, it in config.environments.items()
    ] == [
        ("staging", "envs/staging", "shop-test", None),
        ("production", "envs/production", "shop", "staging"),
    ]


def test_another_cluster_and_hand_made_syncs_are_told() -> None:
    """A server's address is no kubeconfig context."""
    found = repo(
        application("shop", "production", "server: https://prod.example.com, namespace: shop").replace(
            "syncPolicy: {automated: {prune: true}}", "ignoreDifferences: [{kind: Deployment}]"
        )
    ) | {"production/web.yaml": deployment("ghcr.io/shop/web:1.2.3").encode()}
    said = "\n".join(left(found))
    assert "deploys to the cluster https://prod.example.com" in said
    assert "ignoreDifferences" in said
    assert "synced by hand" in said


def test_an_application_of_another_repo() -> None:
    """It stays Argo CD's."""
    found = repo(application("redis", "charts/redis", "namespace: shop")) | {
        "staging/web.yaml": deployment("ghcr.io/shop/web:1.2.3").encode()
    }
    assert any(
        "charts/redis of https://git.example.com/shop/config.git, which is not in this repo" in it
        for it in left(found)
    )


def test_a_list_of_an_applicationset() -> None:
    """Each element is an application."""
    found = repo(
        """
        === set.yaml
        apiVersion: argoproj.io/v1alpha1
        kind: ApplicationSet
        metadata: {name: shop, namespace: argocd}
        spec:
          goTemplate: true
          generators:
          - list:
              elements:
              - {env: staging, namespace: shop-staging}
              - {env: production, namespace: shop}
          template:
            metadata: {name: 'shop-{{.env}}'}
            spec:
              source: {repoURL: x, path: 'deploy/{{ .env }}'}
              destination: {namespace: '{{.namespace}}'}
              syncPolicy: {automated: {}}
        """
    ) | {
        f"deploy/{it}/web.yaml": deployment("ghcr.io/shop/web:1.2.3").encode()
        for it in ("staging", "production")
    }
    config = written(found)
    assert {name: it.cluster.namespace for name, it in config.environments.items()} == {
        "staging": "shop-staging",
        "production": "shop",
    }
    assert left(found) == []


def test_folders_of_an_applicationset() -> None:
    """Each folder that fits is one, but those that are excluded."""
    found = repo(
        """
        === set.yaml
        apiVersion: argoproj.io/v1alpha1
        kind: ApplicationSet
        metadata: {name: shop, namespace: argocd}
        spec:
          generators:
          - git:
              directories:
              - path: deploy/*
              - {path: deploy/old, exclude: true}
          template:
            metadata: {name: '{{path.basename}}'}
            spec:
              source: {repoURL: x, path: '{{path}}'}
              destination: {namespace: 'shop-{{path.basename}}'}
              syncPolicy: {automated: {}}
        """
    ) | {
        f"deploy/{it}/web.yaml": deployment("ghcr.io/shop/web:1.2.3").encode()
        for it in ("staging", "production")
    }
    assert [it.cluster.namespace for it in written(found).environments.values()] == [
        "shop-staging",
        "shop-production",
    ]


def test_a_generator_that_asks_a_cluster() -> None:
    """What it gives is not in the repo, and is said."""
    found = repo(
        """
        === set.yaml
        apiVersion: argoproj.io/v1alpha1
        kind: ApplicationSet
        metadata: {name: shop}
        spec:
          generators: [{clusters: {}}]
          template: {metadata: {name: x}, spec: {}}
        """
    ) | {"staging/web.yaml": deployment("ghcr.io/shop/web:1.2.3").encode()}
    assert left(found) == [
        "set.yaml:5: ApplicationSet shop: what the generator clusters gives is not in the repo"
    ]


def test_two_folders_of_one_application() -> None:
    """An environment is one folder; the second is named."""
    found = repo(
        """
        === app.yaml
        apiVersion: argoproj.io/v1alpha1
        kind: Application
        metadata: {name: shop}
        spec:
          sources:
          - {repoURL: x, path: web/staging}
          - {repoURL: x, path: api/staging}
          destination: {namespace: shop}
          syncPolicy: {automated: {}}
        """
    ) | {f"{it}/staging/x.yaml": deployment(f"ghcr.io/shop/{it}:1.2.3", it).encode() for it in ("web", "api")}
    proposal = proposed(found)
    told = [it for app in proposal.applications for it in app.left_out] + list(proposal.left_out)
    assert any("joins several folders" in it.said for it in told)


def test_an_application_of_a_chart_elsewhere_stays_as_it_is() -> None:
    """Its values are changed in place; nobody has to move them, and its chart is no service."""
    found = repo(
        """
        === staging/orders.yaml
        apiVersion: argoproj.io/v1alpha1
        kind: Application
        metadata: {name: orders, namespace: argocd}
        spec:
          source:
            repoURL: r.io/charts
            chart: orders
            targetRevision: 1.4.2
            helm: {valuesObject: {image: {repository: r.io/shop/orders, tag: 2.0.0}}}
        """
    )
    assert [it.image for it in written(found).services.values()] == ["r.io/shop/orders"]
    (said,) = left(found)
    assert "Argo CD goes on doing so; where the Application is in an environment, a release changes" in said
