"""Reports read back: what was written is what is drawn, whatever stands in it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from headway.domain.text.document import Fence, Heading, Item, Paragraph, Span, Table, read, spans, text_of
from headway.domain.text.markdown import blocks, code, fence, inline, prose, table

SHARP = "\\`*_[]()<>#|~&;!-+=.1) ax:\n"
texts = st.text(alphabet=SHARP, min_size=1, max_size=30).map(lambda it: " ".join(it.split())).filter(bool)


@given(texts)
def test_what_was_written_is_read_back(text: str) -> None:
    """As a line, as code, in a list and in a table: escapes are gone, and nothing else."""
    assert text_of(spans(inline(text))) == text
    assert text_of(spans(code(text))) == text
    (item,) = read(f"- {inline(text)}")
    assert isinstance(item, Item)
    assert text_of(item.line) == text
    (made,) = read(table(("a", "b"), [(inline(text), code(text))]))
    assert isinstance(made, Table)
    assert [text_of(it) for it in made.rows[0]] == [text, text]


@given(st.lists(st.text(alphabet=SHARP.replace("\n", ""), max_size=20), min_size=1))
def test_a_fence_is_read_to_its_own_end(lines: list[str]) -> None:
    """Also where it has fences, tables and headings in it."""
    assert read(blocks([fence(lines, "diff"), "after"])) == (
        Fence("diff", tuple(lines)),
        Paragraph((Span("after"),)),
    )


@given(st.text(max_size=200))
def test_anything_is_read(text: str) -> None:
    """What headway did not write is text, and nothing is lost but what marks it up."""
    read(text)
    read(f"| {text} |\n| --- |\n| {text} |")


def test_the_blocks_of_a_report() -> None:
    """A heading, a paragraph with its looks, a list within a list, a table, and commands."""
    found = read(
        "## `r/web:1`: live\n\n**Now:** see `headway status`, [`9ab2c41`](https://x.example/c).\n\n"
        f"- {prose('one')}\n  - two\n\n{table(('a', ''), [('b', '')])}\n\n```sh\nkubectl get x\n```\n"
    )
    assert found == (
        Heading((Span("r/web:1", "code"), Span(": live"))),
        Paragraph(
            (Span("Now:", "bold"), Span(" see "), Span("headway status", "code"), Span(", "),
             Span("9ab2c41", "code", "https://x.example/c"), Span("."))
        ),
        Item((Span("one"),)),
        Item((Span("two"),), 1),
        Table(((Span("a"),), ()), (((Span("b"),), ()),)),
        Fence("sh", ("kubectl get x",)),
    )  # fmt: skip
