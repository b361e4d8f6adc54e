"""The history that people see, the outcomes, and what was live."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from headway.domain.releases.ledger import Outcome, ReleaseRecord, format_message, new_release_id
from headway.errors import FailedError, LostLease, UsageError
from headway.systems.git import folder_states
from headway.systems.git.config_repo import ConfigRepo, Draft, Published
from headway.systems.git.errors import NoAtomicPush
from tests.repos import Remote

AT = datetime(2026, 11, 23, 10, tzinfo=UTC)


def release(repo: ConfigRepo, environment: str, text: str, kind: str = "release") -> Published:
    release_id = new_release_id(datetime.now(UTC), f"{environment} {text}")
    record = ReleaseRecord(release_id, environment, kind, (("app", "a:1", f"a:{text}"),), "ann", "why")
    draft = Draft(
        files={f"{environment}/app.yaml": text.encode()}, message=format_message(record), author="ann"
    )
    published = repo.publish(lambda head: draft, release_id=release_id)
    assert published is not None
    return published


def test_the_ledger_shows_releases_and_pushes_of_one_environment(repo: ConfigRepo, seeded: Remote) -> None:
    """Who, what, why and how it ended; what a person pushed by hand is there too, other environments are not."""
    first = release(repo, "staging", "2")
    release(repo, "production", "2")
    pushed = seeded.push({"staging/app.yaml": "3"}, "by hand")
    seeded.push({"docs.md": "x"})
    repo.fetch()
    repo.record("staging", first.commit, Outcome("live", AT, 2.0, "id"), live=first.commit)
    entries = list(repo.log("staging"))
    assert [(it.kind, it.what, it.actor, it.state) for it in entries] == [
        ("push", "by hand", "Ann", ""),
        ("release", "app 2", "ann", "live"),
        ("push", "a person's push", "Ann", ""),
    ]
    assert entries[0].commit == pushed
    assert [it.commit for it in repo.log("staging", limit=1)] == [pushed]
    every = list(repo.ledger({"staging": "staging", "production": "production"}))
    assert [it.environments for it in every] == [
        ("staging",), ("production",), ("staging",), ("staging", "production"),
    ]  # fmt: skip
    assert [it.commit for it in repo.commits_between(first.commit, repo.head, "staging")] == [pushed]


def test_rules_that_people_change_are_in_the_ledger(repo: ConfigRepo, seeded: Remote) -> None:
    """A change of headway.yaml or holds.yaml belongs to the story of all environments, not of one."""
    lock = ReleaseRecord("lock-1", "staging", "lock", actor="ann", reason="migration")
    held = seeded.push({"holds.yaml": "locks: []\n"}, format_message(lock))
    repo.fetch()
    assert [it.kind for it in repo.log("staging", limit=1)] == ["lock"]
    assert held not in [it.commit for it in repo.log("production")]
    assert [it.commit for it in repo.ledger({"production": "production"}, limit=1)] == [held]


def test_a_merge_is_no_change_but_what_it_brought_is(repo: ConfigRepo, seeded: Remote) -> None:
    """After a pull request's merge, the folder's last change is the commit that changed it."""
    base, soon = seeded.head(), int(datetime.now(UTC).timestamp()) + 10
    theirs = seeded.push({"staging/app.yaml": "feature"}, branch="feature", parents=[base], at=soon)
    merge = seeded.push({"staging/app.yaml": "feature"}, "Merge", parents=[base, theirs], at=soon + 1)
    assert repo.fetch() == merge
    assert repo.last_change("staging", "staging").commit == theirs
    assert repo.last_change("production", "production").commit == base
    assert [it.commit for it in repo.log("staging")] == [theirs, base]


def test_a_merge_that_joins_two_changes_is_a_state_of_its_own(repo: ConfigRepo, seeded: Remote) -> None:
    """Neither side ever was what the branch has now: the merge is in the history, and its outcome is found."""
    base, soon = seeded.head(), int(datetime.now(UTC).timestamp()) + 10
    mine = seeded.push({"staging/web.yaml": "2", "production/app.yaml": "2"}, parents=[base], at=soon)
    theirs = seeded.push({"staging/api.yaml": "2"}, branch="feature", parents=[base], at=soon + 1)
    merge = seeded.push({"staging/api.yaml": "2"}, "Merge", parents=[mine, theirs], at=soon + 2)
    assert repo.fetch() == merge
    assert repo.last_change("staging", "staging").commit == merge
    assert repo.last_change("production", "production").commit == mine
    repo.record("staging", merge, Outcome("live", AT, 1.0, "id"), live=merge)
    assert [(it.commit, it.state) for it in repo.log("staging")] == [
        (merge, "live"), (theirs, ""), (mine, ""), (base, ""),
    ]  # fmt: skip
    assert [it.environments for it in repo.ledger({"staging": "staging", "production": "production"})][
        :1
    ] == [("staging",)]
    assert [it.commit for it in repo.commits_between(mine, merge, "staging")] == [merge, theirs]


@pytest.mark.parametrize("pulled", [False, True])
def test_a_merge_that_drops_one_sides_change_is_a_state_of_its_own(
    repo: ConfigRepo, seeded: Remote, pulled: bool
) -> None:
    """Whoever takes one side whole has decided: a release that the branch had stays in the history, under the merge.

    A `git pull` puts the parents the other way round, and says the same.
    """
    base, soon = seeded.head(), int(datetime.now(UTC).timestamp()) + 10
    released = seeded.push({"staging/app.yaml": "image: a:2\n"}, parents=[base], at=soon)
    mine = seeded.push({"staging/app.yaml": "image: a:1 # mine\n"}, branch="x", parents=[base], at=soon + 1)
    parents = [mine, released] if pulled else [released, mine]
    merge = seeded.push({"staging/app.yaml": "image: a:1 # mine\n"}, "Merge", parents=parents, at=soon + 2)
    assert repo.fetch() == merge
    assert repo.last_change("staging", "staging").commit == merge
    assert [it.commit for it in repo.log("staging")] == [merge, mine, released, base]
    again = seeded.push({"staging/app.yaml": "image: a:1 # mine\n", "x": "1"}, "docs")
    assert repo.fetch() == again
    assert repo.last_change("staging", "staging").commit == merge


def test_a_commit_with_an_old_date_hides_nothing_behind_it(repo: ConfigRepo, seeded: Remote) -> None:
    """One machine's clock was wrong: what was committed before that is still found by time and by id."""
    published = release(repo, "staging", "2")
    release_id = repo.entry(published.commit).release_id
    for number in range(3):
        seeded.push({"staging/app.yaml": f"old {number}"}, at=1_000_000_000)
    repo.fetch()
    since = datetime.now(UTC) - timedelta(hours=1)
    assert published.commit in [it.commit for it in repo.log("staging", since=since)]
    assert repo.find_release(release_id) == published.commit


def git_says(seeded: Remote, path: str) -> str:
    """Find a folder's last change by Git's own commands, as its rule is written down."""

    def state(commit: str) -> str:
        return seeded.git("rev-parse", f"{commit}:{path}").strip()

    at = seeded.head()
    while True:
        parents = seeded.git("rev-list", "-1", "--parents", at).split()[1:]
        kept = [it for it in parents if state(it) == state(at)]
        others = [it for it in parents if state(it) != state(at)]
        if not kept or any(
            state(seeded.git("merge-base", kept[0], it).strip()) != state(it) for it in others
        ):
            return at
        at = kept[0]


@pytest.mark.parametrize("steps", [folder_states.STEPS, 0])
@pytest.mark.slow
def test_the_last_change_is_the_one_that_git_names(
    repo: ConfigRepo, seeded: Remote, monkeypatch: pytest.MonkeyPatch, steps: int
) -> None:
    """In a random history with merges, this process and Git agree, asked cold or warm, near or far."""
    monkeypatch.setattr(folder_states, "STEPS", steps)
    dice, heads, now = random.Random(7), [seeded.head()], int(datetime.now(UTC).timestamp())
    for number in range(120):
        parents = dice.sample(heads[-6:], k=min(len(heads[-6:]), dice.choice([1, 1, 1, 2])))
        folder, text = dice.choice(["staging", "production", "elsewhere"]), str(dice.randrange(4))
        files: dict[str, str | bytes | None] = {f"{folder}/app.yaml": text, "n": str(number)}
        heads.append(seeded.push(files, parents=parents, at=now + number))
        if number % 30 == 29:
            repo.fetch()
            for path in ("staging", "production"):
                found = repo.last_change(path, path).commit
                assert repo.tree_sha(found, path) == repo.tree_sha(repo.head, path)
                assert found == git_says(seeded, path)
                assert found in [it.commit for it in repo.log(path)]


def test_a_folder_that_rests_for_long_is_found_too(repo: ConfigRepo, seeded: Remote) -> None:
    """Production's last change is found though staging has had hundreds of releases since."""
    base = seeded.head()
    stream = "".join(
        f"commit refs/heads/main\ncommitter A <a@x> {1700000000 + n} +0000\ndata 1\nx\n"
        + (f"from {base}\n" if n == 0 else "")
        + f"M 100644 inline staging/app.yaml\ndata {len(str(n))}\n{n}\n\n"
        for n in range(700)
    )
    seeded.git("fast-import", "--quiet", "--force", stdin=stream.encode())
    repo.fetch()
    assert repo.last_change("production", "production").commit == base
    assert repo.last_change("production", "production").commit == base
    assert len(list(repo.log("staging"))) == 701


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
    live, failed = Outcome("live", AT, 1.5, "id"), Outcome("failed", AT, 1.5, "id", "crash\nloop")
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


def test_a_release_is_found_by_its_id_however_old(repo: ConfigRepo, seeded: Remote) -> None:
    """An id with a time is looked for back to that time, a caller's own id through the whole history."""
    old = datetime.now(UTC) - timedelta(days=400)
    timed, named = new_release_id(old, "x"), "ci.1234"
    for number, release_id in enumerate((timed, named, f"{named}5")):
        record = ReleaseRecord(release_id, "staging", "release")
        seeded.push(
            {"staging/app.yaml": release_id}, format_message(record), at=int(old.timestamp()) + number
        )
    for number in range(5):
        seeded.push({"other": str(number)}, f"Mention Headway-Release: {named}")
    head = repo.fetch()
    assert repo.find_release(timed) == repo.rev_parse(f"{head}~7")
    assert repo.find_release(named) == repo.rev_parse("main~6")
    for unknown in (new_release_id(datetime.now(UTC), "y"), "ci", "ci.123", "not an id\n"):
        assert repo.find_release(unknown) is None


def test_revisions_are_what_git_says(repo: ConfigRepo, seeded: Remote) -> None:
    """A short SHA-1, HEAD, the branch and their ancestors; nothing else, and no option of Git's."""
    first, second = seeded.head(), seeded.push({"x": "1"})
    repo.fetch()
    assert repo.rev_parse("HEAD") == repo.rev_parse("main") == repo.rev_parse(second[:8]) == second
    assert repo.rev_parse("main~1") == repo.rev_parse("HEAD^") == first
    for name in ("", "nope", "--all", "main~9", "a\nb", seeded.git("rev-parse", "main^{tree}").strip()):
        assert repo.rev_parse(name) is None
    with pytest.raises(UsageError, match="has no commit"):
        repo.read("f" * 40, "x")


def test_a_diff_is_gits_own(repo: ConfigRepo, seeded: Remote) -> None:
    """Only the folder that was asked for, without colours."""
    old, new = seeded.head(), seeded.push({"staging/app.yaml": "image: a:2\n", "x": "1"})
    repo.fetch()
    text = repo.diff(old, new, "staging")
    assert "-image: a:1\n+image: a:2\n" in text
    assert "x" not in [line[6:] for line in text.splitlines() if line.startswith("+++ b/")]
    assert "+++ b/x" in repo.diff(old, new)


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


def test_rewritten_history_is_said_once(repo: ConfigRepo, seeded: Remote, tmp_path: Path) -> None:
    """A branch that goes on is no news; one that lost commits is, once, to whom had seen them."""
    base, first = seeded.head(), seeded.push({"x": "1"})
    repo.fetch()
    assert repo.rewritten() is None
    second = seeded.push({"x": "2"})
    repo.fetch()
    assert repo.rewritten() is None
    seeded.git("update-ref", "refs/heads/main", base)
    repo.fetch()
    assert repo.rewritten() == (second, base)
    assert repo.rewritten() is None
    with ConfigRepo.open(seeded.url, "main", tmp_path / "elsewhere") as other:
        other.fetch()
        assert other.rewritten() is None
    assert first != second


def test_what_a_hook_says_is_no_damage(repo: ConfigRepo, seeded: Remote) -> None:
    """A server's refusal in words that Git has for a broken repo keeps the mirror, and is shown."""
    seeded.hook("pre-receive", "echo 'fatal: bad object 1234, missing blob: already exists' >&2; exit 1")
    mirror = repo._mirror.folder.stat().st_ino
    with pytest.raises(FailedError, match="missing blob"):
        release(repo, "staging", "2")
    assert repo._mirror.folder.stat().st_ino == mirror
    seeded.hook("pre-receive", "exit 0")
    assert release(repo, "staging", "2").commit == seeded.head()


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
