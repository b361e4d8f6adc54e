"""What messages tell people to do can be done: the commands and options they name exist, and no file of a checkout."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import Any

import pytest
import typer

from headway.cli.main import app
from tests import REPO

ROOT = REPO
SOURCES = [
    path
    for folder in ("headway", "flows", "tasks", "deployments")
    for path in (ROOT / folder).rglob("*.py")
    if not path.is_symlink()
]
COMMANDS: dict[str, Any] = typer.main.get_command(app).commands  # type: ignore[attr-defined]
TOP = {option for it in typer.main.get_command(app).params for option in it.opts}
COMMAND = re.compile(r"`headway ([^`]+)`|(?<!\w)headway ((?:[a-z-]+)(?: [^`;\n]*--[a-z-]+[^`;\n]*))")
CHECKOUT = re.compile(r"\b(?:docs|examples|lab|tests)/[\w./-]+|\bdeployments/[\w-]+(?:/|\.\w+)[\w./-]*")


def texts(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Yield the string literals of a file with their lines, but for docstrings; what an f-string fills in is `X`."""
    inside: set[int] = set()
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        for each in body if isinstance(body, list) else ():
            if isinstance(each, ast.Expr) and isinstance(each.value, ast.Constant):
                inside.add(id(each.value))
        if isinstance(node, ast.JoinedStr):
            inside |= {id(it) for it in node.values}
            yield (
                node.lineno,
                "".join(str(it.value) if isinstance(it, ast.Constant) else "X" for it in node.values),
            )
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in inside:
            yield node.lineno, node.value


FOUND = [
    (f"{path.relative_to(ROOT)}:{line}", text)
    for path in SOURCES
    for line, text in texts(ast.parse(path.read_text()))
]
NAMED = [
    (place, it[1] or it[2])
    for place, text in FOUND
    if "headway " in text
    for it in COMMAND.finditer(text)
    if (it[1] or it[2]).split()[0] in COMMANDS or it[1]
]


def wrong(words: str) -> str:
    """Return what of a command line does not exist; empty where all of it does."""
    name, *rest = words.replace("…", " ").split() or [""]
    if name.startswith("-"):
        return "" if name in TOP else f"no option {name}"
    # Glued to it stands what begins with a space, such as an environment.
    name = name.removesuffix("X")
    if name not in COMMANDS:
        return f"no command {name}" if name else ""
    known = {option for it in COMMANDS[name].params for option in it.opts} | {"--help"}
    return next((f"{name} has no {it}" for it in rest if it.startswith("--") and it not in known), "")


def test_it_reads_what_messages_name() -> None:
    """Otherwise the tests below would see nothing."""
    assert len(NAMED) > 60
    assert {it.split()[0] for _, it in NAMED} >= {
        "reconcile",
        "release",
        "unveto",
        "status",
        "init",
        "doctor",
    }
    assert wrong("approve X --local") == "approve has no --local"
    assert wrong("nosuch") == "no command nosuch"


@pytest.mark.parametrize(("place", "words"), NAMED, ids=[f"{place} {it}" for place, it in NAMED])
def test_commands_that_messages_name_exist(place: str, words: str) -> None:
    """With each option they give."""
    assert wrong(words) == "", place


NO_COMMANDS = (
    "headway/systems/git",
    "headway/systems/ledger",
    "headway/systems/folder_states",
    "headway/domain/manifests/secret_diff",
    "headway/domain/rendering/vendoring",
    "deployments/",
)
"""Files that call Git or name a call of Helm, and programs with options of their own."""
OPTION = re.compile(r"(?<![\w-])--[a-z][a-z-]+")


def flows_of(path: str) -> set[str]:
    """Return the options of the commands that run the code of a file; of all commands where many do."""
    own = {
        "headway/cli/approving.py": ("approve", "reject"),
        "headway/cli/cancelling.py": ("cancel",),
        "headway/cli/delivering.py": ("ci", "token", "notify"),
        "headway/cli/serving.py": ("serve",),
        "headway/cli/setup.py": ("init", "lint", "doctor"),
        "headway/cli/working.py": ("worker",),
        "headway/cli/holding.py": ("lock", "unlock", "automate", "deautomate", "veto", "unveto"),
        "flows/rollback.py": ("rollback",),
        "flows/reconcile.py": ("reconcile",),
        "flows/set_image.py": ("set-image",),
        "headway/operations/promotion.py": ("promote",),
    }.get(path, tuple(COMMANDS))
    return {option for name in own for it in COMMANDS[name].params for option in it.opts}


def test_options_that_messages_name_exist() -> None:
    """One that stands without its command is one of a command that runs the code of that file."""
    left = [
        (place, option)
        for place, text in FOUND
        if " " in text and not place.startswith(NO_COMMANDS)
        for option in OPTION.findall(COMMAND.sub("", re.sub(r"`(?:kubectl|git|helm|docker)[^`]*`", "", text)))
        if option not in flows_of(place.partition(":")[0]) | TOP | {"--help"}
    ]
    assert left == []


@pytest.mark.parametrize("name", ["approve", "reject", "cancel", "ci"])
def test_what_cannot_do_without_a_server_is_not_told_to(name: str) -> None:
    """`--local` is offered by those clients alone whose command has it."""
    assert "--local" not in {option for it in COMMANDS[name].params for option in it.opts}
    module = {"approve": "approving", "reject": "approving", "cancel": "cancelling", "ci": "delivering"}[name]
    assert "local=True" not in (ROOT / f"headway/cli/{module}.py").read_text()


def test_no_message_names_a_file_that_is_not_installed() -> None:
    """Whoever installed the wheel has no docs/, no examples/ and no deployments/*.yaml."""
    assert [(place, it[0]) for place, text in FOUND if " " in text for it in CHECKOUT.finditer(text)] == []
