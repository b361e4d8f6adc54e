"""The text of a proposed headway.yaml: it is read as it was meant, whatever the names are."""

from __future__ import annotations

import pytest

from headway.domain.config.reading import load_config
from headway.domain.moving.writing import flow, scalar, write
from headway.domain.text.yaml_nodes import compose
from headway.domain.text.yaml_values import value_of
from tests.domain.moving.repos import deployment, only

ODD = [
    "no",
    "on",
    "123",
    "1e3",
    "0x1",
    "~",
    "null",
    "",
    "a: b",
    "- a",
    "a #b",
    "{a}",
    "é",
    '"',
    "'",
    "\\",
    "a\nb",
    "*",
    "&a",
    "!x",
    "%",
    "@",
    "`",
    "1.10",
    "localhost:5000/web",
    "a,b",
    "[",
    "?",
]


@pytest.mark.parametrize("text", ODD)
def test_a_text_is_read_as_itself(text: str) -> None:
    """Alone, in a list, in a map, and as a key."""
    for written, expected in (
        (f"a: {scalar(text)}\n", {"a": text}),
        (f"a: {flow([text, text])}\n", {"a": [text, text]}),
        (f"a: {flow({text: text})}\n", {"a": {text: text}}),
    ):
        assert value_of(next(iter(compose(written)))) == expected


def test_a_comment_cannot_break_out() -> None:
    """A file's name may hold anything; what is beside a line stays beside it."""
    found = {"staging/a\napp: evil\n.yaml": deployment("ghcr.io/shop/web:1.2.3").encode()}
    config = load_config(write(only(found)).encode())
    assert config.app == "shop"


def test_a_running_version_brings_a_hint() -> None:
    """Without a rule of any tool, the tag that runs shows what a rule could be."""
    text = write(only({"staging/web.yaml": deployment("ghcr.io/shop/web:v1.2.3").encode()}))
    assert 'a rule for versions would be tags: {match: "semver:>=1.2.3"}' in text


def test_two_images_of_one_name() -> None:
    """Both are services."""
    found = {
        "staging/a.yaml": deployment("ghcr.io/a/web:1").encode(),
        "staging/b.yaml": deployment("ghcr.io/b/web:1", "other").encode(),
    }
    assert list(load_config(write(only(found)).encode()).services) == ["web", "web-2"]


def test_only_the_services_with_a_rule_are_automatic() -> None:
    """What no tool released by itself stays manual."""
    more = "  annotations:\n    keel.sh/policy: patch\n"
    found = {
        "staging/a.yaml": deployment("ghcr.io/a/web:1.0.0", more=more).encode(),
        "staging/b.yaml": deployment("ghcr.io/a/db:1.0.0", "db").encode(),
    }
    staging = load_config(write(only(found)).encode()).environments["staging"]
    assert staging.release == "manual"
    assert {name: it.release for name, it in staging.services.items()} == {"web": "automatic"}
