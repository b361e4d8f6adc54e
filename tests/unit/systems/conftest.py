"""A real bare repo for each test, and the config repo read from it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from headway.systems.config_repo import ConfigRepo
from headway.systems.facts import FactStore
from headway.systems.registry import RegistryClient
from tests.unit.systems.registry_server import FakeRegistry

PERSON = {
    "GIT_AUTHOR_NAME": "Ann",
    "GIT_AUTHOR_EMAIL": "ann@example.com",
    "GIT_COMMITTER_NAME": "Ann",
    "GIT_COMMITTER_EMAIL": "ann@example.com",
}


class Remote:
    """A bare repo on disk that people push to with plain Git."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        subprocess.run(["git", "init", "-q", "--bare", "-b", "main", str(folder)], check=True)

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
        """Commit files (None: removed) on top of a branch, as a person would, and give the commit."""
        if parents is None:
            old = self.git("for-each-ref", "--format=%(objectname)", f"refs/heads/{branch}").strip()
            parents = [old] if old else []
        index = {"GIT_INDEX_FILE": str(self.folder / "test-index")}
        self.git("read-tree", *([parents[0]] if parents else ["--empty"]), env=index)
        rows = []
        for path, content in files.items():
            if content is None:
                rows.append(f"0 {'0' * 40}\t{path}")
                continue
            mode = (modes or {}).get(path, "100644")
            data = content.encode() if isinstance(content, str) else content
            sha = (
                data.decode()
                if mode == "160000"
                else self.git("hash-object", "-w", "--stdin", stdin=data).strip()
            )
            rows.append(f"{mode} {sha}\t{path}")
        self.git("update-index", "-z", "--index-info", stdin="\0".join([*rows, ""]).encode(), env=index)
        tree = self.git("write-tree", env=index).strip()
        dates = {} if at is None else {"GIT_AUTHOR_DATE": f"{at} +0000", "GIT_COMMITTER_DATE": f"{at} +0000"}
        above = [part for parent in parents for part in ("-p", parent)]
        commit = self.git("commit-tree", tree, *above, "-m", message, env=dates).strip()
        self.git("update-ref", f"refs/heads/{branch}", commit)
        return commit

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
        path.parent.mkdir(exist_ok=True)
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
