"""The commands for the first hour: write headway.yaml, and check every connection."""

from __future__ import annotations

from collections.abc import Sized
from pathlib import Path
from typing import Annotated

import typer

from headway.cli.options import Format
from headway.cli.output import Output, err, out, print_json, print_table, styled
from headway.errors import UsageError


def init(
    folder: Annotated[
        Path, typer.Argument(help="The root of the config repo's checkout.", metavar="FOLDER")
    ] = Path(),
    app: Annotated[
        str,
        typer.Option(
            "--app", help="The application's name, or which of several; default: the folder's name."
        ),
    ] = "",
    every: Annotated[
        bool, typer.Option("--all", help="Write a headway.yaml for each application in the repo.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", "-n", help="Print the file instead of writing it.")
    ] = False,
) -> None:
    """Write headway.yaml for a repo, from what is in it.

    Reads the working tree: manifests, kustomizations, charts with values for environments, and what the objects and
    annotations of Flux, Argo CD, Kargo and Keel say. Kustomizations and charts are rendered to see which images they
    run; without the tool, their sources are read for them. The file says beside each line where it comes from, and
    at its end what could not be carried over.

    Example: headway init --dry-run

    Example: headway init --all
    """
    from headway.operations.moving import drafts_of

    if not folder.is_dir():
        raise UsageError(f"{folder} is not a folder")
    drafts, proposal = drafts_of(folder, app, every=every)
    there = [str(folder / it.path) for it in drafts if (folder / it.path).exists()]
    if there and not dry_run:
        raise UsageError(
            f"{', '.join(there)} exists already", hint="edit it, or look at a fresh one with --dry-run"
        )
    for problem in proposal.problems:
        err().print(f"warning: {problem}")
    for it in proposal.left_out:
        err().print(f"not carried over: {it}")
    for draft in drafts:
        target = folder / draft.path
        if dry_run:
            if len(drafts) > 1:
                print(f"# {target}")
            print(draft.text, end="" if draft is drafts[-1] else "\n")
            continue
        target.write_text(draft.text, encoding="utf-8")
        names = ", ".join(it.name for it in draft.application.environments)
        missing = len(set(draft.application.left_out))
        rest = (
            f"; {missing} thing{'s' if missing != 1 else ''} could not be carried over, see its end"
            if missing
            else ""
        )
        out().print(f"wrote {target}: {names}{rest}")
    if not dry_run:
        out().print("Next: read it, run `headway lint`, push it, run `headway doctor`.")


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
            out().print(str(it), style="red")
        for it in found.warnings:
            out().print(f"{it.file}:{it.line}:{it.column}: warning: {it.message}", style="yellow")
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
            wide=output is Output.wide,
        )
        for it in findings:
            if not it.ok and it.hint:
                out().print(f"{it.what}: {it.hint}")
    if not all(it.ok for it in findings):
        raise typer.Exit(1)


def add_to(app: typer.Typer) -> None:
    """Put these commands on the command line."""
    for command in (init, lint, doctor):
        app.command()(command)
