"""Gates: what stands between a plan and its release, for people and for automation.

A lock, a veto, a freeze and a closed window hold back both; people may go past with force
and a reason. Undoing is held back by locks only: nobody should wait for Monday to go back.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from headway.domain.config.reading import Config
from headway.domain.images.reference import ImageRef, InvalidImage
from headway.domain.policy.holds import Holds
from headway.domain.releases.plans import Change
from headway.domain.rules.windows import Opening, opening, parse_window


@dataclass(frozen=True, slots=True)
class Barred:
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
    """Say whether a service is released by itself: an override, its own rule here, or the environment's."""
    override = holds.override_on(environment, service)
    place = config.environments[environment]
    if place.approvals:
        # Automation asks nobody, so what people must approve is theirs to start.
        return False
    if override is not None:
        return override.release == "automatic"
    rule = place.services.get(service)
    return (rule.release if rule and rule.release else place.release) == "automatic"


def opening_of(config: Config, environment: str, now: datetime) -> Opening:
    """Say whether an environment's windows and freezes let a release through now."""
    place = config.environments[environment]
    return opening(map(parse_window, place.windows), map(parse_window, place.freezes), now)


def locks_on(holds: Holds, environment: str, services: Iterable[str]) -> list[Barred]:
    """Give the locks on any of the services here, each once."""
    found: dict[str, Barred] = {}
    for service in services:
        lock = holds.lock_on(environment, service)
        if lock is not None:
            said = f"locked by {lock.by or 'somebody'}" + (f": {lock.why}" if lock.why else "")
            found[lock.service] = Barred(environment, lock.service, "locked", said)
    return list(found.values())


def gates(
    config: Config, holds: Holds, environment: str, changes: Iterable[Change], now: datetime, *, undo: bool
) -> list[Barred]:
    """Give everything that holds back a release of these changes; `undo` means a rollback."""
    changes = list(changes)
    barred = locks_on(holds, environment, [it.service for it in changes])
    for change in changes:
        digest = change.digest
        veto = next((it for it in holds.vetoes_on(environment, change.service) if it.digest == digest), None)
        if veto is not None:
            said = f"vetoed at {change.new.rpartition(':')[2][:12]}" + (f": {veto.why}" if veto.why else "")
            barred.append(Barred(environment, change.service, "vetoed", said))
    if not undo:
        barred += vetoed_upstream(config, holds, environment, changes)
    if not undo and not (state := opening_of(config, environment, now)).open:
        barred.append(Barred(environment, "", "closed", state.why, state.until))
    return barred


def vetoed_upstream(
    config: Config, holds: Holds, environment: str, changes: Iterable[Change]
) -> list[Barred]:
    """Give the vetoes that the environments which this one is promoted from have on any of the changes."""
    barred: dict[tuple[str, str], Barred] = {}
    for change in changes:
        digest = change.digest
        for place in upstream(config, environment):
            veto = next((it for it in holds.vetoes_on(place, change.service) if it.digest == digest), None)
            if veto is not None:
                tag = change.new.partition("@")[0].rpartition(":")[2]
                said = f"vetoed in {place} at {tag}" + (f": {veto.why}" if veto.why else "")
                barred.setdefault(
                    (change.service, digest), Barred(environment, change.service, "vetoed upstream", said)
                )
    return list(barred.values())


def upstream(config: Config, environment: str) -> tuple[str, ...]:
    """Name the environments that this one is promoted from: the nearest first, then what that one comes from."""
    found: dict[str, None] = {}
    source = config.environments[environment].promote_from
    while source is not None and source not in found:
        found[source] = None
        source = config.environments[source].promote_from
    return tuple(found)


def not_promoted(config: Config, environment: str, source: str = "") -> list[Barred]:
    """Say that an environment takes promotions only; `source` is where a promotion comes from, if it is one."""
    place = config.environments[environment]
    if not place.only_by_promotion or source == place.promote_from:
        return []
    said = f"released only by promotion from {place.promote_from}: `headway promote {environment}`"
    return [Barred(environment, "", "only by promotion", said)]


def digest_in(image: str) -> str:
    """Give the digest that an image value pins; empty where it pins none."""
    try:
        return ImageRef.parse(image).digest or ""
    except InvalidImage:
        return ""
