"""The commands that hold back and let go: each is one commit of holds.yaml, made without Prefect."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from headway.cli import completing
from headway.cli.options import DryRun, Environment, OneService
from headway.cli.output import out
from headway.errors import UsageError

if TYPE_CHECKING:
    from headway.domain.config.reading import Config
    from headway.operations import holds as holding

Service = Annotated[
    str,
    typer.Argument(
        help="A service; default: the whole environment.",
        metavar="SERVICE",
        autocompletion=completing.services,
    ),
]
Reason = Annotated[
    str,
    typer.Option("--reason", "-m", help="Why; recorded in the commit. Required; a terminal prompts for it."),
]
Image = Annotated[
    str,
    typer.Argument(
        help="A tag, a digest or a reference; default: the current image in the repo.", metavar="IMAGE"
    ),
]


def lock(
    environment: Environment,
    service: Service = "",
    reason: Reason = "",
    until: Annotated[
        str,
        typer.Option(
            "--until",
            help="When it ends by itself, in the environment's time zone: 2h, 17:00, 'Fri 17:00', "
            "'2026-11-27 17:00', 2026-11-27T17:00Z. Default: when somebody unlocks it.",
        ),
    ] = "",
    dry_run: DryRun = False,
) -> None:
    """Block every release here, unless forced with a reason.

    Manual releases are blocked too, unless --force and --reason are given. The environment's time zone is that of its
    first window or freeze, or else UTC.

    Example: headway lock production users --until "Fri 17:00" --reason migration
    """
    from datetime import UTC, datetime

    now = datetime.now(UTC)
    _change(
        environment, service, "lock", "Lock", reason, dry_run,
        lambda it, config, who, why: it.lock(
            environment, service, who, why, it.end_of(config, environment, until, now)
        ),
        more=lambda it, config: it.end_words(config, environment, it.end_of(config, environment, until, now)),
    )  # fmt: skip


def unlock(
    environment: Environment, service: Service = "", reason: Reason = "", dry_run: DryRun = False
) -> None:
    """Remove a lock.

    Example: headway unlock production users --reason "the migration is done"
    """
    _change(
        environment,
        service,
        "lock",
        "Unlock",
        reason,
        dry_run,
        lambda it, config, who, why: it.unlock(environment, service),
    )


def automate(
    environment: Environment, service: Service = "", reason: Reason = "", dry_run: DryRun = False
) -> None:
    """Let automation release here, whatever headway.yaml says.

    Also ends holds left by a person who chose an older image, by a release or in Git. Vetoes by people and vetoes
    after failures and rollbacks stay, until `headway unveto`.

    Example: headway automate staging orders --reason "debugged"
    """
    _change(
        environment, service, "policy", "Automate", reason, dry_run,
        lambda it, config, who, why: it.automate(config, environment, service, who, why),
        lambda it, config: it.can_be_automatic(config, environment, service),
    )  # fmt: skip


def deautomate(
    environment: Environment, service: Service = "", reason: Reason = "", dry_run: DryRun = False
) -> None:
    """Stop automation from releasing here; people still can.

    Example: headway deautomate staging orders --reason debugging
    """
    _change(
        environment, service, "policy", "Deautomate", reason, dry_run,
        lambda it, config, who, why: it.override(environment, service, "manual", who, why),
    )  # fmt: skip


def veto(
    environment: Environment,
    service: OneService,
    image: Image = "",
    reason: Reason = "",
    dry_run: DryRun = False,
) -> None:
    """Veto an image: automation never releases it here.

    People can still release it with --force and --reason.

    Example: headway veto production orders 1.4.2 --reason "loses totals"
    """
    from headway.operations import holds as holding
    from headway.operations.connections import Connections

    with Connections() as connections:
        snapshot = connections.at(connections.repo.fetch())
        digest, tag = holding.digest_of(connections, snapshot, environment, service, image)
    subject = f"Veto {tag or digest[:19]} of"
    _change(
        environment, service, "policy", subject, reason, dry_run,
        lambda it, config, who, why: it.veto(environment, service, digest, tag, who, why),
    )  # fmt: skip


def unveto(
    environment: Environment,
    service: OneService,
    image: Annotated[
        str,
        typer.Argument(help="A tag, a digest or a reference; default: every vetoed image.", metavar="IMAGE"),
    ] = "",
    reason: Reason = "",
    dry_run: DryRun = False,
) -> None:
    """Remove a veto, so that automation may pick the image again.

    Example: headway unveto production orders 1.4.2 --reason "the totals were right"
    """
    digest, tag = "", ""
    if image:
        from headway.operations import holds as holding
        from headway.operations.connections import Connections

        with Connections() as connections:
            head = connections.repo.fetch()
            vetoes = connections.holds(head).vetoes_on(environment, service)
            found = next((it for it in vetoes if image in (it.tag, it.digest)), None)
            if found is not None:
                # The registry may no longer have it.
                digest, tag = found.digest, found.tag
            else:
                snapshot = connections.at(head)
                digest, tag = holding.digest_of(connections, snapshot, environment, service, image)
    subject = f"Unveto {tag or digest[:19] or 'every image'} of"
    _change(
        environment, service, "policy", subject, reason, dry_run,
        lambda it, config, who, why: it.unveto(environment, service, digest),
    )  # fmt: skip


def _change(
    environment: str,
    service: str,
    kind: str,
    verb: str,
    why: str,
    dry_run: bool,
    make: Callable[[Any, Config, str, str], holding.Change],
    check: Callable[[Any, Config], None] = lambda it, config: None,
    more: Callable[[Any, Config], str] = lambda it, config: "",
) -> None:
    """Change holds.yaml by what `make` gives, called with `headway.operations.holds`, headway.yaml, who asks, and why.

    `check` may refuse it for what headway.yaml says; what `more` returns is added to the commit's subject.
    """
    from headway.operations import holds as holding
    from headway.operations.connections import Connections

    if not why and sys.stdin.isatty() and not dry_run:
        why = typer.prompt("reason", err=True).strip()
    if not why and not dry_run:
        raise UsageError("a reason is required: it is recorded in the commit", hint='add --reason "…"')

    what = f"{service} in {environment}" if service else environment
    with Connections() as connections:
        config = connections.config(connections.repo.fetch())
        config.environment(environment)
        if service:
            config.service(service)
        check(holding, config)
        what += more(holding, config)
        actor = connections.settings.who()
        change = make(holding, config, actor, why)
        if dry_run:
            before = connections.holds(connections.repo.head)
            said = (
                "would be committed"
                if change(before).write() != before.write()
                else "holds.yaml says so already"
            )
            out().print(f"{verb} {what}: {said}")
            return
        commit = holding.change_holds(
            connections,
            environment,
            service,
            kind=kind,
            subject=f"{verb} {what}",
            why=why,
            actor=actor,
            change=change,
        )
    said = f"committed as {commit[:9]}" if commit else "holds.yaml says so already"
    out().print(f"{verb} {what}: {said}", style="bold")


def add_to(app: typer.Typer) -> None:
    """Put these commands on the command line."""
    for command in (lock, unlock, automate, deautomate, veto, unveto):
        app.command()(command)
