"""The commands that explain picks: which images and tags there are, and what would be released now, and why."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from headway.cli import completing
from headway.cli.options import AnyEnvironment, Environment, Format, Limit
from headway.cli.output import Output, err, out, print_json, print_table, styled
from headway.errors import UsageError

if TYPE_CHECKING:
    from headway.operations.connections import Connections
    from headway.operations.snapshot import Snapshot

STYLE = {
    "picked": "green", "runs": "bold", "eligible": "green", "older": "dim",
    "vetoed": "red", "blocked": "yellow", "refused": "red", "waits": "yellow",
}  # fmt: skip


def images(
    name: Annotated[
        str,
        typer.Argument(
            help="A service, for its tags; an environment, for the images in it; default: all environments.",
            metavar="SERVICE|ENV",
            autocompletion=completing.services_and_environments,
        ),
    ] = "",
    environment: AnyEnvironment = "",
    limit: Limit = 20,
    output: Format = Output.table,
) -> None:
    """Explain a service's tags, or list an environment's images.

    Of a service: its tags, with why each is eligible or refused. Of an environment: every image in its files, with the
    service that has it or none, the file and line, and the tag rule that moves it.

    Example: headway images frontend staging

    Example: headway images staging
    """
    from headway.domain.config.positions import did_you_mean
    from headway.operations.connections import Connections

    with Connections() as connections:
        snapshot = connections.at(connections.repo.fetch())
        config = snapshot.config
        if name in config.services:
            data = _tags(connections, snapshot, name, environment, limit, output)
        elif name and (environment or name not in config.environments):
            known = [*config.services, *config.environments]
            raise UsageError(f"no service {name!r} in {config.file}{did_you_mean(name, known)}")
        else:
            data = _seen(snapshot, config.chosen(*filter(None, [name])), output)
    if output is Output.json:
        print_json(data)


def _seen(snapshot: Snapshot, names: list[str], output: Output) -> dict[str, Any]:
    """Print the images in environments' files; return them as data."""
    from headway.operations.images_seen import images_seen

    data: dict[str, Any] = {}
    for name in names:
        found = images_seen(snapshot, name)
        data[name] = [it.as_dict() for it in found]
        if output is Output.json:
            continue
        out().print(name, style="bold")
        print_table(
            ("service", "image", "where", "rule"),
            [
                (it.service or styled("no service", "yellow"), it.short, it.place, it.rule or "-")
                for it in found
            ],
            empty="its files say no image",
            wide=output is Output.wide,
        )
        blocked = [f"{it.place}: {it.obstacle}" for it in found if it.obstacle]
        for line in [*blocked, *snapshot.environment(name).unedited]:
            err().print(line, style="yellow")
    return data


def _tags(
    connections: Connections,
    snapshot: Snapshot,
    service: str,
    environment: str,
    limit: int,
    output: Output,
) -> dict[str, Any]:
    """Print a service's tags in each environment; return them as data."""
    from headway.domain.rules.picks import explain
    from headway.operations.scan.scanning import scan

    config = snapshot.config
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
            err().print(f"{name} does not run {service}", style="yellow")
            continue
        rows = explain(question, answer, limit)
        data[name] = [{"tag": it.tag, "verdict": it.verdict, "reason": it.reason} for it in rows]
        if output is not Output.json:
            rule = question.ranking.rule
            count = len(question.ranking.keys) + len(question.ranking.refused)
            out().print(f"{name}: {rule.words}, by {rule.order_words}; {count} tags", style="bold")
            print_table(
                ("tag", "", "why"),
                [(it.tag, styled(it.verdict, STYLE[it.verdict]), it.reason) for it in rows],
                empty="the repository has no tags",
                wide=output is Output.wide,
            )
    return data


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
        wide=output is Output.wide,
    )
    for line in held:
        out().print(line, style="yellow")


def add_to(app: typer.Typer) -> None:
    """Put these commands on the command line."""
    app.command()(images)
    app.command()(plan)
