"""The command line's manners: help, exit codes, no traceback, no colour where none is wanted."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from headway.cli.main import app
from headway.domain.config.reading import load_config
from tests.flows import inprocess
from tests.flows.conftest import Done

COMMANDS = sorted(typer.main.get_command(app).commands)  # type: ignore[attr-defined]


def clean() -> dict[str, str]:
    """Return an environment that says nothing of headway or Prefect."""
    return {key: value for key, value in os.environ.items() if not key.startswith(("HEADWAY_", "PREFECT_"))}


def headway(*arguments: str) -> Done:
    """Run the command in this process."""
    return Done(*inprocess.headway(arguments, clean()))


def in_process_of_its_own(*arguments: str) -> Done:
    """Run the command as a shell does."""
    command = [sys.executable, "-m", "headway.cli.main", *arguments]
    done = subprocess.run(command, env=clean(), capture_output=True, text=True, check=False)
    return Done(done.returncode, done.stdout, done.stderr)


def test_all_commands_are_there() -> None:
    """What the README promises can be typed."""
    assert set(COMMANDS) == {
        "adopt", "approve", "audit", "automate", "build", "cancel", "ci", "deautomate", "deliver", "diff", "doctor", "history", "images", "init", "lint", "lock",
        "metrics", "notify", "plan", "promote", "rebuild", "reconcile", "reject", "release", "rollback", "serve", "set-image",
        "show", "status", "token", "unlock", "unveto", "veto", "watch", "where", "why", "worker",
    }  # fmt: skip


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_with_an_example(name: str) -> None:
    """`--help` says what it does and shows one call."""
    help_text = typer.main.get_command(app).commands[name].help or ""  # type: ignore[attr-defined]
    assert "Example: " in help_text
    assert "headway " + name in help_text


def test_the_list_of_commands_has_whole_sentences(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a terminal of 80 columns and in a pipe, no command's summary is cut off, and no line is longer."""
    monkeypatch.setenv("COLUMNS", "80")
    lines = headway("--help").out.splitlines()
    assert [it for it in lines if "..." in it.partition("  ")[2] or len(it) > 80] == []
    listed = [it.split()[0] for it in lines if it.startswith("  ") and it.split()[0] in COMMANDS]
    assert sorted(listed) == COMMANDS


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["release", "staging", "web", "--local"], 2, "'web' is not SERVICE=IMAGE"),
        (["release", "staging", "web=1", "--release-id", "no spaces", "--local"], 2, "release_id"),
        (["status"], 2, "no config repo is set"),
        (["release", "staging", "web=1"], 2, "no Prefect server is set"),
        (["no-such-command"], 2, "No such command"),
        (["set-image", "r.io/web", "1", "--local"], 2, "set-image needs a place"),
    ],
)
def test_wrong_use_is_exit_code_2(arguments: list[str], code: int, said: str) -> None:
    """One clear message on standard error, nothing on standard output, no traceback."""
    done = headway(*arguments)
    assert (done.code, done.out) == (code, "")
    assert said in done.err
    assert "Traceback" not in done.err
    assert "\x1b[" not in done.err


@pytest.mark.parametrize("debug", [False, True])
def test_debug_shows_the_traceback(debug: bool) -> None:
    """Who wants to see where it comes from can; nobody else is shown any."""
    done = in_process_of_its_own(*["--debug"] * debug, "status")
    assert (done.code, done.out, "Traceback" in done.err) == (2, "", debug)
    assert "no config repo is set" in done.err


def test_init_writes_a_file_that_loads(tmp_path: Path) -> None:
    """A repo of plain YAML gets its headway.yaml; a second call changes nothing."""
    pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {containers: [{name: c, image: r.io/shop/web:1}]}\n"
    for folder in ("staging", "production"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "web.yaml").write_text(pod)
    (tmp_path / "staging" / "broken.yaml").write_text("a: b: c\n")
    done = headway("init", str(tmp_path), "--app", "shop")
    assert done.code == 0, done.err
    assert "staging/broken.yaml:1:5" in done.err
    written = (tmp_path / "headway.yaml").read_bytes()
    config = load_config(written)
    assert (list(config.services), list(config.environments)) == (["web"], ["staging", "production"])
    assert headway("init", str(tmp_path)).code == 2
    assert (tmp_path / "headway.yaml").read_bytes() == written


def test_init_says_what_it_looks_for(tmp_path: Path) -> None:
    """An empty folder is no config repo."""
    done = headway("init", str(tmp_path))
    assert done.code == 2
    assert "manifest with an image" in done.err
