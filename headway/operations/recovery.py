"""Whether a run that died may begin anew."""

from __future__ import annotations

from typing import Any

from headway.domain.config.reading import Config
from headway.domain.releases.ledger import Entry, new_release_id
from headway.operations.connections import Connections
from headway.systems.prefect.api import DeadRun


def newer_change(connections: Connections, config: Config, run: DeadRun) -> str:
    """Say what changed a run's services after the run was asked for; empty where nothing did but itself.

    What is beside it, such as another service of the same environment, does not count.
    """
    name = str(run.parameters.get("environment") or "")
    place = config.environments.get(name)
    if place is None:
        return ""
    own = run.parameters.get("release_id") or new_release_id(run.asked, f"{run.run_id} {name}")
    services = services_of(run.parameters)
    for entry in connections.repo.ledger({name: place.path}, since=run.asked):
        if entry.environment in ("", name) and entry.release_id != own and _touches(entry, services):
            return f"{name} has changed since by {entry.commit[:9]}, so it is superseded"
    return ""


def services_of(request: dict[str, Any]) -> set[str]:
    """Name the services that a request is about; none means all of them."""
    return {*request.get("services", ()), *(str(it.get("service")) for it in request.get("images", ()))}


def _touches(entry: Entry, services: set[str]) -> bool:
    """Say whether a commit changes one of these services; a person's own push may change any."""
    if entry.record is None:
        return True
    changed = {name for name, _, _ in entry.record.changes}
    return bool(changed) and (not services or bool(changed & services))
