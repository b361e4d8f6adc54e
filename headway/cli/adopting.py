"""`headway adopt`: show what other tools hold of an environment's objects, and take it over."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from headway.cli.options import DryRun, Environment, Format
from headway.cli.output import Output, err, out, print_json
from headway.errors import UsageError

if TYPE_CHECKING:
    from headway.operations.takeover import Adoption

SHOWN = 20
"""So many differing fields of one object are listed."""


def adopt(
    environment: Environment,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do it without asking.")] = False,
    dry_run: DryRun = False,
    output: Format = Output.table,
) -> None:
    """Take over objects that kubectl or another tool applied.

    Shows each object of the environment that another tool made, who holds its fields, and how it differs from the
    repo. Then its owner is changed, and nothing else: no pod is restarted. Differences are applied by the next
    `headway reconcile`. Runs in this process; stop the other tool before.

    Example: headway adopt staging --dry-run

    Example: headway adopt staging --yes
    """
    from headway.operations.connections import Connections
    from headway.operations.takeover import adopt as take
    from headway.operations.takeover import adoption_of

    with Connections() as connections:
        found = adoption_of(connections, environment)
        if output is Output.json:
            print_json(found.as_dict())
        else:
            _print(found)
        if dry_run or not found.objects:
            return
        if not yes:
            if not sys.stdin.isatty():
                raise UsageError(
                    "nobody can be asked here", hint="repeat it with --yes, or look with --dry-run"
                )
            if not typer.confirm("Take these objects over?", err=True):
                raise typer.Exit(1)
        count = take(connections, environment)
    said = "1 object is" if count == 1 else f"{count} objects are"
    err().print(f"{environment}: {said} headway's now; nothing else was changed")


def _print(found: Adoption) -> None:
    if not found.objects:
        out().print(f"{found.environment}: nothing to take over: no object is another tool's")
        return
    for it in found.objects:
        made = f", made by {it.made_by}" if it.made_by else ""
        out().print(f"{it.object}{made}", style="bold")
        for holder in it.holders:
            alone = f", {len(holder.alone)} that the repo has not" if holder.alone else ""
            out().print(f"  {holder.manager} holds {holder.shared} fields{alone}")
        for field in it.differs[:SHOWN]:
            out().print(f"  differs: {field}", style="yellow")
        if len(it.differs) > SHOWN:
            out().print(f"  … and {len(it.differs) - SHOWN} more", style="yellow")
        if it.unclear:
            out().print(f"  cannot be compared: {it.unclear}", style="yellow")
    differ = [it for it in found.objects if it.differs]
    if differ:
        restarts = [str(it.object) for it in differ if it.restarts]
        pods = f", and restarts the pods of {', '.join(restarts)}" if restarts else ""
        err().print(
            f"{len(differ)} of {len(found.objects)} differ from the repo: the next `headway reconcile "
            f"{found.environment}` applies the repo{pods}. To keep them, put them into the repo before.",
            style="yellow",
        )
    if found.trackers:
        err().print(
            f"still deployed by {', '.join(found.trackers)}: stop that first, so that it neither changes nor deletes "
            "them",
            style="yellow",
        )


def add_to(app: typer.Typer) -> None:
    """Put this command on the command line."""
    app.command()(adopt)
