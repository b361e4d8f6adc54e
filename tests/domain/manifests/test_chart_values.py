"""Values of charts in ConfigMaps: images where a HelmRelease reads them, changed inside of their block of text."""

from __future__ import annotations

import json

import pytest

from headway.domain.images.reference import ImageRef
from headway.domain.manifests.chart_values import unedited, with_values
from headway.domain.manifests.edits import splice
from headway.domain.manifests.index import FileIndex, index_file

D2 = "sha256:" + "2" * 64
VALUES = """apiVersion: v1
kind: ConfigMap
metadata: {name: web-values}
data:
  other: x
  values.yaml: |
    # by hand

    image:
      repository: r.io/web   # ours
      tag: "1.0"
    sidecar: {image: r.io/proxy:3}
"""


def release(*sources: str, namespace: str = "") -> bytes:
    meta = "{name: web" + (f", namespace: {namespace}" if namespace else "") + "}"
    return (
        f"apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata: {meta}\n"
        f"spec:\n  valuesFrom: [{', '.join(sources)}]\n"
    ).encode()


READS = "{kind: ConfigMap, name: web-values}"


def linked(data: bytes, *others: bytes) -> list[FileIndex]:
    """Return the indexes of files of one environment, as they come from the cache."""
    read = [index_file(it) for it in (data, *others)]
    kept = [FileIndex.from_json(json.loads(json.dumps(it.to_json()))) for it in read]
    return with_values([it.at(f"{at}.yaml") for at, it in enumerate(kept)], "shop")


def test_what_a_helm_release_reads_is_an_image() -> None:
    """Of both: the ConfigMap that has it, and the release whose pods run it; no plan warns that it stays behind."""
    values, _ = linked(VALUES.encode(), release(READS))
    assert [it.image.text for it in values.images] == ["r.io/web:1.0", "r.io/proxy:3"]
    uses = [(it.kind, it.name, it.container) for it in values.images[0].uses]
    assert uses == [
        ("ConfigMap", "web-values", "data.values.yaml.image"),
        ("HelmRelease", "web", "valuesFrom values.yaml.image"),
    ]
    assert values.mentions == ()


def test_a_tag_changes_inside_of_the_block_and_nothing_else() -> None:
    values, _ = linked(VALUES.encode(), release(READS))
    site = values.images[0]
    (part,) = site.parts
    assert (part.path, part.line, part.column, part.text) == ("0.yaml", 11, 12, '"1.0"')
    new = site.spell(ImageRef.parse(f"r.io/web:2.0@{D2}"))
    assert splice(VALUES.encode(), site.writes(new)).decode() == VALUES.replace('"1.0"', '"2.0"')


@pytest.mark.parametrize(
    "data",
    [
        release("{kind: ConfigMap, name: other}"),
        release("{kind: ConfigMap, name: web-values, valuesKey: prod.yaml}"),
        release("{kind: ConfigMap, name: web-values, targetPath: image.tag}"),
        release("{kind: Secret, name: web-values}"),
        release(READS, namespace="elsewhere"),
        release(READS).replace(b"helm.toolkit.fluxcd.io", b"example.com"),
    ],
)
def test_what_nobody_reads_is_text(data: bytes) -> None:
    values, _ = linked(VALUES.encode(), data)
    assert values.images == ()


def test_values_that_are_not_edited_are_told() -> None:
    """A Secret's, those of a ConfigMap that is made elsewhere, and single ones."""
    sources = (
        "{kind: Secret, name: login}",
        "{kind: ConfigMap, name: cluster}",
        READS,
        "{kind: ConfigMap, name: web-values, valuesKey: other, targetPath: a.b}",
    )
    indexes = linked(VALUES.encode(), release(*sources))
    assert [said.partition(":")[0] for _, said in unedited(indexes, "shop")] == [
        "Secret login",
        "ConfigMap cluster",
        "ConfigMap web-values, key other",
    ]
