"""The history that people see, the outcomes, and what was live."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from headway.domain.releases.ledger import Outcome, ReleaseRecord, format_message, new_release_id
from headway.errors import FailedError, UsageError
from headway.systems.git import folder_states
from headway.systems.git.config_repo import ConfigRepo, ProposedCommit, Published
from tests.images import moved
from tests.repos import Remote

AT = datetime(2026, 11, 23, 10, tzinfo=UTC)


def release(repo: ConfigRepo, environment: str, text: str, kind: str = "release") -> Published:
    release_id = new_release_id(datetime.now(UTC), f"{environment} {text}")
    record = ReleaseRecord(release_id, environment, kind, (moved("app", "a:1", f"a:{text}"),), "ann", "why")
    draft = ProposedCommit(
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
                assert repo.state(found, path) == repo.state(repo.head, path)
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
