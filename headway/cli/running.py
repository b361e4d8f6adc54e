"""How a command runs a flow: in Prefect by default, in this process with --local."""

from __future__ import annotations

import os
import uuid
from functools import partial
from typing import Any

from headway.cli.telling import Teller
from headway.domain.runs.deployments import deployment_of
from headway.domain.runs.endings import error_of
from headway.domain.runs.keys import key_of
from headway.requests import Request, as_form
from headway.runtime.interruption import run_elsewhere
from headway.settings import Settings


def run_flow(flow: str, request: Request, *, local: bool, wide: bool = False) -> dict[str, Any]:
    """Run a flow to its end and give its result; raise what it raised. `wide` tells everything that it says."""
    settings = Settings()
    if not request.actor:
        request = request.model_copy(update={"actor": settings.who()})
    if local or settings.local:
        return run_here(flow, request, wide=wide)
    return _run_there(flow, request, settings, wide=wide)


def run_here(flow: str, request: Request, *, wide: bool = False) -> dict[str, Any]:
    """Run a flow in this process, without a Prefect server and without importing Prefect."""
    os.environ["HEADWAY_LOCAL"] = "1"
    from headway.flows import flow_named
    from headway.runtime import local

    with Teller(wide=wide) as tell:
        local.listen(tell)
        try:
            result: dict[str, Any] = flow_named(flow)(request)
        finally:
            local.listen(None)
    return result


def _run_there(flow: str, request: Request, settings: Settings, *, wide: bool) -> dict[str, Any]:
    from headway.operations.connections import Connections
    from headway.systems.prefect.api import PrefectApi

    with (
        Teller(wide=wide) as tell,
        PrefectApi(settings.prefect_url(), local=True, tell=partial(tell, "log", "")) as api,
        Connections(settings) as connections,
    ):
        # Whoever gives the release an id may repeat the command. Several applications may share the server.
        once = () if request.release_id else (uuid.uuid4().hex,)
        key = key_of(flow, request.model_dump(mode="json"), ("cli", settings.deployments, *once))
        parameters = {"request": as_form(request)}
        name = deployment_of(flow, getattr(request, "environment", ""), settings.deployments)
        run_id = api.start(flow, name, parameters, key, ["cli"], connections.see_that_it_is_ours)
        page = settings.prefect_url().removesuffix("/api")
        tell("log", "", f"follow it in a browser too: {page}/runs/flow-run/{run_id}")
        with run_elsewhere(run_id):
            ended = api.follow(run_id, tell)
    if ended.kind != "COMPLETED":
        raise error_of(ended.name, ended.message)
    return {"flow_run": run_id, "state": ended.name}
