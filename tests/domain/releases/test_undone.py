"""What people undid in Git itself."""

from __future__ import annotations

from dataclasses import replace

import pytest

from headway.domain.images.reference import Image
from headway.domain.releases.undone import Step, downgrades, older_by, undone

V = {
    name: Image(f"r.io/web:{name}@sha256:{number:064x}")
    for number, name in enumerate(("1.0.0", "1.1.0", "1.2.0", "red", "blue"))
}


def ours(old: str, new: str) -> Step:
    return Step("web", V[old], V[new], True, f"ours-{new}")


def push(old: str, new: str) -> Step:
    return Step("web", V[old], V[new], False, f"push-{new}", "Ann", "a push")


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        pytest.param([], [], id="nothing happened"),
        pytest.param([ours("1.0.0", "1.1.0")], [], id="headway's own change is nobody's undoing"),
        pytest.param([push("1.1.0", "1.0.0"), ours("1.0.0", "1.1.0")], ["1.1.0"], id="a revert"),
        pytest.param(
            [push("1.1.0", "1.0.0"), push("1.2.0", "1.1.0"), ours("1.1.0", "1.2.0")],
            ["1.1.0", "1.2.0"],
            id="two reverts",
        ),
        pytest.param([ours("1.0.0", "1.2.0"), push("1.1.0", "1.0.0")], [], id="a release since has moved on"),
        pytest.param([push("1.0.0", "1.1.0"), push("1.1.0", "1.0.0")], [], id="the revert was reverted"),
        pytest.param(
            [push("1.0.0", "1.1.0"), ours("1.1.0", "1.0.0")], [], id="a person went past a rollback"
        ),
        pytest.param([push("red", "blue"), ours("blue", "red")], ["red"], id="no order, but it ran before"),
        pytest.param([push("red", "blue"), ours("1.0.0", "red")], [], id="no order, and it never ran"),
        pytest.param([push("1.1.0", "1.0.0")], ["1.1.0"], id="by version, without a history"),
        pytest.param(
            [push("1.2.0", "1.0.0"), push("1.1.0", "1.0.0"), ours("1.0.0", "1.2.0")],
            ["1.2.0", "1.1.0"],
            id="several containers in one push",
        ),
        pytest.param(
            [
                replace(push("1.1.0", "1.2.0"), commit="both"),
                replace(push("1.1.0", "1.0.0"), commit="both"),
                push("1.2.0", "1.1.0"),
                ours("1.1.0", "1.2.0"),
            ],
            ["1.1.0"],
            id="one container back and one forward in one push, which ends the search",
        ),
    ],
)
def test_what_was_undone(steps: list[Step], expected: list[str]) -> None:
    """Newest first; only what people did since headway's last change counts, and only backwards."""
    found = undone(steps, older_by(None))
    assert [it.image for it in found] == [V[it] for it in expected]


def test_what_was_answered_once_is_not_undone_again() -> None:
    """Once holds.yaml held it back, holds.yaml alone speaks of it: taking the veto away lets it come again."""
    steps = [push("1.1.0", "1.0.0"), ours("1.0.0", "1.1.0")]
    assert undone(steps, older_by(None), {"push-1.0.0"}) == ()


@pytest.mark.parametrize(
    ("before", "now", "expected"),
    [
        (V["1.1.0"], V["1.0.0"], "is older than what was live"),
        (V["1.0.0"], V["1.1.0"], ""),
        (V["1.0.0"], Image("r.io/web:1.0.0"), "lost its digest"),
        (V["1.1.0"], Image("r.io/web:1.0.0"), "is older than what was live"),
        (V["red"], V["blue"], ""),
    ],
)
def test_a_downgrade_is_seen(before: Image, now: Image, expected: str) -> None:
    """By version, and where a digest is lost; a colour has no order."""
    found = downgrades([("web", now, before)], lambda service: older_by(None))
    assert [said for *_, said in found] == ([expected] if expected else [])
