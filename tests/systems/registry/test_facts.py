"""The store of facts: it survives restarts and damage, and several processes share it."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from headway.domain.images.facts import ImageFacts
from headway.systems.registry.facts import FactStore, Slowed

A, B = ("sha256:" + it * 64 for it in "ab")
FACTS = ImageFacts(A, datetime(2026, 11, 1, 12, 30, tzinfo=UTC), ("linux/amd64",), {"a": "ü"})


def test_it_survives_a_restart(tmp_path: Path) -> None:
    """What was remembered is there for the next process, with the time it was first seen."""
    store = FactStore(tmp_path / "facts")
    store.remember([FACTS], {("r/x", "1"): A})
    store.close()
    again = FactStore(tmp_path / "facts")
    found = again.facts([A, B])
    assert list(found) == [A]
    assert (found[A].created, found[A].platforms, dict(found[A].labels)) == (
        FACTS.created,
        FACTS.platforms,
        {"a": "ü"},
    )
    assert again.digests("r/x", ["1", "2"]) == {"1": A}
    assert found[A].first_seen is not None


def test_first_seen_stays(tmp_path: Path) -> None:
    """A digest that is pushed again was first seen when it was first seen."""
    store = FactStore(tmp_path / "facts")
    store.remember([FACTS])
    with sqlite3.connect(tmp_path / "facts") as database:
        database.execute("UPDATE images SET first_seen = 1000")
    store.remember([FACTS])
    assert store.facts([A])[A].first_seen == datetime.fromtimestamp(1000, UTC)


def test_forgetting_a_tag(tmp_path: Path) -> None:
    """A tag that may have moved is trusted no longer; the others are."""
    store = FactStore(tmp_path / "facts")
    store.remember(tags={("r", "1"): A, ("r", "2"): B})
    store.forget("r", "1")
    assert store.digests("r", ["1", "2"]) == {"2": B}


def test_a_damaged_file_is_made_again(tmp_path: Path) -> None:
    """Nothing is lost but some requests."""
    (tmp_path / "facts").write_bytes(b"this is no database" * 1000)
    store = FactStore(tmp_path / "facts")
    assert store.facts([A]) == {}
    store.remember([FACTS])
    store.close()
    assert list(FactStore(tmp_path / "facts").facts([A])) == [A]


def test_without_a_disk_it_remembers_for_its_own_life(tmp_path: Path) -> None:
    """A folder that cannot be made costs memory, not answers."""
    (tmp_path / "file").write_text("")
    store = FactStore(tmp_path / "file" / "facts")
    store.remember([FACTS], {("r", "1"): A})
    assert store.facts([A]) == {A: FACTS}
    assert store.digests("r", ["1"]) == {"1": A}
    store.forget("r", "1")
    assert store.digests("r", ["1"]) == {}


def test_what_could_not_be_written_shadows_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the disk can be used again it is written, and what another process learnt meanwhile counts."""
    store, other = FactStore(tmp_path / "facts"), FactStore(tmp_path / "facts")
    store.remember(tags={("r", "moved"): A, ("r", "forgotten"): A})
    with monkeypatch.context() as full:
        full.setattr(store._cache, "use", lambda work: False)
        store.remember([FACTS], {("r", "moved"): A})
        store.forget("r", "forgotten")
        assert store.facts([A]) == {A: FACTS}
        assert store.digests("r", ["moved", "forgotten"]) == {"moved": A}
    assert store.facts([A]).keys() == {A}
    assert store.digests("r", ["forgotten"]) == {}
    other.remember(tags={("r", "moved"): B})
    assert store.digests("r", ["moved"]) == {"moved": B}
    assert FactStore(tmp_path / "facts").facts([A]).keys() == {A}


def test_facts_of_an_index_are_a_platforms(tmp_path: Path) -> None:
    """One digest has facts for each platform that was asked for; those of a plain image are for all."""
    store = FactStore(tmp_path / "facts")
    index = ImageFacts(B, FACTS.created, ("linux/amd64", "linux/arm64"), {}, platform="linux/arm64")
    store.remember([FACTS, index])
    assert list(store.facts([A, B], "linux/arm64")) == [A, B]
    assert list(store.facts([A, B])) == [A]


def test_paces_and_turns(tmp_path: Path) -> None:
    """How registries want to be asked, and who is next, is there for the next process; a pause gets no shorter."""
    store = FactStore(tmp_path / "facts")
    assert store.pace("r") is None
    store.slow("r", Slowed(2000.0, 4.0, 1000.0))
    store.slow("r", Slowed(1500.0, 2.0, 1500.0))
    store.leave_out([], ["c", "a"])
    store.leave_out(["c"], ["b"])
    store.close()
    again = FactStore(tmp_path / "facts")
    assert again.pace("r") == Slowed(2000.0, 2.0, 1500.0)
    assert set(again.left_out()) == {"a", "b"}


def test_it_stays_small(tmp_path: Path) -> None:
    """However many tags come, the file keeps a bounded number."""
    store = FactStore(tmp_path / "facts", on_disk=100)
    for start in range(0, 1000, 50):
        store.remember(tags={("r", str(number)): A for number in range(start, start + 50)})
    assert 50 <= len(store.digests("r", map(str, range(1000)))) <= 100


@pytest.mark.slow
def test_processes_share_it(tmp_path: Path) -> None:
    """Four processes write at once; everything is there."""
    code = (
        "import sys\nfrom pathlib import Path\nfrom headway.systems.registry.facts import FactStore\n"
        "store = FactStore(Path(sys.argv[1]))\n"
        "for n in range(100):\n    store.remember(tags={('r' + sys.argv[2], str(n)): 'sha256:' + 'a' * 64})\n"
    )
    running = [
        subprocess.Popen([sys.executable, "-c", code, str(tmp_path / "facts"), str(number)])
        for number in range(4)
    ]
    assert [it.wait() for it in running] == [0] * 4
    store = FactStore(tmp_path / "facts")
    assert [len(store.digests(f"r{number}", map(str, range(100)))) for number in range(4)] == [100] * 4
