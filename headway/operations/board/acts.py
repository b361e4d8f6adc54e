"""What the board does itself: locks and automation, which are commits of the config repo. The rest is a flow's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from headway.domain.config.reading import Config
from headway.operations import holds
from headway.operations.connections import Connections

KINDS = {"lock": "lock", "unlock": "lock", "automate": "policy"}


def change_holds(
    connections: Connections,
    verb: str,
    names: Sequence[str],
    service: str,
    actor: str,
    why: str,
    ends: Mapping[str, datetime | None],
) -> list[str]:
    """Lock, unlock or automate a service or the whole of environments; return the commits, none where that was so.

    `ends` are when locks end, by environment.
    """
    found = []
    for name in names:
        config = connections.config(connections.repo.head)
        what = f"{service} in {name}" if service else name
        if verb == "lock":
            what += holds.end_words(config, name, ends.get(name))
        commit = holds.change_holds(
            connections,
            name,
            service,
            kind=KINDS[verb],
            subject=f"{verb.capitalize()} {what}",
            why=why,
            actor=actor,
            change=_change(config, verb, name, service, actor, why, ends.get(name)),
        )
        found += [commit] if commit else []
    return found


def _change(
    config: Config, verb: str, name: str, service: str, actor: str, why: str, end: datetime | None
) -> holds.Change:
    if verb == "lock":
        return holds.lock(name, service, actor, why, end)
    if verb == "automate":
        return holds.automate(config, name, service, actor, why)
    return holds.unlock(name, service)
