"""Which chart from elsewhere a headway.yaml pins, and its line put back to what another one pins."""

from __future__ import annotations

import pytest

from headway.domain.config.chart_pin import said_chart, with_chart_of
from headway.domain.config.reading import load_config
from headway.domain.rendering.place import Place, RemoteChart

A, B = ("sha256:" + it * 64 for it in "ab")
FILE = """\
version: 1
app: shop
services: {{web: {{image: r.io/web}}}}
environments:
  staging:
    path: staging
    cluster: {{namespace: staging}}
    chart: {0}
  production:
    path: production
    cluster: {{namespace: production}}
    chart: {1}
"""
SHOP = "{{ref: oci://r.io/charts/shop, version: {0}, digest: '{1}', values: [v.yaml]}}"


def file(staging: str, production: str = "{}") -> bytes:
    return FILE.format(staging, production).encode()


def place(data: bytes) -> Place:
    return load_config(data).place("staging")


def test_the_pin_is_that_of_each_headway_yaml_with_its_place() -> None:
    """All else of a chart is as the newest one says."""
    now = place(file(SHOP.format("1.1.0", B)))
    then = said_chart(file(SHOP.format("1.0.0", A).replace("v.yaml", "w.yaml")), now)
    assert then.use.remote == RemoteChart("oci://r.io/charts/shop", version="1.0.0", digest=A)
    assert (then.use.values, then.use.namespace) == (("v.yaml",), "staging")
    assert (then.line, then.column) == (8, 58)


@pytest.mark.parametrize(
    ("data", "remote", "path"),
    [
        (file("{path: charts/shop}"), False, "charts/shop"),
        (file("{values: [w.yaml]}"), False, ""),
        (b"version: 1\napp: shop\n", False, ""),
        (b"a: [", True, ""),
        (file("{ref: 7}"), True, ""),
    ],
)
def test_a_headway_yaml_without_such_a_chart(data: bytes, remote: bool, path: str) -> None:
    """Another kind of chart is taken as it was; where nothing can be read, the chart is that of now."""
    now = place(file(SHOP.format("1.1.0", B)))
    found = said_chart(data, now).use
    assert (found.remote == now.chart.remote, found.path) == (remote, path)


def test_a_pin_is_put_back_and_nothing_else_changes() -> None:
    """Comments, quotes and the other environments stay."""
    now = file(SHOP.format('"1.1.0"', B) + "  # by hand", SHOP.format("1.1.0", B))
    then = file(SHOP.format("1.0.0", A), "{path: other}")
    assert with_chart_of(now, then, place(now)) == now.replace(b'"1.1.0"', b'"1.0.0"', 1).replace(
        B.encode(), A.encode(), 1
    )


@pytest.mark.parametrize(
    ("now", "then"),
    [
        (file(SHOP.format("1.1.0", B)), file("{path: charts/shop}")),
        (file(SHOP.format("1.1.0", B)), file("{ref: oci://r.io/charts/shop, version: 1.0.0}")),
        (
            file("&chart " + SHOP.format("1.1.0", B), "*chart"),
            file("&chart " + SHOP.format("1.0.0", A), "*chart"),
        ),
        (
            file(SHOP.format("&version 1.1.0", B))
            .replace(b"r.io/web}", b"r.io/web}, api: {image: r.io/a, owner: *v}")
            .replace(b"app: shop", b"app: shop\nignore: [&v 1.1.0]")
            .replace(b"&version 1.1.0", b"*v"),
            file(SHOP.format("1.0.0", A)),
        ),
    ],
)
def test_a_pin_that_cannot_be_put_back_alone_stays(now: bytes, then: bytes) -> None:
    """Other keys would have to change, or by an anchor another environment's chart, or whatever else stands there."""
    assert with_chart_of(now, then, place(now)) is None


def test_paths_of_an_application_below_the_root_count_from_its_folder() -> None:
    data = file("{path: charts/shop}")
    now = load_config(file(SHOP.format("1.1.0", B)), folder="apps/shop").place("staging")
    assert said_chart(data, now).use.path == "apps/shop/charts/shop"
