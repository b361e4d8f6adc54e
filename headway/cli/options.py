"""The options that several commands share, each written once."""

from __future__ import annotations

from typing import Annotated

import typer

from headway.cli.output import Output

Environment = Annotated[str, typer.Argument(help="An environment of headway.yaml.", metavar="ENV")]
AnyEnvironment = Annotated[
    str, typer.Argument(help="An environment of headway.yaml; all of them when left out.", metavar="[ENV]")
]
Local = Annotated[
    bool,
    typer.Option("--local", help="Run in this process, without Prefect: faster, and works when it is down."),
]
DryRun = Annotated[bool, typer.Option("--dry-run", "-n", help="Show what would be done, and change nothing.")]
Reason = Annotated[str, typer.Option("--reason", "-m", help="Why; it goes into the commit.")]
Force = Annotated[
    bool,
    typer.Option(
        "--force",
        help="Past a lock, a veto, a closed window, a tag rule, a missing approval, or what the cluster would "
        "refuse; needs --reason.",
    ),
]
Format = Annotated[Output, typer.Option("--output", "-o", help="How to print the result.")]
ReleaseId = Annotated[
    str, typer.Option("--release-id", help="Your own id: the same id never makes a second release.")
]
Limit = Annotated[int, typer.Option("--limit", help="How many, the newest first.", min=1)]
