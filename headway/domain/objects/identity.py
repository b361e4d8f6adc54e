"""Names of Kubernetes objects, and who an object belongs to.

An object is the same whatever API version it is asked for in, so its name carries
the group and not the version.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

APP_LABEL = "headway.dev/app"
ENVIRONMENT_LABEL = "headway.dev/environment"
HOME_LABEL = "headway.dev/namespace"
MANAGER = "headway"
"""The field manager of everything that comes from the config repo."""


@dataclass(frozen=True, slots=True, order=True)
class ObjectId:
    """One object of one cluster; `namespace` is empty for an object that lives in none."""

    group: str
    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace} {self.kind}/{self.name}" if self.namespace else f"{self.kind}/{self.name}"

    def placed(self, namespace: str) -> ObjectId:
        """Return the same name in another namespace."""
        return ObjectId(self.group, self.kind, namespace, self.name)


@dataclass(frozen=True, slots=True)
class Owner:
    """The app and the environment that an object belongs to."""

    app: str
    environment: str

    def labels_at(self, home: str) -> dict[str, str]:
        """Return the labels that every applied object carries; pod templates never do.

        `home` is the environment's namespace. It is part of the name, so that two config
        repos that both call something shop/staging never prune each other.
        """
        labels = {APP_LABEL: self.app, ENVIRONMENT_LABEL: self.environment}
        return {**labels, HOME_LABEL: home} if home else labels

    def owns(self, labels: Mapping[str, str], home: str) -> bool:
        """Return whether an object with these labels belongs to this owner in this home."""
        return all(labels.get(key) == value for key, value in self.labels_at(home).items())

    def __str__(self) -> str:
        return f"{self.app}/{self.environment}"


def is_named(item: Mapping[str, Any], kind: str, name: str = "") -> bool:
    """Return whether an object is of a kind, which may carry its group as `Tenant.minio.min.io`, and has a name."""
    plain, _, group = kind.partition(".")
    version = str(item.get("apiVersion", ""))
    if plain != item.get("kind") or (group and group != version.rpartition("/")[0]):
        return False
    return not name or name == (item.get("metadata") or {}).get("name")


def selector(labels: Mapping[str, str]) -> str:
    """Write labels as the API's label selector."""
    return ",".join(f"{key}={value}" for key, value in labels.items())


def owner_of(labels: Mapping[str, str]) -> str:
    """Return whose an object is by its labels; empty for an object that is nobody's."""
    app, environment = labels.get(APP_LABEL), labels.get(ENVIRONMENT_LABEL)
    if not app and not environment:
        return ""
    home = labels.get(HOME_LABEL)
    return f"{app or '?'}/{environment or '?'}" + (f" in namespace {home}" if home else "")


def split_api_version(api_version: str) -> tuple[str, str]:
    """Split `apps/v1` into group and version; the core group is empty."""
    group, _, version = api_version.rpartition("/")
    return group, version


def id_of(item: Mapping[str, Any], namespace: str = "") -> ObjectId:
    """Return the id of a manifest's object; `namespace` fills in where it names none."""
    meta = item.get("metadata") or {}
    group, _ = split_api_version(str(item.get("apiVersion", "")))
    return ObjectId(
        group, str(item.get("kind", "")), meta.get("namespace") or namespace, meta.get("name", "")
    )
