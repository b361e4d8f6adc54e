"""Markdown that says exactly what it was given, whatever that is; read back by a parser that people's tools have."""

from __future__ import annotations

import html
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from headway.domain.text.markdown import blocks, code, fence, inline, prose, table

READER = MarkdownIt("commonmark").enable(["table", "strikethrough"])
SHARP = "\\`*_[]()<>#|~&;!-+=.1) ax:\n"
texts = st.text(alphabet=SHARP, min_size=1, max_size=30).map(lambda it: " ".join(it.split())).filter(bool)


def shown(markdown: str) -> str:
    """Return the text that a reader sees."""
    return html.unescape(re.sub("<[^>]*>", "", READER.render(markdown))).strip("\n")


def cells(markdown: str) -> list[str]:
    """Return the texts of a table's cells."""
    found = re.findall("<td>(.*?)</td>", READER.render(markdown))
    return [html.unescape(re.sub("<[^>]*>", "", it)) for it in found]


@given(texts)
def test_a_line_of_text_is_no_markup(text: str) -> None:
    """Alone, in a list and in a table's cell, a reader sees the text itself."""
    assert shown(inline(text)) == text
    assert READER.render(f"- {inline(text)}").count("<li>") == 1
    assert shown(f"- {inline(text)}").strip() == text
    assert cells(table(("a", "b"), [(inline(text), "x")])) == [text, "x"]


@given(texts)
def test_a_code_span_is_not_left(text: str) -> None:
    """Backticks and pipes inside stay inside, in a table too."""
    assert shown(f"is {code(text)}") == f"is {text}"
    assert cells(table(("a", "b"), [(code(text), "x")])) == [text, "x"]


@given(st.lists(st.text(alphabet=SHARP.replace("\n", ""), max_size=20), min_size=1))
def test_a_fence_is_not_closed_by_what_it_shows(lines: list[str]) -> None:
    """A log or a diff that has fences of its own is one block all the same."""
    markdown = blocks([fence(lines), "after"])
    assert [it.type for it in READER.parse(markdown)][:1] == ["fence"]
    assert READER.parse(markdown)[0].content == "\n".join(lines) + "\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("\x1b[31mred\x1b[0m alert\x07", "red alert"),
        ("\x1b]0;a title\x07text", "text"),
        ("two\r\nlines\u2028more", "two lines more"),
    ],
)
def test_nothing_that_a_terminal_obeys_gets_through(text: str, said: str) -> None:
    """Colours, titles and line ends of others are left out: the same Markdown is printed on terminals."""
    assert (inline(text), code(text)) == (said, f"`{said}`")
    assert "\x1b" not in fence([text])
    assert "\x07" not in fence([text])


def test_headways_own_words_keep_their_commands() -> None:
    """A command between backticks stays code, and a backtick that is alone is none."""
    assert prose("see `headway status a_b`, *then* go") == r"see `headway status a_b`, \*then\* go"
    assert prose("a ` alone") == r"a \` alone"


def test_what_is_ordinary_stays_readable() -> None:
    """Names, addresses and sentences have no backslashes: the text is read on terminals as it stands."""
    for text in ("my_app-web", "staging/web.yaml:1:1: no such key", "https://x.example/a?b=1&c=2", "2 of 3"):
        assert inline(text) == text


def test_long_tables_and_long_lines_are_cut() -> None:
    """What is left out of a table is counted; a line that is too long ends with an ellipsis."""
    lines = table(("a", "b"), [(str(it), "") for it in range(60)], most=50).splitlines()
    assert len(lines) == 2 + 50 + 1
    assert lines[-1] == "| … and 10 more |  |"
    assert table(("a",), []) == ""
    assert max(map(len, fence(["x" * 9000]).splitlines())) == 500
