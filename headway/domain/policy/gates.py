"""Gates: what stands between a plan and its release, for people and for automation.

A lock, a veto, a freeze and a closed window hold back both; people may go past with force
and a reason. Undoing is held back by locks only: nobody should wait for Monday to roll back.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from headway.domain.config.reading import Config
from headway.domain.policy.holds import Holds
from headway.domain.releases.message import short_tag
from headway.domain.releases.plans import Change
from headway.domain.rules.windows import Opening, opening, parse_window


@dataclass(frozen=True, slots=True)
class Blocked:
    """Why something may not be released now; an empty `service` means the whole environment."""

    environment: str
    service: str
    kind: str
    why: str
    until: datetime | None = None

    def __str__(self) -> str:
        what = f"{self.service} in {self.environment}" if self.service else self.environment
        until = f"; opens {self.until:%Y-%m-%d %H:%M} UTC" if self.until else ""
        return f"{what} is {self.why}{until}"


def is_automatic(config: Config, holds: Holds, environment: str, service: str) -> bool:
    """Return whether a service is released by itself: an override, its own rule here, or the environment's."""
    override = holds.override_on(environment, service)
    rules = config.environments[environment]
    if rules.approvals:
        # Automation asks nobody, so what people must approve is theirs to start.
        return False
    if override is not None:
        return override.release == "automatic"
    rule = rules.services.get(service)
    return (rule.release if rule and rule.release else rules.release) == "automatic"


def opening_of(config: Config, environment: str, now: datetime) -> Opening:
    """Return whether an environment's windows and freezes let a release through now."""
    rules = config.environments[environment]
    return opening(map(parse_window, rules.windows), map(parse_window, rules.freezes), now)


def locks_on(holds: Holds, environment: str, services: Iterable[str]) -> list[Blocked]:
    """Return the locks on any of the services here, each once."""
    found: dict[str, Blocked] = {}
    for service in services:
        lock = holds.lock_on(environment, service)
        if lock is not None:
            found[lock.service] = Blocked(environment, lock.service, "locked", str(lock))
    return list(found.values())


def gates(
    config: Config, holds: Holds, environment: str, changes: Iterable[Change], now: datetime, *, undo: bool
) -> list[Blocked]:
    """Return everything that holds back a release of these changes; `undo` means a rollback."""
    changes = list(changes)
    blocked = locks_on(holds.at(now), environment, [it.service for it in changes])
    for change in changes:
        digest = change.new.digest
        veto = next((it for it in holds.vetoes_on(environment, change.service) if it.digest == digest), None)
        if veto is not None:
            said = f"vetoed at {digest.rpartition(':')[2][:12]}" + (f": {veto.why}" if veto.why else "")
            blocked.append(Blocked(environment, change.service, "vetoed", said))
    if not undo:
        blocked += vetoed_upstream(config, holds, environment, changes)
    if not undo and not (state := opening_of(config, environment, now)).open:
        blocked.append(Blocked(environment, "", "closed", state.why, state.until))
    return blocked


def vetoed_upstream(
    config: Config, holds: Holds, environment: str, changes: Iterable[Change]
) -> list[Blocked]:
    """Return the vetoes that the environments which this one is promoted from have on any of the changes."""
    blocked: dict[tuple[str, str], Blocked] = {}
    for change in changes:
        digest = change.new.digest
        for source in upstream(config, environment):
            veto = next((it for it in holds.vetoes_on(source, change.service) if it.digest == digest), None)
            if veto is not None:
                tag = change.new.tag or short_tag(change.new)
                said = f"vetoed in {source} at {tag}" + (f": {veto.why}" if veto.why else "")
                blocked.setdefault(
                    (change.service, digest), Blocked(environment, change.service, "vetoed upstream", said)
                )
    return list(blocked.values())


def upstream(config: Config, environment: str) -> tuple[str, ...]:
    """Return the environments that this one is promoted from: the nearest first, then what that one comes from."""
    found: dict[str, None] = {}
    source = config.environments[environment].promote_from
    while source is not None and source not in found:
        found[source] = None
        source = config.environments[source].promote_from
    return tuple(found)


def not_promoted(config: Config, environment: str, source: str = "") -> list[Blocked]:
    """Return what blocks a release to an environment that takes promotions only; `source` is a promotion's."""
    rules = config.environments[environment]
    if not rules.only_by_promotion or source == rules.promote_from:
        return []
    said = f"released only by promotion from {rules.promote_from}: `headway promote {environment}`"
    return [Blocked(environment, "", "only by promotion", said)]
