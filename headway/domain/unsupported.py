"""Keys of headway.yaml that are read but not alive yet.

A key that is accepted and does nothing would be a promise broken in silence, so
each is refused by name. The list gets shorter as the features land.
"""

from __future__ import annotations

from headway.domain.config import Config
from headway.errors import Problem

_OF_AN_ENVIRONMENT = ("tags", "promote_from", "approvals", "windows", "freezes", "verify", "soak", "services")


def unsupported(config: Config) -> list[Problem]:
    """Name every key that headway could not keep yet."""
    places: list[tuple[str | int, ...]] = []
    for name, service in config.services.items():
        if service.tags is not None:
            places.append(("services", name, "tags"))
    for name, environment in config.environments.items():
        here = ("environments", name)
        if environment.release == "automatic":
            places.append((*here, "release"))
        places += [(*here, key) for key in _OF_AN_ENVIRONMENT if getattr(environment, key)]
    if config.document.notify is not None:
        places.append(("notify",))
    return [config.problem(place, f"{_said(place)} is not supported yet") for place in places]


def _said(place: tuple[str | int, ...]) -> str:
    return "release: automatic" if place[-1] == "release" else str(place[-1])
