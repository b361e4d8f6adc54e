"""What headway keeps is for its user's eyes only, and holds no Secret's value."""

from __future__ import annotations

import sqlite3
import stat
from pathlib import Path

import pytest

from headway.systems.git.index_cache import IndexCache
from headway.systems.machine.lock import environment_lock
from headway.systems.machine.sqlite_file import CacheFile
from headway.systems.machine.state_folder import private_folder
from tests.flows.conftest import Place

SECRET = b"apiVersion: v1\nkind: Secret\nmetadata: {name: a}\n%s: {password: aHVudGVyMg==}\n"
CONFIG = b"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: b}\ndata: {c: kept}\n"


def mode(path: Path) -> int:
    """Return a path's rights."""
    return stat.S_IMODE(path.stat().st_mode)


def test_every_file_of_the_state_folder_is_its_owners_alone(place: Place) -> None:
    """After a release, and where an older headway left them open to everybody."""
    place.start("1.0.0", staging="release: manual")
    assert place.run("release", "staging", f"web={place.image('web', '1.0.1')}").code == 0
    state = place.folder / "state"
    databases = list(state.glob("*.sqlite*"))
    assert {"index.sqlite", "facts.sqlite"} <= {it.name for it in databases}
    assert {mode(it) for it in databases} == {0o600}
    assert {mode(it) for it in (state, state / "git", state / "locks")} == {0o700}
    state.chmod(0o755)
    for each in databases:
        each.chmod(0o644)
    assert place.run("release", "staging", f"web={place.image('web', '1.1.0')}").code == 0
    assert {mode(it) for it in state.glob("*.sqlite*")} == {0o600}
    assert mode(state) == 0o700


def test_a_folder_that_others_share_stays_as_it_is(tmp_path: Path) -> None:
    """/tmp as HEADWAY_STATE is not closed to everybody else."""
    tmp_path.chmod(0o1777)
    assert mode(private_folder(tmp_path)) == 0o1777
    with environment_lock(tmp_path, "repo", "staging", wait=0):
        assert mode(tmp_path) == 0o1777
        assert mode(tmp_path / "locks") == 0o700
    CacheFile(tmp_path / "x.sqlite", "CREATE TABLE IF NOT EXISTS a (b)").use(lambda database: None)
    assert (mode(tmp_path), mode(tmp_path / "x.sqlite")) == (0o1777, 0o600)


@pytest.mark.parametrize("key", [b"data", b"stringData"])
def test_no_secret_is_in_the_index_on_disk(tmp_path: Path, key: bytes) -> None:
    """A file with a Secret is read again by each process; its values stand in no file of headway's."""
    blobs = {"1" * 40: SECRET % key, "2" * 40: CONFIG}
    cache = IndexCache(tmp_path / "index.sqlite")
    found = cache.indexes({"a.yaml": "1" * 40, "b.yaml": "2" * 40}, lambda shas: (blobs[it] for it in shas))
    assert [it.object["kind"] for index in found for it in index.manifests] == ["Secret", "ConfigMap"]
    cache.close()
    whole = b"".join(it.read_bytes() for it in tmp_path.iterdir())
    assert b"kept" in whole
    assert b"aHVudGVyMg" not in whole


def test_what_an_older_headway_kept_is_wiped_out(tmp_path: Path) -> None:
    """Rows of the format that had Secrets' values are overwritten in the file, not only unlinked."""
    file = tmp_path / "index.sqlite"
    with sqlite3.connect(file) as database:
        database.execute(
            "CREATE TABLE file_index (sha TEXT NOT NULL, format INTEGER NOT NULL, used INTEGER NOT NULL, "
            "data BLOB NOT NULL, PRIMARY KEY (sha, format)) WITHOUT ROWID"
        )
        database.execute("INSERT INTO file_index VALUES ('a', 1, 1, ?)", [b"aHVudGVyMg" * 100])
    database.close()
    cache = IndexCache(file)
    cache.indexes({"b.yaml": "2" * 40}, lambda shas: (CONFIG for _ in shas))
    cache.close()
    assert all(b"aHVudGVyMg" not in it.read_bytes() for it in tmp_path.iterdir())
