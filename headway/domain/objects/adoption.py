"""Whether an object that is in the cluster already may be taken over.

What headway did not apply it does not touch unasked: an object without its mark was made
by somebody, who may not know of the config repo, and would lose it when it leaves the repo.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from headway.domain.objects.fields import applied_entry
from headway.domain.objects.identity import ObjectId, Owner, owner_of
from headway.domain.objects.managers import makers, named_in

_MADE_BY_THE_CLUSTER = frozenset({("", "ServiceAccount", "default"), ("", "ConfigMap", "kube-root-ca.crt")})
"""What each namespace gets by itself; made again when it is deleted."""


def belongs_to_another(meta: Mapping[str, Any], owner: Owner, home: str) -> str:
    """Return which application and environment an object belongs to; empty where that is this one, or none."""
    labels = meta.get("labels") or {}
    return "" if owner.owns(labels, home) else owner_of(labels)


def made_by_others(identity: ObjectId, meta: Mapping[str, Any], home: str) -> str:
    """Return who made an object that headway never applied; empty where it may be applied as it is.

    It may where headway marked or applied it, and where it is the environment's own namespace
    or something that the cluster puts into each one.
    """
    if owner_of(meta.get("labels") or {}) or applied_entry(meta) is not None:
        return ""
    if (identity.group, identity.kind, identity.name) in _MADE_BY_THE_CLUSTER:
        return ""
    if (identity.group, identity.kind, identity.name) == ("", "Namespace", home):
        return ""
    return ", ".join(makers(meta)) or "somebody"


def asked_for(meta: Mapping[str, Any], takeover: Iterable[str]) -> bool:
    """Return whether `takeover` of headway.yaml names one of those who made an object."""
    names = list(takeover)
    return any(named_in(manager, names) for manager in makers(meta))
