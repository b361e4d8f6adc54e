"""Paths of fields: what each form leads to, in values and in YAML's nodes, and what is no path."""

from __future__ import annotations

import pytest

from headway.domain.text.field_path import parse_path, text_of, values_at, written
from headway.domain.text.yaml_nodes import compose
from headway.domain.text.yaml_values import value_of

TEXT = """
spec:
  image: a
  steps:
  - {name: build, image: b}
  - {image: c}
  env: [{name: X, value: d}, {name: B, value: e}, {name: Z, value: f, set: true}]
  tags: [{from: {kind: DockerImage, name: g}}, {from: {kind: Other, name: h}}]
data: {app.image: i, "say \\"hi\\"": j}
list: [k, [l, m]]
"""
CASES = {
    "spec.image": [("spec.image", "a")],
    "spec.steps[*].image": [("spec.steps[?name=build].image", "b"), ("spec.steps[1].image", "c")],
    "spec.steps[1].image": [("spec.steps[1].image", "c")],
    "spec.steps[7].image": [],
    "spec.env[?name=B].value": [("spec.env[?name=B].value", "e")],
    "spec.env[?name='B'].value": [("spec.env[?name=B].value", "e")],
    "spec.env[?set=true].value": [("spec.env[?set=true].value", "f")],
    "spec.env[?name=W].value": [],
    "spec.tags[?from.kind=DockerImage].from.name": [("spec.tags[?from.kind=DockerImage].from.name", "g")],
    'data."app.image"': [('data."app.image"', "i")],
    "data.'app.image'": [('data."app.image"', "i")],
    "'data'.'app.image'": [('data."app.image"', "i")],
    "list[1][0]": [("list[1][0]", "l")],
    "spec.image.tag": [],
    "spec[*].image": [],
    "list.k": [],
}


@pytest.mark.parametrize("path", CASES)
def test_a_path_leads_to_what_stands_there(path: str) -> None:
    """Values and nodes give the same, each with the path of its own, which leads back to it alone."""
    (node,) = compose(TEXT)
    for value in (node, value_of(node)):
        found = [(written(at), text_of(each)) for at, each in values_at(value, parse_path(path))]
        assert found == CASES[path]
        for own, said in found:
            assert [text_of(it) for _, it in values_at(value, parse_path(own))] == [said]


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("", "the path of a field is expected"),
        (".spec", "from '.spec' on"),
        ("spec.", "at its end"),
        ("spec..image", "from '.image' on"),
        ("[0].a", "from '[0].a' on"),
        ("a[", "from '[' on"),
        ("a[-1]", "from '[-1]' on"),
        ("a[x]", "from '[x]' on"),
        ("a[?name]", "from ']' on"),
        ("a[?name=]", "from '=]' on"),
        ("a[?=x]", "from '=x]' on"),
        ("a[?name=x", "at its end"),
        ("a[*]b", "from 'b' on"),
        ("a b", "from ' b' on"),
        ("$.a", "from '$.a' on"),
        ("{.a}", "from '{.a}' on"),
        ("a.*", "from '*' on"),
        ('a."b', "from '\"b' on"),
    ],
)
def test_what_is_no_path_says_where_it_stops_to_be_one(path: str, said: str) -> None:
    with pytest.raises(ValueError, match="path") as refused:
        parse_path(path)
    assert said in str(refused.value)
