"""What two renderings of the same sources differ in."""

from __future__ import annotations

from typing import Any

import pytest

from headway.domain.objects.kept_fields import KeptField
from headway.domain.rendering.determinism import at_another_time, differences, may_differ
from headway.domain.text.field_path import parse_path


def secret(**data: Any) -> dict[str, Any]:
    return {"kind": "Secret", "metadata": {"name": "db", "namespace": "live"}, "data": data}


@pytest.mark.parametrize(
    ("one", "other", "said"),
    [
        ([secret(a="1")], [secret(a="1")], []),
        ([secret(a="1")], [secret(a="2")], ["Secret live/db: data.a"]),
        ([secret(a="1", b="1")], [secret(a="2")], ["Secret live/db: data.a, data.b"]),
        ([secret(a=1)], [secret(a=True)], ["Secret live/db: data.a"]),
        ([secret(a=[1, {"b": 1}])], [secret(a=[1, {"b": 2}])], ["Secret live/db: data.a[1].b"]),
        ([secret(a=[1])], [secret(a=[1, 2])], ["Secret live/db: data.a"]),
        ([secret(), {"kind": "A"}], [{"kind": "A"}, secret()], []),
        (
            [{"kind": "A", "metadata": {"name": "x1"}}],
            [{"kind": "A", "metadata": {"name": "x2"}}],
            ["A x1: its name"],
        ),
    ],
)
def test_the_object_and_the_field_are_named_and_no_value(
    one: list[dict[str, Any]], other: list[dict[str, Any]], said: list[str]
) -> None:
    """A value that changes each time is mostly a password."""
    assert differences(one, other) == said


def test_fields_to_keep_may_differ_and_others_may_not() -> None:
    """Of the object that is named alone; what is told is a path as headway.yaml takes it."""
    one = {
        "kind": "Secret",
        "metadata": {"name": "db", "annotations": {"a.b/c": "1"}},
        "data": {"a": "1", "b": "1"},
    }
    other = {
        "kind": "Secret",
        "metadata": {"name": "db", "annotations": {"a.b/c": "2"}},
        "data": {"a": "2", "b": "1"},
    }
    assert differences([one], [other]) == ['Secret db: metadata.annotations."a.b/c", data.a']
    keep = [KeptField("Secret", parse_path("data.a"), "db")]
    assert differences([one], [other], keep) == ['Secret db: metadata.annotations."a.b/c"']
    keep.append(KeptField("Secret", parse_path('metadata.annotations."a.b/c"')))
    assert differences([one], [other], keep) == []


@pytest.mark.parametrize(
    ("template", "may"),
    [
        (b"{{ randAlphaNum 5 }}", True),
        (b"{{ genSignedCert .a .b .c 1 .d }}", True),
        (b"{{ uuidv4 }}", True),
        (b'{{ now | date "2006" }}', True),
        (b"{{ .Values.nowhere }}", False),
        (b"{{ .Values.random }}", False),
    ],
)
def test_only_templates_that_use_chance_or_time_are_rendered_twice(template: bytes, may: bool) -> None:
    """Helm's functions are known by their names."""
    assert may_differ(template) is may


def test_the_second_rendering_has_another_time() -> None:
    """Two renderings on the same day would give the same date; a text, a field or a variable is left alone."""
    template = b'now {{ now | date "2006" }} {{ .Values.now }} {{ $now }} {{ "now" }}'
    found = at_another_time(template)
    assert found.startswith(b"now {{ (toDate ")
    assert found.endswith(b'| date "2006" }} {{ .Values.now }} {{ $now }} {{ "now" }}')
