"""Fields that are left as the cluster has them: its value where it has one, the rendered one where it has none."""

from __future__ import annotations

from typing import Any

import pytest

from headway.domain.objects.kept_fields import KeptField, as_in_cluster, kept_in, without
from headway.domain.text.field_path import parse_path


def secret(**data: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "db"}, "data": data}


def containers(**images: str) -> dict[str, Any]:
    return {"spec": {"containers": [{"name": name, "image": it} for name, it in images.items()]}}


CASES: dict[str, tuple[str, dict[str, Any], dict[str, Any], dict[str, Any]]] = {
    "the cluster's": ("data.a", secret(a="new", b="new"), secret(a="old", b="old"), secret(a="old", b="new")),
    "a key that the cluster has not": ("data.a", secret(a="new"), secret(b="old"), secret(a="new")),
    "a key that the repo has not": ("data.a", secret(b="new"), secret(a="old", b="old"), secret(b="new")),
    "what a Secret says as text": ("stringData.a", secret(a="new"), secret(a="old"), secret(a="old")),
    "items by their names": (
        "spec.containers[*].image", containers(a="1", b="1"), containers(b="2", c="2"), containers(a="1", b="2"),
    ),
    "one item": (
        "spec.containers[?name=a].image", containers(a="1", b="1"), containers(b="2", a="2"), containers(a="2", b="1"),
    ),
    "an annotation": (
        'metadata.annotations."checksum/a.b"',
        {"metadata": {"annotations": {"checksum/a.b": "1", "c": "1"}}},
        {"metadata": {"annotations": {"checksum/a.b": "2", "c": "2"}}},
        {"metadata": {"annotations": {"checksum/a.b": "2", "c": "1"}}},
    ),
    "a whole map": ("data", secret(a="new"), secret(b="old"), secret(b="old")),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_what_is_applied_where_the_object_is_there(case: str) -> None:
    path, wanted, live, expected = CASES[case]
    before = repr((wanted, live))
    assert as_in_cluster(wanted, live, [parse_path(path)]) == expected
    assert repr((wanted, live)) == before


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("data.a", secret(b="1")),
        ("data", {key: it for key, it in secret().items() if key != "data"}),
        ("data.c", secret(a="1", b="1")),
    ],
)
def test_an_object_without_a_field(path: str, expected: dict[str, Any]) -> None:
    assert without(secret(a="1", b="1"), [parse_path(path)]) == expected


def test_a_rule_is_for_its_kind_and_name() -> None:
    path = parse_path("data.a")
    rules = [
        KeptField("Secret", path),
        KeptField("Secret", path, "other"),
        KeptField("Secret.example.com", path),
    ]
    assert kept_in(secret(), rules) == (path,)
