"""What the documentation names exists: commands, options, settings, keys, links, paths, targets of make; and its words."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from headway.domain.config.model import Document
from headway.domain.config.reading import load_config
from headway.domain.runs.endings import FAILURES
from headway.domain.text.described import descriptions
from headway.flows import FLOWS
from headway.requests import MODELS
from headway.settings import Settings
from tests import REPO
from tests.cli.test_hints import COMMANDS, wrong

USERS = [
    REPO / "README.md",
    REPO / "CONTRIBUTING.md",
    REPO / "CHANGELOG.md",
    *sorted((REPO / "docs").glob("*.md")),
]
"""The pages that people read to use headway."""
PAGES = [*USERS, *sorted((REPO / "docs/decisions").glob("*.md"))]
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.M | re.S)
SPAN = re.compile(r"`([^`\n]+(?:\n[^`\n]+)?)`")
LINK = re.compile(r"\]\(([^)\s]+)\)")
FOLDERS = "headway|flows|tasks|deployments|docs|examples|lab|tests|benchmarks"
FILE = re.compile(rf"(?<![\w/.<-])(?:{FOLDERS})/[\w./*-]*\w")
OTHERS = {"--check", "--file", "--pool", "--retry"}
"""Options of deployments/sync and of curl, which stand without their program."""


def name_of(page: Path) -> str:
    """Return a page's path in the repo."""
    return page.relative_to(REPO).as_posix()


def spans(page: Path) -> list[str]:
    """Return what a page has in backquotes, outside of its blocks, on one line each."""
    return [" ".join(it.split()) for it in SPAN.findall(BLOCK.sub("", page.read_text()))]


def calls(page: Path) -> Iterator[str]:
    """Yield each command line of headway's on a page, without its name."""
    named = (it.removeprefix("headway ") for it in spans(page) if it.startswith("headway "))
    yield from (it for it in named if it != "--help")
    for language, block in BLOCK.findall(page.read_text()):
        if language in ("sh", "console"):
            yield from re.findall(r"^(?:\w+=\S* )*headway (.+)$", block, re.M)


def anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", BLOCK.sub("", page.read_text()), re.M)
    return {re.sub(r"[^\w -]", "", it.lower()).replace(" ", "-") for it in headings}


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_commands_and_options_exist(page: Path) -> None:
    """A command line can be typed, with each option that it has."""
    assert [f"{it}: {problem}" for it in calls(page) if (problem := wrong(it.partition(" #")[0]))] == []


def test_the_readme_is_read() -> None:
    """Its table names commands that exist, and nearly all of them: the others are one's opposite, or in another cell."""
    rows = re.findall(r"^\| (`.+?) \|", (REPO / "README.md").read_text(), re.M)
    named = {
        it.removeprefix("headway ").split()[0] for row in rows for it in SPAN.findall(row.partition(" |")[0])
    }
    assert named <= set(COMMANDS)
    missing = set(COMMANDS) - named - {"unlock", "unveto", "automate", "token", "watch"}
    assert missing == set()


@pytest.mark.parametrize("page", USERS, ids=name_of)
def test_command_lines_would_be_taken(page: Path) -> None:
    """Those of a shell are complete: with the arguments that the command wants."""
    for language, block in BLOCK.findall(page.read_text()):
        for line in re.findall(r"^headway (.+)$", block, re.M) if language == "sh" else ():
            name, *arguments = shlex.split(line.replace("…", "x"), comments=True)
            COMMANDS[name].make_context(name, arguments)


@pytest.mark.parametrize("page", USERS, ids=name_of)
def test_options_that_stand_alone_exist(page: Path) -> None:
    """An option in backquotes is one of some command of headway's, or of a program that is named here."""
    known = {option for command in COMMANDS.values() for it in command.params for option in it.opts}
    known |= {"--version", "--debug", "--help", *OTHERS}
    alone = [word for it in spans(page) if it.startswith("--") for word in it.split()]
    assert {it for it in alone if it.startswith("--")} <= known


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_lead_somewhere(page: Path) -> None:
    """A link inside the repo is to a file that is there, and to a heading that it has."""
    broken = []
    for link in LINK.findall(BLOCK.sub("", page.read_text())):
        if link.startswith(("http:", "https:")):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(link)
    assert broken == []


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_paths_exist(page: Path) -> None:
    """A path of the repo that stands in backquotes or in a shell's lines is there."""
    shell = [block for language, block in BLOCK.findall(page.read_text()) if language == "sh"]
    texts = [it for it in [*spans(page), *shell] if "refs/" not in it]
    named = {it for text in texts for it in FILE.findall(text)}
    assert {it for it in named if not [*REPO.glob(it)]} == set()


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_settings_exist(page: Path) -> None:
    """A variable that a page names is one that headway reads."""
    text, _, _ = page.read_text().partition("### Removed")
    named = set(re.findall(r"\bHEADWAY_([A-Z_]+[A-Z])\b", text))
    assert {it.lower() for it in named} <= set(Settings.model_fields)


@pytest.mark.parametrize("page", USERS, ids=name_of)
def test_targets_of_make_exist(page: Path) -> None:
    """What a page has made can be made."""
    targets = set(re.findall(r"^([a-z-]+):", (REPO / "Makefile").read_text(), re.M))
    shell = [line for language, block in BLOCK.findall(page.read_text()) for line in block.splitlines()]
    assert {it for line in [*spans(page), *shell] for it in re.findall(r"^make ([a-z-]+)", line)} <= targets


def fragments() -> Iterator[tuple[str, str, dict[str, object]]]:
    """Yield what stands of headway.yaml on the pages: the page, the text, and what it says."""
    for page in USERS:
        for language, block in BLOCK.findall(page.read_text()):
            said = yaml.safe_load(block) if language == "yaml" else None
            if isinstance(said, dict) and set(said) <= set(Document.model_fields):
                yield name_of(page), block, said


@pytest.mark.parametrize(("page", "said"), [(page, said) for page, _, said in fragments()])
def test_examples_of_headway_yaml_are_right(page: str, said: dict[str, object]) -> None:
    """A whole file loads as it is, and a part of one with what every file has."""
    whole = {
        "version": 1,
        "app": "shop",
        "services": {it: {"image": f"r.io/{it}"} for it in ("web", "orders")},
        "environments": {it: {} for it in ("staging", "production")},
    } | said
    for name, environment in whole["environments"].items():  # type: ignore[attr-defined]
        environment.setdefault("path", name)
        environment.setdefault("cluster", {"namespace": name})
    for name in ("staging", "production"):
        whole["environments"].setdefault(name, {"path": name, "cluster": {"namespace": name}})  # type: ignore[attr-defined]
    load_config(yaml.safe_dump(whole, sort_keys=False).encode())


def test_parts_of_headway_yaml_are_found() -> None:
    """Otherwise the test above would see nothing."""
    assert {page for page, _, _ in fragments()} >= {
        "docs/headway-yaml.md",
        "docs/approvals.md",
        "docs/verification.md",
        "docs/notifications.md",
        "docs/operations.md",
    }


def test_every_state_that_a_run_fails_in_is_explained() -> None:
    """Whoever reads it in the Prefect UI finds a row with what to do."""
    text = (REPO / "docs/operations.md").read_text()
    assert [it for it in FAILURES if f"| a run is *{it}* |" not in text] == []


def test_the_readme_has_the_figures_that_were_measured() -> None:
    """One figure for one thing: what the README says of speed stands in the benchmarks."""
    rows = dict(
        re.findall(
            r"^\| ([^|]+→ spec changed[^|]*) \|[^|]+\|[^|]+\| ([\d.]+) ",
            (REPO / "docs/benchmarks.md").read_text(),
            re.M,
        )
    )
    text = (REPO / "README.md").read_text()
    released = float(rows["release requested → spec changed, repo pushed first"])
    assert f"{released:.1f} s from the command to the changed Deployment" in text
    pushed = float(rows["docker push exit → spec changed, by the registry's event"])
    assert (0.2 < pushed < 0.3) == ("in a quarter of a second" in text)


PRIVATE = re.compile(
    r"\b(?:taken|takes?|took|taking) back\b|\banew\b|control room|\bhears? of\b|\basked for\b"
    r"|\b(?:is|are|be) told\b|\bput right\b|\bbut for\b|\bbehind the repo's back\b",
    re.I,
)
"""Words for which there are better known ones: rolled back, restarted, server, notified, required or requested."""


@pytest.mark.parametrize("page", [it for it in USERS if it.name != "glossary.md"], ids=name_of)
def test_pages_use_the_known_words(page: Path) -> None:
    """One word for one thing, and the one that readers know."""
    assert PRIVATE.findall(LINK.sub("]", page.read_text())) == []


def test_help_forms_and_keys_use_the_known_words() -> None:
    """In the help of commands and options, in the forms of the Prefect UI, and in what editors show."""
    texts = [it.help or "" for it in COMMANDS.values()]
    texts += [getattr(it, "help", "") or "" for command in COMMANDS.values() for it in command.params]
    texts += [it for flow in FLOWS for it in descriptions(MODELS[flow]).values()]
    texts.append((REPO / "docs/headway.schema.json").read_text())
    for name in ("prefect.yaml", "deployments/automations.yaml", "deployments/pool.yaml"):
        texts.append((REPO / name).read_text())
    assert [it for text in texts for it in PRIVATE.findall(text)] == []
