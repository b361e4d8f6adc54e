"""Git's client library stays behind this system: its errors, its processes, its descriptors."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest
from git.exc import BadName, GitCommandError, GitCommandNotFound, InvalidGitRepositoryError, NoSuchPathError
from gitdb.exc import AmbiguousObjectName, BadObject, BadObjectType, ParseError

from headway.domain.releases.ledger import new_release_id
from headway.errors import FailedError, HeadwayError, TransientError, UsageError
from headway.systems.git import objects
from headway.systems.git.client import own_errors
from headway.systems.git.config_repo import ConfigRepo
from headway.systems.git.source import SourceRepo
from tests import REPO
from tests.repos import Remote
from tests.systems.git.releasing import add_line


@pytest.mark.parametrize(
    "error",
    [
        GitCommandError(["git", "fetch", "https://ann:s3cret@h/x"], 128, b"fatal: https://ann:s3cret@h/x"),
        GitCommandNotFound("git", "no such file"),
        InvalidGitRepositoryError("x"),
        NoSuchPathError("x"),
        BadName("x"),
        BadObject(b"x" * 20),
        AmbiguousObjectName("x"),
        BadObjectType("x"),
        ParseError("x"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_each_of_the_clients_errors_is_headways(error: Exception) -> None:
    """What it raises of its own comes out as an error that a command can show, without a login."""
    with pytest.raises(FailedError) as told, own_errors():
        raise error
    assert "s3cret" not in str(told.value)


@pytest.mark.parametrize(
    "name", ["nothing", "a b", "f" * 40, "HEAD:no/such", "main~99", "-x", "a\nb", "\udcff", ""]
)
def test_a_name_that_git_does_not_know_is_nothing(repo: ConfigRepo, name: str) -> None:
    """It is no error, and the next answer is the one to the next question."""
    assert repo.rev_parse(name) is None
    assert repo.read(repo.head, "staging/app.yaml") == b"image: a:1\n"


Use = Callable[[Remote, Path], object]
USES: dict[str, Use] = {
    "fetch": lambda remote, state: ConfigRepo.open(remote.url, "main", state).fetch(),
    "resolve": lambda remote, state: SourceRepo(remote.url, state).resolve("main"),
}


@pytest.mark.parametrize("use", USES.values(), ids=USES)
def test_without_git_one_is_told_to_install_it(
    seeded: Remote, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, use: Use
) -> None:
    """A machine without Git hears what to do."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(FailedError, match="git was not found") as told:
        use(seeded, tmp_path / "state")
    assert "install Git" in told.value.hint


def test_a_machine_without_git_can_still_ask_for_help(tmp_path: Path) -> None:
    """Importing is no use of it."""
    code = "import headway.systems.git.config_repo"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"PATH": str(tmp_path)},
        cwd=REPO,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_a_reader_that_dies_each_time_is_reported_as_a_damaged_mirror(
    repo: ConfigRepo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A Git that ends without an answer makes no error of the client's, and no endless try."""
    head = repo.head
    repo.close()
    fake = tmp_path / "bin" / "git"
    fake.parent.mkdir()
    fake.write_text("#!/bin/sh\nexit 1\n")
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{fake.parent}:{os.environ['PATH']}")
    with pytest.raises(TransientError, match="damaged"):
        repo.read(head, "staging/app.yaml")


def test_what_cannot_be_written_is_reported(repo: ConfigRepo) -> None:
    """A disk that takes nothing is a failure in words."""
    objects = repo._mirror.folder / "objects"
    objects.rename(objects.with_name("away"))
    objects.write_text("")
    with pytest.raises(HeadwayError, match="nothing can be written"):
        repo._mirror.write("blob", b"new")


class Interrupted(BaseException):
    """Stands for a Ctrl-C, and for a task's time that is up."""


def test_an_interrupted_question_leaves_no_answer_behind(
    repo: ConfigRepo, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever asks next gets the answer to that question, not the one that was waiting in the pipe."""
    head = repo.head
    first = repo._mirror.read(head)
    read = objects._answer

    def interrupted(answers: object, request: bytes) -> None:
        raise Interrupted

    monkeypatch.setattr(objects, "_answer", interrupted)
    with pytest.raises(Interrupted):
        repo._mirror.read(first[5:45].decode())
    monkeypatch.setattr(objects, "_answer", read)
    assert repo._mirror.read(head) == first


def left() -> tuple[set[str], int]:
    """Return this process's children, and how many descriptors it has open."""
    children = Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text().split()
    return set(children), len(os.listdir("/proc/self/fd"))


def test_nothing_is_left_open(seeded: Remote, tmp_path: Path) -> None:
    """After reading, releasing, and questions that fail, from several threads, all is closed and reaped."""

    def work(repo: ConfigRepo) -> bytes | None:
        assert repo.rev_parse("nothing") is None
        return repo.read(repo.head, "staging/app.yaml")

    with ConfigRepo.open(seeded.url, "main", tmp_path / "state") as repo:
        repo.fetch()
    before = left()
    for number in range(3):
        with ConfigRepo.open(seeded.url, "main", tmp_path / "state") as repo:
            add_line(repo, new_release_id(datetime.now(UTC), str(number)), "x")
            with ThreadPoolExecutor(4) as pool:
                assert len(set(pool.map(work, [repo] * 40))) == 1
            next(repo.log("staging"))
        with SourceRepo(str(tmp_path / "none"), tmp_path / "state") as source, pytest.raises(UsageError):
            source.resolve("main")
    assert left() == before


def test_a_hook_of_another_repo_changes_nothing(seeded: Remote, tmp_path: Path) -> None:
    """What Git leaves in a hook's environment names the hook's repo, and headway works on its own."""
    other = {"GIT_DIR": "/nowhere", "GIT_INDEX_FILE": "/nowhere/index", "GIT_QUARANTINE_PATH": "/nowhere",
             "GIT_OBJECT_DIRECTORY": "/nowhere/objects", "GIT_NAMESPACE": "x"}  # fmt: skip
    release = new_release_id(datetime.now(UTC), "hook")
    command = [
        sys.executable,
        "-m",
        "tests.systems.git.releasing",
        seeded.url,
        str(tmp_path / "state"),
        release,
        "line",
    ]
    done = subprocess.run(
        command, cwd=REPO, env=os.environ | other, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert seeded.file("staging/app.yaml") == b"image: a:1\nline\n"


@pytest.mark.slow
def test_a_deadline_ends_the_processes_that_git_started(repo: ConfigRepo) -> None:
    """A helper of Git's that hangs ends with it: whoever holds the other end of a pipe is gone."""
    here, there = os.pipe()
    with pytest.raises(TransientError, match="did not end within"):
        repo._mirror._runner.run("-c", "alias.hang=!sleep 250 & wait", "hang", timeout=2, keep_open=[there])
    os.close(there)
    assert os.read(here, 1) == b""
    os.close(here)


def test_half_written_objects_are_cleared_away(repo: ConfigRepo) -> None:
    """What killed writers left goes when the mirror is packed, and what somebody is writing now stays."""
    objects = repo._mirror.folder / "objects"
    loose = objects / "17"
    loose.mkdir(exist_ok=True)
    for number in range(20):
        (loose / f"{number:038x}").touch()
    old, new = objects / "objold", objects / "objnew"
    old.touch()
    new.touch()
    os.utime(old, (0, 0))
    assert repo.maintain()
    assert (old.exists(), new.exists()) == (False, True)
