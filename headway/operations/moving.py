"""Read a working tree for `headway init`, and write what is proposed for it.

Files are those that Git would take, and links to files of the repo are followed. Kustomizations and charts are
rendered where the tools are here, to see which images they run. No network is used.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from headway.domain.config.reading import Reading
from headway.domain.manifests.ignoring import FILE as IGNORE_FILE
from headway.domain.manifests.ignoring import Rule, is_ignored, parse_rules
from headway.domain.moving.application import Application
from headway.domain.moving.proposal import Proposal, propose
from headway.domain.moving.writing import write
from headway.errors import Problem, UsageError
from headway.operations.connections import CONFIG_FILE
from headway.operations.moving_units import RenderedUnits
from headway.systems.git.plain_folder import PlainFolder
from headway.systems.git.tree import FOLDER, LINK, Item, Trees

_READ = (".yaml", ".yml", ".json", "/Kustomization")
_SKIPPED = frozenset({".git", ".github", ".gitlab", ".circleci", "node_modules", "vendor", "__pycache__"})
_LARGEST = 8_000_000
"""Bytes of a file that may be a manifest; a larger one is data."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A headway.yaml that is proposed: where it goes, what it says, and what it is about."""

    path: str
    text: str
    application: Application


def drafts_of(folder: Path, name: str, *, every: bool) -> tuple[list[Draft], Proposal]:
    """Return the files to write for a repo; `every`: one for each application in it, beside its folders.

    Raises UsageError where nothing is found, or where there are several applications and one file is wanted.
    """
    files = PlainFolder(folder)
    links: list[Problem] = []
    units = RenderedUnits(files)
    proposal = propose(dict(_files(files, links)), name or folder.resolve().name, units.images)
    proposal = replace(proposal, problems=tuple(sorted({*proposal.problems, *links, *units.problems})))
    found = proposal.applications
    if not found:
        lines = [str(it) for it in proposal.left_out[:10]]
        raise UsageError(
            "\n".join([f"no folder below {folder.resolve().name}/ has a manifest with an image", *lines]),
            hint="put each environment's YAML in a folder of its own, for example staging/ and production/",
        )
    named = [it for it in found if it.name == name_for(name)]
    if len(found) > 1 and len(named) == 1 and not every:
        found = tuple(named)
    if len(found) > 1 and not every:
        lines = [
            f"{it.root or '.'}: {it.name}, with {', '.join(each.name for each in it.environments)}"
            for it in found
        ]
        raise UsageError(
            "\n".join(["this repo holds several applications:", *lines]),
            hint="`headway init --all` writes a headway.yaml into the folder of each, `headway init --app NAME` "
            "writes one at the root, for one of them",
        )
    drafts = []
    for application in found:
        if len(found) == 1:
            # One application's file stands at the root, wherever its folders are.
            application.root = ""
            application.name = name_for(name) or application.name
        path = f"{application.root}/{CONFIG_FILE}".lstrip("/")
        drafts.append(Draft(path, write(application), application))
    for draft in drafts:
        _check(draft)
    return drafts, proposal


def name_for(name: str) -> str:
    """Return a name that a person gave as headway.yaml spells names; empty for none."""
    from headway.domain.moving.names import name_of

    return name_of(name) if name else ""


def _check(draft: Draft) -> None:
    """Refuse to write a file that headway itself would refuse: that is a fault of this program."""
    if problems := Reading(draft.text.encode(), draft.path).problems:
        raise UsageError(
            "\n".join(["what was found makes no valid headway.yaml:", *map(str, problems)]),
            hint="look at it with --dry-run, and please report it with these lines",
        )


def _files(files: PlainFolder, links: list[Problem]) -> Iterator[tuple[str, bytes]]:
    """Yield the files that may say something; note in `links` those that lead to no file of the repo."""
    trees = Trees(files)
    waiting: list[tuple[str, str, list[Rule]]] = [("", files.root, [])]
    while waiting:
        above, sha, rules = waiting.pop()
        entries = trees.entries(sha)
        own = entries.get(IGNORE_FILE)
        if own is not None and own.mode.startswith("100"):
            text = files.read(own.sha).decode("utf-8", "replace")
            rules = [*rules, *parse_rules(text.split("\n"), above)]
        for name, item in entries.items():
            path = f"{above}/{name}" if above else name
            if is_ignored(rules, path, folder=item.mode == FOLDER):
                continue
            if item.mode == FOLDER:
                if name not in _SKIPPED and not name.startswith("."):
                    waiting.append((path, item.sha, rules))
            elif f"/{name}".endswith(_READ) and name not in (CONFIG_FILE, "holds.yaml"):
                found = _followed(trees, files, path, item)
                if found is not None and found.mode.startswith("100"):
                    data = files.read(found.sha)
                    if len(data) <= _LARGEST:
                        yield path, data
                elif item.mode == LINK:
                    said = "this is a symbolic link to no file of the repo; put a copy of the file here"
                    links.append(Problem(path, 1, 1, said))


def _followed(trees: Trees, files: PlainFolder, path: str, item: Item) -> Item | None:
    """Return what a path leads to inside the repo; None where it leads out of it or nowhere."""
    at: Item | None = item
    for _ in range(10):
        if at is None or at.mode != LINK:
            return at
        target = files.read(at.sha).decode("utf-8", "surrogateescape")
        path = posixpath.normpath(posixpath.join(posixpath.dirname(path), target))
        if target.startswith("/") or path.startswith("../"):
            return None
        at = trees.at(files.root, path)
    return None
