"""What to tell the Prefect server, as the bodies of its API, worked out from the files."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from headway.deployments.files import Wanted
from headway.deployments.forms import chosen_from, with_reason
from headway.deployments.owner import MADE, TAG, Owner
from headway.domain.config.reading import Config
from headway.domain.runs.background import PEOPLE
from headway.errors import UsageError
from headway.flows import flow_named
from headway.requests import RollbackRequest
from headway.settings import Settings


def desired_pool(pool: dict[str, Any]) -> dict[str, Any]:
    """Return the work pool, with the environment that each run gets as the default of its template."""
    template = copy.deepcopy(pool.get("base_job_template"))
    if template is None:
        from prefect.workers.process import ProcessWorker

        template = ProcessWorker.get_default_base_job_template()
    template["variables"]["properties"]["env"]["default"] = pool["env"]
    kept = {key: pool[key] for key in ("name", "type", "description", "concurrency_limit")}
    return {**kept, "base_job_template": template}


def desired_deployment(
    wanted: Wanted, config: Config | None, settings: Settings, owner: Owner, pool: str, version: str = ""
) -> dict[str, Any]:
    """Return one deployment in a work pool, with its form, its version and its owner's marks."""
    keys = wanted.keys
    schema = _schema(wanted.entrypoint)
    if wanted.full_name.startswith("rollback/"):
        schema = with_reason(schema, RollbackRequest.__name__)
    limit = keys.get("concurrency_limit") or {}
    return {
        "name": wanted.name,
        "entrypoint": wanted.entrypoint,
        "version": version or None,
        "description": keys["description"],
        "tags": [*keys["tags"], *owner.tags],
        "labels": owner.label(wanted.full_name),
        "parameters": keys.get("parameters", {}),
        "parameter_openapi_schema": chosen_from(schema, config, wanted.environment) if config else schema,
        "enforce_parameter_schema": True,
        "work_pool_name": pool,
        "work_queue_name": (keys.get("work_pool") or {}).get("work_queue_name", PEOPLE),
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
    automation: dict[str, Any],
    owner: Owner,
    pool: dict[str, Any],
    id_of: Callable[[str], str],
    block: str = "",
) -> dict[str, Any]:
    """Return one automation for an owner's runs, and of those for the ones with one of its tags where it has any.

    `id_of` gives the ids of the deployments that its actions start, `block` is that of the block that alarms go to.
    """
    actions = []
    for each in automation["actions"]:
        action = dict(each)
        if name := action.pop("deployment", ""):
            action["deployment_id"] = id_of(name)
        if action.pop("block", ""):
            action["block_document_id"] = block
        actions.append(action)
    related: list[dict[str, Any]] = [
        {"prefect.resource.role": "tag", "prefect.resource.id": [f"prefect.tag.{it}" for it in names]}
        for names in (owner.tags or [TAG], automation.get("tags"))
        if names
    ]
    trigger = {**automation["trigger"], "match_related": related}
    if "prefect.flow-run.Pending" in trigger.get("after", ()):
        trigger["within"] = pool.get("starts_within", trigger["within"])
    return {
        **automation,
        "name": owner.beginning + automation["name"],
        "tags": [TAG, MADE, *owner.tags],
        "trigger": trigger,
        "actions": actions,
    }


def _schema(entrypoint: str) -> dict[str, Any]:
    from prefect.utilities.callables import parameter_schema

    name = entrypoint.partition(":")[2].replace("_", "-")
    made: dict[str, Any] = parameter_schema(flow_named(name)).model_dump_for_openapi()
    # Without it the server takes a parameter that the flow does not have, and the run crashes.
    return {**made, "additionalProperties": False}


def _environment(settings: Settings) -> dict[str, str]:
    """Return which config repo a run is for, where one worker serves several."""
    url = urlsplit(settings.repo)
    # Before the `@` of an HTTP URL a token may stand alone; SSH has only a user's name there.
    if url.password or (url.scheme in ("http", "https") and "@" in url.netloc):
        raise UsageError(
            "HEADWAY_REPO holds a login, which would be shown in the Prefect UI",
            hint="leave out what stands before the @, and give the login to the worker: "
            "in Git's credential helper, or in ~/.netrc",
        )
    return {
        "HEADWAY_REPO": settings.repo,
        "HEADWAY_BRANCH": settings.branch,
        "HEADWAY_DEPLOYMENTS": settings.deployments,
    }
