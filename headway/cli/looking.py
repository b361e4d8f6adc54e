"""The commands that only look: they run in this process and change nothing."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any

import typer

from headway.cli import completing
from headway.cli.options import AnyEnvironment, Environment, Format
from headway.cli.output import Output, err, out, print_json, print_table

ExitCode = Annotated[
    bool,
    typer.Option(
        "--exit-code", help="Exit with 1 if anything is not as it should be, like `git diff --exit-code`."
    ),
]


STUCK = 10
"""So many objects that wait for their finalizers are listed."""


def status(
    environment: AnyEnvironment = "", exit_code: ExitCode = False, output: Format = Output.table
) -> None:
    """Show what should run in each environment, and what does.

    Also lists differences that headway will not resolve by itself: deletions stuck on finalizers, fields set by
    other tools, and a push that was not applied because it goes back to older images.

    Exits with 1 if files of an environment were left out. With --exit-code, also if anything is not live yet, has
    failed, is unhealthy, is applied but not running, differs from the repo, or if a cluster cannot be reached.

    Example: headway status staging
    """
    from headway.operations.connections import Connections
    from headway.operations.status import environment_status

    with Connections() as connections:
        snapshot = connections.at(connections.repo.fetch())
        names = snapshot.config.chosen(*filter(None, [environment]))
        tell = partial(err().print, style="yellow")
        found = [environment_status(connections, snapshot, name, tell, compare=exit_code) for name in names]
    if output is Output.json:
        print_json(found)
    else:
        _print_status(found, wide=output is Output.wide)
    if exit_code and output is not Output.json:
        for it in found:
            for line in it["wrong"]:
                err().print(f"{it['environment']}: not as it should be: {line}", style="yellow")
    if any(it["left_out"] or (exit_code and it["wrong"]) for it in found):
        raise typer.Exit(1)


def _print_status(found: list[dict[str, Any]], *, wide: bool) -> None:
    rows = [
        (it["environment"], service["service"], service["image"], service["running"], service["health"])
        for it in found
        for service in it["services"]
    ]
    print_table(("environment", "service", "image in the repo", "pods", "health"), rows, wide=wide)
    for it in found:
        out().print(f"{it['environment']}: {it['summary']}")
        for line in [*_remains(it), *it["waits"]]:
            out().print(f"  {line}", style="yellow")
        for warning in it["warnings"]:
            err().print(f"  {warning}", style="yellow")


def _remains(found: dict[str, Any]) -> list[str]:
    """Return what does not become as the repo says by itself, and what to do about it."""
    said = [found["older_push"]] if found["older_push"] else []
    said += [f"{it['object']} {it['waits']}" for it in found["stuck"][:STUCK]]
    if more := len(found["stuck"]) - STUCK:
        said += [f"… and {more} more objects are being deleted and wait"] if more > 0 else []
    if fields := sum(found["fields_of_others"].values()):
        objects = len(found["fields_of_others"])
        said.append(
            f"{fields} field{'s' if fields > 1 else ''} of {objects} object{'s' if objects > 1 else ''} that other "
            f"tools set and the repo does not have; `headway diff {found['environment']}` shows them"
        )
    return said


def diff(
    environment: Environment,
    other: Annotated[
        str,
        typer.Argument(
            help="Another environment, to compare the images of the two.",
            metavar="OTHER",
            autocompletion=completing.environments,
        ),
    ] = "",
    exit_code: ExitCode = False,
    output: Format = Output.table,
) -> None:
    """Show how a cluster differs from the repo, or two environments.

    Exits with 0 even if there are differences; with --exit-code, exits with 1 then. Always exits with 1 if the
    cluster cannot be reached.

    Example: headway diff staging

    Example: headway diff staging production
    """
    from headway.domain.releases.plans import images_of
    from headway.operations.comparison import drift_of
    from headway.operations.connections import Connections

    with Connections() as connections:
        snapshot = connections.at(connections.repo.fetch())
        config, here = snapshot.config, snapshot.environment(environment)
        if other:
            there = snapshot.environment(other)
            left, right = images_of(config, here.indexes), images_of(config, there.indexes)
            rows: list[tuple[object, ...]] = [
                (name, *(", ".join(map(str, it.get(name, ("-",)))) for it in (left, right)))
                for name in config.services
                if left.get(name) != right.get(name)
            ]
            data: object = [dict(zip(("service", environment, other), row, strict=True)) for row in rows]
            columns: tuple[str, ...] = ("service", environment, other)
            empty = f"{environment} and {other} name the same images"
        else:
            drifts = drift_of(connections, here, partial(err().print, style="yellow"))
            data = [it.as_dict() for it in drifts]
            rows = [
                (str(it.object), str(it.action), path, live, wanted)
                for it in drifts
                for path, live, wanted in (it.fields or (("", "", ""),))
            ]
            columns = ("object", "would be", "field", "in the cluster", "in the repo")
            empty = f"the cluster equals the repo for {environment}"
    if output is Output.json:
        print_json(data)
    else:
        print_table(columns, rows, empty=empty, wide=output is Output.wide)
    if exit_code and rows:
        raise typer.Exit(1)


def add_to(app: typer.Typer) -> None:
    """Put these commands on the command line."""
    for command in (status, diff):
        app.command()(command)
