"""`.headwayignore` means what .gitignore means: Git itself says what each of these ignores."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from headway.domain.manifests.ignoring import is_ignored, parse_rules

PATHS = [
    "a.yaml", "b.yml", "compose.yaml", "docker-compose.yml", "staging/a.yaml", "staging/values.yaml",
    "staging/charts/values.yaml", "staging/charts/x/values.yaml", "staging/charts/x/y/z.yaml", "production/a.yaml",
    "staging/#a.yaml", "staging/!a.yaml", "staging/a b.yaml", "staging/[x].yaml", "staging/a1.yaml", "staging/a22.yaml",
    "staging/aZ.yaml", "staging/a-.yaml", "staging/a*.yaml", "staging/ää.yaml", "staging/foo/bar/foo/a.yaml", "foo", "foo.d/a.yaml",
]  # fmt: skip
PATTERNS = [
    "*.yaml", "/*.yaml", "values.yaml", "staging/values.yaml", "/staging/values.yaml", "charts/", "charts", "/charts/",
    "staging/charts", "staging/charts/*", "staging/charts/**", "**/values.yaml", "staging/**/values.yaml", "**/charts/**",
    "a?.yaml", "a??.yaml", "a[0-9].yaml", "a[!0-9].yaml", "a[^0-9].yaml", "a[-z].yaml", "a[]z].yaml", "a[", "[[]x].yaml",
    "a[[:upper:]].yaml", "a[[:nope:]].yaml", "a[9-0].yaml", "\\#a.yaml", "#a.yaml", "\\!a.yaml", "a b.yaml", "a b.yaml  ", "a.yaml\\ ",
    "a\\*.yaml", "a*.yaml", "*a*", "**", "*", "/", "staging", "staging/", "/staging/", "foo/**/a.yaml", "**/foo/bar", "foo/", "foo",
    "foo.d/", "*.d", "st*g/a.yaml", "staging/*/x", "**/x/y", "x/y", "ää.yaml", "?.yaml", "a**l", "staging/**", "*\\",
    "*.yaml\n!a.yaml", "*\n!staging/\n!staging/a.yaml", "staging/*\n!staging/charts", "staging/\n!staging/a.yaml",
    "*.yaml\n!staging/*.yaml\nstaging/values.yaml", "!a.yaml", "# a comment\n\n  \na.yaml",
]  # fmt: skip


def ours(text: str, folder: str = "") -> list[str]:
    """Walk as headway does: into no folder that is ignored."""
    rules = parse_rules(text.split("\n"), folder)
    found = []
    for path in PATHS:
        parts = path.split("/")
        above = ["/".join(parts[:count]) for count in range(1, len(parts))]
        if any(is_ignored(rules, it, folder=True) for it in above) or is_ignored(rules, path, folder=False):
            found.append(path)
    return found


@pytest.fixture(scope="module")
def repo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Git repo in which all the paths are files."""
    folder = tmp_path_factory.mktemp("ignore")
    subprocess.run(["git", "init", "-q", str(folder)], check=True)
    for path in PATHS:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).touch()
    return folder


def git(repo: Path, text: str, folder: str) -> list[str]:
    """Ask Git which of the paths a .gitignore ignores."""
    file = repo / folder / ".gitignore"
    file.write_text(text)
    command = [
        "git",
        "-C",
        str(repo),
        "-c",
        "core.excludesFile=/dev/null",
        "check-ignore",
        "--no-index",
        "-z",
        "--stdin",
    ]
    done = subprocess.run(command, input="\0".join(PATHS).encode(), capture_output=True, check=False)
    file.unlink()
    return [it for it in done.stdout.decode().split("\0") if it]


@pytest.mark.parametrize("folder", ["", "staging"])
@pytest.mark.parametrize("text", PATTERNS)
def test_a_pattern_ignores_what_git_says(repo: Path, text: str, folder: str) -> None:
    """Slashes, stars, classes, escapes, negation, folders, and spaces at the end."""
    assert ours(text, folder) == git(repo, text, folder)


def test_no_pattern_takes_long() -> None:
    """Many stars on a long name are no way to hold everybody up."""
    rules = parse_rules(["*a" * 60 + "b", "**/a/" * 60 + "b", "[a-z]*" * 60 + "1"])
    assert not is_ignored(rules, "/".join(["a" * 250] * 60), folder=False)
