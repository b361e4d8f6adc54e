"""The options that several commands share, each written once."""

from __future__ import annotations

from typing import Annotated

import typer

from headway.cli import completing
from headway.cli.output import Output

Environment = Annotated[
    str,
    typer.Argument(
        help="An environment of headway.yaml.", metavar="ENV", autocompletion=completing.environments
    ),
]
AnyEnvironment = Annotated[
    str,
    typer.Argument(
        help="An environment of headway.yaml; default: all.",
        metavar="ENV",
        autocompletion=completing.environments,
    ),
]
Local = Annotated[
    bool,
    typer.Option(
        "--local", help="Run in this process instead of on Prefect; works while the server is down."
    ),
]
DryRun = Annotated[bool, typer.Option("--dry-run", "-n", help="Show what would be done; change nothing.")]
Reason = Annotated[str, typer.Option("--reason", "-m", help="Why; recorded in the commit.")]
Force = Annotated[
    bool,
    typer.Option(
        "--force",
        help="Override locks, vetoes, windows, tag rules, missing approvals and a failed rehearsal on the "
        "cluster. Requires --reason.",
    ),
]
Format = Annotated[Output, typer.Option("--output", "-o", help="Output format; wide shortens nothing.")]
ReleaseId = Annotated[
    str,
    typer.Option(
        "--release-id", help="Your own id for this release: repeating it never makes a second release."
    ),
]
Limit = Annotated[int, typer.Option("--limit", help="How many to show, newest first.", min=1)]
Services = Annotated[
    list[str] | None,
    typer.Option(
        "--service",
        "-s",
        help="A service of headway.yaml; can be repeated.",
        autocompletion=completing.services,
    ),
]
OneService = Annotated[
    str,
    typer.Argument(help="A service of headway.yaml.", metavar="SERVICE", autocompletion=completing.services),
]
