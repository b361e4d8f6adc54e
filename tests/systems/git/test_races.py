"""Several writers at once: every change lands, once, and nobody's is lost."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest

from headway.domain.releases.ledger import Outcome, new_release_id
from headway.errors import TransientError
from headway.systems.git.config_repo import TRIES, ConfigRepo, ProposedCommit
from tests import REPO
from tests.repos import Remote
from tests.systems.git.releasing import add_line

ROOT = REPO


def ids(count: int) -> list[str]:
    return [new_release_id(datetime.now(UTC), f"race {number}") for number in range(count)]


def lines(remote: Remote) -> list[str]:
    return sorted(remote.file("staging/app.yaml").decode().split()[2:])


@pytest.mark.slow
def test_four_machines_release_at_once_and_no_change_is_lost(seeded: Remote, tmp_path: Path) -> None:
    """Who loses a race plans again on the newer head, so all lines are there, one commit each."""
    machines = [ConfigRepo.open(seeded.url, "main", tmp_path / f"machine-{n}") for n in range(4)]
    for machine in machines:
        machine.fetch()

    def work(number: int) -> None:
        for turn, release_id in enumerate(ids(3)):
            assert add_line(machines[number], f"{release_id}-{number}", f"line-{number}-{turn}") is not None

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))
    for machine in machines:
        machine.close()
    assert lines(seeded) == sorted(f"line-{n}-{turn}" for n in range(4) for turn in range(3))
    assert len(seeded.commits()) == 13


def test_threads_share_one_config_repo(repo: ConfigRepo, seeded: Remote) -> None:
    """Reading, releasing and looking at the remote at the same time gives right answers."""

    def work(number: int) -> int:
        add_line(repo, ids(4)[number], f"line-{number}")
        head = repo.fetch()
        data = repo.read(head, "staging/app.yaml")
        assert data is not None
        assert f"line-{number}".encode() in data
        return len(list(repo.log("staging", head=head)))

    with ThreadPoolExecutor(4) as pool:
        counts = list(pool.map(work, range(4)))
    assert max(counts) == 5
    assert lines(seeded) == [f"line-{number}" for number in range(4)]


@pytest.mark.slow
def test_processes_share_one_mirror(seeded: Remote, tmp_path: Path) -> None:
    """Four processes that start at once, the mirror not there yet, release side by side."""
    started = [
        subprocess.Popen(
            [
                sys.executable,
                "-m",
                "tests.systems.git.releasing",
                seeded.url,
                str(tmp_path / "state"),
                each,
                f"line-{n}",
            ],
            cwd=ROOT,
        )
        for n, each in enumerate(ids(4))
    ]
    assert [process.wait() for process in started] == [0] * 4
    assert lines(seeded) == [f"line-{number}" for number in range(4)]
    assert len(seeded.commits()) == 5


@pytest.mark.slow
def test_writers_on_one_machine_take_turns(seeded: Remote, tmp_path: Path) -> None:
    """Sixteen releases at once on one machine all land at the first try: none wears out its tries on the others."""

    def work(number: int) -> int:
        with ConfigRepo.open(seeded.url, "main", tmp_path / "state") as repo:
            published = add_line(repo, ids(16)[number], f"line-{number:02}")
            assert published is not None
            return published.tries

    with ThreadPoolExecutor(16) as pool:
        assert set(pool.map(work, range(16))) == {1}
    assert lines(seeded) == [f"line-{number:02}" for number in range(16)]


@pytest.mark.slow
def test_the_same_release_from_two_processes_lands_once(seeded: Remote, tmp_path: Path) -> None:
    """A run that was started several times by mistake makes one commit, and each of them names it."""
    release_id = ids(1)[0]
    started = [
        subprocess.Popen(
            [
                sys.executable,
                "-m",
                "tests.systems.git.releasing",
                seeded.url,
                str(tmp_path / f"m{n}"),
                release_id,
                "line",
            ],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
        )
        for n in range(3)
    ]
    answers = [process.communicate()[0].split() for process in started]
    assert len({commit for commit, _ in answers}) == 1
    # In the same second two of them make the very same commit, and then both are right to say that they made it.
    assert "False" in {already for _, already in answers}
    assert len(seeded.commits()) == 2
    assert lines(seeded) == ["line"]


@pytest.mark.slow
def test_a_race_that_is_always_lost_ends(repo: ConfigRepo, seeded: Remote) -> None:
    """When somebody pushes each time just before, the release gives up, says so, and has overwritten nothing."""
    count = 0

    def draft(head: str) -> ProposedCommit:
        nonlocal count
        count += 1
        seeded.push({"other.txt": str(count)})
        return ProposedCommit(files={"mine.txt": b"x"}, message="x")

    with pytest.raises(TransientError, match="somebody else pushed"):
        repo.publish(draft, release_id=ids(1)[0])
    assert count == TRIES
    assert len(seeded.commits()) == 1 + TRIES


def test_outcomes_recorded_at_once_are_all_kept(seeded: Remote, tmp_path: Path) -> None:
    """Four machines note something about one commit: four lines, whoever came first."""
    commit = seeded.head()
    at = datetime(2026, 11, 23, tzinfo=UTC)

    def work(number: int) -> None:
        with ConfigRepo.open(seeded.url, "main", tmp_path / f"machine-{number}") as repo:
            repo.fetch()
            repo.record(f"env{number}", commit, Outcome("live", at, number, f"r{number}"), live=commit)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))
    note = seeded.git("notes", "--ref=headway", "show", commit)
    assert all(f'"release":"r{number}"' in note for number in range(4))
    assert len(note.split()) == 4
    refs = seeded.git("for-each-ref", "--format=%(refname)", "refs/headway").split()
    assert refs == [f"refs/headway/env{number}/live" for number in range(4)]
