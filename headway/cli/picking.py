"""The commands that explain picks: which tags there are, and what would be released now, and why."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from headway.cli import completing
from headway.cli.options import AnyEnvironment, Environment, Format, Limit, OneService
from headway.cli.output import Output, err, out, print_json, print_table, styled
from headway.errors import UsageError

STYLE = {
    "picked": "green", "runs": "bold", "eligible": "green", "older": "dim",
    "vetoed": "red", "blocked": "yellow", "refused": "red", "waits": "yellow",
}  # fmt: skip


def images(
    service: OneService,
    environment: AnyEnvironment = "",
    limit: Limit = 20,
    output: Format = Output.table,
) -> None:
    """List a service's tags, with why each is eligible or refused.

    Example: headway images frontend staging
    """
    from headway.domain.rules.picks import explain
    from headway.operations.connections import Connections
    from headway.operations.scan.scanning import scan

    with Connections() as connections:
        snapshot = connections.at(connections.repo.fetch())
        config = snapshot.config
        config.service(service)
        names = [it for it in config.chosen(*filter(None, [environment])) if config.rule(it, service)]
        if not names:
            raise UsageError(
                f"no rule says which tags of {service} may be released"
                + (f" to {environment}" if environment else ""),
                hint="add `tags` to the service or to an environment of headway.yaml",
            )
        found = scan(connections, snapshot, [(name, service) for name in names])
    if service in found.errors:
        raise found.errors[service]
    data: dict[str, Any] = {}
    for name in names:
        question, answer = found.questions.get((name, service)), found.answers.get((name, service))
        if question is None or answer is None:
            err().print(f"{name} does not run {service}", style="yellow", markup=False)
            continue
        rows = explain(question, answer, limit)
        data[name] = [{"tag": it.tag, "verdict": it.verdict, "reason": it.reason} for it in rows]
        if output is Output.table:
            rule = question.ranking.rule
            count = len(question.ranking.keys) + len(question.ranking.refused)
            out().print(
                f"{name}: {rule.words}, by {rule.order_words}; {count} tags", style="bold", markup=False
            )
            print_table(
                ("tag", "", "why"),
                [(it.tag, styled(it.verdict, STYLE[it.verdict]), it.reason) for it in rows],
                empty="the repository has no tags",
            )
    if output is Output.json:
        print_json(data)


def plan(
    environment: Environment,
    images: Annotated[
        list[str] | None,
        typer.Argument(
            help="Images to release; default: what the rules would pick now.",
            metavar="SERVICE=IMAGE",
            autocompletion=completing.images,
        ),
    ] = None,
    output: Format = Output.table,
) -> None:
    """Show what a release would change; change nothing.

    Without images, it shows what automation would release now, and why.

    Example: headway plan staging

    Example: headway plan staging frontend=sha-9ab2c41…
    """
    from headway.operations.connections import Connections

    if images:
        from headway.cli.sending import parse_images, run_plan

        run_plan(environment, parse_images(images), output)
        return
    from headway.operations.blocked import waits
    from headway.operations.preview import would_release

    with Connections() as connections:
        snapshot = connections.at(connections.repo.fetch())
        snapshot.rules(environment)
        now = datetime.now(UTC)
        rows = would_release(connections, snapshot, environment, now)
        held = waits(connections, snapshot, environment, now)
    if output is Output.json:
        print_json({"environment": environment, "services": rows, "waits": held})
        return
    print_table(
        ("service", "runs", "would get", "by", "why"),
        [(it["service"], it["runs"], it["picked"] or "-", it["release"], it["why"]) for it in rows],
        empty=f"no rule says what may be released to {environment}",
    )
    for line in held:
        out().print(line, style="yellow", markup=False)


def add_to(app: typer.Typer) -> None:
    """Put these commands on the command line."""
    app.command()(images)
    app.command()(plan)
