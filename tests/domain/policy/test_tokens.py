"""Tokens and what they may do."""

from __future__ import annotations

from typing import Any

import pytest

from headway.domain.policy.tokens import digest, new_token, read_tokens, token_of
from headway.errors import RefusedError, UsageError

FILE = f"""tokens:
- {{name: ci-web, sha256: "{digest("one")}", flows: [deliver, release], environments: [staging], services: [web]}}
- {{name: ops, sha256: "{digest("two")}", flows: [rollback, reconcile, watch-registry], environments: ["*"], force: true}}
- {{name: builder, sha256: "{digest("three")}", flows: [build-images]}}
- {{name: nearly, sha256: "{digest("four")}", flows: [reconcile], environments: [staging]}}
"""
TOKENS = read_tokens(FILE, "tokens.yaml")


@pytest.mark.parametrize(
    ("said", "flow", "request_body", "refused"),
    [
        ("one", "deliver", {"environment": "staging", "services": ["web"]}, ""),
        ("one", "release", {"environment": "staging", "images": [{"service": "web"}]}, ""),
        ("one", "rollback", {"environment": "staging"}, "may not start rollback"),
        ("one", "deliver", {"environment": "production", "services": ["web"]}, "may do nothing in production"),
        ("one", "deliver", {"environment": "staging", "services": ["api"]}, "may release web only"),
        ("one", "deliver", {"environment": "staging", "services": []}, "may release web only"),
        ("one", "release", {"environment": "staging", "images": [{"service": "web"}, {"service": "api"}]}, "web only"),
        ("one", "deliver", {"environment": "staging", "services": ["web"], "force": True}, "may not force"),
        ("two", "rollback", {"environment": "production", "force": True}, ""),
        ("two", "reconcile", {}, ""),
        ("three", "build-images", {"services": ["web"]}, ""),
        ("three", "deliver", {"environment": "staging"}, "may not start deliver"),
        ("four", "reconcile", {"environment": "staging"}, ""),
        ("four", "reconcile", {"environment": ""}, "may do nothing in every environment"),
    ],
)  # fmt: skip
def test_what_a_token_may_do(said: str, flow: str, request_body: dict[str, Any], refused: str) -> None:
    """Only its flows, only its environments and services; everything at once only where it may everywhere."""
    token = token_of(TOKENS, said)
    assert token is not None
    if not refused:
        token.check(flow, request_body)
        return
    with pytest.raises(RefusedError, match=refused):
        token.check(flow, request_body)


def test_a_token_is_known_by_its_hash_alone() -> None:
    """What the file holds is not what one shows."""
    assert token_of(TOKENS, digest("one")) is None
    assert token_of(TOKENS, "") is None
    made = new_token()
    assert made not in FILE
    assert len(made) > 40


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("tokens: [", "tokens.yaml:1: not YAML"),
        ("tokens: [{name: a}]", "tokens.0.sha256: Field required"),
        ("tokens: [{name: a, sha256: hw_geheim, flows: [deliver]}]", "tokens.0.sha256"),
        (FILE + FILE.partition("\n")[2], "two tokens have the same name"),
    ],
)
def test_a_tokens_file_that_is_wrong(text: str, said: str) -> None:
    """It says where, and never shows what stands there."""
    with pytest.raises(UsageError) as caught:
        read_tokens(text, "tokens.yaml")
    assert said in str(caught.value)
    assert "geheim" not in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "tokens: [{name: 1e5, sha256: 2026-13-45, flows: [deliver]}]",
        "tokens: !!timestamp x",
        "\x01",
        "[" * 5000,
        "tokens: {1: 2}",
        "- a",
        "{[a]: b}",
    ],
    ids=lambda it: repr(it[:20]),
)
def test_an_odd_file_is_an_error_of_that_file(text: str) -> None:
    """Whatever stands in it, somebody is told which file is wrong."""
    with pytest.raises(UsageError, match=r"tokens\.yaml"):
        read_tokens(text, "tokens.yaml")


def test_a_hash_of_digits_is_text() -> None:
    """It needs no quotes."""
    [token] = read_tokens(f"tokens: [{{name: ci, sha256: {'1' * 64}, flows: [deliver]}}]", "tokens.yaml")
    assert token.sha256 == "1" * 64
