"""The history of a source branch: places and times of commits, without their files."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from headway.domain.rules.tags import Refused
from headway.errors import HeadwayError
from headway.systems.git.source_history import SourceHistory, time_of


def git(folder: Path, *arguments: str, at: int = 1_700_000_000) -> str:
    """Run git with fixed people and times."""
    env = {
        "PATH": "/usr/bin:/bin",
        "GIT_CONFIG_GLOBAL": "/dev/null",
        **{f"GIT_{role}_{what}": value for role in ("AUTHOR", "COMMITTER")
           for what, value in (("NAME", "a"), ("EMAIL", "a@b.example"), ("DATE", f"@{at} +0000"))},
    }  # fmt: skip
    done = subprocess.run(
        ["git", "-C", str(folder), *arguments], env=env, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def commit(folder: Path, name: str, at: int) -> str:
    """Commit a file."""
    (folder / name).write_text(name * 1000)
    git(folder, "add", name)
    git(folder, "commit", "--quiet", "-m", name, at=at)
    return git(folder, "rev-parse", "HEAD")


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A repo that gives out partial clones, as hosts do."""
    folder = tmp_path / "source"
    folder.mkdir()
    git(folder, "init", "--quiet", "--initial-branch=main")
    git(folder, "config", "uploadpack.allowFilter", "true")
    return folder


@pytest.fixture
def history(source: Path, tmp_path: Path) -> Iterator[SourceHistory]:
    """Its history, through a mirror."""
    made = SourceHistory(f"file://{source}", "main", tmp_path / "state")
    yield made
    made.close()


def test_commits_are_in_the_order_of_the_branch_not_of_their_times(
    source: Path, history: SourceHistory
) -> None:
    """A child is newer than its parents whatever the clocks said; what a merge brought is no state of the branch."""
    first = commit(source, "a", 2_000)
    git(source, "checkout", "--quiet", "-b", "side")
    side = commit(source, "b", 9_000)
    git(source, "checkout", "--quiet", "main")
    second = commit(source, "c", 1_000)
    git(source, "merge", "--quiet", "--no-ff", "-m", "merge", "side", at=3_000)
    merge = git(source, "rev-parse", "HEAD")
    line = history.line({first})
    places = [line.place(it) for it in (first, second, merge)]
    assert places == [0, 1, 2]
    # It was built from its own branch, and lacks the second commit: releasing it would take that away.
    assert isinstance(refused := line.place(side[:9]), Refused)
    assert "came by a merge" in refused
    assert time_of(line, side).timestamp() == 9_000
    assert time_of(line, second).timestamp() == 1_000


def test_it_is_fetched_only_for_what_it_does_not_know(source: Path, history: SourceHistory) -> None:
    """A commit that is known costs no look at the remote; a new one is fetched."""
    first = commit(source, "a", 1)
    history.line({first})
    second = commit(source, "b", 2)
    assert second not in history.line({first[:9]}).places
    assert second in history.line({second}).places


def test_short_names(source: Path, history: SourceHistory) -> None:
    """Seven digits are enough where they name one commit; what names none, or is too short, is refused."""
    first = commit(source, "a", 1)
    line = history.line({first})
    assert line.find(first[:7]) == first
    for name in ("0" * 40, first[:6], "main", ""):
        assert isinstance(line.find(name), Refused)


def test_no_files_are_brought_here(source: Path, history: SourceHistory, tmp_path: Path) -> None:
    """A large repo costs its commits only."""
    first = commit(source, "a", 1)
    history.line({first})
    (mirror,) = (it for it in (tmp_path / "state" / "git").iterdir() if it.is_dir())
    listed = git(mirror, "rev-list", "--objects", "--missing=print", "--all", "--filter-print-omitted")
    assert "?" in listed, "trees and blobs are left with the server"


def test_a_branch_that_is_not_there(source: Path, tmp_path: Path) -> None:
    """A wrong branch is said, with those there are."""
    commit(source, "a", 1)
    history = SourceHistory(f"file://{source}", "nosuch", tmp_path / "state")
    with pytest.raises(HeadwayError, match="has no branch nosuch; it has main"):
        history.line(set())
    history.close()
