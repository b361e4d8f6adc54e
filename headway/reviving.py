"""Whether a run that died may begin anew."""

from __future__ import annotations

from headway.connections import Connections
from headway.domain.config import Config
from headway.domain.history import new_release_id
from headway.systems.prefect_api import DeadRun


def newer_change(connections: Connections, config: Config, head: str, run: DeadRun) -> str:
    """Say what changed a run's environment after the run was asked for; empty where nothing did but itself."""
    name = str(run.parameters.get("environment") or "")
    place = config.environments.get(name)
    if place is None:
        return ""
    last = connections.repo.last_change(name, place.path, head)
    own = run.parameters.get("release_id") or new_release_id(run.asked, f"{run.run_id} {name}")
    if last.release_id == own or last.time <= run.asked:
        return ""
    return f"{name} has changed since by {last.commit[:9]}, so it is superseded"
