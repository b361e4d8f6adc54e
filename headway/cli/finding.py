"""The commands that answer what developers ask most: where is my change, and why does this run here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from headway.cli.options import Environment, Format, OneService
from headway.cli.output import Output, out, print_json, print_table, styled

if TYPE_CHECKING:
    from headway.operations.where import Whereabouts

STYLES = {"here": "green", "newer": "green", "past": "yellow", "absent": "dim"}


def where(
    what: Annotated[
        str,
        typer.Argument(help="A commit of a source repo, a tag, or a digest.", metavar="COMMIT|TAG|DIGEST"),
    ],
    output: Format = Output.table,
) -> None:
    """Show where a commit or an image is, and what holds it back.

    Built or not, in which environments since when, and what keeps it from the others: a rule, a veto, a lock, a
    window, a soak time, or an approval.

    Example: headway where 1f3c9ab

    Example: headway where 1.4.2
    """
    from headway.operations.connections import Connections
    from headway.operations.where import where

    with Connections() as connections:
        found = where(connections, connections.at(connections.repo.fetch()), what)
    if output is Output.json:
        print_json([it.as_dict() for it in found])
        return
    for each in found:
        _print_where(each, wide=output is Output.wide)


def _print_where(found: Whereabouts, *, wide: bool) -> None:
    from headway.domain.releases.ledger import short_tag

    name = f"{found.service} {short_tag(found.image)}" if found.image else found.service
    out().print(f"{name}: {found.built}", style="bold")
    print_table(
        ("environment", "where it is"),
        [(it.environment, styled(it.said, STYLES[it.state])) for it in found.places],
        empty="no environment runs this service",
        wide=wide,
    )
    for place in found.places:
        for line in place.holds:
            out().print(f"{place.environment}: {line}", style="yellow")
        if place.ask:
            out().print(f"{place.environment}: {place.ask}")
    for note in found.notes:
        out().print(f"note: {note}", style="yellow")


def why(
    environment: Environment,
    service: OneService,
    output: Format = Output.table,
) -> None:
    """Show who brought what a service runs, and what comes next.

    Example: headway why production orders
    """
    from headway.operations.connections import Connections
    from headway.operations.why import why

    with Connections() as connections:
        found = why(connections, connections.at(connections.repo.fetch()), environment, service)
    if output is Output.json:
        print_json(found.as_dict())
        return
    for name, value in found.facts:
        out(wide=output is Output.wide).labelled(f"{name + ':':13}", value)


def add_to(app: typer.Typer) -> None:
    """Put these commands on the command line."""
    for command in (where, why):
        app.command()(command)
