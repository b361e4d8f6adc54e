"""What may differ in a rendering after a release: the wanted images, and what tells people about them."""

from __future__ import annotations

from typing import Any

import pytest

from headway.domain.rendering.effect import described, refuse_unwanted, unwanted
from headway.errors import RefusedError

OLD, NEW = "r.io/users:1.0", "r.io/users:2.0@sha256:" + "2" * 64


def deployment(image: str, labels: dict[str, str] | None = None, **more: Any) -> dict[str, Any]:
    container = {"name": "users", "image": image, **more}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "users", "labels": labels or {}},
        "spec": {"template": {"metadata": {}, "spec": {"containers": [container]}}},
    }


def annotated(image: str, key: str, value: str) -> dict[str, Any]:
    made = deployment(image)
    made["spec"]["template"]["metadata"] = {"annotations": {key: value}}
    return made


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        (deployment(OLD), deployment(NEW), []),
        (deployment(OLD, {"version": "1.0"}), deployment(NEW, {"version": "2.0"}), []),
        (annotated(OLD, "image", OLD), annotated(NEW, "image", NEW), []),
        (annotated(OLD, "checksum/values", "a" * 64), annotated(NEW, "checksum/values", "b" * 64), []),
        (
            annotated(OLD, "note", "a" * 64),
            annotated(NEW, "note", "b" * 64),
            [f"Deployment/users: spec.template.metadata.annotations.note: {'a' * 64} → {'b' * 64}"],
        ),
        (
            deployment(OLD, {"version": "1.0"}),
            deployment(NEW, {"version": NEW.partition(":")[2]}),
            [f"Deployment/users: metadata.labels.version: 1.0 → {NEW.partition(':')[2]}"],
        ),
        (
            deployment(OLD, {"version": "1.0"}),
            deployment(NEW, {"version": "3.0"}),
            ["Deployment/users: metadata.labels.version: 1.0 → 3.0"],
        ),
        (
            deployment(OLD, env=[{"name": "V", "value": "1.0"}]),
            deployment(NEW, env=[{"name": "V", "value": "2.0"}]),
            ["Deployment/users: spec.template.spec.containers[0].env[0].value: 1.0 → 2.0"],
        ),
        (
            deployment(OLD),
            deployment(OLD),
            [f"Deployment/users: spec.template.spec.containers[0].image: {OLD} stays, and it should change"],
        ),
        (
            deployment("r.io/orders:1.0"),
            deployment("r.io/orders:2.0"),
            ["Deployment/users: spec.template.spec.containers[0].image: r.io/orders:1.0 → r.io/orders:2.0"],
        ),
    ],
    ids=[
        "the image", "a label with the tag", "an annotation with the image", "a checksum", "any hash",
        "no label has a digest", "another label", "a variable", "nothing changed", "another image",
    ],
)  # fmt: skip
def test_what_else_changes_is_said(before: dict[str, Any], after: dict[str, Any], said: list[str]) -> None:
    assert list(described(unwanted([before], [after], [(OLD, NEW)]))) == said


def test_objects_that_come_and_go_are_refused() -> None:
    """A generated name that the tag is a part of makes another object of it."""
    found = unwanted(
        [deployment(OLD), {"kind": "ConfigMap", "metadata": {"name": "a-1"}}],
        [deployment(NEW), {"kind": "ConfigMap", "metadata": {"name": "a-2"}}],
        [(OLD, NEW)],
    )
    with pytest.raises(RefusedError, match=r"(?s)ConfigMap/a-1: disappears.*ConfigMap/a-2: appears"):
        refuse_unwanted("staging", found)


def test_no_value_of_a_secret_is_shown() -> None:
    """Neither one that changes, nor one that comes."""
    before = {"kind": "Secret", "metadata": {"name": "s"}, "data": {"a": "b25l"}}
    after = {"kind": "Secret", "metadata": {"name": "s"}, "data": {"a": "dHdv", "b": "dHdv"}}
    new = {"kind": "Secret", "metadata": {"name": "n"}, "data": {"a": "dHdv"}}
    assert list(described(unwanted([before], [after, new], []))) == [
        "Secret/s: data.a: another value, which is not shown",
        "Secret/s: data.b: another value, which is not shown",
        "Secret/n: appears",
    ]
