"""A real bare repo for each test, and the config repo read from it."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from headway.systems.git.config_repo import ConfigRepo
from headway.systems.registry.client import RegistryClient
from headway.systems.registry.facts import FactStore
from tests.servers.registry import FakeRegistry

PERSON = {
    "GIT_AUTHOR_NAME": "Ann",
    "GIT_AUTHOR_EMAIL": "ann@example.com",
    "GIT_COMMITTER_NAME": "Ann",
    "GIT_COMMITTER_EMAIL": "ann@example.com",
}


def _data(content: bytes) -> list[bytes]:
    """Return content as `git fast-import` takes it."""
    return [b"data %d" % len(content), content]


def _quoted(path: str) -> bytes:
    escaped = path.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'.encode()


class Remote:
    """A bare repo on disk that people push to with plain Git."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        subprocess.run(["git", "init", "-q", "--bare", "-b", "main", str(folder)], check=True)
        (folder / "hooks").mkdir(exist_ok=True)

    @property
    def url(self) -> str:
        return f"file://{self.folder}"

    def git(self, *arguments: str, stdin: bytes = b"", env: dict[str, str] | None = None) -> str:
        command = ["git", f"--git-dir={self.folder}", "-c", "core.quotePath=false", *arguments]
        environment = {**os.environ, **PERSON, **(env or {})}
        return subprocess.run(
            command, input=stdin, env=environment, check=True, capture_output=True
        ).stdout.decode()

    def push(
        self,
        files: dict[str, str | bytes | None],
        message: str = "a person's push",
        *,
        modes: dict[str, str] | None = None,
        branch: str = "main",
        parents: list[str] | None = None,
        at: int | None = None,
    ) -> str:
        """Commit files (None: removed) on top of a branch, as a person would, and return the commit."""
        if parents is None:
            old = self.git("for-each-ref", "--format=%(objectname)", f"refs/heads/{branch}").strip()
            parents = [old] if old else []
        when = int(time.time()) if at is None else at
        rows = [b"commit refs/heads/" + branch.encode(), b"mark :1"]
        rows += [f"{it} Ann <ann@example.com> {when} +0000".encode() for it in ("author", "committer")]
        rows += _data(message.encode().rstrip(b"\n") + b"\n")
        rows += [f"{word} {it}".encode() for word, it in zip(["from", *["merge"] * 9], parents, strict=False)]
        for path, content in files.items():
            mode = (modes or {}).get(path, "100644")
            data = content.encode() if isinstance(content, str) else content
            if data is None:
                rows.append(b"D " + _quoted(path))
            elif mode == "160000":
                rows.append(b"M 160000 " + data + b" " + _quoted(path))
            else:
                rows += [b"M " + mode.encode() + b" inline " + _quoted(path), *_data(data)]
        stream = b"\n".join([*rows, b"", b"get-mark :1", b"done", b""])
        return self.git("fast-import", "--quiet", "--force", "--done", stdin=stream).strip()

    def head(self, branch: str = "main") -> str:
        return self.git("rev-parse", f"refs/heads/{branch}").strip()

    def file(self, path: str, commit: str = "main") -> bytes:
        return subprocess.run(
            ["git", f"--git-dir={self.folder}", "cat-file", "blob", f"{commit}:{path}"],
            check=True,
            capture_output=True,
        ).stdout

    def commits(self) -> list[str]:
        return self.git("rev-list", "main").split()

    def hook(self, name: str, script: str) -> None:
        path = self.folder / "hooks" / name
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)


@pytest.fixture
def remote(tmp_path: Path) -> Remote:
    """An empty bare repo."""
    return Remote(tmp_path / "config.git")


@pytest.fixture
def seeded(remote: Remote) -> Remote:
    """A bare repo with two environments."""
    remote.push(
        {
            "headway.yaml": "version: 1\n",
            "staging/app.yaml": "image: a:1\n",
            "production/app.yaml": "image: a:0\n",
        }
    )
    return remote


@pytest.fixture
def repo(seeded: Remote, tmp_path: Path) -> Iterator[ConfigRepo]:
    """The config repo with two environments, looked at."""
    with ConfigRepo.open(seeded.url, "main", tmp_path / "state") as found:
        found.fetch()
        yield found


@pytest.fixture
def registry() -> Iterator[FakeRegistry]:
    """A registry."""
    made = FakeRegistry()
    yield made
    made.close()


@pytest.fixture
def client(tmp_path: Path) -> Iterator[RegistryClient]:
    """A client of registries without logins, with a store of its own."""
    with RegistryClient(str(tmp_path), FactStore(tmp_path / "facts.sqlite")) as made:
        yield made
