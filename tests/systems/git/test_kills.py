"""Killed anywhere, then run again: one commit, nothing lost, nothing left behind."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from headway.domain.releases.ledger import new_release_id
from headway.systems.git.config_repo import ConfigRepo
from headway.systems.git.errors import DamagedMirror
from tests import REPO
from tests.repos import Remote
from tests.systems.git.releasing import add_line

ROOT = REPO
KILL = 'kill -9 "$(cat {pid})" 2>/dev/null'


def start(remote: Remote, state: Path, release_id: str, pid: Path, env: dict[str, str] | None = None) -> int:
    """Release in a process that will be killed, and return how it ended."""
    command = [
        sys.executable,
        "-m",
        "tests.systems.git.releasing",
        remote.url,
        str(state),
        release_id,
        "line",
        str(pid),
    ]
    return subprocess.run(
        command, cwd=ROOT, env={**os.environ, **(env or {})}, check=False, capture_output=True
    ).returncode


@pytest.mark.parametrize(
    ("hook", "script"),
    [
        ("pre-receive", KILL + "; exit 0"),
        ("pre-receive", KILL + "; exit 1"),
        ("update", KILL + "; exit 0"),
        ("reference-transaction", 'test "$1" = prepared && ' + KILL + "; exit 0"),
        ("reference-transaction", 'test "$1" = committed && ' + KILL + "; exit 0"),
        ("post-receive", KILL),
    ],
    ids=[
        "push arrives",
        "push is refused",
        "ref is checked",
        "ref is locked",
        "ref is written",
        "push is done",
    ],
)
@pytest.mark.slow
def test_killed_while_pushing_and_run_again_makes_one_commit(
    seeded: Remote, tmp_path: Path, hook: str, script: str
) -> None:
    """Whether the push of the dead landed or not, the second run ends with exactly one commit."""
    pid, state = tmp_path / "pid", tmp_path / "state"
    release_id = new_release_id(datetime.now(UTC), "killed")
    seeded.hook(hook, script.format(pid=pid))
    assert start(seeded, state, release_id, pid) == -signal.SIGKILL
    pid.write_text("0")
    (seeded.folder / "hooks" / hook).unlink()

    with ConfigRepo.open(seeded.url, "main", state) as repo:
        published = add_line(repo, release_id, "line")
    assert published is not None
    assert published.commit == seeded.head()
    assert seeded.file("staging/app.yaml") == b"image: a:1\nline\n"
    assert len(seeded.commits()) == 2


def test_killed_while_cloning_and_run_again_makes_a_whole_mirror(seeded: Remote, tmp_path: Path) -> None:
    """Half a clone is never taken for a mirror, and does not stay on the disk."""
    pid, state, script = tmp_path / "pid", tmp_path / "state", tmp_path / "slow.sh"
    script.write_text(f'#!/bin/sh\n{KILL.format(pid=pid)}\nexec "$@"\n')
    script.chmod(0o755)
    config = tmp_path / "gitconfig"
    config.write_text(f"[uploadpack]\n  packObjectsHook = {script}\n")
    release_id = new_release_id(datetime.now(UTC), "killed")
    assert start(seeded, state, release_id, pid, {"GIT_CONFIG_GLOBAL": str(config)}) == -signal.SIGKILL
    assert not [it for it in (state / "git").iterdir() if it.is_dir() and not it.name.endswith(".new")]

    with ConfigRepo.open(seeded.url, "main", state) as repo:
        assert add_line(repo, release_id, "line") is not None
    assert not list((state / "git").glob("*.new"))
    assert len(seeded.commits()) == 2


def test_locks_that_a_killed_git_left_are_cleared(seeded: Remote, tmp_path: Path) -> None:
    """A machine that lost its power in the middle of a fetch goes on at the next run."""
    with ConfigRepo.open(seeded.url, "main", tmp_path / "state") as repo:
        repo.fetch()
        (mirror,) = (it for it in (tmp_path / "state" / "git").iterdir() if it.is_dir())
        for name in ("packed-refs.lock", "refs/seen/heads/main.lock"):
            (mirror / name).touch()
        commit = seeded.push({"x": "1"})
        assert repo.fetch() == commit


def test_a_reader_that_was_killed_is_started_again(repo: ConfigRepo, seeded: Remote) -> None:
    """The process that reads objects may die; the next question is answered all the same."""
    repo.read(repo.head, "staging/app.yaml")
    # Other tests of this process may have left children of their own behind.
    readers = {it for it in children() if b"cat-file" in Path(f"/proc/{it}/cmdline").read_bytes()}
    assert readers
    for reader in readers:
        os.kill(int(reader), signal.SIGKILL)
    assert repo.read(repo.head, "staging/app.yaml") == b"image: a:1\n"
    assert not children() & readers


def test_a_reader_that_complains_much_is_not_kept_waiting(seeded: Remote, tmp_path: Path) -> None:
    """Git's warnings and traces are read beside its answers: more than a pipe holds, at the start and later."""
    real = shutil.which("git")
    wrapper = tmp_path / "bin" / "git"
    wrapper.parent.mkdir()
    wrapper.write_text(
        "#!/bin/sh\n"
        f'case "$*" in *cat-file*) head -c 300000 /dev/zero >&2; {real} "$@"; head -c 300000 /dev/zero >&2;;\n'
        f'*) exec {real} "$@";; esac\n'
    )
    wrapper.chmod(0o755)
    code = (
        "import sys; from pathlib import Path; from headway.systems.git.config_repo import ConfigRepo\n"
        "with ConfigRepo.open(sys.argv[1], 'main', Path(sys.argv[2])) as repo:\n"
        "    print(repo.read(repo.fetch(), 'staging/app.yaml').decode())"
    )
    env = {**os.environ, "PATH": f"{wrapper.parent}:{os.environ['PATH']}"}
    # In a process of its own: one that waits for ever can be ended, and its Git with it.
    command = [sys.executable, "-c", code, seeded.url, str(tmp_path / "state")]
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout.strip() == "image: a:1", done.stderr


def children() -> set[str]:
    return set(Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text().split())


def test_closing_leaves_no_process(seeded: Remote, tmp_path: Path) -> None:
    """After a release and a look at the history, nothing runs on and nothing waits to be reaped."""
    before = children()
    for _ in range(3):
        with ConfigRepo.open(seeded.url, "main", tmp_path / "state") as repo:
            repo.fetch()
            add_line(repo, new_release_id(datetime.now(UTC), str(repo.head)), "x")
            next(repo.log("staging"))
    assert children() <= before


def test_a_log_that_is_left_early_leaves_no_process(repo: ConfigRepo, seeded: Remote) -> None:
    """Taking the newest entry of a long history ends the `git log` behind it."""
    for number in range(30):
        seeded.push({"staging/app.yaml": str(number)})
    repo.fetch()
    before = children()
    entries = repo.log("staging")
    next(entries)
    entries.close()  # type: ignore[attr-defined]
    assert children() <= before


@pytest.mark.parametrize("damage", ["object", "pack", "head", "refs"])
def test_a_damaged_mirror_is_made_again_and_said_so(
    seeded: Remote, tmp_path: Path, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A mirror is a copy: whatever a full disk or a crash did to it, the next try works."""
    state = tmp_path / "state"
    with ConfigRepo.open(seeded.url, "main", state) as repo:
        repo.fetch()
    (mirror,) = (it for it in (state / "git").iterdir() if it.is_dir())
    if damage == "head":
        (mirror / "HEAD").write_text("")
    elif damage == "refs":
        (mirror / "refs/seen/heads/main").write_text("garbage\n")
    else:
        for each in (mirror / "objects").rglob("*"):
            if each.is_file():
                each.chmod(0o644)
                each.write_bytes(b"" if damage == "object" else b"garbage")
    with ConfigRepo.open(seeded.url, "main", state) as repo:
        with contextlib.suppress(DamagedMirror):
            repo.read(repo.fetch(), "staging/app.yaml")
        assert repo.read(repo.fetch(), "staging/app.yaml") == b"image: a:1\n"
    assert "damaged" in caplog.text
