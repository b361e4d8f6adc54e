"""What CI calls: one command that starts a delivery, waits, shows the log, and ends as the release ended."""

from __future__ import annotations

import os
from functools import partial
from typing import Annotated, Any

import typer

from headway.cli import completing
from headway.cli.options import DryRun, Format, Reason, Services
from headway.cli.output import Output, out, print_json, waits_for_server
from headway.errors import UsageError


def ci(
    environment: Annotated[
        str,
        typer.Argument(
            help="The environment to release to; without one, images are only built.", metavar="ENV"
        ),
    ] = "",
    images: Annotated[
        list[str] | None,
        typer.Argument(
            help="Images that CI has built; they are only released.",
            metavar="SERVICE=IMAGE",
            autocompletion=completing.images,
        ),
    ] = None,
    services: Services = None,
    ref: Annotated[
        str, typer.Option("--ref", help="The commit; default: the one that the CI system reports.")
    ] = "",
    again: Annotated[
        bool, typer.Option("--again", help="Start a new run, even if one for this commit exists.")
    ] = False,
    reason: Reason = "",
    dry_run: DryRun = False,
    output: Format = Output.table,
) -> None:
    """Deliver from CI: build or take images, release, wait, exit.

    Waits for the release, shows its log, and exits with its result.

    Safe to repeat: the same services and commit are one run, within a CI job and outside of any, unless you give
    --again. A branch or a tag is a new run each time. With HEADWAY_URL and HEADWAY_TOKEN, the call goes through
    headway's endpoint; otherwise to the Prefect server at PREFECT_API_URL.

    Pipelines finish in any order, so `ci` never holds newer images back: in an automatic environment, automation
    still releases anything newer. To stay on an older image, use `headway release`.

    Example: headway ci staging --service frontend --ref "$GITHUB_SHA"

    Example: headway ci staging frontend=1.4.2
    """
    import uuid

    from headway.cli.sending import parse_images
    from headway.cli.telling import Teller
    from headway.domain.runs.ci import job_of
    from headway.domain.runs.deployments import deployment_of
    from headway.domain.runs.endings import error_of
    from headway.domain.runs.keys import is_commit, key_of
    from headway.requests import BuildRequest, DeliverRequest, ReleaseRequest, Request
    from headway.runtime.interruption import run_elsewhere
    from headway.settings import Settings

    settings, job = Settings(), job_of(os.environ)
    fields: dict[str, Any] = {"reason": reason, "dry_run": dry_run}
    fields["actor"] = job.asked_by(settings.actor or job.person) or settings.who()
    request: Request
    if images:
        if services or ref:
            raise UsageError("--service and --ref say what to build, and these images are built already")
        flow, what = "release", " ".join(images)
        # What a pipeline brings is not what a person chose: it holds nothing newer back.
        request = ReleaseRequest(environment=environment, images=parse_images(images), no_hold=True, **fields)
        # Outside of a job nothing says whether a tag still means what it did at the last call.
        known = bool(job.number)
    else:
        what = ref or job.commit
        if not what:
            raise UsageError("which commit?", hint='give it with --ref "$(git rev-parse HEAD)"')
        # What a branch means changes, so only a whole commit can be known again.
        fields, known = {**fields, "services": services or [], "ref": what}, is_commit(what)
        flow, what = "deliver" if environment else "build-images", what[:12]
        request = DeliverRequest(environment=environment, **fields) if environment else BuildRequest(**fields)
    mark = job.mark if known and not again else (uuid.uuid4().hex,)
    # Prefect knows keys by their flow, which several applications may share.
    key = key_of(flow, request.model_dump(mode="json"), ("ci", settings.deployments, *mark))
    wide = output is Output.wide
    body = request.model_dump(mode="json", exclude_defaults=True)
    if settings.url:
        from headway.systems.prefect.endpoint import Endpoint

        with (
            Teller(wide=wide) as tell,
            Endpoint(settings.url, settings.token.get_secret_value(), partial(tell, "log", "")) as there,
        ):
            run, page = there.start(flow, body, key)
            tell("log", "", f"{flow} of {what}: {page}")
            with run_elsewhere(run):
                ended = there.follow(run, tell)
    else:
        from headway.operations.connections import Connections
        from headway.systems.prefect.api import PrefectApi

        with (
            Teller(wide=wide) as tell,
            PrefectApi(settings.prefect_url(), tell=waits_for_server) as api,
            Connections(settings) as connections,
        ):
            name = deployment_of(flow, getattr(request, "environment", ""), settings.deployments)
            run = api.start(flow, name, {"request": body}, key, ["ci"], connections.see_that_it_is_ours)
            page = settings.prefect_url().removesuffix("/api") + f"/runs/flow-run/{run}"
            tell("log", "", f"{flow} of {what}: {page}")
            with run_elsewhere(run):
                ended = api.follow(run, tell)
    if output is Output.json:
        print_json({"flow_run": run, "state": ended.name, "page": page})
    if ended.kind != "COMPLETED":
        raise error_of(ended.name, ended.message)
    if output is not Output.json:
        out().print(f"{flow}: {ended.name.lower()}", style="bold")


def token(
    name: Annotated[
        str, typer.Argument(help="A name, such as ci-orders; runs are tagged with it.", metavar="NAME")
    ],
    flows: Annotated[list[str], typer.Option("--flow", help="A flow it may start; can be repeated.")],
    environments: Annotated[
        list[str] | None,
        typer.Option("--environment", "-e", help="An environment it may release to; `*` means all."),
    ] = None,
    services: Services = None,
    force: Annotated[bool, typer.Option("--force", help="Allow it to use --force.")] = False,
) -> None:
    """Make a token for CI, and the line that lists its rights.

    The token is printed once and stored nowhere. The line goes into the file named by HEADWAY_TOKENS.

    Example: headway token ci-orders --flow deliver --environment staging --service orders
    """
    from pydantic import ValidationError

    from headway.cli.output import err
    from headway.domain.policy.tokens import Token, digest, new_token

    made = new_token()
    try:
        rights = Token(
            name=name,
            sha256=digest(made),
            flows=flows,  # type: ignore[arg-type]
            environments=environments or [],
            services=services or [],
            force=force,
        )
    except ValidationError as error:
        wrong = error.errors(include_url=False)[0]
        raise UsageError(f"{'.'.join(map(str, wrong['loc']))}: {wrong['msg']}") from None
    fields = rights.model_dump(exclude_defaults=True)
    line = ", ".join(f"{key}: {_written(value)}" for key, value in fields.items())
    err().print("Put this below `tokens:` in the file named by HEADWAY_TOKENS:\n", style="dim")
    err().print(f"- {{{line}}}\n")
    err().print("and give this to CI as HEADWAY_TOKEN; it is shown once:\n", style="dim")
    print(made)


def _written(value: object) -> str:
    if isinstance(value, list):
        return "[" + ", ".join(f'"{it}"' if it == "*" else str(it) for it in value) + "]"
    return str(value).lower() if isinstance(value, bool) else str(value)


def notify(
    test: Annotated[
        bool, typer.Option("--test", help="Send a test notification to everyone in headway.yaml.")
    ] = False,
    output: Format = Output.table,
) -> None:
    """Send overdue notifications; list what is still undelivered.

    Example: headway notify --test
    """
    from datetime import UTC, datetime

    from headway.cli.output import print_table
    from headway.domain.images.reference import Image
    from headway.domain.notifications.notices import Notice, recipients_of, stamp
    from headway.operations.connections import Connections

    now = datetime.now(UTC)
    with Connections() as connections:
        config = connections.config(connections.repo.fetch())
        if test:
            name = next(iter(config.environments))
            notice = Notice(
                f"{now:%Y%m%dT%H%M%SZ}-test", config.app, name, "release", "live",
                changes=tuple((it, Image("1.0.0"), Image("1.1.0")) for it in config.services),
                actor=connections.settings.who(), reason="a test: nothing was released", at=stamp(now),
            )  # fmt: skip
            connections.dispatcher.outbox.put(notice, recipients_of(config.document.notify, notice, now))
        sent = connections.dispatcher.deliver()
        waiting = connections.dispatcher.waiting()
    if output is Output.json:
        print_json(
            {
                "told": sent,
                "waiting": [dict(zip(("to", "release", "why"), it, strict=True)) for it in waiting],
            }
        )
        return
    print_table(
        ("to", "release", "why"),
        waiting,
        empty=f"{sent} delivered, nothing is waiting",
        wide=output is Output.wide,
    )


def add_to(app: typer.Typer) -> None:
    """Put these commands on the command line."""
    for command in (ci, token, notify):
        app.command()(command)
