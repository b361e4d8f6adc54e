"""Runs that died: restarted by reconcile, so that nobody has to look, or ended with the reason."""

from __future__ import annotations

from typing import Any

from headway.domain.config.reading import Config
from headway.domain.releases.ledger import Entry, new_release_id
from headway.operations.connections import Connections
from headway.operations.notices.unfinished import notify_dead_run
from headway.runtime.steps import bury, dead_runs, give_up, log, restart
from headway.systems.prefect.api import CANCELLED, DeadRun

ATTEMPTS = 3
"""How often a run that dies is started in all."""


def restart_dead(connections: Connections, config: Config) -> None:
    """Restart runs that died before their end. Each finds what it did, and goes on from there.

    What is older than the environment's last change is over: what people have done since must not be undone by it.
    """
    for run in dead_runs(config.app):
        if run.cancelled:
            # Who waits for its release is notified with those of all runs that were cancelled.
            log(f"{run.name} was cancelled before it died")
            bury(run, CANCELLED)
        elif run.attempts >= ATTEMPTS:
            died = f"its process died {run.attempts} times"
            log(f"{run.name}: {died}, and it is not restarted")
            notify_dead_run(connections, config, run, "rejected", died)
            give_up(run, f"{died}; its log says how far it came. What it had committed, reconcile finishes")
        elif newer := newer_change(connections, config, run):
            log(f"{run.name} died; {newer}")
            notify_dead_run(connections, config, run, "superseded", newer)
            bury(run, newer)
        else:
            log(f"{run.name} died; it is restarted")
            restart(
                run, f"its process died; restarted by reconcile, attempt {run.attempts + 1} of {ATTEMPTS}"
            )


def newer_change(connections: Connections, config: Config, run: DeadRun) -> str:
    """Return what changed a run's services after the run was asked for; empty where nothing did but itself.

    What is beside it, such as another service of the same environment, does not count.
    """
    name = str(run.parameters.get("environment") or "")
    environment = config.environments.get(name)
    if environment is None:
        return ""
    own = run.parameters.get("release_id") or new_release_id(run.asked, f"{run.run_id} {name}")
    services = services_of(run.parameters)
    for entry in connections.repo.ledger({name: config.place(name)}, since=run.asked):
        if entry.environment in ("", name) and entry.release_id != own and _touches(entry, services):
            return f"{name} has changed since by {entry.commit[:9]}, so it is superseded"
    return ""


def services_of(request: dict[str, Any]) -> set[str]:
    """Return the services that a request is about; none means all of them."""
    return {*request.get("services", ()), *(str(it.get("service")) for it in request.get("images", ()))}


def _touches(entry: Entry, services: set[str]) -> bool:
    """Return whether a commit changes one of these services; a person's own push may change any."""
    if entry.record is None:
        return True
    changed = {name for name, _, _ in entry.record.changes}
    return bool(changed) and (not services or bool(changed & services))
