"""Outcomes are notes of commits, and what is live is a ref: how both are recorded, and what is believed of them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from headway.domain.health.cause import Cause
from headway.domain.releases.ledger import Outcome
from headway.errors import LostLease, UsageError
from headway.systems.git.config_repo import ConfigRepo
from headway.systems.git.errors import NoAtomicPush
from tests.repos import Remote
from tests.systems.git.test_ledger import release

AT = datetime(2026, 11, 23, 10, tzinfo=UTC)


def test_an_outcome_and_what_is_live_are_reported_together(repo: ConfigRepo, seeded: Remote) -> None:
    """Git's own commands show both: the note below the commit, the ref at it."""
    published = release(repo, "staging", "2")
    outcome = Outcome("live", AT, 1.5, "id")
    repo.record("staging", published.commit, outcome, live=published.commit)
    assert repo.live("staging") == published.commit
    assert repo.live("production") is None
    assert seeded.git("rev-parse", "refs/headway/staging/live").strip() == published.commit
    noted = replace(outcome, environment="staging").to_line()
    assert noted in seeded.git("log", "-1", "--notes=headway", "main")
    assert seeded.git("ls-tree", "-r", "--name-only", "refs/notes/headway").strip()[2] == "/"


def test_the_same_outcome_twice_is_one_line(repo: ConfigRepo, seeded: Remote, tmp_path: Path) -> None:
    """A retry after a lost answer adds nothing; another outcome is added below."""
    published = release(repo, "staging", "2")
    live, failed = Outcome("live", AT, 1.5, "id"), Outcome("failed", AT, 1.5, "id", Cause(text="crash\nloop"))
    for _ in range(2):
        repo.record("staging", published.commit, live, live=published.commit)
    with ConfigRepo.open(seeded.url, "main", tmp_path / "elsewhere") as other:
        other.fetch()
        other.record("staging", published.commit, live, live=published.commit)
        other.record("staging", published.commit, failed, live=None)
    repo.fetch()
    noted = tuple(replace(it, environment="staging") for it in (live, failed))
    assert repo.last_change("staging", "staging").outcomes == noted
    # What the same commit did to another environment is not this one's.
    repo.record("production", published.commit, failed, live=None)
    assert repo.last_change("staging", "staging").outcomes == noted
    assert len(seeded.git("rev-list", "refs/notes/headway").split()) == 3


def test_notes_that_git_or_people_wrote_are_read_and_kept(repo: ConfigRepo, seeded: Remote) -> None:
    """Whatever fan-out Git chose, and whatever a person said there, an outcome is added at its end."""
    commits = [seeded.push({"staging/app.yaml": str(n)}) for n in range(3)]
    for commit in commits:
        seeded.git("notes", "--ref=headway", "add", "-m", "seen by Ann", commit)
    repo.fetch()
    for commit in commits:
        repo.record("staging", commit, Outcome("live", AT, 1.0, "id"), live=commit)
    for commit in commits:
        note = seeded.git("notes", "--ref=headway", "show", commit)
        assert note.split("\n")[0] == "seen by Ann"
        assert '"state":"live"' in note
    assert [it.state for it in repo.log("staging", limit=3)] == ["live"] * 3


def test_hundreds_of_notes_survive_gits_own_rewriting(repo: ConfigRepo, seeded: Remote) -> None:
    """After Git spread the notes deeper by itself, headway's and Git's reading still agree."""
    base = seeded.head()
    stream = "commit refs/notes/headway\ncommitter A <a@x> 1700000000 +0000\ndata 1\nx\n" + "".join(
        f"M 100644 inline {n % 256:02x}/{n // 256:02x}/{'0' * 36}\ndata 2\n{{}}\n" for n in range(2000)
    )
    seeded.git("fast-import", "--quiet", stdin=stream.encode())
    repo.fetch()
    repo.record("staging", base, Outcome("live", AT, 1.0, "id"), live=base)
    seeded.git("notes", "--ref=headway", "append", "-m", "by hand", base)
    repo.fetch()
    repo.record("staging", base, Outcome("failed", AT, 1.0, "id"), live=None)
    assert repo.last_change("staging", "staging").states == ("live", "failed")
    assert seeded.git("notes", "--ref=headway", "show", base).count("\n") >= 3


def test_a_server_without_atomic_pushes_gets_two(repo: ConfigRepo, seeded: Remote) -> None:
    """The note goes first, then the ref: an end in between is a note that the next run only repeats."""
    seeded.git("config", "receive.advertiseAtomic", "false")
    published = release(repo, "staging", "2")
    repo.record("staging", published.commit, Outcome("live", AT, 1.0, "id"), live=published.commit)
    assert repo.live("staging") == published.commit
    assert repo.last_change("staging", "staging").state == "live"
    assert issubclass(NoAtomicPush, Exception)


def test_what_is_live_may_go_back(repo: ConfigRepo, seeded: Remote) -> None:
    """A rebuild of an older revision makes that one live; two environments do not share a ref."""
    old, new = seeded.head(), release(repo, "staging", "2").commit
    for commit in (new, old):
        repo.record("staging", commit, Outcome("live", AT, 1.0, "id"), live=commit)
    assert repo.live("staging") == old


@pytest.mark.parametrize("name", ["", "a/b", "..", "a..b", "x.lock", "-x", "a b", "a\n"])
def test_an_environment_that_cannot_be_a_ref_is_refused(repo: ConfigRepo, name: str) -> None:
    """No environment's name reaches into another ref."""
    with pytest.raises(UsageError, match="cannot be an environment"):
        repo.live(name)


def test_what_is_live_is_a_commit_of_the_branch_or_nothing(repo: ConfigRepo, seeded: Remote) -> None:
    """Whoever may push refs but not the branch cannot say what is live with a commit, a file or a folder of his own."""
    base = seeded.head()
    other = seeded.push({"staging/app.yaml": "image: evil:1\n"}, branch="other", parents=[base])
    blob = seeded.git("rev-parse", f"{base}:headway.yaml").strip()
    for found in (other, blob, seeded.git("rev-parse", f"{base}^{{tree}}").strip()):
        seeded.git("update-ref", "refs/headway/staging/live", found)
        repo.fetch()
        assert repo.live("staging") is None
        assert repo.stray_live("staging") == found
        repo.record("staging", base, Outcome("live", datetime.now(UTC), 1.0, "id"), live=base)
        assert (repo.live("staging"), repo.stray_live("staging")) == (base, "")
    for number in range(3):
        seeded.push({"n": str(number)})
    assert repo.fetch() == seeded.head()
    assert repo.live("staging") == base


@pytest.mark.parametrize("kind", ["headway.yaml", "staging"])
def test_notes_that_are_none_stop_nothing(repo: ConfigRepo, seeded: Remote, kind: str) -> None:
    """A file or a folder where the notes should be is no note of any commit, and gives way to the first."""
    base = seeded.head()
    seeded.git("update-ref", "refs/notes/headway", seeded.git("rev-parse", f"{base}:{kind}").strip())
    repo.fetch()
    assert repo.last_change("staging", "staging").outcomes == ()
    repo.record("staging", base, Outcome("live", AT, 1.0, "id"), live=base)
    assert repo.last_change("staging", "staging").state == "live"


def test_a_state_is_recorded_once(repo: ConfigRepo, seeded: Remote) -> None:
    """A run that was killed before its last record does it again, a second later: one line."""
    failed, back = release(repo, "staging", "2"), release(repo, "staging", "1", "rollback")
    for second in range(3):
        at = AT + timedelta(seconds=second)
        if not second:
            repo.record("staging", failed.commit, Outcome("failed", at), live=None)
        repo.record("staging", failed.commit, Outcome("rolled-back", at), live=None)
        repo.record("production", failed.commit, Outcome("rolled-back", at), live=None)
        repo.record("staging", back.commit, Outcome("live", at), live=back.commit)
    assert repo.entry(failed.commit).of("staging").states == ("failed", "rolled-back")
    assert repo.entry(failed.commit).of("production").states == ("rolled-back",)
    assert repo.entry(back.commit).of("staging").states == ("live",)


def test_what_is_live_does_not_go_back_to_what_is_older(
    repo: ConfigRepo, seeded: Remote, tmp_path: Path
) -> None:
    """Whoever worked from an older head than the commit that was reached since records nothing at all."""
    old = release(repo, "staging", "2")
    with ConfigRepo.open(seeded.url, "main", tmp_path / "other") as other:
        other.fetch()
        new = release(other, "staging", "3")
        other.record("staging", new.commit, Outcome("live", AT), live=new.commit, seen=new.head)
        with pytest.raises(LostLease, match="which is newer"):
            other.record("staging", old.commit, Outcome("live", AT), live=old.commit, seen=old.head)
    with pytest.raises(LostLease, match="which is newer"):
        repo.record("staging", old.commit, Outcome("live", AT), live=old.commit, seen=old.head)
    assert seeded.git("rev-parse", "refs/headway/staging/live").strip() == new.commit
    assert repo.entry(old.commit).of("staging").states == ()


def test_who_knows_the_newer_commit_may_go_back_on_purpose(repo: ConfigRepo, seeded: Remote) -> None:
    """Another folder may have got its content long before what is live now."""
    old, new = release(repo, "staging", "2"), release(repo, "staging", "3")
    repo.record("staging", new.commit, Outcome("live", AT), live=new.commit, seen=new.head)
    repo.record("staging", old.commit, Outcome("live", AT), live=old.commit, seen=new.head)
    assert repo.live("staging") == old.commit


def test_nothing_is_recorded_once_the_environment_is_somebody_elses(repo: ConfigRepo, seeded: Remote) -> None:
    """It is asked before the push."""
    made = release(repo, "staging", "2")

    def held() -> None:
        raise LostLease("lost")

    with pytest.raises(LostLease):
        repo.record("staging", made.commit, Outcome("live", AT), live=made.commit, held=held)
    refs = seeded.git("for-each-ref", "--format=%(refname)").split()
    assert "refs/headway/staging/live" not in refs
    assert "refs/notes/headway" not in refs
