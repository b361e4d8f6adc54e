"""A release is one commit, made without a working tree, and nothing else changes."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from headway.domain.releases.ledger import new_release_id
from headway.errors import UsageError
from headway.systems.git.config_repo import ConfigRepo, ProposedCommit
from tests.repos import Remote
from tests.systems.git.releasing import add_line

ID = "20261123T101502Z-7f3a"


def test_a_release_is_one_commit_that_changes_one_file(repo: ConfigRepo, seeded: Remote) -> None:
    """The commit is by who asked, committed by headway, on top of what was there."""
    before = seeded.head()
    published = add_line(repo, new_release_id(datetime.now(UTC), "a"), "new")
    assert published is not None
    assert published.commit == published.head == seeded.head() == repo.head
    assert seeded.git("rev-parse", "main^").strip() == before
    assert seeded.git("diff", "--name-only", before, "main").split() == ["staging/app.yaml"]
    assert seeded.file("staging/app.yaml") == b"image: a:1\nnew\n"
    assert seeded.git("log", "-1", "--format=%an %cn", "main").strip() == "ann headway"
    seeded.git("fsck", "--strict", "--full")


@pytest.mark.parametrize(
    ("asks", "author"),
    [("ann", "Ann Smith <ann@corp.example>"), ("ben", "ben <ben@headway.invalid>")],
)
def test_a_commit_is_by_gits_own_user_where_that_is_who_asks(
    seeded: Remote, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, asks: str, author: str
) -> None:
    """So that the Git host shows the person, and not an address that reaches nobody."""
    settings = tmp_path / "gitconfig"
    settings.write_text("[user]\n  name = Ann Smith\n  email = ann@corp.example\n")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(settings))
    with ConfigRepo.open(seeded.url, "main", tmp_path / "state") as repo:
        repo.fetch()
        assert repo.publish(lambda _: ProposedCommit("x\n", {"new.txt": b"x"}, author=asks), release_id=ID)
    assert seeded.git("log", "-1", "--format=%an <%ae>", "main").strip() == author


def test_the_same_release_asked_for_twice_is_committed_once(
    repo: ConfigRepo, seeded: Remote, tmp_path: Path
) -> None:
    """Again in this process, in another one, or with an id of somebody else's making: one commit."""
    for release_id in (new_release_id(datetime.now(UTC), "a"), "ci-1234"):
        first = add_line(repo, release_id, "new")
        again = add_line(repo, release_id, "new")
        with ConfigRepo.open(seeded.url, "main", tmp_path / "elsewhere") as other:
            elsewhere = add_line(other, release_id, "new")
        assert first is not None
        assert again is not None
        assert elsewhere is not None
        assert not first.already
        assert again.already
        assert elsewhere.already
        assert first.commit == again.commit == elsewhere.commit
    assert len(seeded.commits()) == 3


def test_a_release_is_found_though_people_merged_over_it(repo: ConfigRepo, seeded: Remote) -> None:
    """A person's `git pull` makes the release a second parent; it is still not committed again."""
    base = seeded.head()
    release_id = new_release_id(datetime.now(UTC), "a")
    published = add_line(repo, release_id, "new")
    assert published is not None
    mine = seeded.push({"production/app.yaml": "image: a:9\n"}, branch="ann", parents=[base])
    merge = seeded.git(
        "commit-tree", f"{mine}^{{tree}}", "-p", mine, "-p", published.commit, "-m", "Merge"
    ).strip()
    seeded.git("update-ref", "refs/heads/main", merge)
    repo.fetch()
    again = add_line(repo, release_id, "new")
    assert again is not None
    assert (again.already, again.commit, again.head) == (True, published.commit, merge)


def test_nothing_to_change_makes_no_commit(repo: ConfigRepo, seeded: Remote) -> None:
    """A draft that says nothing, or that writes what is there, leaves the repo as it was."""
    same = ProposedCommit(files={"staging/app.yaml": b"image: a:1\n"}, message="x")
    assert repo.publish(lambda head: None, release_id=ID) is None
    assert repo.publish(lambda head: same, release_id=ID) is None
    assert (
        repo.publish(lambda head: ProposedCommit(files={"gone.yaml": None}, message="x"), release_id=ID)
        is None
    )
    assert len(seeded.commits()) == 1


def test_nothing_to_change_is_only_said_of_the_newest_head(repo: ConfigRepo, seeded: Remote) -> None:
    """A push of a second ago is looked at before a release is called needless."""
    seeded.push({"staging/app.yaml": "image: a:7\n"})

    def draft(head: str) -> ProposedCommit | None:
        old = repo.reader(head)("staging/app.yaml")
        return (
            ProposedCommit(files={"staging/app.yaml": b"image: a:1\n"}, message="x")
            if b"a:7" in old
            else None
        )

    assert repo.publish(draft, release_id=ID) is not None
    assert seeded.file("staging/app.yaml") == b"image: a:1\n"


def test_modes_links_and_odd_names_of_untouched_files_survive(repo: ConfigRepo, seeded: Remote) -> None:
    """An executable, a link, names with spaces, umlauts and bytes that are no UTF-8 stay as they are."""
    files: dict[str, str | bytes | None] = {
        "staging/run.sh": "#!/bin/sh\n",
        "README": "staging/app.yaml",
        "staging/mit Leer zeichen/ü.yaml": "a: 1\n",
        "staging/app.yaml.d/x": "sorted beside app.yaml",
        "staging/app-b": "too",
    }
    seeded.push(files, modes={"staging/run.sh": "100755", "README": "120000"})
    before = seeded.git("ls-tree", "-r", "main")
    paths = {"staging/run.sh": b"#!/bin/sh\n:\n", "staging/mit Leer zeichen/ü.yaml": b"a: 2\n"}
    assert repo.publish(lambda head: ProposedCommit(files=paths, message="x"), release_id=ID) is not None
    after = seeded.git("ls-tree", "-r", "main")
    changed = set(after.splitlines()) - set(before.splitlines())
    assert sorted(line.split("\t")[1] for line in changed) == [
        "staging/mit Leer zeichen/ü.yaml",
        "staging/run.sh",
    ]
    assert all(line.startswith("100755") for line in changed if line.endswith("run.sh"))
    assert len(after.splitlines()) == len(before.splitlines())
    seeded.git("fsck", "--strict", "--full")


def test_files_and_emptied_folders_go_away(repo: ConfigRepo, seeded: Remote) -> None:
    """Removing a folder's last file removes the folder, as Git has no empty ones."""
    new = {"staging/app.yaml": None, "a/b/c.yaml": b"deep\n"}
    assert repo.publish(lambda head: ProposedCommit(files=new, message="x"), release_id=ID) is not None
    names = seeded.git("ls-tree", "-r", "--name-only", "main").split()
    assert names == ["a/b/c.yaml", "headway.yaml", "production/app.yaml"]


def test_a_folder_is_set_back_as_a_whole(repo: ConfigRepo, seeded: Remote) -> None:
    """Taking back restores each file of one environment and touches no other."""
    good = repo.state(repo.head, "staging")
    seeded.push(
        {"staging/app.yaml": "broken", "staging/more.yaml": "x", "production/app.yaml": "image: a:5\n"}
    )
    repo.fetch()
    draft = ProposedCommit(trees={"staging": good}, message="back")
    assert repo.publish(lambda head: draft, release_id=ID) is not None
    assert repo.state(repo.head, "staging") == good
    assert seeded.file("production/app.yaml") == b"image: a:5\n"


def test_the_root_can_be_set_back_too(repo: ConfigRepo, seeded: Remote) -> None:
    """An environment whose path is `.` is the whole repo."""
    good = repo.state(repo.head, ".")
    seeded.push({"app.yaml": "new"})
    repo.fetch()
    assert (
        repo.publish(lambda head: ProposedCommit(trees={".": good}, message="back"), release_id=ID)
        is not None
    )
    assert repo.state(repo.head, "") == good


@pytest.mark.parametrize("path", ["../x.yaml", "/etc/x", ".git/config", "staging/app.yaml/below", "."])
def test_a_path_that_is_no_place_for_a_file_is_refused(repo: ConfigRepo, seeded: Remote, path: str) -> None:
    """Nothing is written outside the repo, into Git's own folder, or below a file."""
    with pytest.raises(UsageError):
        repo.publish(lambda head: ProposedCommit(files={path: b"x"}, message="x"), release_id=ID)
    assert len(seeded.commits()) == 1


def test_an_id_that_could_be_a_trailer_is_refused(repo: ConfigRepo) -> None:
    """Release ids are plain words."""
    with pytest.raises(UsageError, match="cannot be a release id"):
        repo.publish(lambda head: None, release_id="a\nHeadway-Kind: x")


def test_a_name_cannot_break_a_commit(repo: ConfigRepo, seeded: Remote) -> None:
    """An author with brackets and newlines gives a commit that Git accepts."""
    draft = ProposedCommit(files={"x": b"1"}, message="x\0y", author="Eve <e@x>\ncommitter Ann <a@x>")
    assert repo.publish(lambda head: draft, release_id=ID) is not None
    assert seeded.git("log", "-1", "--format=%cn", "main").strip() == "headway"
    seeded.git("fsck", "--strict", "--full")
