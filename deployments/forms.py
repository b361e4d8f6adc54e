"""Forms that a stranger understands: what headway.yaml names is chosen from a list, not typed.

Prefect's server checks a run's parameters against these schemas before the run exists, so a
service that is not there is refused with the name of the field.
"""

from __future__ import annotations

import copy
from typing import Any

from headway.domain.config.reading import Config


def with_reason(schema: dict[str, Any], model: str) -> dict[str, Any]:
    """Return a schema whose model needs a reason, so that one click (*Quick run*) does not start it.

    Prefect's server refuses a run without one before it exists, and names the field.
    """
    made = copy.deepcopy(schema)
    asked = made["definitions"][model]
    reason = asked["properties"]["reason"]
    reason.pop("default", None)
    reason |= {"minLength": 1, "description": "Required: why, in a sentence. It is recorded in the commit."}
    asked["required"] = [*asked.get("required", ()), "reason"]
    return made


def chosen_from(schema: dict[str, Any], config: Config, environment: str) -> dict[str, Any]:
    """Return a flow's parameter schema with the environments and services of a configuration to choose from.

    With an environment, it is the only one: the deployment is for that one alone.
    """
    made = copy.deepcopy(schema)
    environments = [environment] if environment else list(config.environments)
    for model in made.get("definitions", {}).values():
        fields = model.get("properties", {})
        for name, it in fields.items():
            if name == "environment":
                _choose(it, environments, optional="environment" not in model.get("required", ()))
            elif name == "environments":
                it["items"] = {"type": "string", "enum": list(config.environments)}
            elif name == "source" and "environment" in fields:
                _choose(it, list(config.environments), optional=True)
            elif name == "services":
                it["items"] = {"type": "string", "enum": list(config.services)}
            elif name == "service" and "environment" not in fields:
                _choose(it, list(config.services), optional=False)
        if environment and "environment" in fields:
            fields["environment"]["default"] = environment
    return made


def _choose(field: dict[str, Any], names: list[str], *, optional: bool) -> None:
    """Let a text field be one of some names, or empty where it may be."""
    field["enum"] = ["", *names] if optional else names
    for limit in ("minLength", "maxLength", "pattern"):
        field.pop(limit, None)
