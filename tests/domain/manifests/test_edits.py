"""The promise: the diff is the value, and nothing else."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from headway.domain.manifests.edits import splice
from headway.domain.manifests.index import index_file
from headway.domain.text.yaml_nodes import compose
from headway.domain.text.yaml_values import value_of

IMAGES = st.builds(
    "{}/{}:{}".format,
    st.sampled_from(["localhost:5000", "registry.example.com", "docker.io", "[::1]:5000"]),
    st.sampled_from(["a", "shop/frontend", "x-y/z_1"]),
    st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,12}", fullmatch=True),
)
COMMENTS = st.sampled_from(["", "  # set by headway", " # quotes ' and \" here", "   # ünïcode: 图 {x}"])
QUOTES = st.sampled_from(["{}", "'{}'", '"{}"'])
PROPERTIES = st.sampled_from(["", "&img ", "!!str ", "&img !!str ", "!!str   &img "])
STEPS = st.sampled_from(["  ", "    "])


@st.composite
def manifests(draw: st.DrawFn) -> tuple[bytes, list[str]]:
    """A file of one to three Deployments in many styles, and the images in it in order."""
    step = draw(STEPS)
    documents, images = [], []
    for number in range(draw(st.integers(1, 3))):
        image = draw(IMAGES)
        images.append(image)
        quote = '"{}"' if image.startswith("[") and draw(st.booleans()) else draw(QUOTES)
        if image.startswith("[") and quote == "{}":
            quote = "'{}'"
        token = draw(PROPERTIES) + quote.format(image)
        if draw(st.booleans()):
            container = f"- {{name: c, image: {token} , tty: yes}}"
        else:
            container = (
                f"- name: c{draw(COMMENTS)}\n{step * 4}  image: {token}{draw(COMMENTS)}\n{step * 4}  tty: on"
            )
        lines = [
            *draw(st.lists(st.sampled_from(["# top", "", "#    odd  "]), max_size=2)),
            "apiVersion: apps/v1",
            f"kind:   Deployment{draw(COMMENTS)}",
            f"metadata: {{name: 'd{number}', labels: {{ünï: \"x\"}}}}",
            "spec:",
            f"{step}template:",
            f"{step * 2}spec:",
            f"{step * 3}containers:",
            f"{step * 4}{container}",
            *draw(st.lists(st.sampled_from(["", "# after"]), max_size=2)),
        ]
        documents.append("\n".join(lines))
    text = draw(st.sampled_from(["", "---\n", "# c\n---\n"])) + "\n---\n".join(documents)
    text += draw(st.sampled_from(["", "\n", "\n\n", "\n...\n"]))
    if draw(st.booleans()):
        text = text.replace("\n", "\r\n")
    return (draw(st.sampled_from(["", "\ufeff"])) + text).encode(), images


def tree(data: bytes) -> list[Any]:
    """What Kubernetes would read."""
    return [value_of(node) for node in compose(data.decode().removeprefix("\ufeff"))]


@given(manifests(), IMAGES, st.data())
def test_no_other_byte_changes(made: tuple[bytes, list[str]], new: str, data: st.DataObject) -> None:
    """One edit changes one token; the rest of the file, and of the tree, is as it was."""
    before, images = made
    index = index_file(before)
    assert index.problems == ()
    assert [it.image.text for it in index.images] == images
    chosen = data.draw(st.integers(0, len(images) - 1))
    site = index.images[chosen]
    after = splice(before, [(site, new)])
    text, edited = before.decode(), after.decode()
    tail = len(text) - site.end
    assert edited[: site.start] == text[: site.start]
    assert edited[len(edited) - tail :] == text[site.end :]
    expected = tree(before)
    expected[chosen]["spec"]["template"]["spec"]["containers"][0]["image"] = new
    assert tree(after) == expected


@given(manifests(), IMAGES)
def test_an_edit_back_restores_the_file(made: tuple[bytes, list[str]], new: str) -> None:
    """All images changed at once and changed back give the same bytes."""
    before, images = made
    after = splice(before, [(site, new) for site in index_file(before).images])
    again = index_file(after)
    assert {it.image.text for it in again.images} == {new}
    restored = splice(after, zip(again.images, images, strict=True))
    # A plain value that had to be quoted for a moment keeps its quotes.
    assert restored == before or (new.startswith("[") and tree(restored) == tree(before))


def test_an_alias_is_edited_at_its_anchor() -> None:
    """Two containers that share an anchor change together, and the anchor stays."""
    before = b"""apiVersion: v1
kind: Pod
metadata: {name: p}
spec:
  initContainers: [{name: i, image: &it "a:1"}]
  containers: [{name: c, image: *it}]
"""
    index = index_file(before)
    assert [(it.image.text, [use.container for use in it.uses]) for it in index.images] == [
        ("a:1", ["i", "c"])
    ]
    assert splice(before, [(index.images[0], "a:2")]) == before.replace(b"a:1", b"a:2")


def test_a_merge_key_is_edited_where_the_image_stands() -> None:
    """An image that comes through `<<` is edited in the map it comes from."""
    before = b"""apiVersion: v1
kind: Pod
metadata: {name: p}
x-base: &base {image: a:1, tty: true}
spec:
  containers:
  - <<: *base
    name: c
"""
    (site,) = index_file(before).images
    assert splice(before, [(site, "a:2")]) == before.replace(b"a:1", b"a:2")


def test_overlapping_edits_are_refused() -> None:
    """Two values for one place are a mistake, and no bytes are made from it."""
    data = b"apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {containers: [{name: c, image: a:1}]}\n"
    (site,) = index_file(data).images
    with pytest.raises(ValueError, match="overlap"):
        splice(data, [(site, "a:2"), (site, "a:3")])


def test_plain_yaml_agrees_with_a_yaml_library() -> None:
    """Where PyYAML and Kubernetes read alike, so does headway."""
    text = 'a: [1, -2, 0x1f, 0o7, 1.5, true, null, "x", ~]\nb: {c: {d: &e [1]}, f: *e}\n'
    ours = [value_of(node) for node in compose(text)]
    theirs = yaml.safe_load(text)
    theirs["a"][3] = 7
    assert ours == [theirs]
