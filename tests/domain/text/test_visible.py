"""What others wrote reaches nobody as a command: not a terminal, a chat or a page."""

from __future__ import annotations

import json

import pytest

from headway.domain.notifications.slack_blocks import escape
from headway.domain.text.markdown import fence, inline
from headway.domain.text.visible import visible, visible_json, visible_line

OBEYED = [
    "\x1b",
    "\x07",
    "\x08",
    "\r",
    "\x7f",
    "\x9b",
    "\u200b",
    "\u202e",
    "\u2066",
    "\u2028",
    "\ufeff",
    "\U000e0041",
    "\ud800",
]


@pytest.mark.parametrize("character", OBEYED)
def test_what_a_terminal_obeys_is_shown(character: str) -> None:
    """Each such character is text at each exit."""
    text = f"a{character}b"
    for said in (visible(text), visible_line(text), inline(text), fence([text]), escape(text)):
        assert character not in said
        assert "a" in said
    assert character not in visible_json(json.dumps(text, ensure_ascii=False))
    assert json.loads(visible_json(json.dumps(text, ensure_ascii=False))) == text


@pytest.mark.parametrize("text", ["", "plain", "zwei Äpfel → drei", "👩‍💻 שלום", "a\tb\nc", "a\u00a0b"])
def test_text_stays_what_it_is(text: str) -> None:
    """Letters of every script, emoji with their joiners, tabs and lines."""
    assert visible(text) == text


def test_escape_sequences_are_shown_and_colours_dropped() -> None:
    """A log in colours stays readable; what moves the cursor or sets a title does not work."""
    assert visible("\x1b[31mred\x1b[0m \x1b[2J\x1b]0;title\x07\r\n") == "red \\x1b[2J\\x1b]0;title\\x07\n"
