"""What to tell the Prefect server, as the bodies of its API, worked out from the files."""

from __future__ import annotations

import copy
import importlib
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from deployments.files import Wanted
from deployments.forms import chosen_from
from headway.domain.config import Config
from headway.errors import UsageError
from headway.settings import Settings


def desired_pool(pool: dict[str, Any]) -> dict[str, Any]:
    """Give the work pool, with the environment that each run gets as the default of its template."""
    template = copy.deepcopy(pool.get("base_job_template"))
    if template is None:
        from prefect.workers.process import ProcessWorker

        template = ProcessWorker.get_default_base_job_template()
    template["variables"]["properties"]["env"]["default"] = pool["env"]
    kept = {key: pool[key] for key in ("name", "type", "description", "concurrency_limit")}
    return {**kept, "base_job_template": template}


def desired_deployment(
    wanted: Wanted, config: Config | None, settings: Settings, pool: str
) -> dict[str, Any]:
    """Give one deployment in a work pool, with its form."""
    keys = wanted.keys
    schema = _schema(wanted.entrypoint)
    limit = keys.get("concurrency_limit") or {}
    tags = [*keys["tags"], *([f"app:{config.app}"] if config is not None else [])]
    return {
        "name": wanted.name,
        "entrypoint": wanted.entrypoint,
        "description": keys["description"],
        "tags": tags,
        "parameters": keys.get("parameters", {}),
        "parameter_openapi_schema": chosen_from(schema, config, wanted.environment) if config else schema,
        "enforce_parameter_schema": True,
        "work_pool_name": pool,
        "pull_steps": [],
        "job_variables": {"env": _environment(settings)} if settings.deployments else {},
        "concurrency_limit": limit.get("limit"),
        "concurrency_options": {"collision_strategy": limit["collision_strategy"]} if limit else None,
        "schedules": [
            {
                "schedule": {"interval": float(it["interval"])},
                "slug": it["slug"],
                "parameters": it["parameters"],
            }
            for it in keys.get("schedules", ())
        ],
    }


def desired_automation(
    automation: dict[str, Any], tag: str, pool: dict[str, Any], id_of: Callable[[str], str]
) -> dict[str, Any]:
    """Give one automation for the runs with `tag`, and with one of its own tags where it has any.

    `id_of` gives the ids of the deployments that its actions start.
    """
    actions = [
        {**{key: value for key, value in it.items() if key != "deployment"}, "deployment_id": id_of(name)}
        if (name := it.get("deployment"))
        else it
        for it in automation["actions"]
    ]
    related: list[dict[str, Any]] = [
        {"prefect.resource.role": "tag", "prefect.resource.id": [f"prefect.tag.{it}" for it in names]}
        for names in ([tag], automation.get("tags"))
        if names
    ]
    trigger = {**automation["trigger"], "match_related": related}
    if "prefect.flow-run.Pending" in trigger.get("after", ()):
        trigger["within"] = pool.get("starts_within", trigger["within"])
    made = {key: value for key, value in automation.items() if key != "tags"}
    return {**made, "trigger": trigger, "actions": actions}


def _schema(entrypoint: str) -> dict[str, Any]:
    from prefect.utilities.callables import parameter_schema

    module, _, function = entrypoint.partition(":")
    flow = getattr(importlib.import_module(module), function)
    made: dict[str, Any] = parameter_schema(flow).model_dump_for_openapi()
    return made


def _environment(settings: Settings) -> dict[str, str]:
    """Say which config repo a run is for, where one worker serves several."""
    if urlsplit(settings.repo).password:
        raise UsageError(
            "HEADWAY_REPO holds a password, which would be shown in the Prefect UI",
            hint="give it to Git's credential helper on the worker, and leave it out of the URL",
        )
    return {
        "HEADWAY_REPO": settings.repo,
        "HEADWAY_BRANCH": settings.branch,
        "HEADWAY_DEPLOYMENTS": settings.deployments,
    }
