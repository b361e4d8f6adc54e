"""The worker's command."""

from __future__ import annotations

from typing import Annotated

import typer


def worker(
    pool: Annotated[str, typer.Option("--pool", help="The work pool to serve.")] = "headway",
    name: Annotated[str, typer.Option("--name", help="This worker's name in the Prefect UI.")] = "",
    limit: Annotated[int, typer.Option("--limit", help="How many runs at the same time.", min=1)] = 10,
    query: Annotated[
        float, typer.Option("--query", help="Seconds between polls for new runs.", min=0.1)
    ] = 0.5,
    healthcheck: Annotated[
        bool,
        typer.Option("--with-healthcheck", help="Serve /health on port 8080, like Prefect's own worker."),
    ] = False,
) -> None:
    """Run flows from a Prefect work pool of the type process.

    A run starts within a second or two. `prefect worker start --pool headway` works too, but takes several seconds
    for each.

    Example: headway worker --name machine-1
    """
    import asyncio
    import os

    os.environ.setdefault("PREFECT_WORKER_QUERY_SECONDS", str(query))
    # A silent run counts as dead after 75 seconds: see deployments/automations.yaml.
    os.environ.setdefault("PREFECT_FLOWS_HEARTBEAT_FREQUENCY", "30")
    from headway.settings import Settings
    from headway.systems.machine.state_folder import writable
    from headway.worker.prefect_worker import serve

    # Each run would fail by it.
    writable(Settings().state)
    asyncio.run(serve(pool, name, limit, healthcheck=healthcheck))


def add_to(app: typer.Typer) -> None:
    """Put this command on the command line."""
    app.command()(worker)
