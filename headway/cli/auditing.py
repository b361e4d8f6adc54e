"""The command that shows who asked `headway serve` for what."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from headway.cli.options import AnyEnvironment, Format, Limit
from headway.cli.output import Output, print_json, print_table, styled

STYLES = {"allowed": "green", "denied": "red", "refused": "yellow", "failed": "red"}


def audit(
    environment: AnyEnvironment = "",
    who: Annotated[
        str, typer.Option("--who", help="Only by people and tokens whose name contains this.")
    ] = "",
    verb: Annotated[str, typer.Option("--verb", help="Only this, such as rollback or approve.")] = "",
    since: Annotated[
        str, typer.Option("--since", help="Only after this time: 2026-11-23T10:00, 12h, 7d.")
    ] = "",
    limit: Limit = 20,
    output: Format = Output.table,
) -> None:
    """List requests to `headway serve`, also those that were denied.

    Reads the file of that server (HEADWAY_AUDIT), so run it there. What was released is in `headway history`.

    Example: headway audit production --since 7d
    """
    from headway.domain.policy.audit import chosen
    from headway.domain.releases.ledger_filter import parse_time
    from headway.operations.audit import Audit
    from headway.settings import Settings

    start = parse_time(since, datetime.now(UTC)).strftime("%Y-%m-%dT%H:%M:%S") if since else ""
    acts = list(chosen(Audit(Settings()).acts(), environment=environment, who=who, verb=verb, since=start))
    found = acts[: -limit - 1 : -1] if limit else acts[::-1]
    if output is Output.json:
        print_json([it.as_dict() for it in found])
        return
    print_table(
        ("when", "who", "what", "environment", "services", "answer", "why"),
        [
            (
                it.at[:19].replace("T", " "),
                it.who,
                it.verb,
                it.environment or "all",
                ", ".join(it.services) or "all",
                styled(it.answer, STYLES.get(it.answer, "")),
                it.why,
            )
            for it in found
        ],
        empty="nobody asked for anything",
        wide=output is Output.wide,
    )


def add_to(app: typer.Typer) -> None:
    """Put this command on the command line."""
    app.command()(audit)
