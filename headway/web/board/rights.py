"""Whoever looks at the board, and what they may do: every route and every message asks this, and nothing else does."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from headway.domain.config.model import Role, Verb
from headway.domain.policy.roles import Denied, Identity, may, rights


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who asks, and the roles of headway.yaml as they are now; None where it has none."""

    who: Identity
    roles: Mapping[str, Role] | None

    @property
    def name(self) -> str:
        """The name that commits record."""
        return self.who.actor

    @property
    def sees_everything(self) -> bool:
        """Whether nothing of the board is kept from anybody."""
        return self.roles is None

    def denied(
        self, verb: Verb, environment: str, services: Collection[str] = (), *, force: bool = False
    ) -> Denied | None:
        """Return why they may not do something; None where they may. No services means all of the environment."""
        return may(self.roles, self.who, verb, environment, list(services), force=force)

    def may(self, verb: Verb, environment: str, services: Collection[str] = ()) -> bool:
        """Return whether they may do something."""
        return self.denied(verb, environment, services) is None

    def sees(self, environment: str, service: str = "") -> bool:
        """Return whether they may see a service, or an environment of which they see any service."""
        if self.sees_everything or service:
            return self.may("read", environment, [service] if service else ())
        return any(
            self.may("read", environment, [each])
            for role in (self.roles or {}).values()
            for each in role.services or [""]
        )

    def sees_all_of(self, environment: str, services: Collection[str]) -> bool:
        """Return whether they may see every one of some services."""
        return all(self.may("read", environment, [it]) for it in services)

    def rights(self, environment: str, service: str = "") -> frozenset[str]:
        """Return everything that they may do somewhere; a lock is taken away by the same right."""
        found: frozenset[str] = rights(self.roles, self.who, environment, service)
        return found
