"""What the files say the Prefect server should have, as plain data: prefect.yaml, pool.yaml, automations.yaml.

Nothing here talks to a server.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from headway.domain.config.reading import Config
from headway.domain.runs.deployments import deployment_of
from headway.errors import UsageError

HERE = Path(__file__).resolve().parent
PROJECT = next(
    (it for it in (Path("prefect.yaml"), HERE.parent / "prefect.yaml") if it.exists()), Path("prefect.yaml")
)
"""The file here, or the checkout's own."""


@dataclass(frozen=True)
class Wanted:
    """One deployment: its flow's name, its own, its entrypoint, and the other keys of prefect.yaml."""

    flow: str
    name: str
    entrypoint: str
    environment: str
    keys: dict[str, Any] = field(hash=False)

    @property
    def full_name(self) -> str:
        """Its name as Prefect shows it."""
        return f"{self.flow}/{self.name}"


def read_yaml(path: Path) -> Any:
    """Read a YAML file, or say what is wrong with it and where."""
    try:
        return yaml.safe_load(path.read_text())
    except FileNotFoundError:
        raise UsageError(f"{path} is missing", hint="name another one with --file") from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        at = f"{path}:{mark.line + 1}:{mark.column + 1}" if mark else str(path)
        raise UsageError(f"{at}: {error.problem}") from None


def wanted_deployments(project: Any, config: Config | None, prefix: str = "") -> list[Wanted]:
    """Return every deployment there should be.

    With a configuration, a flow that has deployments for environments gets one for each
    environment of it, made after the first; without one, what stands in the file is taken as it is.
    """
    made: dict[str, Wanted] = {}
    for keys in project["deployments"]:
        wanted = _wanted(keys, "")
        if config is not None and wanted.environment:
            if any(it.flow == wanted.flow for it in made.values()):
                continue
            for name, environment in config.environments.items():
                if wanted.flow != "promote" or environment.promote_from is not None:
                    _add(made, _wanted(_for(keys, wanted.flow, wanted.environment, name), prefix))
        else:
            _add(made, _wanted(keys, prefix))
    return list(made.values())


def _add(made: dict[str, Wanted], wanted: Wanted) -> None:
    if wanted.full_name in made:
        raise UsageError(f"prefect.yaml has {wanted.full_name} twice")
    made[wanted.full_name] = wanted


def _wanted(keys: dict[str, Any], prefix: str) -> Wanted:
    entrypoint = str(keys.get("entrypoint", ""))
    module, _, function = entrypoint.partition(":")
    if not (module.startswith("headway.flows.") and function):
        raise UsageError(
            f"prefect.yaml: {keys.get('name')} has the entrypoint {entrypoint!r}",
            hint="headway.flows.FILE:FUNCTION is expected",
        )
    request = (keys.get("parameters") or {}).get("request") or {}
    flow = function.replace("_", "-")
    return Wanted(flow, prefix + str(keys["name"]), entrypoint, str(request.get("environment", "")), keys)


def _for(keys: dict[str, Any], flow: str, pattern: str, environment: str) -> dict[str, Any]:
    """Make a deployment for another environment after a pattern."""
    made = copy.deepcopy(keys)
    made["name"] = deployment_of(flow, environment, "")
    made["tags"] = [it.replace(f"environment:{pattern}", f"environment:{environment}") for it in made["tags"]]
    made["parameters"]["request"]["environment"] = environment
    return made
