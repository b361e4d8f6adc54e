"""The digests that pods must have, also where a rendered image has a tag alone."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from headway.domain.config.reading import load_config
from headway.domain.images.reference import Image
from headway.domain.manifests.image_sites import ImageSite, ImageUse
from headway.domain.manifests.index import FileIndex, Manifest
from headway.domain.objects.identity import ObjectId
from headway.operations.desired import Desired
from headway.systems.git.folders import Tree

CONFIG = load_config(
    b"version: 1\napp: shop\nservices:\n  web: {image: r.io/web}\n"
    b"environments:\n  staging: {path: staging, cluster: {namespace: a}}\n"
)
D1 = "sha256:" + "1" * 64


def workload(kind: str) -> dict[str, Any]:
    containers = [{"name": "web", "image": "r.io/web:1"}, {"name": "side", "image": "r.io/side:1"}]
    return {
        "apiVersion": "apps/v1",
        "kind": kind,
        "metadata": {"name": "web"},
        "spec": {"template": {"spec": {"containers": containers}}},
    }


def desired(kind: str, image: str) -> Desired:
    use = ImageUse(0, kind, "", "web", "web", "container")
    index = FileIndex(
        "chart",
        (Manifest("chart", 0, 1, workload(kind)),),
        (ImageSite(Image(image), 0, 1, 1, 1, (use,), (), "rendered"),),
    )
    indexes = [replace(index, rendered="chart/Chart.yaml")]
    return Desired(
        CONFIG, "staging", "c" * 40, Tree("staging", "t"), indexes, (), lambda _: desired(kind, image)
    )


def test_a_recorded_digest_is_planned_for_its_container_alone() -> None:
    planned = desired("Deployment", f"r.io/web:1@{D1}").planned
    assert planned == {ObjectId("apps", "Deployment", "a", "web"): {"web": D1}}


def test_nothing_is_planned_without_a_record_or_for_what_starts_later() -> None:
    assert desired("Deployment", "r.io/web:1").planned == {}
    assert desired("CronJob", f"r.io/web:1@{D1}").planned == {}
