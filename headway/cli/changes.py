"""The commands that change something: each runs one flow."""

from __future__ import annotations

from typing import Annotated

import typer

from headway.cli import completing
from headway.cli.options import (
    AnyEnvironment,
    DryRun,
    Environment,
    Force,
    Format,
    Local,
    Reason,
    ReleaseId,
    Services,
)
from headway.cli.output import Output
from headway.cli.sending import parse_images, send

Images = Annotated[
    list[str],
    typer.Argument(
        help="A service and its image: a tag, a digest or a full reference.",
        metavar="SERVICE=IMAGE",
        autocompletion=completing.images,
    ),
]
Ref = Annotated[str, typer.Option("--ref", help="Commit, tag or branch of the source repo.")]


def release(
    environment: Environment,
    images: Images,
    reason: Reason = "",
    no_hold: Annotated[
        bool,
        typer.Option("--no-hold", help="Let automation replace an older image at its next scan."),
    ] = False,
    pin_in: Annotated[
        str,
        typer.Option(
            "--pin-in",
            help="Add an entry for the image to this kustomization or values file of the config repo.",
            metavar="FILE",
        ),
    ] = "",
    force: Force = False,
    dry_run: DryRun = False,
    release_id: ReleaseId = "",
    local: Local = False,
    output: Format = Output.table,
) -> None:
    """Release images to one environment.

    All images go out as one release. In an automatic environment, if automation would pick a newer image, yours
    stays until an even newer one appears. With --no-hold, automation may replace it at once.

    Where the base of an overlay says the image for other environments too, a release is refused; with --pin-in, this
    environment gets an entry of its own.

    Example: headway release staging frontend=sha-9ab2c41… users=1.4.2
    """
    send(
        "release",
        local,
        output,
        environment=environment,
        images=parse_images(images),
        no_hold=no_hold,
        pin_in=pin_in,
        reason=reason,
        force=force,
        dry_run=dry_run,
        release_id=release_id,
    )


def promote(
    environment: Environment,
    services: Services = None,
    source: Annotated[
        str,
        typer.Option(
            "--from",
            help="The environment to promote from; default: promote_from.",
            autocompletion=completing.environments,
        ),
    ] = "",
    reason: Reason = "",
    force: Force = False,
    dry_run: DryRun = False,
    release_id: ReleaseId = "",
    local: Local = False,
    output: Format = Output.table,
) -> None:
    """Release what is live and verified in the previous environment.

    Example: headway promote production
    """
    send(
        "promote",
        local,
        output,
        environment=environment,
        services=services or [],
        source=source,
        reason=reason,
        force=force,
        dry_run=dry_run,
        release_id=release_id,
    )


def watch(
    environments: Annotated[
        list[str] | None,
        typer.Argument(help="Environments to scan for; default: all.", metavar="ENV"),
    ] = None,
    dry_run: DryRun = False,
    local: Local = False,
    output: Format = Output.table,
) -> None:
    """Scan the registries once and release what the rules pick.

    Only automatic environments get releases: one commit for each.

    Example: headway watch --dry-run
    """
    send("watch-registry", local, output, environments=environments or [], dry_run=dry_run)


def rollback(
    environment: Environment,
    services: Services = None,
    to: Annotated[
        str,
        typer.Option(
            "--to",
            help="A release id, a commit, or a time: 2026-11-23T10:00 (UTC), 90m, 2d.",
            autocompletion=completing.releases,
        ),
    ] = "",
    reason: Reason = "",
    force: Annotated[
        bool,
        typer.Option(
            "--force",
            help="Override locks and vetoes, and a missing image in the registry. Requires --reason.",
        ),
    ] = False,
    dry_run: DryRun = False,
    release_id: ReleaseId = "",
    local: Local = False,
    output: Format = Output.table,
) -> None:
    """Return an environment to images that were live before.

    Nothing is built. The images that are rolled back are vetoed, so automation does not release them again.

    Example: headway rollback production -m "wrong totals"
    """
    send(
        "rollback",
        local,
        output,
        environment=environment,
        services=services or [],
        to=to,
        reason=reason,
        force=force,
        dry_run=dry_run,
        release_id=release_id,
    )


def reconcile(
    environment: AnyEnvironment = "",
    adopt: Annotated[
        bool,
        typer.Option(
            "--adopt", help="Take over objects in the repo that another tool created: `diff` lists them."
        ),
    ] = False,
    force: Annotated[
        bool,
        typer.Option(
            "--force", help="Also apply a push that goes back to an older image. Requires --reason."
        ),
    ] = False,
    reason: Reason = "",
    dry_run: DryRun = False,
    local: Local = False,
    output: Format = Output.table,
) -> None:
    """Make the cluster match the config repo.

    Corrects drift, prunes what left the repo, and finishes unfinished releases.

    Example: headway reconcile staging
    """
    send(
        "reconcile",
        local,
        output,
        environment=environment,
        adopt=adopt,
        force=force,
        reason=reason,
        dry_run=dry_run,
    )


def rebuild(
    environments: Annotated[
        list[str] | None,
        typer.Argument(help="Environments to restore; default: all.", metavar="ENV"),
    ] = None,
    revision: Annotated[
        str, typer.Option("--revision", help="A commit, branch or tag; default: what was live.")
    ] = "",
    dry_run: DryRun = False,
    local: Local = False,
    output: Format = Output.table,
) -> None:
    """Restore an empty cluster from the config repo.

    At the end, every object and digest is compared with the repo.

    Example: headway rebuild
    """
    send(
        "rebuild",
        local,
        output,
        environments=environments or [],
        revision=revision,
        dry_run=dry_run,
    )


def build(
    services: Annotated[
        list[str] | None,
        typer.Argument(help="Services to build; default: all with a source.", metavar="SERVICE"),
    ] = None,
    ref: Ref = "",
    dry_run: DryRun = False,
    local: Local = False,
    output: Format = Output.table,
) -> None:
    """Build images at a commit and push them.

    Images that are already in the registry are not built again.

    Example: headway build frontend --ref 9ab2c41
    """
    send("build-images", local, output, services=services or [], ref=ref, dry_run=dry_run)


def deliver(
    environment: Environment,
    services: Services = None,
    ref: Ref = "",
    reason: Reason = "",
    force: Force = False,
    dry_run: DryRun = False,
    release_id: ReleaseId = "",
    local: Local = False,
    output: Format = Output.table,
) -> None:
    """Build images at a commit, push them, and release them.

    Example: headway deliver staging --service frontend --ref 9ab2c41
    """
    send(
        "deliver",
        local,
        output,
        environment=environment,
        services=services or [],
        ref=ref,
        reason=reason,
        force=force,
        dry_run=dry_run,
        release_id=release_id,
    )


def set_image(
    service: Annotated[
        str, typer.Argument(help="An image repository, or a service with --env.", metavar="SERVICE")
    ],
    image: Annotated[str, typer.Argument(help="A tag, a digest or a full reference.", metavar="IMAGE")],
    environment: Annotated[str, typer.Option("--env", "-e", help="An environment of headway.yaml.")] = "",
    namespace: Annotated[
        str, typer.Option("--namespace", help="The namespace, if there is no config repo.")
    ] = "",
    context: Annotated[str, typer.Option("--context", help="The kubeconfig context.")] = "",
    dry_run: DryRun = False,
    local: Local = False,
    output: Format = Output.table,
) -> None:
    """Change a running workload's image, without a config repo.

    Example: headway set-image registry.example.com/web 1.4.2 --namespace web
    """
    send(
        "set-image",
        local,
        output,
        service=service,
        image=image,
        environment=environment,
        namespace=namespace,
        context=context,
        dry_run=dry_run,
    )


def add_to(app: typer.Typer) -> None:
    """Put these commands on the command line."""
    for command in (release, promote, rollback, watch, build, deliver, reconcile, rebuild):
        app.command()(command)
    app.command("set-image")(set_image)
