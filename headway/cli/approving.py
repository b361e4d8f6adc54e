"""The commands for whoever approves: see what waits in Prefect, approve it, reject it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from headway.cli.options import Format, Reason
from headway.cli.output import Output, out, print_json, print_report, print_table, waits_for_server
from headway.errors import RefusedError, UsageError

if TYPE_CHECKING:
    from headway.settings import Settings
    from headway.systems.prefect.api import Waiting

What = Annotated[
    str,
    typer.Argument(
        help="An environment or a run's id; without one, list what is waiting.", metavar="ENV|RUN"
    ),
]
Plan = Annotated[str, typer.Option("--plan", help="The plan you mean: the 12 hex digits shown in the list.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Answer without showing the plan and asking.")]
By = Annotated[str, typer.Option("--by", help="Who answers; default: HEADWAY_ACTOR or the login name.")]


def approve(
    what: What = "",
    plan: Plan = "",
    by: By = "",
    reason: Reason = "",
    yes: Yes = False,
    output: Format = Output.table,
) -> None:
    """Approve a waiting plan; without an argument, list them.

    Example: headway approve production
    """
    _answer("approve", what, plan, by, reason, yes, output)


def reject(
    what: What = "",
    plan: Plan = "",
    by: By = "",
    reason: Reason = "",
    yes: Yes = False,
    output: Format = Output.table,
) -> None:
    """Reject a waiting plan, which ends its run.

    Example: headway reject production --reason "not before the audit"
    """
    _answer("reject", what, plan, by, reason, yes, output)


def _answer(decision: str, what: str, plan: str, by: str, reason: str, yes: bool, output: Output) -> None:
    from headway.domain.policy.people import same_person
    from headway.settings import Settings
    from headway.systems.prefect.api import PrefectApi

    settings = Settings()
    app, elsewhere = application(settings), only_elsewhere(settings)
    with PrefectApi(settings.prefect_url(), tell=waits_for_server) as api:
        found = [(it, *api.question(it)) for it in api.waiting(app)]
        if not what:
            _list(found, output)
            return
        chosen = [it for it in found if what in (it[0].environment, it[0].run_id) and plan in ("", it[1])]
        if not chosen:
            raise UsageError(
                f"nothing waits for an approval as {what}" + (f" with plan {plan}" if plan else ""),
                hint="`headway approve` lists what is waiting",
            )
        if len(chosen) > 1:
            raise UsageError(
                f"{len(chosen)} plans wait as {what}: {', '.join(it[1] for it in chosen)}",
                hint="say which one with --plan",
            )
        waiting, fingerprint, text = chosen[0]
        who = by or settings.who()
        if decision == "approve" and same_person(who, waiting.actor):
            raise RefusedError(
                f"{who} cannot approve this: {waiting.actor} requested it",
                hint="somebody else must approve it; `headway reject` withdraws it",
            )
        if decision == "approve" and (only := elsewhere.get(waiting.environment)):
            raise RefusedError(
                f"{only}: who approves is known there",
                hint="open the board of `headway serve`, or press the button in Slack's message of the plan",
            )
        if not (yes or plan):
            if not sys.stdin.isatty():
                raise UsageError(
                    "which plan is meant cannot be asked here",
                    hint=f"say --plan {fingerprint}, or --yes for whatever waits",
                )
            print_report(text)
            if not typer.confirm(f"{decision} plan {fingerprint}?", err=True):
                raise RefusedError("nothing was answered; it still waits")
        api.resume(waiting.run_id, {"decision": decision, "by": who, "reason": reason, "plan": fingerprint})
    done = "approved" if decision == "approve" else "rejected"
    out().print(f"{waiting.name}: plan {fingerprint} {done} by {who}", style="bold")


def application(settings: Settings) -> str:
    """Return the application whose config repo is set: a Prefect server may have those of several."""
    if not settings.repo:
        return ""
    from headway.operations.connections import Connections

    with Connections(settings) as connections:
        return connections.config(connections.repo.fetch()).app


def only_elsewhere(settings: Settings) -> dict[str, str]:
    """Return the environments that take no approval by this command, and where they take them."""
    if not settings.repo:
        return {}
    from headway.domain.policy.approval_proof import only_there
    from headway.operations.connections import Connections

    with Connections(settings) as connections:
        environments = connections.config(connections.repo.fetch()).environments
    found = {name: only_there(name, it.approve_on, "prefect") for name, it in environments.items()}
    return {name: said for name, said in found.items() if said}


def _list(found: list[tuple[Waiting, str, str]], output: Output) -> None:
    rows: list[dict[str, Any]] = [
        {
            "app": it.app,
            "environment": it.environment,
            "run": it.run_id,
            "what": it.name,
            "asked": it.asked,
            "actor": it.actor,
            "plan": plan,
        }
        for it, plan, _ in found
    ]
    if output is Output.json:
        print_json(rows)
    else:
        print_table(
            ("app", "environment", "what", "asked", "by", "plan", "run"),
            [
                (
                    it["app"],
                    it["environment"],
                    it["what"],
                    it["asked"][:19],
                    it["actor"],
                    it["plan"],
                    it["run"],
                )
                for it in rows
            ],
            empty="nothing waits for an approval",
            wide=output is Output.wide,
        )


def add_to(app: typer.Typer) -> None:
    """Put these commands on the command line."""
    app.command()(approve)
    app.command()(reject)
