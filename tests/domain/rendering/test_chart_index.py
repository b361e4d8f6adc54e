"""What a chart repository's index says of one version."""

from __future__ import annotations

import time

import pytest

from headway.domain.rendering.chart_index import Listed, listed
from headway.errors import UsageError

A, B = "a" * 64, "b" * 64
AS_HELM_WRITES = f"""\
apiVersion: v1
entries:
  shop-extra:
  - name: shop-extra
    version: 1.0.0
    urls: [extra.tgz]
  shop:
  - apiVersion: v2
    description: |
      shop:
      - version: 9.9.9

      of ours
    digest: {A}
    name: shop
    urls:
    - https://cdn.example.com/shop-1.1.0.tgz
    - https://other.example.com/shop-1.1.0.tgz
    version: 1.1.0
  - {{name: shop, version: 1.0.0, digest: "sha256:{B}", urls: []}}
  - name: shop
    version: 0.9.0
    digest: nonsense
    urls: [shop-0.9.0.tgz]
  zoo:
  - {{name: zoo, version: 3.0.0, urls: [zoo.tgz]}}
generated: "2026-11-01T00:00:00Z"
"""
LAID_OUT = [
    AS_HELM_WRITES,
    "\ufeff" + AS_HELM_WRITES,
    AS_HELM_WRITES.replace("\n", "\r\n"),
    f"{{entries: {{shop: [{{version: 1.1.0, digest: {A}, urls: [https://cdn.example.com/shop-1.1.0.tgz]}}, "
    f"{{version: 1.0.0, digest: {B}}}, {{version: 0.9.0, urls: [shop-0.9.0.tgz]}}], "
    "zoo: [{version: 3.0.0, urls: [zoo.tgz]}]}}",
]


@pytest.mark.parametrize("text", LAID_OUT, ids=["helm's", "with a mark", "CRLF", "flow"])
def test_a_version_is_found_however_the_index_is_laid_out(text: str) -> None:
    data = text.encode()
    assert listed(data, "shop", "1.1.0") == Listed("https://cdn.example.com/shop-1.1.0.tgz", f"sha256:{A}")
    assert listed(data, "shop", "1.0.0") == Listed("shop-1.0.0.tgz", f"sha256:{B}")
    assert listed(data, "shop", "0.9.0") == Listed("shop-0.9.0.tgz", "")
    assert listed(data, "zoo", "3.0.0") == Listed("zoo.tgz", "")
    for name, version, said in (
        ("shop", "9.9.9", "no version 9.9.9 of shop"),
        ("cart", "1.0.0", "no chart cart"),
    ):
        with pytest.raises(KeyError, match=said):
            listed(data, name, version)


@pytest.mark.parametrize("data", [b"a: [", b"\xff", b"[" * 1000])
def test_what_is_no_index_is_said(data: bytes) -> None:
    with pytest.raises(UsageError, match=r"index\.yaml is not readable"):
        listed(data, "shop", "1.0.0")


@pytest.mark.parametrize("data", [b"", b"- a", b"entries: 5", b"entries: {shop: 5}", b"<html>"])
def test_an_index_without_anything_has_no_chart(data: bytes) -> None:
    with pytest.raises(KeyError, match="no chart shop"):
        listed(data, "shop", "1.0.0")


def test_a_large_index_takes_as_long_as_the_part_about_the_chart() -> None:
    """Not a look at each of its charts: that takes seconds with what public ones have."""
    row = "  - {name: %s, version: 1.%d.0, description: 'x [a] {b}', urls: [a-1.%d.0.tgz]}\n"
    charts = {
        name: "".join(row % (name, it, it) for it in range(60)) for name in (f"c{it}" for it in range(400))
    }
    data = ("entries:\n" + "".join(f"  {name}:\n{rows}" for name, rows in charts.items())).encode()
    small = ("entries:\n  c7:\n" + charts["c7"]).encode()

    def seconds(it: bytes) -> float:
        began = time.process_time()
        assert listed(it, "c7", "1.59.0").url == "a-1.59.0.tgz"
        return time.process_time() - began

    assert min(seconds(data) for _ in range(3)) < 50 * min(seconds(small) for _ in range(3))
