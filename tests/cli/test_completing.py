"""What a shell offers after TAB, through the real command as a shell calls it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from headway.cli import completing
from headway.operations.connections import Connections
from headway.settings import Settings
from tests.repos import Remote
from tests.servers.registry import FakeRegistry


class Shell:
    """A shell in which the config repo was looked at once."""

    def __init__(self, tmp_path: Path, registry: FakeRegistry) -> None:
        remote = Remote(tmp_path / "config.git")
        image = f"{registry.host}/shop/web"
        remote.push(
            {
                "headway.yaml": (
                    f"version: 1\napp: shop\nservices: {{web: {{image: '{image}'}}, worker: {{image: 'x/y'}}}}\n"
                    "environments: {staging: {path: staging, cluster: {namespace: s}}, "
                    "production: {path: production, cluster: {namespace: p}}}\n"
                )
            }
        )
        self.environment = {"HEADWAY_REPO": remote.url, "HEADWAY_STATE": str(tmp_path / "state")}
        with Connections(Settings(repo=remote.url, state=tmp_path / "state")) as connections:
            connections.repo.fetch()

    def tab(self, line: str) -> list[str]:
        """Return what is offered at the end of a line."""
        words = line.split(" ")
        asked = {"_HEADWAY_COMPLETE": "complete_bash", "COMP_WORDS": line, "COMP_CWORD": str(len(words) - 1)}
        done = subprocess.run(
            [str(Path(sys.executable).with_name("headway"))],
            env={**os.environ, **self.environment, **asked},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.stderr == ""
        return done.stdout.split()


@pytest.fixture
def registry() -> Iterator[FakeRegistry]:
    made = FakeRegistry()
    for tag in ("1.0.0", "1.1.0", "2.0.0"):
        made.tag("shop/web", tag)
    yield made
    made.close()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("headway status ", ["staging", "production"]),
        ("headway status st", ["staging"]),
        ("headway why staging w", ["web", "worker"]),
        ("headway rollback staging --service we", ["web"]),
        ("headway promote production --from s", ["staging"]),
        ("headway release staging we", ["web="]),
        ("headway show ", []),
    ],
)
def test_names_are_offered(tmp_path: Path, registry: FakeRegistry, line: str, offered: list[str]) -> None:
    """Environments, services and tags, those that fit what is typed."""
    assert Shell(tmp_path, registry).tab(line) == offered


@pytest.mark.parametrize(
    ("words", "incomplete", "offered"),
    [
        ("headway release staging web=1.", "web=1.", ["web=1.1.0", "web=1.0.0"]),
        # bash ends a word at `=`.
        ("headway release staging web = 1.", "1.", ["1.1.0", "1.0.0"]),
        ("headway release staging web =", "=", ["2.0.0", "1.1.0", "1.0.0"]),
        ("headway release staging nothing=1.", "nothing=1.", []),
    ],
)
def test_tags_are_offered(
    tmp_path: Path,
    registry: FakeRegistry,
    monkeypatch: pytest.MonkeyPatch,
    words: str,
    incomplete: str,
    offered: list[str],
) -> None:
    """Those of the registry, the newest first, in the form that the shell wants."""
    for name, value in {**Shell(tmp_path, registry).environment, "COMP_WORDS": words}.items():
        monkeypatch.setenv(name, value)
    # The limit is for people who wait; here the machine may be busy.
    monkeypatch.setattr(completing, "SECONDS", 120.0)
    assert completing.images(incomplete) == offered


def test_nothing_is_offered_where_nothing_can_be_read(tmp_path: Path, registry: FakeRegistry) -> None:
    """Without a repo, or with a registry that is away: no word and no traceback."""
    shell = Shell(tmp_path, registry)
    registry.close()
    assert shell.tab("headway release staging web=1.") == []
    shell.environment["HEADWAY_REPO"] = ""
    assert shell.tab("headway status ") == []
