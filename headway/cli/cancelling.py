"""The command that ends a run on the Prefect server: of a release that waits, or of one that is on its way."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from headway.cli.approving import application
from headway.cli.options import DryRun, Format, Reason
from headway.cli.output import Output, out, print_json, print_table, waits_for_server
from headway.errors import UsageError

if TYPE_CHECKING:
    from headway.systems.prefect.runs import Going

What = Annotated[
    str,
    typer.Argument(
        help="An environment or a run's id; without one, list what is running.", metavar="ENV|RUN"
    ),
]


def cancel(
    what: What = "", reason: Reason = "", dry_run: DryRun = False, output: Format = Output.table
) -> None:
    """Cancel a run; without an argument, list what runs or waits.

    Commits that the run has made stay: `headway reconcile` finishes the release, `headway rollback` undoes it.

    Example: headway cancel production --reason "wrong version"
    """
    from headway.settings import Settings
    from headway.systems.prefect.api import PrefectApi
    from headway.systems.prefect.runs import cancel_run, going_on

    settings = Settings()
    with PrefectApi(settings.prefect_url(), tell=waits_for_server) as api:
        found = going_on(api, application(settings))
        if not what:
            _list(found, output)
            return
        chosen = [it for it in found if what in (it.run_id, it.environment)]
        if not chosen:
            raise UsageError(f"nothing runs or waits as {what}", hint="`headway cancel` lists what does")
        if len(chosen) > 1:
            raise UsageError(
                f"{len(chosen)} runs are on their way to {what}: "
                + ", ".join(f"{it.name} ({it.run_id})" for it in chosen),
                hint="name one of them by its id",
            )
        run, who = chosen[0], settings.who()
        ended = dry_run or cancel_run(
            api, run.run_id, f"cancelled by {who}" + (f": {reason}" if reason else "")
        )
    if output is Output.json:
        print_json({**run.as_dict(), "by": who, "done": not dry_run, "ended": ended and not dry_run})
    elif dry_run:
        out().print(f"{run.name} would be cancelled; it is {run.state.lower()}")
    elif ended:
        out().print(f"{run.name}: cancelled before it changed anything", style="bold")
    else:
        out().print(f"{run.name}: cancelled; its worker ends it within 40 s", style="bold")
        where = f" {run.environment}" if run.environment else ""
        out().print(
            "What it had committed stays: "
            f"`headway reconcile{where}` finishes it, `headway rollback{where or ' ENV'}` undoes it.",
        )


def _list(found: list[Going], output: Output) -> None:
    if output is Output.json:
        print_json([it.as_dict() for it in found])
        return
    print_table(
        ("environment", "what", "state", "asked", "run"),
        [(it.environment, it.name, it.state.lower(), it.asked[:19], it.run_id) for it in found],
        empty="nothing runs or waits",
        wide=output is Output.wide,
    )


def add_to(app: typer.Typer) -> None:
    """Put this command on the command line."""
    app.command()(cancel)
