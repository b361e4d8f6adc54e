"""A file of lines that only grows."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from headway.errors import FailedError
from headway.systems.machine.line_file import LineFile


def test_lines_come_back_in_order(tmp_path: Path) -> None:
    """Each append is one line, whatever is in it; a file that is not there has none."""
    file = LineFile(tmp_path / "below" / "a.jsonl")
    assert list(file.lines()) == []
    file.append("one")
    file.append("two\nthree")
    assert list(file.lines()) == ["one", "two three"]
    assert (tmp_path / "below" / "a.jsonl").stat().st_mode & 0o077 == 0


def test_a_line_that_was_cut_off_takes_no_other_with_it(tmp_path: Path) -> None:
    """As after a disk that was full, or a power cut."""
    (tmp_path / "a.jsonl").write_text('one\n{"half')
    file = LineFile(tmp_path / "a.jsonl")
    file.append("two")
    assert list(file.lines()) == ["one", '{"half', "two"]


def test_many_writers_lose_no_line_while_the_file_is_set_aside(tmp_path: Path) -> None:
    """Threads that write at once, over the size at which the file is set aside once."""
    files = [LineFile(tmp_path / "a.jsonl", largest=3000) for _ in range(4)]

    def write(number: int) -> None:
        for count in range(50):
            files[number].append(f"{number} {count} " + "x" * 14)

    threads = [threading.Thread(target=write, args=(it,)) for it in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    found = list(files[0].lines())
    assert (tmp_path / "a.jsonl.1").exists()
    # Only what was set aside before the last time is gone, and no line is cut or doubled.
    assert len(found) == len(set(found))
    assert all(it.endswith(" " + "x" * 14) for it in found)
    assert {f"{it} 49 " + "x" * 14 for it in range(4)} & set(found)


def test_a_disk_that_takes_nothing_is_said(tmp_path: Path) -> None:
    """With the file, and that nothing was done."""
    (tmp_path / "a.jsonl").mkdir()
    with pytest.raises(FailedError, match=r"a\.jsonl cannot be written"):
        LineFile(tmp_path / "a.jsonl").append("one")
