"""Values are what kubectl reads (each row was asked of k8s.io/apimachinery's decoder), or a problem with its place."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headway.domain.manifests.index import FileIndex, index_file
from headway.domain.text.yaml_nodes import YamlProblem, compose
from headway.domain.text.yaml_values import may_alias, value_of


def read(text: str) -> list[Any]:
    """Read all documents of a text."""
    return [value_of(node, aliases=may_alias(text)) for node in compose(text)]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0123", 83), ("0o17", 15), ("0O17", 15), ("-0o17", -15), ("0X1f", 31), ("+0x1F", 31), ("0B11", 3),
        ("-0b11", -3), ("0_1", 1), ("_1", "_1"), ("1__0", 10), ("0x_1", 1), ("09.5", 9.5), ("1.", 1.0),
        ("-.5", -0.5), (".iNf", ".iNf"), ("9223372036854775807", 9223372036854775807), ("1_0.5", 10.5),
        ("-9223372036854775808", -9223372036854775808), ("nUll", "nUll"), ("0x1.8p1", "0x1.8p1"),
        ("0b12", "0b12"), ("0o8", "0o8"), ("007", 7), ("1,000", "1,000"), ("1.10", 1.1), ("5.e3", 5000.0),
        ("2020-01-01", "2020-01-01"), ("190:20:30", "190:20:30"), ("<<", "<<"), ("=", "="), (".", "."),
        ("!!binary aGVsbG8=", "hello"), ('!!int "1"', 1), ('!!float "1.5"', 1.5), ("!!str 1", "1"),
        ('!!bool "yes"', True), ('!!null ""', None), ("!foo 1", "1"), ("!!timestamp 2020-01-01", "2020-01-01"),
        ("!<tag:yaml.org,2002:str> 5", "5"), ("!!str", ""), ("!!merge x", "x"), ("12:30", "12:30"), ("!<plain> 5", "5"),
        ("", None), ("<", "<"), ("~x", "~x"), ("nothing", "nothing"), ("&a", None),
    ],
)  # fmt: skip
def test_a_scalar_is_what_kubectl_reads(text: str, value: object) -> None:
    """Octals, exponents, tags and what only looks like a number."""
    (found,) = read(f"a: {text}\n")
    assert (found["a"], type(found["a"])) == (value, type(value))


@pytest.mark.parametrize(
    ("text", "documents"),
    [
        ("a: |\n  x", [{"a": "x\n"}]),
        ("a: |+\n  x", [{"a": "x\n"}]),
        ("a: |\n  x\n---\nb: |\n  y", [{"a": "x\n"}, {"b": "y\n"}]),
        ("a: &x 1\nb: &x 2\nc: *x\n", [{"a": 1, "b": 2, "c": 2}]),
        ("a: &x 1\n---\nb: &x 2\nc: *x\nd: &x [3]\ne: *x\n", [{"a": 1}, {"b": 2, "c": 2, "d": [3], "e": [3]}]),
        ('b: &b {k: 1}\na:\n  "<<": *b\n', [{"b": {"k": 1}, "a": {"<<": {"k": 1}}}]),
        ("b: &b {k: 1}\na:\n  <<: *b\n  k: 2\n", [{"b": {"k": 1}, "a": {"k": 2}}]),
        (
            "b: &b {k: 1}\nc: &c {k: 2, z: 3}\na:\n  <<: [*b, *c]\n",
            [{"b": {"k": 1}, "c": {"k": 2, "z": 3}, "a": {"k": 1, "z": 3}}],
        ),
        ("a:\n  !!merge <<: {k: 1}\n", [{"a": {"k": 1}}]),
        ("1: a\n1.5: b\ntrue: c\n1e3: d\n0123: e\n", [{"1": "a", "1.5": "b", "true": "c", "1000": "d", "83": "e"}]),
        ('{"a":"\\ud83d\\ude00 \\u00e9", "b":"x"}', [{"a": "😀 é", "b": "x"}]),
        ('{\n\t"a": 1\n}', [{"a": 1}]),
    ],
)  # fmt: skip
def test_documents_are_what_kubectl_reads(text: str, documents: list[Any]) -> None:
    """Blocks without a last newline, anchors that are set twice, merges, keys that are no text, JSON's escapes."""
    assert read(text) == documents


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("a: 1\nb: 9223372036854775808\n", 2, "more than 64 bits"),
        ("a: " + "9" * 5000, 1, "more than 64 bits"),
        ("a: 1e400\n", 1, "put it in quotes"),
        ("a: .inf\n", 1, "put it in quotes"),
        ("a: .NaN\n", 1, "put it in quotes"),
        ("a: !!int x\n", 1, "!!int"),
        ("a: !!binary zz\n", 1, "base64"),
        ("~: a\n", 1, "null"),
        ("? [a]\n: b\n", 1, "a key must be a word"),
        ("? !<plain> [a]\n: b\n", 1, "a key must be a word"),
        ("a:\n  <<: 1\n", 2, "merges maps only"),
        ("a: 1\nb: 2\na: 3\n", 3, "a second time"),
        ("a: &a [*a]\n", 1, "names what it stands in"),
        ("a: &a\n  <<: *a\n", 1, "names what it stands in"),
        ("kind: List\nitems: &a [*a]\n", 2, "names what it stands in"),
        ("a: &x 1\nb: &x 2\nc: *y\n", 3, "undefined alias y"),
        ('{"a":"\\ud83d"}', 1, "not YAML"),
        ("a: " + "[" * 496 + "]" * 496, 1, "nested over 200 levels"),
        ("a: " + "[" * 300_000, 1, "nested over 200 levels"),
        ("- " * 100_000 + "a\n", 1, "nested over 200 levels"),
        ("? " * 100_000 + "a\n", 1, "nested over 200 levels"),
        ("".join(" " * i + "a:\n" for i in range(300)), 201, "nested over 200 levels"),
        ("a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
            f"{new}: &{new} [{','.join(['*' + old] * 9)}]\n" for old, new in zip("abcdefgh", "bcdefghi", strict=True)
        ), 1, "excessive aliasing"),
        ("a: &a {k: v}\n" + "".join(
            f"{new}: &{new} {{<<: [{','.join(['*' + old] * 9)}]}}\n"
            for old, new in zip("abcdefghij", "bcdefghijk", strict=True)
        ), 2, "excessive aliasing"),
        (f"a: &a '{'x' * 100_000}'\nb: [{','.join(['*a'] * 100)}]\n", 1, "excessive aliasing"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_unchanged_is_a_problem_with_its_line(text: str, line: int, said: str) -> None:
    """Too large, too deep, multiplied or in a circle: refused at once, and named."""
    with pytest.raises(YamlProblem) as refused:
        read(text)
    assert (refused.value.line, said in refused.value.message) == (line, True), refused.value.message


def test_aliases_that_only_save_typing_are_read() -> None:
    """A large values file with an anchor for each container is no attack."""
    text = "a: &a {x: [1,2,3,4,5]}\n" + "".join(f"b{it}: {{<<: *a, z: 1}}\n" for it in range(500))
    (found,) = read(text)
    assert found["b499"] == {"x": [1, 2, 3, 4, 5], "z": 1}


HEAD = "apiVersion: v1\nkind: {kind}\nmetadata: {meta}\n"
WORDS = st.sampled_from(
    ["apiVersion: v1\n", "apiVersion: apps/v1\n", "kind: Deployment\n", "kind: List\n", "kind: Secret\n", "metadata:\n",
     "  name: web\n", "  labels: [a]\n", "spec:\n", "  template:\n", "    spec:\n", "      containers:\n", "items:\n",
     "- ", "[", "]", "{", "}", "&a ", "*a", "<<: ", "? ", ": ", "!!binary ", "!!int ", "|\n", ">-\n", "---\n", "...\n", "'", '"',
     "9" * 30, "1e999", "${X}", "image: a/b:1@sha256:" + "0" * 64 + "\n", "\t", "\ufeff", "\\ud83d\\ude00", "%YAML 1.1\n",
     "stringData: abc\n", "data: {a: 1}\n", "#", "\n", " "]
)  # fmt: skip
ODD = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda below: st.lists(below, max_size=3) | st.dictionaries(
        st.sampled_from(["name", "namespace", "labels", "spec", "template", "jobTemplate", "containers", "image", "env",
                         "items", "data", "stringData", "versions", "names", "metadata", "selector", "replicas"]),
        below, max_size=5),
    max_leaves=25,
)  # fmt: skip
KIND = st.sampled_from(
    [
        "Deployment",
        "Pod",
        "CronJob",
        "Secret",
        "ConfigMap",
        "List",
        "DeploymentList",
        "CustomResourceDefinition",
        "Thing",
    ]
)


def holds(data: bytes) -> None:
    """Index bytes; whatever comes out has places and survives the cache."""
    index = index_file(data).at("a.yaml")
    assert all(it.line >= 1 and it.column >= 1 and it.file == "a.yaml" for it in index.problems)
    assert (
        FileIndex.from_json(json.loads(json.dumps(index_file(data).to_json(), allow_nan=False))).at("a.yaml")
        == index
    )


@pytest.mark.slow
@given(st.binary(max_size=200) | st.text(max_size=200).map(lambda it: it.encode("utf-8", "surrogatepass")))
def test_any_bytes_are_problems_or_manifests(data: bytes) -> None:
    """No file, whatever is in it, raises."""
    holds(data)


@given(st.lists(WORDS, max_size=25).map("".join))
def test_any_pieces_of_yaml_are_problems_or_manifests(text: str) -> None:
    """Pieces of manifests in any order raise nothing."""
    holds(text.encode())


@given(KIND, ODD, ODD, ODD)
def test_any_shape_is_a_problem_or_a_manifest(kind: str, meta: Any, spec: Any, more: Any) -> None:
    """Fields of every type in every place raise nothing, here or where objects are read later."""
    from headway.domain.manifests.expected import planned_digests
    from headway.domain.objects.identity import id_of
    from headway.domain.objects.wanted import apply_body, prepare

    group = {"List": "v1", "Thing": "example.com/v1", "Deployment": "apps/v1", "CronJob": "batch/v1"}.get(
        kind, "v1"
    )
    item = {
        "apiVersion": group,
        "kind": kind,
        "metadata": meta,
        "spec": spec,
        "data": more,
        "stringData": more,
    }
    if isinstance(meta, dict):
        meta["name"] = "x"
    data = json.dumps(item).encode()
    holds(data)
    found = index_file(data).manifests
    planned_digests(found, "default")
    for each in found:
        id_of(each.object, "default")
        apply_body(prepare(each.object, {"a": "b"}, "default"))
