"""What the board does itself: locks, which are commits of the config repo. Everything else is a flow's."""

from __future__ import annotations

from collections.abc import Sequence

from headway.operations import holds
from headway.operations.connections import Connections


def change_lock(
    connections: Connections, verb: str, names: Sequence[str], service: str, actor: str, why: str
) -> list[str]:
    """Lock or unlock a service or the whole of environments; return the commits, none where that was so already."""
    found = []
    for name in names:
        change = holds.lock(name, service, actor, why) if verb == "lock" else holds.unlock(name, service)
        what = f"{service} in {name}" if service else name
        commit = holds.change_holds(
            connections,
            name,
            service,
            kind="lock",
            subject=f"{verb.capitalize()} {what}",
            why=why,
            actor=actor,
            change=change,
        )
        found += [commit] if commit else []
    return found
