"""Commands at a real terminal: everything fits, and the words of others are shown and not obeyed."""

from __future__ import annotations

import re

import pytest

from tests.flows.conftest import HEADWAY, Place
from tests.flows.test_custom import NOT_READY, THING, begun
from tests.screen import Screen
from tests.terminal import Terminal

HOSTILE = "[red]:fire: \x1b[2J\u202etxt 日本語"


def at_terminal(place: Place, width: int, *arguments: str) -> tuple[int, list[str]]:
    """Run a command at a terminal of a width; return its exit code and what is shown."""
    with Terminal([HEADWAY, *arguments], width, place.environment()) as it:
        code, written = it.end()
    found = Screen(width, written)
    # A command that is there to be copied is in one piece.
    copied = [it for it in written.splitlines() if it.startswith("kubectl ")]
    wrapped = sum((len(it) - 1) // width for it in copied)
    assert (found.wrapped, found.odd) == (wrapped, []), written
    return code, found.shown


@pytest.mark.slow
@pytest.mark.parametrize("width", [80, 40])
def test_a_release_and_what_is_known_of_it(place: Place, width: int) -> None:
    """The plan, the outcome, the status, the history and one release, in short and in full."""
    place.start(staging="")
    image = place.image("web", "1.1.0")
    code, shown = at_terminal(place, width, "release", "staging", "web=1.1.0", "-m", HOSTILE)
    said = "\n".join(shown)
    assert code == 0, said
    for text in ("Plan for staging", "staging: live", "[red]:fire:", "日本語"):
        assert text in said
    assert "##" not in said
    assert "`" not in said.replace("`headway", "")
    assert "\u202e" not in said
    assert image.rpartition("@")[2] not in "".join(shown)
    for command in (("status",), ("history",), ("show", place.remote.git("rev-parse", "main").strip()),
                    ("metrics",), ("doctor",), ("release", "staging", "web=9")):  # fmt: skip
        code, shown = at_terminal(place, width, *command)
        assert code == {"web=9": 2, "doctor": 1}.get(command[-1], 0), "\n".join(shown)
        assert shown != [""]


@pytest.mark.slow
def test_a_rollout_that_fails_and_is_rolled_back(place: Place) -> None:
    """What is waited for has a line in place; then its end, the cause and what to do next are there to read."""
    begun(place, NOT_READY, timeout="3s")
    place.remote.push({"staging/thing.yaml": THING % 2})
    with Terminal([HEADWAY, "reconcile", "staging"], 80, place.environment()) as it:
        it.until(lambda written: re.search(r"t\x1b\[0m.* [1-9]s.*for a disk", written) is not None)
        code, written = it.end()
    found = Screen(80, written)
    assert (code, found.odd) == (1, [])
    said = " ".join(" ".join(found.shown).split())
    for text in (
        "staging Thing/t is failed: NotReady: Waiting: for a disk (not live after 3 s)",
        "staging: failed, and so did rolling back to",
        "then run `headway reconcile staging`.",
        "kubectl --context shop --namespace staging get thing.example.com/t",
    ):
        assert text in said
    at = [n for n, text in enumerate(found.shown) if text.startswith(("staging: failed", "error: staging"))]
    assert len(at) == 2
    assert not any(re.match(" +t  ", text) for text in found.shown), "no line is left in place"
