"""Commands at a real terminal: everything fits, and the words of others are shown and not obeyed."""

from __future__ import annotations

import pytest

from tests.flows.conftest import HEADWAY, Place
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
