"""Tables that fit a terminal, and short versions of what is too long for one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headway.domain.text.columns import BROKEN, GAP, widths, wrapped
from headway.domain.text.shortened import short, shortest
from headway.domain.text.widths import clipped, columns_of, padded

SHA, DIGEST = "9ab2c41f0d" * 4, "sha256:" + "ab12" * 16
cells = st.text(alphabet="ab 日\n", max_size=30)


@pytest.mark.parametrize(
    ("text", "said", "least"),
    [
        (f"localhost:5000/shop/web:sha-{SHA}@{DIGEST}", "localhost:5000/shop/web:sha-9ab2c41f0…@sha256:ab12ab12ab12…", "sha-9ab2c41f0…"),
        (f"r.example/web@{DIGEST}", "r.example/web@sha256:ab12ab12ab12…", "sha256:ab12ab12ab12…"),
        ("r.example/shop/web:1.4.2", "r.example/shop/web:1.4.2", "1.4.2"),
        (f"shop/web:1@{DIGEST}, registry:5000/y:2", "shop/web:1@sha256:ab12ab12ab12…, registry:5000/y:2", "1, 2"),
        ("staging/web.yaml:12 is odd", "staging/web.yaml:12 is odd", "staging/web.yaml:12 is odd"),
        ("https://x.example/web:1", "https://x.example/web:1", "https://x.example/web:1"),
        (f"at {DIGEST[:50]}…", "at sha256:ab12ab12ab12…", "at sha256:ab12ab12ab12…"),
        (f"commit {SHA}", "commit 9ab2c41f0…", "commit 9ab2c41f0…"),
        ("2026-11-23 10:15:02 UTC", "2026-11-23 10:15 UTC", "11-23 10:15 UTC"),
        ("20261123T101502Z-7f3a", "20261123T101502Z-7f3a", "20261123T101502Z-7f3a"),
        ("", "", ""),
    ],
)  # fmt: skip
def test_short_versions(text: str, said: str, least: str) -> None:
    """Digests and commits keep their first digits and say that there are more; images can be their tags alone."""
    assert (short(text), shortest(text)) == (said, least)
    assert (short(said), shortest(least)) == (said, least)


@pytest.mark.parametrize(
    ("rows", "width", "made", "tight"),
    [
        ([("a", "bb"), ("ccc", "d")], 80, (3, 2), (3, 2)),
        ([("name", "why"), ("web", "one two three four five six seven")], 30, (4, 24), (4, 24)),
        ([("name", "why"), ("web", "one two")], 10, None, (4, 4)),
        ([("name", "why"), ("web", "unbreakable")], 15, None, None),
        ([("name", "why"), ("web", "/a/path/" * 10)], 60, None, (4, 54)),
        ([("name", "why"), ("web", "/a/path/" * 10)], 36, None, None),
        ([("name", "why"), ("web", "word " * 100)], 30, None, None),
        ([("日本", "b"), ("x", "y")], 8, (4, 1), (4, 1)),
    ],
)  # fmt: skip
def test_widths_of_columns(
    rows: list[tuple[str, ...]], width: int, made: tuple[int, ...] | None, tight: tuple[int, ...] | None
) -> None:
    """No word is broken, long texts give way first, and what would be a tower is no table."""
    assert widths(rows, width) == made
    assert widths(rows, width, tight=True) == tight


@given(
    st.integers(1, 4).flatmap(lambda n: st.lists(st.tuples(*[cells] * n), min_size=1, max_size=5)),
    st.integers(20, 100),
)
def test_a_table_never_overflows(rows: list[tuple[str, ...]], width: int) -> None:
    """Whatever is in it: the columns and the gaps between them take no more than there is."""
    for tight in (False, True):
        found = widths(rows, width, tight=tight)
        if found is not None:
            assert sum(found) + GAP * (len(found) - 1) <= width
            words = [
                (word, size)
                for row in rows
                for cell, size in zip(row, found, strict=True)
                for word in cell.split()
            ]
            assert all(columns_of(word) <= max(size, BROKEN if tight else 0) for word, size in words)


@given(st.text(alphabet="ab日é\u0301", max_size=30), st.integers(1, 20))
def test_a_clipped_line_fits(text: str, width: int) -> None:
    """Wide characters count twice, combining ones not at all; a cut is shown."""
    found = clipped(text, width)
    assert columns_of(found) <= width
    assert found == text or found.endswith("…")
    assert columns_of(padded(found, width)) == width


def test_lines_of_a_wrapped_text() -> None:
    """Between words, as a terminal's text is wrapped."""
    assert [
        wrapped(it, 10) for it in ("", "one two", "one two three", "a\nb", "x" * 25, f"a {'x' * 25} b")
    ] == [1, 1, 2, 2, 3, 4]
