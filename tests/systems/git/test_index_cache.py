"""The index cache can be lost, damaged and shared; what it says is always right."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from headway.domain.manifests import index as manifests
from headway.domain.manifests.image_fields import KNOWN, ImageField, ImageFields
from headway.systems.git.index_cache import IndexCache


class Blobs:
    """Contents by hash, and which of them were asked for."""

    def __init__(self) -> None:
        self.data: dict[str, bytes] = {}
        self.asked: list[str] = []

    def add(self, text: str) -> str:
        sha = hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()
        self.data[sha] = text.encode()
        return sha

    def read_many(self, shas: Sequence[str]) -> Iterator[bytes]:
        self.asked += shas
        return iter([self.data[sha] for sha in shas])


def pod(name: str) -> str:
    spec = f"{{containers: [{{name: a, image: r/{name}:1}}]}}"
    return f"apiVersion: v1\nkind: Pod\nmetadata: {{name: {name}}}\nspec: {spec}\n"


def test_a_content_is_read_once_whatever_its_path(tmp_path: Path) -> None:
    """Two paths with one content are one parse, each with its own path in what it says."""
    blobs, cache = Blobs(), IndexCache(tmp_path / "index.sqlite")
    sha = blobs.add(pod("x"))
    found = cache.indexes({"a.yaml": sha, "b.yaml": sha}, blobs.read_many)
    assert [it.path for it in found] == ["a.yaml", "b.yaml"]
    assert [it.manifests[0].path for it in found] == ["a.yaml", "b.yaml"]
    assert blobs.asked == [sha]
    cache.close()


def test_other_fields_are_another_index(tmp_path: Path) -> None:
    """Where headway.yaml names other fields, a content is read again, in this process and in the next one."""
    blobs = Blobs()
    text = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {IMAGE: 'r/x:1'}\n"
    files = {"a.yaml": blobs.add(text)}
    named = ImageFields((ImageField.of("ConfigMap", "data.IMAGE"),))
    for asked in (2, 0):
        blobs.asked.clear()
        cache = IndexCache(tmp_path / "index.sqlite")
        for fields, seen in ((KNOWN, 0), (named, 1), (KNOWN, 0), (named, 1)):
            (found,) = cache.indexes(files, blobs.read_many, fields)
            assert len(found.images) == seen
            assert len(found.mentions) == 1 - seen
        assert len(blobs.asked) == asked
        cache.close()


def test_another_process_finds_what_was_stored(tmp_path: Path) -> None:
    """What was parsed once, also what is wrong with a file, comes back the same from the disk."""
    blobs = Blobs()
    files = {"a.yaml": blobs.add(pod("x")), "bad.yaml": blobs.add("a: [")}
    first, second = IndexCache(tmp_path / "index.sqlite"), IndexCache(tmp_path / "index.sqlite")
    found = first.indexes(files, blobs.read_many)
    assert found[1].problems
    assert found[1].problems[0].file == "bad.yaml"
    blobs.asked.clear()
    assert second.indexes(files, blobs.read_many) == found
    assert not blobs.asked
    first.close()
    second.close()


@pytest.mark.parametrize(
    "content", [b"", b"garbage that is no database " * 100, b"SQLite format 3\0" + b"\xff" * 5000]
)
def test_a_damaged_file_is_thrown_away(tmp_path: Path, content: bytes) -> None:
    """The answer is right at once, and the file is whole again for the next process."""
    file = tmp_path / "index.sqlite"
    file.write_bytes(content)
    blobs = Blobs()
    files = {"a.yaml": blobs.add(pod("x"))}
    for expected in (1, 0):
        blobs.asked.clear()
        cache = IndexCache(file)
        assert cache.indexes(files, blobs.read_many)[0].images[0].image.text == "r/x:1"
        assert len(blobs.asked) == expected
        cache.close()


def test_a_damaged_row_is_read_again(tmp_path: Path) -> None:
    """One bad row costs one parse."""
    blobs, file = Blobs(), tmp_path / "index.sqlite"
    files = {"a.yaml": blobs.add(pod("x"))}
    cache = IndexCache(file)
    cache.indexes(files, blobs.read_many)
    cache.close()
    with sqlite3.connect(file) as database:
        database.execute("UPDATE file_index SET data = '{\"manifests\": 1}'")
    database.close()
    assert IndexCache(file).indexes(files, blobs.read_many)[0].images[0].image.text == "r/x:1"
    assert len(blobs.asked) == 2


def test_a_newer_format_does_not_read_old_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After an update that reads manifests differently, every file is read again."""
    blobs = Blobs()
    files = {"a.yaml": blobs.add(pod("x"))}
    IndexCache(tmp_path / "index.sqlite").indexes(files, blobs.read_many)
    monkeypatch.setattr(manifests, "FORMAT", manifests.FORMAT + 1)
    IndexCache(tmp_path / "index.sqlite").indexes(files, blobs.read_many)
    assert len(blobs.asked) == 2


def test_without_a_place_to_write_it_still_answers(tmp_path: Path) -> None:
    """A state folder that cannot be written costs time, not an answer."""
    (tmp_path / "file").write_text("in the way")
    blobs, cache = Blobs(), IndexCache(tmp_path / "file" / "index.sqlite")
    files = {"a.yaml": blobs.add(pod("x"))}
    for _ in range(2):
        assert cache.indexes(files, blobs.read_many)[0].images[0].image.text == "r/x:1"
    assert len(blobs.asked) == 1


def test_it_does_not_grow_without_end(tmp_path: Path) -> None:
    """Old rows and old memory go; an environment larger than the memory is still answered whole."""
    blobs, file = Blobs(), tmp_path / "index.sqlite"
    cache = IndexCache(file, in_memory=5, on_disk=20)
    for round_ in range(10):
        cache.indexes({f"{n}.yaml": blobs.add(pod(f"x{round_}-{n}")) for n in range(4)}, blobs.read_many)
    assert len(cache._known) <= 5
    with sqlite3.connect(file) as database:
        assert database.execute("SELECT count(*) FROM file_index").fetchone()[0] <= 20
    database.close()
    assert (
        len(cache.indexes({f"{n}.yaml": blobs.add(pod(f"y{n}")) for n in range(50)}, blobs.read_many)) == 50
    )
    cache.close()
