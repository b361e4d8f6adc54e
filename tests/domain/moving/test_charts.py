"""Charts with values for environments."""

from __future__ import annotations

import pytest

from headway.domain.moving.application import Application, application_of
from headway.domain.moving.argocd import read_argocd
from headway.domain.moving.charts import environment_values, read_charts
from headway.domain.moving.documents import Repo
from headway.domain.moving.found import Found
from headway.domain.moving.layout import groups_of
from headway.domain.moving.writing import write
from headway.domain.text.yaml_nodes import compose
from headway.domain.text.yaml_values import value_of
from tests.domain.moving.repos import repo

CHART = "apiVersion: v2\nname: shop\nversion: 1.0.0\nappVersion: 4.5.6\n"


def application(files: dict[str, bytes]) -> Application:
    """Return the one application that charts and Argo CD's objects make."""
    tree, found = Repo(files), Found()
    read_charts(tree, found)
    read_argocd(tree, found)
    groups = groups_of(found)
    assert len(groups) == 1
    made = application_of(groups[0], "shop", found, tree.folders)
    made.root = ""
    return made


@pytest.mark.parametrize(
    ("files", "values"),
    [
        (["values.yaml", "values-staging.yaml", "values-prod.yaml"], {"staging", "prod"}),
        (["values.staging.yaml", "production-values.yml"], {"staging", "production"}),
        (["values/dev.yaml", "environments/qa.yaml"], {"dev", "qa"}),
        (["staging/values.yaml"], {"staging"}),
        (["values-schema.yaml", "values.example.yaml", "templates/staging.yaml"], set()),
    ],
)
def test_whose_values_a_file_is(files: list[str], values: set[str]) -> None:
    """Its name or its folder says so; the chart's own values and its templates are nobody's."""
    found = {f"charts/shop/{it}": b"a: 1\n" for it in files} | {"charts/shop/Chart.yaml": CHART.encode()}
    assert set(environment_values(Repo(found), "charts/shop")) == values


@pytest.mark.parametrize(
    ("files", "values"),
    [
        (["environments/staging/values.yaml", "environments/prod/values.yaml"], {"staging", "prod"}),
        (["staging/values.yaml", "deploy/values-prod.yaml"], {"staging", "prod"}),
        (["monitoring/staging/values.yaml"], set()),
        (["environments/staging/values.yaml", "charts/other/Chart.yaml"], set()),
        (["environments/staging/values.yaml", "charts/shop/values-qa.yaml"], {"qa"}),
    ],
)
def test_values_away_from_the_only_chart(files: list[str], values: set[str]) -> None:
    """In folders for environments they are its own; with several charts nobody knows, and values near it are surer."""
    found = dict.fromkeys(files, b"a: 1\n") | {"charts/shop/Chart.yaml": CHART.encode()}
    assert set(environment_values(Repo(found), "charts/shop")) == values


def test_a_patch_of_a_release_is_no_values_file() -> None:
    """It is an object, whatever its name says."""
    patch = b"apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata: {name: web}\n"
    found = {"environments/staging-values.yaml": patch, "charts/shop/Chart.yaml": CHART.encode()}
    assert environment_values(Repo(found), "charts/shop") == {}


FOUND = repo(
    """
    === charts/shop/Chart.yaml
    apiVersion: v2
    name: shop
    version: 1.0.0
    appVersion: 4.5.6
    === charts/shop/values.yaml
    image: {repository: ghcr.io/shop/web}
    worker: {image: {registry: ghcr.io, repository: shop/worker, tag: "1.0"}}
    === charts/shop/values-staging.yaml
    image: {tag: 1.3.0}
    === charts/shop/values-production.yaml
    replicas: 3
    """
)


def test_each_values_file_is_an_environment() -> None:
    """With a folder of its own, which need not be there, and the chart named."""
    made = application(FOUND)
    assert [(it.name, it.path, it.chart, it.slot.values) for it in made.environments] == [
        ("staging", "charts/shop/staging", "charts/shop", ("charts/shop/values-staging.yaml",)),
        ("production", "charts/shop/production", "charts/shop", ("charts/shop/values-production.yaml",)),
    ]
    text = write(made)
    value = value_of(next(iter(compose(text))))
    assert value["environments"]["staging"]["chart"] == {
        "path": "charts/shop",
        "values": ["charts/shop/values-staging.yaml"],
    }
    assert value["environments"]["production"]["promote_from"] == "staging"


def test_images_of_values() -> None:
    """Repository, registry and tag apart, merged; what no values say is the chart's appVersion."""
    found = Found()
    read_charts(Repo(FOUND), found)
    images = {unit.environment: {it.name: it.tag for it in unit.images} for unit in found.units}
    assert images == {
        "staging": {"ghcr.io/shop/web": "1.3.0", "ghcr.io/shop/worker": "1.0"},
        "production": {"ghcr.io/shop/web": "4.5.6", "ghcr.io/shop/worker": "1.0"},
    }


def test_values_in_a_folder_of_the_environment() -> None:
    """The folder is the environment's."""
    found = {
        "chart/Chart.yaml": CHART.encode(),
        "chart/values.yaml": b"image: {repository: r.io/web, tag: '1'}\n",
        "staging/values.yaml": b"a: 1\n",
        "production/values.yaml": b"a: 2\n",
    }
    assert [(it.path, it.chart) for it in application(found).environments] == [
        ("staging", "chart"),
        ("production", "chart"),
    ]


def test_a_chart_alone_is_one_environment() -> None:
    """Its own folder, and nothing to say."""
    found = {
        "chart/Chart.yaml": CHART.encode(),
        "chart/values.yaml": b"image: {repository: r.io/web, tag: '1'}\n",
    }
    made = application(found)
    assert [(it.path, it.chart) for it in made.environments] == [("chart", "")]
    assert "chart:" not in write(made)


def test_subcharts_and_libraries_are_no_environments() -> None:
    """They are part of another chart."""
    found = {
        "chart/Chart.yaml": CHART.encode(),
        "chart/charts/db/Chart.yaml": CHART.encode(),
        "lib/Chart.yaml": (CHART + "type: library\n").encode(),
    }
    got = Found()
    read_charts(Repo(found), got)
    assert [it.path for it in got.units] == ["chart"]


def test_an_application_of_argo_cd_says_the_release() -> None:
    """Values, namespace and release name are those of the Application."""
    app = """
    === apps/{0}.yaml
    apiVersion: argoproj.io/v1alpha1
    kind: Application
    metadata: {{name: shop-{0}}}
    spec:
      source: {{repoURL: x, path: charts/shop, helm: {{valueFiles: [values.yaml, values-{0}.yaml]}}}}
      destination: {{namespace: ns-{0}}}
      syncPolicy: {{automated: {{}}}}
    """
    made = application(FOUND | repo(app.format("staging")) | repo(app.format("production")))
    text = value_of(next(iter(compose(write(made)))))
    assert text["environments"]["staging"]["cluster"] == {"namespace": "ns-staging"}
    assert text["environments"]["staging"]["chart"] == {
        "path": "charts/shop",
        "values": ["charts/shop/values.yaml", "charts/shop/values-staging.yaml"],
        "release": "shop-staging",
    }
    assert list(text["environments"]) == ["staging", "production"]
