"""The commands that read the ledger: what was released, how each release went, and how well it goes."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from headway.cli import completing
from headway.cli.options import AnyEnvironment, Format, Limit
from headway.cli.output import Output, out, print_json, print_table
from headway.domain.text.document import Line, Span
from headway.errors import UsageError

if TYPE_CHECKING:
    from headway.domain.releases.ledger import Entry

STATE_STYLE = {
    "live": "green",
    "applied": "yellow",
    "failed": "red",
    "rolled-back": "yellow",
    "superseded": "dim",
}
Service = Annotated[
    str, typer.Option("--service", "-s", help="Only this service.", autocompletion=completing.services)
]
Since = Annotated[str, typer.Option("--since", help="Only after this time: 2026-11-23T10:00, 12h, 7d.")]
Until = Annotated[str, typer.Option("--until", help="Only before this time.")]


def history(
    environment: AnyEnvironment = "",
    service: Service = "",
    kind: Annotated[
        list[str] | None,
        typer.Option(
            "--kind", "-k", help="release, promotion, rollback, lock, policy or push; may be repeated."
        ),
    ] = None,
    actor: Annotated[
        str, typer.Option("--actor", "-a", help="Only requests by this person or program.")
    ] = "",
    since: Since = "",
    until: Until = "",
    limit: Limit = 20,
    output: Format = Output.table,
) -> None:
    """List releases: who requested each, why, and how it ended.

    Example: headway history production --service orders --since 7d
    """
    from headway.domain.releases.ledger_filter import parse_time, selected
    from headway.operations.connections import Connections
    from headway.operations.pushes import services_pushed

    now = datetime.now(UTC)
    start, end = (parse_time(it, now) if it else None for it in (since, until))
    with Connections() as connections:
        repo = connections.repo
        snapshot = connections.at(repo.fetch())
        config = snapshot.config
        names = config.chosen(*filter(None, [environment]))
        if service:
            config.service(service)
        paths = {name: config.place(name) for name in names}
        found = selected(
            repo.ledger(paths, since=start),
            service=service,
            kinds=kind or (),
            actor=actor,
            since=start,
            until=end,
            pushed=partial(services_pushed, snapshot),
        )
        if environment:
            found = (it.of(environment) for it in found if environment in (it.environment, *it.environments))
        entries = list(itertools.islice(found, limit))
    if output is Output.json:
        print_json([it.as_dict() for it in entries])
        return
    print_table(
        ("when", "commit", "environment", "kind", "what", "who", "outcome"),
        [
            (
                it.time.strftime("%Y-%m-%d %H:%M:%S"),
                it.commit[:9],
                it.environment or ", ".join(it.environments),
                it.kind,
                it.what,
                _who(it),
                _ending(it),
            )
            for it in entries
        ],
        empty="no such release" if (service or kind or actor or since or until) else "no release yet",
        wide=output is Output.wide,
    )


def _who(entry: Entry) -> str:
    """Name who asked, and who approved it."""
    return entry.actor + (f", approved by {', '.join(entry.approvers)}" if entry.approvers else "")


def _ending(entry: Entry) -> Line:
    """Return how a commit ended; in each environment, where it changed several."""
    names = list(dict.fromkeys(it.environment for it in entry.outcomes if it.environment))
    found = [(name if len(names) > 1 else "", entry.of(name).state) for name in names or [""]]
    made: list[Span] = []
    for name, state in found:
        before = (", " if made else "") + (f"{name} " if name else "")
        made += [Span(before), Span(state, STATE_STYLE.get(state, ""))]
    return tuple(made)


def show(
    release: Annotated[
        str,
        typer.Argument(
            help="A release's id, or a commit.", metavar="RELEASE", autocompletion=completing.releases
        ),
    ],
    output: Format = Output.table,
) -> None:
    """Show one release: who, why, what changed, outcome and diff.

    Example: headway show 20261123T101502Z-7f3a
    """
    from headway.operations.connections import Connections
    from headway.operations.release_record import release_story

    with Connections() as connections:
        connections.repo.fetch()
        found = release_story(connections, release)
    if output is Output.json:
        print_json(found.as_dict())
        return
    # One release is shown whole.
    printed = out(wide=True)
    for name, value in found.facts:
        printed.labelled(f"{name + ':':13}", value)
    print_table(("service", "from", "to"), found.changes, empty="no image was changed", wide=True)
    print_table(
        ("state", "environment", "when", "seconds", "diagnosis"),
        [
            (it.state, it.environment, f"{it.at:%Y-%m-%d %H:%M:%S}", f"{it.seconds:.1f}", it.cause)
            for it in found.outcomes
        ],
        empty="no outcome is recorded yet",
        wide=True,
    )
    for line in found.diff.splitlines():
        style = {"+": "green", "-": "red", "@": "cyan"}.get(line[:1], "")
        printed.print(line, style=style)


def metrics(
    environment: AnyEnvironment = "",
    service: Service = "",
    since: Since = "30d",
    until: Until = "",
    output: Format = Output.table,
) -> None:
    """Show the four DORA metrics of each environment and service.

    They are computed from the config repo alone.

    Example: headway metrics production --since 90d
    """
    from headway.domain.releases.ledger_filter import parse_time
    from headway.operations.connections import Connections
    from headway.operations.metrics import measured, rows_for_people

    now = datetime.now(UTC)
    start, end = parse_time(since, now), parse_time(until, now) if until else now
    if start >= end:
        raise UsageError("the window ends before it begins", hint="--since comes before --until")
    with Connections() as connections:
        head = connections.repo.fetch()
        config = connections.config(head)
        names = config.chosen(*filter(None, [environment]))
        if service:
            config.service(service)
        services = [service] if service else list(config.services)
        rows = measured(connections, config, names, services, start, end)
    if service:
        rows = [it for it in rows if it.service == service]
    if output is Output.json:
        print_json(
            {"since": start.isoformat(), "until": end.isoformat(), "rows": [it.as_dict() for it in rows]}
        )
        return
    columns, cells = rows_for_people(rows)
    print_table(columns, cells, empty="nothing was deployed", wide=output is Output.wide)


def add_to(app: typer.Typer) -> None:
    """Put these commands on the command line."""
    for command in (history, show, metrics):
        app.command()(command)
