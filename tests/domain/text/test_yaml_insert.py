"""A key or an item is inserted in the style of its neighbours, and every other byte stays."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from headway.domain.text.yaml_insert import Uninsertable, insert
from headway.domain.text.yaml_nodes import compose
from headway.domain.text.yaml_values import value_of

ENTRY = [{"name": "r.io/users", "newTag": "1.10"}]
CASES = {
    "missing": ("a: [b]\n", 'a: [b]\nimages:\n- name: r.io/users\n  newTag: "1.10"\n'),
    "no final newline": ("a: [b]", 'a: [b]\nimages:\n- name: r.io/users\n  newTag: "1.10"'),
    "comments at the end": (
        "a: [b] # c\n# end\n",
        'a: [b] # c\nimages:\n- name: r.io/users\n  newTag: "1.10"\n# end\n',
    ),
    "an empty file": ("", 'images:\n- name: r.io/users\n  newTag: "1.10"\n'),
    "comments alone": ("# c\n", '# c\nimages:\n- name: r.io/users\n  newTag: "1.10"\n'),
    "windows": ("a: [b]\r\n", 'a: [b]\r\nimages:\r\n- name: r.io/users\r\n  newTag: "1.10"\r\n'),
    "the list's style elsewhere": (
        "a:\n  - b\n",
        'a:\n  - b\nimages:\n  - name: r.io/users\n    newTag: "1.10"\n',
    ),
    "behind the items": (
        "images:\n  -   name: x\n      newTag: v1 # why\n  # end\n\nz: 1\n",
        "images:\n  -   name: x\n      newTag: v1 # why\n"
        '  -   name: r.io/users\n      newTag: "1.10"\n  # end\n\nz: 1\n',
    ),
    "flow": (
        "images: [{name: x, newTag: v1}] # c\n",
        'images: [{name: x, newTag: v1}, {name: r.io/users, newTag: "1.10"}] # c\n',
    ),
    "flow over lines": (
        "images: [\n  {name: x},\n]\n",
        'images: [\n  {name: x}, {name: r.io/users, newTag: "1.10"},\n]\n',
    ),
    "an empty list": ("images: [ ]\nz: 1\n", 'images: [{name: r.io/users, newTag: "1.10"} ]\nz: 1\n'),
    "nothing": ("images: # c\nz: 1\n", 'images: # c\n- name: r.io/users\n  newTag: "1.10"\nz: 1\n'),
    "null": ("images: ~\nz: 1\n", 'images: [{name: r.io/users, newTag: "1.10"}]\nz: 1\n'),
    "a map in flow": (
        "{a: [b], c: d}\n",
        '{a: [b], c: d, images: [{name: r.io/users, newTag: "1.10"}]}\n',
    ),
    "JSON": ('{"a": ["b"]}', '{"a": ["b"], "images": [{"name": "r.io/users", "newTag": "1.10"}]}'),
    "the end is marked": (
        "---\na: b\n...\n",
        '---\na: b\nimages:\n- name: r.io/users\n  newTag: "1.10"\n...\n',
    ),
    "behind a block of text": (
        "p:\n- patch: |-\n    x: y\n\n# end\n",
        'p:\n- patch: |-\n    x: y\n\nimages:\n- name: r.io/users\n  newTag: "1.10"\n# end\n',
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_an_item_of_a_list(case: str) -> None:
    before, after = CASES[case]
    assert insert(before, ["images"], ENTRY) == after


@pytest.mark.parametrize(
    ("before", "keys", "after"),
    [
        ("users:\n  replicas: 1\n", "users.image.tag", "users:\n  replicas: 1\n  image:\n    tag: v2\n"),
        (
            "users:\n    replicas: 1\nz: 1\n",
            "users.image.tag",
            "users:\n    replicas: 1\n    image:\n        tag: v2\nz: 1\n",
        ),
        ("users: {replicas: 1}\n", "users.image.tag", "users: {replicas: 1, image: {tag: v2}}\n"),
        ("users: {}\n", "users.image.tag", "users: {image: {tag: v2}}\n"),
        ("users:\n", "users.tag", "users:\n  tag: v2\n"),
        ('image:\n  tag: "" # empty\n', "image.tag", 'image:\n  tag: "v2" # empty\n'),
        ("image:\n  tag:\n", "image.tag", "image:\n  tag: v2\n"),
        ("image: {tag: , x: y}\n", "image.tag", "image: {tag: v2 , x: y}\n"),
        ("", "image.tag", "image:\n  tag: v2\n"),
    ],
)
def test_a_key_at_any_depth(before: str, keys: str, after: str) -> None:
    assert insert(before, keys.split("."), "v2") == after


def test_a_value_is_not_replaced() -> None:
    with pytest.raises(Uninsertable, match="line 2, column 8: there is a value already"):
        insert("image:\n  tag: v1\n", ["image", "tag"], "v2")


KEYS = st.sampled_from(["a", "b-c", "images", "d"])
LEAVES = st.sampled_from(["x", "1.0", "", "y z"])
TREES = st.recursive(
    LEAVES, lambda it: st.lists(it, max_size=3) | st.dictionaries(KEYS, it, max_size=3), max_leaves=8
)


@given(
    st.dictionaries(KEYS, TREES, min_size=1, max_size=4),
    st.booleans(),
    st.sampled_from([2, 4]),
    st.booleans(),
)
def test_what_is_read_has_the_item_and_all_else(
    content: dict[str, object], flow: bool, indent: int, final: bool
) -> None:
    """Whatever stands there: it has the new item, and the rest reads as before, from the same bytes."""
    if not isinstance(content.get("images", []), list):
        del content["images"]
    text = yaml.safe_dump(content, default_flow_style=flow or None, indent=indent, sort_keys=False)
    text = text if final else text.rstrip("\n")
    done = insert(text, ["images"], ENTRY)
    (was,), (node,) = compose(text), compose(done)
    assert value_of(node) == {**value_of(was), "images": [*value_of(was).get("images", []), *ENTRY]}
    cut = next(at for at in range(len(text) + 1) if text[:at] == done[:at] and done.endswith(text[at:]))
    assert text[:cut] + done[cut : len(done) - len(text) + cut] + text[cut:] == done
