"""The commands for the first hour: write headway.yaml, and check every connection."""

from __future__ import annotations

from collections.abc import Sized
from pathlib import Path
from typing import Annotated

import typer

from headway.cli.options import Format
from headway.cli.output import Output, err, out, print_json, print_table, styled
from headway.errors import UsageError

SKIPPED = {".git", ".github", ".gitlab", "node_modules"}


def init(
    folder: Annotated[
        Path, typer.Argument(help="The root of the config repo's checkout.", metavar="FOLDER")
    ] = Path(),
    app: Annotated[
        str, typer.Option("--app", help="The application's name; default: the folder's name.")
    ] = "",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", "-n", help="Print the file instead of writing it.")
    ] = False,
) -> None:
    """Write headway.yaml for a repo of plain Kubernetes YAML.

    Each folder with workloads becomes an environment, and each image repository a service.

    Example: cd config && headway init
    """
    from headway.domain.config.reading import starter_config
    from headway.domain.manifests.index import index_file, unrendered

    if not folder.is_dir():
        raise UsageError(f"{folder} is not a folder")
    target = folder / "headway.yaml"
    if target.exists() and not dry_run:
        raise UsageError(f"{target} exists already", hint="edit it, or look at a fresh one with --dry-run")
    found: dict[str, list[str]] = {}
    refused: set[str] = set()
    for path in sorted([*folder.rglob("*.yaml"), *folder.rglob("*.yml"), *folder.rglob("Kustomization")]):
        relative = path.relative_to(folder)
        if len(relative.parts) < 2 or SKIPPED & set(relative.parts) or path.is_symlink() or path.is_dir():
            continue
        if unfit := unrendered(relative.as_posix()):
            err().print(f"left out, with all of {relative.parts[0]}/: {unfit}", markup=False)
            refused.add(relative.parts[0])
            continue
        index = index_file(path.read_bytes())
        for problem in index.problems:
            err().print(
                f"left out: {relative}:{problem.line}:{problem.column}: {problem.message}", markup=False
            )
        found.setdefault(relative.parts[0], []).extend(site.image.text for site in index.images)
    found = {name: images for name, images in found.items() if images and name not in refused}
    # The file names environments in the order of promotion.
    found = {name: found[name] for name in sorted(found, key=lambda it: ("prod" in it.lower(), it))}
    if not found:
        raise UsageError(
            f"no folder below {folder.resolve().name}/ has a manifest with an image",
            hint="put each environment's YAML in a folder of its own, for example staging/ and production/",
        )
    text = starter_config(app or folder.resolve().name, found)
    if dry_run:
        print(text, end="")
        return
    target.write_text(text, encoding="utf-8")
    out().print(
        f"wrote {target}: {', '.join(found)}. Next: read it, run `headway lint`, push it, run `headway doctor`.",
        markup=False,
    )


def lint(
    folder: Annotated[
        Path, typer.Argument(help="The root of the config repo's checkout.", metavar="FOLDER")
    ] = Path(),
    output: Format = Output.table,
) -> None:
    """Check headway.yaml, holds.yaml and the manifests, offline.

    Reads the working tree, except files ignored by .gitignore, and needs no network and no cluster. Each finding
    starts with `file:line:column`. Exits with 2 if there are mistakes, with 0 if there are only warnings.

    Example: headway lint

    Example: headway lint my-config-repo --output json
    """
    from headway.operations.lint import lint

    found = lint(folder)
    if output is Output.json:
        print_json(found.as_dict())
    else:
        for it in found.mistakes:
            out().print(str(it), style="red", markup=False)
        for it in found.warnings:
            out().print(
                f"{it.file}:{it.line}:{it.column}: warning: {it.message}", style="yellow", markup=False
            )
        counts = f"{_count(found.mistakes, 'mistake')}, {_count(found.warnings, 'warning')}"
        out().print(counts if found.mistakes or found.warnings else "no mistakes", style="bold")
    if found.mistakes:
        raise typer.Exit(2)


def _count(found: Sized, what: str) -> str:
    return f"{len(found)} {what}{'' if len(found) == 1 else 's'}"


def doctor(output: Format = Output.table) -> None:
    """Check every connection and credential, and say what to fix.

    Example: headway doctor
    """
    from headway.operations.doctor import examine

    findings = examine()
    if output is Output.json:
        print_json([it.as_dict() for it in findings])
    else:
        print_table(
            ("", "what", "found"),
            [(styled("ok", "green") if it.ok else styled("no", "red"), it.what, it.found) for it in findings],
        )
        for it in findings:
            if not it.ok and it.hint:
                out().print(f"{it.what}: {it.hint}", markup=False)
    if not all(it.ok for it in findings):
        raise typer.Exit(1)


def add_to(app: typer.Typer) -> None:
    """Put these commands on the command line."""
    for command in (init, lint, doctor):
        app.command()(command)
